//go:build amd64 || arm64

package fastpath

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// world is a cache with one entry and its memo, and an invocation that the memo answers.
type world struct {
	t             testing.TB
	home          string
	args, environ []string
	memo          Memo
	body          string
	outputs       [2]*os.File
	way           *way
}

func newWorld(t testing.TB) *world {
	t.Helper()
	home, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	w := &world{
		t: t, home: home, body: "out\nerr\nmore\n", way: new(way),
		args:    []string{"cachex", "run", "--file", home + "/in", "--", "make", "it"},
		environ: []string{"HOME=" + home, "LANG=de", "PATH=/bin", "X=1"},
	}
	v1 := w.path("")
	for _, dir := range []string{"entries/ab", "stat", "tags", "journal"} {
		require.NoError(t, os.MkdirAll(filepath.Join(v1, dir), 0o700))
	}
	head := strings.Repeat("what an entry says of itself", 100)
	entry := []byte(head + w.body)
	entry = append64(entry, Sum64(entry))
	w.write(".cachex", strings.Repeat("m", markSize))
	w.write("entries/ab/abcd", string(entry))
	w.write("tags/SEQ", strings.Repeat("p", PurgesSize))
	w.write("journal/current", "")
	require.NoError(t, os.WriteFile(home+"/in", []byte("input"), 0o600))
	in, ok := Identify(home+"/in", Regular)
	require.True(t, ok)
	w.memo = Memo{
		Resolved: 1, Call: []byte("settings"),
		Entry: "entries/ab/abcd", Size: int64(len(entry)), Sum: load64(entry[len(entry)-8:]), Offset: int64(len(head)),
		Frames: []Frame{{0, 4}, {1, 4}, {0, 5}}, Absent: "entries/ab/abcd.fail", Code: 7, Until: math.MaxInt64,
		Purges: bytes.Repeat([]byte("p"), PurgesSize), Hit: bytes.Repeat([]byte("h"), HitSize),
		Globs: []string{"LANG", "GO*"}, Env: []Variable{{"LANG", sha256.Sum256([]byte("de"))}},
		Files: []FileState{
			{Path: home + "/.config", Kind: Itself},
			{At: Stretch{3, 0, uint16(len(home) + 3)}, Kind: Regular, ID: in},
		},
	}
	for i := range w.outputs {
		w.outputs[i], err = os.CreateTemp(home, "output")
		require.NoError(t, err)
		t.Cleanup(func() { w.outputs[i].Close() })
	}
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { null.Close() })
	w.way.use(new([roomSize + pageOfMemory]byte), make([]string, mostTexts))
	w.way.streams = [3]int{int(null.Fd()), int(w.outputs[0].Fd()), int(w.outputs[1].Fd())}
	w.remember(w.args)
	return w
}

func (w *world) path(name string) string { return filepath.Join(w.home, ".cache/cachex/v1", name) }

func (w *world) write(name, text string) {
	require.NoError(w.t, os.WriteFile(w.path(name), []byte(text), 0o600))
}

// remember writes the memo into a table of one page.
func (w *world) remember(args []string) {
	i, ok := new(place).current(args, w.environ)
	require.True(w.t, ok)
	w.memo.Address, ok = i.Address()
	require.True(w.t, ok)
	cell, ok := w.memo.Encode()
	require.True(w.t, ok)
	w.write(Table, string(cell)+strings.Repeat("x", PageSize-len(cell)))
}

// try returns what the short way came to and wrote.
func (w *world) try() (found verdict, stdout, stderr string) {
	var out [2]string
	found = w.way.try(w.args, w.environ)
	for i, f := range w.outputs {
		b, err := os.ReadFile(f.Name())
		require.NoError(w.t, err)
		require.NoError(w.t, f.Truncate(0))
		_, err = f.Seek(0, 0)
		require.NoError(w.t, err)
		out[i] = string(b)
	}
	for _, fd := range w.way.open[:w.way.opened] { // of a hit: the process would have ended
		closeFile(fd)
	}
	return found, out[0], out[1]
}

func (w *world) requireAnswered() {
	w.t.Helper()
	found, stdout, stderr := w.try()
	require.Equal(w.t, answered, found)
	require.Equal(w.t, "out\nmore\n", stdout)
	require.Equal(w.t, "err\n", stderr)
	require.Equal(w.t, 7, w.way.left.Code)
}

func (w *world) descriptors() int {
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(w.t, err)
	return len(all)
}

func TestWay(t *testing.T) {
	w := newWorld(t)
	w.requireAnswered()
	w.requireAnswered()
	journal, err := os.ReadFile(w.path("journal/current"))
	require.NoError(t, err)
	require.Len(t, journal, 2*HitSize)
	for ; len(journal) > 0; journal = journal[HitSize:] {
		require.Equal(t, bytes.Repeat([]byte("h"), HitSize-24), slices.Concat(journal[:8], journal[16:HitSize-16]))
		require.Equal(t, Sum64(journal[:HitSize-8]), load64(journal[HitSize-8:]))
	}
}

// Before the runtime there is no memory but what is there.
func TestWayAllocatesNothing(t *testing.T) {
	w := newWorld(t)
	require.Zero(t, testing.AllocsPerRun(100, func() { w.way.try(w.args, w.environ); w.way.close() }))
	w.memo.Entry = ""
	w.remember(w.args[:5])
	require.Zero(t, testing.AllocsPerRun(100, func() { w.way.try(w.args, w.environ) }))
}

// In a large table the memo may lie behind others, in any page, and on the edge of what is read first.
func TestWayInLargeTable(t *testing.T) {
	w := newWorld(t)
	b, err := os.ReadFile(w.path(Table))
	require.NoError(t, err)
	memo := b[:sizeOfMemo(b)]
	others := [][]byte{}
	for n := 1; (n+1)*len(numbered(t, 0))+len(memo) <= PageSize; n++ {
		others = append(others, numbered(t, n))
		page := pageOf(append(slices.Clone(others), memo))
		for _, pages := range []int64{1, 2, 3, 37} {
			table := make([]byte, pages*PageSize)
			copy(table[PageAt(MemoAddress(memo), pages*PageSize):], page)
			w.write(Table, string(table))
			w.requireAnswered()
		}
	}
}

// change is something that happens between two runs. What it does not spoil is a hit as before.
type change struct {
	what   string
	spoils bool
	make   func(w *world)
}

var changes = []change{
	{"nothing", false, func(*world) {}},
	{"a variable of no key", false, func(w *world) { w.environ = append(w.environ, "Y=2") }},
	{"a word that is no variable", false, func(w *world) { w.environ = append(w.environ, "odd", "") }},
	{"the directory by its name", false, func(w *world) {
		dir, err := os.Getwd()
		require.NoError(w.t, err)
		w.environ = append(w.environ, "PWD="+dir)
	}},
	{"the journal is full of others", false, func(w *world) { w.write("journal/current", strings.Repeat("j", 640)) }},
	{"the directory by a link", true, func(w *world) {
		dir, err := os.Getwd()
		require.NoError(w.t, err)
		require.NoError(w.t, os.Symlink(dir, w.home+"/link"))
		w.environ = append(w.environ, "PWD="+w.home+"/link")
	}},
	{"another one where it was before", false, func(w *world) { w.environ = append(w.environ, "PWD="+w.home) }},
	{"one that is gone", false, func(w *world) { w.environ = append(w.environ, "PWD=/nowhere") }},
	{"one without a root", false, func(w *world) { w.environ = append(w.environ, "PWD=.") }},
	{"a variable of the key", true, func(w *world) { w.environ[1] = "LANG=en" }},
	{"it goes", true, func(w *world) { w.environ[1] = "Z=" }},
	{"one of a glob comes", true, func(w *world) { w.environ = append(w.environ, "GO=") }},
	{"twice the same", true, func(w *world) { w.environ = append(w.environ, "LANG=fr") }},
	{"PATH", true, func(w *world) { w.environ[2] = "PATH=/usr/bin" }},
	{"a setting", true, func(w *world) { w.environ = append(w.environ, "CACHEX_TTL=1s") }},
	{"inside of a run", true, func(w *world) { w.environ = append(w.environ, "CACHEX_CONTROL=/x") }},
	{"another home", true, func(w *world) { w.environ[0] = "HOME=/nowhere" }},
	{"another word", true, func(w *world) { w.args[6] = "that" }},
	{"a word more", true, func(w *world) { w.args = append(w.args, "") }},
	{"another command", true, func(w *world) { w.args[1] = "stats" }},
	{"a link to the program", true, func(w *world) { w.args[0] = "/bin/make" }},
	{"an input", true, func(w *world) { require.NoError(w.t, os.WriteFile(w.home+"/in", []byte("other size"), 0o600)) }},
	{"an input goes", true, func(w *world) { os.Remove(w.home + "/in") }},
	{"a configuration", true, func(w *world) { _ = os.Mkdir(w.home+"/.config", 0o700) }},
	{"a purge", true, func(w *world) { w.write("tags/SEQ", strings.Repeat("q", PurgesSize)) }},
	{"a longer count", true, func(w *world) { w.write("tags/SEQ", strings.Repeat("p", PurgesSize+1)) }},
	{"a failure", true, func(w *world) { w.write("entries/ab/abcd.fail", "") }},
	{"the entry is damaged", true, func(w *world) { w.flip("entries/ab/abcd", 30) }},
	{"its checksum is", true, func(w *world) { w.flip("entries/ab/abcd", -1) }},
	{"the memo is damaged", true, func(w *world) { w.flip(Table, 50) }},
	{"the table is cut", true, func(w *world) { w.truncate(Table, int64(leastMemo)) }},
	{"the table is empty", true, func(w *world) { w.truncate(Table, 0) }},
	{"the page is cut behind the memo", false, func(w *world) { w.truncate(Table, MaxMemo) }},
	{"the journal is a link", true, func(w *world) {
		w.write("other", "")
		os.Remove(w.path("journal/current"))
		require.NoError(w.t, os.Symlink("../other", w.path("journal/current")))
	}},
	{"others may write", true, func(w *world) { require.NoError(w.t, os.Chmod(w.path(""), 0o770)) }},
	{"the mark is gone", true, func(w *world) { os.Remove(w.path(".cachex")) }},
	{"unused for long", true, func(w *world) {
		require.NoError(w.t, syscall.Utimes(w.path("entries/ab/abcd"), []syscall.Timeval{{Sec: 1}, {Sec: 1}}))
	}},
}

func (w *world) truncate(name string, size int64) {
	require.NoError(w.t, os.Truncate(w.path(name), size))
}

func (w *world) flip(name string, at int) {
	b, err := os.ReadFile(w.path(name))
	require.NoError(w.t, err)
	b[(len(b)+at)%len(b)] ^= 1
	w.write(name, string(b))
}

// Of each change, and of pairs of them: the short way answers if nothing spoils the hit, and otherwise it has written
// nothing and leaves nothing open.
func TestWayChanges(t *testing.T) {
	for i := range changes {
		try(t, []byte{byte(i)})
		try(t, []byte{byte(i), byte((7*i + 3) % len(changes))})
	}
}

func FuzzWay(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4})
	f.Fuzz(func(t *testing.T, which []byte) { try(t, which[:min(len(which), 8)]) })
}

func try(t *testing.T, which []byte) {
	t.Helper()
	w := newWorld(t)
	spoilt, what := false, ""
	var made [256]bool // most can be made once: what is flipped twice is as it was
	for _, b := range which {
		i := int(b) % len(changes)
		if made[i] {
			continue
		}
		made[i] = true
		c := changes[i]
		spoilt, what = spoilt || c.spoils, what+c.what+"; "
		c.make(w)
	}
	open := w.descriptors()
	if !spoilt {
		w.requireAnswered()
		return
	}
	found, stdout, stderr := w.try()
	require.Less(t, found, unwritten, what)
	require.Empty(t, stdout+stderr, what)
	require.Equal(t, open, w.descriptors(), what)
}

// What is remembered of flags is found for another command behind them.
func TestWayKnows(t *testing.T) {
	w := newWorld(t)
	w.environ[1] = "LANG=en"
	found, _, _ := w.try()
	require.Equal(t, knowsCall, found)
	i := Invocation{Args: w.args}
	flags, ok := i.Flags()
	require.True(t, ok)
	w.memo.Entry = ""
	place, ok := new(place).current(w.args, w.environ)
	require.True(t, ok)
	open, _ := place.Flags()
	w.memo.Address, _ = open.Address()
	cell, ok := w.memo.Encode()
	require.True(t, ok)
	w.write(Table, string(cell)+strings.Repeat("x", PageSize-len(cell)))
	found, _, _ = w.try()
	require.Equal(t, knowsFlags, found)
	require.Equal(t, flags.Args, w.way.flags.Args)
	require.Equal(t, "settings", string(w.way.memo.Call))
}

// A reader that is gone, and one that has no room, get the rest by the ordinary way.
func TestWayUnwritten(t *testing.T) {
	w := newWorld(t)
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer writer.Close()
	reader.Close()
	w.way.streams[2] = int(writer.Fd())
	found, stdout, _ := w.try()
	require.Equal(t, unwritten, found)
	require.Equal(t, "out\n", stdout)
	rest := ""
	require.NoError(t, w.way.left.Rest(func(stream uint8, b []byte) error {
		rest += fmt.Sprintf("%d %s", stream, b)
		return nil
	}))
	require.Equal(t, "1 err\n0 more\n", rest)
}

// A standard descriptor that is closed is taken by what is opened first.
func TestWaySeesGaps(t *testing.T) {
	w := newWorld(t)
	in, err := syscall.Dup(0)
	require.NoError(t, err)
	require.NoError(t, syscall.Close(0))
	found, stdout, _ := w.try()
	gaps := w.way.gaps
	require.NoError(t, syscall.Dup3(in, 0, 0))
	require.NoError(t, syscall.Close(in))
	require.True(t, gaps)
	require.Equal(t, nothing, found)
	require.Empty(t, stdout)
}

// stackOf is what the kernel leaves for a program: number of arguments, arguments, 0, environment, 0, auxiliary vector.
func stackOf(args, environ []string, auxiliary ...uintptr) []uintptr {
	stack := []uintptr{uintptr(len(args))}
	for _, texts := range [][]string{args, environ} {
		for _, s := range texts {
			b := append([]byte(s), 0)
			kept = append(kept, b)
			stack = append(stack, uintptr(unsafe.Pointer(&b[0])))
		}
		stack = append(stack, 0)
	}
	return append(append(stack, auxiliary...), 0, 0)
}

var kept [][]byte

func TestWordsOf(t *testing.T) {
	run := []string{"cachex", "run", "--", "true", ""}
	environ := []string{"A=1", "", "odd"}
	for _, c := range []struct {
		what          string
		args, environ []string
		auxiliary     []uintptr
		ok            bool
	}{
		{"a run", run, environ, []uintptr{6, 4096, 23, 0}, true},
		{"nothing set", run, nil, nil, true},
		{"more rights", run, environ, []uintptr{6, 4096, 23, 1}, false},
		{"many words", append(run, make([]string, maxWords)...), nil, nil, false},
		{"many variables", run, make([]string, maxWords), nil, false},
	} {
		stack := stackOf(c.args, c.environ, c.auxiliary...)
		args, environ, ok := wordsOf(unsafe.Pointer(&stack[0]))
		require.Equal(t, c.ok, ok, c.what)
		if ok {
			require.Equal(t, c.args, args, c.what)
			require.Equal(t, append([]string{}, c.environ...), append([]string{}, environ...), c.what)
		}
	}
	for _, args := range [][]string{nil, {"cachex"}, {"cachex", "stats", "x"}} {
		stack := stackOf(args, make([]string, maxWords+1))
		got, _, ok := wordsOf(unsafe.Pointer(&stack[0]))
		require.True(t, ok)
		require.Empty(t, got)
	}
}

// The runtime makes a bit of each word among pointers, as it starts: what is large stands apart from them.
func TestNothingLargeAmongPointers(t *testing.T) {
	require.Less(t, unsafe.Sizeof(state), uintptr(256<<10))
}
