package call

import (
	"fmt"
	"os"
	"strings"

	"github.com/cachex-cli/cachex/engine"
)

// Process is what a call gets from the process it lives in, so that a test can make two.
type Process struct {
	Stdin, Stdout, Stderr *os.File
	Args                  []string // behind the program's own name
	Environ               []string
}

// LookupEnv is os.LookupEnv over the environment that the process was given.
func (p *Process) LookupEnv(name string) (string, bool) { return lookupIn(p.Environ, name) }

func lookupIn(environ []string, name string) (string, bool) {
	for _, kv := range environ {
		if n := len(name); len(kv) > n && kv[n] == '=' && kv[:n] == name {
			return kv[n+1:], true
		}
	}
	return "", false
}

// Warn prints one line on stderr.
func (p *Process) Warn(text string) {
	_, _ = fmt.Fprintf(p.Stderr, "cachex: %s\n", OneLine(text))
}

// OneLine keeps a message in its line: what other programs put into errors may hold anything.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// self is how this program is started again.
func (p *Process) self() engine.Self {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return engine.Self{Path: path, Argv: append([]string{"cachex"}, p.Args...), Env: p.Environ}
}
