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

// A command may say something of its own result: by lines in the file that CACHEX_CONTROL names. The file does not
// exist before; whoever writes to it makes it. What stands there can only make a result live shorter, or depend on
// more: what means nothing is told under -v and changes nothing.
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

// ControlLimit is the size in bytes of a control file that is read.
const ControlLimit = 4 << 20

// directives are what a command, and runs nested in it, have written of its result.
type directives struct {
	noStore      string        // why the result must not be stored; empty: it may be
	private      bool          //
	maxAge       time.Duration // negative: not given
	grace        time.Duration
	until        time.Time // what nested runs have left of their lives; zero: no end
	tags         []cachedir.Tag
	learned      hashing.Learned // as it was written: names may be there more than once, until all is parsed
	reports      []report        // of nested runs
	nestedIDs    []string        // of the nested runs that have announced a report
	nestedFiles  []string        // that nested runs have looked at
	unknownLines []string
}

// readDirectives reads the control file of a run. One that cannot be read may hold anything: nothing is stored then.
func readDirectives(p *cachedir.Pending, in *inputs) directives {
	text, err := p.Control(ControlLimit)
	if err != nil {
		return directives{noStore: "what it said in CACHEX_CONTROL cannot be read: " + err.Error(), maxAge: -1}
	}
	d := parseDirectives(text)
	for i := range d.tags {
		d.tags[i].Name = hashing.Guard(d.tags[i].Name, in.caller.Spec.Secret)
	}
	for _, n := range d.reports {
		d.apply(n, p.Mark(), in)
	}
	d.learned = d.learned.With(hashing.Learned{}) // each name once
	return d
}

func parseDirectives(text []byte) directives {
	d := directives{maxAge: -1}
	for line := range bytes.Lines(text) {
		line := strings.TrimSpace(string(line))
		switch err := d.parse(line); {
		case line == "" || strings.HasPrefix(line, "#"):
		case errors.Is(err, errNestedLine):
			d.noStore = "a nested run did not report what it used"
		case err != nil:
			d.unknownLines = append(d.unknownLines, line)
		}
	}
	reported := map[string]bool{}
	for _, n := range d.reports {
		reported[n.ID] = true
	}
	for _, id := range d.nestedIDs {
		if !reported[id] {
			d.noStore = "a nested run did not report what it used"
		}
	}
	return d
}

var (
	errControl    = errors.New("unknown")
	errNestedLine = errors.New("a torn report")
)

// parse takes over one line.
func (d *directives) parse(line string) error {
	if text, ok := strings.CutPrefix(line, reportPrefix); ok {
		n, err := parseReport(text)
		if err != nil {
			return errNestedLine
		}
		d.reports = append(d.reports, n)
		return nil
	}
	if id, ok := strings.CutPrefix(line, beganPrefix); ok {
		d.nestedIDs = append(d.nestedIDs, id)
		return nil
	}
	name, value, given := strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	switch {
	case !given && name == "no-store":
		d.noStore = "the command said no-store"
	case !given && name == "private":
		d.private = true
	case given && name == "max-age":
		return shortest(&d.maxAge, value)
	case given && name == "stale-while-revalidate":
		grace, err := lifeSeconds(value)
		d.grace = max(d.grace, grace)
		return err
	case given && value == "":
		return errControl
	case name == "tag":
		d.tags = append(d.tags, cachedir.Tag{Name: value, Seq: cachedir.OwnSeq})
	case name == "vary-env":
		names := strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		return d.learn(hashing.Learned{Env: names})
	case name == "vary-file" && strings.Contains(value, "\x00"): // it is no name
		return errControl
	case name == "vary-file":
		return d.learn(hashing.Learned{Files: []string{value}})
	default:
		return errControl
	}
	return nil
}

func (d *directives) learn(l hashing.Learned) error {
	if err := l.Check(); err != nil {
		return err
	}
	d.learned.Env = append(d.learned.Env, l.Env...)
	d.learned.Files = append(d.learned.Files, l.Files...)
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

// applyTo puts them into an entry's header.
func (d *directives) applyTo(m *cachedir.Meta) {
	m.Private = m.Private || d.private
	m.Stale = d.grace
	m.Tags = slices.Concat(m.Tags, d.tags)
	if d.maxAge >= 0 {
		m.Until = earlier(m.Until, m.Ended.Add(d.maxAge))
	}
	m.Until = earlier(m.Until, d.until)
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
