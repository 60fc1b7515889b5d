package values

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
)

// numberSize is the length of the longest number with its line feed, in bytes: many zeros in front are nobody's number.
const numberSize = 64

// numberOf reads a value as a signed decimal number of 64 bits, which may end in one line feed: then end is that.
func numberOf(e *cachedir.Entry) (n int64, end string, ok bool) {
	if e.StdoutSize > numberSize || e.StdoutSize == 0 {
		return 0, "", false
	}
	var b bytes.Buffer
	if err := e.Replay(&b, io.Discard); err != nil {
		return 0, "", false
	}
	text, lined := strings.CutSuffix(b.String(), "\n")
	if lined {
		end = "\n"
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, end, err == nil
}

func isNumber(e *cachedir.Entry) bool {
	_, _, ok := numberOf(e)
	return ok
}
