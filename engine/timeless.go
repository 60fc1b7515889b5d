package engine

import (
	"path"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/trace"
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
	"tree", "eza", "exa", "lsd", "lsattr",
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

// looks are what programs make of the times of paths. One thread at a time uses them.
type looks struct {
	uses     map[string]hashing.Uses // of a path, besides when it was modified
	programs map[string]timesOf      // that were asked for, by path
}

// timesOf is what a program makes of times.
type timesOf struct {
	none    bool         // nothing
	endings []string     // nothing of those of files whose names end so
	isGo    bool         // nothing of those of its notes of versions
	more    hashing.Uses // what it uses besides when a path was modified
}

func newLooks() looks { return looks{map[string]hashing.Uses{}, map[string]timesOf{}} }

// noTimes reports whether a program makes no use of the times of a path, and else notes of which.
func (l looks) noTimes(program, file string) bool {
	of := l.of(program)
	if of.none || of.isGo && isVersionNote(file) {
		return true
	}
	if len(of.endings) > 0 && slices.Contains(of.endings, path.Ext(file)) {
		return true
	}
	if of.more != 0 {
		l.uses[file] |= of.more
	}
	return false
}

// drivers of compilers ask where the links above an output lead, and no more.
var drivers = []string{"gcc", "g++", "cc", "c++", "clang", "clang++", "gfortran"}

// judges reports whether a program may act on whether something is at a path that is written later, or on what that is.
// A compiler or linker does not.
func (l looks) judges(program, file string) bool {
	of := l.of(program)
	return !of.none && (!of.isGo || !isVersionNote(file)) && !slices.Contains(drivers, programName(program))
}

func (l looks) of(program string) timesOf {
	of, known := l.programs[program]
	if !known {
		of = timesOfProgram(program)
		l.programs[program] = of
	}
	return of
}

func timesOfProgram(program string) (of timesOf) {
	name := programName(program)
	of.none = slices.Contains(timeless, name) || strings.Contains(program, "/pkg/tool/") &&
		slices.Contains([]string{"compile", "asm", "link", "vet", "cgo", "buildid"}, name)
	for interpreter, endings := range modules {
		if isInterpreter(name, interpreter) {
			of.endings = append(of.endings, endings...)
		}
	}
	of.isGo = name == "go"
	if !slices.Contains(modifiedOnly, name) {
		of.more |= hashing.UseChange
	}
	if slices.Contains(directoryTimes, name) {
		of.more |= hashing.UseInode
	}
	return of
}

// tellsOpenModes reports whether one of some programs may ask for the mode of a file that it has open, which no call
// with its name says: gzip and xz give it to what they make. Who makes no use of times, or only of when a file was
// modified, makes none of it. Of a script its interpreter is among the programs.
func tellsOpenModes(programs []trace.Program) bool {
	return slices.ContainsFunc(programs, func(p trace.Program) bool {
		of := timesOfProgram(p.Path)
		return p.Text == "" && !of.none && !of.isGo && of.more&hashing.UseChange != 0
	})
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
	ending := path.Ext(file)
	if ending == "" {
		return false
	}
	for _, endings := range modules {
		if slices.Contains(endings, ending) {
			return true
		}
	}
	return false
}
