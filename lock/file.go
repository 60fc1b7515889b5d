package lock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// File is where one lock file lives.
type File interface {
	// Path is absolute; it is what records and messages name.
	Path() string
	// Open opens the file for reading and writing, without O_APPEND, makes it if it is absent, and refuses links
	// and what is not a regular file. The descriptor is closed on exec.
	Open() (*os.File, error)
	// Stat describes what the name refers to now, without following links.
	Stat() (os.FileInfo, error)
	// Remove unlinks the name.
	Remove() error
}

// FileAt is the plain file at an absolute path. It trusts the directories on the way.
func FileAt(path string) File { return plainFile(path) }

type plainFile string

func (p plainFile) Path() string               { return string(p) }
func (p plainFile) Stat() (os.FileInfo, error) { return os.Lstat(string(p)) }
func (p plainFile) Remove() error              { return os.Remove(string(p)) }
func (p plainFile) Open() (*os.File, error)    { return openRegular(string(p), makeIfAbsent) }

// openMode is how openRegular opens a file.
type openMode int

const (
	makeIfAbsent openMode = iota // read and write
	readOnly
	appendOnly // read, and write at the end
)

// openRegular opens a regular file and nothing else: it neither follows a link nor blocks on a pipe or a device.
func openRegular(path string, mode openMode) (*os.File, error) {
	f, err := openNoFollow(path, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openExisting opens the file of p if there is one, else it returns nil. A file that vanishes between the look and the
// open is made again, empty, and does no harm.
func openExisting(p File) (*os.File, error) {
	_, err := p.Stat()
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at lock file: %w", err)
	}
	f, err := p.Open()
	if err != nil {
		return nil, fmt.Errorf("open lock file: %w", err)
	}
	return f, nil
}

// openIfThere opens the regular file at path, and returns nil if there is none.
func openIfThere(path string, mode openMode) (*os.File, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.Mode().IsRegular() {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f, err := openRegular(path, mode)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return f, err
}
