package runner

import (
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// closeAllOnExec marks all at once, since Linux 5.11.
func closeAllOnExec() error {
	return unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
}

func inheritedDescriptors() (fds []int, err error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd >= 3 && isInherited(fd) {
			fds = append(fds, fd)
		}
	}
	return fds, err
}
