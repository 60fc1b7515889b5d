package remote

import (
	"fmt"
	"strings"
)

// tagOf is the part of a name that decides on which server it is kept: the last one, up to its first dot. So a lease
// and the values that it guards are neighbours if they are named after the same thing.
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
