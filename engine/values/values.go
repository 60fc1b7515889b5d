// Package values gives names to values: a value is an entry of the cache whose recipe is a namespace and a name, and
// nothing else. So whatever holds for results holds for it: it is verified before it is given away, encrypted where the
// cache is, evicted, purged and shared with other machines; and a run that has a name and no other inputs has the same
// entry.
//
// Where values are shared with other machines, those that others change at the same time are not believed to be what
// lies here: a number is asked of the tier each time, and changed there.
package values

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/hashing"
)

// Errors of this package, besides those of the store, of its entries and of tiers.
var (
	ErrMissing    = errors.New("no such value")
	ErrExists     = errors.New("the name has a value already")
	ErrNoNumber   = errors.New("the value is not a whole number of 64 bits")
	ErrOverflow   = errors.New("the number would be larger than 64 bits hold")
	ErrName       = errors.New("a name is not empty and holds no NUL byte")
	ErrUnreadable = errors.New("it has a value that cannot be read here, and nothing was changed")
	ErrNoLocks    = errors.New("the cache directory's filesystem has no file locks, without which a change can be lost")
)

// NoEnd as a life means that a value has no end of its own.
const NoEnd = time.Duration(-1)

// Store is the values of one namespace.
type Store struct {
	Dir       *cachedir.Dir
	Namespace string
	Fleet     *fleet.Fleet // the same cache on other machines; nil: there is none
	Clock     fleet.Clock
	UID       int64 // whose private results may be given away; -1 where users have no numbers

	// Merged says that who gets values has one file for stdout and stderr: only then he may be given what was recorded
	// so.
	Merged bool
}

// Options are what a value is set with.
type Options struct {
	Life time.Duration // from now, whoever asks; NoEnd
	Tags []string
	Add  bool // only if the name has no value: ErrExists
}

// CheckName returns ErrName for what no name is.
func CheckName(name string) error {
	if name == "" || strings.ContainsRune(name, 0) {
		return ErrName
	}
	return nil
}

// run is the entry that belongs to a name.
func (s *Store) run(name string, tags ...string) (cachedir.Run, error) {
	if err := CheckName(name); err != nil {
		return cachedir.Run{}, err
	}
	r, err := hashing.Capture(hashing.Spec{Namespace: s.Namespace, Name: name, User: s.Dir.SharedAs()}, nil)
	return cachedir.Run{Key: r.Key, Command: r.Command, Recipe: r.Text, Tags: tags}, err
}

// Get returns the value of a name, or ErrMissing. The caller closes it.
func (s *Store) Get(name string) (*cachedir.Entry, error) {
	run, err := s.run(name)
	if err != nil {
		return nil, err
	}
	e, err := s.get(run)
	if err != nil {
		return nil, err
	}
	e.Touch()
	return e, nil
}

// Count counts what Get has returned in the statistics of the cache.
func (s *Store) Count(e *cachedir.Entry, err error) {
	r := stats.Record{Served: stats.Absent, Family: family}
	switch {
	case err == nil:
		r = stats.Record{Served: stats.Found, Bytes: e.StdoutSize, Family: family}
	case !errors.Is(err, ErrMissing):
		return
	}
	if s.Dir.Journal.Log(r) == nil { // what cannot be counted is lost
		s.Dir.Journal.Fold()
	}
}

// Close gives back what tiers hold.
func (s *Store) Close() {
	if s.Fleet != nil {
		s.Fleet.Close()
	}
}

func (s *Store) get(run cachedir.Run) (*cachedir.Entry, error) {
	e := s.here(run)
	if s.Fleet == nil {
		if e == nil {
			return nil, ErrMissing
		}
		return e, nil
	}
	switch {
	case e != nil && isNumber(e):
		e.Close()
		return s.latest(run)
	case e != nil && s.Fleet.Sync(e.Tags) && s.stands(e):
		return e, nil
	case e != nil:
		e.Close()
	}
	return s.fromTiers(run)
}

// forChange is the same store for who changes values. He is not given what they consist of, so it is nothing to him
// how that was recorded.
func (s *Store) forChange() *Store {
	all := *s
	all.Merged = true
	return &all
}

// here is the value of this machine, if it may be given away; nil: there is none, or it is damaged.
func (s *Store) here(run cachedir.Run) *cachedir.Entry {
	e, err := s.Dir.Lookup(run.Key, run.Recipe, cachedir.Good)
	if err != nil {
		return nil
	}
	if !s.admits(e) || e.Verify() != nil {
		e.Close()
		return nil
	}
	return e
}

// toChange is the value of this machine that is about to be changed. One that is there and cannot be read, or that
// comes from the future, is nobody's to begin anew: it is the value of somebody who has the key, or the time.
func (s *Store) toChange(run cachedir.Run) (*cachedir.Entry, error) {
	e, err := s.Dir.Lookup(run.Key, run.Recipe, cachedir.Good)
	var miss *cachedir.Miss
	if errors.As(err, &miss) && (miss.Reason == stats.Uncacheable || miss.Reason == stats.Version) {
		return nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	if err != nil {
		return nil, nil
	}
	defer e.Close()
	if e.Ended.After(s.Clock.Now().Add(slack)) {
		return nil, fmt.Errorf("%w: it was set at %s", ErrUnreadable, e.Ended.Format(time.RFC3339))
	}
	return s.here(run), nil
}

// slack is how much the clocks of those differ who share a cache directory, at the most.
const slack = time.Minute

// admits says whether an entry is a value that lives, and that may be given to the caller.
func (s *Store) admits(e *cachedir.Entry) bool {
	now := s.Clock.Now()
	end, ends := e.End()
	return e.Learned == nil && !e.Soft && (!e.Merged || s.Merged) && (!e.Private || e.UID == s.UID) &&
		!e.Ended.After(now.Add(slack)) && (!ends || now.Before(end))
}

// stands says whether no tag of an entry was purged, now that the purges of other machines are known here.
func (s *Store) stands(e *cachedir.Entry) bool {
	soft, err := s.Dir.CheckTags(e.Meta)
	return err == nil && !soft
}

// query asks tiers for the value of a name.
func (s *Store) query(run cachedir.Run) fleet.Query {
	return fleet.Query{Run: run, Admit: s.admits, Deliver: s.admits}
}

// fromTiers is the value that another machine has stored.
func (s *Store) fromTiers(run cachedir.Run) (*cachedir.Entry, error) {
	detached, found := s.Fleet.Find(s.query(run))
	switch {
	case !found:
		return nil, s.missing()
	case detached == nil:
		detached = s.here(run)
	}
	if detached == nil {
		return nil, ErrMissing // purged since
	}
	if !isNumber(detached) {
		return detached, nil
	}
	detached.Close()
	return s.latest(run)
}

// latest is the value as the tier has it that decides. It is not stored here: it may be another one at once.
func (s *Store) latest(run cachedir.Run) (*cachedir.Entry, error) {
	e, err := s.Fleet.Latest(s.query(run))
	switch {
	case err != nil:
		return nil, err
	case e == nil && !s.Fleet.Decides():
		e = s.here(run) // nobody here can tell the tier of it
	}
	if e == nil {
		return nil, s.missing()
	}
	return e, nil
}

// missing is why tiers have no value: one that could not be asked may have one.
func (s *Store) missing() error {
	if err := s.Fleet.Failure(); err != nil {
		return err
	}
	return ErrMissing
}

// Set gives a name a value, which is all that body has.
func (s *Store) Set(name string, body io.Reader, o Options) error {
	run, err := s.run(name, o.Tags...)
	if err != nil {
		return err
	}
	if s.Fleet != nil {
		s.Fleet.Mark(o.Tags)
	}
	p, err := s.Dir.Begin(run)
	if err != nil {
		return err
	}
	defer p.Discard()
	if _, err := io.Copy(recorder{p, stdout}, body); err != nil {
		return err
	}
	m := s.meta(o.Life, o.Tags)
	switch {
	case !o.Add:
		return s.put(run, p, m)
	case s.Fleet != nil:
		return s.forChange().addShared(run, p, m)
	}
	return s.locked(run.Key, func(l *cachedir.NameLock) error {
		e, err := s.forChange().toChange(run)
		if err != nil {
			return err
		}
		if e != nil {
			e.Close()
			return ErrExists
		}
		p.Replaces(l)
		return commit(p, m)
	})
}

// commit makes a value visible. One that a purge has overtaken is as good as purged after it.
func commit(p *cachedir.Pending, m cachedir.Meta) error {
	if err := p.Commit(m); !errors.Is(err, cachedir.ErrPurged) {
		return err
	}
	return nil
}

// put stores a value whatever the name has.
func (s *Store) put(run cachedir.Run, p *cachedir.Pending, m cachedir.Meta) error {
	if err := s.commitAnyway(run.Key, p, m); err != nil || s.Fleet == nil {
		return err
	}
	return s.publish(run)
}

// publish hands a value that was stored here to the tiers.
func (s *Store) publish(run cachedir.Run) error {
	s.Fleet.Publish(fleet.Result{Key: run.Key, Slot: cachedir.Good}, "")
	s.Fleet.PublishBackground(fleet.Result{Key: run.Key, Slot: cachedir.Good})
	if err := s.Fleet.Failure(); err != nil {
		return fmt.Errorf("stored on this machine alone: %w", err)
	}
	return nil
}

// addShared stores a value in the tier that decides, if that has none.
func (s *Store) addShared(run cachedir.Run, p *cachedir.Pending, m cachedir.Meta) error {
	next, err := p.Detach(m)
	if err != nil {
		return err
	}
	defer next.Close()
	return s.change(run, func(now *cachedir.Entry) (*cachedir.Entry, error) {
		if now != nil {
			return nil, ErrExists
		}
		return next, nil
	})
}

// change replaces a value in the tier that decides. Here a copy is left whose life is over: so a run that is under way
// sees that the name has another value, and who asks for that asks the tier.
func (s *Store) change(run cachedir.Run, change func(now *cachedir.Entry) (*cachedir.Entry, error)) error {
	const patience = time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var left *cachedir.Pending
	discard := func() {
		if left != nil {
			left.Discard()
		}
	}
	defer func() { discard() }()
	defer s.Dir.Turn(run.Key)()
	err := s.Fleet.Change(ctx, s.query(run), func(now *cachedir.Entry) (*cachedir.Entry, error) {
		next, err := change(now)
		if err != nil {
			return nil, err
		}
		discard()
		if left, err = s.Dir.Begin(run); err == nil {
			err = next.Replay(recorder{left, stdout}, recorder{left, stderr})
		}
		return next, err
	})
	if err != nil {
		return err
	}
	m := s.meta(NoEnd, nil)
	m.Until = m.Ended
	return s.commitAnyway(run.Key, left, m)
}

// commitAnyway stores what takes the place of whatever lies under a name.
func (s *Store) commitAnyway(key hashing.Key, p *cachedir.Pending, m cachedir.Meta) error {
	l, err := s.Dir.LockName(key)
	if err != nil {
		return err
	}
	defer l.Unlock()
	p.Replaces(l)
	return commit(p, m)
}

// locked does something that nobody else does to the same name at the same time.
func (s *Store) locked(key hashing.Key, do func(*cachedir.NameLock) error) error {
	l, err := s.Dir.LockName(key)
	if err != nil {
		return err
	}
	defer l.Unlock()
	if !l.Excludes() {
		return ErrNoLocks
	}
	return do(l)
}

// meta is what is stored of a value besides its bytes.
func (s *Store) meta(life time.Duration, tags []string) cachedir.Meta {
	now := s.Clock.Now()
	id, boot := s.Clock.Boot()
	m := cachedir.Meta{
		Started: now, Ended: now, BootID: id, StartedBoot: boot, EndedBoot: boot,
		TTL: NoEnd, Random: random(), UID: s.UID, Family: family,
	}
	if life != NoEnd {
		m.Until = now.Add(life)
	}
	for _, tag := range tags {
		m.Tags = append(m.Tags, cachedir.Tag{Name: tag, Seq: cachedir.OwnSeq})
	}
	return m
}

// family is where statistics of runs find what serves a value to one.
const family = "set"

func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// recorder appends to one stream of an entry.
type recorder struct {
	p      *cachedir.Pending
	stream uint8
}

const (
	stdout uint8 = 0
	stderr uint8 = 1
)

func (r recorder) Write(b []byte) (int, error) {
	if err := r.p.Append(r.stream, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Delete takes the value of a name away. It says whether there was one.
func (s *Store) Delete(name string) (had bool, err error) {
	s = s.forChange()
	run, err := s.run(name)
	if err != nil {
		return false, err
	}
	if s.Fleet != nil {
		if had, err = s.deleteShared(run); err != nil {
			return false, err
		}
	}
	l, err := s.Dir.LockName(run.Key)
	if err != nil {
		return false, err
	}
	defer l.Unlock()
	if e := s.here(run); e != nil {
		e.Close()
		had = true
	}
	return had, s.remove(run.Key)
}

// deleteShared takes a value away from the tiers, first: else what is there would come back. That may also be what no
// value is, such as the failure of a run.
func (s *Store) deleteShared(run cachedir.Run) (had bool, err error) {
	e, err := s.get(run)
	if err == nil {
		e.Close()
		return true, s.Fleet.Delete(run.Key, true)
	}
	if !errors.Is(err, ErrMissing) {
		return false, err
	}
	return false, s.Fleet.Delete(run.Key, false)
}

// remove removes what lies here under a name, and what a run that is under way would put there.
func (s *Store) remove(key hashing.Key) error {
	err := s.Dir.Forbid(key)
	for _, slot := range []cachedir.Slot{cachedir.Good, cachedir.Failed} {
		err = errors.Join(err, s.Dir.Remove(key, slot))
	}
	return err
}

// Touch gives the value of a name a new life from now on; NoEnd. It is as old as it was.
func (s *Store) Touch(name string, life time.Duration) error {
	run, err := s.run(name)
	if err != nil {
		return err
	}
	s = s.forChange()
	touched := func(now *cachedir.Entry, p *cachedir.Pending) (cachedir.Meta, error) {
		if now == nil {
			return cachedir.Meta{}, ErrMissing
		}
		m := now.Meta
		m.TTL, m.Until, m.Random = NoEnd, time.Time{}, random()
		if life != NoEnd {
			m.Until = s.Clock.Now().Add(life)
		}
		return m, now.Replay(recorder{p, stdout}, recorder{p, stderr})
	}
	if s.Fleet == nil {
		return s.replace(run, touched)
	}
	e, err := s.get(run)
	if err != nil {
		return err
	}
	number := isNumber(e)
	e.Close()
	if number {
		return s.replaceShared(run, touched)
	}
	if err := s.replace(run, touched); err != nil {
		return err
	}
	return s.publish(run)
}

// Add adds to the number of a name, and returns what it is then. A name without a value has the number 0, without an
// end.
func (s *Store) Add(name string, delta int64) (n int64, err error) {
	s = s.forChange()
	run, err := s.run(name)
	if err != nil {
		return 0, err
	}
	added := func(now *cachedir.Entry, p *cachedir.Pending) (m cachedir.Meta, err error) {
		m, n, err = s.sum(now, delta, p)
		return m, err
	}
	if s.Fleet != nil {
		err = s.replaceShared(run, added)
	} else {
		err = s.replace(run, added)
	}
	return n, err
}

// sum records the number that is delta more than a value. It lives as long as that, has its tags, and is as private.
func (s *Store) sum(now *cachedir.Entry, delta int64, p *cachedir.Pending) (m cachedir.Meta, n int64, err error) {
	m, end := s.meta(NoEnd, nil), ""
	if now != nil {
		var ok bool
		if n, end, ok = numberOf(now); !ok {
			return m, 0, ErrNoNumber
		}
		m.Tags = slices.Clone(now.Tags) // with the counts of purges at which it stood
		m.Private = now.Private
		if until, ends := now.End(); ends {
			m.Until = until
		}
	}
	if delta > 0 && n > math.MaxInt64-delta || delta < 0 && n < math.MinInt64-delta {
		return m, 0, ErrOverflow
	}
	n += delta
	return m, n, p.Append(0, fmt.Appendf(nil, "%d%s", n, end))
}

// replacing records, in place of a value, another one; now is nil if there is none. It may be called again.
type replacing func(now *cachedir.Entry, p *cachedir.Pending) (cachedir.Meta, error)

// replace replaces a value of this machine. A purge that comes between two of its steps is older than what it stores.
func (s *Store) replace(run cachedir.Run, record replacing) error {
	return s.locked(run.Key, func(l *cachedir.NameLock) error {
		for {
			err := s.replaceOnce(run, l, record)
			if !errors.Is(err, cachedir.ErrPurged) {
				return err
			}
		}
	})
}

// replaceOnce begins the entry before it looks at the value: purges from then on are held against what is made of it.
func (s *Store) replaceOnce(run cachedir.Run, l *cachedir.NameLock, record replacing) error {
	p, err := s.Dir.Begin(run)
	if err != nil {
		return err
	}
	defer p.Discard()
	now, err := s.toChange(run)
	if err != nil {
		return err
	}
	if now != nil {
		defer now.Close()
	}
	m, err := record(now, p)
	if err != nil {
		return err
	}
	p.Replaces(l)
	return p.Commit(m)
}

// replaceShared replaces a value in the tier that decides.
func (s *Store) replaceShared(run cachedir.Run, record replacing) error {
	return s.change(run, func(now *cachedir.Entry) (*cachedir.Entry, error) {
		p, err := s.Dir.Begin(run)
		if err != nil {
			return nil, err
		}
		defer p.Discard()
		m, err := record(now, p)
		if err != nil {
			return nil, err
		}
		return p.Detach(m)
	})
}

// Value is what Keys tells of a value.
type Value struct {
	Name string
	End  time.Time // when its life ends; zero: never
}

// Keys calls fn with each value of this machine whose name is admitted, in no order. Tiers are not asked: they cannot
// list.
func (s *Store) Keys(admit func(name string) bool, fn func(Value) error) error {
	return s.Dir.Walk(func(i cachedir.EntryInfo) error {
		if i.Entry == nil || i.Slot != cachedir.Good {
			return nil
		}
		namespace, name, ok := hashing.ValueName(i.Recipe)
		if !ok || namespace != s.Namespace || !admit(name) {
			return nil
		}
		soft, err := s.Dir.CheckTags(i.Meta)
		if err != nil || soft || !s.admits(i.Entry) {
			return nil
		}
		v := Value{Name: name}
		if end, ends := i.End(); ends {
			v.End = end
		}
		return fn(v)
	})
}
