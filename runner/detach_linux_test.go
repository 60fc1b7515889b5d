package runner

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func init() { roles["detacher"] = playDetacher }

// playDetacher detaches the command in args with descriptor 3 as Keep, runs a command that looks for descriptor 5, and
// waits.
func playDetacher(args []string) {
	kept := os.NewFile(3, "kept")
	defer runtime.KeepAlive(kept)
	if err := Detach(Detached{Path: args[0], Argv: args, Keep: kept}); err != nil {
		panic(err)
	}
	fmt.Println("detached")
	c := Command{Path: "/bin/sh", Argv: sh(`test -e /proc/$$/fd/5 && echo has 5`), Stdout: os.Stdout}
	if _, err := Run(c); err != nil {
		panic(err)
	}
	for fd := 3; fd <= 5; fd++ { // only the detached process holds the pipe open
		unix.Close(fd)
	}
	fmt.Println("ran")
	select {}
}

// detacher starts a process with inheritable descriptors 3 to 5, of which 3 is the writing side of the pipe whose other
// side is returned, and waits until it has detached and run text.
func detacher(t *testing.T, text string) (cmd *exec.Cmd, kept *bufio.Reader, ran string) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	cmd = exec.Command(self, sh(text)...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVar+"=detacher")
	cmd.ExtraFiles = []*os.File{w, w, w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	w.Close()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, unix.SIGKILL)
		cmd.Wait()
	})
	lines := bufio.NewReader(out)
	for line := ""; line != "ran\n"; {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
		ran += line
	}
	return cmd, bufio.NewReader(r), ran
}

// numberFrom reads the next line, a number, from the detached process.
func numberFrom(t *testing.T, kept *bufio.Reader) (n int) {
	t.Helper()
	_, err := fmt.Fscanln(kept, &n)
	require.NoError(t, err)
	return n
}

func fdsOf(t *testing.T, pid int) (fds []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		to, err := os.Readlink(dir + e.Name())
		require.NoError(t, err)
		fds = append(fds, e.Name()+" "+strings.TrimRight(to, "0123456789[]"))
	}
	return fds
}

// A detached process has nothing of the one that started it, and outlives the death of the whole process group.
func TestDetachedProcess(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	text := `(echo $$ >&3); read x <` + fifo + `; echo $x >&3`
	cmd, kept, ran := detacher(t, text)
	require.Equal(t, "detached\nhas 5\nran\n", ran, "a command that is run later inherits as before")
	pid := numberFrom(t, kept)

	session, err := unix.Getsid(pid)
	require.NoError(t, err)
	require.Equal(t, pid, session)
	null := " /dev/null"
	require.Equal(t, []string{"0" + null, "1" + null, "2" + null, "3 pipe:"}, fdsOf(t, pid))

	require.NoError(t, syscall.Kill(-cmd.Process.Pid, unix.SIGKILL))
	cmd.Wait()
	require.NoError(t, os.WriteFile(fifo, []byte("alive\n"), 0o600)) // blocks until somebody reads
	rest, err := io.ReadAll(kept)
	require.NoError(t, err)
	require.Equal(t, "alive\n", string(rest))
}

func TestDetachedProcessLeavesNoZombie(t *testing.T) {
	_, kept, _ := detacher(t, `echo $$ >&3`)
	pid := numberFrom(t, kept)
	require.Eventually(t, func() bool { return unix.Kill(pid, 0) == unix.ESRCH }, time.Minute, time.Millisecond)
}

func TestDetachedProcessGetsStdin(t *testing.T) {
	file := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(file, []byte("given"), 0o600))
	stdin, err := os.Open(file)
	require.NoError(t, err)
	defer stdin.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	require.NoError(t, Detach(Detached{Path: "/bin/sh", Argv: sh(`cat >&3`), Stdin: stdin, Keep: w}))
	w.Close()
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "given", string(out))
}

func TestDetachedProcessWithoutKeep(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	t.Setenv("RUNNER_TEST_WORD", "found")
	require.NoError(t, Detach(Detached{Path: "/bin/sh", Argv: sh(`(: >&3) 2>&1 || echo $RUNNER_TEST_WORD >` + fifo)}))
	text, err := os.ReadFile(fifo)
	require.NoError(t, err)
	require.Equal(t, "found\n", string(text))
}

func TestDetachedLimitOfDescriptorsIsAsFound(t *testing.T) {
	text := `ulimit -Sn 100; ulimit -Hn 2000; exec "$0" -detached /bin/sh -c 'ulimit -Sn >&3; ulimit -Hn >&3'`
	out, err := exec.Command("/bin/sh", "-c", text, inherit(t)).Output()
	require.NoError(t, err)
	require.Equal(t, "100\n2000\n", string(out))
}

func TestDetachStartError(t *testing.T) {
	err := Detach(Detached{Path: filepath.Join(t.TempDir(), "absent"), Argv: []string{"x"}})
	var start *StartError
	require.ErrorAs(t, err, &start)
	require.True(t, start.NotFound)
}
