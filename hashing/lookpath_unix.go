//go:build !windows

package hashing

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/probe"
)

// LookPath returns the file that execvp would execute for name, in the form in which execvp would name it to the
// kernel: a script finds it in $0. A name with a slash stands for itself; any other is searched in the PATH of environ,
// where an empty element is the working directory. dir is the working directory; what is found relative to it is
// returned relative. Files of past are passed over in PATH.
//
// The error is *NotFound or *NotExecutable: a file that may not be executed is passed over, but remembered.
func LookPath(name, dir string, environ []string, past ...string) (string, error) {
	return lookPath(nil, name, dir, environ, past...)
}

func lookPath(seen *probe.Trail, name, dir string, environ []string, past ...string) (file string, err error) {
	if name == "" {
		return "", &NotFound{Name: name}
	}
	defer func() {
		if err != nil {
			seen.NoteBeyond()
		}
	}()
	if strings.Contains(name, "/") {
		if err := executable(absolute(name, dir)); err != nil {
			return "", lookError(name, name, err)
		}
		seen.Note(name, probe.Program, true)
		return name, nil
	}
	var denied error
	for _, file := range Candidates(name, environ) {
		if slices.Contains(past, file) {
			continue
		}
		err := executable(absolute(file, dir))
		if err == nil {
			seen.Note(file, probe.Program, true)
			return file, nil
		}
		seen.Note(file, probe.Passed, !passedOver(err))
		switch {
		case errors.Is(err, unix.EACCES) || errors.Is(err, unix.EISDIR):
			if denied == nil {
				denied = &NotExecutable{Path: file, Err: err}
			}
		case !passedOver(err):
			return "", &NotExecutable{Path: file, Err: err}
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &NotFound{Name: name}
}

// Candidates returns the files that LookPath looks at, in its order.
func Candidates(name string, environ []string) []string {
	if strings.Contains(name, "/") {
		return []string{name}
	}
	path, ok := env.Lookup(environ, "PATH")
	if !ok {
		path = "/bin:/usr/bin" // the C library's default, see confstr(3) and execvp(3)
	}
	files := strings.Split(path, ":")
	for i, element := range files {
		files[i] = name
		if element != "" {
			files[i] = element + "/" + name
		}
	}
	return files
}

// lookError tells "no such file" from all else, as env and shells do.
func lookError(name, path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &NotFound{Name: name}
	}
	return &NotExecutable{Path: path, Err: err}
}

// passedOver: after these errors glibc's execvp tries the next element.
func passedOver(err error) bool {
	for _, errno := range []error{unix.ENOENT, unix.ESTALE, unix.ENOTDIR, unix.ENODEV, unix.ETIMEDOUT} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// executable says why the kernel would not execute the file; nil if it would try.
func executable(path string) error {
	if err := unix.Access(path, unix.X_OK); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return cause(err)
	case info.IsDir():
		return unix.EISDIR
	case !info.Mode().IsRegular():
		return unix.EACCES
	}
	return nil
}

// SearchVariables are those that decide where LookPath looks.
func SearchVariables() []string { return []string{"PATH"} }
