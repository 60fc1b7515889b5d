//go:build amd64 || arm64

package fastpath

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const aDigest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// sees changes the memo into one of a command that was seen to use in and header, and what the lines tell of.
func (w *world) sees(t *testing.T, lines string) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.home+"/header", []byte("input"), 0o600))
	for _, name := range []string{"in", "header"} {
		lines += fmt.Sprintf("seen c- %q plain size 5 %s\n", w.home+"/"+name, aDigest)
	}
	sum, ok := SumSeen(lines)
	require.True(t, ok, lines)
	head := "what an entry says of itself; " + lines
	entry := []byte(head)
	entry = append64(entry, Sum64(entry))
	redirect := append64([]byte("redirect"), Sum64([]byte("redirect")))
	w.write("entries/ab/abcd", string(entry))
	w.write("entries/ab/first", string(redirect))
	m := &w.memo
	m.Size, m.Sum, m.Offset = int64(len(entry)), load64(entry[len(entry)-8:]), int64(len(head))
	m.Seen = &Seen{
		Redirect: Part{Name: "entries/ab/first", To: int64(len(redirect)), Sum: Sum64([]byte("redirect"))},
		Lines:    Part{From: m.Offset - int64(len(lines)), To: m.Offset}, Sum: sum, Uncounted: []string{},
	}
}

// observed makes it one of an observed command, which printed something.
func (w *world) observed(t *testing.T) {
	w.sees(t, "seen m- \"/none/at/all\" absent\n")
	m := &w.memo
	b, err := os.ReadFile(w.path("entries/ab/abcd"))
	require.NoError(t, err)
	entry := append(b[:m.Offset:m.Offset], w.body...)
	entry = append64(entry, Sum64(entry))
	w.write("entries/ab/abcd", string(entry))
	m.Size, m.Sum = int64(len(entry)), load64(entry[len(entry)-8:])
	m.Seen.Uncounted = []string{"OLDPWD", "PWD"}
	var ok bool
	m.Seen.Around, ok = SumAround(umask(), w.environ, m.Seen.Uncounted)
	require.True(t, ok)
	w.remember(w.args)
}

func TestWayOfAnObservedRun(t *testing.T) {
	w := newWorld(t)
	w.observed(t)
	requireThereAndBack(t, w.memo)
	w.requireAnswered()
	w.environ = append(w.environ, "OLDPWD=/elsewhere")
	w.requireAnswered()
}

// Where anything is another the ordinary way decides.
func TestWayOfAnotherRun(t *testing.T) {
	for what, change := range map[string]func(w *world){
		"an input":         func(w *world) { require.NoError(t, os.WriteFile(w.home+"/in", []byte("other"), 0o600)) },
		"it goes":          func(w *world) { require.NoError(t, os.Remove(w.home+"/header")) },
		"more was learned": func(w *world) { w.write("entries/ab/first", "redirect and more than that") },
		"the redirect":     func(w *world) { w.flip("entries/ab/first", 0) },
		"the lines":        func(w *world) { w.flip("entries/ab/abcd", 45) },
		"a variable":       func(w *world) { w.environ = append(w.environ, "NEW=1") },
		"its value":        func(w *world) { w.environ[3] = "X=2" },
		"one less":         func(w *world) { w.environ = w.environ[:3] },
		"their order":      func(w *world) { w.environ[2], w.environ[3] = w.environ[3], w.environ[2] },
	} {
		w := newWorld(t)
		w.observed(t)
		change(w)
		found, stdout, stderr := w.try()
		require.Equal(t, knowsCall, found, what)
		require.Empty(t, stdout+stderr, what)
	}
}

// hasOpenat2 is false in old emulators: there directories are left to the ordinary way.
func hasOpenat2() bool {
	s := seer{look: &look{path: make([]byte, 8)}}
	return s.isPlace("/", false, false)
}

func TestSumSeen(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("plain", []byte("12345"), 0o600))
	require.NoError(t, os.WriteFile("exec", nil, 0o700))
	require.NoError(t, os.Mkdir("d", 0o750))
	require.NoError(t, os.Symlink("plain", "link"))
	require.NoError(t, os.Symlink("d", "way"))
	require.NoError(t, os.Symlink("gone", "dangling"))
	require.NoError(t, os.Symlink("loop", "loop"))
	require.NoError(t, syscall.Mkfifo("fifo", 0o600))
	at := func(name string) FileID {
		id, ok := Identify(name, Itself)
		require.True(t, ok)
		return id
	}
	owner := ""
	if os.Geteuid() != 0 {
		owner = " owner 0"
	}
	for line, want := range map[string]bool{
		`seen c- "DIR/plain" plain size 5 ` + aDigest:                                             true,
		`seen c- "DIR/plain" plain size 6 ` + aDigest:                                             false,
		`seen c- "DIR/plain" exec size 5 ` + aDigest:                                              false,
		`seen c- "DIR/plain" plain size 5 identity ` + aDigest:                                    true,
		`seen c- "DIR/plain" plain size 5 ` + aDigest[:70]:                                        false,
		`seen c- "DIR/plain" plain size 5 ` + aDigest + "0":                                       false,
		`seen c- "DIR/plain" plain size 5`:                                                        false,
		`seen c- "DIR/plain" absent`:                                                              false,
		`seen r- "DIR/plain" plain libraries ` + aDigest:                                          true,
		`seen m- "DIR/plain" plain mode 600 size 5`:                                               true,
		`seen m- "DIR/plain" plain mode 644 size 5`:                                               false,
		`seen m- "DIR/plain" plain mode 600 size 5 ` + aDigest:                                    false,
		`seen m- "DIR/exec" exec mode 700 size 0`:                                                 true,
		`seen mc- "DIR/exec" exec mode 700 size 0`:                                                false, // the letters have an order
		`seen - "DIR/exec" exec`:                                                                  true,
		`seen - "DIR/exec" plain`:                                                                 false,
		`seen t- "DIR/exec" exec modified ` + fmt.Sprint(at("exec").Mtime):                        true,
		`seen t- "DIR/exec" exec modified ` + fmt.Sprint(at("exec").Mtime+1):                      false,
		`seen tx- "DIR/exec" exec modified MTIME changed ` + fmt.Sprint(at("exec").Ctime):         true,
		`seen x- "DIR/exec" exec changed ` + fmt.Sprint(at("exec").Ctime-1):                       false,
		`seen m- "DIR/none" absent`:                                                               true,
		`seen m- "DIR/none" below a file, absent`:                                                 false,
		`seen m- "DIR/plain/x" below a file, absent`:                                              true,
		`seen m- "DIR/loop" loop`:                                                                 true,
		`seen m- "DIR/dangling" absent`:                                                           true,
		`seen l- "DIR/dangling" link "gone" itself`:                                               true,
		`seen ml- "DIR/dangling" link "gone" absent`:                                              true,
		`seen l- "DIR/link" link "plain" itself`:                                                  true,
		`seen l- "DIR/link" link "other" itself`:                                                  false,
		`seen l- "DIR/link" plain`:                                                                false,
		`seen ml- "DIR/link" link "plain" plain mode 600 size 5`:                                  true,
		`seen tl- "DIR/link" link "plain" modified ` + fmt.Sprint(at("link").Mtime) + " itself":   true,
		`seen tl- "DIR/link" link "plain" modified ` + fmt.Sprint(at("link").Mtime+1) + " itself": false,
		`seen l- "DIR/plain" plain`:                                                               true,
		`seen l- "DIR/plain" link "plain" itself`:                                                 false,
		`seen m- "DIR/d" directory mode 750`:                                                      true,
		`seen m- "DIR/d" directory mode 751`:                                                      false,
		`seen m- "DIR/d" directory at "DIR/d" mode 750`:                                           true,
		`seen m- "DIR/way" directory at "DIR/d" mode 750`:                                         true,
		`seen m- "DIR/way" directory mode 750`:                                                    false,
		`seen m- "DIR/way" directory at "DIR" mode 750`:                                           false,
		`seen m- "DIR/way" directory at "DIR/way" mode 750`:                                       false,
		`seen m- "DIR/way/../way" directory at "DIR/d" mode 750`:                                  true,
		`seen md- "DIR/d" directory mode 750 changed ` + fmt.Sprint(at("d").Ctime):                true,
		`seen md- "DIR/d" directory mode 750 changed ` + fmt.Sprint(at("d").Ctime+1):              false,
		`seen n- "DIR/d" directory names ` + aDigest:                                              true,
		`seen n- "DIR/d" directory`:                                                               false,
		`seen n- "DIR/d" directory unreadable`:                                                    false,
		`seen c- "DIR/fifo" fifo`:                                                                 true,
		`seen m- "/" directory mode 755` + owner:                                                  true,
		`seen - "/dev/null" device`:                                                               true,
		`seen o- "DIR/x.o" output`:                                                                true,
		`seen a- "DIR/none" absent`:                                                               false, // where that is depends on the repository
		`seen z- "DIR/none" absent`:                                                               false,
		`seen m- "none" absent`:                                                                   false,
		`seen m- "DIR/n\u006fne" absent`:                                                          false,
		`seen m- "DIR/none absent`:                                                                false,
		`seen m- "DIR/none" absent `:                                                              false,
		`seen-env "A" unset`:                                                                      false,
		`s`:                                                                                       false,
	} {
		want = want && (!strings.Contains(line, " directory") || hasOpenat2())
		line = strings.ReplaceAll(strings.ReplaceAll(line, "DIR", dir), "MTIME", fmt.Sprint(at("exec").Mtime))
		_, ok := SumSeen(line + "\n")
		require.Equal(t, want, ok, line)
		_, ok = SumSeen(line)
		require.False(t, ok, "a line that does not end")
		first, ok := SumSeen("seen m- \"/none/at/all\" absent\n" + line + "\n")
		require.Equal(t, want, ok, line)
		again, _ := SumSeen(line + "\n")
		require.Equal(t, want, first == again && ok, line)
	}
	stood, ok := SumSeen(fmt.Sprintf("seen c- %q plain size 5 %s\n", dir+"/plain", aDigest))
	require.True(t, ok)
	id, ok := Identify("plain", Followed)
	require.True(t, ok)
	require.Equal(t, SumFiles([]FileID{id}), stood)
	require.NotEqual(t, SumFiles(nil), stood)
}

// The group counts where it tells what this process may do, as package hashing has it.
func TestSumSeenOfOtherGroups(t *testing.T) {
	if os.Geteuid() != 0 || os.Getegid() != 0 {
		t.Skip("only root gives files away")
	}
	groups, err := syscall.Getgroups()
	require.NoError(t, err)
	path := t.TempDir() + "/f"
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	for _, c := range []struct {
		owner, group int
		want         string
	}{
		{0, 0, ""},
		{0, 70002, " group 70002"},
		{80000, 70002, " owner 80000"},
		{80000, 0, " owner 80000 group 0"},
	} {
		require.NotContains(t, groups, 70002)
		require.NoError(t, os.Chown(path, c.owner, c.group))
		for _, says := range []string{"", " group 70002", " owner 80000", " owner 80000 group 0", " owner 80000 group 70002"} {
			_, ok := SumSeen(fmt.Sprintf("seen m- %q plain mode 600%s size 0\n", path, says))
			require.Equal(t, says == c.want, ok, "%v: %q", c, says)
		}
	}
}

// Names are an answer for those alone who may list the directory: not each process of a user has the same rights.
func TestSumSeenOfWhatIsClosed(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o711))
	require.NoError(t, os.Chmod(dir, 0o311))
	line := fmt.Sprintf("seen n- %q directory names %s\n", dir, aDigest)
	if os.Geteuid() == 0 {
		_, ok := SumSeen(line)
		require.Equal(t, hasOpenat2(), ok)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		require.NoError(t, syscall.Setfsuid(1234)) // of this thread, which can do less then
		defer func() { require.NoError(t, syscall.Setfsuid(0)) }()
	}
	_, ok := SumSeen(line)
	require.False(t, ok)
	_, ok = SumSeen(fmt.Sprintf("seen - %q directory\n", dir))
	require.Equal(t, hasOpenat2(), ok)
}

// Whatever lines there are: no panic.
func FuzzSumSeen(f *testing.F) {
	f.Add("seen cmtl- \"/etc/passwd\" plain mode 644 size 5 modified 7 " + aDigest + "\n")
	f.Add("seen n- \"/\" directory at \"/\" names " + aDigest + "\n")
	f.Fuzz(func(t *testing.T, lines string) {
		if _, ok := SumSeen(lines); ok && lines != "" {
			require.Equal(t, byte('\n'), lines[len(lines)-1])
		}
	})
}
