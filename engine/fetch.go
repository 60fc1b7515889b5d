package engine

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// maxTierEntry is the size in bytes of a record that is read: entries are no larger, and bodies lie apart.
const maxTierEntry = 65 << 20

// fetch asks the tiers for a result that the judge admits, and copies the first that it finds into the local store. What
// it found otherwise, it forgets: a tier that has an old result may be followed by one that has a new one.
func (r *run) fetch(admit judge) (found bool) {
	if len(r.req.Tiers) == 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), r.budget())
	defer cancel()
	for _, t := range r.tiers() {
		if t.Read && t.fetch(ctx, admit) {
			return true
		}
	}
	return false
}

// fetch asks one tier: for the last good result, and for the last failure where that would do as well. It begins with a
// pending entry for each, before the tier is asked: a purge that comes in between is held against the answer.
func (t *tier) fetch(ctx context.Context, admit judge) bool {
	return t.fetchOnce(ctx, admit) || t.again && t.fetchOnce(ctx, admit)
}

func (t *tier) fetchOnce(ctx context.Context, admit judge) bool {
	t.again = false
	slots := t.slots()
	imports, discard, err := t.r.beginImports(len(slots))
	defer discard()
	if err != nil {
		return false // what cannot be stored here is not asked for
	}
	return t.take(t.look(ctx, slots), imports, admit)
}

// slots are those that this run may be answered from.
func (t *tier) slots() []cachedir.Slot {
	if t.r.admitsFailures() || t.r.fenceSeen > 0 {
		return []cachedir.Slot{cachedir.Good, cachedir.Failed}
	}
	return []cachedir.Slot{cachedir.Good}
}

// take copies the first record that the judge admits into the local store.
func (t *tier) take(all []tierFound, imports []*cachedir.Import, admit judge) bool {
	for i, found := range all {
		switch {
		case found.err != nil:
		case found.note != "":
			t.r.alone = t.r.alone || t.awaited(found.tierRecord)
		case t.promote(imports[i], found.tierRecord, admit):
			return true
		}
	}
	return false
}

// beginImports begins n pending entries. Those that are not committed are to be discarded, also after an error.
func (r *run) beginImports(n int) (imports []*cachedir.Import, discard func(), err error) {
	discard = func() {
		for _, in := range imports {
			in.Discard()
		}
	}
	for range n {
		in, err := r.dir.BeginImport(cachedir.Run{Key: r.recipe.Key, Command: r.recipe.Command, Recipe: r.recipe.Text})
		if err != nil {
			return imports, discard, err
		}
		imports = append(imports, in)
	}
	return imports, discard, nil
}

// tierFound is a record that was asked for, or why there is none.
type tierFound struct {
	tierRecord
	err error
}

// look reads records, and the counts of the caller's tags besides, in one question. Damage, and what is not signed as it
// must be, is counted like a failure of the server.
func (t *tier) look(ctx context.Context, slots []cachedir.Slot) []tierFound {
	names := t.entryNames(slots)
	t.marks = marks{}
	tags := t.missing(false)
	var found []tierFound
	err := t.ask(cachedir.TierGet, func(c contract.Tier) (int64, error) {
		a := contract.Ask(ctx, c, contract.Question{Values: names, Counts: t.names(tags)})
		defer a.Close()
		var read int64
		found, read = t.readRecords(names, a.Values)
		t.takeCounts(&t.marks, tags, a)
		return read, worstOf(found, a.CountErr)
	})
	if errors.Is(err, errBreaker) {
		return nil
	}
	return found
}

func (t *tier) entryNames(slots []cachedir.Slot) (names []string) {
	for _, slot := range slots {
		names = append(names, t.entryName(t.r.recipe.Key, slot))
	}
	return names
}

// readRecords opens records, and returns how many bytes of them came over the line.
func (t *tier) readRecords(names []string, values []contract.Found) (found []tierFound, read int64) {
	for i, v := range values {
		record, n, err := t.readRecord(names[i], v)
		t.damages = t.damages || errors.Is(err, contract.ErrDamaged)
		found, read = append(found, tierFound{record, err}), read+n
	}
	return found, read
}

// worstOf is the outcome of a question: a failure if there is one, else success if anything was found.
func worstOf(found []tierFound, err error) error {
	absent := error(nil)
	for _, f := range found {
		switch {
		case f.err == nil:
			found = nil
		case errors.Is(f.err, contract.ErrAbsent):
			absent = f.err
		case err == nil:
			err = f.err
		}
	}
	if err == nil && found != nil {
		return absent
	}
	return err
}

// readRecord opens a record. It returns how many bytes of it came over the line.
func (t *tier) readRecord(name string, v contract.Found) (record tierRecord, n int64, err error) {
	if v.Err != nil {
		return record, 0, v.Err
	}
	var plain bytes.Buffer
	if n, err = t.Sealer.Open(&plain, name, nil, v, maxTierEntry); err == nil {
		record, err = decodeTierRecord(plain.Bytes())
	}
	return record, n, err
}

// open reads a body into dst. Nothing of it may be believed before it returns without an error.
func (t *tier) open(ctx context.Context, c contract.Tier, name, sealed string, dst io.Writer, most int64) (int64, error) {
	value, err := c.Get(ctx, name)
	if err != nil {
		return 0, err
	}
	defer value.Close()
	return t.Sealer.Open(dst, sealed, nil, value, most)
}

// promote copies a result into the local store, if it may be served.
func (t *tier) promote(in *cachedir.Import, v tierRecord, admit judge) bool {
	r := t.r
	if err := in.Read(v.entry); err != nil {
		t.log(cachedir.TierGet, 0, contract.ErrDamaged, 0)
		t.damages = true
		return false
	}
	m := in.Meta()
	e := &cachedir.Entry{Meta: m}
	switch {
	case m.Learned != nil:
	case t.awaited(v) && r.deliverable(e).ok():
		in.MarkConcurrent(clockID(), int64(bootNow())) // for those who wait here
	case !admit(r, e).ok():
		r.keepTags(m.Tags)
		return false
	}
	return t.tagsStand(in, v.tags, m.Tags) && t.fetchBody(in, v) && r.take(in) == nil
}

// take stores what was fetched, or, where nothing may be stored, keeps it until it has been served.
func (r *run) take(in *cachedir.Import) (err error) {
	if !r.req.ReadOnly {
		return in.Commit()
	}
	r.lent, err = in.Lend()
	return err
}

// fromTiers is the result of a tier that the judge admits, for a run that waits for nobody; nil: there is none. What is
// found may be the inputs that were learned of the recipe: then the result is that of another one.
func (r *run) fromTiers(admit judge) *cachedir.Entry {
	for range 2 {
		key := r.recipe.Key
		if !r.fetch(admit) {
			return nil
		}
		found, err := r.taken(admit)
		if found != nil || err != nil || r.recipe.Key == key {
			return found
		}
	}
	return nil
}

// taken returns what fetch has taken, or learns from it.
func (r *run) taken(admit judge) (*cachedir.Entry, error) {
	e := r.lent
	r.lent = nil
	if e == nil {
		return r.look(admit)
	}
	if e.Learned == nil {
		return e, nil
	}
	defer e.Close()
	recipe, err := hashing.Extend(r.base, r.req.Spec, *e.Learned, r.dir.Digests())
	if err == nil {
		r.known, r.recipe = e.Learned, recipe
	}
	return nil, err
}

// awaited reports whether a record was made under the lease that this run found held, or a later one.
func (t *tier) awaited(v tierRecord) bool {
	return t.r.fenceSeen > 0 && v.fence >= t.r.fenceSeen
}

// fetchBody reads a large body. It may take as long as the command took: then running it would have been as good.
func (t *tier) fetchBody(in *cachedir.Import, v tierRecord) bool {
	sum, size, needed := in.NeedsBody()
	if !needed {
		return true
	}
	m := in.Meta()
	ctx, cancel := context.WithTimeout(context.Background(), max(m.Ended.Sub(m.Started), 2*time.Second))
	defer cancel()
	err := t.ask(cachedir.TierGet, func(c contract.Tier) (int64, error) {
		pr, pw := io.Pipe()
		done := make(chan error, 1)
		go func() {
			err := in.WriteBody(pr)
			_ = pr.CloseWithError(errors.Join(err, io.ErrClosedPipe))
			done <- err
		}()
		n, err := t.open(ctx, c, blobTierName(v.blob), sealedBodyName(sum), pw, size)
		_ = pw.CloseWithError(err) // nil is the end of file
		if werr := <-done; werr != nil && err == nil {
			err = werr
		}
		return n, err
	})
	return err == nil
}

// lookFurther looks into the tiers for what the local store has not. The caller holds the lock of the recipe. Without an
// entry this run leads, here and, where a tier can lend a lease, among all hosts.
func (r *run) lookFurther() (*cachedir.Entry, error) {
	if len(r.req.Tiers) == 0 {
		return nil, nil
	}
	if !r.req.Refresh && r.fetch(fresh) {
		return r.look(either)
	}
	return r.takeLease()
}
