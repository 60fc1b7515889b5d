//go:build unix

package memo

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/fastpath"
)

// memoNumbered is a memo of the size that they have, with an address of its own.
func memoNumbered(n int) *fastpath.Memo {
	m := &fastpath.Memo{Call: bytes.Repeat([]byte{byte(n)}, 1500)}
	binary.LittleEndian.PutUint64(m.Address[:], uint64(n)*0x9e3779b97f4a7c15)
	binary.LittleEndian.PutUint64(m.Address[8:], uint64(n))
	m.Address[31] = 1
	return m
}

func openTable(t testing.TB, path string, maxSize int64) (dir *cachedir.Dir, table string) {
	t.Helper()
	dir, err := cachedir.Open(path, cachedir.Options{MaxSize: maxSize})
	require.NoError(t, err)
	t.Cleanup(dir.Close)
	return dir, filepath.Join(path, "v1", fastpath.Table)
}

// known says how many of so many memos are where they are looked for. What is found must be right.
func known(t testing.TB, table string, n int) (known int) {
	t.Helper()
	b, err := os.ReadFile(table)
	require.NoError(t, err)
	for i := range n {
		m := memoNumbered(i)
		page := b[fastpath.PageAt(m.Address[:], int64(len(b))):][:fastpath.PageSize]
		if at := bytes.Index(page, m.Address[:]); at >= 0 {
			got, ok := fastpath.Decode(page[at-12:])
			require.True(t, ok)
			require.Equal(t, m.Call, got.Call)
			known++
		}
	}
	return known
}

// In a table with room for 40,000 memos of this size nearly all of 20,000 are found, and they take little more than
// half of a table with a 4 KiB for each.
func TestTableHasRoomForManyMemos(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 20,000 memos")
	}
	const many = 20_000
	dir, table := openTable(t, t.TempDir(), cachedir.DefaultMaxSize)
	for i := range many {
		require.True(t, put(dir, memoNumbered(i)))
	}
	require.Greater(t, known(t, table, many), many*97/100)
	require.Equal(t, 100, known(t, table, 100))
	require.Less(t, diskOf(t, table), int64(many*2500))
}

// A full table has room for what comes, and grows no further.
func TestFullTableOfMemos(t *testing.T) {
	dir, table := openTable(t, t.TempDir(), 4<<20)
	for i := range 2000 {
		require.True(t, put(dir, memoNumbered(i)))
		if i%100 == 0 {
			require.Equal(t, 1, known(t, table, i+1)-known(t, table, i))
		}
	}
	require.Equal(t, 4*(fastpath.PageSize/1600), known(t, table, 2000))
	require.LessOrEqual(t, diskOf(t, table), int64(64<<10))
}

// While some put memos there, who looks finds what was put there or nothing.
func TestTableOfMemosFromManyGoroutines(t *testing.T) {
	path := t.TempDir()
	_, table := openTable(t, path, cachedir.DefaultMaxSize)
	var all sync.WaitGroup
	const many = 1000
	for g := range 4 {
		dir, _ := openTable(t, path, cachedir.DefaultMaxSize)
		all.Go(func() {
			for i := range many {
				put(dir, memoNumbered((i+g*many/4)%many))
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for looking := true; looking; {
		select {
		case <-done:
			looking = false
		default:
		}
		if _, err := os.Stat(table); err == nil {
			lookWhole(t, table)
		}
	}
	require.Greater(t, known(t, table, many), many/2)
}

// lookWhole reads memos while they are written: a part of one is none.
func lookWhole(t *testing.T, table string) {
	b, err := os.ReadFile(table)
	require.NoError(t, err)
	one, ok := memoNumbered(0).Encode()
	require.True(t, ok)
	begin := one[:4]
	for len(b) >= 60 {
		if m, ok := fastpath.Decode(b[:min(len(b), fastpath.MaxMemo)]); ok {
			n := int(binary.LittleEndian.Uint64(m.Address[8:]))
			require.Equal(t, memoNumbered(n).Call, m.Call)
		}
		next := bytes.Index(b[1:], begin)
		if next < 0 {
			return
		}
		b = b[1+next:]
	}
}

const killedOf = 2000 // memos

// Processes that are killed while they put memos there leave a table that the next ones use.
func TestTableOfMemosOfTheKilled(t *testing.T) {
	if path := os.Getenv("CACHEX_TEST_FILL"); path != "" {
		dir, _ := openTable(t, path, cachedir.DefaultMaxSize)
		for i := 0; ; i++ {
			put(dir, memoNumbered(i%killedOf))
			if i%100 == 0 {
				_, _ = os.Stdout.WriteString("more\n")
			}
		}
	}
	path := t.TempDir()
	dir, table := openTable(t, path, cachedir.DefaultMaxSize)
	for round := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestTableOfMemosOfTheKilled$")
		cmd.Env = append(os.Environ(), "CACHEX_TEST_FILL="+path)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for n := 0; n < 5+7*round && lines.Scan(); n++ {
		}
		require.NoError(t, cmd.Process.Kill())
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		known(t, table, killedOf)
	}
	for i := range killedOf {
		require.True(t, put(dir, memoNumbered(i)))
	}
	require.Greater(t, known(t, table, killedOf), killedOf-100)
}

// diskOf is how much of the disk a file takes, in bytes.
func diskOf(t testing.TB, path string) int64 {
	fi, err := os.Stat(path)
	require.NoError(t, err)
	return fi.Sys().(*syscall.Stat_t).Blocks * 512
}
