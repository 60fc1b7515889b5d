package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// A run whose recipe is a name may be under way for hours while another host gives the name a value. So the run looks
// at what the tier has before its command starts, and its result is stored on the condition that this is still there.
// If it is not, the result has been delivered, and is kept nowhere.

// watched is what a tier had under a name before the command started.
type watched struct {
	t    *tier
	name string // as the tier has it
	by   contract.Swapper
	mark contract.Mark
	err  error // why that is not known: then nothing is replaced
}

// Watch notes what the tiers have under a name, which is the recipe of a run that is about to start its command. It
// reports whether there is anything that Find may find.
func (f *Fleet) Watch(key hashing.Key) (something bool) {
	for _, t := range f.tiers {
		if !t.Write {
			continue
		}
		t.watched = watch(t, key)
		something = something || t.watched != nil && t.watched.mark != "" && t.Read
	}
	return something
}

// watch returns nil where a tier cannot replace on a condition.
func watch(t *tier, key hashing.Key) *watched {
	s := t.swapper()
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), t.f.budget())
	defer cancel()
	w := &watched{t: t, name: t.entryName(key, cachedir.Good), by: s}
	if _, w.mark, w.err = t.lookAt(ctx, s, w.name); errors.Is(w.err, contract.ErrAbsent) ||
		errors.Is(w.err, contract.ErrTooLarge) {
		w.err = nil
	}
	return w
}

func (t *tier) swapper() contract.Swapper {
	if t.connect() != nil {
		return nil
	}
	s, _ := t.conn.(contract.Swapper)
	return s
}

// lookAt reads what lies under a name, and its mark.
func (t *tier) lookAt(ctx context.Context, s contract.Swapper, name string) (b []byte, mark contract.Mark, err error) {
	err = t.ask(stats.TierGet, func(contract.Tier) (int64, error) {
		b, mark, err = s.Look(ctx, name, maxRecord)
		return int64(len(b)), err
	})
	return b, mark, err
}

// replace stores a record in the place of what was watched. The server may turn out not to be able to do that, for
// this size or at all: then the record is stored as any other.
func (w *watched) replace(sealed []byte, life time.Duration) (done bool, err error) {
	if w.err != nil {
		return true, w.err
	}
	err = w.t.ask(stats.TierPut, func(contract.Tier) (int64, error) {
		size := int64(len(sealed))
		return size, w.by.Swap(context.Background(), w.name, w.mark, bytes.NewReader(sealed), size, life)
	})
	return !errors.Is(err, contract.ErrUnsupported) && !errors.Is(err, contract.ErrTooLarge), err
}

// retract takes back what was stored here, if a tier has another value for its name since the run began.
func (f *Fleet) retract(e *cachedir.Entry, err error) {
	if !errors.Is(err, contract.ErrChanged) {
		return
	}
	f.superseded = true
	if err := f.c.Store.Retract(e.Key, e.Meta); err != nil {
		f.c.Warn(fmt.Errorf("a result that another host has replaced: %w", err))
	}
}

// Superseded reports whether a result was not handed on and taken back here, as its name was given another value while
// the command ran.
func (f *Fleet) Superseded() bool { return f.superseded }
