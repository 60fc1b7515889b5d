package engine

import (
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/cmdline"
)

var errInteractive = errors.New("it reads what is typed at the terminal")

// Converses reports whether a command line is that of a shell or an interpreter without a script, or has a container's
// program at the terminal, also behind programs such as sudo, and alone in the text of a shell. It knows the usual
// programs; to miss one costs an empty stdin, not a wrong result.
func Converses(argv []string) bool {
	return slices.ContainsFunc(cmdline.Commands(argv), func(c cmdline.Command) bool {
		return !c.Part && len(c.Words) > 0 && readsTerminal(c.Words)
	})
}

// readsTerminal looks at the first program of a command line alone.
func readsTerminal(argv []string) bool {
	name := strings.TrimSuffix(path.Base(argv[0]), ".exe")
	if slices.Contains(containerPrograms, name) {
		return attaches(argv[1:])
	}
	name = strings.TrimRight(name, "0123456789.") // python3.12
	i := slices.IndexFunc(interpreters, func(p interpreter) bool { return slices.Contains(p.names, name) })
	return i >= 0 && !interpreters[i].hasScript(argv[1:])
}

var containerPrograms = []string{"docker", "kubectl", "nerdctl", "podman"}

// attaches reports whether both stdin and a terminal are asked for, as in -it.
func attaches(words []string) bool {
	var stdin, tty bool
	for _, w := range words {
		switch flag, _, _ := strings.Cut(w, "="); {
		case w == "--":
			return stdin && tty
		case flag == "--interactive" || flag == "--stdin":
			stdin = true
		case flag == "--tty":
			tty = true
		case len(w) > 1 && w[0] == '-' && w[1] != '-':
			stdin = stdin || strings.Contains(flag, "i") && isCluster(flag)
			tty = tty || strings.Contains(flag, "t") && isCluster(flag)
		}
	}
	return stdin && tty
}

// isCluster tells -it and -dit from -info: of the letters that stand alone, containers are run with these.
func isCluster(flag string) bool { return strings.Trim(flag[1:], "dqit") == "" }

// interpreter is a program that reads its script from stdin if it is given none.
type interpreter struct {
	names   []string
	scripts string   // letters of options that bring a script or stand for one: -c, and --version as -V
	values  string   // letters of options whose value is the next word
	long    []string // long options whose value is the next word
	asks    string   // letters of options that make it read from the terminal whatever else there is
}

var interpreters = []interpreter{
	{
		names:   []string{"ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "sh", "tcsh", "zsh"},
		scripts: "c", values: "oO", long: []string{"--rcfile", "--init-file"}, asks: "is",
	},
	{names: []string{"irb"}, scripts: "vh"},
	{names: []string{"julia"}, scripts: "eEvh", asks: "i"},
	{names: []string{"lua"}, scripts: "ev", values: "l", asks: "i"},
	{names: []string{"node"}, scripts: "epvhc", values: "rC", long: []string{"--require", "--import"}, asks: "i"},
	{names: []string{"perl"}, scripts: "eEvV", values: "I"},
	{names: []string{"php"}, scripts: "rfvimhS", values: "dc", asks: "a"},
	{names: []string{"pypy", "python"}, scripts: "cmVh", values: "WX", asks: "i"},
	{names: []string{"R"}, scripts: "ef"},
	{names: []string{"ruby"}, scripts: "evhS", values: "Ir"},
}

// hasScript reports whether the words behind the program's name leave nothing to be asked from stdin.
func (p interpreter) hasScript(words []string) bool {
	for i := 0; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-" || w == "--":
			return w == "--" && i+1 < len(words)
		case !strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "+"):
			return true
		case strings.HasPrefix(w, "--"):
			if w == "--version" || w == "--help" || w == "--eval" || w == "--print" {
				return true
			}
			if slices.Contains(p.long, w) {
				i++
			}
		case strings.ContainsAny(w[1:], p.asks):
			return false
		case strings.ContainsAny(w[1:], p.scripts):
			return true
		case strings.ContainsAny(w[len(w)-1:], p.values):
			i++
		}
	}
	return false
}
