//go:build amd64 || arm64

package trace_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
	"github.com/cachex-cli/cachex/trace"
)

// Calls whose answers no later look can compare, each by a program in C that makes that one call and does not mind
// whether it fails.
func TestDoubts(t *testing.T) {
	const head = `
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
static int child(void *p) { return 0; }
static char stack[65536];
`
	const local = `struct sockaddr_un a = {AF_UNIX, "\0x"}; `
	for name, c := range map[string]struct{ code, reason string }{
		"io_uring":          {`char p[120] = {0}; syscall(SYS_io_uring_setup, 1, p);`, "it uses io_uring"},
		"chroot":            {`chroot("/none");`, "it changes its root directory"},
		"mount":             {`mount("none", "/none", "tmpfs", 0, 0);`, "it mounts file systems"},
		"fsopen":            {`syscall(SYS_fsopen, "none", 0);`, "it mounts file systems"},
		"setns":             {`setns(-1, 0);`, "it changes namespaces"},
		"unshare":           {`unshare(CLONE_NEWUTS);`, "it changes namespaces"},
		"clone":             {`clone(child, stack + sizeof stack, CLONE_NEWUTS | SIGCHLD, 0); wait(0);`, "it changes namespaces"},
		"clone3":            {`long a[11] = {CLONE_NEWUTS, 0, 0, 0, SIGCHLD}; if (syscall(SYS_clone3, a, sizeof a) == 0) _exit(0); wait(0);`, "it changes namespaces"},
		"netlink":           {`socket(AF_NETLINK, SOCK_RAW, 0);`, "it asks the kernel by netlink"},
		"packets":           {`socket(AF_PACKET, SOCK_RAW, 0);`, "it opens a socket of an unusual kind"},
		"statfs":            {`struct statfs s; statfs("/", &s);`, "it asks how much room a file system has"},
		"inotify":           {`inotify_add_watch(inotify_init(), "/", IN_CREATE);`, "it waits for changes of files"},
		"System V":          {`shmget(4711, 1, 0);`, "it shares memory or messages with other programs"},
		"keys":              {`syscall(SYS_keyctl, 0, -3, 0);`, "it uses the kernel's keys"},
		"abstract socket":   {local + `connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, 5);`, "it talks to another program"},
		"abstract name":     {local + `bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, 5);`, "it talks to another program"},
		"message":           {local + `struct msghdr m = {&a, 5}; sendmsg(socket(AF_UNIX, SOCK_DGRAM, 0), &m, 0);`, "it talks to another program"},
		"messages":          {local + `struct mmsghdr m[2] = {{{0}}, {{&a, 5}}}; sendmmsg(socket(AF_UNIX, SOCK_DGRAM, 0), m, 2, 0);`, "it talks to another program"},
		"program in memory": {`int f = syscall(SYS_memfd_create, "x", 0); execveat(f, "", (char *[]){"x", 0}, environ, AT_EMPTY_PATH);`, "it executes a file without a name"},
		"handle":            {`syscall(SYS_open_by_handle_at, -1, "", 0);`, "it opens files without their names"},
		"its own root":      {`struct { unsigned long f, m, r; } h = {0, 0, 0x10}; syscall(SYS_openat2, AT_FDCWD, "x", &h, sizeof h);`, "it opens files below a root of its own"},
		"other process":     {`kill(1, 0);`, "it asks whether another program runs"},
		"other processes":   {`kill(-1, 0);`, "it asks whether another program runs"},
		"other's handle":    {`syscall(SYS_pidfd_open, 1, 0);`, "it asks whether another program runs"},
		"removed directory": {`mkdir("gone", 0700); chdir("gone"); rmdir("../gone"); open("x", O_RDONLY);`, "it uses a directory that was removed"},

		"its own memory":     {`shmget(IPC_PRIVATE, 1, 0600);`, ""},
		"made-up name":       {local + `bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&a, 2);`, ""},
		"pairs of sockets":   {`int f[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, f); send(f[0], "x", 1, 0);`, ""},
		"message in a pair":  {`int f[2]; socketpair(AF_UNIX, SOCK_STREAM, 0, f); struct msghdr m = {0}; sendmsg(f[0], &m, 0);`, ""},
		"socket of no one":   {`struct sockaddr_un a = {AF_UNIX, "/none"}; connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof a);`, ""},
		"thread and process": {`clone(child, stack + sizeof stack, CLONE_VM | SIGCHLD, 0); wait(0); if (!fork()) _exit(0); wait(0);`, ""},
		"libselinux":         {`struct statfs s; statfs("/sys/fs/selinux", &s);`, ""},
		"descriptor":         {`struct statfs s; fstatfs(open(".", O_RDONLY), &s);`, ""},
		"its own processes":  {`kill(getpid(), 0); kill(getppid(), 0); kill(0, 0); int p = fork(); if (!p) _exit(0); kill(p, 0); wait(0);`, ""},
		"process that ended": {`int p = fork(); if (!p) { open("x", O_RDONLY); _exit(0); } wait(0); kill(p, 0);`, ""},
		"nothing to read":    {`open((char *)8, O_RDONLY); open(0, O_RDONLY); open("", O_RDONLY);`, ""},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			program := compile(t, "doubt.c", head+"int main() { "+c.code+" return 0; }\n", "-w")
			r := observe(t, workspace(t), program)
			if name != "program in memory" {
				require.Zero(t, r.Code)
			}
			if c.reason == "" {
				require.Empty(t, r.Doubts)
				return
			}
			require.Equal(t, []string{c.reason}, r.reasons())
		})
	}
}

func TestNetwork(t *testing.T) {
	interpreter := python(t)
	for family, want := range map[string]bool{"AF_INET": true, "AF_INET6": true, "AF_UNIX": false} {
		r := observe(t, "", interpreter, "-c", "import socket; socket.socket(socket."+family+", socket.SOCK_DGRAM)")
		require.Equal(t, want, r.Network, family)
		require.Empty(t, r.Doubts)
	}
}

func TestLocalSocket(t *testing.T) {
	dir := workspace(t)
	path := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	defer l.Close()
	r := observe(t, dir, python(t), "-c", "import socket; socket.socket(socket.AF_UNIX).connect('socket')")
	require.Equal(t, []trace.Doubt{{Reason: "it talks to another program", Path: path}}, r.Doubts)

	r = observe(t, dir, python(t), "-c", "import socket; socket.socket(socket.AF_UNIX).bind('new')")
	path = filepath.Join(dir, "new")
	require.Equal(t, []trace.Doubt{{Reason: "it talks to another program", Path: path}}, r.Doubts)
	require.Equal(t, written|claimed, r.seen(path).Use)
}

// Calls of 32 bits are not understood.
func TestOtherArchitecture(t *testing.T) {
	program := compile(t, "int80.c", `
int main() {
	static char path[] = "/etc/passwd";
	int result;
	asm volatile("int $0x80" : "=a"(result) : "a"(5), "b"((int)(long)path), "c"(0), "d"(0) : "memory");
	return 0;
}
`, "-static", "-w")
	r := observe(t, workspace(t), program)
	require.Equal(t, []string{"it makes system calls of another architecture"}, r.reasons())
}

func TestProgramWithMoreRights(t *testing.T) {
	dir := workspace(t)
	path := filepath.Join(dir, "true")
	text, err := os.ReadFile("/bin/true")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o777))
	require.NoError(t, os.Chmod(path, 0o777|os.ModeSetuid))
	const reason = "it runs a program that has more rights than its user"

	r := observe(t, dir, "sh", "-c", "./true; true")
	require.Equal(t, []trace.Doubt{{Reason: reason, Path: path, Altered: os.Getuid() != 0}}, r.Doubts)
	_, err = trace.New(trace.Options{Program: path})
	require.ErrorContains(t, err, "more rights than its user")

	require.NoError(t, os.Chmod(path, 0o777|os.ModeSetgid))
	require.Equal(t, []string{reason}, func() []string { r := observe(t, dir, "sh", "-c", "./true; true"); return r.reasons() }())

	require.NoError(t, os.Chmod(path, 0o777))
	_, err = trace.New(trace.Options{Program: path})
	require.NoError(t, err)
	capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // CAP_NET_RAW
	if err := unix.Setxattr(path, "security.capability", []byte(capability), 0); err != nil {
		t.Skip(err)
	}
	_, err = trace.New(trace.Options{Program: path})
	require.Error(t, err)
}

// What its user may execute and not read cannot be looked into.
func TestUnreadableProgram(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs another user")
	}
	dir := workspace(t)
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o777))
	text, err := os.ReadFile("/bin/cat")
	require.NoError(t, err)
	path := filepath.Join(dir, "cat")
	require.NoError(t, os.WriteFile(path, text, 0o711))
	self, err := os.Executable()
	require.NoError(t, err)
	text, err = os.ReadFile(self)
	require.NoError(t, err)
	c, report := elsewhere(t, nil, "sh", "-c", path+" /dev/null; true")
	c.Path, c.Dir = filepath.Join(dir, "self"), "/"
	require.NoError(t, os.WriteFile(c.Path, text, 0o755))
	c.SysProcAttr = &unix.SysProcAttr{Credential: credential(65534)}
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	r := report()
	require.Contains(t, r.Doubts, trace.Doubt{Reason: "its program cannot be read", Path: path})
	require.Contains(t, r.reasons(), "it does not let itself be observed")
}

// A call that a signal interrupts before it is seen fails if the handler is of the old kind.
func TestInterruptedCalls(t *testing.T) {
	program := compile(t, "alarm.c", `
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>
static void on(int s) {}
int main(int argc, char **argv) {
	struct sigaction a = {.sa_handler = on, .sa_flags = atoi(argv[1]) ? SA_RESTART : 0};
	struct itimerval often = {{0, 300}, {0, 300}}, never = {0};
	int failed = 0;
	sigaction(SIGALRM, &a, 0);
	setitimer(ITIMER_REAL, &often, 0);
	for (int i = 0; i < 2000; i++) failed += access("/dev/null", F_OK) != 0;
	setitimer(ITIMER_REAL, &never, 0);
	printf("%d\n", failed);
	return 0;
}
`)
	const reason = "a signal may have made a call fail that would not have failed unobserved"
	differed := 0
	const runs = 3
	for range runs {
		r := observe(t, "", program, "1")
		require.Equal(t, "0\n", r.Stdout)
		require.Empty(t, r.Doubts)
		r = observe(t, "", program, "0")
		if r.Stdout != "0\n" {
			differed++
			require.Equal(t, []string{reason}, r.reasons())
		}
	}
	t.Logf("%d of %d runs had other answers", differed, runs)
}

// Signals that end a command are handled by many, and count only where somebody sends one.
func TestInterruptionsCountIfSent(t *testing.T) {
	program := compile(t, "sent.c", `
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static void on(int s) {}
static pthread_t first;
static void *send(void *number) {
	for (;;) { pthread_kill(first, *(int *)number); usleep(200); }
}
int main(int argc, char **argv) {
	struct sigaction old = {.sa_handler = on}, fine = {.sa_handler = on, .sa_flags = SA_RESTART};
	int number = atoi(argv[1]);
	pthread_t t;
	first = pthread_self();
	sigaction(SIGUSR1, &fine, 0);
	sigaction(SIGTERM, &old, 0);
	pthread_create(&t, 0, send, &number);
	for (int i = 0; i < 2000; i++) access("/dev/null", F_OK);
	return 0;
}
`, "-pthread")
	for range 3 {
		r := observe(t, "", program, "10")
		require.Empty(t, r.Doubts)
	}
	doubted := 0
	for range 3 {
		r := observe(t, "", program, "15")
		doubted += len(r.Doubts)
	}
	require.NotZero(t, doubted)
}

// Also the last call of a command may have been interrupted.
func TestLastCallInterrupted(t *testing.T) {
	program := compile(t, "last.c", `
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>
static void on(int s) {}
int main(void) {
	struct sigaction a = {.sa_handler = on};
	struct itimerval often = {{0, 300}, {0, 300}};
	sigaction(SIGALRM, &a, 0);
	setitimer(ITIMER_REAL, &often, 0);
	for (int i = 0; i < 100000; i++) if (access("/dev/null", F_OK)) _exit(1);
	_exit(0);
}
`)
	for {
		r := observe(t, "", program)
		if r.Code == 0 {
			continue // none was
		}
		require.Equal(t, []string{"a signal may have made a call fail that would not have failed unobserved"}, r.reasons())
		return
	}
}

// Who ends while signals come takes all threads along: a thread that was left would run for ever.
func TestEndsWhileSignalsCome(t *testing.T) {
	program := compile(t, "ends.c", `
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
static void on(int s) {}
static pthread_t first;
static void *send(void *none) {
	for (;;) pthread_kill(first, SIGUSR1);
}
int main(void) {
	struct sigaction a = {.sa_handler = on};
	sigaction(SIGUSR1, &a, 0);
	alarm(20);
	for (int i = 0; i < 50; i++) {
		if (fork()) {
			while (wait(0) < 0);
			continue;
		}
		pthread_t t;
		first = pthread_self();
		pthread_create(&t, 0, send, 0);
		usleep(100);
		_exit(0);
	}
	puts("all ended");
	return 0;
}
`, "-pthread")
	require.Equal(t, "all ended\n", observe(t, "", program).Stdout)
}

// A process that outlives the command works as before, and nothing is said of it as if it had been seen.
func TestProcessLeftBehind(t *testing.T) {
	dir := workspace(t)
	fifo := filepath.Join(dir, "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o666))
	a := write(t, filepath.Join(dir, "a"), "a")
	r := observe(t, dir, "sh", "-c", `(cat fifo >/dev/null; cat a > out.tmp; mv out.tmp out) >/dev/null 2>&1 & exit 3`)
	require.Equal(t, 3, r.Code)
	require.Equal(t, []string{"it left a process behind that still runs"}, r.reasons())
	require.Zero(t, r.seen(a).Use)
	require.NoError(t, os.WriteFile(fifo, nil, 0)) // it goes on
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "out"))
		return err == nil && string(text) == "a"
	}, waitLong, waitShort)
}

// Who has lost the witness does not wait for one that is left.
func TestWitnessKilled(t *testing.T) {
	dir := workspace(t)
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	require.NoError(t, unix.Mkfifo(first, 0o666))
	require.NoError(t, unix.Mkfifo(second, 0o666))
	c := command(t, dir, "sh", "-c", `cat first; (cat second; echo a > out) >/dev/null 2>&1 & exit 3`)
	var r observed
	ended := make(chan error)
	go func() {
		var err error
		r, err = run(trace.Options{}, c, true)
		ended <- err
	}()
	f, err := os.OpenFile(first, os.O_WRONLY, 0)
	require.NoError(t, err)
	for _, witness := range named(t, entry.Stage) {
		require.NoError(t, unix.Kill(witness, unix.SIGKILL))
	}
	require.NoError(t, f.Close())
	require.NoError(t, <-ended)
	require.Equal(t, 3, r.Code)
	require.Contains(t, r.reasons(), "it left a process behind that still runs")
	require.NoError(t, os.WriteFile(second, nil, 0)) // it goes on
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "out"))
		return err == nil && string(text) == "a\n"
	}, waitLong, waitShort)
}

// A file system of which a program of the command is the server does not make anybody wait for itself.
func TestMountsBlind(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts")
	}
	dir := workspace(t)
	r := observe(t, dir, "unshare", "-m", "sh", "-c", "mount -t tmpfs none . && cat a; true")
	require.Contains(t, r.reasons(), "it changes namespaces")
	require.Zero(t, r.seen(filepath.Join(dir, "a")).Use)
}

// A file system whose server is a part of the command is asked nothing, so nobody waits for the other.
func TestServesItsOwnFiles(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root mounts")
	}
	dir := workspace(t)
	for _, name := range []string{"src", "mnt"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o777))
	}
	write(t, filepath.Join(dir, "src", "a"), "a")
	defer unix.Unmount(filepath.Join(dir, "mnt"), unix.MNT_DETACH)
	c := command(t, dir, "sh", "-c", `bindfs src mnt && for i in 1 2 3; do cat mnt/a; echo > mnt/$i; done; umount mnt`)
	if _, err := exec.LookPath("bindfs"); err != nil {
		t.Skip(err)
	}
	r, err := run(trace.Options{}, c, true)
	require.NoError(t, err)
	require.Zero(t, r.Code, r.Stderr)
	require.Equal(t, "aaa", r.Stdout)
	require.Contains(t, r.reasons(), "it mounts file systems")
}

// strace inside sees the same calls by the means that it has without a filter.
func TestTracersInside(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(err)
	}
	r := observe(t, "", "strace", "-f", "-o", "/dev/stderr", "-e", "trace=openat", "cat", "/dev/null")
	require.Zero(t, r.Code)
	require.Contains(t, r.Stderr, `"/dev/null"`)
	require.Equal(t, read, r.seen("/dev/null").Use&read)
}
