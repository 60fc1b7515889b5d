package engine

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// A command may say something of its own result: by lines in the file that CACHEX_CONTROL names. The file does not exist
// before; whoever writes to it makes it. What stands there can only make a result live shorter, or depend on more: what
// means nothing is told under -v and changes nothing.
//
//	no-store                    the result is delivered and not stored
//	private                     for the user who ran it, and this machine, alone
//	max-age=60                  its life ends 60 s after the run, whatever --ttl says
//	stale-while-revalidate=30   for 30 s more it may be served while it is refreshed
//	tag=users                   a label for purging
//	vary-env=LANG               it also depends on this variable
//	vary-file=conf.yml          and on this file
//
// Runs nested in the command write to the same file, a line each (see nested.go).

// controlLimit is the size in bytes of a control file that is read.
const controlLimit = 4 << 20

// said is what a command, and runs nested in it, said.
type said struct {
	noStore string        // why the result must not be stored; empty: it may be
	private bool          //
	maxAge  time.Duration // negative: not said
	stale   time.Duration
	until   time.Time // what nested runs have left of their lives; zero: no end
	tags    []cachedir.Tag
	learned hashing.Learned // as it was said: names may be there more than once, until all was heard
	nested  []report
	begun   []string // runs nested in the command, by their ids
	seen    []string // files that nested runs have seen
	unknown []string
}

// hear reads the control file. One that cannot be read may have said anything: nothing is stored then.
func (r *run) hear(p *cachedir.Pending) said {
	text, err := p.Control(controlLimit)
	if err != nil {
		return said{noStore: "what it said in CACHEX_CONTROL cannot be read: " + err.Error(), maxAge: -1}
	}
	s := parseControl(text)
	for i := range s.tags {
		s.tags[i].Name = hashing.Guard(s.tags[i].Name, r.req.Spec.Secret)
	}
	for _, n := range s.nested {
		s.join(n, p.Mark(), r)
	}
	s.learned = s.learned.With(hashing.Learned{}) // each name once
	return s
}

func parseControl(text []byte) said {
	s := said{maxAge: -1}
	for line := range bytes.Lines(text) {
		line := strings.TrimSpace(string(line))
		switch err := s.take(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case errors.Is(err, errNestedLine):
			s.noStore = "a nested run did not report what it used"
		case err != nil:
			s.unknown = append(s.unknown, line)
		}
	}
	reported := map[string]bool{}
	for _, n := range s.nested {
		reported[n.ID] = true
	}
	for _, id := range s.begun {
		if !reported[id] {
			s.noStore = "a nested run did not report what it used"
		}
	}
	return s
}

var (
	errControl    = errors.New("unknown")
	errNestedLine = errors.New("a torn report")
)

// take hears one line.
func (s *said) take(line string) error {
	if text, ok := strings.CutPrefix(line, reportPrefix); ok {
		n, err := parseReport(text)
		if err != nil {
			return errNestedLine
		}
		s.nested = append(s.nested, n)
		return nil
	}
	if id, ok := strings.CutPrefix(line, beganPrefix); ok {
		s.begun = append(s.begun, id)
		return nil
	}
	name, value, given := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	switch {
	case !given && name == "no-store":
		s.noStore = "the command said no-store"
	case !given && name == "private":
		s.private = true
	case given && name == "max-age":
		return shortest(&s.maxAge, value)
	case given && name == "stale-while-revalidate":
		d, err := lifeSeconds(value)
		s.stale = max(s.stale, d)
		return err
	case given && value == "":
		return errControl
	case name == "tag":
		s.tags = append(s.tags, cachedir.Tag{Name: value, Seq: cachedir.OwnSeq})
	case name == "vary-env":
		return s.learn(hashing.Learned{Env: strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })})
	case name == "vary-file" && strings.Contains(value, "\x00"): // it is no name
		return errControl
	case name == "vary-file":
		return s.learn(hashing.Learned{Files: []string{value}})
	default:
		return errControl
	}
	return nil
}

func (s *said) learn(l hashing.Learned) error {
	if err := l.Check(); err != nil {
		return err
	}
	s.learned.Env = append(s.learned.Env, l.Env...)
	s.learned.Files = append(s.learned.Files, l.Files...)
	return nil
}

// shortest keeps the shorter of two lives.
func shortest(d *time.Duration, value string) error {
	v, err := lifeSeconds(value)
	if err == nil && (*d < 0 || v < *d) {
		*d = v
	}
	return err
}

// lifeSeconds reads seconds as HTTP writes them. More than a century is a century.
func lifeSeconds(value string) (time.Duration, error) {
	const most = 100 * 365 * 24 * 60 * 60
	n, err := strconv.ParseUint(value, 10, 64)
	if errors.Is(err, strconv.ErrRange) {
		n, err = math.MaxUint64, nil
	}
	if err != nil {
		return 0, errControl
	}
	return time.Duration(min(n, most)) * time.Second, nil
}

// apply puts into an entry's header what was said. ended is the end of the run.
func (s *said) apply(m *cachedir.Meta) {
	m.Private = m.Private || s.private
	m.Stale = s.stale
	m.Tags = slices.Concat(m.Tags, s.tags)
	if s.maxAge >= 0 {
		m.Until = earlier(m.Until, m.Ended.Add(s.maxAge))
	}
	m.Until = earlier(m.Until, s.until)
}

// earlier is the earlier of two ends, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// shownLine is a line of a control file for people.
func shownLine(line string) string {
	const most = 60
	if len(line) > most {
		line = line[:most] + "..."
	}
	if !utf8.ValidString(line) {
		return strconv.Quote(line)
	}
	return hashing.Redact(line)
}
