package runner

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// SameFile reports whether a and b are the same file, pipe or console, so that the order of what is
// written to both can be seen.
func SameFile(a, b *os.File) bool {
	if a == nil || b == nil {
		return false
	}
	if IsTerminal(a) && IsTerminal(b) {
		return true
	}
	sa, errA := a.Stat()
	sb, errB := b.Stat()
	return errA == nil && errB == nil && sa.Mode().IsRegular() && os.SameFile(sa, sb)
}

// InputWaiting reports whether a read from f would return data at once. It takes nothing and never
// blocks.
func InputWaiting(f *os.File) bool {
	if f == nil {
		return false
	}
	h := windows.Handle(f.Fd())
	switch kind, _ := windows.GetFileType(h); kind {
	case windows.FILE_TYPE_DISK:
		at, err := windows.Seek(h, 0, 1)
		st, errStat := f.Stat()
		return err == nil && errStat == nil && at < st.Size()
	case windows.FILE_TYPE_PIPE:
		return pipeWaiting(h)
	}
	return false
}

var peekNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("PeekNamedPipe")

// pipeWaiting reports whether a pipe has bytes to read.
func pipeWaiting(h windows.Handle) bool {
	var n uint32
	ok, _, _ := peekNamedPipe.Call(uintptr(h), 0, 0, 0, uintptr(unsafe.Pointer(&n)), 0)
	return ok != 0 && n > 0
}

// IsTerminal reports whether f is a console.
func IsTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

// Columns returns how wide a terminal is; 0: f is none, or it does not know.
func Columns(f *os.File) int {
	if f == nil {
		return 0
	}
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
