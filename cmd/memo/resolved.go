package memo

import (
	"encoding/binary"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// What the settings of a call came to, as a memo keeps it: the fields of the list below. Words that may be secret are
// kept as their places in the command line, which is never kept itself (P15). A call that says more has no such form.

type (
	word  string   // kept as its place
	words []string // kept as their places
)

// apart is what is kept of a call in another form.
type apart struct {
	ownDir bool // a cache directory is named
	traced bool
	trace  hashing.Trace
}

func partsOf(c *call.Call) *apart {
	a := &apart{ownDir: c.CacheDir != "", traced: c.Request.Spec.Trace != nil}
	if a.traced {
		a.trace = *c.Request.Spec.Trace
	}
	return a
}

// fields lists what is kept.
func fields(c *call.Call, a *apart) []any {
	q := &c.Request
	return []any{
		(*words)(&q.Spec.Argv), (*word)(&q.Spec.Namespace), (*word)(&q.Spec.Scope), (*word)(&q.Spec.Name),
		(*words)(&q.Tags), (*words)(&q.Vary), (*words)(&q.OnlyIf),
		&q.TTL, &q.TTLFail, &c.CacheExit.Any, &c.CacheExit.Codes[0], &c.CacheExit.Codes[1], &c.CacheExit.Codes[2],
		&c.CacheExit.Codes[3],
		&q.Wait, &q.Stale, &q.StaleIfError, &q.Jitter, &q.Early, &q.MinCost, &q.MaxEntry, &q.MaxEntries, &q.Private,
		&q.Refresh, &q.CachedOnly, &q.NoWait, &q.ReadOnly, &q.Follow, &q.Replay, &q.FeedStdin, &c.Explain, &c.Quiet,
		&q.FileTimes, &q.CleanFiles,
		&q.Spec.Pty, &q.Spec.IgnoreWords, &q.Spec.Cwd, &q.Spec.Exe, &q.Spec.Env, &q.Spec.StrictEnv,
		&q.Spec.Files, &q.Spec.Outputs, (*word)(&q.Spec.Depfile),
		&c.Store.MaxSize, &c.Store.Keep, &a.ownDir,
		&q.Network, &a.traced, &a.trace.AnyTimes, &a.trace.Ignore, &a.trace.Keep, &a.trace.Except, &a.trace.Only,
		&q.StripANSI,
	}
}

// resolved returns what the settings of a call came to; nil if a memo cannot hold it. It is read again to see: what the
// list of fields does not have comes back as nothing, so that a setting which it lacks is never lost on the way.
func resolved(c *call.Call, args []string) []byte {
	w := writer{args: args}
	for _, field := range fields(c, partsOf(c)) {
		w.field(field)
	}
	if w.bad {
		return nil
	}
	same := *c
	same.Request.Spec.Environ = nil
	same.PlainTiers, same.Configuration, same.Places, same.AnyCommand = nil, nil, nil, false
	again := resolvedCall(w.b, args, c.Request.Spec.Dir, c.CacheDir)
	if again == nil || !reflect.DeepEqual(*again, same) {
		return nil
	}
	return w.b
}

// A place is the number of an argument and where in it the word begins; those below are words that no argument has.
const (
	placeShell = iota
	placeShellFlag
	firstPlace
	maxOffset = 1 << 10
)

// placeOf returns where in the command line a word stands: it is an argument, or the end of one, as in --shell=TEXT.
func placeOf(word string, args []string) (uint64, bool) {
	for i, a := range args {
		if offset := len(a) - len(word); offset < maxOffset && strings.HasSuffix(a, word) {
			return firstPlace + uint64(i)*maxOffset + uint64(offset), true
		}
	}
	switch word {
	case "sh":
		return placeShell, true
	case "-c":
		return placeShellFlag, true
	}
	return 0, false
}

func wordAt(place uint64, args []string) (string, bool) {
	switch place {
	case placeShell:
		return "sh", true
	case placeShellFlag:
		return "-c", true
	}
	i, offset := (place-firstPlace)/maxOffset, (place-firstPlace)%maxOffset
	if i >= uint64(len(args)) || offset > uint64(len(args[i])) {
		return "", false
	}
	return args[i][offset:], true
}

// resolvedCall makes the call of what resolved returned, for the same command line in the same directory; nil: it
// cannot be. CacheDir is the one that the environment names.
func resolvedCall(b []byte, args []string, dir, cacheDir string) *call.Call {
	r := reader{b: b, args: args}
	c := &call.Call{}
	c.Request.Spec.Dir = dir
	var a apart
	for _, field := range fields(c, &a) {
		r.field(field)
	}
	if r.bad || len(r.b) > 0 {
		return nil
	}
	if a.ownDir {
		c.CacheDir = cacheDir
	}
	if a.traced {
		c.Request.Spec.Trace = &a.trace
	}
	return c
}

// writer appends fields to a slice.
type writer struct {
	b    []byte
	args []string
	bad  bool // there was one that cannot be kept
}

func (w *writer) field(field any) {
	switch v := field.(type) {
	case *bool:
		if *v {
			w.number(1)
		} else {
			w.number(0)
		}
	case *time.Duration:
		w.number(uint64(*v))
	case *int64:
		w.number(uint64(*v))
	case *int:
		w.number(uint64(*v))
	case *uint64:
		w.number(*v)
	case *float64:
		w.number(math.Float64bits(*v))
	case *hashing.CwdMode:
		w.number(uint64(*v))
	case *hashing.ExeMode:
		w.number(uint64(*v))
	case *engine.Replay:
		w.number(uint64(*v))
	case *outputs.Times:
		w.number(uint64(*v))
	case *engine.StripANSI:
		w.number(uint64(*v))
	case *word:
		w.word(string(*v))
	case *words:
		w.number(uint64(len(*v)))
		for _, s := range *v {
			if w.word(s); w.bad {
				return
			}
		}
	case *[]string:
		w.number(uint64(len(*v)))
		for _, s := range *v {
			w.number(uint64(len(s)))
			w.b = append(w.b, s...)
		}
	}
}

func (w *writer) number(v uint64) { w.b = binary.AppendUvarint(w.b, v) }

func (w *writer) word(s string) {
	place, ok := placeOf(s, w.args)
	w.number(place)
	w.bad = w.bad || !ok || len(w.b) > fastpath.MaxCall // which bounds the search, too
}

// reader reads fields off a slice; behind the first that does not fit all are zero.
type reader struct {
	b    []byte
	args []string
	bad  bool
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.b, r.bad = nil, true
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) number() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.bad = nil, true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) word() string {
	s, ok := wordAt(r.number(), r.args)
	r.bad = r.bad || !ok
	return s
}

func (r *reader) field(field any) {
	switch v := field.(type) {
	case *bool:
		*v = r.number() == 1
	case *time.Duration:
		*v = time.Duration(r.number())
	case *int64:
		*v = int64(r.number())
	case *int:
		*v = int(r.number())
	case *uint64:
		*v = r.number()
	case *float64:
		*v = math.Float64frombits(r.number())
	case *hashing.CwdMode:
		*v = hashing.CwdMode(r.number())
	case *hashing.ExeMode:
		*v = hashing.ExeMode(r.number())
	case *engine.Replay:
		*v = engine.Replay(r.number())
	case *outputs.Times:
		*v = outputs.Times(r.number())
	case *engine.StripANSI:
		*v = engine.StripANSI(r.number())
	case *word:
		*v = word(r.word())
	case *words:
		for n := r.number(); n > 0 && !r.bad; n-- {
			*v = append(*v, r.word())
		}
	case *[]string:
		for n := r.number(); n > 0 && !r.bad; n-- {
			*v = append(*v, string(r.take(r.number())))
		}
	}
}
