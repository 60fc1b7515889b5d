package fastpath

import (
	"crypto/sha256"
	"math"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
)

func FuzzSums(f *testing.F) {
	for _, n := range []int{0, 1, 3, 4, 7, 8, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 70_000} {
		f.Add([]byte(strings.Repeat("cachex", n)[:n]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		require.Equal(t, xxhash.Sum64(b), Sum64(b))
		require.Equal(t, sha256.Sum256(b), Sum256(b))
	})
}

func aMemo() Memo {
	return Memo{
		Address:  [32]byte{1, 2, 3},
		Resolved: 2, Call: []byte("what the settings came to"),
		Entry: "entries/ab/abcd", Size: 500, Sum: 77, Offset: 400, Frames: []Frame{{0, 90}, {1, 2}},
		Absent: "entries/ab/abcd.fail",
		Merged: true, Code: 3, NotBefore: -5, Until: math.MaxInt64,
		Purges: []byte(strings.Repeat("p", PurgesSize)), Hit: []byte(strings.Repeat("h", HitSize)),
		Globs: []string{"LANG", "LC_*", "TZ"}, Env: []Variable{{"LANG", [32]byte{9}}, {"LC_ALL", [32]byte{}}},
		Files: []FileState{
			{Path: "/etc/x", Kind: Followed, ID: FileID{1, 2, 3, 4, 5, 6, 0}},
			{Path: "go.sum", Kind: Itself},
			{Path: "/bin/sh", Kind: Executable, ID: FileID{1, 2, 3, 4, 5, 6, 7}},
			{Path: "small", Kind: Content, ID: FileID{Size: 5}, Sum: [32]byte{8}},
			{Path: "empty", Kind: Content, Sum: [32]byte{9}},
			{Path: ".git", Kind: Exists, ID: present},
			{At: Stretch{3, 0, 4}, Kind: Regular, ID: FileID{1, 2, 3, 4, 5, 6, 0}},
			{At: Stretch{4, 7, 300}, Kind: Regular},
		},
	}
}

func TestMemoThereAndBack(t *testing.T) {
	settings := Memo{Address: [32]byte{1}, Resolved: 3, Call: []byte("c"), Files: aMemo().Files}
	for _, m := range []Memo{aMemo(), settings, {Address: [32]byte{1}, Call: []byte("c"), Files: []FileState{}}} {
		requireThereAndBack(t, m)
	}
}

func requireThereAndBack(t *testing.T, m Memo) {
	t.Helper()
	cell, ok := m.Encode()
	require.True(t, ok)
	got, ok := Decode(cell)
	require.True(t, ok)
	require.Equal(t, m, got)
	whole := make([]byte, MaxMemo)
	copy(whole, cell)
	got, ok = Decode(whole) // as it may be read, with something behind it
	require.True(t, ok)
	require.Equal(t, m, got)
	for i := range cell {
		cell[i] ^= 1
		_, ok := Decode(cell)
		require.False(t, ok, "byte %d", i)
		cell[i] ^= 1
		_, ok = Decode(cell[:i])
		require.False(t, ok, "%d bytes", i)
	}
}

// What the short way is not for has no memo.
func TestMemoRefused(t *testing.T) {
	for what, spoil := range map[string]func(*Memo){
		"large body":  func(m *Memo) { m.Frames = []Frame{{0, MaxBody + 1}} },
		"large entry": func(m *Memo) { m.Size = MaxFile + 1 },
		"many frames": func(m *Memo) { m.Frames = make([]Frame, maxFrames+1) },
		"many files":  func(m *Memo) { m.Files = make([]FileState, maxStates+1) },
		"many names":  func(m *Memo) { m.Env = make([]Variable, maxEnv+1) },
		"long path":   func(m *Memo) { m.Files[0].Path = strings.Repeat("a", MaxMemo) },
		"longer path": func(m *Memo) { m.Files[0].Path = strings.Repeat("a", 70_000) },
		"exit code":   func(m *Memo) { m.Code = 256 },
		"count":       func(m *Memo) { m.Purges = nil },
		"settings":    func(m *Memo) { m.Call = make([]byte, MaxCall+1) },
		"resolved":    func(m *Memo) { m.Resolved = uint8(len(m.Files) + 1) },
		"record":      func(m *Memo) { m.Hit = m.Hit[1:] },
		"many in total": func(m *Memo) {
			m.Files = make([]FileState, maxStates)
			for i := range m.Files {
				m.Files[i].Path = "/etc/some/file"
			}
		},
	} {
		m := aMemo()
		spoil(&m)
		_, ok := m.Encode()
		require.False(t, ok, what)
	}
	m := aMemo()
	m.Made = &Made{Files: make([]MadeFile, MaxMade+1)}
	_, ok := m.Encode()
	require.False(t, ok, "many files")
	m = aMemo()
	m.Seen = &Seen{Uncounted: make([]string, maxGlobs+1)}
	_, ok = m.Encode()
	require.False(t, ok, "many variables")
}

// What a memo says of files points into the file that has them, and to names that it may have.
func TestMadeRefused(t *testing.T) {
	for what, spoil := range map[string]func(*Memo){
		"":                    func(*Memo) {},
		"no file":             func(m *Memo) { m.Made.Files = nil },
		"a file behind":       func(m *Memo) { m.Made.Files[0].To = 101 },
		"before":              func(m *Memo) { m.Made.Files[0].From = -1 },
		"backwards":           func(m *Memo) { m.Made.Files[0].From = 101 },
		"large":               func(m *Memo) { m.Made.Size, m.Made.Files[0].To = 1<<40, 1<<40 },
		"no name":             func(m *Memo) { m.Made.Files[0].Name = "" },
		"an absolute one":     func(m *Memo) { m.Made.Files[0].Name = "/x" },
		"more than a mode":    func(m *Memo) { m.Made.Files[0].Perm = 0o4755 },
		"less is printed":     func(m *Memo) { m.Made.Printed.To-- },
		"from behind":         func(m *Memo) { m.Made.Printed = Part{From: 9, To: 101} },
		"a body in the entry": func(m *Memo) { m.Offset-- },
		"a failure":           func(m *Memo) { m.Code = 1 },
		"files not its own":   func(m *Memo) { m.Made.Umask = 0o700 },
	} {
		m := aMemo()
		m.Offset, m.Code = m.Size-8, 0
		m.Made = &Made{
			Size: 100, Printed: Part{To: 92},
			Files: []MadeFile{{"x", 0o755, Part{From: 92, To: 100}}},
		}
		spoil(&m)
		cell, ok := m.Encode()
		require.True(t, ok, what)
		_, ok = Decode(cell)
		require.Equal(t, what == "", ok, what)
	}
}

// What a memo says of inputs points into the entry.
func TestSeenRefused(t *testing.T) {
	for what, spoil := range map[string]func(*Memo){
		"":                 func(*Memo) {},
		"lines behind":     func(m *Memo) { m.Seen.Lines.To = m.Size - 7 },
		"before":           func(m *Memo) { m.Seen.Lines.From = -1 },
		"backwards":        func(m *Memo) { m.Seen.Lines.From = 401 },
		"no redirect":      func(m *Memo) { m.Seen.Redirect.Name = "" },
		"an empty one":     func(m *Memo) { m.Seen.Redirect.To = 7 },
		"a large redirect": func(m *Memo) { m.Seen.Redirect.To = MaxFile + 1 },
	} {
		m := aMemo()
		m.Seen = &Seen{
			Redirect: Part{Name: "r", To: 8}, Lines: Part{From: 2, To: 400}, Sum: 1, Around: [32]byte{2},
			Uncounted: []string{"PWD", "_"},
		}
		spoil(&m)
		cell, ok := m.Encode()
		require.True(t, ok, what)
		got, ok := Decode(cell)
		require.Equal(t, what == "", ok, what)
		if ok {
			require.Equal(t, m, got)
		}
	}
}

// Whatever bytes a memo holds, under a right checksum or not: no panic, and nothing that points out of the entry.
func FuzzDecode(f *testing.F) {
	m := aMemo()
	cell, _ := m.Encode()
	f.Add(cell, true)
	f.Add(cell[:30], true)
	m.Seen = &Seen{Redirect: Part{Name: "r", To: 8}, Lines: Part{From: 2, To: 400}, Uncounted: []string{"PWD"}}
	cell, _ = m.Encode()
	f.Add(cell, true)
	f.Add([]byte("cxM1"), false)
	f.Fuzz(func(t *testing.T, b []byte, sign bool) {
		if len(b) > MaxMemo {
			b = b[:MaxMemo]
		}
		if n := len(b); sign && n >= 20 {
			copy(b, memoMagic)
			put64(b[4:], uint64(n))
			put64(b[n-8:], Sum64(b[:n-8]))
		}
		m, ok := Decode(b)
		if !ok {
			return
		}
		require.LessOrEqual(t, int(m.Resolved), len(m.Files))
		if m.Entry == "" {
			return
		}
		size := int64(0)
		for _, f := range m.Frames {
			require.Positive(t, f.Size)
			size += f.Size
		}
		if m.Seen != nil {
			require.True(t, m.Seen.Lines.isIn(m.Size-8))
		}
		if m.Made != nil {
			require.Equal(t, m.Made.Printed.size(), size)
			for _, f := range m.Made.Files {
				require.True(t, f.isIn(m.Made.Size))
			}
			size = 0
		}
		require.Equal(t, m.Size-8-m.Offset, size)
		require.LessOrEqual(t, m.Size, int64(MaxFile))
		require.GreaterOrEqual(t, m.Offset, int64(0))
	})
}

// Two invocations that may be answered differently have different addresses.
func TestAddress(t *testing.T) {
	base := Invocation{
		Args: []string{"cachex", "run", "--", "echo", "a b"}, Environ: []string{"HOME=/h", "CACHEX_TTL=1h", "X=1"},
		Dir: "/d", UID: 5,
		Exe: FileID{Dev: 1, Ino: 2},
	}
	address := func(change func(*Invocation)) string {
		i := base
		change(&i)
		sum, ok := i.Address()
		if !ok {
			return ""
		}
		return string(sum[:])
	}
	first := address(func(*Invocation) {})
	require.NotEmpty(t, first)
	seen := map[string]string{first: "base"}
	for what, change := range map[string]func(*Invocation){
		"words split":  func(i *Invocation) { i.Args = []string{"cachex", "run", "--", "echo", "a", "b"} },
		"words joined": func(i *Invocation) { i.Args = []string{"cachex", "run", "--", "echoa b"} },
		"a flag":       func(i *Invocation) { i.Args = []string{"cachex", "run", "-q", "--", "echo", "a b"} },
		"directory":    func(i *Invocation) { i.Dir = "/e" },
		"user":         func(i *Invocation) { i.UID = 6 },
		"program":      func(i *Invocation) { i.Exe.Mtime = 7 },
		"home":         func(i *Invocation) { i.Environ = []string{"HOME=/i", "CACHEX_TTL=1h"} },
		"path":         func(i *Invocation) { i.Environ = append([]string{"PATH=/bin"}, i.Environ...) },
		"a setting":    func(i *Invocation) { i.Environ = []string{"HOME=/h", "CACHEX_TTL=2h"} },
		"no setting":   func(i *Invocation) { i.Environ = []string{"HOME=/h"} },
		"open":         func(i *Invocation) { i.Open = true },
		"word for setting": func(i *Invocation) {
			i.Args = append(i.Args[:5:5], "CACHEX_TTL=1h")
			i.Environ = []string{"HOME=/h"}
		},
	} {
		a := address(change)
		require.NotEmpty(t, a, what)
		require.Empty(t, seen[a], what)
		seen[a] = what
	}
	require.Equal(t,
		first, address(func(i *Invocation) { i.Environ = []string{"HOME=/h", "Y=2", "CACHEX_TTL=1h", "PWD=/l"} }))
	for what, change := range map[string]func(*Invocation){
		"other command": func(i *Invocation) { i.Args = []string{"cachex", "stats", "--", "echo"} },
		"no directory":  func(i *Invocation) { i.Dir = "" },
		"unreachable":   func(i *Invocation) { i.Dir = "(unreachable)/d" },
		"nested":        func(i *Invocation) { i.Environ = append(i.Environ[:3:3], "CACHEX_CONTROL=/x") },
		"a refresh":     func(i *Invocation) { i.Environ = append(i.Environ[:3:3], "CACHEX_RENEWAL=x") },
		"a secret":      func(i *Invocation) { i.Environ = append(i.Environ[:3:3], "CACHEX_SECRET=s") },
	} {
		require.Empty(t, address(change), what)
	}
}

func TestCacheDir(t *testing.T) {
	for _, c := range []struct {
		environ string
		want    string
	}{
		{"HOME=/h", "/h/.cache/cachex"},
		{"HOME=/h XDG_CACHE_HOME=/c", "/c/cachex"},
		{"HOME=/h XDG_CACHE_HOME=c", "/h/.cache/cachex"},
		{"HOME=/h XDG_CACHE_HOME=/c CACHEX_CACHE_DIR=/own", "/own"},
		{"HOME=/h CACHEX_CACHE_DIR=own", ""},
		{"HOME=/h CACHEX_CACHE_DIR=", ""},
		{"HOME=/h/", ""},
		{"HOME=/h/../i", ""},
		{"HOME=h", ""},
		{"", ""},
	} {
		require.Equal(t, c.want, CacheDir(strings.Fields(c.environ)), c.environ)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct{ args, flags string }{
		{"cachex run -- echo a", "cachex run --"},
		{"cachex run --ttl 1h -q -- echo -- b", "cachex run --ttl 1h -q --"},
		{"cachex run --scope -- -- echo", "cachex run --scope --"}, // nobody leaves a memo for these flags
		{"cachex run echo a", ""},
		{"cachex run --", ""},
		{"cachex run", ""},
	} {
		i := Invocation{Args: strings.Fields(c.args), Dir: "/d", UID: 5}
		flags, ok := i.Flags()
		require.Equal(t, c.flags != "", ok, c.args)
		if ok {
			require.Equal(t, Invocation{Args: strings.Fields(c.flags), Dir: "/d", UID: 5, Open: true}, flags)
		}
	}
	i := Invocation{Args: []string{"cachex", "run", "--", ""}}
	_, ok := i.Flags()
	require.False(t, ok, "an empty word is no command")
}

// A memo knows which variables of its globs are set, and to what: one that appears, changes or vanishes is none of it.
func TestHoldsEnviron(t *testing.T) {
	v := func(name, value string) Variable { return Variable{name, sha256.Sum256([]byte(value))} }
	m := Memo{
		Globs: []string{"LANG", "GO*", "TZ", "CACHEX_TEAM", "C*"},
		Env:   []Variable{v("LANG", "de"), v("GOFLAGS", ""), v("GOOS", "linux"), v("CACHEX_TEAM", "a")},
	}
	same := []string{"HOME=/", "GOOS=linux", "LANG=de", "GOFLAGS=", "CACHEX_TEAM=a", "CACHEX_TTL=1h", "LANGUAGE=de", "G=1"}
	require.True(t, m.HoldsEnviron(same))
	for what, environ := range map[string][]string{
		"one changes":             {"GOOS=darwin", "LANG=de", "GOFLAGS=", "CACHEX_TEAM=a"},
		"one vanishes":            {"LANG=de", "GOFLAGS=", "CACHEX_TEAM=a"},
		"an empty one vanishes":   {"GOOS=linux", "LANG=de", "CACHEX_TEAM=a"},
		"one of a glob appears":   {"GOOS=linux", "LANG=de", "GOFLAGS=", "CACHEX_TEAM=a", "GOARCH=arm"},
		"an empty one appears":    {"GOOS=linux", "LANG=de", "GOFLAGS=", "CACHEX_TEAM=a", "GO="},
		"one of a name appears":   {"GOOS=linux", "LANG=de", "GOFLAGS=", "CACHEX_TEAM=a", "TZ=UTC"},
		"one comes, another goes": {"GOOS=linux", "LANG=de", "CACHEX_TEAM=a", "TZ=UTC"},
		"one is there twice":      {"GOOS=linux", "LANG=de", "GOFLAGS=", "CACHEX_TEAM=a", "LANG=de"},
		"one is no assignment":    {"GOOS=linux", "LANG=de", "GOFLAGS", "CACHEX_TEAM=a"},
		"nothing is set":          nil,
	} {
		require.False(t, m.HoldsEnviron(environ), what)
	}
	require.True(t, (&Memo{}).HoldsEnviron(same))
}
