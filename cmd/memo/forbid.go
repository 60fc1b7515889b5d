package memo

import (
	"reflect"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// mayRemember reports whether a call ends like the next one of its kind, and says nothing that a memo does not know of.
func mayRemember(c *call.Call) bool {
	q := &c.Request
	return len(c.Warnings) == 0 && c.Status == nil && c.Memory == nil &&
		!q.Warm && q.Refresher == nil && q.Spec.Dir != "" &&
		c.Configuration != nil && !q.NoCache && q.Spec.Secret == nil && len(q.PurgeTags) == 0
}

// mayShorten reports whether a hit of a call that may be remembered rests on nothing but what a memo can hold.
func mayShorten(c *call.Call) bool {
	return mayRemember(c) && reflect.DeepEqual(beyondMemo(c), call.Call{})
}

// beyondMemo returns what is left of a call when all is taken away that a memo of a hit carries. What is not named here
// forbids one: whoever adds a setting, and wants short hits with it, says here how a memo tells one state of it from
// another. Of a kind of input its value in package hashing says that.
func beyondMemo(c *call.Call) call.Call {
	left := *c
	q := &left.Request
	q.Spec = hashing.BeyondMemo(c.Request.Spec)
	if q.FileTimes != outputs.TimesOfRun { // what is put in place has the time of that
		q.FileTimes = 0
	}
	if engine.Converses(c.Request.Spec.Argv) { // some command lines mean the terminal, if there is one
		q.Spec.Argv = c.Request.Spec.Argv
	}
	q.Tiers = nil // what asks them has no memo: results with tags
	// What settings came to is the same at the same address, as long as the files are that they rest on.
	q.OnlyIf = nil // a memo has its variables
	q.TTL, q.TTLFail, q.Jitter, q.Stale, q.StaleIfError, q.Tags = 0, 0, 0, 0, 0, nil
	q.CachedOnly, q.NoWait, q.Wait, q.Follow, q.MinCost, q.MaxEntry = false, false, 0, false, 0, 0
	q.Network = false // which is about what is stored
	left.CacheExit, left.CacheDir, left.Quiet, left.PlainTiers = call.ExitSet{}, "", false, nil
	left.Store.TrustOwners, left.Store.MaxSize, left.Store.Keep = nil, 0, 0
	left.Configuration, left.Places, left.AnyCommand = nil, nil, false
	return left
}

// isShort reports whether an answer is one for the short way; with stdin that nobody read there is a warning each time.
func isShort(a call.Answer) bool {
	return a.Conditions != nil && !a.Unread && a.Bytes <= fastpath.MaxBody && a.Conditions.Size <= fastpath.MaxFile
}
