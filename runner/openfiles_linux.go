package runner

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// OpenFiles are the regular files that this process was started with, besides its standard streams. A command has them,
// too, and reads and writes them where they stand: so where they stand afterwards tells whether it did.
func OpenFiles() (files []OpenFile) {
	inheriting.RLock()
	defer inheriting.RUnlock()
	fds, _ := inheritedDescriptors()
	for _, fd := range fds {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		if at, err := unix.Seek(fd, 0, io.SeekCurrent); err == nil {
			name, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
			files = append(files, OpenFile{name, fd, at})
		}
	}
	return files
}

// Moved reports whether the file has been read or written since.
func (f OpenFile) Moved() bool {
	at, err := unix.Seek(f.descriptor, 0, io.SeekCurrent)
	return err != nil || at != f.offset
}
