package outputs

import (
	"io/fs"
	"syscall"
)

// changeTime is when the kernel last changed anything of a file, in ns since 1970; 0: it does not say.
func changeTime(fi fs.FileInfo) int64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano()
	}
	return 0
}
