package call

import (
	"crypto/sha256"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/probe"
)

// A call leaves a memo for the next one of the same command line in the same place. It may hold two things. The one is what a
// hit rests on: the next takes the short way (package fastpath). The other is what the settings came to, and what they rest
// on: the next that is no such hit need not find them out again (remembered.go). What they rest on is every file that was looked
// at, also those that were not there. Where the settings would be the same for any command, a second memo says so, under the
// command line without the words of the command: what comes next behind the same flags need not find them out either.

// freshChange is how old a change must be before the times of a file are believed to tell it from the next one.
const freshChange = 2 * time.Second

// mayRemember reports whether a call ends like the next one of its kind, and says nothing that a memo does not know of.
func (c *Call) mayRemember() bool {
	q := &c.Request
	return len(c.Warnings) == 0 && c.Status == nil && !q.Warm && q.Refresher == nil && q.Spec.Dir != "" && c.Configuration != nil &&
		!q.NoCache && len(q.Tiers) == 0 && q.Spec.Secret == nil && len(q.PurgeTags) == 0
}

// mayShorten reports whether a hit of a call that may be remembered rests on nothing but what a memo can hold.
func (c *Call) mayShorten() bool { return c.mayRemember() && reflect.DeepEqual(c.beyondMemo(), Call{}) }

// beyondMemo returns what is left of a call when all is taken away that a memo of a hit carries. What is not named here
// forbids one: whoever adds a setting, and wants short hits with it, says here how a memo tells one state of it from
// another. Of a kind of input its value in package hashing says that.
func (c *Call) beyondMemo() Call {
	left := *c
	q := &left.Request
	q.Spec = hashing.BeyondMemo(c.Request.Spec)
	if engine.Converses(c.Request.Spec.Argv) { // some command lines mean the terminal, if there is one
		q.Spec.Argv = c.Request.Spec.Argv
	}
	// What settings came to is the same at the same address, as long as the files are that they rest on.
	q.TTL, q.TTLFail, q.Jitter, q.Stale, q.StaleIfError, q.Tags = 0, 0, 0, 0, 0, nil
	q.CachedOnly, q.Wait, q.Follow, q.MinCost, q.MaxEntry = false, 0, false, 0, 0
	left.CacheExit, left.CacheDir, left.Quiet, left.PlainTiers = ExitSet{}, "", false, nil
	left.Store.TrustOwners, left.Store.MaxSize, left.Store.Keep = nil, 0, 0
	left.Configuration, left.Places, left.AnyCommand, left.remembered, left.began = nil, nil, false, false, time.Time{}
	return left
}

// isShort reports whether an answer is one for the short way; with stdin that nobody read there is a warning each time.
func isShort(out engine.Outcome, unread bool) bool {
	return out.Conditions != nil && !unread && out.Bytes <= fastpath.MaxBody
}

// remember leaves memos of a call that has been answered: of its settings, unless they came from one, and with hit of what that
// answer stands on.
func (p *Process) remember(c *Call, dir *cachedir.Dir, out engine.Outcome, hit bool) {
	if c.remembered && !hit || out.Warning != nil || !c.mayRemember() {
		return
	}
	i, ok := fastpath.Current(append([]string{"cachex"}, p.Args...))
	if !ok || !fastpath.Usable() || i.Dir != c.Request.Spec.Dir || fastpath.CacheDir(i.Environ) != dir.Path() {
		return
	}
	if _, ok := i.Address(); !ok {
		return
	}
	var line, flags fastpath.Memo // of this command line, and of its flags
	if hit || out.Served == stats.Hit || c.Request.Refresh {
		line = memoOfSettings(i, c)
	}
	if f, ok := i.Flags(); ok && !c.remembered && c.AnyCommand && slices.Equal(i.Args[len(f.Args):], c.Request.Spec.Argv) {
		open := *c
		open.Request.Spec.Argv = nil
		flags = memoOfSettings(f, &open)
	}
	if !hit && len(line.Call) == 0 && len(flags.Call) == 0 {
		return
	}
	before := c.began.Add(-freshChange)
	facts, ok := c.Configuration(before)
	if !ok || len(facts) > math.MaxUint8 {
		return
	}
	for _, m := range []*fastpath.Memo{&line, &flags} {
		m.Facts, m.Resolved = facts, uint8(len(facts))
	}
	known := c.remembered || len(flags.Call) > 0 && put(dir, &flags)
	if hit && put(dir, p.withHit(line, c, dir, out, before)) || known || len(line.Call) == 0 {
		return
	}
	put(dir, &line)
}

// memoOfSettings is a memo for an invocation, with what the settings of its call came to, if a memo can hold that.
func memoOfSettings(i fastpath.Invocation, c *Call) (m fastpath.Memo) {
	m.Address, _ = i.Address()
	m.Call = c.resolved(i.Args[1:])
	return m
}

// put writes a memo to its place; false if it is none, or does not fit.
func put(dir *cachedir.Dir, m *fastpath.Memo) bool {
	if m == nil {
		return false
	}
	slot, ok := m.Encode()
	if ok {
		dir.PutMemo(slot, func(size int64) int64 { return fastpath.Place(m.Address, size) })
	}
	return ok
}

// withHit adds to a memo of settings what a hit stands on; nil: that cannot be told. What it holds is looked at twice, and the
// recipe made anew in between, so that it is what the answer was made from and not what changed since.
func (p *Process) withHit(m fastpath.Memo, c *Call, dir *cachedir.Dir, out engine.Outcome, before time.Time) *fastpath.Memo {
	spec := c.Request.Spec
	recipe, seen, err := lookAround(spec, dir.Digests())
	if err != nil || recipe.Key != out.Key {
		return nil
	}
	if _, found := recipe.BeyondMemo(); found {
		return nil
	}
	args := append([]string{"cachex"}, p.Args...)
	facts, ok := FactsOf(seen, args, before)
	if !ok {
		return nil
	}
	if recipe, err = hashing.Capture(spec, dir.Digests()); err != nil || recipe.Key != out.Key {
		return nil
	}
	again, ok := c.Configuration(before)
	if !ok || !slices.Equal(again, m.Facts) {
		return nil
	}
	if again, ok = FactsOf(seen, args, before); !ok || !slices.Equal(again, facts) {
		return nil
	}
	m.Facts = slices.Concat(m.Facts, facts)
	m.Env = p.variables(spec.Env)
	st := out.Conditions
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

// variables are those of the key.
func (p *Process) variables(names []string) (all []fastpath.Variable) {
	for _, name := range names {
		value, set := p.LookupEnv(name)
		v := fastpath.Variable{Name: name, Set: set}
		if set {
			v.Sum = sha256.Sum256([]byte(value))
		}
		all = append(all, v)
	}
	return all
}

// lookAround captures a recipe, and records what was looked at on the way from settings to an answer outside of the cache directory.
func lookAround(spec hashing.Spec, digests hashing.Digests) (hashing.Recipe, *probe.Record, error) {
	seen := &probe.Record{}
	recipe, err := hashing.CaptureNoting(spec, digests, seen)
	if err == nil {
		recipe.Unlogged(spec.Files, seen)
	}
	return recipe, seen, err
}
