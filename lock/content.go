package lock

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// The content of a lock file is lines. The first is written by the holder, the others by those who wait, and the note
// by the holder in the end, over everything:
//
//	cachex-lock 1 <nonce> <pid> <quoted text>
//	process <nonce of the holder> <pid> <quoted time of its start>
//	wait <nonce of the holder> <nonce of the waiter> <offset of its sign of life> <quoted path>
//	done <nonce of the waiter>
//	ask <nonce of the holder> <quoted text>
//	note <nonce of the holder> <quoted note>
//
// The second is for who looks for its own parents among the holders (see parents.go). Lines of waiters name the holder
// on whose behalf they wait, so that a line which arrives after a take-over means nothing. Each begins with a line feed
// of its own, so that a torn line before it spoils nothing but itself.

const (
	firstWords = "cachex-lock 1 "
	maxAbout   = 1024
	maxHeader  = 64 << 10 // for people and notes
	maxRecord  = 4 << 20  // with the lines of everybody who waited
)

// Holding is what the holder of a lock says of itself.
type Holding struct {
	Nonce string // of this holding
	PID   int    // as the holder sees it; another PID namespace sees another one
	About string // the text given to Try or Wait
}

// content is a lock file as read.
type content struct {
	Holding
	holder processID // zero: not said
	waits  []wait    // those that are not over
	asked  []string
	note   []byte // nil if there is none
	cut    bool   // the file is longer than what was read
}

// wait is one line of a waiter.
type wait struct {
	nonce string // of the waiter
	sign  int64  // where its sign of life is; 0: it gives none
	path  string // of the lock it waits for
}

func header(r Holding) string {
	about := r.About
	if len(about) > maxAbout {
		about = about[:maxAbout]
	}
	return firstWords + r.Nonce + " " + strconv.Itoa(r.PID) + " " + strconv.QuoteToASCII(about) + "\n" +
		processLine(r.Nonce, self())
}

func waitLine(holder string, w wait) string {
	return fmt.Sprintf("\nwait %s %s %d %s\n", holder, w.nonce, w.sign, strconv.QuoteToASCII(w.path))
}

func doneLine(waiter string) string { return "\ndone " + waiter + "\n" }

func askLine(holder, text string) string {
	return "\nask " + holder + " " + strconv.QuoteToASCII(text) + "\n"
}

func noteLine(holder string, note []byte) string {
	return "note " + holder + " " + strconv.QuoteToASCII(string(note)) + "\n"
}

// rewrite replaces the content of f. It writes first and cuts afterwards: ext4 sends a file that was cut to nothing and
// written again to the disk at its close. Until the cut, lines of an earlier holding, which name that one, are behind
// the text.
func rewrite(f *os.File, text string) error {
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil || info.Size() == int64(len(text)) {
		return err
	}
	return f.Truncate(int64(len(text)))
}

// invalidate makes the content of f mean nothing.
func invalidate(f *os.File) error {
	_, err := f.WriteAt([]byte("\n"), 0)
	return err
}

// readContent reads at most limit bytes of f from its start. What is no line of this format is passed over; without a
// first line the error is errNoRecord.
func readContent(f *os.File, limit int64) (content, error) {
	text, err := io.ReadAll(io.NewSectionReader(f, 0, limit+1))
	if err != nil {
		return content{}, fmt.Errorf("read lock record: %w", err)
	}
	cut := int64(len(text)) > limit
	if cut {
		text = text[:limit]
	}
	c, err := parse(string(text))
	c.cut = cut
	return c, err
}

var errNoRecord = errors.New("no lock record")

func parse(text string) (content, error) {
	first, rest, whole := strings.Cut(text, "\n")
	var c content
	var err error
	if c.Holding, err = parseHeader(first); err != nil || !whole {
		return content{}, errNoRecord
	}
	for rest != "" {
		var line string
		line, rest, whole = strings.Cut(rest, "\n")
		if whole {
			c.add(line)
		}
	}
	return c, nil
}

func parseHeader(line string) (Holding, error) {
	words, found := strings.CutPrefix(line, firstWords)
	if !found {
		return Holding{}, errNoRecord
	}
	parts := strings.SplitN(words, " ", 3)
	if len(parts) != 3 || !isNonce(parts[0]) {
		return Holding{}, errNoRecord
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil {
		return Holding{}, errNoRecord
	}
	about, err := strconv.Unquote(parts[2])
	if err != nil {
		return Holding{}, errNoRecord
	}
	return Holding{Nonce: parts[0], PID: pid, About: about}, nil
}

// add takes in one line after the first.
func (c *content) add(line string) {
	kind, rest, _ := strings.Cut(line, " ")
	switch kind {
	case "wait":
		parts := strings.SplitN(rest, " ", 4)
		if len(parts) != 4 || parts[0] != c.Nonce || !isNonce(parts[1]) {
			return
		}
		sign, err := strconv.ParseInt(parts[2], 10, 64)
		path, err2 := strconv.Unquote(parts[3])
		if err == nil && err2 == nil {
			c.waits = append(c.waits, wait{nonce: parts[1], sign: sign, path: path})
		}
	case "done":
		for i, w := range c.waits {
			if w.nonce == rest {
				c.waits = append(c.waits[:i], c.waits[i+1:]...)
				return
			}
		}
	case "ask":
		if text, ok := c.quoted(rest); ok {
			c.asked = append(c.asked, text)
		}
	case "process":
		parts := strings.SplitN(rest, " ", 3)
		if len(parts) != 3 || parts[0] != c.Nonce {
			return
		}
		pid, err := strconv.Atoi(parts[1])
		started, err2 := strconv.Unquote(parts[2])
		if err == nil && err2 == nil {
			c.holder = processID{pid, started}
		}
	case "note":
		if note, ok := c.quoted(rest); ok {
			c.note = []byte(note)
		}
	}
}

// quoted reads what a line says of the present holder.
func (c *content) quoted(rest string) (text string, ok bool) {
	holder, quoted, _ := strings.Cut(rest, " ")
	text, err := strconv.Unquote(quoted)
	return text, err == nil && holder == c.Nonce
}

func isNonce(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == ""
}

// Holder returns what the present holder of p says of itself, for people: false if nobody holds p, or if nothing can be
// read.
func Holder(p File) (Holding, bool) {
	f, err := openExisting(p)
	if f == nil || err != nil {
		return Holding{}, false
	}
	defer f.Close()
	if !isHeld(f) {
		return Holding{}, false
	}
	c, err := readContent(f, maxHeader)
	return c.Holding, err == nil
}

// isHeld asks by trying: the kernel has no other question for these locks. On a file that nobody holds, a Try of
// another process may fail at this instant, and a Wait is granted at once.
func isHeld(f *os.File) bool {
	err := lockFile(f, now)
	if err == nil {
		unlockFile(f)
	}
	return err != nil
}
