//go:build linux || darwin

package cachedir

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir/stats"
)

// The test binary plays the part of other processes when this variable names one.
const childVariable = "CACHEX_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "store":
		childStores()
	case "limited":
		childLimited()
	case "once":
		childOnce()
	case "journal":
		childLogs()
	case "probe":
		childProbes()
	}
}

func child(t testing.TB, part string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	c := exec.Command(exe, args...)
	c.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childVariable+"="+part)
	c.Stderr = os.Stderr
	return c
}

// outputOf is what the run of a key writes in its nth version: whoever reads it can tell whether it is whole.
func outputOf(key, version int) string {
	line := fmt.Sprintf("key %d version %d\n", key, version)
	return line + strings.Repeat(line, [...]int{0, 10, 25_000, 60_000}[key%4])
}

func isOutputOf(key int, text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	var k, version int
	_, err := fmt.Sscanf(first, "key %d version %d", &k, &version)
	return err == nil && k == key && text == outputOf(key, version)
}

var crashOptions = Options{MaxSize: 6 << 20}

// childStores stores, replays, purges and logs until it is killed. It says when it has begun, and says so if it ever
// reads what nobody wrote.
func childStores() {
	d, err := Open(os.Args[1], crashOptions)
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	fmt.Println("begun")
	for {
		key := rand.IntN(12)
		r := runOf(strconv.Itoa(key))
		switch rand.IntN(10) {
		case 0:
			_, _ = d.Purge(func(i EntryInfo) bool { return i.Key == r.Key }, false)
		case 1:
			_ = d.PurgeTag("tag"+strconv.Itoa(key%2), false)
		case 2, 3, 4:
			stdout, _, _, err := lookup(d, r, Good)
			var miss *Miss
			if err == nil && !isOutputOf(key, stdout) || err != nil && !errors.As(err, &miss) {
				fmt.Println("wrong hit:", key, len(stdout), err)
			}
		case 5:
			err := importAgain(d, r)
			var miss *Miss
			if err != nil && !errors.As(err, &miss) && !errors.Is(err, ErrPurged) && !errors.Is(err, ErrNoRoom) {
				fmt.Println("import:", err)
			}
		default:
			m := metaNow()
			m.Tags = []Tag{{Name: "tag" + strconv.Itoa(key%2), Seq: OwnSeq}}
			err := tryStore(d, r, m, part{0, outputOf(key, rand.IntN(5))})
			if err != nil && !errors.Is(err, ErrPurged) && !errors.Is(err, ErrNoRoom) {
				fmt.Println("store:", err)
			}
			_ = d.NoteRun(r.Command, CommandRun{Key: r.Key})
			_ = d.Journal.Log(stats.Record{Served: stats.Missed})
			d.Journal.Fold()
		}
	}
}

// importAgain imports an entry over itself, or over what took its place meanwhile.
func importAgain(d *Dir, r Run) error {
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	if err != nil {
		return err
	}
	defer e.Close()
	x, err := e.Export()
	if err != nil {
		return err
	}
	i, err := d.Import(r, x.Content)
	if err != nil {
		return err
	}
	defer i.Discard()
	needed := x.Body != nil
	if rand.IntN(2) == 0 {
		_, _, needed = i.NeedsBody() // it is here, unless it goes this moment
	}
	if needed {
		if err := i.WriteBody(x.Body); err != nil {
			return err
		}
	}
	return i.Commit()
}

// Processes that work on one directory are killed at any instant. What they leave is right without repair.
func TestKilledAtAnyInstant(t *testing.T) {
	if testing.Short() {
		t.Skip("kills many processes")
	}
	path := filepath.Join(t.TempDir(), "cache")
	rounds := 12
	if thorough() {
		rounds = 60
	}
	for round := range rounds {
		if round%4 == 0 {
			require.NoError(t, os.RemoveAll(path)) // kill some during the creation, too
		}
		var all sync.WaitGroup
		for n := range 3 {
			c := child(t, "store", path)
			out, err := c.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, c.Start())
			all.Go(func() {
				lines := bufio.NewScanner(out)
				if n > 0 && !lines.Scan() { // the first is killed at once, the others in their work
					t.Error("a child ended before it began")
				}
				time.AfterFunc(time.Duration(rand.IntN(60_000))*time.Microsecond, func() { _ = c.Process.Kill() })
				for lines.Scan() {
					if text := lines.Text(); text != "begun" {
						t.Error(text)
					}
				}
				_ = c.Wait()
			})
		}
		all.Wait()
		d, err := Open(path, crashOptions)
		require.NoError(t, err)
		require.Empty(t, faults(t, d))
		for key := range 12 {
			r := runOf(strconv.Itoa(key))
			stdout, _, _, err := lookup(d, r, Good)
			if err == nil {
				require.True(t, isOutputOf(key, stdout), "key %d", key)
			} else {
				var miss *Miss
				require.ErrorAs(t, err, &miss)
				require.NotEqual(t, stats.Corrupt, miss.Reason, "%v", err)
			}
			store(t, d, r, part{0, outputOf(key, 9)})
			requireHit(t, d, r, Good, part{0, outputOf(key, 9)})
		}
		d.Close()
	}
	d := openAt(t, path, crashOptions)
	aged := time.Now().Add(-48 * time.Hour)
	for _, n := range names(t, d, "pending") {
		require.NoError(t, os.Chtimes(filepath.Join(path, "v1", "pending", n), aged, aged))
	}
	d.dropAbandoned(time.Now().Add(time.Minute))
	require.Empty(t, names(t, d, "pending"))
	counted, err := d.beginCount()
	require.NoError(t, err)
	defer counted.b.close()
	for i := range 256 {
		for _, dir := range []string{"entries/", "blobs/"} {
			_ = d.v1.List(dir+shard(byte(i)), func(n string) bool {
				return os.Chtimes(filepath.Join(path, "v1", dir+shard(byte(i)), n), aged, aged) == nil
			})
		}
		d.sweepFrom(counted, uint64(i)<<56, time.Now().Add(time.Minute))
	}
	for i := range 256 {
		d.dropBlobs(byte(i), time.Now().Add(time.Minute))
	}
	requireNoStrays(t, d)
}

// childLimited stores under a limit for the size of files.
func childLimited() {
	limit, _ := strconv.ParseUint(os.Args[2], 10, 64)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		fmt.Println("limit:", err)
	}
	d, err := Open(os.Args[1], Options{})
	if err == nil {
		err = tryStore(d, runOf("small"), metaNow(), part{0, "small"})
		if lerr := tryStore(d, runOf("large"), metaNow(), part{0, outputOf(3, 0)}); err == nil {
			err = lerr
		}
		_ = d.NoteRun(runOf("small").Command, CommandRun{})
		_ = d.Journal.Log(stats.Record{Served: stats.Missed})
		d.Digests().Remember(fixtureStamp(), [32]byte{9})
	}
	fmt.Println(err)
}

func TestFileSizeLimit(t *testing.T) {
	if testing.Short() {
		t.Skip("writes large entries")
	}
	const plenty = 5 << 20
	for _, limit := range []uint64{0, 10, 155, 200, 1000, 8000, 100_000, 300_000, plenty} {
		path := filepath.Join(t.TempDir(), "cache")
		for _, state := range []string{"fresh", "used"} {
			out, err := child(t, "limited", path, strconv.FormatUint(limit, 10)).Output()
			require.NoError(t, err, "%s, %d: %s", state, limit, out)
			if limit < plenty {
				require.Contains(t, string(out), unix.EFBIG.Error(), "%s, %d", state, limit)
			}
			d, err := Open(path, Options{})
			require.NoError(t, err)
			require.Empty(t, faults(t, d))
			store(t, d, runOf("small"), part{0, "small"})
			store(t, d, runOf("large"), part{0, outputOf(3, 0)})
			requireHit(t, d, runOf("small"), Good, part{0, "small"})
			requireHit(t, d, runOf("large"), Good, part{0, outputOf(3, 0)})
			require.Empty(t, names(t, d, "pending"), "%s, %d", state, limit)
			requireNoStrays(t, d)
			d.Close()
		}
	}
}

// childOnce stores one result and says whether that worked.
func childOnce() {
	d, err := Open(os.Args[1], Options{MaxSize: 1 << 20})
	if err == nil {
		err = tryStore(d, runOf(os.Args[2]), metaNow(), part{0, strings.Repeat("x", 40_000)})
	}
	fmt.Println(err)
}

func TestManyProcesses(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	path := filepath.Join(t.TempDir(), "cache")
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			out, err := child(t, "once", path, strconv.Itoa(n%40)).Output()
			if err != nil || string(out) != "<nil>\n" && !strings.Contains(string(out), ErrNoRoom.Error()) {
				t.Error(string(out), err)
			}
		})
	}
	all.Wait()
	d := openAt(t, path, Options{MaxSize: 1 << 20})
	require.Empty(t, faults(t, d))
	require.Empty(t, names(t, d, "pending"))
	require.LessOrEqual(t, usedBytes(t, d), int64(1<<20))
	require.GreaterOrEqual(t, sizesOf(t, d), usedBytes(t, d), "the count may lean to one side only")
	countAll(t, d)
	require.Equal(t, usedBytes(t, d), sizesOf(t, d))
}

// childLogs appends records until it is killed, and says how many it has appended.
func childLogs() {
	d, err := Open(os.Args[1], Options{})
	if err != nil {
		panic(err)
	}
	for {
		if err := d.Journal.Log(stats.Record{Served: stats.Hit, Saved: time.Second, Family: "child"}); err != nil {
			panic(err)
		}
		_, _ = os.Stdout.Write([]byte("."))
	}
}

func TestJournalLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache")
	var all sync.WaitGroup
	var mu sync.Mutex
	said, children := 0, 4
	for range children {
		c := child(t, "journal", path)
		out, err := c.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, c.Start())
		all.Go(func() {
			n, buf := 0, make([]byte, 4096)
			for {
				m, err := out.Read(buf)
				if n += m; n > 5000 {
					_ = c.Process.Kill()
				}
				if err != nil {
					break
				}
			}
			_ = c.Wait()
			mu.Lock()
			said += n
			mu.Unlock()
		})
	}
	all.Wait()
	rows, err := openAt(t, path, Options{}).Journal.Rows(time.Time{})
	require.NoError(t, err)
	total := int64(0)
	for _, r := range rows {
		require.Equal(t, "child", r.Family)
		total += r.Runs
	}
	require.GreaterOrEqual(t, total, int64(said))
	require.LessOrEqual(t, total, int64(said+children), "each may have logged one that it did not tell")
}
