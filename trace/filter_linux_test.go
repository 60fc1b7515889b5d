//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
)

// decide is what the kernel does with a filter, of the instructions that ours has.
func decide(t *testing.T, f []unix.SockFilter, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	var data [64]byte // struct seccomp_data
	binary.LittleEndian.PutUint32(data[0:], number)
	binary.LittleEndian.PutUint32(data[4:], arch)
	for i, a := range args {
		binary.LittleEndian.PutUint64(data[16+8*i:], a)
	}
	var a uint32
	for at := 0; at < len(f); at++ {
		i := f[at]
		jump := func(holds bool) {
			if holds {
				at += int(i.Jt)
			} else {
				at += int(i.Jf)
			}
		}
		switch i.Code {
		case load:
			a = binary.LittleEndian.Uint32(data[i.K:])
		case ifEqual:
			jump(a == i.K)
		case ifBits:
			jump(a&i.K != 0)
		case atLeast:
			jump(a >= i.K)
		case skip:
			at += int(i.K)
		case give:
			return i.K
		default:
			t.Fatalf("instruction %d: %v", at, i)
		}
	}
	t.Fatal("the filter has no end")
	return 0
}

func TestFilter(t *testing.T) {
	f := buildFilter(thisMachine, notified())
	require.LessOrEqual(t, len(f), entry.MaxProgram)
	const big = 1 << 32
	m := thisMachine.arch
	for _, c := range []struct {
		name    string
		arch    uint32
		number  uint32
		args    []uint64
		noticed bool
	}{
		{"read", m, unix.SYS_READ, nil, false},
		{"fstat", m, unix.SYS_FSTAT, nil, false},
		{"openat", m, unix.SYS_OPENAT, nil, true},
		{"execve", m, unix.SYS_EXECVE, nil, true},
		{"exit_group", m, unix.SYS_EXIT_GROUP, nil, false},
		{"exit of a thread", m, unix.SYS_EXIT, nil, false},
		{"the last of the table", m, unix.SYS_PERF_EVENT_OPEN, nil, true},
		{"beyond all", m, 9999, nil, false},

		{"local socket", m, unix.SYS_SOCKET, []uint64{unix.AF_UNIX}, false},
		{"socket of the network", m, unix.SYS_SOCKET, []uint64{unix.AF_INET6}, true},
		{"sendto who is connected", m, unix.SYS_SENDTO, []uint64{3, 1, 1, 0, 0, 16}, false},
		{"sendto an address", m, unix.SYS_SENDTO, []uint64{3, 1, 1, 0, 4096}, true},
		{"sendto a high address", m, unix.SYS_SENDTO, []uint64{3, 1, 1, 0, big}, true},

		{"sendmsg", m, unix.SYS_SENDMSG, []uint64{3, 4096, 0}, true},
		{"sendmsg of a stage", m, unix.SYS_SENDMSG, []uint64{3, 4096, entry.SendMark<<32 | unix.MSG_NOSIGNAL}, false},

		{"thread", m, unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD | uint64(unix.SIGCHLD)}, false},
		{"pid namespace", m, unix.SYS_CLONE, []uint64{unix.CLONE_NEWPID | uint64(unix.SIGCHLD)}, true},
		{"files of its own", m, unix.SYS_UNSHARE, []uint64{unix.CLONE_FILES}, false},
		{"mounts of its own", m, unix.SYS_UNSHARE, []uint64{unix.CLONE_FS | unix.CLONE_NEWNS}, true},

		{"signal asked about", m, unix.SYS_RT_SIGACTION, []uint64{uint64(unix.SIGALRM), 0}, false},
		{"signal handled", m, unix.SYS_RT_SIGACTION, []uint64{uint64(unix.SIGALRM), 4096}, true},
		{"signal handled, high address", m, unix.SYS_RT_SIGACTION, []uint64{uint64(unix.SIGALRM), big}, true},
		{"fault handled", m, unix.SYS_RT_SIGACTION, []uint64{uint64(unix.SIGSEGV), 4096}, false},
		{"the last fault handled", m, unix.SYS_RT_SIGACTION, []uint64{uint64(unix.SIGSYS), 4096}, false},

		{"filter", m, unix.SYS_SECCOMP, []uint64{unix.SECCOMP_SET_MODE_FILTER, 0}, false},
		{"listener", m, unix.SYS_SECCOMP, []uint64{unix.SECCOMP_SET_MODE_FILTER, filterFlags}, true},
		{"memory of its own", m, unix.SYS_SHMGET, []uint64{unix.IPC_PRIVATE}, false},
		{"memory of others", m, unix.SYS_SHMGET, []uint64{7}, true},

		{"execve of 32 bits", unix.AUDIT_ARCH_I386, 11, nil, true},
		{"read of 32 bits", unix.AUDIT_ARCH_I386, 3, nil, false},
	} {
		want := uint32(unix.SECCOMP_RET_ALLOW)
		if c.noticed {
			want = unix.SECCOMP_RET_USER_NOTIF
		}
		require.Equal(t, want, decide(t, f, c.arch, c.number, c.args...), c.name)
	}
	for _, number := range thisMachine.variant {
		require.EqualValues(t, unix.SECCOMP_RET_USER_NOTIF, decide(t, f, m, number), number)
	}
}

// Each call of the table is found in it, and no other number is.
func TestFilterFindsCalls(t *testing.T) {
	always := map[uint32]bool{}
	for _, c := range notified() {
		always[c.number] = len(c.when) == 0
	}
	f := buildFilter(thisMachine, notified())
	for number := range uint32(1 << 10) {
		want := uint32(unix.SECCOMP_RET_ALLOW)
		switch unconditional, known := always[number]; {
		case unconditional:
			want = unix.SECCOMP_RET_USER_NOTIF
		case known:
			continue
		}
		require.Equal(t, want, decide(t, f, thisMachine.arch, number), number)
	}
}

// No call is twice in the table: the second would not count.
func TestCallsAreDistinct(t *testing.T) {
	seen := map[uint32]bool{}
	for _, c := range notified() {
		require.False(t, seen[c.number], "call %d", c.number)
		seen[c.number] = true
	}
}

func TestReleases(t *testing.T) {
	for release, want := range map[string]bool{
		"6.11.0-rc1": true, "6.18.44-generic": true, "7.0.0": true, "10.1": true, "6.10.12": false, "6.9": false, "5.19.0": false,
		"6": false, "": false, "linux": false,
	} {
		require.Equal(t, want, isSince(release, 6, 11), release)
	}
}

func TestInterpreterOfAScript(t *testing.T) {
	for header, want := range map[string]string{
		"#!/bin/sh\n":                "/bin/sh",
		"#! \t/usr/bin/env -S a b\n": "/usr/bin/env",
		"#!/bin/sh\t-e":              "/bin/sh",
		"#!sh\nx":                    "sh",
		"#!/bin/sh\x00\x00":          "/bin/sh",
		"#!\n/bin/sh":                "",
		"#!":                         "",
	} {
		require.Equal(t, want, interpreter([]byte(header)), "%q", header)
	}
}

// Whatever is in a file that is executed, its header is read without harm.
func FuzzElfInterpreter(f *testing.F) {
	header := make([]byte, 200)
	copy(header, "\x7fELF\x02")
	header[32], header[56] = 64, 1
	header[64] = 3
	header[64+8], header[64+32] = 130, 20
	copy(header[130:], "/lib/ld.so\x00")
	f.Add(header)
	f.Add(header[:64])
	f.Fuzz(func(t *testing.T, text []byte) {
		fd, err := unix.MemfdCreate("fuzz", unix.MFD_CLOEXEC)
		require.NoError(t, err)
		defer unix.Close(fd)
		_, err = unix.Write(fd, text)
		require.NoError(t, err)
		name := elfInterpreter(fd, text[:min(len(text), headerSize)])
		require.LessOrEqual(t, len(name), unix.PathMax)
		if string(text) == string(header) {
			require.Equal(t, "/lib/ld.so", name)
		}
	})
}
