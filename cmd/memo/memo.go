// Package memo remembers calls: what an answer was made from, so that the next call of the same command line in the
// same place need not go the whole way. All that a memo is made of stands here but its bytes, which package fastpath
// reads before anything else of the program is there.
package memo

import (
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/probe"
)

// A call leaves a memo for the next one of the same command line in the same place. It may hold two things. The one is
// what a hit rests on: the next takes the short way (package fastpath). The other is what the settings came to, and
// what they rest on: the next that is no such hit need not find them out again (remembered.go). What they rest on is
// every file that was looked at, also those that were not there. Where the settings would be the same for any command,
// a second memo says so, under the command line without the words of the command: what comes next behind the same flags
// need not find them out either.

// freshChange is how old a change must be before the times of a file are believed to tell it from the next one.
const freshChange = 2 * time.Second

// Run makes a call whose settings were found out, and leaves memos of it. The error is never nil, and for ExitCode.
func Run(p *call.Process, c *call.Call) error { return run(p, c, false) }

// run makes a call; remembered: its settings come from a memo.
func run(p *call.Process, c *call.Call, remembered bool) error {
	a := p.Ask(c, mayShorten(c) && asksMemo(c))
	if a.Err == nil && a.Dir != nil {
		remember(p, c, a, remembered)
	}
	return p.Conclude(c, a)
}

// asksMemo reports whether a memo of a hit would be of use: what it rests on takes time to be found out. Files are put
// in place before the runtime alone.
func asksMemo(c *call.Call) bool {
	return fastpath.Usable() && !fastpath.Stands() && (len(c.Request.Spec.Outputs) == 0 || fastpath.IsEarly())
}

// remember leaves memos of a call that has been answered: of its settings, unless they came from one or have tiers, and
// of what the answer stands on, if it is for the short way.
func remember(p *call.Process, c *call.Call, a call.Answer, remembered bool) {
	hit := isShort(a)
	if (remembered || len(c.Request.Tiers) > 0) && !hit || a.Warning != nil || !mayRemember(c) {
		return
	}
	i, ok := fastpath.Current(append([]string{"cachex"}, p.Args...))
	if !ok || !fastpath.Usable() || i.Dir != c.Request.Spec.Dir || fastpath.CacheDir(i.Environ) != a.Dir.Path() {
		return
	}
	if _, ok := i.Address(); !ok {
		return
	}
	var line, flags fastpath.Memo // of this command line, and of its flags
	if hit || a.Served == stats.Hit || c.Request.Refresh {
		line = memoOfSettings(i, c)
	}
	if f, ok := i.Flags(); ok && !remembered && c.AnyCommand &&
		slices.Equal(i.Args[len(f.Args):], c.Request.Spec.Argv) {
		open := *c
		open.Request.Spec.Argv = nil
		flags = memoOfSettings(f, &open)
	}
	if !hit && len(line.Call) == 0 && len(flags.Call) == 0 {
		return
	}
	before := a.Began.Add(-freshChange)
	files, ok := c.Configuration(before)
	if !ok || len(files) > math.MaxUint8 {
		return
	}
	for _, m := range []*fastpath.Memo{&line, &flags} {
		m.Files, m.Resolved = files, uint8(len(files))
	}
	kept := remembered || len(flags.Call) > 0 && put(a.Dir, &flags)
	if hit && put(a.Dir, withHit(line, p, c, a, before)) || kept || len(line.Call) == 0 {
		return
	}
	put(a.Dir, &line)
}

// memoOfSettings is a memo for an invocation, with what the settings of its call came to, if a memo can hold that.
func memoOfSettings(i fastpath.Invocation, c *call.Call) (m fastpath.Memo) {
	m.Address, _ = i.Address()
	m.Call = resolved(c, i.Args[1:])
	return m
}

// put writes a memo into its page; false if it is none, or does not fit.
func put(dir *cachedir.Dir, m *fastpath.Memo) bool {
	if m == nil {
		return false
	}
	b, ok := m.Encode()
	if ok {
		at := func(size int64) int64 { return fastpath.PageAt(m.Address[:], size) }
		dir.PutMemo(fastpath.PageSize, at, func(page []byte) []byte { return fastpath.WithMemo(page, b) })
	}
	return ok
}

// withHit adds to a memo of settings what a hit stands on; nil: that cannot be told. What it holds is looked at twice,
// and the recipe made anew in between, so that it is what the answer was made from and not what changed since.
func withHit(m fastpath.Memo, p *call.Process, c *call.Call, a call.Answer, before time.Time) *fastpath.Memo {
	spec, st := c.Request.Spec, a.Conditions
	var looks lookList
	var files *hashing.Recipe // that tells of the files of the spec, besides their names
	if hashing.NamesMore(&spec) {
		var ok bool
		if looks, ok = looksOf(&st.Before, before); !ok {
			return nil
		}
		files = &st.Before
	}
	recipe, seen, err := lookAround(files, spec, a.Dir.Digests())
	if err != nil || recipe.Key != st.Before.Key {
		return nil
	}
	if _, found := recipe.BeyondMemo(); found {
		return nil
	}
	args := append([]string{"cachex"}, p.Args...)
	states, ok := StatesOf(seen, args, before)
	if !ok {
		return nil
	}
	var boot []fastpath.FileState
	if st.Redirect.Name != "" {
		if m.Seen, boot, ok = seenOf(p.Environ, c, a, before); !ok {
			return nil
		}
	}
	if st.Made != nil {
		if m.Made, ok = filesOf(a); !ok {
			return nil
		}
	}
	recipe, err = hashing.CaptureBesides(files, spec, a.Dir.Digests(), nil)
	if err != nil || recipe.Key != st.Before.Key {
		return nil
	}
	again, ok := c.Configuration(before)
	if !ok || !slices.Equal(again, m.Files) {
		return nil
	}
	if again, ok = StatesOf(seen, args, before); !ok || !slices.Equal(again, states) {
		return nil
	}
	if files != nil {
		if m.Looks, ok = looks.keep(a.Dir, files); !ok {
			return nil
		}
	}
	m.Files = slices.Concat(m.Files, states, boot, looks.boot)
	m.Globs = slices.Concat(recipe.Variables(spec), c.Request.Conditional())
	if m.Env, ok = variables(p.Environ, m.Globs); !ok {
		return nil
	}
	m.Entry, m.Size, m.Sum, m.Offset, m.Merged, m.Code = st.Entry, st.Size, st.Sum, st.Offset, st.Merged, st.Code
	m.NotBefore, m.Until, m.Purges, m.Hit = st.NotBefore.UnixNano(), math.MaxInt64, st.Purges, st.Hit
	if !st.Until.IsZero() {
		m.Until = st.Until.UnixNano()
	}
	if st.Alone {
		m.Absent = st.Other
	}
	for _, f := range st.Frames {
		m.Frames = append(m.Frames, fastpath.Frame{Stream: f.Stream, Size: f.Size})
	}
	return &m
}

// variables are those that globs name and that are set: of the key, and of the conditions for caching. False: one of
// them is there twice.
func variables(environ, globs []string) (all []fastpath.Variable, ok bool) {
	seen := map[string]bool{}
	for _, kv := range environ {
		name, value, assigned := strings.Cut(kv, "=")
		if !fastpath.Names(globs, name) {
			continue
		}
		if seen[name] || !assigned {
			return nil, false
		}
		seen[name] = true
		all = append(all, fastpath.Variable{Name: name, Sum: sha256.Sum256([]byte(value))})
	}
	return all, true
}

// lookAround captures a recipe, and records what was looked at on the way from settings to an answer outside of the
// cache directory. Of files it believes a recipe, if there is one.
func lookAround(files *hashing.Recipe, spec hashing.Spec, digests hashing.Digests) (
	hashing.Recipe, *probe.Trail, error,
) {
	seen := &probe.Trail{}
	recipe, err := hashing.CaptureBesides(files, spec, digests, seen)
	if err == nil {
		recipe.Unlogged(spec.Files, seen)
	}
	return recipe, seen, err
}
