package cachedir

import (
	"flag"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	busyFor     = flag.Duration("busy", 0, "how long writers fill a cache that is full; 0: not at all")
	busyWriters = flag.Int("writers", 32, "how many there are")
)

// Writers that store without a pause pass the limit by no more than what is in flight, and none of them cleans for
// longer than it may. scripts/bench/writers runs it for a minute.
func TestBusyWriters(t *testing.T) {
	if *busyFor == 0 {
		t.Skip("takes a minute: scripts/bench/writers runs it")
	}
	const limit, largest = 64 << 20, 300 << 10
	path := filepath.Join(t.TempDir(), "cache")
	body := strings.Repeat("x", largest)
	end := time.Now().Add(*busyFor)
	var (
		all    sync.WaitGroup
		mu     sync.Mutex
		spent  []time.Duration
		stored int
	)
	for w := range *busyWriters {
		d := openAt(t, path, Options{MaxSize: limit})
		all.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				took, used, err := storeBusily(d, runOf(strconv.Itoa(w)+" "+strconv.Itoa(i)), body[:rand.IntN(largest)])
				mu.Lock()
				if used {
					spent = append(spent, took)
				}
				if err == nil {
					stored++
				}
				mu.Unlock()
			}
		})
	}
	most := int64(0)
	for time.Now().Before(end) {
		most = max(most, diskOf(t, path))
	}
	all.Wait()
	// Who finds that another one is cleaning is back at once, and nearly all do.
	spent = slices.DeleteFunc(spent, func(took time.Duration) bool { return took < cleanBudget/100 })
	slices.Sort(spent)
	require.NotEmpty(t, spent)
	at := func(share float64) time.Duration { return spent[int(share*float64(len(spent)-1))] }
	t.Logf("%d stores, at most %d of %d bytes (%.2f); %d cleanings: median %v, p90 %v, p99 %v, longest %v",
		stored, most, limit, float64(most)/limit, len(spent), at(0.5), at(0.9), at(0.99), at(1))
	require.LessOrEqual(t, most, int64(limit+*busyWriters*(largest+3*4096)))
	require.Greater(t, stored, 100)
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
