package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

func detach(d Detached) error {
	if d.Keep != nil {
		return &StartError{Path: d.Path, Err: fmt.Errorf("pass on a file: %w", errors.ErrUnsupported)}
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return &StartError{Path: d.Path, Err: err}
	}
	defer null.Close()
	files := []*os.File{null, null, null} // and no other handle is inherited
	if d.Stdin != nil {
		files[0] = d.Stdin
	}
	const apart = windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP
	p, err := os.StartProcess(d.Path, d.Argv, &os.ProcAttr{
		Env: d.Env, Files: files, Sys: &syscall.SysProcAttr{CreationFlags: apart},
	})
	if err != nil {
		return &StartError{Path: d.Path, Err: err, NotFound: errors.Is(err, fs.ErrNotExist)}
	}
	return p.Release()
}
