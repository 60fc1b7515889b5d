//go:build amd64 || arm64

package trace_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/runner"
	"github.com/cachex-cli/cachex/trace"
)

// A command that is observed ends as it does without.
func TestEndsAsWithout(t *testing.T) {
	dir := workspace(t)
	script := func(name, text string, mode os.FileMode) string {
		path := write(t, filepath.Join(dir, name), text)
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	for name, path := range map[string]string{
		"exit code":                 script("seven", "#!/bin/sh\nexit 7\n", 0o777),
		"signal":                    script("killed", "#!/bin/sh\nkill -USR1 $$\n", 0o777),
		"text for the shell":        script("text", "echo \"$0 $*\" >&2; exit 3\n", 0o777),
		"not to be executed":        script("plain", "echo\n", 0o666),
		"no such interpreter":       script("lost", "#!/no/such/thing\n", 0o777),
		"not there":                 filepath.Join(dir, "none"),
		"directory":                 dir,
		"no name":                   "",
		"file on the way":           filepath.Join(dir, "plain", "x"),
		"damaged":                   script("damaged", "\x7fELF", 0o777),
		"interpreter is no program": script("odd", "#!"+filepath.Join(dir, "plain")+"\n", 0o777),
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			c := runner.Command{Path: path, Argv: []string{"argv0", "a", "b c"}}
			plain, plainErr := run(trace.Options{}, c, false)
			traced, err := run(trace.Options{}, c, true)
			require.Equal(t, plainErr, err)
			require.Empty(t, traced.Untraced)
			require.Equal(t, plain.Code, traced.Code)
			require.Equal(t, plain.Signal, traced.Signal)
			require.Equal(t, plain.Stdout, traced.Stdout)
			require.Equal(t, plain.Stderr, traced.Stderr)
		})
	}
}

func TestDirectoryThatIsNotThere(t *testing.T) {
	c := command(t, filepath.Join(workspace(t), "none"), "true")
	_, err := run(trace.Options{}, c, true)
	var start *runner.StartError
	require.ErrorAs(t, err, &start)
	require.True(t, start.NotFound)
}

// What a process has of its parent is what it would have had.
func TestSeesTheSame(t *testing.T) {
	const look = `
		grep -E '^(Sig[^Q]|Shd|Cap|Threads|Groups|Uid|Umask|Cpus_allowed_list)' /proc/self/status
		ulimit -a
		ls -l /proc/self/fd | sed 's/.*[0-9][0-9]:[0-9][0-9] //; s/\[[0-9]*\]//; s,/proc/[0-9]*,,'
		cat /proc/$$/comm; tr '\0' ' ' < /proc/$$/cmdline; tr '\0' '\n' < /proc/$$/environ
		cut -d' ' -f 4-8,18-19 /proc/$$/stat
		pwd; readlink /proc/$$/exe`
	c := command(t, workspace(t), "sh", "-c", look)
	c.Env = append(os.Environ(), "A=1", "B=")
	plain, err := run(trace.Options{}, c, false)
	require.NoError(t, err)
	traced, err := run(trace.Options{}, c, true)
	require.NoError(t, err)
	require.Contains(t, plain.Stdout, "SigIgn")
	group := func(s string) string { return s[:strings.Index(s, "SigIgn")] }
	require.Equal(t, group(plain.Stdout), group(traced.Stdout))
	require.Equal(t, plain.Stdout, traced.Stdout)
	require.Equal(t, plain.Stderr, traced.Stderr)
}

// What this process inherited from 3 up the command inherits, by the same numbers, and ignored and blocked signals.
func TestInheritsThroughTheStage(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	const look = `grep SigIgn /proc/self/status; echo through >&5; ls /proc/self/fd`
	ignoring := []string{"sh", "-c", `trap '' QUIT PIPE; "$@"`, "sh"}
	plain := exec.Command("sh", append(ignoring[1:], "sh", "-c", look)...)
	c, report := elsewhere(t, ignoring, "sh", "-c", look)
	plain.ExtraFiles, c.ExtraFiles = []*os.File{w, nil, w}, []*os.File{w, nil, w}
	want, err := plain.Output()
	require.NoError(t, err)
	require.Contains(t, string(want), "0000000000001004", "QUIT and PIPE")
	out, err := c.Output()
	require.NoError(t, err)
	require.Equal(t, string(want), string(out))
	through := make([]byte, 100)
	n, err := r.Read(through)
	require.NoError(t, err)
	require.Equal(t, "through\nthrough\n", string(through[:n]))
	require.Empty(t, report().Doubts)
}

// The signal that ends a command with its parent is asked for before the stage begins, and stays.
func TestDiesWithItsParent(t *testing.T) {
	dir := workspace(t)
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o666))
	c, _ := elsewhere(t, nil, "sh", "-c", `echo $$; exec cat "$0"`, fifo)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	_, err = out.Read(make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, c.Process.Kill())
	n, err := out.Read(make([]byte, 10)) // the end comes when the command has ended, which nothing else ends
	require.Zero(t, n)
	require.Error(t, err)
	require.Equal(t, 128+9, exitCode(t, c.Wait()))
}

func TestOnTerminal(t *testing.T) {
	r, err := run(trace.Options{}, func() runner.Command {
		c := command(t, "", "sh", "-c", "test -t 1 && ps -o pid=,sid= -p $$")
		c.Pty = true
		return c
	}(), true)
	require.NoError(t, err)
	require.Empty(t, r.Untraced)
	ids := strings.Fields(r.Stdout)
	require.Len(t, ids, 2)
	require.Equal(t, ids[0], ids[1], "it leads its session")
}

// One thread that runs Go code is enough for both sides.
func TestOneProcessor(t *testing.T) {
	for range 10 {
		c, report := elsewhere(t, []string{"env", "GOMAXPROCS=1"}, "sh", "-c", "cat /dev/null; true")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Empty(t, report().Untraced)
	}
}

// Whoever is not root has no_new_privs set for the filter.
func TestOrdinaryUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("is what the other tests are")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	dir := workspace(t)
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o777))
	require.NoError(t, os.Chmod(dir, 0o777))
	a := write(t, filepath.Join(dir, "a"), "a")
	text, err := os.ReadFile(self)
	require.NoError(t, err)
	copied := filepath.Join(dir, "self")
	require.NoError(t, os.WriteFile(copied, text, 0o777))
	c, report := elsewhere(t, nil, "sh", "-c", "cat a; id -u; grep NoNewPrivs /proc/self/status")
	c.Path, c.Dir = copied, dir
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "a65534\nNoNewPrivs:\t1\n", string(out))
	r := report()
	require.Empty(t, r.Untraced)
	require.Equal(t, read, r.seen(a).Use)
}

// Only one can have the listener.
func TestInsideOfAnother(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	dir := workspace(t)
	report := filepath.Join(dir, "report")
	r := observe(t, dir, "env", roleVar+"=observe", reportVar+"="+report, self, "sh", "-c", "exit 4")
	require.Equal(t, 4, r.Code, "%s", r.Stderr)
	require.Contains(t, r.reasons(), "it wants to observe calls itself")
	text, err := os.ReadFile(report)
	require.NoError(t, err)
	require.Contains(t, string(text), `"Untraced":"something around it observes calls already"`)
}

// Where the stage cannot be started the command runs without.
func TestStageThatCannotBeStarted(t *testing.T) {
	var skipped error
	stage := runner.Stage{
		Path: "/no/such/thing", Name: "stage",
		Open:    func() (*os.File, error) { return os.Open(os.DevNull) },
		Started: func(int) (bool, error) { return true, errors.New("started") },
		Skipped: func(err error) { skipped = err },
	}
	c := command(t, "", "sh", "-c", "exit 5")
	c.Stage = &stage
	r, err := runner.Run(c)
	require.NoError(t, err)
	require.Equal(t, 5, r.Code)
	require.ErrorIs(t, skipped, unix.ENOENT)
}

// With no descriptor left for the listener the command runs without.
func TestNoDescriptorLeft(t *testing.T) {
	c, report := elsewhere(t, []string{"sh", "-c", `ulimit -n 40; "$@"`, "sh"}, "sh", "-c", "exit 8")
	c.Env = append(c.Env, fullVar+"=1")
	out, err := c.CombinedOutput()
	require.Equal(t, 8, exitCode(t, err), "%s", out)
	require.Contains(t, report().Untraced, "too many open files")
}

// startsReady starts a command that says it is ready, and waits for that. What is returned ends it by TERM, of which it
// says that it got it.
func startsReady(t *testing.T, attr *syscall.SysProcAttr) (c *exec.Cmd, end func() observed) {
	t.Helper()
	c, report := elsewhere(t, nil, "sh", "-c", `trap 'echo got; exit 6' TERM; echo ready; while :; do cat /dev/null; done`)
	c.SysProcAttr = attr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	says := func(want string) {
		t.Helper()
		b := make([]byte, 100)
		n, err := out.Read(b)
		require.NoError(t, err)
		require.Equal(t, want, string(b[:n]))
	}
	says("ready\n")
	return c, func() observed {
		t.Helper()
		require.NoError(t, c.Process.Signal(unix.SIGTERM))
		says("got\n")
		require.Equal(t, 6, exitCode(t, c.Wait()))
		return report()
	}
}

// Signals reach the command as they do without.
func TestSignalsReachIt(t *testing.T) {
	_, end := startsReady(t, nil)
	r := end()
	require.True(t, r.Caught)
}

// What stops all of a job stops it here, too, and it goes on where it was.
func TestStopsAndContinues(t *testing.T) {
	c, end := startsReady(t, &syscall.SysProcAttr{Setpgid: true})
	for range 5 {
		require.NoError(t, unix.Kill(-c.Process.Pid, unix.SIGTSTP))
		var status unix.WaitStatus
		_, err := unix.Wait4(c.Process.Pid, &status, unix.WUNTRACED, nil)
		require.NoError(t, err)
		require.True(t, status.Stopped())
		require.NoError(t, unix.Kill(-c.Process.Pid, unix.SIGCONT))
	}
	r := end()
	require.Empty(t, r.Untraced)
}

// Nothing stays open, and no process stays.
func TestLeavesNothing(t *testing.T) {
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		require.NoError(t, err)
		return len(names)
	}
	observe(t, "", "true") // what is opened once
	before := count()
	for range 5 {
		observe(t, "", "true")
	}
	require.Equal(t, before, count())
	requireNoKeepers(t)
}
