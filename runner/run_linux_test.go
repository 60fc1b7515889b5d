package runner

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() {
	roles["masked"] = playMasked
	roles["full"] = playFull
	roles["raise"] = playRaise
	peakMemory = highWater
}

// highWater reads what this program has had resident at most. The usage that wait tells includes the memory of the
// process that forked.
func highWater() (kib int) {
	text, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	fmt.Sscan(after, &kib)
	return kib
}

// playMasked becomes the program in args with some signals blocked and others ignored.
func playMasked(args []string) {
	runtime.LockOSThread()
	var set unix.Sigset_t
	for _, s := range strings.Split(os.Getenv("TEST_BLOCK"), " ") {
		add(&set, number(s))
	}
	for _, s := range strings.Fields(os.Getenv("TEST_IGNORE")) {
		signal.Ignore(number(s))
	}
	os.Setenv(roleVar, os.Getenv("TEST_ROLE"))
	unix.PthreadSigmask(unix.SIG_SETMASK, &set, nil)
	panic(syscall.Exec(args[0], args, os.Environ()))
}

func number(s string) syscall.Signal {
	n, _ := strconv.Atoi(s)
	return syscall.Signal(n)
}

// playFull leaves a few descriptors only before it does what cachex does.
func playFull(args []string) {
	var files []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		files = append(files, f)
	}
	for range 3 { // for the start itself, and the report
		files[len(files)-1].Close()
		files = files[:len(files)-1]
	}
	playCachex(args)
	runtime.KeepAlive(files)
}

func playRaise(args []string) {
	Die(int(number(args[0])))
	fmt.Println("alive")
}

// Every signal that ends a program ends cachex when it ended the command, and no core file is made.
func TestDeathBySignal(t *testing.T) {
	for n := 1; n <= 64; n++ {
		s := syscall.Signal(n)
		switch s {
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH: // no effect
			continue
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU: // a stop
			continue
		case 32, 33: // taken by thread libraries
			continue
		}
		if testing.Short() && n > 35 { // the others of real time are like 34 and 35
			continue
		}
		cmd, rep := cachex(t, part{}, sh(fmt.Sprintf(`cd /; ulimit -c 0; kill -%d $$`, n))...)
		wrapped := exec.Command("/bin/sh",
			append([]string{"-c", `ulimit -c unlimited; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)...)
		wrapped.Env, wrapped.Dir = cmd.Env, t.TempDir()
		st := status(t, wrapped.Run())
		require.True(t, st.Signaled(), "signal %d: %v", n, st)
		require.Equal(t, s, st.Signal())
		require.False(t, st.CoreDump(), "signal %d", n)
		require.Equal(t, n, rep().Signal)
		require.Equal(t, deadly(n), rep().Interrupted)
		left, err := os.ReadDir(wrapped.Dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

// Die comes back if it cannot be.
func TestDieReturns(t *testing.T) {
	for _, n := range []string{"0", "-1", "17", "18", "28", "1000"} {
		cmd := exec.Command(self, n)
		cmd.Env = append(os.Environ(), roleVar+"=raise")
		out, err := cmd.Output()
		require.NoError(t, err, n)
		require.Equal(t, "alive\n", string(out))
	}
}

// signalsSeen returns the mask and the ignored signals that grep finds itself with, below a parent
// that blocks and ignores some, and the programs in wrap.
func signalsSeen(t *testing.T, block, ignore string, wrap ...string) string {
	t.Helper()
	argv := append(wrap, sh(`exec grep -E "^Sig(Blk|Ign)" /proc/self/status >&${OUT:-1}`)...)
	cmd := exec.Command(self, argv...)
	cmd.Env = append(os.Environ(), roleVar+"=masked", "TEST_BLOCK="+block, "TEST_IGNORE="+ignore)
	if len(wrap) > 0 && wrap[0] == self {
		cmd.Env = append(cmd.Env, "TEST_ROLE=cachex", partVar+"={}")
	}
	if len(wrap) > 1 {
		cmd.Env = append(cmd.Env, "OUT=3")
	}
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

// inherit builds the program in testdata/inherit.
func inherit(t *testing.T, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "inherit")
	build := exec.Command("go", append(append([]string{"build", "-o", program}, flags...), "./testdata/inherit")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// The command sees the mask and the ignored signals that it would have seen, and so does a detached process, however
// the program was built: with symbols, stripped, or position-independent.
func TestMaskAndIgnoredSignals(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	for _, build := range [][]string{nil, {"-ldflags=-s -w"}, {"-buildmode=pie", "-ldflags=-s -w"}} {
		program := inherit(t, build...)
		for _, c := range []struct{ block, ignore string }{
			{"", ""},
			{"10", ""},
			{"10 12 13 14 20 28 64", ""},
			{"", "1"},
			{"", "2"},
			{"12 18", "1 2"},
			{"", "1 2 3 10 12 13 14 15 24 25 40"},
			{"1 2 3 6 15 17 23 27", ""},
			{"15", "15"},
		} {
			without := signalsSeen(t, c.block, c.ignore)
			require.Equal(t, without, signalsSeen(t, c.block, c.ignore, program), "%v %+v", build, c)
			require.Equal(t, without, signalsSeen(t, c.block, c.ignore, program, "-detached"), "%v %+v", build, c)
		}
	}
}

// Where the entry of the program is another (the race detector has programs linked by the linker of C), it goes as far
// as the runtime leaves signals alone.
func TestSignalsThatTheRuntimeLeaves(t *testing.T) {
	for _, c := range []struct{ block, ignore string }{
		{"", ""}, {"10", ""}, {"10 12 13 14 20 28 64", ""}, {"", "1"}, {"", "2"}, {"12 18", "1 2"},
	} {
		require.Equal(t, signalsSeen(t, c.block, c.ignore), signalsSeen(t, c.block, c.ignore, self), "%+v", c)
	}
}

func TestDescriptorsAreInherited(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	list := func(cmd *exec.Cmd) string {
		cmd.ExtraFiles = []*os.File{r, nil, nil, w}
		out, err := cmd.Output()
		require.NoError(t, err)
		return string(out)
	}
	text := `for i in /proc/self/fd/*; do case $i in */[012]) ;; *) echo $i $(readlink $i);; esac; done 2>&1`
	without := list(exec.Command("/bin/sh", "-c", text))
	for _, p := range []part{{}, {Merged: true}, {Direct: true}, {Pty: true}, {Input: os.DevNull}} {
		cmd, _ := cachex(t, p, sh(text)...)
		got := strings.ReplaceAll(list(cmd), "\r", "")
		require.Equal(t, without, got, "%+v", p)
	}
	require.Contains(t, without, "/fd/3 pipe:")
}

func TestLimitOfDescriptorsIsAsFound(t *testing.T) {
	cmd, _ := cachex(t, part{}, sh(`ulimit -Sn; ulimit -Hn`)...)
	outer := exec.Command("/bin/sh",
		append([]string{"-c", `ulimit -Sn 100; ulimit -Hn 2000; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)...)
	outer.Env = cmd.Env
	out, err := outer.Output()
	require.NoError(t, err)
	require.Equal(t, "100\n2000\n", string(out))
}

func TestTooFewDescriptors(t *testing.T) {
	for _, p := range []part{{}, {Merged: true}, {Pty: true}, {Hold: "drop"}, {Direct: true, Hold: "drop"}} {
		cmd, rep := cachex(t, p, sh(`echo out; echo err >&2; exit 3`)...)
		outer := exec.Command("/bin/sh",
			append([]string{"-c", `ulimit -n 24; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)...)
		outer.Env = append(cmd.Env, roleVar+"=full")
		var out, errs bytes.Buffer
		outer.Stdout, outer.Stderr = &out, &errs
		require.Equal(t, 3, status(t, outer.Run()).ExitStatus(), errs.String())
		require.Equal(t, "out\n", out.String())
		require.Equal(t, "err\n", errs.String())
		require.Contains(t, rep().SinkErrText, "too many open files")
		require.False(t, rep().Complete || rep().Held)
	}
}

// The command holds descriptor 3 open until it dies.
func TestKilledCachexTakesTheCommandAlong(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd, _ := cachex(t, part{}, sh(`echo ready; exec sleep 1000`)...)
	cmd.ExtraFiles = []*os.File{w}
	startAndWait(t, cmd)
	w.Close()
	require.NoError(t, cmd.Process.Kill())
	_, err = io.ReadAll(r)
	require.NoError(t, err)
	cmd.Wait()
}

// Memory does not depend on the size of the output.
func TestConstantMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("passes 256 MiB on")
	}
	const size = 256 << 20
	cmd, rep := cachex(t, part{}, "head", "-c", strconv.Itoa(size), "/dev/zero")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	n, err := io.Copy(io.Discard, out)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.NoError(t, cmd.Wait())
	require.True(t, rep().Complete)
	require.Less(t, rep().Peak, 64<<10)
}

// Memory does not depend on the size of what is held, and its file has no name that could stay behind.
func TestHeldConstantMemory(t *testing.T) {
	const size = 64 << 20
	dir := t.TempDir()
	cmd, rep := cachex(t, part{Hold: "deliver"}, sh(`head -c `+strconv.Itoa(size)+` /dev/zero; ls "$TMPDIR" >&2`)...)
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	n, err := io.Copy(io.Discard, out)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.NoError(t, cmd.Wait())
	require.True(t, rep().Complete && rep().Held)
	require.Empty(t, errs.String())
	require.Empty(t, rep().Streams[Stderr])
	require.Less(t, rep().Peak, 48<<10)
}

// The end of a pipe that a command gets waits for room, and belongs to no poller of this process.
func TestOutputPipe(t *testing.T) {
	r, w, err := outputPipe()
	require.NoError(t, err)
	defer r.Close()
	for f, want := range map[*os.File]int{r: unix.O_NONBLOCK, w: 0} {
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		require.NoError(t, err)
		require.Equal(t, want, flags&unix.O_NONBLOCK)
	}
	require.NoError(t, r.SetReadDeadline(time.Now().Add(time.Hour)))
	require.ErrorIs(t, w.SetWriteDeadline(time.Now().Add(time.Hour)), os.ErrNoDeadline)
	require.NoError(t, w.Close())
	_, err = io.ReadAll(r)
	require.NoError(t, err)
}

func TestGrow(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	grow(r, slotSize)
	size, err := unix.FcntlInt(w.Fd(), unix.F_GETPIPE_SZ, 0)
	require.NoError(t, err)
	require.Equal(t, slotSize, size)
}

// Whoever reads only stderr gets all of it while stdout is stuck.
func TestStuckStdoutDoesNotHoldStderr(t *testing.T) {
	socket := func() (*os.File, *os.File, error) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), err
	}
	for name, open := range map[string]func() (*os.File, *os.File, error){"pipe": os.Pipe, "socket": socket} {
		t.Run(name, func(t *testing.T) {
			r, w, err := open()
			require.NoError(t, err)
			defer r.Close()
			full := filepath.Join(t.TempDir(), "full")
			require.NoError(t, unix.Mkfifo(full, 0o600))
			// The writer of stdout is stuck for good; the one of stderr must not be.
			cmd, rep := cachex(t, part{}, sh(`head -c 3000000 /dev/zero & head -c 200000 /dev/zero >&2; echo end >`+full+`; wait`)...)
			cmd.Stdout = w
			var errs bytes.Buffer
			cmd.Stderr = &errs
			require.NoError(t, cmd.Start())
			w.Close()
			_, err = os.ReadFile(full)
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, r)
			require.NoError(t, err)
			require.EqualValues(t, 3000000, n)
			require.NoError(t, cmd.Wait())
			require.Equal(t, 200000, errs.Len())
			require.True(t, rep().Complete)
		})
	}
}

// A stop reaches a command in the background, and cachex stops too.
func TestSuspendAndContinue(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "stop")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	text := `trap 'echo stop >` + fifo + `' TSTP; trap 'echo continue; exit 4' CONT; echo ready; while :; do sleep 0.01; done`
	cmd, _ := cachex(t, part{}, sh(text)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	// A group of its own below a parent in the same session: an orphaned group would not stop.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, cmd.Start())
	line := make([]byte, 6)
	_, err = io.ReadFull(out, line)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Signal(unix.SIGTSTP))
	var st unix.WaitStatus
	_, err = unix.Wait4(cmd.Process.Pid, &st, unix.WUNTRACED, nil)
	require.NoError(t, err)
	require.True(t, st.Stopped(), "%v", st)
	require.Equal(t, unix.SIGTSTP, st.StopSignal())
	// CONT takes a TSTP back that is still on its way, so the command must have got it first.
	stopped, err := os.ReadFile(fifo)
	require.NoError(t, err)
	require.Equal(t, "stop\n", string(stopped))
	require.NoError(t, cmd.Process.Signal(unix.SIGCONT))
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, "continue\n", string(rest))
	require.Equal(t, 4, status(t, cmd.Wait()).ExitStatus())
}
