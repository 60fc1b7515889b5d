package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// A value that hosts change together, such as a counter, is what the first tier says that is read and written: it is
// asked each time, whatever lies here, and the value is changed there on the condition that nobody else has done so.

// ErrReadOnly is what Change returns where no tier is written to.
var ErrReadOnly = errors.New("no tier is read and written")

// maxChanges bounds how often a change is tried again: each time somebody else was first.
const maxChanges = 1000

// decider is the tier that says what a value is; nil: there is none.
func (f *Fleet) decider() *tier {
	var reads *tier
	for _, t := range f.tiers {
		if t.Read && t.Write {
			return t
		}
		if t.Read && reads == nil {
			reads = t
		}
	}
	return reads
}

// Decides reports whether what is stored here can be told to the tier that decides.
func (f *Fleet) Decides() bool {
	t := f.decider()
	return t != nil && t.Write
}

// Latest returns the result of a recipe as the tier has it that decides, without storing it here; nil: it has none that
// is admitted. The caller closes it.
func (f *Fleet) Latest(q Query) (*cachedir.Entry, error) {
	t := f.decider()
	if t == nil {
		return nil, nil
	}
	for {
		e, err := t.askLatest(q)
		if !errors.Is(err, cachedir.ErrPurged) {
			return e, err
		}
	}
}

func (t *tier) askLatest(q Query) (*cachedir.Entry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), t.f.budget())
	defer cancel()
	in, err := t.f.c.Store.BeginImport(q.Run)
	if err != nil {
		return nil, err
	}
	defer in.Discard()
	a := t.look(ctx, q, []cachedir.Slot{cachedir.Good})
	if len(a) == 0 {
		return nil, t.f.failure
	}
	return t.latest(in, a[0], q)
}

// latest makes an entry of what was read.
func (t *tier) latest(in *cachedir.Import, a answer, q Query) (*cachedir.Entry, error) {
	switch {
	case errors.Is(a.err, contract.ErrAbsent):
		return nil, nil
	case a.err != nil:
		return nil, t.Fault(a.err)
	case a.note != "" || !t.admits(in, a.record, q):
		return nil, nil
	}
	return in.Detach()
}

// Change replaces the result of a recipe in the tier that decides by what change makes of it, which gets nil if there
// is none that is admitted, and may be called again. It must return an entry of the same recipe, or an error, with
// which Change ends. A tier that cannot do that is contract.ErrUnsupported.
func (f *Fleet) Change(ctx context.Context, q Query, change func(now *cachedir.Entry) (*cachedir.Entry, error)) error {
	t := f.decider()
	if t == nil || !t.Write {
		return ErrReadOnly
	}
	if err := t.connect(); err != nil {
		return t.Fault(err)
	}
	s, err := contract.SwapperOf(t.conn)
	if err != nil {
		return t.Fault(err)
	}
	for try := range maxChanges {
		err := t.changeOnce(ctx, s, q, change)
		if !errors.Is(err, contract.ErrChanged) && !errors.Is(err, cachedir.ErrPurged) {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(min(try+1, 20)) * time.Millisecond)):
		case <-ctx.Done():
			return t.Fault(ctx.Err())
		}
	}
	return t.Fault(contract.ErrChanged)
}

func (t *tier) changeOnce(
	ctx context.Context, s contract.Swapper, q Query, change func(*cachedir.Entry) (*cachedir.Entry, error),
) error {
	now, err := t.lookToChange(ctx, s, q)
	if err != nil {
		return err
	}
	if now.entry != nil {
		defer now.entry.Close()
	}
	next, err := change(now.entry)
	if err != nil {
		return err
	}
	defer next.Close()
	return t.swap(ctx, s, now, next)
}

// current is a value that is about to be changed.
type current struct {
	entry *cachedir.Entry // nil: there is none that is admitted
	mark  contract.Mark
	tags  []tagCount // with the counts at which it stands
}

// lookToChange reads what is there now. What cannot be read is not replaced: it may be the value of somebody who can.
func (t *tier) lookToChange(ctx context.Context, s contract.Swapper, q Query) (now current, err error) {
	in, err := t.f.c.Store.BeginImport(q.Run)
	if err != nil {
		return now, err
	}
	defer in.Discard()
	name := t.entryName(q.Run.Key, cachedir.Good)
	asking, cancel := context.WithTimeout(ctx, t.f.budget())
	defer cancel()
	sealed, mark, err := t.lookAt(asking, s, name)
	now.mark = mark
	switch {
	case errors.Is(err, contract.ErrAbsent):
		return now, nil
	case err != nil:
		return now, t.Fault(err)
	}
	var plain bytes.Buffer
	if _, err = t.Sealer.Open(&plain, name, nil, bytes.NewReader(sealed), maxRecord); err != nil {
		return now, t.Fault(err)
	}
	rec, err := decodeRecord(plain.Bytes())
	if err != nil {
		return now, t.Fault(err)
	}
	now.entry, err = t.latest(in, answer{record: rec}, q)
	now.tags = rec.tags
	return now, err
}

// swap stores an entry in the place of what was there. What has been made of that, a purge of its tags since then
// reaches: the counts are those at which it stood.
func (t *tier) swap(ctx context.Context, s contract.Swapper, old current, e *cachedir.Entry) error {
	life, worth := t.lifeOf(&e.Meta)
	tags, known := old.tags, true
	if old.entry == nil {
		t.marks = marks{}
		t.f.Mark(tagNames(e.Tags))
		tags, known = t.countsOf(e.Tags)
	}
	switch {
	case !worth:
		return fmt.Errorf("%w: its life would be over at once", contract.ErrUnsupported)
	case !known:
		return t.Fault(fmt.Errorf("%w: it cannot tell which tags were purged", contract.ErrUnsupported))
	}
	x, err := e.Export()
	if err != nil {
		return err
	}
	rec := record{tags: tags, entry: x.Content}
	if x.Body != nil && !t.pushBody(x, &rec, life) {
		return t.f.failure
	}
	name, plain := t.entryName(e.Key, e.Slot), rec.encode()
	var sealed bytes.Buffer
	if err := t.Sealer.Seal(&sealed, name, nil, bytes.NewReader(plain), int64(len(plain))); err != nil {
		return t.Fault(err)
	}
	err = t.ask(stats.TierPut, func(contract.Tier) (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, t.f.budget())
		defer cancel()
		size := int64(sealed.Len())
		return size, s.Swap(ctx, name, old.mark, bytes.NewReader(sealed.Bytes()), size, life)
	})
	if err != nil {
		return t.Fault(err)
	}
	return nil
}

func tagNames(tags []cachedir.Tag) (names []string) {
	for _, tag := range tags {
		names = append(names, tag.Name)
	}
	return names
}

// Delete removes the results of a recipe from all tiers that are written to. A tier that cannot do that has failed only
// if there were some, which had says.
func (f *Fleet) Delete(key hashing.Key, had bool) error {
	var all []error
	for _, t := range f.tiers {
		if !t.Write {
			continue
		}
		for _, slot := range []cachedir.Slot{cachedir.Good, cachedir.Failed} {
			err := t.ask(stats.TierPut, func(c contract.Tier) (int64, error) {
				ctx, cancel := context.WithTimeout(context.Background(), f.budget())
				defer cancel()
				return 0, contract.Delete(ctx, c, t.entryName(key, slot))
			})
			if errors.Is(err, contract.ErrUnsupported) && !had {
				break
			}
			if err != nil {
				all = append(all, t.Fault(err))
				break
			}
		}
	}
	return errors.Join(all...)
}
