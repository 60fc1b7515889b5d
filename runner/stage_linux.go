package runner

import (
	"runtime"
	"strconv"
	"syscall"
)

// spawn starts the command, through its stage if it has one. The caller has locked its thread.
func spawn(c Command, attr *syscall.ProcAttr) (pid int, err error) {
	if c.Stage == nil || len(c.Argv) == 0 {
		return forkExec(c.Path, c.Argv, attr)
	}
	pid, err = c.Stage.fork(c, *attr)
	if err != nil { // this may be the command's error as well, such as of its directory
		c.Stage.Skipped(err)
		return forkExec(c.Path, c.Argv, attr)
	}
	usable, err := c.Stage.Started(pid)
	if usable && err == nil {
		return pid, nil
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	_, _ = waitChild(pid)
	if !usable {
		return forkExec(c.Path, c.Argv, attr)
	}
	return 0, err
}

// fork starts the program that becomes the command.
func (s *Stage) fork(c Command, attr syscall.ProcAttr) (pid int, err error) {
	f, err := s.Open()
	if err != nil {
		return 0, err
	}
	defer f.Close()
	attr.Files = withFree(attr.Files, f.Fd())
	number := strconv.Itoa(len(attr.Files) - 1)
	pid, err = forkExec(s.Path, append([]string{s.Name, number, c.Path}, c.Argv...), &attr)
	runtime.KeepAlive(f)
	return pid, err
}

// withFree appends fd to the descriptors of a child, so that it gets the lowest number that is not inherited from this
// process.
func withFree(files []uintptr, fd uintptr) []uintptr {
	n := len(files)
	files = files[:n:n]
	for ; isInherited(n); n++ {
		files = append(files, uintptr(n))
	}
	return append(files, fd)
}
