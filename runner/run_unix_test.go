//go:build unix

package runner

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

var roles = map[string]func([]string){
	"cachex": playCachex,
	"waiter": playWaiter,
	"count":  playCounter,
	"after":  playAfter,
	"early":  playEarly,
	"keeper": playKeeper,
	"late":   playLate,
	"dead":   playDead,
	"same":   playSame,
}

// playWaiter waits as cachex does for a lock.
func playWaiter([]string) {
	DieOnSignals()
	fmt.Println("ready")
	select {}
}

// playCounter counts interrupts until it is told to end, and says how many there were.
func playCounter([]string) {
	c := make(chan os.Signal, 16)
	signal.Notify(c, unix.SIGINT, unix.SIGTERM)
	fmt.Println("ready")
	for n := 0; ; {
		if s := <-c; s == unix.SIGTERM {
			fmt.Println("interrupts:", n)
			return
		}
		n++
		fmt.Println("interrupt")
	}
}

// playAfter runs a command, and then waits: nothing of the command's signals is left.
func playAfter([]string) {
	if _, err := Run(Command{Path: "/bin/sh", Argv: []string{"sh", "-c", ":"}}); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	select {}
}

// playEarly gets a signal for a command that is never started.
func playEarly([]string) {
	p := &passer{}
	signals.lend(p)()
	signals.take(unix.SIGTERM)
	fmt.Println("ready")
	signals.giveBack(p)
	fmt.Println("alive")
}

// playKeeper gets a signal of its own while a command runs.
func playKeeper([]string) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, unix.SIGUSR1)
	script := `trap 'echo the command got it' USR1; kill -USR1 $PPID;`
	if _, err := Run(Command{Path: "/bin/sh", Argv: sh(script), Stdout: os.Stdout, KeepSignals: true}); err != nil {
		panic(err)
	}
	fmt.Println(<-got, signals.begun())
}

// playLate gets a signal right after the end of a command.
func playLate([]string) {
	if _, err := Run(Command{Path: "/bin/sh", Argv: sh(":")}); err != nil {
		panic(err)
	}
	signals.take(unix.SIGTERM)
	fmt.Println("alive")
	select {}
}

// playDead gets a signal for a command that has just ended, which nobody knows yet.
func playDead([]string) {
	p := &passer{}
	signals.lend(p)()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	child, err := start(Command{Path: "/bin/sh", Argv: sh(":")}, [3]*os.File{null, null, null}, nil)
	if err != nil {
		panic(err)
	}
	p.started(child, nil)
	for !child.ended() {
		runtime.Gosched()
	}
	signals.take(unix.SIGTERM)
	fmt.Println("alive")
	child.wait()
	p.ended()
	select {}
}

// playSame compares the terminal with itself under another name.
func playSame([]string) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("same:", SameFile(os.Stdin, tty), SameFile(tty, os.Stdin))
}

func sh(text string) []string { return []string{"/bin/sh", "-c", text} }

// status returns how a process ended.
func status(t *testing.T, err error) syscall.WaitStatus {
	t.Helper()
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	return exit.Sys().(syscall.WaitStatus)
}

func TestExitCode(t *testing.T) {
	for _, code := range []int{0, 1, 2, 42, 124, 125, 126, 127, 128, 130, 141, 255} {
		cmd, rep := cachex(t, part{}, sh(fmt.Sprintf("exit %d", code))...)
		st := status(t, cmd.Run())
		require.True(t, st.Exited())
		require.Equal(t, code, st.ExitStatus())
		require.Equal(t, code, rep().Code)
		require.True(t, rep().Complete)
		require.False(t, rep().Interrupted)
	}
}

// What is in the streams, and that a frame says what was delivered.
func TestStreams(t *testing.T) {
	cmd, rep := cachex(t, part{}, sh(`printf 'a\0b'; printf '\377err\r\n' >&2`)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Run())
	require.Equal(t, "a\x00b", out.String())
	require.Equal(t, "\xfferr\r\n", errs.String())
	r := rep()
	require.True(t, r.Complete)
	require.Equal(t, "a\x00b", r.Streams[Stdout])
	require.Len(t, r.Frames, 2)
	require.False(t, r.Ended.Before(r.Started))
}

func TestMergedKeepsTheOrder(t *testing.T) {
	want := ""
	for i := range 500 {
		want += fmt.Sprintf("out %d\nerr %d\n", i, i)
	}
	text := `i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done`
	cmd, rep := cachex(t, part{Merged: true}, sh(text)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, want, string(out))
	require.Equal(t, want, rep().Streams[Stdout])
	require.Empty(t, rep().Streams[Stderr])
}

// The command writes each line only after the one before has reached the test: live delivery, and
// frames in the order of delivery although there are two pipes.
func TestDeliveryIsLiveAndFramesAreInItsOrder(t *testing.T) {
	text := `read x; echo 1; read x; echo 22 >&2; read x; echo 333; read x; echo 4444 >&2`
	cmd, rep := cachex(t, part{}, sh(text)...)
	keys, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	from := []*bufio.Reader{bufio.NewReader(out), bufio.NewReader(errs)}
	for i, want := range []string{"1\n", "22\n", "333\n", "4444\n"} {
		io.WriteString(keys, "go\n")
		line, err := from[i%2].ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, want, line)
	}
	require.NoError(t, cmd.Wait())
	require.Equal(t, []int{2, -3, 4, -5}, rep().Frames)
}

// Two writers at a time, and a reader who sees in which order they were served.
func TestFramesAreInTheOrderOfDeliveryUnderLoad(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	seen := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(r)
		seen <- all
	}()
	var both sink
	text := `i=0; while [ $i -lt 2000 ]; do echo out $i; i=$((i+1)); done & i=0; while [ $i -lt 2000 ]; do echo err $i >&2; i=$((i+1)); done; wait`
	result, err := Run(Command{Path: "/bin/sh", Argv: sh(text), Stdout: w, Stderr: w, Sink: &both})
	require.NoError(t, err)
	require.True(t, result.Complete)
	w.Close()
	require.Equal(t, string(<-seen), both.String())
}

// sink is a Sink that forgets which stream it was.
type sink struct{ bytes.Buffer }

func (s *sink) Append(_ Stream, b []byte) error {
	s.Write(b)
	return nil
}

func TestEnvironment(t *testing.T) {
	t.Setenv("RUNNER_TEST_WORD", "found")
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, "found\n"},
		{[]string{}, "\n"},
		{[]string{"RUNNER_TEST_WORD=given"}, "given\n"},
	} {
		var out sink
		_, err := Run(Command{Path: "/bin/sh", Argv: sh(`echo $RUNNER_TEST_WORD`), Env: c.env, Sink: &out})
		require.NoError(t, err)
		require.Equal(t, c.want, out.String())
	}
}

func TestDirectWithoutSink(t *testing.T) {
	cmd, rep := cachex(t, part{Direct: true}, sh(`echo out; echo err >&2; exit 3`)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.Equal(t, 3, status(t, cmd.Run()).ExitStatus())
	require.Equal(t, "out\n", out.String())
	require.Equal(t, "err\n", errs.String())
	require.False(t, rep().Complete)
}

func TestNilStreamsAreTheNullDevice(t *testing.T) {
	for _, sink := range []Sink{nil, &tape{report: &report{}}} {
		r, err := Run(Command{Path: "/bin/sh", Argv: sh(`cat; echo out; echo err >&2; exit 4`), Sink: sink})
		require.NoError(t, err)
		require.Equal(t, 4, r.Code)
		require.NoError(t, r.Cut)
	}
}

// A run with nobody to deliver to is recorded all the same, with one pipe as with two.
func TestNilStreamsAreRecorded(t *testing.T) {
	for _, merged := range []bool{false, true} {
		rep := &report{}
		c := Command{
			Path: "/bin/sh", Argv: sh(`echo out; echo err >&2; exit 4`), Merged: merged, Sink: &tape{report: rep},
		}
		r, err := Run(c)
		require.NoError(t, err)
		require.Equal(t, 4, r.Code)
		require.True(t, r.Complete)
		require.NoError(t, errors.Join(r.Cut, r.SinkErr))
		want := [2]string{"out\n", "err\n"}
		if merged {
			want = [2]string{"out\nerr\n", ""}
		}
		require.Equal(t, want, rep.Streams)
	}
}

func TestStdin(t *testing.T) {
	t.Run("inherited", func(t *testing.T) {
		cmd, _ := cachex(t, part{}, "cat")
		cmd.Stdin = strings.NewReader("typed")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, "typed", string(out))
	})
	t.Run("none", func(t *testing.T) {
		cmd, _ := cachex(t, part{Null: true}, "cat")
		cmd.Stdin = strings.NewReader("typed")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Empty(t, out)
	})
	file := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("x"), 3<<20), 0o600))
	t.Run("fed", func(t *testing.T) {
		cmd, rep := cachex(t, part{Input: file}, sh("wc -c | tr -d ' '")...)
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, "3145728\n", string(out))
		require.Empty(t, rep().SinkErrText)
	})
	t.Run("fed, hardly read", func(t *testing.T) {
		cmd, rep := cachex(t, part{Input: file}, "head", "-c", "1")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Equal(t, "x", string(out))
		require.Empty(t, rep().SinkErrText)
		require.True(t, rep().Complete)
	})
	t.Run("fed, closed", func(t *testing.T) {
		// The broken pipe is cachex's affair. Were it passed on, the command would have time to see it.
		cmd, _ := cachex(t, part{Input: file}, sh(`trap 'exit 9' PIPE; exec <&-; sleep 0.2; exit 4`)...)
		require.Equal(t, 4, status(t, cmd.Run()).ExitStatus())
	})
	t.Run("fed, outlived", func(t *testing.T) {
		// Who stays behind is not fed for ever.
		fifo := filepath.Join(t.TempDir(), "fifo")
		require.NoError(t, unix.Mkfifo(fifo, 0o600))
		zero, err := os.Open("/dev/zero")
		require.NoError(t, err)
		defer zero.Close()
		text := `exec 3<&0; { cat <&3 >/dev/null; echo end >` + fifo + `; } &`
		_, err = Run(Command{Path: "/bin/sh", Argv: sh(text), Input: struct{ io.Reader }{zero}})
		require.NoError(t, err)
		end, err := os.ReadFile(fifo)
		require.NoError(t, err)
		require.Equal(t, "end\n", string(end))
	})
	t.Run("fed, unreadable", func(t *testing.T) {
		cmd, rep := cachex(t, part{Input: file, BadInput: true}, "cat")
		out, err := cmd.Output()
		require.NoError(t, err)
		require.Len(t, out, 3<<20)
		require.Contains(t, rep().SinkErrText, errTest.Error())
	})
}

func TestSinkErrorDoesNotStopTheDelivery(t *testing.T) {
	cmd, rep := cachex(t, part{BadSink: true}, "head", "-c", "9000000", "/dev/zero")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Len(t, out, 9000000)
	require.Equal(t, errTest.Error(), rep().SinkErrText)
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	require.NoError(t, os.WriteFile(plain, []byte("echo hi\n"), 0o600))
	broken := filepath.Join(dir, "broken")
	require.NoError(t, os.WriteFile(broken, []byte("#!/no/such/interpreter\n"), 0o700))
	for _, c := range []struct {
		path     string
		notFound bool
		cause    error
	}{
		{filepath.Join(dir, "absent"), true, unix.ENOENT},
		{broken, true, unix.ENOENT},
		{plain, false, unix.EACCES},
		{dir, false, unix.EACCES},
		{filepath.Join(plain, "below"), false, unix.ENOTDIR},
		{"nul\x00", false, unix.EINVAL},
	} {
		_, err := Run(Command{Path: c.path, Argv: []string{"x"}, Sink: &tape{report: &report{}}})
		var start *StartError
		require.ErrorAs(t, err, &start, c.path)
		require.Equal(t, c.notFound, start.NotFound, c.path)
		require.Equal(t, c.path, start.Path)
		require.ErrorIs(t, err, c.cause, c.path)
	}
}

func TestScriptWithoutInterpreterLine(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	require.NoError(t, os.WriteFile(script, []byte(`echo "$0|$1|$2|$#"`+"\n"), 0o700))
	cmd, _ := cachex(t, part{}, script, "a b", "")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, script+"|a b||2\n", string(out))
}

func TestArgumentZeroIsAsTyped(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = Run(Command{Path: "/bin/sh", Argv: []string{"typed", "-c", "echo $0"}, Stdout: w})
	require.NoError(t, err)
	w.Close()
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "typed\n", string(out))
}

// pidIn returns the number in a file.
func pidIn(t *testing.T, file string) (pid int) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = fmt.Sscan(string(text), &pid)
	require.NoError(t, err)
	return pid
}

// A daemon that the command left behind holds the pipe, but not cachex; and it lives.
func TestGrandchildDoesNotHoldTheRun(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	cmd, rep := cachex(t, part{}, sh(`sleep 1000 & echo $! >`+pidFile+`; echo done; exit 5`)...)
	out, err := cmd.Output()
	require.Equal(t, 5, status(t, err).ExitStatus())
	require.Equal(t, "done\n", string(out))
	require.False(t, rep().Complete)
	require.NoError(t, unix.Kill(pidIn(t, pidFile), unix.SIGKILL), "the grandchild should be alive")
}

// A grandchild that never stops writing does not hold the run either.
func TestGrandchildThatWritesDoesNotHoldTheRun(t *testing.T) {
	cmd, rep := cachex(t, part{}, sh(`yes & exit 5`)...)
	cmd.Stdout = io.Discard
	require.Equal(t, 5, status(t, cmd.Run()).ExitStatus())
	require.False(t, rep().Complete)
}

// The user reads nothing until long after the command has ended; nothing is lost.
func TestSlowReaderGetsEverything(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	require.NoError(t, unix.Mkfifo(gone, 0o600))
	// The command's output is more than one pipe holds: the rest waits in the second one.
	cmd, rep := cachex(t, part{}, sh(`head -c 100000 /dev/zero; echo end >`+gone)...)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = os.ReadFile(gone)
	require.NoError(t, err)
	time.Sleep(2 * grace) // what is under test is that this passes unnoticed
	all, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Len(t, all, 100000)
	require.NoError(t, cmd.Wait())
	require.True(t, rep().Complete)
}

func TestClosedPipeEndsAnEndlessCommand(t *testing.T) {
	cmd, rep := cachex(t, part{}, "yes")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, 2))
	require.NoError(t, err)
	out.Close()
	st := status(t, cmd.Wait())
	require.Equal(t, unix.SIGPIPE, st.Signal())
	require.Contains(t, rep().CutText, "broken pipe")
	require.True(t, rep().Interrupted)
	require.False(t, rep().Complete)
}

// The reader of stderr goes; stdout goes on.
func TestClosedStderrDoesNotCutStdout(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	r.Close()
	text := `trap '' PIPE; while echo err >&2; do :; done; echo out; exit 6`
	cmd, rep := cachex(t, part{}, sh(text)...)
	cmd.Stderr = w
	out, err := cmd.Output()
	w.Close()
	require.Equal(t, 6, status(t, err).ExitStatus())
	require.Equal(t, "out\n", string(out))
	require.Contains(t, rep().CutText, "broken pipe")
	require.False(t, rep().Complete)
}

func TestFullDevice(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	cmd, rep := cachex(t, part{}, "yes")
	cmd.Stdout = full
	status(t, cmd.Run())
	require.Contains(t, rep().CutText, "no space left")
	require.False(t, rep().Complete)
}

func TestNonBlockingStdout(t *testing.T) {
	for _, p := range []part{{}, {Hold: "deliver"}} {
		testNonBlockingStdout(t, p)
	}
}

func testNonBlockingStdout(t *testing.T, p part) {
	var ends [2]int
	require.NoError(t, unix.Pipe(ends[:]))
	require.NoError(t, unix.SetNonblock(ends[1], true))
	// Not os.File: it would make the descriptor blocking for the child.
	attr := &syscall.ProcAttr{Files: []uintptr{0, uintptr(ends[1]), 2}}
	cmd, rep := cachex(t, p, "head", "-c", "5000000", "/dev/zero")
	attr.Env = cmd.Env
	pid, err := syscall.ForkExec(cmd.Path, cmd.Args, attr)
	require.NoError(t, err)
	unix.Close(ends[1])
	r := os.NewFile(uintptr(ends[0]), "pipe")
	defer r.Close()
	time.Sleep(20 * time.Millisecond) // lets the pipe fill, without which nothing is tested
	n, err := io.Copy(io.Discard, r)
	require.NoError(t, err)
	require.EqualValues(t, 5000000, n)
	var st unix.WaitStatus
	_, err = unix.Wait4(pid, &st, 0, nil)
	require.NoError(t, err)
	require.Equal(t, 0, st.ExitStatus())
	require.True(t, rep().Complete)
}

func TestClosedDescriptorsAreTheNullDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seen")
	cmd, _ := cachex(t, part{}, sh(`cat; echo out; echo err >&2; echo $? >`+file+`; exit 7`)...)
	inner := append([]string{"-c", `exec "$0" "$@" <&- >&- 2>&-`, cmd.Path}, cmd.Args[1:]...)
	outer := exec.Command("/bin/sh", inner...)
	outer.Env = cmd.Env
	require.Equal(t, 7, status(t, outer.Run()).ExitStatus())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "0\n", string(text))
}

func TestProcessGroupIsOurs(t *testing.T) {
	cmd, _ := cachex(t, part{}, sh(`ps -o pgid= -p $$ | tr -d ' '`)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintln(cmd.Process.Pid), string(out))
}

// startAndWait starts a process and waits until it has written a line.
func startAndWait(t *testing.T, cmd *exec.Cmd) (keys io.WriteCloser, out *bufio.Reader) {
	t.Helper()
	keys, err := cmd.StdinPipe()
	require.NoError(t, err)
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	// A session of its own, without a terminal: then nothing is in the foreground.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	require.NoError(t, cmd.Start())
	out = bufio.NewReader(pipe)
	_, err = out.ReadString('\n')
	require.NoError(t, err)
	return keys, out
}

var passed = []syscall.Signal{
	unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT,
	unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGABRT, unix.SIGCONT, unix.SIGWINCH,
}

func TestSignalsReachTheCommand(t *testing.T) {
	for _, s := range passed {
		text := fmt.Sprintf(`trap 'exit 9' %d; echo ready; while :; do sleep 0.01; done`, s)
		cmd, rep := cachex(t, part{}, sh(text)...)
		startAndWait(t, cmd)
		require.NoError(t, cmd.Process.Signal(s))
		require.Equal(t, 9, status(t, cmd.Wait()).ExitStatus(), s)
		require.Equal(t, interrupts(s), rep().Interrupted, s)
	}
}

func TestSignalsKillTheCommandAndCachexAlike(t *testing.T) {
	for _, s := range passed[:8] {
		cmd, rep := cachex(t, part{}, sh(`echo ready; exec sleep 1000`)...)
		startAndWait(t, cmd)
		require.NoError(t, cmd.Process.Signal(s))
		st := status(t, cmd.Wait())
		require.True(t, st.Signaled(), s)
		require.Equal(t, s, st.Signal())
		require.Equal(t, int(s), rep().Signal)
	}
}

func TestCachexLivesOnWhenTheCommandIgnoresASignal(t *testing.T) {
	cmd, rep := cachex(t, part{}, sh(`trap '' TERM; echo ready; read line; exit 8`)...)
	keys, _ := startAndWait(t, cmd)
	require.NoError(t, cmd.Process.Signal(unix.SIGTERM))
	io.WriteString(keys, "on\n")
	require.Equal(t, 8, status(t, cmd.Wait()).ExitStatus())
	require.True(t, rep().Interrupted)
}

// The command has ended, the rest of its output, or all of it, waits for a reader: now signals are for cachex.
func TestSignalAfterTheCommandEndsCachex(t *testing.T) {
	for _, p := range []part{{}, {Hold: "deliver"}} {
		pidFile := filepath.Join(t.TempDir(), "pid")
		cmd, _ := cachex(t, p, sh(`echo $$ >`+pidFile+`; echo ready; exec head -c 100000 /dev/zero`)...)
		startAndWait(t, cmd) // its pipe is full soon: nobody reads any more
		pid := pidIn(t, pidFile)
		require.Eventually(t, func() bool { return unix.Kill(pid, 0) == unix.ESRCH }, time.Minute, time.Millisecond)
		require.NoError(t, cmd.Process.Signal(unix.SIGTERM))
		require.Equal(t, unix.SIGTERM, status(t, cmd.Wait()).Signal())
	}
}

func TestDieOnSignals(t *testing.T) {
	for _, role := range []string{"waiter", "after"} {
		for i, s := range passed[:8] {
			if testing.Short() && i > 1 {
				continue
			}
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVar+"="+role)
			var errs bytes.Buffer
			cmd.Stderr = &errs
			startAndWait(t, cmd)
			require.NoError(t, cmd.Process.Signal(s))
			st := status(t, cmd.Wait())
			require.True(t, st.Signaled(), "%s %v", role, s)
			require.Equal(t, s, st.Signal())
			require.False(t, st.CoreDump())
			require.Empty(t, errs.String())
		}
	}
}

// A signal that came while the command was being started reaches it, and one that came for a command
// that could not be started ends cachex.
func TestEarlySignal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	p := &passer{}
	p.take(unix.SIGTERM)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child, err := start(Command{Path: "/bin/sh", Argv: sh("exec sleep 1000")}, [3]*os.File{null, null, null}, nil)
	require.NoError(t, err)
	p.started(child, nil)
	_, signal := child.wait()
	require.Equal(t, int(unix.SIGTERM), signal)

	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleVar+"=early")
	out, err := cmd.Output()
	require.Equal(t, unix.SIGTERM, status(t, err).Signal())
	require.Equal(t, "ready\n", string(out))
}

// A signal sent microseconds before the end of the command is counted as the command's, and does not
// end cachex, whose exit code would be another then. (A thread may lose its processor between the
// kernel's hands and the runtime's, so a few may go uncounted.)
func TestSignalJustBeforeTheEnd(t *testing.T) {
	const n = 20
	counted := 0
	for range n {
		cmd, rep := cachex(t, part{}, sh(`trap 'exit 3' HUP; kill -HUP $PPID; exit 3`)...)
		require.Equal(t, 3, status(t, cmd.Run()).ExitStatus())
		if rep().Interrupted {
			counted++
		}
	}
	require.GreaterOrEqual(t, counted, n-2)
}

// A signal around the end of a command does not end cachex at once, but is not lost.
func TestSignalAroundTheEnd(t *testing.T) {
	for _, role := range []string{"late", "dead"} {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVar+"="+role)
		out, err := cmd.Output()
		require.Equal(t, unix.SIGTERM, status(t, err).Signal(), role)
		require.Equal(t, "alive\n", string(out), role)
	}
}

func TestDieOnSignalsStopped(t *testing.T) {
	stop := DieOnSignals()
	again := DieOnSignals()
	stop()
	stop()
	again()
	require.Zero(t, signals.holders)
}

func TestRunsSideBySide(t *testing.T) {
	done := make(chan error)
	for i := range 8 {
		go func() {
			rep := &report{}
			r, err := Run(Command{
				Path: "/bin/sh", Argv: sh(fmt.Sprintf("echo %d; exit %d", i, i)), Sink: &tape{report: rep},
			})
			if err == nil && (r.Code != i || rep.Streams[Stdout] != fmt.Sprintln(i) || !r.Complete) {
				err = fmt.Errorf("run %d: %+v %+v", i, r, rep)
			}
			done <- err
		}()
	}
	for range 8 {
		require.NoError(t, <-done)
	}
}

func TestDirectory(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	var out sink
	_, err = Run(Command{Path: "/bin/sh", Argv: sh("pwd -P"), Dir: dir, Sink: &out})
	require.NoError(t, err)
	require.Equal(t, dir+"\n", out.String())
}

// A command is killed when the caller gives up, and what it has written until then was delivered.
func TestCanceled(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	canceled := make(chan struct{})
	go func() {
		line := make([]byte, 6)
		_, err := io.ReadFull(r, line)
		if err == nil && string(line) == "begun\n" {
			close(canceled)
		}
	}()
	var out sink
	res, err := Run(Command{
		Path: "/bin/sh", Argv: sh("echo begun; exec sleep 600"), Stdout: w, Sink: &out, Canceled: canceled,
	})
	require.NoError(t, err)
	require.Equal(t, int(unix.SIGKILL), res.Signal)
	require.True(t, res.Interrupted)
	require.Equal(t, "begun\n", out.String())
}

// The signals of a program that only calls a command are its own.
func TestKeepSignals(t *testing.T) {
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVar+"=keeper")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, "user defined signal 1 false\n", string(out))
}
