package cmd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// A link to cachex with the name of a command, first in PATH, stands for `cachex run -- COMMAND`: ln -s .../cachex
// ~/bin/terraform. The command itself is the next of its name in PATH, and a rule of the configuration says how it
// is cached: without one it runs uncached, for nobody has said that its results may be given again. Where there is
// no such command, the link is another name of cachex, as is one that begins with cachex.

const ownName = "cachex"

// asWrapper returns the words of the command line that a name, by which this program was called, stands for.
func asWrapper(name string, args, environ []string) (words []string, wraps bool) {
	name = strings.TrimSuffix(filepath.Base(name), ".exe")
	if _, found := beyondItself(name, "", environ); !found {
		return args, false
	}
	return slices.Concat([]string{"run", "--", name}, args), true
}

// beyondItself returns the files that stand before the program of a name in PATH and are this one. It is found if there
// is another, and the name is not our own.
func beyondItself(name, dir string, environ []string) (itself []string, found bool) {
	if strings.HasPrefix(name, ownName) {
		return nil, false
	}
	for {
		file, err := hashing.LookPath(name, dir, environ, itself...)
		if err != nil || slices.Contains(itself, file) {
			return nil, false
		}
		if !isItself(file) {
			return itself, true
		}
		itself = append(itself, file)
	}
}

// isItself reports whether a file, named from the working directory, is this program.
func isItself(file string) bool {
	exe, err := os.Executable()
	if err != nil {
		return false
	}
	own, err := os.Stat(exe)
	if err != nil {
		return false
	}
	other, err := os.Stat(file)
	return err == nil && os.SameFile(own, other)
}
