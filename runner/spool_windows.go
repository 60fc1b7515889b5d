package runner

import (
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/windows"
)

// UnnamedFile opens a temporary file that is gone when it is closed, whatever becomes of this process.
func UnnamedFile() (*os.File, error) {
	const tries = 100
	for i := 0; ; i++ {
		path := filepath.Join(os.TempDir(), "cachex-held-"+strconv.Itoa(os.Getpid())+"-"+strconv.Itoa(i))
		name, err := windows.UTF16PtrFromString(path)
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		h, err := windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.FILE_SHARE_DELETE, nil,
			windows.CREATE_NEW, windows.FILE_ATTRIBUTE_TEMPORARY|windows.FILE_FLAG_DELETE_ON_CLOSE, 0)
		if err == nil {
			return os.NewFile(uintptr(h), path), nil
		}
		if i == tries {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
