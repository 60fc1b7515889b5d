package cmdline

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
)

// prefix says how a program that starts another one is called: options, words of its own, assignments, and then the
// words of the other. Options are listed as "k kill-after": one letter or a long name, all of which take a value, in
// the same word or the next. Of those that take none only what they do is of interest.
type prefix struct {
	values   string // options with a value that does not matter here
	operands int    // words of its own
	assigns  bool   // NAME=value may come first, and is set for the other program
	clear    string // options without a value that empty the environment
	unset    string // options with the name of a variable that is removed
	dir      string // options with the directory that the other program is started in
	split    string // options with a text that stands for several words
}

// prefixOf is the table of these programs. What they have in common with any command is all that is known of others.
func prefixOf(program string) (p prefix, found bool) {
	switch ProgramName(program) {
	case "env":
		p = prefix{
			values: "a argv0", assigns: true, clear: "i ignore-environment", unset: "u unset", dir: "C chdir",
			split: "S split-string",
		}
	case "nohup", "setsid", "chronic", "command", "builtin":
	case "nice":
		p = prefix{values: "n adjustment"}
	case "timeout":
		p = prefix{values: "k kill-after s signal", operands: 1}
	case "stdbuf":
		p = prefix{values: "i input o output e error"}
	case "time":
		p = prefix{values: "f format o output"}
	case "exec":
		p = prefix{values: "a"}
	case "xargs":
		p = prefix{values: "a arg-file d delimiter E I L n max-args P max-procs s max-chars process-slot-var J R S"}
	case "sudo":
		p = prefix{
			values: "a auth-type C close-from c login-class g group h host p prompt R chroot r role T " +
				"command-timeout t type U other-user u user",
			assigns: true, dir: "D chdir",
		}
	case "doas":
		p = prefix{values: "C u a"}
	case "ionice":
		p = prefix{values: "c class n classdata p pid P pgid u uid"}
	case "chrt":
		p = prefix{values: "T sched-runtime P sched-period D sched-deadline", operands: 1}
	case "taskset":
		p = prefix{operands: 1}
	default:
		return prefix{}, false
	}
	return p, true
}

// ProgramName is the last element of a program's path, without the ending that Windows gives it.
func ProgramName(program string) string {
	return strings.TrimSuffix(path.Base(filepath.ToSlash(program)), ".exe")
}

// Invocation is a command line, and where it is started.
type Invocation struct {
	Argv    []string
	Dirs    []string // the directories that were changed to on the way, each in the one before
	Environ []string
}

// mostPrefixes is how many programs that start one another are looked through.
const mostPrefixes = 16

// Wrapped returns the command lines that are started through a command line's prefixes, the outermost first: of
// `timeout 9 env A=1 make` these are `env A=1 make` and `make`.
func (i Invocation) Wrapped() (inner []Invocation) {
	for range mostPrefixes {
		var ok bool
		if i, ok = i.Unwrap(); !ok {
			break
		}
		inner = append(inner, i)
	}
	return inner
}

// Unwrap returns the command line that this one starts; false if it is no prefix, or nothing stands behind it.
func (i Invocation) Unwrap() (Invocation, bool) {
	if len(i.Argv) == 0 {
		return i, false
	}
	p, found := prefixOf(i.Argv[0])
	if !found {
		return i, false
	}
	i.Argv = i.Argv[1:]
	for ok := true; ok && len(i.Argv) > 0; {
		i, ok = p.takeWord(i)
	}
	i.Argv = i.Argv[min(p.operands, len(i.Argv)):]
	return i, len(i.Argv) > 0
}

// takeWord takes one option, with its value, or assignment off a command line; false: what is left is something else.
func (p prefix) takeWord(i Invocation) (Invocation, bool) {
	word := i.Argv[0]
	switch {
	case word == "--":
		i.Argv = i.Argv[1:]
		return i, false
	case word == "-" && p.clear != "":
		i.Argv, i.Environ = i.Argv[1:], nil
	case len(word) > 1 && word[0] == '-':
		i.Argv = i.Argv[1:]
		return p.takeOption(i, word), true
	case p.assigns && strings.Index(word, "=") > 0:
		i.Argv, i.Environ = i.Argv[1:], set(i.Environ, word)
	default:
		return i, false
	}
	return i, true
}

// takeOption does what the options in a word do, and takes the value of the last one from the words behind it if it is
// not in it.
func (p prefix) takeOption(i Invocation, word string) Invocation {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		name, value, given := strings.Cut(long, "=")
		if p.hasValue(name) && !given {
			value, i.Argv = first(i.Argv)
		}
		return p.apply(i, name, value)
	}
	for n := 1; n < len(word); n++ {
		option := word[n : n+1]
		if !p.hasValue(option) {
			i = p.apply(i, option, "")
			continue
		}
		value := word[n+1:]
		if value == "" {
			value, i.Argv = first(i.Argv)
		}
		return p.apply(i, option, value)
	}
	return i
}

func (p prefix) hasValue(option string) bool {
	return isOption(p.values+" "+p.unset+" "+p.dir+" "+p.split, option)
}

// apply does what an option does.
func (p prefix) apply(i Invocation, option, value string) Invocation {
	switch {
	case isOption(p.clear, option):
		i.Environ = nil
	case isOption(p.unset, option):
		i.Environ = without(i.Environ, value)
	case isOption(p.dir, option):
		i.Dirs = slices.Concat(i.Dirs, []string{value})
	case isOption(p.split, option):
		i.Argv = slices.Concat(strings.Fields(value), i.Argv)
	}
	return i
}

// isOption reports whether an option is in a list; a long one may be cut short, as GNU programs allow.
func isOption(list, option string) bool {
	for name := range strings.FieldsSeq(list) {
		if name == option || len(option) > 1 && strings.HasPrefix(name, option) {
			return true
		}
	}
	return false
}

func first(words []string) (string, []string) {
	if len(words) == 0 {
		return "", nil
	}
	return words[0], words[1:]
}

// set returns an environment with one variable set, NAME=value.
func set(environ []string, variable string) []string {
	return append([]string{variable}, environ...) // the first of two counts
}

// without returns an environment without a variable.
func without(environ []string, name string) []string {
	isNamed := func(v string) bool { return env.Canonical(env.Name(v)) == env.Canonical(name) }
	return slices.DeleteFunc(slices.Clone(environ), isNamed)
}
