package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/remote"
)

// Purges of tags reach other hosts through counts that a tier keeps: one for each tag, and one of all purges. A purge
// raises the count of all first and that of the tag afterwards. A run reads the counts of its tags before it starts, and
// they are stored with its result; who finds the result compares them with the counts of that moment. A tag that a run
// only learned while it ran is as good as known from the beginning if nothing at all was purged meanwhile.
//
// Hits of the local store ask too, at most every few seconds: a count that has changed is a purge that is then made here.
// So is a count of which nothing was known: what is here with that tag may have been purged at any time. Therefore each
// count that a run is told is noted here before its result is stored, or it would be a purge for the next one.
//
// A server may forget a count at any time, which is then 0, as if there had never been a purge. Nothing stands at that: a
// run that may write starts such a count anew, from the server's clock, and for one that may not each look is a purge.

// tagsFresh is how long a count that a tier told is believed.
const tagsFresh = 5 * time.Second

const allTags = "t/all"

func tagTierName(tag string) string {
	sum := sha256.Sum256([]byte(tag))
	return "t/" + hex.EncodeToString(sum[:])
}

// marks are the counts that a tier had before a run.
type marks struct {
	known bool
	all   int64
	tags  map[string]int64
}

// markTiers notes the counts of the caller's tags before the command starts, and before the entry that records it is
// begun: that one is newer than the purges that are made here for these counts.
func (r *run) markTiers() {
	if len(r.req.Tags) == 0 {
		return
	}
	for _, t := range r.tiers() {
		t.marks = t.count(r.req.Tags)
		if _, err := t.note(t.marks); err != nil {
			t.marks.known = false
		}
	}
}

// note makes the purges here that counts tell of, and keeps the counts. purged says that there were any.
func (t *tier) note(m marks) (purged bool, err error) {
	if !m.known || !t.Read {
		return false, nil
	}
	for tag, count := range m.tags {
		last, _, known := t.r.dir.TagSeen(t.Name, tag)
		changed := !known || last != count || count == 0
		if err := t.r.dir.NoteTag(t.Name, tag, count, changed); err != nil {
			return purged, err
		}
		purged = purged || changed
	}
	return purged, nil
}

// count asks a tier for the counts of some tags, and of all purges. Those that are 0 it starts, if it may.
func (t *tier) count(tags []string) marks {
	m := marks{tags: map[string]int64{}}
	counter, ok := t.counter()
	if !ok {
		return m
	}
	names := []string{allTags}
	for _, tag := range tags {
		names = append(names, tagTierName(tag))
	}
	err := t.ask(cachedir.TierCount, func(remote.Tier) (int64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), t.r.budget())
		defer cancel()
		counts, err := counter.Counts(ctx, names...)
		for i := 0; err == nil && t.Write && i < len(counts); i++ {
			if counts[i] == 0 {
				counts[i], err = counter.Bump(ctx, names[i])
			}
		}
		if err == nil && len(counts) == len(names) {
			m.known, m.all = true, counts[0]
			for i, tag := range tags {
				m.tags[tag] = counts[i+1]
			}
		}
		return 0, err
	})
	m.known = m.known && err == nil
	return m
}

func (t *tier) counter() (remote.Counter, bool) {
	if t.conn == nil {
		conn, err := t.Open()
		if err != nil {
			return nil, false
		}
		t.conn = conn
	}
	c, ok := t.conn.(remote.Counter)
	return c, ok
}

// countsOf returns the tags of an entry with the counts at which it stands; not known: it must not be stored.
func (t *tier) countsOf(tags []cachedir.Tag) (counted []tierTag, known bool) {
	if len(tags) == 0 {
		return nil, true
	}
	if !t.marks.known {
		return nil, false
	}
	var late []string
	for _, tag := range tags {
		if count, ok := t.marks.tags[tag.Name]; ok {
			counted = append(counted, tierTag{tag.Name, count})
		} else {
			late = append(late, tag.Name)
		}
	}
	if late == nil {
		return counted, true
	}
	now := t.count(late)
	if !now.known || now.all != t.marks.all {
		return nil, false
	}
	for _, tag := range late {
		counted = append(counted, tierTag{tag, now.tags[tag]})
	}
	return counted, true
}

// tagsStand reports whether no tag of a found result was purged since it was made. The tags are those of the entry, each
// with a count in the record. If that is the first that is heard of a purge, the import has begun before it here, and has
// to be begun again.
func (t *tier) tagsStand(v []tierTag, tags []cachedir.Tag) bool {
	if len(tags) == 0 {
		return true
	}
	var names []string
	for _, tag := range tags {
		names = append(names, tag.Name)
	}
	now := t.count(names)
	if !now.known {
		return false
	}
	purged, err := t.note(now)
	if t.again = purged; purged || err != nil {
		return false
	}
	for _, name := range names {
		i := slices.IndexFunc(v, func(c tierTag) bool { return c.name == name })
		if i < 0 || v[i].count != now.tags[name] {
			return false
		}
	}
	return true
}

// tagsSynced makes the purges here that other hosts have made of an entry's tags, and reports whether the entry still
// stands. Counts that cannot be asked for are a miss.
func (r *run) tagsSynced(e *cachedir.Entry) bool {
	if len(e.Tags) == 0 {
		return true
	}
	for _, t := range r.tiers() {
		if _, ok := t.counter(); !ok || !t.Read {
			continue
		}
		if !t.syncTags(e.Tags) {
			return false
		}
	}
	_, err := r.dir.CheckTags(e.Meta)
	return err == nil
}

// syncTags asks for the counts that were not asked for a moment ago.
func (t *tier) syncTags(tags []cachedir.Tag) bool {
	var old []string
	for _, tag := range tags {
		if _, at, known := t.r.dir.TagSeen(t.Name, tag.Name); !known || t.r.e.now().Sub(at).Abs() > tagsFresh {
			old = append(old, tag.Name)
		}
	}
	if old == nil {
		return true
	}
	now := t.count(old)
	_, err := t.note(now)
	return now.known && err == nil
}

// purgeTiers makes a purge of tags known to other hosts. It asks whatever the breaker says: better to wait in vain than to
// leave them with what is outdated.
func (r *run) purgeTiers(tags []string) error {
	var all []error
	for _, t := range r.tiers() {
		counter, ok := t.counter()
		if !ok || !t.Write {
			continue
		}
		for _, tag := range tags {
			began := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), r.budget())
			err := bumpTag(ctx, counter, tag)
			cancel()
			t.log(cachedir.TierCount, 0, err, time.Since(began))
			if err != nil {
				all = append(all, t.Fault(err))
			}
		}
	}
	return errors.Join(all...)
}

// PurgeTierTag raises the counts of a tag in a tier.
func PurgeTierTag(ctx context.Context, c remote.Tier, tag string) error {
	counter, ok := c.(remote.Counter)
	if !ok {
		return nil // results with tags are not stored there
	}
	return bumpTag(ctx, counter, tag)
}

func bumpTag(ctx context.Context, counter remote.Counter, tag string) error {
	if _, err := counter.Bump(ctx, allTags); err != nil {
		return err
	}
	_, err := counter.Bump(ctx, tagTierName(tag))
	return err
}
