package tools

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/hashing/env"
)

// Of some programs it is known which variables they ask for, all of them: they are in the table of tools, and run no
// code of their user, which may ask for any. An observed run of such programs alone depends on the variables of their
// tools and on those that every program may ask for. All others may differ.
//
// What a program asks for was found out in three ways: in its source, by what its compiled code calls getenv with, and
// by watching what it asks for. Whatever is not known for sure is not believed: a program of the same name elsewhere
// than where distributions put theirs, one that was given a library of its user, one that was told to load code.

// everyProgram lists what any program may look at by way of the loader, the C library and what else is common to many.
const everyProgram = "ARGP_HELP_FMT ASAN_OPTIONS CHARSET CLICOLOR CLICOLOR_FORCE COLORTERM DATEMSK DEB_* FORCE_COLOR " +
	"GCONV_PATH GCOV_* GETCONF_DIR GETTEXT_* GLIBCXX_* GLIBC_TUNABLES GMON_OUT_PREFIX HOSTALIASES LDAP* " +
	"LD_* LIBC_* LLVM_PROFILE_FILE LOCALDOMAIN LOCPATH LSAN_OPTIONS MALLOC_* MSAN_OPTIONS MSGVERB MUSL_* " +
	"NIS_PATH NLSPATH NO_COLOR NSS_* OMP_* OPENSSL_* OUTPUT_CHARSET POSIX* RESOLV_* RES_OPTIONS RPM_* " +
	"SEV_LEVEL SOURCE_DATE_EPOCH SSL_* SYSTEMD_* TEMP TEMPDIR TERMCAP TERMINFO TERMINFO_DIRS TEXTDOMAIN " +
	"TEXTDOMAINDIR TMP TSAN_OPTIONS TZDIR UBSAN_OPTIONS XDG_* _POSIX*"

// bringCode lists variables by which a user can have his own code loaded into programs, or have them read it.
var bringCode = []string{
	"LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "GCONV_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "GCC_SPECS",
	"LIBRARY_PATH",
}

// systemPrograms is where distributions put programs.
var systemPrograms = []string{"/usr/bin/", "/bin/"}

// Plain lists the tools whose variables are all that an observed run of a command line depends on, besides those that
// every program may look at. Programs are those that it has executed, its command first; file returns where one is, if
// it is the system's. Not ok: all variables count.
func Plain(argv, environ, programs []string, file func(string) (string, bool)) (names []string, ok bool) {
	if len(programs) == 0 || len(argv) == 0 || bringsCode(environ) {
		return nil, false
	}
	first, ok := plainTool(programs[0], file, (*tool).isPlain)
	if !ok || first.code != nil && first.code(argv, environ) {
		return nil, false
	}
	for _, program := range programs {
		t, ok := plainTool(program, file, (*tool).isPlain)
		if first.code != nil { // what it starts was told what to do by it alone
			t, ok = plainTool(program, file, (*tool).isPlainOrPart)
			ok = ok && t == first
		} else if ok {
			ok = t.code == nil
		}
		if !ok {
			return nil, false
		}
		names = append(append(names, t.name), Of(program)...)
	}
	return sortedSet(names), true
}

// bringsCode reports whether programs may have code in them that is not theirs.
func bringsCode(environ []string) bool {
	for _, name := range bringCode {
		if value, _ := env.Lookup(environ, name); value != "" {
			return true
		}
	}
	return false
}

// plainTool returns the tool that has a program, if that is where distributions put it, and of the system's owner.
func plainTool(program string, file func(string) (string, bool), has func(*tool, string) bool) (*tool, bool) {
	path, ok := file(program)
	if !ok {
		return nil, false
	}
	for i := range tools {
		t := &tools[i]
		if has(t, cmdline.ProgramName(path)) && t.isPlace(path) {
			return t, true
		}
	}
	return nil, false
}

func (t *tool) isPlace(path string) bool {
	inSystem := func(dir string) bool { return filepath.Dir(path)+"/" == dir }
	below := func(dir string) bool { return strings.HasPrefix(path, dir) }
	return slices.ContainsFunc(systemPrograms, inSystem) || slices.ContainsFunc(strings.Fields(t.places), below)
}

func (t *tool) isPlain(program string) bool { return hasField(t.plain, t.plainName(program)) }

func (t *tool) isPlainOrPart(program string) bool {
	return t.isPlain(program) || hasField(t.parts, t.plainName(program))
}

// plainName is the name of a compiler without its version and the machine it works for.
func (t *tool) plainName(program string) string {
	if t.name != "cc" {
		return program
	}
	program = strings.TrimRight(program, "-.0123456789")
	if _, name, found := strings.Cut(program, "-linux-gnu-"); found {
		return name
	}
	return program
}

// hasField reports whether a list has a word; there is one blank between words. To search for its bytes takes a tenth
// of the time of cutting the list, and each run looks through the whole table.
func hasField(list, word string) bool {
	if word == "" || strings.IndexByte(word, ' ') >= 0 {
		return false
	}
	for from := 0; ; {
		at := strings.Index(list[from:], word)
		if at < 0 {
			return false
		}
		begin, end := from+at, from+at+len(word)
		if (begin == 0 || list[begin-1] == ' ') && (end == len(list) || list[end] == ' ') {
			return true
		}
		from = begin + 1
	}
}

// What is told to do more than its own work is told so by words, mostly.

// compilesCode: plugins are loaded, specs ask for variables, and a file of words may name either.
func compilesCode(argv, _ []string) bool {
	return slices.ContainsFunc(argv[1:], func(word string) bool {
		return strings.HasPrefix(word, "-B") || strings.Contains(word, "@") || strings.Contains(word, "plugin") ||
			strings.Contains(word, "specs")
	})
}

// filtersCode: a filter can ask for variables by these names alone, and may stand in another file. One in the home
// directory is part of each.
func filtersCode(argv, environ []string) bool {
	home, _ := env.Lookup(environ, "HOME")
	if info, err := os.Stat(filepath.Join(home, ".jq")); home == "" || err == nil && !info.IsDir() {
		return true
	}
	return slices.ContainsFunc(argv[1:], func(word string) bool {
		for _, sign := range []string{"env", "ENV", "import", "include"} {
			if strings.Contains(word, sign) {
				return true
			}
		}
		return strings.HasPrefix(word, "--from") || strings.HasPrefix(word, "--lib") ||
			strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "--") && strings.ContainsAny(word, "fL")
	})
}

// goesCode: a test that is not run again is known by all variables that it asked for. What is run is seen.
func goesCode(argv, _ []string) bool {
	words := argv[1:]
	if len(words) > 1 && words[0] == "-C" {
		words = words[2:]
	}
	return len(words) == 0 || !slices.Contains([]string{"vet", "list", "build", "env", "version"}, words[0])
}

// configuresCode: a setting may have its value from any variable.
func configuresCode(argv, _ []string) bool {
	return slices.ContainsFunc(argv[1:], func(word string) bool { return strings.Contains(word, "config-env") })
}

// PlainPatterns lists the variables of tools, as names and beginnings of names, and those of every program.
func PlainPatterns(names []string) []string {
	patterns := slices.Concat(Patterns(append([]string{Common}, names...)), strings.Fields(everyProgram))
	for i := range tools {
		if slices.Contains(names, tools[i].name) {
			patterns = append(patterns, strings.Fields(tools[i].also)...)
		}
	}
	return sortedSet(patterns)
}
