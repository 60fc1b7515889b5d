//go:build amd64 || arm64

package trace_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/trace"
)

const (
	read    = trace.Read
	looked  = trace.Looked
	times   = trace.Times
	listed  = trace.Listed
	link    = trace.Link
	written = trace.Written
	claimed = trace.Claimed
	xattr   = trace.Xattr
)

// What the programs of a system do, one way to use a path each. In the directory are the files a and b, the empty
// directory d and l, a link to a.
func TestUses(t *testing.T) {
	interpreter := python(t)
	python := func(text string) []string { return []string{interpreter, "-c", "import os\n" + text} }
	sh := func(text string) []string { return []string{"sh", "-c", text} }
	exchange := python("import ctypes\nif ctypes.CDLL(None).renameat2(-100,b'a',-100,b'b',2): raise OSError")
	for _, c := range []struct {
		name string
		argv []string
		path string
		want trace.Seen
	}{
		{"read", []string{"cat", "a"}, "a", trace.Seen{Use: read, Before: trace.Something}},
		{"looked for in vain", []string{"cat", "none"}, "none", trace.Seen{Use: read, Before: trace.Nothing}},
		{"by a thread", python("import threading\nt=threading.Thread(target=lambda: open('a'))\nt.start()\nt.join()"), "a", trace.Seen{Use: read}},
		{"by a child of a child", sh("sh -c 'cat a; true'; true"), "a", trace.Seen{Use: read}},
		{"by a child of vfork", python("import subprocess\nsubprocess.run(['cat','a'],close_fds=False)"), "a", trace.Seen{Use: read}},
		{"below another directory", sh("cd d && cat ../a"), "a", trace.Seen{Use: read}},
		{"entered", sh("cd d"), "d", trace.Seen{Use: looked | times}},
		{"by an open directory", python("d=os.open('d',os.O_RDONLY)\nos.stat('../a',dir_fd=d)"), "a", trace.Seen{Use: looked | times}},
		{"way out of a directory", []string{"cat", "d/../a"}, "a", trace.Seen{Use: read}},
		{"directory that was gone through", []string{"cat", "d/../a"}, "d", trace.Seen{Use: looked | link}},
		{"way out of what is none", []string{"cat", "l/../a"}, "l/../a", trace.Seen{Use: read}},
		{"superfluous parts", []string{"cat", ".//d/.//..///a"}, "a", trace.Seen{Use: read}},
		{"hidden", []string{"cat", ".none/a"}, ".none/a", trace.Seen{Use: read, Before: trace.Nothing}},
		{"below the root", python("a=os.getcwd()+'/a'\nos.chdir('/')\nopen(a[1:])"), "a", trace.Seen{Use: read}},
		{"looked at", python("os.stat('a')"), "a", trace.Seen{Use: looked | times}},
		{"looked at itself", python("os.lstat('l')"), "l", trace.Seen{Use: looked | times | link}},
		{"allowed", python("os.access('a',os.R_OK)"), "a", trace.Seen{Use: looked}},
		{"link read", python("os.readlink('l')"), "l", trace.Seen{Use: link}},
		{"not through a link", python("os.open('a',os.O_RDONLY|os.O_NOFOLLOW)"), "a", trace.Seen{Use: read | link}},
		{"handle alone", python("os.open('a',os.O_PATH)"), "a", trace.Seen{Use: looked | times}},
		{"listed", []string{"ls", "d"}, "d", trace.Seen{Use: listed | looked}},
		{"listed when it is open already", python("os.listdir(os.open('d',os.O_RDONLY))"), "d", trace.Seen{Use: listed | looked}},
		{"opened to be listed, and not", python("os.open('d',os.O_RDONLY|os.O_DIRECTORY)"), "d", trace.Seen{Use: looked}},
		{"opened without saying what for", python("os.open('d',os.O_RDONLY)"), "d", trace.Seen{Use: looked}},
		{"extended attributes", python("os.listxattr('a')"), "a", trace.Seen{Use: xattr}},
		{"extended attributes of what is open", python("os.listxattr(os.open('a',os.O_RDONLY))"), "a", trace.Seen{Use: read | xattr}},
		{"by a descriptor's name", python("f=open('a')\nos.remove\nopen('/proc/self/fd/%d'%f.fileno())"), "a", trace.Seen{Use: read}},
		{"by /dev/fd", python("f=open('a')\nopen('/dev/fd/%d'%f.fileno())"), "a", trace.Seen{Use: read}},
		{"by /proc/self/cwd", []string{"cat", "/proc/self/cwd/a"}, "a", trace.Seen{Use: read}},
		{"by the pid", sh("cat /proc/$$/cwd/a"), "", trace.Seen{}},

		{"made", sh("echo > new"), "new", trace.Seen{Use: written, Before: trace.Nothing}},
		{"made and read", sh("echo > new; cat new"), "new", trace.Seen{Use: written, After: read, Before: trace.Nothing}},
		{"replaced and read", sh("echo > a; cat a"), "a", trace.Seen{Use: written, After: read, Before: trace.Something}},
		{"read and replaced", sh("cat a; echo > a"), "a", trace.Seen{Use: read | written, Before: trace.Something}},
		{"appended", sh("echo >> a; cat a"), "a", trace.Seen{Use: read | written, Before: trace.Something}},
		{"read and perhaps written", python("os.open('a',os.O_RDWR|os.O_CREAT)"), "a", trace.Seen{Use: read | written, Before: trace.Something}},
		{"made if nothing is there", python("os.open('new',os.O_CREAT|os.O_EXCL)"), "new", trace.Seen{Use: written | claimed, Before: trace.Nothing}},
		{"directory made", []string{"mkdir", "new"}, "new", trace.Seen{Use: written | claimed, Before: trace.Nothing}},
		{"directory that was there", sh("mkdir d"), "d", trace.Seen{Use: looked | claimed, Before: trace.Something}},
		{"link in the way of a directory", sh("mkdir l"), "l", trace.Seen{Use: looked | link | claimed, Before: trace.Something}},
		{"linked to", python("os.symlink('a','new')"), "new", trace.Seen{Use: written | claimed, Before: trace.Nothing}},
		{"second name", python("os.link('a','new')"), "a", trace.Seen{Use: read}},
		{"new name", python("os.link('a','new')"), "new", trace.Seen{Use: written | claimed, Before: trace.Nothing}},
		{"renamed", python("os.rename('a','new')"), "a", trace.Seen{Use: read | written, Before: trace.Something}},
		{"renamed over", python("os.rename('a','b')\nopen('b')"), "b", trace.Seen{Use: written, After: read, Before: trace.Something}},
		{"removed", python("os.remove('a')"), "a", trace.Seen{Use: written, Before: trace.Something}},
		{"removed and made", sh("rm a; echo > a; cat a"), "a", trace.Seen{Use: looked | times | link | written, After: read | written, Before: trace.Something}},
		{"link removed", python("os.remove('l')"), "l", trace.Seen{Use: link | written, Before: trace.Something}},
		{"link renamed over", python("os.rename('a','l')"), "l", trace.Seen{Use: link | written, Before: trace.Something}},
		{"link of the run", python("os.symlink('a','new')\nopen('new')"), "a", trace.Seen{Use: read}},
		{"link of the run itself", python("os.symlink('a','new')\nos.lstat('new')"), "new", trace.Seen{Use: written | claimed, After: looked | times | link, Before: trace.Nothing}},
		{"link of the run that is gone", python("os.symlink('.','new')\nopen('new/a')\nos.remove('new')"), "a", trace.Seen{Use: read}},
		{"link of the run that moved", python("os.symlink('a','new')\nos.rename('new','new2')\nopen('new2')"), "a", trace.Seen{Use: read}},
		{"link of the run in what moved", python("os.mkdir('m')\nos.symlink('../a','m/l')\nos.rename('m','n')\nopen('n/l')"), "a", trace.Seen{Use: read}},
		{"dangling link of the run", python("os.symlink('none','new')\ntry: open('new')\nexcept OSError: pass"), "none", trace.Seen{Use: read, Before: trace.Nothing}},
		{"written through a link of the run", python("os.symlink('a','new')\nopen('new','w')"), "a", trace.Seen{Use: written, Before: trace.Something}},
		{"exchanged", exchange, "b", trace.Seen{Use: read | written, Before: trace.Something}},
		{"removed in vain", python("try: os.remove('none')\nexcept OSError: pass"), "none", trace.Seen{Use: looked | link | written, Before: trace.Nothing}},
		{"mode changed", python("os.chmod('a',0o600)"), "a", trace.Seen{Use: looked | written, Before: trace.Something}},
		{"times changed", python("os.utime('a')"), "a", trace.Seen{Use: looked | written, Before: trace.Something}},
		{"cut", python("os.truncate('a',1)"), "a", trace.Seen{Use: looked | written, Before: trace.Something}},
		{"without a name", python("os.open('d',os.O_TMPFILE|os.O_RDWR)"), "d", trace.Seen{Use: looked}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := workspace(t)
			write(t, filepath.Join(dir, "a"), "a\n")
			write(t, filepath.Join(dir, "b"), "b\n")
			require.NoError(t, os.Mkdir(filepath.Join(dir, "d"), 0o777))
			require.NoError(t, os.Symlink("a", filepath.Join(dir, "l")))
			r := observe(t, dir, c.argv...)
			require.Empty(t, r.Doubts)
			got := r.seen(dir + "/" + c.path)
			if got.Before == trace.Something {
				require.NotZero(t, got.Mode)
			}
			got.Path, got.Mode, got.Size, got.Moved, got.Led, got.Was = "", 0, 0, false, trace.File{}, trace.File{}
			if c.want.Before == 0 {
				got.Before = 0
			}
			if slices.Contains(c.argv, "ls") || strings.HasPrefix(c.argv[len(c.argv)-1], "cd d") {
				got.Use &^= times | xattr // as the system's version has it
				c.want.Use &^= times
			}
			require.Equal(t, c.want, got)
		})
	}
}

// A file that was changed just before the run is known by its time of change, for the next change has another one.
func TestChangedJustBefore(t *testing.T) {
	dir := workspace(t)
	path := filepath.Join(dir, "a")
	for range 10 {
		write(t, path, "a\n")
		_, err := os.Stat(path) // from here on its times are exact where the kernel has such times
		require.NoError(t, err)
		write(t, path, "b\n")
		r := observe(t, dir, "sh", "-c", "cat a; echo c >a")
		seen := r.seen(path)
		require.Equal(t, "b\n", r.Stdout)
		require.NotZero(t, seen.Led.Changed)
		fi, err := os.Stat(path)
		require.NoError(t, err)
		ctime := fi.Sys().(*syscall.Stat_t).Ctim
		require.Less(t, seen.Led.Changed, ctime.Nano())
	}
}

// What is told of writes comes before them, once for each way that says more.
func TestWrites(t *testing.T) {
	dir := workspace(t)
	write(t, filepath.Join(dir, "a"), "a\n")
	type told struct {
		name  string
		how   trace.Write
		there bool
	}
	var all []told
	writes := func(path string, how trace.Write) {
		_, err := os.Lstat(path)
		all = append(all, told{filepath.Base(path), how, err == nil})
	}
	c := command(t, dir, "sh", "-c", "mkdir -p d d; echo >d/x; echo >>d/x; mv d e; rm -f no; echo >>a; mkdir e; cat a")
	r, err := run(trace.Options{Writes: writes}, c, true)
	require.NoError(t, err)
	require.Empty(t, r.Untraced)
	require.Equal(t, []told{
		{"d", trace.MakesDirectory, false},
		{"x", trace.Changes, false},
		{"d", trace.Moves, true},
		{"e", trace.Moves, false},
		{"no", trace.Changes, false},
		{"a", trace.Changes, true},
	}, all)

	all = nil
	c = command(t, dir, "sh", "-c", "echo >b; mknod f p")
	_, err = run(trace.Options{Writes: writes}, c, true)
	require.NoError(t, err)
	require.Equal(t, []told{{"b", trace.Changes, false}, {"f", trace.Changes, false}}, all)

	all = nil
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "l")))
	c = command(t, dir, "sh", "-c", "ln l k; ln a c; echo >l; rm l")
	_, err = run(trace.Options{Writes: writes}, c, true)
	require.NoError(t, err)
	require.Equal(t, []told{
		{"k", trace.Changes, false}, // which is a link, too
		{"a", trace.Links, true},
		{"c", trace.Changes, false},
		{"a", trace.Links, true},
		{"a", trace.Changes, true},
		{"l", trace.Changes, true},
	}, all)
}

// What was there before is told as it was then.
func TestBefore(t *testing.T) {
	dir := workspace(t)
	a := write(t, filepath.Join(dir, "a"), "123")
	require.NoError(t, os.Chmod(a, 0o640))
	r := observe(t, dir, "sh", "-c", "echo 12345 > a; chmod 600 a")
	require.Equal(t, trace.Seen{
		Path: a, Use: written, After: r.seen(a).After, Before: trace.Something, Mode: unix.S_IFREG | 0o640, Size: 3,
		Led: r.seen(a).Led,
	}, r.seen(a))
}

// What a path led to, and what it was itself, is held against what is there afterwards.
func TestFate(t *testing.T) {
	dir := workspace(t)
	for _, name := range []string{"a/x", "b/x", "c/x"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o777))
		write(t, filepath.Join(dir, name), "")
	}
	require.NoError(t, os.Symlink("a", filepath.Join(dir, "l")))
	r := observe(t, dir, "sh", "-c", "cat a/x b/x l/x; test -e n/x; readlink l")
	fate := func(name string) string {
		s := r.seen(filepath.Join(dir, name))
		require.NotEmpty(t, s.Path, name)
		return s.Fate()
	}
	for _, name := range []string{"a/x", "b/x", "l/x", "n/x", "l"} {
		require.Empty(t, fate(name), name)
	}
	rename := func(from, to string) {
		require.NoError(t, os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)))
	}
	rename("a", "d")
	rename("c", "a")
	rename("b", "n")
	require.NoError(t, os.Symlink("d", filepath.Join(dir, "new")))
	rename("new", "l")
	for name, want := range map[string]string{
		"a/x": "replaced", "b/x": "removed", "n/x": "made", "l": "replaced", "l/x": "",
	} {
		require.Equal(t, want, fate(name), name)
	}
}

// One look may tell what a path leads to and what it is itself, but not of a link.
func TestBothWays(t *testing.T) {
	dir := workspace(t)
	write(t, filepath.Join(dir, "a"), "")
	for _, name := range []string{"k", "l"} {
		require.NoError(t, os.Symlink("a", filepath.Join(dir, name)))
	}
	file := func(name string) trace.File {
		st := unix.Stat_t{}
		require.NoError(t, unix.Lstat(filepath.Join(dir, name), &st))
		return trace.File{Device: st.Dev, Inode: st.Ino, Known: true}
	}
	r := observe(t, dir, python(t), "-c", `
import os
for name in 'a', 'k', 'none':
    for look in os.stat, os.lstat:
        try: look(name)
        except OSError: pass
os.lstat('l'); os.stat('l')`)
	for name, want := range map[string][2]trace.File{
		"a": {file("a"), file("a")}, "k": {file("a"), file("k")}, "l": {file("a"), file("l")},
		"none": {{Known: true}, {Known: true}},
	} {
		seen := r.seen(filepath.Join(dir, name))
		seen.Led.Changed, seen.Was.Changed = 0, 0
		require.Equal(t, want, [2]trace.File{seen.Led, seen.Was}, name)
	}
}

// Whose directory in /proc it is that a path names depends on who uses it, also if the path is noted already.
func TestOwnDirectoryInProc(t *testing.T) {
	dir := workspace(t)
	r := observe(t, dir, "sh", "-c", "cat /proc/$$/status; read x </proc/$$/status")
	require.NotZero(t, r.seen("/proc/self/status").Use&read)
	require.Len(t, slices.DeleteFunc(r.Seen, func(s trace.Seen) bool { return !strings.HasSuffix(s.Path, "/status") }), 2)
}

// Who looks through a link that the run made is asked by the name that it uses, and by that which is noted.
func TestTimesOfWhoLooksThroughALink(t *testing.T) {
	dir := workspace(t)
	write(t, filepath.Join(dir, "a"), "")
	for timeless, want := range map[string]trace.Use{
		"": looked | times, "a": looked | times, "new": looked | times, "both": looked,
	} {
		var asked []string
		r, err := run(trace.Options{NoTimes: func(_, path string) bool {
			name := filepath.Base(path)
			if name == "a" || name == "new" {
				asked = append(asked, name)
			}
			return name == timeless || timeless == "both"
		}}, command(t, dir, python(t), "-c", "import os\nos.stat('a')\nos.symlink('a','new')\nos.stat('new')\nos.remove('new')"), true)
		require.NoError(t, err)
		require.Equal(t, want, r.seen(filepath.Join(dir, "a")).Use, timeless)
		require.Equal(t, []string{"a", "new", "a"}, asked)
	}
}

// Only what a table says, the program that looks, decides whether times count.
func TestTimesOfWhoLooks(t *testing.T) {
	dir := workspace(t)
	a := write(t, filepath.Join(dir, "a"), "a")
	var programs []string
	r, err := run(trace.Options{NoTimes: func(program, path string) bool {
		if path == a {
			programs = append(programs, filepath.Base(program))
		}
		return strings.Contains(program, "python")
	}}, command(t, dir, python(t), "-c", "import os; os.stat('a')"), true)
	require.NoError(t, err)
	require.Equal(t, looked, r.seen(a).Use)
	require.NotEmpty(t, programs)
}

// What a program reads of the kernel at each start is not noted of that program, and of no other.
func TestAtStart(t *testing.T) {
	dir := workspace(t)
	for program, want := range map[string]bool{"head": false, "none": true} {
		r, err := run(trace.Options{AtStart: func(by, path string) bool {
			return filepath.Base(by) == program && path == "/proc/meminfo"
		}}, command(t, dir, "sh", "-c", "head -c 1 /proc/meminfo /proc/uptime; :"), true)
		require.NoError(t, err)
		require.Equal(t, want, r.seen("/proc/meminfo").Use&read != 0, program)
		require.NotZero(t, r.seen("/proc/uptime").Use&read, program)
	}
}

// What runs in a process is another program from one call to the next, and the other threads of the process are gone.
func TestTimesOfWhoLooksInTurn(t *testing.T) {
	dir := workspace(t)
	a := write(t, filepath.Join(dir, "a"), "a")
	threads := compile(t, "threads.c", `
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>
static void *become(void *argv) { execv(((char **)argv)[1], (char **)argv + 1); return 0; }
int main(int argc, char **argv) {
	struct stat s;
	pthread_t t;
	if (stat("a", &s) || pthread_create(&t, 0, become, argv))
		return 1;
	for (;;)
		stat("b", &s);
}
`, "-pthread")
	looks := compile(t, "looks.c", `
#include <sys/stat.h>
int main() { struct stat s; return stat("a", &s); }
`)
	for name, argv := range map[string][]string{
		"sh":      {"sh", "-c", `[ a -nt b ]; exec "$0"`, looks},
		"threads": {threads, looks},
	} {
		t.Run(name, func(t *testing.T) {
			var programs []string
			r, err := run(trace.Options{NoTimes: func(program, path string) bool {
				if path == a {
					programs = append(programs, program)
				}
				return false
			}}, command(t, dir, argv...), true)
			require.NoError(t, err)
			require.Zero(t, r.Code)
			require.Len(t, programs, 2)
			require.Equal(t, looks, programs[1])
		})
	}
}

// A program that says which fields it wants, and times are not among them.
func TestStatxWithoutTimes(t *testing.T) {
	dir := workspace(t)
	a := write(t, filepath.Join(dir, "a"), "a")
	program := compile(t, "statx.c", `
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
int main() { struct statx s; return statx(AT_FDCWD, "a", 0, STATX_SIZE, &s); }
`)
	r := observe(t, dir, program)
	require.Zero(t, r.Code)
	require.Equal(t, looked, r.seen(a).Use)
}

// No library tells what a static program does, nor one in Go, of many threads.
func TestStaticPrograms(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	dir := workspace(t)
	a := write(t, filepath.Join(dir, "a"), "a")
	t.Run("C", func(t *testing.T) {
		program := compile(t, "read.c", `
#include <stdio.h>
int main() { return !fopen("a", "r"); }
`, "-static")
		r := observe(t, dir, program)
		require.Zero(t, r.Code)
		require.Equal(t, read, r.seen(a).Use)
		require.Len(t, r.Programs, 1)
	})
	t.Run("Go", func(t *testing.T) {
		program := compile(t, "read.go", `
package main
import ("os"; "sync")
func main() {
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { if _, err := os.ReadFile("a"); err != nil { os.Exit(1) } })
	}
	wg.Wait()
}
`)
		r := observe(t, dir, program)
		require.Zero(t, r.Code)
		require.Equal(t, read, r.seen(a).Use)
		require.Empty(t, r.Doubts)
	})
}

// The kernel opens interpreters by itself.
func TestInterpreters(t *testing.T) {
	dir := workspace(t)
	sh, err := exec.LookPath("sh")
	require.NoError(t, err)
	inner := write(t, filepath.Join(dir, "inner"), "#! "+sh+" -e\n")
	outer := write(t, filepath.Join(dir, "outer"), "#!"+inner+"\nthis is no text for sh -e")
	for _, path := range []string{inner, outer} {
		require.NoError(t, os.Chmod(path, 0o777))
	}
	r := observe(t, dir, outer)
	const executed = trace.Executed | read
	require.Equal(t, executed, r.seen(inner).Use&executed)
	require.Equal(t, executed, r.seen(outer).Use&executed)
	require.Equal(t, executed, r.seen(sh).Use&executed)
	require.Equal(t, []trace.Program{{Path: outer, Text: inner}, {Path: inner, Text: sh}, {Path: sh}}, r.Programs[:3])
	loader := func(s trace.Seen) bool { return strings.Contains(s.Path, "/ld-") && s.Use == executed }
	require.True(t, slices.ContainsFunc(r.Seen, loader), "%v", r.Seen)
}

// strace is another way to the same.
func TestSameAsStrace(t *testing.T) {
	if testing.Short() {
		t.Skip("runs each command under strace too")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(err)
	}
	dir := workspace(t)
	write(t, filepath.Join(dir, "a.c"), "#include <stdio.h>\nint main(void) { return !puts(\"a\"); }\n")
	write(t, filepath.Join(dir, "m.py"), "import json\n")
	for _, argv := range [][]string{
		{"gcc", "-pipe", "-fsyntax-only", "a.c"},
		{python(t), "-E", "-c", "import m, http.client"},
		{"grep", "-r", "main", "."},
		{"find", ".", "-name", "*.c"},
		{"sh", "-c", "cat a.c none | wc -l; test -e m.py"},
		{"git", "init", "-q", "--template=", "repository"},
	} {
		t.Run(filepath.Base(argv[0]), func(t *testing.T) {
			r := observe(t, dir, argv...)
			log := filepath.Join(workspace(t), "log")
			c := exec.Command("strace", append([]string{"-f", "-qq", "-y", "-o", log, "-s", "4096", "-e", "trace=%file"}, argv...)...)
			c.Dir, c.Stdout = dir, &bytes.Buffer{}
			_ = c.Run()
			text, err := os.ReadFile(log)
			require.NoError(t, err)
			names := 0
			for line := range strings.Lines(string(text)) {
				path := firstPath(line, dir)
				if path == "" || strings.HasPrefix(path, "/proc/") {
					continue
				}
				names++
				require.NotEmpty(t, r.seen(path).Path, "%s", line)
			}
			require.Greater(t, names, 3)
		})
	}
}

// firstPath is the first path in a line of strace, in clean form.
func firstPath(line, dir string) string {
	before, rest, ok := strings.Cut(line, `"`)
	path, _, ok2 := strings.Cut(rest, `"`)
	if !ok || !ok2 || path == "" || strings.Contains(before, "getcwd") || strings.Contains(line, "resumed>") {
		return ""
	}
	if _, of, ok := strings.Cut(before, "<"); ok { // the directory of a descriptor
		dir, _, _ = strings.Cut(of, ">")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path)
}

// python is the interpreter itself: its name in PATH may be a script.
func python(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys; print(sys.executable)").Output()
	if err != nil {
		t.Skip(err)
	}
	return strings.TrimSpace(string(out))
}
