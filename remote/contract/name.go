package contract

import (
	"fmt"
	"strings"
)

// MaxName is the length of the longest name, in bytes.
const MaxName = 200

// CheckName refuses what nobody may use as a name: two names must never meet on a server.
func CheckName(name string) error {
	if len(name) > MaxName || !IsPath(name, MaxName) || strings.ContainsFunc(name, notOfName) {
		return fmt.Errorf("%w: %q is not a name", ErrServer, name)
	}
	return nil
}

func notOfName(r rune) bool { return r == '_' || r >= 'A' && r <= 'Z' }

// IsPath tells whether text is parts of letters, digits, dots, hyphens and underscores, joined by slashes.
func IsPath(text string, most int) bool {
	if len(text) > most {
		return false
	}
	for part := range strings.SplitSeq(text, "/") {
		if part == "" || part == "." || part == ".." || strings.ContainsFunc(part, func(r rune) bool {
			return !PlainByte(r)
		}) {
			return false
		}
	}
	return true
}

// PlainByte tells letters, digits, dots, hyphens and underscores.
func PlainByte(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r)
}
