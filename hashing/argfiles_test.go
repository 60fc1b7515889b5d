package hashing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func argNames(argv ...string) (names []string) {
	spec := Spec{Argv: argv, Environ: []string{"HOME=/home/me"}}
	for _, a := range ArgFiles(&spec) {
		names = append(names, a.Name)
	}
	return names
}

func TestArgFiles(t *testing.T) {
	for _, c := range []struct {
		argv, names []string
	}{
		{[]string{"python3"}, nil},
		{[]string{"python3", "m.py"}, []string{"m.py"}},
		{[]string{"curl", "--config=c", "-K", "d", "-x=y=z", "a=b", "--", "-", "-="}, []string{"c", "-K", "d", "y=z", "a=b", "--", "-"}},
		{[]string{"a", "", "b\x00c"}, nil},
		{[]string{"jq", ".", "f.json"}, []string{"f.json"}},
		{[]string{"grep", "x", "."}, []string{"x", "."}},
		{[]string{"/bin/sh", "-c", "cat f", "g"}, []string{"-c", "f", "g"}},
		{[]string{"bash", "-euo", "pipefail", "-c", "cat f"}, []string{"-euo", "pipefail", "-c", "f"}},
		{[]string{"bash", "script", "-c", "cat f"}, []string{"script", "-c", "cat f"}},
		{[]string{"env", "A=1", "timeout", "9", "sh", "-ec", "cat f"}, []string{"A=1", "timeout", "9", "sh", "-ec", "f"}},
		{[]string{"sh", "-c", "cat ~/f '~/g'"}, []string{"-c", "/home/me/f", "/home/me/g"}},
	} {
		require.Equal(t, c.names, argNames(c.argv...), "%q", c.argv)
	}
	require.Empty(t, ArgFiles(&Spec{Argv: []string{"a", "b"}, IgnoreWords: true}))
	require.Empty(t, ArgFiles(&Spec{Argv: []string{"a", "b"}, Name: "n"}))
}

func argSpec(t *testing.T, words ...string) (string, Spec) {
	dir, spec := here(t)
	spec.Argv = append(spec.Argv[:1:1], words...)
	return dir, spec
}

// TestArgFacts is the truth table of words: what a word names decides, not how it is written.
func TestArgFacts(t *testing.T) {
	dir, spec := argSpec(t, "f", "--conf=f", "none", "d", "none/x", strings.Repeat("x", 5000))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	put(t, dir, "f", "one")
	first := captured(t, spec)
	sum := DigestOf(t, "one")
	require.Equal(t, 1, strings.Count(string(first.Text), "arg 1 "+sum+"\n"), "%s", first.Text)
	require.Equal(t, 1, strings.Count(string(first.Text), "arg 2 "+sum+"\n"))
	require.Equal(t, 2, strings.Count(string(first.Text), "\narg "))

	put(t, dir, "d/new", "")
	require.NoError(t, os.Chtimes(filepath.Join(dir, "f"), time.Now(), time.Now().Add(-time.Hour)))
	require.Equal(t, first.Text, captured(t, spec).Text, "times, and what is in a directory")
	put(t, dir, "f", "two")
	second := captured(t, spec)
	require.NotEqual(t, first.Key, second.Key)
	require.Equal(t, first.Command, second.Command)
	require.Equal(t, []Change{{"arg", "1", "file f changed"}}, Diff(first.Text, second.Text)[:1])
	put(t, dir, "none", "")
	require.Equal(t, []Change{{"arg", "3", "file none appeared"}}, Diff(second.Text, captured(t, spec).Text))
	require.NoError(t, os.Remove(filepath.Join(dir, "none")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "none"), 0o755))
	require.Equal(t, second.Text, captured(t, spec).Text, "a directory, or nothing")

	spec.IgnoreWords = true
	require.NotContains(t, string(captured(t, spec).Text), "\narg ")
}

// DigestOf is how a recipe writes the digest of a content.
func DigestOf(t *testing.T, content string) string {
	t.Helper()
	dir := t.TempDir()
	d, err := DigestFile(put(t, dir, "x", content), nil)
	require.NoError(t, err)
	return string(appendSum(nil, d))
}

// A word that looks secret is nowhere in a recipe, nor in what is said of it; with a secret the digest is none that can
// be guessed.
func TestArgSecret(t *testing.T) {
	const word = "hunter2-a1b2c3d4e5f6a7b8"
	dir, spec := argSpec(t, "--password", word)
	put(t, dir, word, "one")
	first := captured(t, spec)
	put(t, dir, word, "two")
	second := captured(t, spec)
	require.NotEqual(t, first.Key, second.Key)
	require.NotContains(t, string(first.Text), "hunter2")
	require.Equal(t, "file that word 3 names changed", Diff(first.Text, second.Text)[0].Text)
	require.Equal(t, "a file that word 3 names", second.Args()[1].Show())
	_, ok := second.ArgNames()
	require.False(t, ok)

	spec.Secret = []byte("s")
	keyed := captured(t, spec)
	require.Contains(t, string(keyed.Text), "arg 2 hmac-sha256:")
	require.NotContains(t, string(keyed.Text), DigestOf(t, "two"))
}

func TestLoosen(t *testing.T) {
	dir, spec := argSpec(t, "log", "conf")
	put(t, dir, "log", "one\n")
	put(t, dir, "conf", "c")
	loose := func(r Recipe) Recipe { return r.Loosen(func(f ArgFile) bool { return f.Name == "log" }) }
	first := captured(t, spec)
	require.False(t, IsLoose(first.Text))
	require.True(t, IsLoose(loose(first).Text))
	put(t, dir, "log", "one\ntwo\n")
	second, err := Reword(first, spec, nil)
	require.NoError(t, err)
	require.Equal(t, captured(t, spec).Text, second.Text)
	require.NotEqual(t, first.Key, second.Key)
	require.Equal(t, loose(first).Key, loose(second).Key)
	require.NoError(t, first.SameButArgs(second))
	require.Equal(t, WithoutArgs(first.Text), WithoutArgs(second.Text))

	log, was := second.Args()[0], first.Args()[0]
	require.True(t, log.Grew(spec, was.Size(), was.Sum()))
	require.False(t, was.Grew(spec, log.Size(), log.Sum()))
	put(t, dir, "log", "two\nthree\n")
	require.False(t, captured(t, spec).Args()[0].Grew(spec, was.Size(), was.Sum()))

	put(t, dir, "conf", "d")
	require.NotEqual(t, loose(first).Key, loose(captured(t, spec)).Key)
	all := func(ArgFile) bool { return true }
	require.Equal(t, first.RestSum(all), captured(t, spec).RestSum(all))
}

func TestUncovered(t *testing.T) {
	dir, spec := argSpec(t, "x", "d/")
	put(t, dir, "d/sub/f", "")
	r := captured(t, spec)
	for pattern, covers := range map[string]bool{
		"d": true, "./d/": true, "d/**": true, "d/sub/*.go": true, "**/*.go": true, ".": true, "/": true, dir: true, "d/{a,b}": true, "e": false, "de": false, "e/**": false,
		Except("d", []string{"d/*.go"}): true, "@list": true, "@git:.": true, "@git:e": false, From("@git", dir+"/d"): true,
	} {
		_, found := r.Uncovered([]string{"other", pattern})
		require.Equal(t, !covers, found, pattern)
	}
	word, found := r.Uncovered(nil)
	require.True(t, found)
	require.Equal(t, "d/", word)
}
