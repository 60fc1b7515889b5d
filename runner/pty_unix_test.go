//go:build unix

package runner

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// atTerminal starts cmd as the leader of a session at a new terminal, whose other side is returned.
func atTerminal(t *testing.T, cmd *exec.Cmd) (keys *os.File, screen *bufio.Reader) {
	t.Helper()
	master, err := pty.StartWithAttrs(cmd, &pty.Winsize{Rows: 33, Cols: 77},
		&syscall.SysProcAttr{Setsid: true, Setctty: true})
	require.NoError(t, err)
	t.Cleanup(func() { master.Close() })
	return master, bufio.NewReader(master)
}

// expect reads lines until one is want.
func expect(t *testing.T, screen *bufio.Reader, want string) {
	t.Helper()
	for {
		line, err := screen.ReadString('\n')
		require.NoError(t, err, "before %q", want)
		if strings.TrimRight(line, "\r\n") == want {
			return
		}
	}
}

func TestPtyIsATerminal(t *testing.T) {
	text := `test -t 0 || echo in; test -t 1 && test -t 2 && echo out; stty size <&1; echo err >&2; exit 3`
	cmd, rep := cachex(t, part{Pty: true}, sh(text)...)
	out, err := cmd.Output()
	require.Equal(t, 3, status(t, err).ExitStatus())
	require.Equal(t, "in\r\nout\r\n24 80\r\nerr\r\n", string(out))
	require.Equal(t, string(out), rep().Streams[Stdout])
	require.True(t, rep().Complete)
}

func TestPtyInput(t *testing.T) {
	cmd, _ := cachex(t, part{Pty: true}, sh(`cat; test -t 1 && echo out`)...)
	cmd.Stdin = strings.NewReader("fed\n")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "fed\r\nout\r\n", string(out))
}

// TestPtyOutlivesItsStream: a command that closes its outputs and goes on is not hung up on.
func TestPtyOutlivesItsStream(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 2000 processes")
	}
	text := `trap 'exit 9' HUP; echo out; exec >&- 2>&-; n=0; while [ $n -lt 2000 ]; do n=$((n+1)); $(true); done; exit 5`
	cmd, rep := cachex(t, part{Pty: true}, sh(text)...)
	out, err := cmd.Output()
	require.Equal(t, 5, status(t, err).ExitStatus())
	require.Equal(t, "out\r\n", string(out))
	require.True(t, rep().Complete)
}

func TestPtyDeath(t *testing.T) {
	cmd, _ := cachex(t, part{Pty: true}, sh(`kill -TERM $$`)...)
	require.Equal(t, unix.SIGTERM, status(t, cmd.Run()).Signal())
}

func TestPtyGrandchild(t *testing.T) {
	pidFile := t.TempDir() + "/pid"
	cmd, rep := cachex(t, part{Pty: true}, sh(`trap '' HUP; sleep 1000 & echo $! >`+pidFile+`; echo done; exit 5`)...)
	out, err := cmd.Output()
	require.Equal(t, 5, status(t, err).ExitStatus())
	require.Equal(t, "done\r\n", string(out))
	require.False(t, rep().Complete)
	require.NoError(t, unix.Kill(pidIn(t, pidFile), unix.SIGKILL), "the grandchild should be alive")
}

func TestPtyWithoutSink(t *testing.T) {
	cmd, rep := cachex(t, part{Pty: true, Direct: true}, sh(`test -t 1 && echo out`)...)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "out\r\n", string(out))
	require.False(t, rep().Complete)
}

// Keys reach the command through both terminals, sizes too, and the outer one is as before then.
func TestPtyAtATerminal(t *testing.T) {
	text := `stty size; trap 'stty size' WINCH; trap 'echo interrupted' INT; echo ready; until read line; do :; done; until read next; do :; done; echo "<$line$next>"; exit 6`
	cmd, rep := cachex(t, part{Pty: true}, sh(text)...)
	inner := append([]string{"-c", `stty -a >"$TEST_BEFORE"; "$0" "$@"; code=$?; stty -a >"$TEST_AFTER"; exit $code`, cmd.Path}, cmd.Args[1:]...)
	outer := exec.Command("/bin/sh", inner...)
	before, after := t.TempDir()+"/before", t.TempDir()+"/after"
	outer.Env = append(cmd.Env, "TEST_BEFORE="+before, "TEST_AFTER="+after)
	keys, screen := atTerminal(t, outer)
	expect(t, screen, "33 77")
	expect(t, screen, "ready")
	require.NoError(t, pty.Setsize(keys, &pty.Winsize{Rows: 20, Cols: 50}))
	expect(t, screen, "20 50")
	io.WriteString(keys, "\x03")
	expect(t, screen, "^Cinterrupted")
	io.WriteString(keys, "one\rtwo\r")
	expect(t, screen, "<onetwo>")
	require.Equal(t, 6, status(t, outer.Wait()).ExitStatus())
	was, err := os.ReadFile(before)
	require.NoError(t, err)
	is, err := os.ReadFile(after)
	require.NoError(t, err)
	require.Equal(t, strings.Replace(string(was), "rows 33; columns 77", "rows 20; columns 50", 1), string(is))
	require.Contains(t, rep().Streams[Stdout], "<onetwo>")
}

// What reaches cachex reaches everybody at the inner terminal, as ^C there would.
func TestPtySignalsReachTheGroup(t *testing.T) {
	text := `trap : INT; /bin/sh -c 'trap "exit 7" INT; echo ready; while :; do sleep 0.01; done'; exit $?`
	cmd, rep := cachex(t, part{Pty: true}, sh(text)...)
	startAndWait(t, cmd)
	require.NoError(t, cmd.Process.Signal(unix.SIGINT))
	require.Equal(t, 7, status(t, cmd.Wait()).ExitStatus())
	require.True(t, rep().Interrupted)
}

// In the background cachex leaves the terminal alone: the kernel would stop it.
func TestPtyInTheBackground(t *testing.T) {
	cmd, _ := cachex(t, part{Pty: true}, sh(`test -t 1 && exit 8`)...)
	outer := exec.Command("/bin/sh",
		append([]string{"-c", `set -m; "$0" "$@" & wait $!; echo "code $?"`, cmd.Path}, cmd.Args[1:]...)...)
	outer.Env = cmd.Env
	_, screen := atTerminal(t, outer)
	expect(t, screen, "code 8")
	require.NoError(t, outer.Wait())
}

// Who reads from the terminal finds the end of file, however often, and the user's terminal stays as it is.
func TestPtyWithoutKeys(t *testing.T) {
	text := `stty size; read x; echo "1 <$x> $?"; cat; read x; echo "2 <$x> $?"; exit 4`
	cmd, _ := cachex(t, part{Pty: true, NoKeys: true}, sh(text)...)
	outer := exec.Command("/bin/sh", append([]string{"-c", `stty -echo; "$0" "$@"; echo "code $?"; read x; echo "left <$x>"`, cmd.Path}, cmd.Args[1:]...)...)
	outer.Env = cmd.Env
	keys, screen := atTerminal(t, outer)
	io.WriteString(keys, "typed\n")
	for _, line := range []string{"33 77", "1 <> 1", "2 <> 1", "code 4", "left <typed>"} {
		expect(t, screen, line)
	}
	require.NoError(t, outer.Wait())
}

// ^Z stops the job, whether the command gets the keys or not, and fg continues it.
func TestPtyTypedStop(t *testing.T) {
	for _, noKeys := range []bool{false, true} {
		cmd, _ := cachex(t, part{Pty: true, NoKeys: noKeys}, sh(`echo ready; cat "$TEST_GATE"; exit 7`)...)
		outer := exec.Command("/bin/sh", append([]string{"-c", `set -m; "$0" "$@"; echo; echo stopped; echo on >"$TEST_GATE" & fg %1 >/dev/null; echo "code $?"`, cmd.Path}, cmd.Args[1:]...)...)
		gate := filepath.Join(t.TempDir(), "gate")
		require.NoError(t, unix.Mkfifo(gate, 0o600))
		outer.Env = append(cmd.Env, "TEST_GATE="+gate)
		keys, screen := atTerminal(t, outer)
		expect(t, screen, "ready")
		io.WriteString(keys, "\x1a")
		expect(t, screen, "stopped")
		expect(t, screen, "on")
		expect(t, screen, "code 7")
		require.NoError(t, outer.Wait())
	}
}

// While cachex is stopped the terminal is the shell's, and raw again when it goes on.
func TestPtyStopped(t *testing.T) {
	cmd, _ := cachex(t, part{Pty: true}, sh(`trap : TSTP; trap 'echo continued' CONT; echo pid $PPID; until read line; do :; done; exit 9`)...)
	text := `set -m; stty -g >"$TEST_DIR/before"; "$0" "$@"; stty -g >"$TEST_DIR/stopped"; echo stopped; fg; echo "code $?"; stty -g >"$TEST_DIR/after"`
	outer := exec.Command("/bin/sh", append([]string{"-c", text, cmd.Path}, cmd.Args[1:]...)...)
	dir := t.TempDir()
	outer.Env = append(cmd.Env, "TEST_DIR="+dir)
	keys, screen := atTerminal(t, outer)
	line, err := screen.ReadString('\n')
	require.NoError(t, err)
	var pid int
	_, err = fmt.Sscanf(line, "pid %d", &pid)
	require.NoError(t, err)
	require.NoError(t, unix.Kill(pid, unix.SIGTSTP))
	expect(t, screen, "stopped")
	expect(t, screen, "continued")
	io.WriteString(keys, "line\r") // \r, not \n: whoever is not raw turns one into the other
	expect(t, screen, "code 9")
	require.NoError(t, outer.Wait())
	read := func(name string) string {
		text, err := os.ReadFile(dir + "/" + name)
		require.NoError(t, err)
		return string(text)
	}
	require.Equal(t, read("before"), read("stopped"))
	require.Equal(t, read("before"), read("after"))
}

func TestTerminalByAnotherName(t *testing.T) {
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVar+"=same")
	_, screen := atTerminal(t, cmd)
	expect(t, screen, "same: true true")
	require.NoError(t, cmd.Wait())
}

// In the foreground the kernel sends ^C to everybody: the command must not get it twice.
func TestTypedInterruptArrivesOnce(t *testing.T) {
	cmd, rep := cachex(t, part{Merged: true}, self)
	cmd.Env = append(cmd.Env, "TEST_ROLE=count")
	inner := append([]string{"-c", `exec "$0" /usr/bin/env ` + roleVar + `=count "$1"`, cmd.Path}, cmd.Args[1:]...)
	outer := exec.Command("/bin/sh", inner...)
	outer.Env = cmd.Env
	keys, screen := atTerminal(t, outer)
	expect(t, screen, "ready")
	for range 20 { // two that come close together may count as one, but not always
		io.WriteString(keys, "\x03")
		expect(t, screen, "^Cinterrupt")
	}
	// TERM is always passed on, after whatever was passed on before.
	require.NoError(t, outer.Process.Signal(unix.SIGTERM))
	expect(t, screen, "interrupts: 20")
	require.NoError(t, outer.Wait())
	require.True(t, rep().Interrupted)
}

// A shell loop is ended by a ^C that killed the command, because cachex dies of it as well.
func TestTypedInterruptEndsAShellLoop(t *testing.T) {
	cmd, _ := cachex(t, part{Merged: true}, sh(`echo ready; exec sleep 1000`)...)
	inner := append([]string{"-c", `for i in 1 2; do "$0" "$@"; done; echo on`, cmd.Path}, cmd.Args[1:]...)
	outer := exec.Command("bash", inner...)
	outer.Env = cmd.Env
	keys, screen := atTerminal(t, outer)
	expect(t, screen, "ready")
	io.WriteString(keys, "\x03")
	rest, _ := io.ReadAll(screen)
	require.NotContains(t, string(rest), "ready")
	require.NotContains(t, string(rest), "on")
	require.Equal(t, unix.SIGINT, status(t, outer.Wait()).Signal())
}
