//go:build unix

package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// inheriting is held for writing while what this process inherited is hidden from a detached process, and for reading
// while a command is started, which is to inherit it.
var inheriting sync.RWMutex

func detach(d Detached) error {
	null, err := openNull(os.O_RDWR)
	if err != nil {
		return &StartError{Path: d.Path, Err: err}
	}
	defer null.Close()
	files := []*os.File{null, null, null}
	if d.Stdin != nil {
		files[0] = d.Stdin
	}
	if d.Keep != nil {
		files = append(files, d.Keep)
	}
	pid, err := forkDetached(d, files)
	if err != nil {
		return &StartError{Path: d.Path, Err: err, NotFound: errors.Is(err, fs.ErrNotExist)}
	}
	go waitChild(pid) // nobody asks how it ended
	return nil
}

func forkDetached(d Detached, files []*os.File) (pid int, err error) {
	runtime.LockOSThread() // whose signal mask is set for the fork
	defer runtime.UnlockOSThread()
	inheriting.Lock()
	defer inheriting.Unlock()
	show, err := hideInherited()
	if err != nil {
		return 0, fmt.Errorf("hide inherited descriptors: %w", err)
	}
	defer show()
	ignoreAsFound()
	attr := &syscall.ProcAttr{Env: d.Env, Sys: &syscall.SysProcAttr{Setsid: true}}
	for _, f := range files {
		attr.Files = append(attr.Files, f.Fd())
	}
	pid, err = forkExec(d.Path, d.Argv, attr)
	runtime.KeepAlive(files)
	return pid, err
}

// hideInherited marks every descriptor from 3 up close-on-exec, and returns a function that undoes it: a command that
// is run later shall find what it would have found.
func hideInherited() (show func(), err error) {
	inherited, err := inheritedDescriptors()
	if closeAllOnExec() != nil {
		if err != nil {
			return nil, err
		}
		for _, fd := range inherited {
			syscall.CloseOnExec(fd)
		}
	}
	return func() {
		for _, fd := range inherited {
			unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0)
		}
	}, nil
}

// isInherited reports whether fd is open, and was so before this process began: all that Go opens is close-on-exec.
func isInherited(fd int) bool {
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil && flags&unix.FD_CLOEXEC == 0
}
