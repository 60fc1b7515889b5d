package hashing

import (
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// lookAt looks at the file that path names; at the link itself if it is one and follow is false.
func lookAt(path string, follow bool) (look, error) {
	info, err := os.Lstat(path)
	if err == nil && follow {
		info, err = os.Stat(path)
	}
	if err != nil {
		return look{}, cause(err)
	}
	at := look{kind: kindOf(info.Mode())}
	if !at.kind.regular() && at.kind != kindDirectory {
		return at, nil
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return look{}, err
	}
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	h, err := windows.CreateFile(
		name, windows.FILE_READ_ATTRIBUTES, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0,
	)
	if err != nil {
		return look{}, err
	}
	defer windows.CloseHandle(h)
	at.id, err = statID(h)
	return at, err
}

func kindOf(mode fs.FileMode) kind {
	switch {
	case mode.IsRegular():
		return kindPlain
	case mode.IsDir():
		return kindDirectory
	case mode&fs.ModeSymlink != 0:
		return kindLink
	case mode&fs.ModeSocket != 0:
		return kindSocket
	case mode&fs.ModeNamedPipe != 0:
		return kindFIFO
	}
	return kindDevice
}

// basicInfo is FILE_BASIC_INFO; times in units of 100 ns since 1601.
type basicInfo struct {
	created, accessed, written, changed int64
	attributes                          uint32
	_                                   uint32
}

func statID(h windows.Handle) (StatID, error) {
	var id windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(h, &id); err != nil {
		return StatID{}, err
	}
	var basic basicInfo
	err := windows.GetFileInformationByHandleEx(
		h, windows.FileBasicInfo, (*byte)(unsafe.Pointer(&basic)), uint32(unsafe.Sizeof(basic)),
	)
	if err != nil {
		return StatID{}, err
	}
	const toUnix = 116444736000000000 // from 1601 to 1970
	return StatID{
		Dev:   uint64(id.VolumeSerialNumber),
		Ino:   uint64(id.FileIndexHigh)<<32 | uint64(id.FileIndexLow),
		Size:  int64(id.FileSizeHigh)<<32 | int64(id.FileSizeLow),
		Mtime: (basic.written - toUnix) * 100,
		Ctime: (basic.changed - toUnix) * 100,
	}, nil
}

func lookAtOpen(f *os.File) (look, error) {
	info, err := f.Stat()
	if err != nil {
		return look{}, cause(err)
	}
	id, err := statID(windows.Handle(f.Fd()))
	return look{kind: kindOf(info.Mode()), id: id}, err
}

// openContent opens a file that was seen to be regular.
func openContent(path string, _ bool) (*os.File, error) { return os.Open(path) }

// folder is an open directory.
type folder struct {
	f    *os.File
	path string
	at   look
}

func openFolder(path string, _ bool) (*folder, look, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, look{}, err
	}
	at, err := lookAtOpen(f)
	if err == nil && at.kind != kindDirectory {
		err = windows.ERROR_DIRECTORY
	}
	if err != nil {
		_ = f.Close()
		return nil, look{}, err
	}
	return &folder{f: f, path: path, at: at}, at, nil
}

func (d *folder) look(name string) (look, error) { return lookAt(filepath.Join(d.path, name), false) }

func (d *folder) close() { _ = d.f.Close() } // nothing was written
