//go:build amd64 || arm64

package entry_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
)

// started is set in what a test starts: so a start that is taken for one of the tests does not start them all again.
const started = "ENTRY_TEST_STARTED"

func TestMain(m *testing.M) {
	if os.Getenv(started) != "" && (len(os.Args) < 2 || os.Args[1] != onlySeen) {
		os.Exit(99)
	}
	os.Exit(m.Run())
}

const onlySeen = "-test.run=^TestSeen$"

// named returns this test binary under a name that the entry knows. An emulator is what runs it on another machine.
func named(t *testing.T, name string, words ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	c := &exec.Cmd{Path: self, Args: append([]string{name}, words...)}
	if emulator := os.Getenv("EMULATOR"); emulator != "" {
		c = exec.Command(emulator, append([]string{"-0", name, self}, words...)...)
	}
	c.Env = append(os.Environ(), started+"=1")
	return c
}

func TestSeen(t *testing.T) { require.True(t, entry.Seen()) }

// stage runs a stage with a filter that allows everything, and returns its two messages, and how it ended.
func stage(t *testing.T, name string, words ...string) (first, second []byte, out string, err error) {
	t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	theirs := os.NewFile(uintptr(pair[1]), "theirs")
	allow := []byte{unix.BPF_RET | unix.BPF_K, 0, 0, 0, 0, 0, 0xff, 0x7f}
	require.NoError(t, unix.Send(pair[0], allow, 0))
	c := named(t, name, words...)
	c.ExtraFiles = []*os.File{theirs}
	text, err := c.Output()
	theirs.Close()
	b := make([]byte, 100)
	n, readErr := unix.Read(pair[0], b)
	require.NoError(t, readErr)
	m, readErr := unix.Read(pair[0], b[n:])
	require.NoError(t, readErr)
	require.NoError(t, unix.Close(pair[0]))
	return b[:n], b[n : n+m], string(text), err
}

func TestStageBecomesACommand(t *testing.T) {
	require.NoError(t, unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)) // what whoever tests has left open
	first, second, out, err := stage(t, entry.Stage, "3", "/bin/sh", "argv0", "-c", `echo "$0" "$1"; ls /proc/self/fd`, "a b", "c")
	require.NoError(t, err)
	require.Len(t, first, 16)
	require.Empty(t, second)
	plain := exec.Command("/bin/sh", "-c", `echo "$0" "$1"; ls /proc/self/fd`, "a b", "c")
	want, err := plain.Output()
	require.NoError(t, err)
	require.Equal(t, string(want), out)
}

func TestStageTellsWhyNot(t *testing.T) {
	first, second, out, err := stage(t, entry.Stage, "3", "/no/such/thing", "argv0")
	require.Error(t, err)
	require.Len(t, first, 16)
	require.Equal(t, -int64(unix.ENOENT), int64(binary.LittleEndian.Uint64(second)))
	require.Empty(t, out)
}

// What only looks like a stage, or has too few words for one, is this program.
func TestNoStage(t *testing.T) {
	for _, name := range []string{"cachex-s", "cachex-stages", "cachex-keep", "c", entry.Stage} {
		out, err := named(t, name, onlySeen, "-test.v").CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "PASS: TestSeen")
	}
}

// A keeper waits as long as its parent lives, and ends when there is nobody left to answer.
func TestKeeper(t *testing.T) {
	listener, other, err := os.Pipe() // of a pipe there is an end, too
	require.NoError(t, err)
	lifeline, life, err := os.Pipe()
	require.NoError(t, err)
	defer life.Close()
	page, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	require.NoError(t, page.Truncate(4096))
	c := named(t, entry.Keeper)
	c.Stdin, c.Stdout, c.Stderr = listener, page, lifeline
	require.NoError(t, c.Start())
	require.NoError(t, listener.Close())
	require.NoError(t, other.Close())
	require.NoError(t, c.Wait())
}
