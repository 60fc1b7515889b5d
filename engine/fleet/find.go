package fleet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// maxRecord is the size in bytes of a record that is read: entries are no larger, and bodies lie apart.
const maxRecord = 65 << 20

// Find asks the tiers for a result that is admitted, and copies the first that there is into the local store, or, where
// nothing may be stored, returns it. What it found otherwise, it forgets: a tier that has an old result may be followed
// by one that has a new one.
func (f *Fleet) Find(q Query) (detached *cachedir.Entry, found bool) {
	if len(f.tiers) == 0 {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), f.budget())
	defer cancel()
	for _, t := range f.tiers {
		if !t.Read {
			continue
		}
		if detached, found = t.find(ctx, q); found {
			return detached, true
		}
	}
	return nil, false
}

// find asks one tier: for the last good result, and for the last failure where that would do as well. It begins with a
// pending entry for each, before the tier is asked: a purge that comes in between is held against the answer.
func (t *tier) find(ctx context.Context, q Query) (detached *cachedir.Entry, found bool) {
	if detached, found = t.findOnce(ctx, q); !found && t.again {
		detached, found = t.findOnce(ctx, q)
	}
	return detached, found
}

func (t *tier) findOnce(ctx context.Context, q Query) (detached *cachedir.Entry, found bool) {
	t.again = false
	slots := t.f.slots(q)
	imports, discard, err := t.f.beginImports(q, len(slots))
	defer discard()
	if err != nil {
		return nil, false // what cannot be stored here is not asked for
	}
	return t.take(t.look(ctx, q, slots), imports, q)
}

// slots are those that the caller may be answered from.
func (f *Fleet) slots(q Query) []cachedir.Slot {
	if q.Failures || f.awaited > 0 {
		return []cachedir.Slot{cachedir.Good, cachedir.Failed}
	}
	return []cachedir.Slot{cachedir.Good}
}

// take copies the first record that is admitted into the local store.
func (t *tier) take(all []answer, imports []*cachedir.Import, q Query) (detached *cachedir.Entry, found bool) {
	for i, a := range all {
		switch {
		case a.err != nil:
		case a.note != "":
			t.f.resigned = t.f.resigned || t.f.isAwaited(a.record)
		case t.admits(imports[i], a.record, q):
			if e, err := t.f.keep(imports[i]); err == nil {
				return e, true
			}
		}
	}
	return nil, false
}

// beginImports begins n pending entries. Those that are not committed are to be discarded, also after an error.
func (f *Fleet) beginImports(q Query, n int) (imports []*cachedir.Import, discard func(), err error) {
	discard = func() {
		for _, in := range imports {
			in.Discard()
		}
	}
	for range n {
		in, err := f.c.Store.BeginImport(q.Run)
		if err != nil {
			return imports, discard, err
		}
		imports = append(imports, in)
	}
	return imports, discard, nil
}

// answer is a record that was asked for, or why there is none.
type answer struct {
	record
	err error
}

// look reads records, and the counts of the caller's tags besides, in one question. Damage, and what is not signed as
// it must be, is counted like a failure of the server.
func (t *tier) look(ctx context.Context, q Query, slots []cachedir.Slot) []answer {
	names := t.entryNames(q.Run.Key, slots)
	t.marks = marks{}
	tags := t.missing(q.Tags, false)
	var found []answer
	_ = t.ask(stats.TierGet, func(c contract.Tier) (int64, error) {
		a := contract.Ask(ctx, c, contract.Question{Values: names, Counts: t.names(tags)})
		defer a.Close()
		var read int64
		found, read = t.readRecords(names, a.Values)
		t.takeCounts(&t.marks, tags, a)
		return read, worstOf(found, a.CountErr)
	})
	return found
}

func (t *tier) entryNames(key hashing.Key, slots []cachedir.Slot) (names []string) {
	for _, slot := range slots {
		names = append(names, t.entryName(key, slot))
	}
	return names
}

// readRecords opens records, and returns how many bytes of them came over the line.
func (t *tier) readRecords(names []string, values []contract.Found) (found []answer, read int64) {
	for i, v := range values {
		rec, n, err := t.readRecord(names[i], v)
		t.damages = t.damages || errors.Is(err, contract.ErrDamaged)
		found, read = append(found, answer{rec, err}), read+n
	}
	return found, read
}

// worstOf is the outcome of a question: a failure if there is one, else success if anything was found.
func worstOf(found []answer, err error) error {
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
func (t *tier) readRecord(name string, v contract.Found) (rec record, n int64, err error) {
	if v.Err != nil {
		return rec, 0, v.Err
	}
	var plain bytes.Buffer
	if n, err = t.Sealer.Open(&plain, name, nil, v, maxRecord); err == nil {
		rec, err = decodeRecord(plain.Bytes())
	}
	return rec, n, err
}

// body is the two names of a body: that in the tier, and the one that it is sealed under.
type body struct{ name, sealedAs string }

// open reads a body of at most so many bytes into dst. Nothing of it may be believed before it returns without an
// error.
func (t *tier) open(ctx context.Context, c contract.Tier, b body, dst io.Writer, most int64) (int64, error) {
	value, err := c.Get(ctx, b.name)
	if err != nil {
		return 0, err
	}
	defer value.Close()
	return t.Sealer.Open(dst, b.sealedAs, nil, value, most)
}

// admits makes a result ready for the local store, if the caller may be answered with it.
func (t *tier) admits(in *cachedir.Import, v record, q Query) bool {
	if err := in.Read(v.entry); err != nil {
		t.log(stats.TierGet, 0, contract.ErrDamaged, 0)
		t.damages = true
		return false
	}
	m := in.Meta()
	e := &cachedir.Entry{Meta: m}
	switch {
	case m.Learned != nil:
	case t.f.isAwaited(v) && q.Deliver(e):
		in.MarkConcurrent(t.f.c.Clock.Boot()) // for those who wait here
	case !q.Admit(e):
		return false
	}
	return t.tagsStand(in, v.tags, m.Tags) && t.fetchBody(in, v)
}

// keep stores what was found, or, where nothing may be stored, returns it.
func (f *Fleet) keep(in *cachedir.Import) (detached *cachedir.Entry, err error) {
	if f.c.ReadOnly {
		return in.Detach()
	}
	return nil, in.Commit()
}

// isAwaited reports whether a record was made under the lease that was found held, or a later one.
func (f *Fleet) isAwaited(v record) bool { return f.awaited > 0 && v.fence >= f.awaited }

// fetchBody reads a large body. It may take as long as the command took: then running it would have been as good.
func (t *tier) fetchBody(in *cachedir.Import, v record) bool {
	sum, size, needed := in.NeedsBody()
	if !needed {
		return true
	}
	m := in.Meta()
	ctx, cancel := context.WithTimeout(context.Background(), max(m.Ended.Sub(m.Started), 2*time.Second))
	defer cancel()
	err := t.ask(stats.TierGet, func(c contract.Tier) (int64, error) {
		pr, pw := io.Pipe()
		done := make(chan error, 1)
		go func() {
			err := in.WriteBody(pr)
			_ = pr.CloseWithError(errors.Join(err, io.ErrClosedPipe))
			done <- err
		}()
		n, err := t.open(ctx, c, body{blobName(v.blob), sealedBodyName(sum)}, pw, size)
		_ = pw.CloseWithError(err) // nil is the end of file
		if werr := <-done; werr != nil && err == nil {
			err = werr
		}
		return n, err
	})
	return err == nil
}
