package hashing

import "strings"

// envName returns the one spelling of a variable's name: case does not count here.
func envName(name string) string { return strings.ToUpper(name) }

// systemBase are variables without which programs do not start.
var systemBase = []string{
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "USERNAME",
}
