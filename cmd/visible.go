package cmd

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What commands wrote, and what they were called, must not act on the terminal of who looks at it: escape sequences and
// characters that change the direction of writing are shown, not obeyed.

// visible returns a text on one line.
func visible(s string) string {
	var b strings.Builder
	appendVisible(&b, strings.NewReplacer("\n", " ", "\t", " ").Replace(s))
	return b.String()
}

func appendVisible(b *strings.Builder, s string) {
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(b, `\x%02x`, s[0])
		case r == '\n' || r == '\t' || strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		s = s[size:]
	}
}

// visibleWriter passes text on, its lines as they are. Flush ends it.
type visibleWriter struct {
	to   io.Writer
	rest []byte // the beginning of a character
}

func (w *visibleWriter) Write(p []byte) (int, error) {
	text := append(w.rest, p...)
	end := len(text)
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if utf8.RuneStart(text[len(text)-n]) {
			if !utf8.FullRune(text[len(text)-n:]) {
				end = len(text) - n
			}
			break
		}
	}
	w.rest = append([]byte(nil), text[end:]...)
	return len(p), w.show(text[:end])
}

func (w *visibleWriter) show(text []byte) error {
	var b strings.Builder
	appendVisible(&b, string(text))
	_, err := io.WriteString(w.to, b.String())
	return err
}

// Flush shows a character that was cut.
func (w *visibleWriter) Flush() error {
	rest := w.rest
	w.rest = nil
	return w.show(rest)
}
