package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

const (
	plainSum = "sha256:"
	keyedSum = "hmac-sha256:"
)

// appendQuoted adds s between double quotes in ASCII. strconv.Unquote gives back exactly s, whatever its bytes, so no
// two strings look alike.
func appendQuoted(text []byte, s string) []byte {
	for i := range len(s) {
		if b := s[i]; b < ' ' || b > '~' || b == '"' || b == '\\' {
			return strconv.AppendQuoteToASCII(text, s)
		}
	}
	return append(append(append(text, '"'), s...), '"') // what AppendQuoteToASCII does, several times as fast
}

// appendSum adds the name of the algorithm and the digest.
func appendSum(text []byte, d Digest) []byte {
	return hex.AppendEncode(append(text, plainSum...), d[:])
}

// appendValueSum adds the digest of a value that must not be stored, keyed if there is a key: without one, short values
// can be guessed.
func appendValueSum(text []byte, value string, secret []byte) []byte {
	if secret == nil {
		return appendSum(text, sha256.Sum256([]byte(value)))
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(value))
	return hex.AppendEncode(append(text, keyedSum...), mac.Sum(nil))
}

// Show returns s as it is if it is one printable word, and quoted otherwise: for messages of one line.
func Show(s string) string {
	plain := func(r rune) bool { return r > ' ' && r != '"' && r != '\\' && r != '\uFFFD' && strconv.IsPrint(r) }
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return strconv.Quote(s)
}
