package hashing

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/windows"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/probe"
)

// LookPath returns the file that would be executed for name: name itself, or with an extension of PATHEXT, in the
// directories of PATH. What is found relative to dir, the working directory, is returned relative. Files of past are
// passed over. The error is *NotFound or *NotExecutable.
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
	var denied error
	for _, file := range Candidates(name, environ) {
		if slices.Contains(past, file) {
			continue
		}
		info, err := os.Stat(absolute(file, dir))
		switch {
		case err != nil:
			seen.Note(file, probe.Passed, false)
			continue
		case info.IsDir():
			seen.Note(file, probe.Passed, true)
			denied = &NotExecutable{Path: file, Err: windows.ERROR_DIRECTORY}
		default:
			seen.Note(file, probe.Program, true)
			return file, nil
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &NotFound{Name: name}
}

// Candidates returns the files that LookPath looks at, in its order.
func Candidates(name string, environ []string) (files []string) {
	elements := []string{""}
	if !strings.ContainsAny(name, `:\/`) {
		path, _ := env.Lookup(environ, "PATH")
		elements = filepath.SplitList(path)
	}
	for _, element := range elements {
		for _, extension := range extensions(name, environ) {
			files = append(files, filepath.Join(element, name+extension))
		}
	}
	return files
}

// extensions returns what may have to be appended to name, in the order in which it is tried. What looks like an
// extension may be none: tool1.2 is tool1.2.exe.
func extensions(name string, environ []string) []string {
	list, ok := env.Lookup(environ, "PATHEXT")
	if !ok || list == "" {
		list = ".com;.exe;.bat;.cmd"
	}
	all := strings.Split(strings.ToLower(list), ";")
	if filepath.Ext(name) != "" {
		return append([]string{""}, all...)
	}
	return all
}

// SearchVariables are those that decide where LookPath looks.
func SearchVariables() []string { return []string{"PATH", "PATHEXT"} }
