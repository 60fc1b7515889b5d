//go:build !windows

package hashing

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// tree makes files from lines: "path content" for a file, "path/" for a directory, "path -> target" for a link, "path
// |" for a FIFO.
func tree(t *testing.T, dir string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		path, content, _ := strings.Cut(line, " ")
		full := filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		switch {
		case strings.HasSuffix(path, "/"):
			require.NoError(t, os.MkdirAll(full, 0o755))
		case strings.HasPrefix(content, "-> "):
			require.NoError(t, os.Symlink(content[3:], full))
		case content == "|":
			require.NoError(t, unix.Mkfifo(full, 0o644))
		default:
			put(t, dir, path, content)
		}
	}
}

// facts returns the file facts of a recipe, with the first four digits of digests.
func facts(t *testing.T, spec Spec) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(string(captured(t, spec).Text)) {
		if line, ok := strings.CutPrefix(strings.TrimSpace(line), "file "); ok {
			if i := strings.Index(line, plainSum); i >= 0 {
				line = line[:i+len(plainSum)+4]
			}
			lines = append(lines, strings.ReplaceAll(line, `"`, ""))
		}
	}
	return lines
}

// SHA-256 of a, b and c begin with ca97, 3e23 and 2e7d.
func TestFileFacts(t *testing.T) {
	cases := []struct {
		name  string
		tree  []string
		files []string
		want  []string
	}{
		{"file", []string{"f a"}, []string{"f"}, []string{"f plain 1 sha256:ca97"}},
		{"absent", nil, []string{"f", "no/f"}, []string{"f absent", "no/f absent"}},
		{"below a file", []string{"f a"}, []string{"f/x"}, []string{"f/x absent"}},
		{"not tidy", []string{"d/f a"}, []string{".//d/./f", "d//f", "d/f/"}, []string{"d/f plain 1 sha256:ca97"}},
		{"upwards", []string{"d/e/x a", "l -> d/e", "d/f b"}, []string{"l/../f"}, []string{"l/../f plain 1 sha256:3e23"}},
		{
			"directory",
			[]string{"d/b a", "d/a/x b", "d/a-b c", "d/empty/", "d/.hidden a"},
			[]string{"d"},
			[]string{"d directory", "d/.hidden plain 1 sha256:ca97", "d/a directory", "d/a-b plain 1 sha256:2e7d", "d/a/x plain 1 sha256:3e23", "d/b plain 1 sha256:ca97", "d/empty directory"},
		},
		{"working directory", []string{"f a"}, []string{"."}, []string{". directory", "bin directory", "bin/tool.exe exec 9 sha256:4a9a", "f plain 1 sha256:ca97"}},
		{"link", []string{"l -> f", "f a"}, []string{"l"}, []string{"l link f plain 1 sha256:ca97"}},
		{"link to link", []string{"l -> k", "k -> f", "f a"}, []string{"l"}, []string{"l link k plain 1 sha256:ca97"}},
		{"broken link", []string{"l -> f"}, []string{"l"}, []string{"l link f absent"}},
		{"link to itself", []string{"l -> l"}, []string{"l"}, []string{"l link l loop"}},
		{"link to directory", []string{"l -> d", "d/f a"}, []string{"l"}, []string{"l link d directory", "l/f plain 1 sha256:ca97"}},
		{"link upwards", []string{"d/f a", "d/l -> ."}, []string{"d"}, []string{"d directory", "d/f plain 1 sha256:ca97", "d/l link . same d"}},
		{"two links to one directory", []string{"e/f a", "d/k -> ../e", "d/l -> ../e"}, []string{"d"}, []string{"d directory", "d/k link ../e directory", "d/k/f plain 1 sha256:ca97", "d/l link ../e same d/k"}},
		{"link before the directory itself", []string{"d/a -> z", "d/z/f a"}, []string{"d"}, []string{"d directory", "d/a link z directory", "d/a/f plain 1 sha256:ca97", "d/z directory", "d/z/f plain 1 sha256:ca97"}},
		{"FIFO in a directory", []string{"d/p |"}, []string{"d"}, []string{"d directory", "d/p fifo"}},
		{"link to FIFO in a directory", []string{"d/l -> ../p", "p |"}, []string{"d"}, []string{"d directory", "d/l link ../p fifo"}},
		{"link to a device in a directory", []string{"d/l -> /dev/null"}, []string{"d"}, []string{"d directory", "d/l link /dev/null device"}},
		{"glob", []string{"a.go a", "b.go b", "c.c c", "d/e.go c"}, []string{"*.go"}, []string{"a.go plain 1 sha256:ca97", "b.go plain 1 sha256:3e23"}},
		{"glob without a match", []string{"a.c a"}, []string{"*.go", "no/*"}, nil},
		{"deep glob", []string{"a.go a", "d/e/b.go b", "d/.h/c.go c", "d/x.c c"}, []string{"**/*.go"}, []string{"a.go plain 1 sha256:ca97", "d/.h/c.go plain 1 sha256:2e7d", "d/e/b.go plain 1 sha256:3e23"}},
		{"glob names a directory", []string{"d/e/f a"}, []string{"d/*"}, []string{"d/e directory", "d/e/f plain 1 sha256:ca97"}},
		{"glob names all", []string{"d/e/f a", "d/g b"}, []string{"d/**"}, []string{"d directory", "d/e directory", "d/e/f plain 1 sha256:ca97", "d/g plain 1 sha256:3e23"}},
		{"all of what is absent", nil, []string{"d/**"}, []string{"d absent"}},
		{"alternatives", []string{"a/x a", "b/y b", "c/z c"}, []string{"{a/x,b/*}"}, []string{"a/x plain 1 sha256:ca97", "b/y plain 1 sha256:3e23"}},
		{"alternative names", []string{"a.c a", "a.h b", "a.o c"}, []string{"*.{c,h}"}, []string{"a.c plain 1 sha256:ca97", "a.h plain 1 sha256:3e23"}},
		{"empty alternative", []string{"a/f a", "b b"}, []string{"{,b,x/y}"}, []string{"b plain 1 sha256:3e23", "x/y absent"}},
		{"alternative that is a directory", []string{"a/f a", "b/f b"}, []string{"a/{,x}"}, []string{"a directory", "a/f plain 1 sha256:ca97", "a/x absent"}},
		{"alternative upwards", []string{"a/f a", "b/f b"}, []string{"a/{..,.}/b/f"}, []string{"a/../b/f plain 1 sha256:3e23", "a/b/f absent"}},
		{"alternative of any depth", []string{"f a", "a/f b"}, []string{"{a,**}/f"}, []string{"a/f plain 1 sha256:3e23", "f plain 1 sha256:ca97"}},
		{"name that is a glob", []string{"[id].ts a", "i.ts b"}, []string{"[id].ts"}, []string{"[id].ts plain 1 sha256:ca97", "i.ts plain 1 sha256:3e23"}},
		{"escaped", []string{"a* a", "ab b"}, []string{`a\*`}, []string{"a* plain 1 sha256:ca97"}},
		{"glob through a link", []string{"d/l -> ../e", "e/f.go a", "e/g.c b"}, []string{"d/**/*.go"}, []string{"d/l link ../e directory", "d/l/f.go plain 1 sha256:ca97"}},
		{"glob below a link", []string{"l -> e", "e/f.go a", "e/d/g.go b"}, []string{"l/**/*.go", "l/*.go"}, []string{"l/d/g.go plain 1 sha256:3e23", "l/f.go plain 1 sha256:ca97"}},
		{"glob below a link to nothing", []string{"l -> e", "k -> l/f", "m a"}, []string{"l/*.go", "k/*", "m/*"}, nil},
		{"glob and a loop", []string{"d/f.go a", "d/l -> ."}, []string{"d/**/*.go"}, []string{"d/f.go plain 1 sha256:ca97", "d/l link . same d"}},
		{
			"glob expects other files behind a link", // so what was walked already is not enough
			[]string{"d/a/x a", "d/a/y b", "d/b -> a"},
			[]string{"d/{a/x,b/y}"},
			[]string{"d/a/x plain 1 sha256:ca97", "d/b/y plain 1 sha256:3e23"},
		},
		{
			"link in a glob to what matches nothing",
			[]string{"d/l -> ../e", "e/f a"},
			[]string{"d/*/x*"},
			[]string{"d/l link ../e directory"},
		},
		{"glob matches FIFO", []string{"p.go |"}, []string{"*.go"}, []string{"p.go fifo"}},
		{"glob does not match FIFO", []string{"p |", "d/p |", "a.go a"}, []string{"**/*.go"}, []string{"a.go plain 1 sha256:ca97"}},
		{"left out", []string{"d/a a", "d/a.t b", "d/e/b.t b"}, []string{Except("d/**", []string{"d/*.t"})}, []string{"d directory", "d/a plain 1 sha256:ca97", "d/e directory", "d/e/b.t plain 1 sha256:3e23"}},
		{"left out with all below", []string{"d/a a", "d/e/b b"}, []string{Except("d", []string{"./d/e/"})}, []string{"d directory", "d/a plain 1 sha256:ca97"}},
		{"left out of one and not of another", []string{"d/a a", "d/b b"}, []string{Except("d/*", []string{"d/b"}), "d/[b]"}, []string{"d/a plain 1 sha256:ca97", "d/b plain 1 sha256:3e23"}},
		{
			"left out below a link that another names, too", // so what was walked without it is not enough
			[]string{"d/a a", "d/b b", "l -> d", "k -> d"},
			[]string{Except("k", []string{"**/a"}), "l"},
			[]string{"k link d directory", "k/b plain 1 sha256:3e23", "l link d directory", "l/a plain 1 sha256:ca97", "l/b plain 1 sha256:3e23"},
		},
		{"all left out", []string{"d/a a"}, []string{Except("d/a", []string{"**"})}, nil},
		{
			"what Git keeps",
			[]string{"d/.git/HEAD a", "d/a a", "d/e/.git b", ".git/HEAD c"},
			[]string{"d"},
			[]string{"d directory", "d/a plain 1 sha256:ca97", "d/e directory"},
		},
		{"what Git keeps, by name", []string{".git/HEAD a", "d/.git/x b"}, []string{".git", "**/.git/*"}, []string{".git directory", ".git/HEAD plain 1 sha256:ca97", "d/.git/x plain 1 sha256:3e23"}},
		{
			"list",
			[]string{"n d/a\r\n\n./b*/\n@x\nno", "d/a a", "b* b", "bc b", "@x a"},
			[]string{"@n"},
			[]string{"@x plain 1 sha256:ca97", "b* plain 1 sha256:3e23", "d/a plain 1 sha256:ca97", "n plain 17 sha256:ef3f", "no absent"},
		},
		{"list cut at NULs", []string{"n d\x00a\nb\x00", "d/a a", "a\nb b"}, []string{Except("@n", []string{"n"})}, []string{`a\nb plain 1 sha256:3e23`, "d directory", "d/a plain 1 sha256:ca97"}},
		{"what begins as a list does is left out alone", []string{"d/a a", "d/@n b"}, []string{Except("d/*", []string{"@n", "d/@n"})}, []string{"d/a plain 1 sha256:ca97"}},
		{
			"list of another directory",
			[]string{"d/n a\n../c\n", "d/a a", "c c"},
			[]string{From("@n", "d/")},
			[]string{"d/../c plain 1 sha256:2e7d", "d/a plain 1 sha256:ca97", "d/n plain 7 sha256:74b9"},
		},
		{
			"list within a directory",
			[]string{"d/e/n a", "d/n -> e/n", "d/a a"},
			[]string{Within("@n", "d")},
			[]string{"d/a plain 1 sha256:ca97", "d/n link e/n plain 1 sha256:ca97"},
		},
		{"name that begins as a list does", []string{"@n a"}, []string{"./@n"}, []string{"@n plain 1 sha256:ca97"}},
		{"strange names", []string{"d/a\nb a", "d/\xff b"}, []string{"d"}, []string{"d directory", `d/a\nb plain 1 sha256:ca97`, `d/\xff plain 1 sha256:3e23`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir, spec := here(t)
			tree(t, dir, c.tree...)
			spec.Files = c.files
			require.Equal(t, c.want, facts(t, spec))
		})
	}
}

// A link that leads elsewhere is another input, even if every directory that it can lead to is walked anyway.
func TestRetargetedLink(t *testing.T) {
	for _, pattern := range []string{"d", "d/**/*.go", "d/**"} {
		t.Run(pattern, func(t *testing.T) {
			dir, spec := here(t)
			tree(t, dir, "d/v1/f.go a", "d/v2/f.go b", "d/x -> "+dir+"/cur", "cur -> d/v1")
			spec.Files = []string{pattern}
			before := captured(t, spec)
			require.NoError(t, os.Remove(filepath.Join(dir, "cur")))
			tree(t, dir, "cur -> d/v2")
			require.NotEqual(t, before.Key, captured(t, spec).Key)
		})
	}
}

// Only the executable bit of a mode is a fact: umasks differ between machines.
func TestMode(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "f", "a")
	spec.Files = []string{"f"}
	keys := map[Key][]string{}
	for _, mode := range []os.FileMode{0o644, 0o600, 0o664, 0o755, 0o700, 0o444} {
		require.NoError(t, os.Chmod(path, mode))
		k := captured(t, spec).Key
		keys[k] = append(keys[k], fmt.Sprintf("%o", mode))
	}
	var groups [][]string
	for _, group := range keys {
		groups = append(groups, group)
	}
	require.ElementsMatch(t, [][]string{{"644", "600", "664", "444"}, {"755", "700"}}, groups)
}

// What has no content to stand still cannot be an input, and never blocks.
func TestNamedExplicitly(t *testing.T) {
	dir, spec := here(t)
	tree(t, dir, "p |", "l -> p")
	require.NoError(t, unix.Mknod(filepath.Join(dir, "s"), unix.S_IFSOCK|0o600, 0))
	for _, name := range []string{"p", "l", "s", "/dev/null", "/dev/tty"} {
		spec.Files = []string{name}
		r, err := Capture(spec, nil)
		var input *InputError
		require.ErrorAs(t, err, &input)
		require.Equal(t, name, input.Path)
		require.ErrorIs(t, err, errKind)
		require.NotEmpty(t, r.Exe)
	}
}

// A FIFO that takes the place of a file at the worst moment does not block either.
func TestReplacedByFIFO(t *testing.T) {
	for _, name := range []string{"f", "l"} {
		dir, spec := here(t)
		tree(t, dir, "f a", "l -> f")
		spec.Files, spec.Exe = []string{name}, ExePath
		m := newMemory()
		m.asked = func(StatID) {
			require.NoError(t, os.Remove(filepath.Join(dir, "f")))
			tree(t, dir, "f |")
		}
		_, err := captureAt(spec, m, time.Now().Add(time.Minute))
		require.ErrorIs(t, err, errChanged)
	}
}

// A file that is no link is not followed when it has become one.
func TestReplacedByLink(t *testing.T) {
	dir, spec := here(t)
	tree(t, dir, "f a")
	spec.Files, spec.Exe = []string{"f"}, ExePath
	m := newMemory()
	m.asked = func(StatID) {
		require.NoError(t, os.Rename(filepath.Join(dir, "f"), filepath.Join(dir, "g")))
		tree(t, dir, "f -> g")
	}
	_, err := captureAt(spec, m, time.Now().Add(time.Minute))
	require.ErrorIs(t, err, unix.ELOOP)
}

// Links in every direction: each directory is walked once through a link, so the recipe stays small.
func TestManyLinksEnd(t *testing.T) {
	dir, spec := here(t)
	const n = 12
	for i := range n {
		tree(t, dir, fmt.Sprintf("d/p%d/f.go %d", i, i))
		for j := range n {
			tree(t, dir, fmt.Sprintf("d/p%d/links/p%d -> ../../p%d", i, j, j))
		}
	}
	for _, pattern := range []string{"d", "d/**/*.go"} {
		spec.Files = []string{pattern}
		require.Less(t, len(facts(t, spec)), 4*n*n+10*n)
	}
}

// A walk over too much ends before it has used much memory, and before anything is read.
func TestTooManyFiles(t *testing.T) {
	dir, spec := here(t)
	for i := range 40 {
		put(t, dir, fmt.Sprintf("d/%s%d", strings.Repeat("n", 200), i), "")
	}
	spec.Files = []string{"d"}
	for room, want := range map[int]bool{20_000: true, 10_000: false} {
		m := newMemory()
		c := newCapture(spec, m, time.Now().Add(time.Minute))
		c.text = make([]byte, MaxRecipe-room)
		err := c.addFiles()
		if want {
			require.NoError(t, err)
			continue
		}
		var tooLarge *TooLarge
		require.ErrorAs(t, err, &tooLarge)
		require.Zero(t, m.misses)
	}
}

// Through its own name a deep tree is walked with one descriptor at a time.
func TestDeepTree(t *testing.T) {
	dir, spec := here(t)
	deep := strings.Repeat("d/", 400)
	put(t, dir, deep+"f", "a")
	spec.Files = []string{"d"}
	var limit unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	low := limit
	low.Cur = 100
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	defer func() { require.NoError(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()
	list := facts(t, spec)
	require.Equal(t, deep+"f plain 1 sha256:ca97", list[len(list)-1])
}

// Many files are read by several goroutines; the recipe does not show it.
func TestWideTree(t *testing.T) {
	if testing.Short() {
		t.Skip("makes a wide tree")
	}
	dir, spec := here(t)
	var want []string
	for i := range 600 {
		put(t, dir, fmt.Sprintf("d/f%03d.go", i), "a")
		want = append(want, fmt.Sprintf("d/f%03d.go plain 1 sha256:ca97", i))
	}
	for i := range 60 {
		tree(t, dir, fmt.Sprintf("d/s%02d/f.go a", i), fmt.Sprintf("d/s%02d/l -> ../s%02d", i, (i+30)%60))
		want = append(want, fmt.Sprintf("d/s%02d/f.go plain 1 sha256:ca97", i))
	}
	spec.Files = []string{"d/**/*.go"}
	got := slices.DeleteFunc(facts(t, spec), func(line string) bool { return strings.Contains(line, "/l") })
	require.Equal(t, want, got)
	for _, pattern := range []string{"d/**/*.go", "d"} {
		spec.Files = []string{pattern}
		first := captured(t, spec)
		for range 20 {
			require.NoError(t, first.Same(captured(t, spec)))
		}
	}
	require.NoError(t, os.Remove(filepath.Join(dir, "d/f599.go")))
	tree(t, dir, "d/f599.go |")
	require.Contains(t, facts(t, spec), "d/f599.go fifo")
}

// A file that vanishes after its directory was listed is an input that did not stand still, never an absent one.
func TestVanishingFile(t *testing.T) {
	for _, careful := range []bool{true, false} {
		dir, _ := here(t)
		tree(t, dir, "d/a a", "d/b b", "d/c c")
		w := newWalk(dir, 1000)
		w.careful = careful
		d, at, err := openFolder(filepath.Join(dir, "d"), false)
		require.NoError(t, err)
		found, _, err := w.candidates(d, w.all("d", at))
		require.NoError(t, err)
		require.Len(t, found, 3)
		require.NoError(t, os.Remove(filepath.Join(dir, "d/b")))
		if _, _, err = w.lookAll(d, len("d/"), found); !careful {
			require.NoError(t, err)
			_, err = w.finish()
		}
		var input *InputError
		require.ErrorAs(t, err, &input)
		require.Equal(t, "d/b", input.Path)
		require.ErrorIs(t, err, errVanished)
	}
}

// What is no file any more when it is looked at is found out by a walk that believes no listing.
func TestBecameDirectory(t *testing.T) {
	for _, instead := range []string{"d/b/", "d/b -> a"} {
		dir, _ := here(t)
		tree(t, dir, "d/a a", "d/b b")
		w := newWalk(dir, 1000)
		d, at, err := openFolder(filepath.Join(dir, "d"), false)
		require.NoError(t, err)
		found, _, err := w.candidates(d, w.all("d", at))
		require.NoError(t, err)
		require.NoError(t, os.Remove(filepath.Join(dir, "d/b")))
		tree(t, dir, instead)
		_, _, err = w.lookAll(d, len("d/"), found)
		require.NoError(t, err)
		_, err = w.finish()
		require.ErrorIs(t, err, errOtherKind)
	}
}

// A path is written in one way, whether it is known at a glance that it is or not.
func TestTidy(t *testing.T) {
	for path, want := range map[string]string{
		"": ".", ".": ".", "./": ".", "/": "/", "//": "/", "/.": "/", "a": "a", "a/b": "a/b", "./a": "a", "a/": "a", "a/.": "a",
		"a//b": "a/b", "a/./b": "a/b", "//a": "/a", "/a/": "/a", "..": "..", "../a": "../a", "a/..": "a/..", ".a": ".a",
		"a/.b": "a/.b", "a./b": "a./b", "./.": ".", "./..": "..",
	} {
		require.Equal(t, want, tidy(path), path)
	}
}
