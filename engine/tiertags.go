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
// raises the count of all first and that of the tag afterwards. A run reads the count of all and those of its tags before it
// starts, together with the result or the lease that it asks for, and they are stored with its result; who finds the result
// compares them with the counts of that moment. A tag that a run only learned while it ran, because its command named it,
// is as good as known from the beginning if nothing at all was purged meanwhile.
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
// begun: that one is newer than the purges that are made here for these counts. They were read already by who asked for a
// result with tags, or for a lease.
func (r *run) markTiers() {
	for _, t := range r.tiers() {
		if !t.marks.known && (t.Write || len(r.req.Tags) > 0) {
			t.marks = t.count(r.req.Tags)
		}
		if t.note(t.marks, t.r.dir.NoteTag) != nil {
			t.marks.known = false
		}
	}
}

// note makes the purges here that counts tell of, and keeps the counts, both by keep.
func (t *tier) note(m marks, keep func(tier, tag string, count int64, purge bool) error) error {
	if !m.known || !t.Read {
		return nil
	}
	for tag, count := range m.tags {
		last, _, known := t.r.dir.TagSeen(t.Name, tag)
		if err := keep(t.Name, tag, count, !known || last != count || count == 0); err != nil {
			return err
		}
	}
	return nil
}

// wanted is counts to ask for: that of all purges, and those of some tags.
type wanted struct{ tags, names []string }

// countsWanted is nothing where a tier does not count, or where there are no tags.
func (t *tier) countsWanted(tags []string) wanted {
	if len(tags) == 0 {
		return wanted{}
	}
	return t.countsOfAll(tags)
}

// countsOfAll asks for the count of all purges also where there are no tags yet: the command may name some.
func (t *tier) countsOfAll(tags []string) wanted {
	if _, ok := t.counter(); !ok {
		return wanted{}
	}
	w := wanted{tags, []string{allTags}}
	for _, tag := range tags {
		w.names = append(w.names, tagTierName(tag))
	}
	return w
}

// of is what was answered.
func (w wanted) of(a remote.Answer) marks {
	m := marks{tags: map[string]int64{}}
	if w.names == nil || a.CountErr != nil || len(a.Counts) != len(w.names) {
		return m
	}
	m.known, m.all = true, a.Counts[0]
	for i, tag := range w.tags {
		m.tags[tag] = a.Counts[i+1]
	}
	return m
}

// count asks a tier for the counts of some tags, and of all purges. Those that are 0 it starts, if it may.
func (t *tier) count(tags []string) (m marks) {
	w := t.countsOfAll(tags)
	if w.names == nil {
		return m
	}
	_ = t.ask(cachedir.TierCount, func(c remote.Tier) (int64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), t.r.budget())
		defer cancel()
		a := remote.Ask(ctx, c, remote.Question{Counts: w.names})
		for i := 0; a.CountErr == nil && t.Write && i < len(a.Counts); i++ {
			if a.Counts[i] == 0 {
				a.Counts[i], a.CountErr = c.(remote.Counter).Bump(ctx, w.names[i])
			}
		}
		m = w.of(a)
		return 0, a.CountErr
	})
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
// with a count in the record. What is heard of a purge with that is older than the answer, and does not forbid the import.
func (t *tier) tagsStand(in *cachedir.Import, v []tierTag, tags []cachedir.Tag) bool {
	if len(tags) == 0 {
		return true
	}
	now, ok := t.countsNow(tags)
	if !ok {
		return false
	}
	if err := t.note(now, in.NoteTag); err != nil {
		t.again = errors.Is(err, cachedir.ErrPurged)
		return false
	}
	for _, tag := range tags {
		i := slices.IndexFunc(v, func(c tierTag) bool { return c.name == tag.Name })
		if i < 0 || v[i].count != now.tags[tag.Name] {
			return false
		}
	}
	return true
}

// countsNow returns the counts of tags: those that came with the result, if they are all there.
func (t *tier) countsNow(tags []cachedir.Tag) (m marks, ok bool) {
	var names []string
	missing := !t.marks.known
	for _, tag := range tags {
		_, asked := t.marks.tags[tag.Name]
		missing = missing || !asked
		names = append(names, tag.Name)
	}
	if !missing {
		return t.marks, true
	}
	m = t.count(names)
	return m, m.known
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
	return t.note(now, t.r.dir.NoteTag) == nil && now.known
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
