package remote

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/remote/contract"
)

// The protocol of memcached: its text commands, in two dialects. From 1.6.12 on servers speak meta commands, whose
// answers carry a number of ours, so an answer to another question is noticed; where they do not, get at least repeats
// the key.
//
// An ask writes a command into the buffer, a read takes the next answer: so many commands go in one round trip. After
// any error the connection is in an unknown state and must not be used again.

// memcachedLine is the length of the longest line of an answer, in bytes: a key of 250 and its numbers.
const memcachedLine = 1024

type memcachedConn struct {
	moving *movingConn
	r      *bufio.Reader
	w      *bufio.Writer
	meta   bool // meta commands are spoken now

	greeted    bool // the server has told its version
	speaksMeta bool // and speaks meta commands

	asked, answered uint64
	keys            []string // of the gets that are not answered yet
}

// memcachedItemData is the answer to a get.
type memcachedItemData struct {
	found bool
	data  []byte
	cas   uint64
	left  time.Duration // of its life, where askLife asked for it and the server tells it; 0: not known
}

// memcachedOutcome is the answer to a command that changes something.
type memcachedOutcome int

const (
	memcachedStored   memcachedOutcome = iota
	memcachedRefused                   // add: there is one already
	memcachedChanged                   // cas: it is another one by now
	memcachedNotFound                  // cas, incr, delete: there is none
)

func newMemcachedConn(c *movingConn) *memcachedConn {
	return &memcachedConn{moving: c, r: bufio.NewReaderSize(c, 16<<10), w: bufio.NewWriterSize(c, 16<<10)}
}

// next begins a round trip in the dialect that the server prefers, as far as that is known.
func (c *memcachedConn) next() { c.meta = c.speaksMeta }

func (c *memcachedConn) flush() error { return c.w.Flush() }

// opaque numbers the next question.
func (c *memcachedConn) opaque() string {
	c.asked++
	return "O" + strconv.FormatUint(c.asked, 10)
}

func (c *memcachedConn) askGet(key string) {
	if c.meta {
		fmt.Fprintf(c.w, "mg %s v c k %s\r\n", key, c.opaque())
	} else {
		fmt.Fprintf(c.w, "gets %s\r\n", key)
	}
	c.keys = append(c.keys, key)
}

// askLife is askGet, and asks how long the item has still to live, which only meta commands can.
func (c *memcachedConn) askLife(key string) {
	if !c.meta {
		c.askGet(key)
		return
	}
	fmt.Fprintf(c.w, "mg %s v c k t %s\r\n", key, c.opaque())
	c.keys = append(c.keys, key)
}

// askTouch is askGet, and gives the item another end.
func (c *memcachedConn) askTouch(key string, expiry int64) {
	if c.meta {
		fmt.Fprintf(c.w, "mg %s v c k T%d %s\r\n", key, expiry, c.opaque())
	} else {
		fmt.Fprintf(c.w, "gats %d %s\r\n", expiry, key)
	}
	c.keys = append(c.keys, key)
}

func (c *memcachedConn) readGet() (memcachedItemData, error) {
	key := c.keys[0]
	c.keys = c.keys[1:]
	if c.meta {
		return c.readMetaGet(key)
	}
	line, err := c.line()
	if err != nil || line == "END" {
		return memcachedItemData{}, err
	}
	words := strings.Fields(line)
	if len(words) != 5 || words[0] != "VALUE" {
		return memcachedItemData{}, c.odd(line)
	}
	if words[1] != key {
		return memcachedItemData{}, fmt.Errorf("%w: it answers for another key", ErrServer)
	}
	it := memcachedItemData{found: true}
	if it.cas, err = strconv.ParseUint(words[4], 10, 64); err != nil {
		return it, c.odd(line)
	}
	if it.data, err = c.data(words[3]); err != nil {
		return it, err
	}
	if line, err = c.line(); err == nil && line != "END" {
		err = c.odd(line)
	}
	return it, err
}

func (c *memcachedConn) readMetaGet(key string) (memcachedItemData, error) {
	line, err := c.line()
	if err != nil {
		return memcachedItemData{}, err
	}
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "EN" && (words[0] != "VA" || len(words) < 2) {
		return memcachedItemData{}, c.odd(line)
	}
	if words[0] == "EN" {
		return memcachedItemData{}, c.checkMeta(words[1:], key, false)
	}
	it := memcachedItemData{found: true}
	if err := c.checkMeta(words[2:], key, true); err != nil {
		return it, err
	}
	if it.cas, err = strconv.ParseUint(flagOf(words[2:], 'c'), 10, 64); err != nil {
		return it, c.odd(line)
	}
	if left := flagOf(words[2:], 't'); left != "" {
		it.left = lifeLeft(left)
	}
	it.data, err = c.data(words[1])
	return it, err
}

// lifeLeft reads a number of seconds; below 0 is no end.
func lifeLeft(text string) time.Duration {
	seconds, err := strconv.ParseInt(text, 10, 32)
	switch {
	case err != nil:
		return 0
	case seconds < 0:
		return contract.Endless
	}
	return max(time.Duration(seconds)*time.Second, 1)
}

// checkMeta refuses an answer to another question. A miss need not say to which one it belongs.
func (c *memcachedConn) checkMeta(flags []string, key string, must bool) error {
	c.answered++
	opaque, of := flagOf(flags, 'O'), flagOf(flags, 'k')
	if opaque == "" && !must {
		return nil
	}
	if opaque != strconv.FormatUint(c.answered, 10) || of != "" && of != key {
		return fmt.Errorf("%w: it answers another question", ErrServer)
	}
	return nil
}

// flagOf is the value of a flag of an answer.
func flagOf(flags []string, name byte) string {
	for _, f := range flags {
		if f[0] == name {
			return f[1:]
		}
	}
	return ""
}

// askStore writes set, add or cas. Expiry as memcachedExpiry has it; below 0: gone at once.
func (c *memcachedConn) askStore(verb, key string, data []byte, expiry int64, cas uint64) {
	switch {
	case c.meta:
		more := map[string]string{"set": "", "add": " ME", "cas": fmt.Sprintf(" C%d", cas)}[verb]
		fmt.Fprintf(c.w, "ms %s %d T%d%s %s\r\n", key, len(data), expiry, more, c.opaque())
	case verb == "cas":
		fmt.Fprintf(c.w, "cas %s 0 %d %d %d\r\n", key, expiry, len(data), cas)
	default:
		fmt.Fprintf(c.w, "%s %s 0 %d %d\r\n", verb, key, expiry, len(data))
	}
	c.w.Write(data)
	c.w.WriteString("\r\n")
}

func (c *memcachedConn) readStore() (memcachedOutcome, error) {
	return c.outcome(map[string]memcachedOutcome{
		"STORED": memcachedStored, "HD": memcachedStored,
		"NOT_STORED": memcachedRefused, "NS": memcachedRefused,
		"EXISTS": memcachedChanged, "EX": memcachedChanged,
		"NOT_FOUND": memcachedNotFound, "NF": memcachedNotFound,
	})
}

func (c *memcachedConn) askDelete(key string) {
	if c.meta {
		fmt.Fprintf(c.w, "md %s %s\r\n", key, c.opaque())
	} else {
		fmt.Fprintf(c.w, "delete %s\r\n", key)
	}
}

func (c *memcachedConn) readDelete() (memcachedOutcome, error) {
	return c.outcome(map[string]memcachedOutcome{
		"DELETED": memcachedStored, "HD": memcachedStored,
		"NOT_FOUND": memcachedNotFound, "NF": memcachedNotFound,
	})
}

func (c *memcachedConn) outcome(known map[string]memcachedOutcome) (memcachedOutcome, error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	words := strings.Fields(line)
	if len(words) == 0 {
		return 0, c.odd(line)
	}
	o, ok := known[words[0]]
	if !ok {
		return 0, c.odd(line)
	}
	if c.meta {
		return o, c.checkMeta(words[1:], "", true)
	}
	return o, nil
}

func (c *memcachedConn) askIncr(key string, by int64) {
	if c.meta {
		fmt.Fprintf(c.w, "ma %s v D%d %s\r\n", key, by, c.opaque())
	} else {
		fmt.Fprintf(c.w, "incr %s %d\r\n", key, by)
	}
}

// readIncr returns the count after adding.
func (c *memcachedConn) readIncr() (n int64, found bool, err error) {
	line, err := c.line()
	if err != nil {
		return 0, false, err
	}
	words := strings.Fields(line)
	switch {
	case len(words) == 0:
		return 0, false, c.odd(line)
	case words[0] == "NOT_FOUND" && !c.meta:
		return 0, false, nil
	case words[0] == "NF" && c.meta:
		return 0, false, c.checkMeta(words[1:], "", true)
	case words[0] == "VA" && c.meta && len(words) > 2:
		if err := c.checkMeta(words[2:], "", true); err != nil {
			return 0, false, err
		}
		data, err := c.data(words[1])
		if err != nil {
			return 0, false, err
		}
		line = string(data)
	case c.meta:
		return 0, false, c.odd(line)
	}
	if n, err = strconv.ParseInt(strings.TrimSpace(line), 10, 64); err != nil {
		return 0, false, c.odd(line)
	}
	return n, true, nil
}

// line reads a line of an answer, without its end. The server's own errors are errors.
func (c *memcachedConn) line() (string, error) {
	line, err := c.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > memcachedLine {
		return "", fmt.Errorf("%w: a line of more than %d bytes", ErrServer, memcachedLine)
	}
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return "", c.odd(string(line))
	}
	first, rest, _ := strings.Cut(text, " ")
	switch first {
	case "ERROR", "CLIENT_ERROR", "SERVER_ERROR":
		if strings.Contains(rest, "too large") {
			return "", fmt.Errorf("%w: %s", ErrTooLarge, plainText(rest))
		}
		if strings.Contains(rest, "unauthenticated") {
			return "", fmt.Errorf("%w: %s", ErrDenied, plainText(rest))
		}
		return "", fmt.Errorf("%w: %s", ErrServer, plainText(text))
	}
	return text, nil
}

// data reads a value of an answer, which is never longer than an item may be.
func (c *memcachedConn) data(length string) ([]byte, error) {
	n, err := strconv.ParseUint(length, 10, 32)
	if err != nil || n > 1<<20 {
		return nil, fmt.Errorf("%w: it announces %s bytes", ErrServer, plainText(length))
	}
	data := make([]byte, n+2)
	if _, err := io.ReadFull(c.r, data); err != nil {
		return nil, err
	}
	data, ok := bytes.CutSuffix(data, []byte("\r\n"))
	if !ok {
		return nil, fmt.Errorf("%w: a value does not end where it should", ErrServer)
	}
	return data, nil
}

func (c *memcachedConn) odd(line string) error {
	return fmt.Errorf("%w: it answers %q", ErrServer, plainText(strings.TrimSpace(line)))
}

func (c *memcachedConn) getOne(key string) (memcachedItemData, error) {
	c.askGet(key)
	if err := c.flush(); err != nil {
		return memcachedItemData{}, err
	}
	return c.readGet()
}

func (c *memcachedConn) storeOne(verb, key string, data []byte, expiry int64, cas uint64) (memcachedOutcome, error) {
	c.askStore(verb, key, data, expiry, cas)
	if err := c.flush(); err != nil {
		return 0, err
	}
	return c.readStore()
}

func (c *memcachedConn) setOne(key string, data []byte, expiry int64) error {
	c.askStore("set", key, data, expiry, 0)
	if err := c.flush(); err != nil {
		return err
	}
	return c.readSet()
}

// readSet is readStore where there is nothing that could keep the server from storing.
func (c *memcachedConn) readSet() error {
	stored, err := c.readStore()
	if err == nil && stored != memcachedStored {
		err = fmt.Errorf("%w: it does not store, and does not say why", ErrServer)
	}
	return err
}

func (c *memcachedConn) deleteOne(key string) error {
	c.askDelete(key)
	if err := c.flush(); err != nil {
		return err
	}
	_, err := c.readDelete()
	return err
}
