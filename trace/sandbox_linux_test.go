//go:build amd64 || arm64

package trace_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/trace"
)

func init() {
	roles["deny"] = playDeny
	roles["new"] = playNew
}

// playDeny executes this binary in the role of the second word, in a sandbox without the call of the first.
func playDeny(argv []string) {
	runtime.LockOSThread()
	number, err := strconv.Atoi(argv[0])
	if err != nil {
		panic(err)
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(number), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil {
		panic(err)
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	panic(unix.Exec(self, append([]string{self}, argv[2:]...), append(os.Environ(), roleVar+"="+argv[1])))
}

// playNew says why there is no tracer.
func playNew([]string) {
	_, err := trace.New(trace.Options{})
	fmt.Print(err)
}

// Where a sandbox lacks what is needed that is said before anything is started.
func TestSandboxes(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	for number, want := range map[int]string{
		unix.SYS_SECCOMP:          "calls cannot be observed here: operation not permitted",
		unix.SYS_IOCTL:            "calls cannot be observed here: operation not permitted", // it could not be answered
		unix.SYS_PROCESS_VM_READV: "the memory of programs cannot be read: operation not permitted",
		unix.SYS_GETTID:           "<nil>", // nothing that matters
	} {
		c := exec.Command(self, strconv.Itoa(number), "new")
		c.Env = append(os.Environ(), roleVar+"=deny")
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Equal(t, want, string(out))
	}
}

// A sandbox may lack what is no reason not to observe.
func TestInsideOfASandbox(t *testing.T) {
	for name, number := range map[string]int{
		"no keeper's descriptors are closed": unix.SYS_CLOSE_RANGE,
		"no parent-death signal":             unix.SYS_PRCTL,
		"no memory to share":                 unix.SYS_MEMFD_CREATE,
	} {
		c, report := elsewhere(t, nil, strconv.Itoa(number), "observe", "sh", "-c", "cat /dev/null; exit 9")
		c.Env = append(c.Env, roleVar+"=deny")
		out, err := c.CombinedOutput()
		require.Equal(t, 9, exitCode(t, err), "%s: %s", name, out)
		r := report()
		if number == unix.SYS_MEMFD_CREATE {
			require.Contains(t, r.Untraced, "memfd_create: operation not permitted")
			continue
		}
		require.Empty(t, r.Untraced, name)
		require.Equal(t, read, r.seen("/dev/null").Use&read, name)
	}
}

// In a container of an ordinary user all is as outside.
func TestContainer(t *testing.T) {
	unshare := []string{"unshare", "-Urpf", "--mount-proc"}
	if err := exec.Command(unshare[0], append(unshare[1:], "true")...).Run(); err != nil {
		t.Skip(err)
	}
	c, report := elsewhere(t, unshare, "sh", "-c", "cat /dev/null; exit 9")
	out, err := c.CombinedOutput()
	require.Equal(t, 9, exitCode(t, err), "%s", out)
	r := report()
	require.Empty(t, r.Untraced)
	require.Equal(t, read, r.seen("/dev/null").Use&read)

	self, err := os.Executable()
	require.NoError(t, err)
	c = exec.Command("unshare", "-Urpf", self) // /proc tells of the processes outside
	c.Env = append(os.Environ(), roleVar+"=new")
	out, err = c.Output()
	require.NoError(t, err)
	require.Equal(t, "/proc is of another pid namespace", string(out))
}
