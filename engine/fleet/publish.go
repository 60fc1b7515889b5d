package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// Result is a result that was stored on this machine.
type Result struct {
	Key      hashing.Key
	Slot     cachedir.Slot
	Redirect *hashing.Key // of the recipe that leads there by what was learned of it; nil: there is none
	Watched  bool         // Watch was called before the command started
}

// Publish hands a result to the tiers that are written to, and gives back the lease. The caller has its output already,
// and the local lock is free. To those of the background it is handed by another process, but for the one that lent the
// lease, which other hosts wait for; later says that there are some. notStored says why there is no result; empty:
// there is one.
func (f *Fleet) Publish(p Result, notStored string) (later bool) {
	var lender *tier
	if f.lease != nil {
		lender = f.lease.t
		f.lease.release(func() {
			if notStored == "" {
				f.publishTo(p, func(t *tier) bool { return t == lender })
			} else {
				lender.pushNote(notStored)
			}
		})
	}
	if notStored != "" {
		return false
	}
	f.publishTo(p, func(t *tier) bool { return t != lender && !p.waits(t) })
	return slices.ContainsFunc(f.tiers, func(t *tier) bool { return t != lender && t.Write && p.waits(t) })
}

// waits says that a result is handed to a tier by another process. That would not know what was watched.
func (p Result) waits(t *tier) bool { return t.Background && !(p.Watched && t.swapper() != nil) }

// PublishBackground hands a result to the tiers of the background.
func (f *Fleet) PublishBackground(p Result) {
	f.publishTo(p, func(t *tier) bool { return p.waits(t) })
}

// publishTo reads the entry once and hands it to those tiers that are chosen.
func (f *Fleet) publishTo(p Result, chosen func(*tier) bool) {
	var e *cachedir.Entry
	for _, t := range f.tiers {
		if !t.Write || !chosen(t) {
			continue
		}
		if e == nil {
			var err error
			if e, err = f.c.Store.Load(p.Key, p.Slot); err != nil {
				return // it was purged meanwhile
			}
			defer e.Close()
		}
		t.pushEntry(e, p.Redirect == nil)
		if p.Redirect != nil {
			t.pushRedirect(*p.Redirect)
		}
	}
}

// pushEntry stores an entry in a tier: its body first, so that nobody finds an entry without one. The last record of a
// result ends the lease.
func (t *tier) pushEntry(e *cachedir.Entry, last bool) {
	life, worth := t.lifeOf(&e.Meta)
	tags, known := t.countsOf(e.Tags)
	if !worth || !known || e.Private {
		return
	}
	x, err := e.Export()
	if err != nil {
		return // damaged since it was stored
	}
	v := record{tags: tags, entry: x.Content, fence: t.fenceOf(e.Key)}
	if x.Body != nil && !t.pushBody(x, &v, life) {
		return
	}
	t.f.retract(e, t.pushRecord(t.entryName(e.Key, e.Slot), v, life, last))
}

// pushRedirect stores what was learned of the recipe, without which other hosts would not find the entry.
func (t *tier) pushRedirect(key hashing.Key) {
	e, err := t.f.c.Store.Load(key, cachedir.Good)
	if err != nil {
		return
	}
	defer e.Close()
	if x, err := e.Export(); err == nil && e.Learned != nil {
		v := record{entry: x.Content, fence: t.fenceOf(key)}
		t.f.retract(e, t.pushRecord(t.entryName(key, cachedir.Good), v, t.Life, true))
	}
}

// pushNote tells other hosts that the last run left nothing to share, so that those who wait run at once.
func (t *tier) pushNote(why string) {
	const life = time.Minute
	v := record{fence: t.f.lease.lease.Fence, note: why}
	_ = t.pushRecord(t.entryName(t.f.lease.key, cachedir.Failed), v, life, true)
}

// fenceOf is the fence under which a value of this key is stored: that of the lease, if it is the lease of this key. A
// run that has learned of inputs has become another recipe's meanwhile.
func (t *tier) fenceOf(key hashing.Key) int64 {
	if h := t.f.lease; h != nil && h.t == t && h.key == key {
		return h.lease.Fence
	}
	return 0
}

// pushRecord seals a record and stores it: on the condition that what was watched is still there, or under the lease if
// it belongs to one, which ends with the last.
func (t *tier) pushRecord(name string, v record, life time.Duration, last bool) error {
	plain := v.encode()
	var sealed bytes.Buffer
	if err := t.Sealer.Seal(&sealed, name, nil, bytes.NewReader(plain), int64(len(plain))); err != nil {
		t.f.c.Warn(fmt.Errorf("tier %s: %w", t.Name, err))
		return err
	}
	if w := t.watched; w != nil && w.name == name {
		if done, err := w.replace(sealed.Bytes(), life); done {
			return err
		}
	}
	return t.ask(stats.TierPut, func(c contract.Tier) (int64, error) {
		ctx, body, size := context.Background(), bytes.NewReader(sealed.Bytes()), int64(sealed.Len())
		switch l := t.f.lease; {
		case v.fence == 0:
			return size, c.Put(ctx, name, body, size, life)
		case last:
			l.quiet()
			l.ended = true
			return size, l.from.PutLast(ctx, l.lease, name, body, size, life)
		default:
			l.quiet()
			return size, l.from.PutFenced(ctx, l.lease, name, body, size, life)
		}
	})
}

// pushBody seals a body into a file without a name, and stores it under the digest of what came out.
func (t *tier) pushBody(x cachedir.Exported, v *record, life time.Duration) bool {
	spool, err := t.f.c.Spool()
	if err != nil {
		t.f.c.Warn(fmt.Errorf("tier %s: %w", t.Name, err))
		return false
	}
	defer spool.Close()
	sum := sha256.New()
	err = t.Sealer.Seal(io.MultiWriter(spool, sum), sealedBodyName(x.BodySum), nil, x.Body, x.Body.Size())
	if err == nil {
		v.sealed, err = spool.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		t.f.c.Warn(fmt.Errorf("tier %s: %w", t.Name, err))
		return false
	}
	sum.Sum(v.blob[:0])
	err = t.ask(stats.TierPut, func(c contract.Tier) (int64, error) {
		return v.sealed, c.Put(context.Background(), blobName(v.blob), spool, v.sealed, life)
	})
	return err == nil
}

// sealedBodyName is what a body is sealed under: the digest of what it is, not of what it becomes.
func sealedBodyName(sum [32]byte) string { return "body/" + hex.EncodeToString(sum[:]) }

// lifeOf is how long a tier needs to keep an entry; 0: without end. One whose life is over is not worth storing.
func (t *tier) lifeOf(m *cachedir.Meta) (life time.Duration, worth bool) {
	life = t.Life
	if end, ends := m.End(); ends {
		left := end.Sub(t.f.c.Clock.Now())
		if left <= 0 {
			return 0, false
		}
		if life == 0 || left < life {
			life = left
		}
	}
	return life, true
}
