package engine

import (
	"bytes"
	"fmt"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// leaks looks for secrets in what a command writes: of variables only digests are stored, and what prints one of them
// would undo that. A secret may come in two pieces, so the end of what was written last is kept.
type leaks struct {
	secrets []hashing.SecretVariable
	longest int // bytes of a value
	ends    [2][]byte
}

// leaksOf looks for the secrets in the key of a run; nil: there are none.
func leaksOf(r hashing.Recipe, spec *hashing.Spec) *leaks {
	l := &leaks{secrets: hashing.SecretVariables(r, spec)}
	for _, v := range l.secrets {
		l.longest = max(l.longest, len(v.Value))
	}
	if l.longest == 0 {
		return nil
	}
	return l
}

// LeakError is why the result of a command that prints a secret is not stored.
type LeakError struct{ Variable string }

// Error names the variable.
func (e *LeakError) Error() string {
	return fmt.Sprintf("it printed the value of %s, which is a secret", hashing.Show(e.Variable))
}

// look reports a secret that ends in b, or lies in it.
func (l *leaks) look(s runner.Stream, b []byte) error {
	if l == nil {
		return nil
	}
	seam := append(l.ends[s], b[:min(len(b), l.longest-1)]...)
	for _, v := range l.secrets {
		if value := []byte(v.Value); bytes.Contains(seam, value) || bytes.Contains(b, value) {
			return &LeakError{v.Name}
		}
	}
	if len(b) >= l.longest-1 {
		seam = append(seam[:0], b[len(b)-(l.longest-1):]...)
	}
	l.ends[s] = append(l.ends[s][:0], seam[max(0, len(seam)-(l.longest-1)):]...)
	return nil
}
