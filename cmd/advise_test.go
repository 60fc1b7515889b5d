package cmd

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// happened is what a planted command did in the week, n times.
type happened struct {
	n        int
	served   stats.Served
	reason   stats.Reason
	compared stats.Compared
	regret   bool
}

func hits(n int) happened { return happened{n: n, served: stats.Hit} }

func runs(n int, reason stats.Reason, compared stats.Compared) happened {
	return happened{n: n, served: stats.Missed, reason: reason, compared: compared}
}

// planted is a command with what is to be said of it.
type planted struct {
	command   string
	took      time.Duration
	ttl       time.Duration // 0: nothing is stored
	notStored string
	week      []happened
	verdict   string
	why, flag string // what they must hold
}

const (
	forever = time.Duration(-1)
	none    = stats.NotCompared
	same    = stats.SameResult
	other   = stats.OtherResult
)

var week = []planted{
	// What is healthy is left alone.
	{
		"git log --stat", 2 * time.Second, 10 * time.Minute, "",
		[]happened{hits(180), runs(20, stats.Expired, other)},
		"keep", "180 of 200", "",
	},
	{
		"go vet ./...", 3 * time.Second, forever, "",
		[]happened{hits(50), runs(30, stats.Changed, other), runs(3, stats.Changed, same)},
		"keep", "", "",
	},
	{
		"gh api /user", 300 * time.Millisecond, time.Minute, "",
		[]happened{hits(400), runs(50, stats.Expired, same), runs(20, stats.Expired, other)},
		"keep", "", "",
	},
	{"df", 20 * time.Millisecond, time.Minute, "", []happened{hits(30), runs(60, stats.Expired, other)}, "keep", "", ""},
	{"make once", time.Minute, forever, "", []happened{runs(1, stats.New, none), hits(3)}, "keep", "too few", ""},
	{
		"quick thing", 50 * time.Millisecond, 0, "it took 50ms, less than --min-cost",
		[]happened{runs(40, stats.Uncacheable, same)},
		"keep", "as wished", "",
	},
	{
		"refreshed --seldom", time.Second, time.Hour, "",
		[]happened{hits(40), runs(4, stats.Forced, other)},
		"keep", "", "",
	},
	{
		"terraform plan", 9 * time.Second, forever, "",
		[]happened{hits(9), {1, stats.Missed, stats.Evicted, same, true}},
		"keep", "", "",
	},
	// What is not.
	{
		"echo hello", time.Millisecond, time.Hour, "",
		[]happened{hits(90), runs(10, stats.Expired, same)},
		"drop", "a run takes 1ms", "--min-cost 5ms",
	},
	{
		"go test ./...", 8 * time.Second, forever, "",
		[]happened{runs(1, stats.New, none), runs(39, stats.Changed, other)},
		"drop", "never answered from the cache in 40 runs; inputs changed 39 times", "",
	},
	{
		"uuidgen", 30 * time.Millisecond, time.Second, "",
		[]happened{runs(12, stats.Expired, other)},
		"drop", "not deterministic: 12 runs with the same inputs, 12 times another output", "",
	},
	{
		"sort --random-sort f", time.Second, forever, "",
		[]happened{hits(50), runs(2, stats.Verified, other), runs(3, stats.Verified, same)},
		"drop", "not deterministic: 5 hits verified, 2 times another output", "cachex inputs",
	},
	{
		"npm ls", time.Second, 0, "a process that the command left behind kept its output open",
		[]happened{runs(25, stats.Uncacheable, same)},
		"drop", "none of 25 results could be stored; the last: a process", "",
	},
	{
		"kubectl get crd", time.Second, 10 * time.Minute, "",
		[]happened{hits(100), runs(19, stats.Expired, same), runs(1, stats.Expired, other)},
		"longer ttl", "expired 20 times, 19 times the same output", "--ttl 50m instead of 10m",
	},
	{
		"terraform version", 400 * time.Millisecond, time.Minute, "",
		[]happened{{20, stats.Renewed, stats.Expired, same, false}, {20, stats.Stale, stats.Expired, none, false}},
		"longer ttl", "expired 20 times, 20 times", "--ttl 10m instead of 1m",
	},
	{
		"psql -c 'select 1'", time.Second, time.Hour, "",
		[]happened{hits(50), runs(9, stats.Forced, other), runs(1, stats.Forced, same)},
		"shorter ttl", "refreshed by hand 10 times, 9 times with another output", "--ttl 30m instead of 1h",
	},
	{
		"aws s3 ls", 4 * time.Second, 10 * time.Minute, "",
		[]happened{hits(20), runs(15, stats.Expired, other)},
		"stale", "callers waited 1m0s for 15 renewals", "--stale 10m",
	},
	{
		"cargo tree", time.Second, forever, "",
		[]happened{hits(50), runs(8, stats.Forced, other)},
		"name input", "refreshed by hand 8 times", "cachex inputs",
	},
	{
		"jq .version package.json", 100 * time.Millisecond, forever, "",
		[]happened{hits(5), runs(20, stats.Changed, same), runs(1, stats.Changed, other)},
		"name input", "inputs changed 21 times, 20 times without another output", "cachex why",
	},
	{
		"ffprobe film.mkv", 5 * time.Second, forever, "",
		[]happened{hits(10), {8, stats.Missed, stats.Evicted, same, true}},
		"max-size", "8 of 8 misses had been evicted less than 1h before", "",
	},
}

// Every verdict on a week of work is right, and none is given on what is healthy.
func TestAdviseWeek(t *testing.T) {
	place := filepath.Join(t.TempDir(), "c")
	end := time.Now()
	now := end.Add(-7 * 24 * time.Hour)
	dir, err := cachedir.Open(place, cachedir.Options{Now: func() time.Time { return now }})
	require.NoError(t, err)
	want := map[string]planted{}
	for _, p := range week {
		if p.ttl == 0 {
			want[strings.Fields(p.command)[0]+" (nothing is stored of it)"] = p
		} else {
			want[p.command] = p
		}
		plant(t, dir, p, &now)
	}
	for i := range 30 { // of many commands that ran once
		plant(t, dir, planted{
			command: fmt.Sprint("curl https://example.com/", i), took: time.Second,
			week: []happened{runs(1, stats.New, none)},
		}, &now)
	}
	dir.Close()
	want["curl (rare commands)"] = planted{verdict: "drop", why: "30 runs of commands that ran less than 5 times each"}

	var views []adviceView
	require.NoError(t, json.Unmarshal([]byte(said(t, place, "advise", "--format", "json")), &views))
	require.Len(t, views, len(want))
	for _, v := range views {
		p, ok := want[v.Command]
		require.True(t, ok, v.Command)
		require.Equal(t, p.verdict, v.Verdict, v)
		require.Contains(t, v.Why, p.why)
		if p.flag == "" && p.verdict != "max-size" {
			require.Empty(t, v.Flag, v)
		}
		require.Contains(t, v.Flag, p.flag)
	}
	require.Contains(t, said(t, place, "advise"),
		"  expired 20 times, 19 times the same output: --ttl 50m instead of 10m\n")
	require.Equal(t, "[]\n", said(t, place, "advise", "--since", "1ns", "--format", "json"))
}

// plant does in a week what a command did, and leaves what the last run of it has stored.
func plant(t *testing.T, dir *cachedir.Dir, p planted, now *time.Time) {
	begun := *now
	defer func() { *now = begun }()
	words := strings.Fields(strings.ReplaceAll(p.command, "'select 1'", "select_1"))
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "select_1", "select 1")
	}
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, words[0]), []byte("#!/bin/sh\n"), 0o755))
	recipe, err := hashing.Capture(hashing.Spec{Argv: words, Dir: bin, Environ: []string{"PATH=" + bin}}, nil)
	require.NoError(t, err)
	id := stats.CommandID(binary.LittleEndian.Uint64(recipe.Command[:]))
	total := 0
	for _, h := range p.week {
		total += h.n
	}
	for _, h := range p.week {
		for range h.n {
			*now = now.Add(7 * 24 * time.Hour / time.Duration(total+1))
			r := stats.Record{
				Time: *now, Served: h.served, Reason: h.reason, Family: words[0], Command: id, Compared: h.compared,
				Regret: h.regret, Bytes: 1000, Saved: p.took,
			}
			if h.served == stats.Missed || h.served == stats.Renewed {
				r.Spent, r.Saved = p.took, 0
			}
			require.NoError(t, dir.Journal.Log(r))
		}
	}
	if p.ttl != 0 {
		pending, err := dir.Begin(cachedir.Run{Key: recipe.Key, Command: recipe.Command, Recipe: recipe.Text})
		require.NoError(t, err)
		require.NoError(t, pending.Commit(cachedir.Meta{Started: now.Add(-p.took), Ended: *now, TTL: p.ttl}))
	}
	require.NoError(t, dir.NoteRun(recipe.Command, cachedir.CommandRun{Key: recipe.Key, NotStored: p.notStored}))
}

// said is what a command prints about a cache directory.
func said(t *testing.T, place string, args ...string) string {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer out.Close()
	t.Setenv("CACHEX_CACHE_DIR", place)
	t.Setenv("HOME", filepath.Dir(place))
	require.Zero(t, Main("cachex", args, os.Stdin, out, out))
	b, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	return string(b)
}
