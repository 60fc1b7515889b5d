package cachedir

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

// An entry that comes from an archive was asked for by nobody: its own recipe says what it is. Else it is held to the
// same as one of a tier. The archive may have been made from any directory, this one included, at any time. If the
// counts of purges are those of this directory, the entry keeps its place among them, so that each purge since then
// holds for it. Those of another directory say nothing here: then a tag that was ever purged here forbids its entries.

// ExportPacked is Export for an archive: without what means nothing elsewhere, so that what was taken from an archive
// and is packed again is the same bytes. Only tags need the counts of purges.
func (e *Entry) ExportPacked() (Exported, error) {
	h := *e.h
	h.BootID, h.StartedBoot, h.EndedBoot = [16]byte{}, 0, 0
	if len(h.Tags) == 0 {
		h.TagMark = TagMark{}
	}
	return e.export(h)
}

// Errors of ImportPacked, besides those of Import.Read.
var (
	ErrNotNewer  = errors.New("what is here is as new")
	errTagPurged = errors.New("it was purged here once, and the result may be older")
	errFuture    = errors.New("by the clock of this machine its run has not ended yet")
)

// mostAhead is how much later than now a run may have ended: clocks differ (P4).
const mostAhead = time.Minute

// ImportPacked begins to import an entry of an archive. Its body, if it has one, and Commit are to follow.
func ImportPacked(d *Dir, content []byte) (*Import, error) {
	h, err := readPacked(d, content)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	i, err := d.BeginImport(Run{Key: h.Key, Command: h.Command, Recipe: h.Recipe})
	if err != nil {
		return nil, err
	}
	i.packed = true
	if err = i.Read(content); err == nil {
		err = i.holdTags(h.Meta)
	}
	if err != nil {
		i.Discard()
		return nil, err
	}
	return i, nil
}

// readPacked is the part that needs no pending entry.
func readPacked(d *Dir, content []byte) (*format.Header, error) {
	h, _, err := format.DecodeEntry(content)
	switch {
	case errors.Is(err, format.ErrVersion):
		return nil, &Miss{stats.Version, err}
	case err != nil:
		return nil, &Miss{stats.Corrupt, err}
	case sha256.Sum256(h.Recipe) != h.Key:
		return nil, &Miss{stats.Corrupt, fmt.Errorf("%w: its key is not that of its recipe", format.ErrSpoiled)}
	case h.Ended.Sub(d.now()) > mostAhead:
		return nil, errFuture
	case hasAsNew(d, h):
		return nil, ErrNotNewer
	}
	return h, nil
}

// hasAsNew reports whether the slot of an entry holds something that is as new and stands. Of two redirects to sets of
// inputs both are kept, in one.
func hasAsNew(d *Dir, h *format.Header) bool {
	e, err := d.Lookup(h.Key, h.Recipe, h.Slot())
	if err != nil {
		return false
	}
	defer e.Close()
	if e.Learned != nil && h.Learned != nil && len(h.Learned.Sets) > 0 {
		known := func(set hashing.Key) bool { return slices.Contains(e.Learned.Sets, set) || !d.hasResult(set) }
		return !slices.ContainsFunc(h.Learned.Sets, func(set hashing.Key) bool { return !known(set) })
	}
	return !h.Ended.After(e.Ended)
}

func (d *entries) hasResult(key hashing.Key) bool { return d.Has(key, Good) || d.Has(key, Failed) }

// holdTags sees that no tag of an entry was purged since its run began, as far as that can be told here.
func (i *Import) holdTags(m Meta) error {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	if i.p.mark.Epoch == m.Epoch {
		if _, err := i.p.d.CheckTags(m); err != nil {
			return err
		}
		i.h.Tags, i.p.mark = m.Tags, m.TagMark
		return nil
	}
	for _, tag := range m.Tags {
		last, err := i.p.d.readPurges(markName(tag.Name))
		if err == nil && last != (format.Purges{}) {
			err = errTagPurged
		}
		if err != nil {
			return fmt.Errorf("tag %q: %w", tag.Name, err)
		}
	}
	return nil
}

// keepSets leaves out of an archive's redirect the sets whose results are not here: an archive need not hold all.
func (i *Import) keepSets() {
	if l := i.h.Learned; i.packed && l != nil {
		l.Sets = slices.DeleteFunc(l.Sets, func(set hashing.Key) bool { return !i.p.d.hasResult(set) })
	}
}
