// Package filling makes a large cache, to measure what size costs. It is no program, so that go install ./... installs
// cachex alone: scripts/bench/fill runs its test.
//
// It stores the results of `echo 0`, `echo 1` and so on in the working directory, as that many runs of cachex would
// have left them within the last twenty days: entries, records of commands, a journal. So each is a hit, as long as the
// limit has room for all: an entry takes about 8.3 KB on the disk, the record of its command included, which is 8 GB
// for a million.
package filling

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

const (
	maxSize = 100 << 30 // bytes; tables are as large as in any cache of more than 1 GiB
	span    = 20 * 24 * time.Hour
	old     = 40 * 24 * time.Hour
	took    = 120 * time.Millisecond
	logged  = 20_000 // runs in the journal; those before would have been folded
)

// Fill makes a cache of so many entries in a directory that is empty or not there. A share of them has lived for an
// hour, and has not been used for forty days.
func Fill(path string, entries int, expired float64) error {
	if entries < 1 || expired < 0 || expired > 1 {
		return errors.New("no such number of entries, or share of them")
	}
	f := &filling{entries: entries, expired: expired, begun: time.Now()}
	var err error
	if f.spec, err = echo(); err != nil {
		return err
	}
	f.dir, err = cachedir.Open(path, cachedir.Options{MaxSize: maxSize})
	if err != nil {
		return err
	}
	defer f.dir.Close()
	return f.fill()
}

// echo is what a run of echo depends on, but for its word.
func echo() (hashing.Spec, error) {
	wd, err := os.Getwd()
	if err != nil {
		return hashing.Spec{}, err
	}
	return hashing.Spec{Dir: wd, Environ: os.Environ()}, nil
}

// filling is the making of a cache.
type filling struct {
	dir     *cachedir.Dir
	spec    hashing.Spec
	entries int
	expired float64
	begun   time.Time
	done    atomic.Int64
}

// fill stores all entries, on all processors.
func (f *filling) fill() error {
	var all sync.WaitGroup
	failed := make(chan error, 1)
	for range runtime.NumCPU() {
		all.Go(func() {
			for {
				i := f.done.Add(1) - 1
				if i >= int64(f.entries) {
					return
				}
				if err := f.store(int(i)); err != nil {
					select {
					case failed <- err:
					default:
					}
					return
				}
				f.say(i)
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (f *filling) say(i int64) {
	if i%10_000 == 0 && i > 0 {
		fmt.Fprintf(os.Stderr, "%d of %d after %s\n", i, f.entries, time.Since(f.begun).Round(time.Second))
	}
}

// store stores the result of one command, as a run does.
func (f *filling) store(i int) error {
	spec := f.spec
	spec.Argv = []string{"echo", strconv.Itoa(i)}
	recipe, err := hashing.Capture(spec, f.dir.Digests())
	if err != nil {
		return err
	}
	pending, err := f.dir.Begin(cachedir.Run{Key: recipe.Key, Command: recipe.Command, Recipe: recipe.Text})
	if err != nil {
		return err
	}
	defer pending.Discard()
	if err := pending.Append(0, []byte(spec.Argv[1]+"\n")); err != nil {
		return err
	}
	isOld := rand.Float64() < f.expired
	left := 1 - float64(i+1)/float64(f.entries)
	ended := f.begun.Add(-time.Duration(left * float64(span)))
	m := cachedir.Meta{Ended: ended, TTL: -1, Family: "echo", Random: rand.Uint64(), UID: int64(os.Getuid())}
	if isOld {
		m.Ended, m.TTL = f.begun.Add(-old), time.Hour
	}
	m.Started = m.Ended.Add(-took)
	if err := pending.Commit(m); err != nil {
		return err
	}
	known := cachedir.CommandRun{Key: recipe.Key, Ended: m.Ended, Duration: took}
	if err := f.dir.NoteRun(recipe.Command, known); err != nil {
		return err
	}
	if err := f.log(i, ended); err != nil {
		return err
	}
	return f.age(recipe, m.Ended)
}

// log counts a run, if it is one of the last.
func (f *filling) log(i int, ended time.Time) error {
	if i < f.entries-logged {
		return nil
	}
	return f.dir.Journal.Log(stats.Record{
		Time: ended, Served: stats.Missed, Reason: stats.New, Bytes: 8, Spent: took, Family: "echo",
	})
}

// age gives the files of an entry the times that they would have.
func (f *filling) age(recipe hashing.Recipe, when time.Time) error {
	for kind, name := range map[string]string{"entries": recipe.Key.String(), "commands": recipe.Command.String()} {
		if err := os.Chtimes(filepath.Join(f.dir.Path(), "v1", kind, name[:2], name), when, when); err != nil {
			return err
		}
	}
	return nil
}
