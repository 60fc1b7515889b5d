package lock

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// lockedAt (high half of an offset) is the one byte that is locked: locks on Windows keep others from reading what they
// cover, and the record must stay readable.
const lockedAt = 1 << 30

// lockFile locks f. Two handles opened apart exclude each other, in one process too.
func lockFile(f *os.File, mode lockMode) error {
	var flags uint32
	if mode&exclusive != 0 {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	if mode&now != 0 {
		flags |= windows.LOCKFILE_FAIL_IMMEDIATELY
	}
	return withHandle(f, func(h windows.Handle) error {
		at := windows.Overlapped{OffsetHigh: lockedAt}
		err := windows.LockFileEx(h, flags, 0, 1, 0, &at)
		if errors.Is(err, windows.ERROR_IO_PENDING) { // only a handle opened for overlapped use answers so
			var n uint32
			err = windows.GetOverlappedResult(h, &at, &n, true)
		}
		return meaning(err)
	})
}

func unlockFile(f *os.File) error {
	return withHandle(f, func(h windows.Handle) error {
		return windows.UnlockFileEx(h, 0, 1, 0, &windows.Overlapped{OffsetHigh: lockedAt})
	})
}

// withHandle calls fn with the handle of f, and keeps it open meanwhile.
func withHandle(f *os.File, fn func(windows.Handle) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var called error
	if err := conn.Control(func(fd uintptr) { called = fn(windows.Handle(fd)) }); err != nil {
		return err
	}
	return called
}

func meaning(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return ErrBusy
	case errors.Is(err, windows.ERROR_NOT_SUPPORTED), errors.Is(err, windows.ERROR_INVALID_FUNCTION):
		return fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return err
}
