//go:build unix

package cachedir

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	busyFor     = flag.Duration("busy", 0, "how long writers fill a cache that is full; 0: not at all")
	busyWriters = flag.Int("writers", 32, "how many there are")
)

const (
	busyLimit   = 64 << 20
	busyLargest = 300 << 10
)

// Writers that store without a pause pass the limit by no more than what is in flight, and none of them cleans for
// longer than it may. Each is a process, as it is in use: goroutines of one wait for each other for 10 ms. Where there
// are more of them than processors each waits for its turn, so the clock tells less than what a cleaning took of one.
// scripts/bench/writers runs it for a minute.
func TestBusyWriters(t *testing.T) {
	if *busyFor == 0 {
		t.Skip("takes a minute: scripts/bench/writers runs it")
	}
	if path := os.Getenv("BUSY_CACHE"); path != "" {
		storeUntil(t, path, os.Getenv("BUSY_WRITER"), time.Now().Add(*busyFor))
		return
	}
	path := filepath.Join(t.TempDir(), "cache")
	openAt(t, path, Options{MaxSize: busyLimit})
	writers := make([]*exec.Cmd, *busyWriters)
	outputs := make([]bytes.Buffer, *busyWriters)
	for w := range writers {
		c := exec.Command(os.Args[0], "-test.run", "^TestBusyWriters$", "-test.timeout", "0", "-busy", busyFor.String())
		c.Env = append(os.Environ(), "BUSY_CACHE="+path, "BUSY_WRITER="+strconv.Itoa(w))
		c.Stdout, c.Stderr = &outputs[w], os.Stderr
		require.NoError(t, c.Start())
		writers[w] = c
	}
	most := int64(0)
	for end := time.Now().Add(*busyFor); time.Now().Before(end); {
		most = max(most, diskOf(t, path))
		time.Sleep(20 * time.Millisecond) // not to be a writer more
	}
	var spent, worked []time.Duration // by the clock, and of a processor
	stored, tried := 0, 0
	for w, c := range writers {
		require.NoError(t, c.Wait())
		for line := range strings.Lines(outputs[w].String()) {
			var took, work time.Duration
			var n, of int
			if _, err := fmt.Sscanf(line, "cleaned %d %d", &took, &work); err == nil {
				spent, worked = append(spent, took), append(worked, work)
			} else if _, err := fmt.Sscanf(line, "stored %d of %d", &n, &of); err == nil {
				stored, tried = stored+n, tried+of
			}
		}
	}
	require.NotEmpty(t, spent)
	t.Logf("%d of %d stored, at most %d of %d bytes (%.2f)", stored, tried, most, busyLimit, float64(most)/busyLimit)
	for name, all := range map[string][]time.Duration{"of a processor": worked, "by the clock": spent} {
		slices.Sort(all)
		at := func(share float64) time.Duration {
			return all[int(share*float64(len(all)-1))].Round(10 * time.Microsecond)
		}
		t.Logf("%d cleanings %s: median %v, p90 %v, p99 %v, longest %v", len(all), name, at(0.5), at(0.9), at(0.99), at(1))
	}
	require.LessOrEqual(t, most, int64(busyLimit+*busyWriters*(busyLargest+3*4096)))
	require.Greater(t, stored, 100)
}

// storeUntil is one writer. It prints how long each cleaning took, but not of those who found another one at it and were
// back at once.
func storeUntil(t *testing.T, path, name string, end time.Time) {
	d := openAt(t, path, Options{MaxSize: busyLimit})
	body := strings.Repeat("x", busyLargest)
	stored, i := 0, 0
	for ; time.Now().Before(end); i++ {
		before := processorTime()
		took, used, err := storeBusily(d, runOf(name+" "+strconv.Itoa(i)), body[:rand.IntN(busyLargest)])
		if used && took > cleanBudget/100 {
			fmt.Printf("cleaned %d %d\n", took, processorTime()-before) // with the rest of the store
		}
		if err == nil {
			stored++
		}
	}
	fmt.Printf("stored %d of %d\n", stored, i)
}

// processorTime is what this process took so far.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// storeBusily stores an entry, and returns how much of its share of cleaning that took.
func storeBusily(d *Dir, r Run, body string) (took time.Duration, used bool, err error) {
	p, err := d.Begin(r)
	if err != nil {
		return 0, false, err
	}
	defer p.Discard()
	if err := p.Append(0, []byte(body)); err != nil {
		return cleanBudget - p.cleaning.left, p.cleaning.used, err
	}
	err = p.Commit(metaNow())
	return cleanBudget - p.cleaning.left, p.cleaning.used, err
}

// diskOf is what all files of a cache take, each once however many names it has.
func diskOf(t testing.TB, path string) (sum int64) {
	d := openAt(t, path, Options{})
	defer d.Close()
	_ = filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		rel, _ := filepath.Rel(filepath.Join(path, "v1"), name)
		if fi, err := d.v1.Stat(filepath.ToSlash(rel)); err == nil && fi.Links > 0 {
			sum += fi.Disk / int64(fi.Links)
		}
		return nil
	})
	return sum
}
