//go:build amd64 || arm64

package fastpath

import (
	"syscall"
	"unsafe"
)

// Kernel is what stands for the runtime where there is none yet.
type Kernel struct {
	Call  func(trap, a, b, c, d, e uintptr) uintptr           // makes a system call; an errno is negative
	Start func(f func(unsafe.Pointer), of unsafe.Pointer) int // has another thread call f; 0 or less: it could not
	Join  func()                                              // returns when that has ended
}

func beforeRuntime() bool { return state.kernel != nil }

// call makes a system call, which the scheduler knows of if there is one. It is nosplit because the stack must not move
// behind an address that is a number.
//
//go:nosplit
func call(trap, a, b, c, d, e uintptr) (int, syscall.Errno) {
	if beforeRuntime() {
		const mostErrno = 4095
		n := int(state.kernel.Call(trap, a, b, c, d, e))
		if n < 0 && n >= -mostErrno {
			return -1, syscall.Errno(-n)
		}
		return n, 0
	}
	n, _, errno := syscall.Syscall6(trap, a, b, c, d, e, 0)
	return int(n), errno
}

// cPath is room for a path as the kernel wants it.
type cPath []byte

// set makes it of a directory and what is below that, which may be empty.
func (p cPath) set(dir, below string) syscall.Errno {
	n := len(dir)
	if n >= len(p) || len(below) >= len(p)-n {
		return syscall.ENAMETOOLONG
	}
	for i := range n {
		p[i] = dir[i]
	}
	for i := range len(below) {
		p[n+i] = below[i]
	}
	n += len(below)
	p[n] = 0
	for i := range n {
		if p[i] == 0 {
			return syscall.EINVAL
		}
	}
	return 0
}

//go:nosplit
func (p cPath) address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }

func fstat(fd int, st *syscall.Stat_t) bool {
	_, errno := call(syscall.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(st)), 0, 0, 0)
	return errno == 0
}

func closeFile(fd int) { _, _ = call(syscall.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0) }

// readAt reads at an offset until a buffer is full or the file ends; false: it cannot be read.
func readAt(fd int, b []byte, offset int64) (int, bool) {
	n, errno := call(
		syscall.SYS_PREAD64, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(offset), 0,
	)
	return n, errno == 0
}

func writeTo(fd int, b []byte) (int, syscall.Errno) {
	return call(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), 0, 0)
}

func ns(t syscall.Timespec) int64 { return t.Sec*1e9 + t.Nsec }

func now() int64 {
	const realtime = 0
	var t syscall.Timespec
	if _, errno := call(syscall.SYS_CLOCK_GETTIME, realtime, uintptr(unsafe.Pointer(&t)), 0, 0, 0); errno != 0 {
		return -1 << 63
	}
	return ns(t)
}

const (
	atCwd       = -100
	noFollow    = 0x100
	noAutomount = 0x800
	emptyPath   = 0x1000
	oPath       = 0x200000
	sysOpenat2  = 437 // on all architectures
	fionread    = 0x541b

	noMagiclinks = 2 // of openat2(2): no link of /proc
	noSymlinks   = 4
	below        = noMagiclinks | noSymlinks | 8 // and nothing outside of the directory
)
