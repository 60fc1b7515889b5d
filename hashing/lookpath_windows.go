package hashing

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// LookPath returns the file that would be executed for name: name itself, or with an extension of PATHEXT, in the directories of PATH.
// What is found relative to dir, the working directory, is returned relative. The error is *NotFound or *NotExecutable.
func LookPath(name, dir string, environ []string) (string, error) {
	if name == "" {
		return "", &NotFound{Name: name}
	}
	elements := []string{""}
	if !strings.ContainsAny(name, `:\/`) {
		path, _ := lookup(environ, "PATH")
		elements = filepath.SplitList(path)
	}
	var denied error
	for _, element := range elements {
		for _, extension := range extensions(name, environ) {
			file := filepath.Join(element, name+extension)
			info, err := os.Stat(absolute(file, dir))
			switch {
			case err != nil:
				continue
			case info.IsDir():
				denied = &NotExecutable{Path: file, Err: windows.ERROR_DIRECTORY}
			default:
				return file, nil
			}
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", &NotFound{Name: name}
}

// extensions returns what may have to be appended to name: nothing if it has an extension.
func extensions(name string, environ []string) []string {
	if filepath.Ext(name) != "" {
		return []string{""}
	}
	list, ok := lookup(environ, "PATHEXT")
	if !ok || list == "" {
		list = ".com;.exe;.bat;.cmd"
	}
	return strings.Split(strings.ToLower(list), ";")
}
