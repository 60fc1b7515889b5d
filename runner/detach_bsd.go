//go:build unix && !linux

package runner

import "golang.org/x/sys/unix"

// closeAllOnExec fails: these systems mark descriptors one by one.
func closeAllOnExec() error { return unix.ENOSYS }

// inheritedDescriptors asks for every number that the limit allows, for not all of these systems list what is open.
// Shells and make use low ones, so the question may end somewhere.
func inheritedDescriptors() (fds []int, err error) {
	const most = 1 << 16
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	for fd := 3; fd < int(min(uint64(limit.Cur), most)); fd++ {
		if isInherited(fd) {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}
