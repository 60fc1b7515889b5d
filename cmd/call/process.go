package call

import (
	"fmt"
	"os"
	"strings"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
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

// self is how this program is started again. Where the system does not tell its file (Linux without /proc), it is
// looked for as who started it did.
func (p *Process) self(dir string) engine.Self {
	path, err := os.Executable()
	if err != nil {
		path, _ = hashing.LookPath(os.Args[0], dir, p.Environ) // nothing found: to start it will say so
	}
	return engine.Self{Path: path, Argv: append([]string{"cachex"}, p.Args...), Env: p.Environ}
}
