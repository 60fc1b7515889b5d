package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/remote/contract"
)

// Purges of tags reach other hosts through counts that a tier keeps: one for each tag, and one of all purges. A purge
// raises the count of all first and that of the tag afterwards: a soft one by 1, a hard one by hardPurge. So a host
// that knows an earlier count sees of which kind the purges since were, and does the same with what it has. A run reads
// the count of all and those of its tags before it starts, together with the result or the lease that it asks for, and
// they are stored with its result; who finds the result compares them with the counts of that moment. A tag that a run
// only learned while it ran, because its command named it, is as good as known from the beginning if nothing at all was
// purged meanwhile.
//
// Hits of the local store ask too, at most every few seconds: a count that has changed is a purge that is then made
// here. So is a count of which nothing was known: what is here with that tag may have been purged at any time.
// Therefore each count that a run is told is noted here before its result is stored, or it would be a purge for the
// next one.
//
// A server may forget a count at any time, which is then 0, as if there had never been a purge. Nothing stands at that:
// a run that may write starts such a count anew, from the server's clock, and for one that may not each look is a
// purge.

// tagsFresh is how long a count that a tier told is believed.
const tagsFresh = 5 * time.Second

const allTags = "t/all"

// What a purge adds to the count of its tag. Should the soft ones add up to a hard one, results are run anew that might
// have been served once more.
const (
	softPurge = 1
	hardPurge = 1 << 10
)

// purgeSince tells of which kind the purges between two counts were. Of a count that was never heard of, or that the
// server has forgotten, nothing is known.
func purgeSince(last, now int64, known bool) cachedir.Purging {
	switch {
	case !known, now == 0, now < last, now/hardPurge != last/hardPurge:
		return cachedir.HardPurge
	case now > last:
		return cachedir.SoftPurge
	}
	return cachedir.NoPurge
}

func tagName(tag string) string {
	sum := sha256.Sum256([]byte(tag))
	return "t/" + hex.EncodeToString(sum[:])
}

// marks are counts of a tier at one moment.
type marks struct {
	known    bool // those of tags, of which there may be none
	tags     map[string]int64
	allKnown bool
	all      int64
}

// Mark notes the counts of tags before the command starts, and before the entry that records it is begun: that one is
// newer than the purges that are made here for these counts. They were read already by who asked for a result with
// tags, or for a lease.
func (f *Fleet) Mark(tags []string) {
	for _, t := range f.tiers {
		if t.Write || len(tags) > 0 {
			t.count(&t.marks, t.missing(tags, t.Write))
		}
		if t.note(t.marks, f.c.Store.NoteTag) != nil {
			t.marks.known = false
		}
	}
}

// note makes the purges here that counts tell of, and keeps the counts, both by keep.
func (t *tier) note(m marks, keep func(tier, tag string, count int64, purge cachedir.Purging) error) error {
	if !m.known || !t.Read {
		return nil
	}
	for tag, count := range m.tags {
		last, _, known := t.f.c.Store.TagSeen(t.Name, tag)
		if err := keep(t.Name, tag, count, purgeSince(last, count, known)); err != nil {
			return err
		}
	}
	return nil
}

// wanted is counts to ask for: those of some tags, and perhaps that of all purges.
type wanted struct {
	tags []string
	all  bool
}

// missing is what is not known yet of the counts at which a result of this run will stand. That of all purges matters
// also where there are no tags: the command may name some.
func (t *tier) missing(tags []string, all bool) (w wanted) {
	if !t.marks.known {
		w.tags = tags
	}
	w.all = all && !t.marks.allKnown
	return w
}

// names is nothing where a tier does not count.
func (t *tier) names(w wanted) (names []string) {
	if _, ok := t.counter(); !ok {
		return nil
	}
	for _, tag := range w.tags {
		names = append(names, tagName(tag))
	}
	if w.all {
		names = append(names, allTags)
	}
	return names
}

// take adds what was answered to what is known.
func (m *marks) take(w wanted, counts []int64) {
	all := len(w.tags)
	if len(counts) < all || w.all && len(counts) == all {
		return
	}
	if m.known = true; m.tags == nil {
		m.tags = map[string]int64{}
	}
	for i, tag := range w.tags {
		m.tags[tag] = counts[i]
	}
	if w.all {
		m.all, m.allKnown = counts[all], true
	}
}

// takeCounts adds the counts of an answer to what is known.
func (t *tier) takeCounts(m *marks, w wanted, a contract.Answer) {
	switch {
	case a.CountErr == nil:
		m.take(w, a.Counts)
	case errors.Is(a.CountErr, contract.ErrUnsupported):
		t.noCount = true
	}
}

// count asks a tier for counts. Those that are not there it starts, if it may.
func (t *tier) count(m *marks, w wanted) {
	names := t.names(w)
	if names != nil {
		_ = t.ask(stats.TierCount, func(c contract.Tier) (int64, error) {
			ctx, cancel := context.WithTimeout(context.Background(), t.f.budget())
			defer cancel()
			a := contract.Ask(ctx, c, contract.Question{Counts: names})
			t.takeCounts(m, w, a)
			return 0, a.CountErr
		})
	}
	t.startCounts(m)
}

// startCounts starts the counts that the server does not have. For who may not, or where that fails, they stay 0.
func (t *tier) startCounts(m *marks) {
	counter, ok := t.counter()
	if !ok || !t.Write {
		return
	}
	start := func(name string, count *int64) {
		if *count != 0 {
			return
		}
		_ = t.ask(stats.TierCount, func(contract.Tier) (int64, error) {
			ctx, cancel := context.WithTimeout(context.Background(), t.f.budget())
			defer cancel()
			n, err := counter.Bump(ctx, name, hardPurge)
			if err == nil {
				*count = n
			}
			return 0, err
		})
	}
	if m.allKnown {
		start(allTags, &m.all)
	}
	for tag, count := range m.tags {
		start(tagName(tag), &count)
		m.tags[tag] = count
	}
}

func (t *tier) counter() (contract.Counter, bool) {
	if t.connect() != nil {
		return nil, false
	}
	c, ok := t.conn.(contract.Counter)
	return c, ok && !t.noCount
}

// countsOf returns the tags of an entry with the counts at which it stands; not known: it must not be stored.
func (t *tier) countsOf(tags []cachedir.Tag) (counted []tagCount, known bool) {
	if len(tags) == 0 {
		return nil, true
	}
	if !t.marks.known {
		return nil, false
	}
	var late []string
	for _, tag := range tags {
		if count, ok := t.marks.tags[tag.Name]; ok {
			counted = append(counted, tagCount{tag.Name, count})
		} else {
			late = append(late, tag.Name)
		}
	}
	if late == nil {
		return counted, !slices.ContainsFunc(counted, tagCount.unknown)
	}
	var now marks
	if t.marks.allKnown && t.marks.all != 0 {
		t.count(&now, wanted{late, true})
	}
	if !now.known || now.all != t.marks.all {
		return nil, false
	}
	for _, tag := range late {
		counted = append(counted, tagCount{tag, now.tags[tag]})
	}
	return counted, !slices.ContainsFunc(counted, tagCount.unknown)
}

// tagsStand reports whether no tag of a found result was purged since it was made. The tags are those of the entry,
// each with a count in the record. What is heard of a purge with that is older than the answer, and does not forbid the
// import.
func (t *tier) tagsStand(in *cachedir.Import, v []tagCount, tags []cachedir.Tag) bool {
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
		i := slices.IndexFunc(v, func(c tagCount) bool { return c.name == tag.Name })
		if i < 0 || v[i].count == 0 || v[i].count != now.tags[tag.Name] {
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
	t.count(&m, wanted{tags: names})
	return m, m.known
}

// Sync makes the purges here that other hosts have made of tags, and reports whether it could ask for all their counts.
func (f *Fleet) Sync(tags []cachedir.Tag) bool {
	for _, t := range f.tiers {
		if _, ok := t.counter(); ok && t.Read && !t.syncTags(tags) {
			return false
		}
	}
	return true
}

// Synced reports whether Sync would ask nobody: all counts were told a moment ago.
func (f *Fleet) Synced(tags []cachedir.Tag) bool {
	for _, t := range f.tiers {
		if _, ok := t.counter(); ok && t.Read && t.agedTags(tags) != nil {
			return false
		}
	}
	return true
}

// agedTags lists the tags whose counts were not told a moment ago.
func (t *tier) agedTags(tags []cachedir.Tag) (old []string) {
	for _, tag := range tags {
		_, at, known := t.f.c.Store.TagSeen(t.Name, tag.Name)
		if !known || t.f.c.Clock.Now().Sub(at).Abs() > tagsFresh {
			old = append(old, tag.Name)
		}
	}
	return old
}

// syncTags asks for the counts that were not asked for a moment ago.
func (t *tier) syncTags(tags []cachedir.Tag) bool {
	old := t.agedTags(tags)
	if old == nil {
		return true
	}
	var now marks
	t.count(&now, wanted{tags: old})
	return t.noCount || t.note(now, t.f.c.Store.NoteTag) == nil && now.known
}

// Purge makes a purge of tags known to other hosts. It asks whatever the breaker says: better to wait in vain than to
// leave them with what is outdated.
func (f *Fleet) Purge(tags []string) error {
	var all []error
	for _, t := range f.tiers {
		counter, ok := t.counter()
		if !ok || !t.Write {
			continue
		}
		for _, tag := range tags {
			began := time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), f.budget())
			err := bumpTag(contract.Insist(ctx), counter, tag, hardPurge)
			cancel()
			t.log(stats.TierCount, 0, err, time.Since(began))
			if err != nil {
				all = append(all, t.Fault(err))
			}
		}
	}
	return errors.Join(all...)
}

// PurgeTag raises the counts of a tag in a tier. After a soft purge other hosts serve what they have once more.
func PurgeTag(ctx context.Context, c contract.Tier, tag string, soft bool) error {
	counter, ok := c.(contract.Counter)
	if !ok {
		return nil // results with tags are not stored there
	}
	if soft {
		return bumpTag(ctx, counter, tag, softPurge)
	}
	return bumpTag(ctx, counter, tag, hardPurge)
}

func bumpTag(ctx context.Context, counter contract.Counter, tag string, by int64) error {
	_, err := counter.Bump(ctx, allTags, 1)
	if err == nil {
		_, err = counter.Bump(ctx, tagName(tag), by)
	}
	if errors.Is(err, contract.ErrUnsupported) {
		return nil // nothing with tags is stored where nobody can count
	}
	return err
}
