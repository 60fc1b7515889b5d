// Package fleet is the same cache on other machines: it finds results there, decides among hosts who runs, hands on
// what was stored here, and carries purges of tags. It is given a store, two clocks and a function that takes warnings,
// and knows no run, no request and no stream.
package fleet

import (
	"os"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// Tiers are the same cache on other machines. A tier is handed names and sealed bytes, and is never believed: what
// comes back is opened, decoded and compared like a local entry, and whatever is wrong with it, or with the server, is
// a miss that is counted.
//
// A run asks the tiers in their order after the local store, with the lock of the recipe held, within a part of the
// time that running would take. What is found is copied into the local store first, and served from there. After a run
// its result is handed to each tier that is written to, when the caller has its output and the lock is free again.
//
//	e/<key>        a result: a record (see record), the entry, and which blob holds its body if that is large
//	e/<key>.fail   the same of a run that failed, or why the last run left nothing to share
//	b/<sha256>     a body, under the digest of what is stored there
//	l/<key>        the lease of the host that runs the command (see lease.go)
//	t/<sha256>     the count of purges of a tag, and t/all of all tags (see tags.go)

// Fleet is the tiers that one run uses, beside the store of this machine.
type Fleet struct {
	c       Config
	tiers   []*tier
	failure error // why one of them could not be asked; nil: all could

	lease    *held // of this run among all hosts; nil: none
	awaited  int64 // the fence of the host that this run waits for; 0: none
	resigned bool  // that host has left no result to share

	superseded bool // see watch.go
}

// Config is what a fleet is given.
type Config struct {
	Tiers    []Tier // in their order
	ReadOnly bool   // nothing is written to them, and nothing that they have is stored here
	Store    Store
	Clock    Clock
	Warn     func(error)              // takes what went wrong; may be called again with the same
	Usual    func() time.Duration     // how long the command takes; 0: that is not known
	Spool    func() (*os.File, error) // makes a file without a name
}

// Store is what tiers need of the store of this machine.
type Store interface {
	Breaker(server string) *cachedir.Breaker
	LogTier(r stats.TierRecord) error
	TagSeen(tier, tag string) (count int64, at time.Time, known bool)
	NoteTag(tier, tag string, count int64, purge cachedir.Purging) error
	BeginImport(r cachedir.Run) (*cachedir.Import, error)
	Load(key hashing.Key, slot cachedir.Slot) (*cachedir.Entry, error)
	Retract(key hashing.Key, m cachedir.Meta) error
}

// Clock is the two clocks of this machine.
type Clock struct {
	Now  func() time.Time                   // the wall clock
	Boot func() (clock [16]byte, now int64) // that of those who wait here, with its name
}

// Query is what a run wants: a result of a recipe, and what of it would do.
type Query struct {
	Run      cachedir.Run // the recipe
	Tags     []string     // that a purge of the result would reach it by
	Failures bool         // the result of a run that failed may do
	Refresh  bool         // nothing that is there already will do
	Waits    func()       // is called before another host is waited for; nil: it is not

	// Admit decides whether the caller may be answered with an entry, and Deliver whether with that of a run that he
	// has waited for.
	Admit, Deliver func(*cachedir.Entry) bool
}

// Failure is why a tier could not be asked; nil: all could that were.
func (f *Fleet) Failure() error { return f.failure }

// New makes tiers ready. It asks none.
func New(c Config) *Fleet {
	f := &Fleet{c: c}
	for _, t := range c.Tiers {
		t.Write = t.Write && !c.ReadOnly
		f.tiers = append(f.tiers, &tier{Tier: t, f: f, breaker: c.Store.Breaker(t.Name)})
	}
	return f
}

// Close gives connections back.
func (f *Fleet) Close() {
	for _, t := range f.tiers {
		if t.conn != nil {
			_ = t.conn.Close()
		}
	}
}

// budget is how long looking into the tiers may take: a tenth of what the command takes, within bounds.
func (f *Fleet) budget() time.Duration {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	if usual := f.c.Usual(); usual > 0 {
		return min(max(usual/10, least), most)
	}
	return most
}
