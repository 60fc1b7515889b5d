package remote

import (
	"fmt"
	"strings"
)

// maxName is the length of the longest name, in bytes.
const maxName = 200

// checkName refuses what no caller of this package may use as a name: two names must never meet on a server.
func checkName(name string) error {
	if len(name) > maxName || !isPath(name, maxName) || strings.ContainsFunc(name, notOfName) {
		return fmt.Errorf("%w: %q is not a name", ErrServer, name)
	}
	return nil
}

func notOfName(r rune) bool { return r == '_' || r >= 'A' && r <= 'Z' }

// isPath tells whether text is parts of letters, digits, dots, hyphens and underscores, joined by slashes.
func isPath(text string, most int) bool {
	if len(text) > most {
		return false
	}
	for part := range strings.SplitSeq(text, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool { return !hostByte(r) }) {
			return false
		}
	}
	return true
}

// tagOf is the part of a name that decides on which server it is kept: the last one, up to its first dot. So a lease and
// the values that it guards are neighbours if they are named after the same thing.
func tagOf(name string) string {
	last := name[strings.LastIndexByte(name, '/')+1:]
	if i := strings.IndexByte(last, '.'); i > 0 {
		return last[:i]
	}
	return last
}

// checkGuarded refuses to store under a lease what may be kept on another server than the lease.
func checkGuarded(l Lease, name string) error {
	if tagOf(l.Name) != tagOf(name) {
		return fmt.Errorf("%w: lease %q does not guard %q", ErrServer, l.Name, name)
	}
	return nil
}
