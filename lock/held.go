package lock

import (
	"strconv"
	"strings"
)

// maxHeld bounds the value of CACHEX_HELD that is read, in bytes: some hundred runs inside one another.
const maxHeld = 64 << 10

// Held is what ancestors of this process say they hold: the value of the environment variable CACHEX_HELD, pairs of
// nonce and quoted path. It is a claim: an ancestor may have died, or a shell may keep an old value. Nothing is
// believed unless that very holding is still there.
type Held struct {
	value  string
	claims []claimed
	deep   bool // there is more than can be read
}

type claimed struct{ nonce, path string }

// ParseHeld reads a value that With made. What it cannot read, it passes over.
func ParseHeld(value string) Held {
	if len(value) > maxHeld {
		return Held{value: value, deep: true}
	}
	h := Held{}
	for rest := value; rest != ""; {
		nonce, after, _ := strings.Cut(rest, " ")
		quoted, err := strconv.QuotedPrefix(after)
		if err != nil || !isNonce(nonce) {
			rest = after
			continue
		}
		path, err := strconv.Unquote(quoted)
		if err == nil {
			h.claims = append(h.claims, claimed{nonce, path})
		}
		rest = strings.TrimPrefix(after[len(quoted):], " ")
	}
	h.value = h.text()
	return h
}

func (h Held) text() string {
	parts := make([]string, len(h.claims))
	for i, c := range h.claims {
		parts[i] = c.nonce + " " + strconv.QuoteToASCII(c.path)
	}
	return strings.Join(parts, " ")
}

// With returns the value for the environment of a child: what ancestors hold, and l.
func (h Held) With(l *Lock) string {
	return strings.TrimPrefix(h.value+" "+l.nonce+" "+strconv.QuoteToASCII(l.Path()), " ")
}

// Holds reports whether an ancestor holds p now.
func (h Held) Holds(p File) bool {
	r, held := Holder(p)
	return held && h.names(r.Nonce)
}

func (h Held) names(nonce string) bool {
	for _, c := range h.claims {
		if c.nonce == nonce {
			return true
		}
	}
	return false
}
