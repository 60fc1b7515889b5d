package cachedir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

// Redirect returns the inputs that were learned of a recipe; nil if none were, or if that cannot be told.
func (d *Dir) Redirect(key hashing.Key, recipe []byte) *hashing.Learned {
	e, err := d.Lookup(key, recipe, Good)
	if err != nil {
		return nil
	}
	e.Close()
	return e.Learned
}

// Learn makes the redirect of a recipe cover more inputs, and returns the set that is in force now: it only grows, and
// with each growth gets a new id. The redirect takes the place of a result that was stored when nothing was known.
//
// Two runs may learn different things at once, so reading, joining and writing is done under a lock, one for each
// shard. before, if not nil, is called with the set when it is known and not yet in force: what it stores is there for
// whoever follows the redirect: who found nothing there would run.
func (d *Dir) Learn(r Run, m Meta, more hashing.Learned, before func(hashing.Learned)) (hashing.Learned, error) {
	if d.o.ReadOnly {
		return hashing.Learned{}, ErrReadOnly
	}
	unlock, locked, err := d.lockLearning(r.Key)
	if err != nil {
		return hashing.Learned{}, fmt.Errorf("learn inputs: %w", err)
	}
	defer unlock()
	if !locked {
		return hashing.Learned{}, errors.New("learn inputs: the filesystem has no file locks")
	}
	if d.setSince(r, m) {
		return hashing.Learned{}, fmt.Errorf("learn inputs: %w", ErrSuperseded)
	}
	known := d.Redirect(r.Key, r.Recipe)
	if known == nil {
		known = &hashing.Learned{}
	} else if known.Covers(more) {
		if before != nil {
			before(*known)
		}
		return *known, nil
	}
	l := known.With(more)
	_, _ = rand.Read(l.ID[:]) // never fails
	if before != nil {
		before(l)
	}
	if err := d.redirectTo(r, m, l); err != nil {
		return hashing.Learned{}, err
	}
	return l, nil
}

// AddSet makes the redirect of a recipe lead to one more recipe that its runs turned out to have, the newest first. The
// oldest of too many is forgotten.
func (d *Dir) AddSet(r Run, m Meta, set hashing.Key) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	unlock, locked, err := d.lockLearning(r.Key)
	if err != nil {
		return fmt.Errorf("keep a set of inputs: %w", err)
	}
	defer unlock()
	if !locked {
		return errors.New("keep a set of inputs: the filesystem has no file locks")
	}
	var l hashing.Learned
	if known := d.Redirect(r.Key, r.Recipe); known != nil {
		l = *known
	}
	if len(l.Sets) > 0 && l.Sets[0] == set {
		return nil
	}
	l.Sets = newestFirst(set, l.Sets)
	_, _ = rand.Read(l.ID[:]) // never fails
	return d.redirectTo(r, m, l)
}

// mergeSets puts sets before others, of which some may be the same.
func mergeSets(sets, others []hashing.Key) []hashing.Key {
	for _, set := range slices.Backward(sets) {
		others = newestFirst(set, others)
	}
	return others
}

// newestFirst puts a set before others, of which one may be the same.
func newestFirst(set hashing.Key, others []hashing.Key) []hashing.Key {
	sets := []hashing.Key{set}
	for _, other := range others {
		if other != set && len(sets) < format.MaxSets {
			sets = append(sets, other)
		}
	}
	return sets
}

// redirectTo writes a redirect. The caller holds the lock.
func (d *Dir) redirectTo(r Run, m Meta, l hashing.Learned) error {
	m.Learned, m.TTL, m.Code, m.Signal, m.Tags = &l, -1, 0, 0, nil
	if err := d.writeRedirect(r, m); err != nil {
		return fmt.Errorf("learn inputs: %w", err)
	}
	return nil
}

// lockLearning is for whoever looks what was learned of a recipe and then changes that.
func (d *Dir) lockLearning(key hashing.Key) (unlock func(), locked bool, err error) {
	return d.v1.LockShort("stat/"+shard(key[0])+".learn", "learned inputs")
}

// setSince reports whether a name was given a value after the run of m began, which is not to be lost for what that run
// has learned.
func (d *Dir) setSince(r Run, m Meta) bool {
	if !isNamed(r) {
		return false
	}
	e, err := d.Lookup(r.Key, r.Recipe, Good)
	if err != nil {
		return false
	}
	e.Close()
	if e.BootID == m.BootID && e.BootID != [16]byte{} {
		return e.Learned == nil && e.EndedBoot > m.StartedBoot
	}
	return e.Learned == nil && e.Ended.After(m.Started)
}

func (d *Dir) writeRedirect(r Run, m Meta) error {
	p, err := d.Begin(r)
	if err != nil {
		return err
	}
	defer p.Discard()
	return p.Commit(m)
}
