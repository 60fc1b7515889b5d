//go:build amd64 || arm64

package trace

import (
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// observer notes what calls say. One thread at a time uses it.
type observer struct {
	noTimes  func(program, path string) bool
	seen     map[string]*usage
	programs []Program
	doubted  []Doubt
	network  bool

	blind         bool   // paths are not understood any more, or looking at them may have to wait: nothing is noted
	handled, sent uint64 // signals: handled so that a call that waits fails; sent by the run
}

// usage is what is noted of a path.
type usage struct {
	use, after Use
	before     Before
	replaced   bool // by a call of the run, if it did not fail
}

// caller is a call that waits for an answer.
type caller struct {
	thread int
	args   [6]uint64
}

func newObserver(o Options) *observer {
	if o.NoTimes == nil {
		o.NoTimes = func(string, string) bool { return false }
	}
	return &observer{noTimes: o.NoTimes, seen: map[string]*usage{}}
}

func (o *observer) doubt(reason, path string) {
	if d := (Doubt{reason, path}); !slices.Contains(o.doubted, d) {
		o.doubted = append(o.doubted, d)
	}
}

func (o *observer) usage(path string) *usage {
	u := o.seen[path]
	if u == nil {
		u = &usage{}
		o.seen[path] = u
	}
	return u
}

// note notes a use that is no write.
func (o *observer) note(path string, use Use) {
	u := o.usage(path)
	if u.replaced {
		u.after |= use
		return
	}
	u.use |= use
}

// write notes a write, with what else the call needs of the path. If it replaces what was there, all that is done with
// the path later has nothing to do with that.
func (o *observer) write(path string, use Use, replaces bool) {
	u := o.usage(path)
	if (u.use|u.after)&Written == 0 {
		u.before = Nothing
		if exists(path) {
			u.before = Something
		}
	}
	o.note(path, use|Written)
	u.replaced = u.replaced || replaces
}

// timed adds Times to a look, unless the program makes no use of them.
func (o *observer) timed(c *caller, path string, use Use) Use {
	if u := o.seen[path]; u != nil && u.use&Times != 0 {
		return use
	}
	program, err := os.Readlink(c.proc("exe"))
	if err == nil && o.noTimes(program, path) {
		return use
	}
	return use | Times
}

// exists reports whether there is anything at a path.
func exists(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil
}

func (o *observer) report() Report {
	r := Report{Programs: o.programs, Doubts: o.doubted, Network: o.network}
	for _, path := range slices.Sorted(maps.Keys(o.seen)) {
		u := o.seen[path]
		r.Seen = append(r.Seen, Seen{path, u.use, u.after, u.before})
	}
	return r
}
