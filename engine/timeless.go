package engine

import (
	"path"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// Programs that run no code of their user and print no times of files make no use of such times, although they look at
// files: a compiler asks what a header is, not when it was changed.
var timeless = []string{
	"cc1", "cc1plus", "as", "ld", "ld.bfd", "ld.gold", "ld.lld", "collect2", "lto1", "rustc", "jq", "grep", "egrep",
	"fgrep", "rg", "cat", "head", "sort", "uniq", "wc", "cmp", "md5sum", "sha1sum", "sha224sum", "sha256sum",
	"sha384sum", "sha512sum",
}

// Others use no more of a file's times than when it was modified. Whoever is in neither list may use all that a look
// tells: Git holds it against its index.
var modifiedOnly = []string{
	"make", "gmake", "ninja", "sh", "dash", "bash", "zsh", "ksh", "test", "[", "gcc", "g++", "cc", "c++", "clang",
	"clang++", "rm", "mkdir", "mv", "ln", "touch", "env", "nice", "timeout", "xargs",
}

// And some tell, or act on, the times of directories, which move with each entry that is made. For others these do not
// count.
var directoryTimes = []string{
	"make", "gmake", "ls", "dir", "vdir", "stat", "tar", "bsdtar", "find", "fd", "du", "rsync", "cpio", "pax", "zip",
	"tree", "eza", "exa", "lsd",
}

// openTimes tell the time of a file that they have open, which no call with its name says.
var openTimes = []string{"gzip", "pigz", "pr"}

// Interpreters look at the files of modules to find them, and to see whether what they have compiled of them is still
// right: of these the content counts instead. The go command does so with its index of packages.
var modules = map[string][]string{
	"python": {".py", ".pyc", ".so"},
	"node":   {".js", ".cjs", ".mjs", ".json", ".node"},
	"go":     {".go", ".mod", ".sum", ".work", ".s"},
}

// looks are what is made of the times of paths besides when they were modified.
type looks map[string]hashing.Uses

// noTimes reports whether a program makes no use of the times of a path, and else notes of which.
func (l looks) noTimes(program, file string) bool {
	name := programName(program)
	if ignoresTimes(program, name, file) {
		return true
	}
	if !slices.Contains(modifiedOnly, name) {
		l[file] |= hashing.UseChange
	}
	if slices.Contains(directoryTimes, name) {
		l[file] |= hashing.UseInode
	}
	return false
}

// programName is a program's name without the machine that it works for and the version at its end.
func programName(program string) string {
	name := path.Base(program)
	if _, tool, ok := strings.Cut(name, "-linux-gnu-"); ok {
		name = tool
	}
	if base, version, ok := strings.Cut(name, "-"); ok && base != "" && strings.Trim(version, "0123456789.") == "" {
		name = base
	}
	return name
}

// ignoresTimes reports whether a program makes no use of when a path was changed.
func ignoresTimes(program, name, file string) bool {
	if slices.Contains(timeless, name) || strings.Contains(program, "/pkg/tool/") &&
		slices.Contains([]string{"compile", "asm", "link", "vet", "cgo", "buildid"}, name) {
		return true
	}
	for interpreter, endings := range modules {
		if isInterpreter(name, interpreter) && slices.Contains(endings, path.Ext(file)) {
			return true
		}
	}
	return name == "go" && isVersionNote(file)
}

// isVersionNote reports whether a file is one in which the go command notes, in its cache of modules, which version a
// commit is. That of the main module it writes anew at each start, without a look at what it held: but to rename a file
// it looks at what that replaces.
func isVersionNote(file string) bool {
	return path.Ext(file) == ".info" && path.Base(path.Dir(file)) == "@v" && strings.Contains(file, "/cache/download/")
}

// isInterpreter leaves out gofmt, gopls and the like, but not python3.11 and nodejs.
func isInterpreter(name, interpreter string) bool {
	return name == interpreter || interpreter != "go" && strings.HasPrefix(name, interpreter)
}

// isModule reports whether a file may be one of a module.
func isModule(file string) bool {
	for _, endings := range modules {
		if slices.Contains(endings, path.Ext(file)) {
			return true
		}
	}
	return false
}
