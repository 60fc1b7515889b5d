package hashing

import (
	"encoding/hex"
	"fmt"
)

// Key names a recipe: it is the SHA-256 of the recipe's text.
type Key [32]byte

// String returns the key as 64 lower-case hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// ParseKey reads what Key.String writes: exactly 64 hex digits.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != hex.EncodedLen(len(k)) {
		return Key{}, fmt.Errorf("key %q: want %d hex digits", s, hex.EncodedLen(len(k)))
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return Key{}, fmt.Errorf("key %q: %w", s, err)
	}
	return k, nil
}

// Digest is a SHA-256 of content.
type Digest [32]byte

// String returns the digest as 64 lower-case hex digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// CommandID names a command whatever its inputs: SHA-256 over namespace, words and directory, or over the namespace and
// the name given by --key.
type CommandID [32]byte

// String returns the id as 64 lower-case hex digits.
func (c CommandID) String() string { return hex.EncodeToString(c[:]) }
