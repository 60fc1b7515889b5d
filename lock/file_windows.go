package lock

import (
	"os"

	"golang.org/x/sys/windows"
)

// openNoFollow shares the file for deletion, which os.OpenFile does not: without it no holder could remove its lock
// file while others wait for it.
func openNoFollow(path string, mode openMode) (*os.File, error) {
	access, disposition := uint32(windows.GENERIC_READ), uint32(windows.OPEN_EXISTING)
	switch mode {
	case makeIfAbsent:
		access |= windows.GENERIC_WRITE
		disposition = windows.OPEN_ALWAYS
	case readOnly:
	case appendOnly:
		access |= windows.FILE_APPEND_DATA | windows.SYNCHRONIZE
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(name, access, share, nil, disposition,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// links counts the names of f; 1 if that cannot be told.
func links(f *os.File) uint64 {
	var info windows.ByHandleFileInformation
	err := withHandle(f, func(h windows.Handle) error {
		return windows.GetFileInformationByHandle(h, &info)
	})
	if err != nil {
		return 1
	}
	return uint64(info.NumberOfLinks)
}

// checkOurs has nothing to check: the access rights of the directory decide.
func checkOurs(*os.File) error { return nil }
