package hashing

import (
	"strings"

	"golang.org/x/sys/unix"
)

// hostNames is all that the kernel says of itself and of its machine (uname -a). A process may be told something else
// than others (personality).
func hostNames() (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	var names []string
	for _, name := range [...][]byte{u.Nodename[:], u.Domainname[:], u.Release[:], u.Version[:], u.Machine[:]} {
		names = append(names, unix.ByteSliceToString(name))
	}
	return strings.Join(names, " "), nil
}
