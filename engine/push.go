package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
	"github.com/cachex-cli/cachex/runner"
)

// push hands the result of a run to the tiers that are written to, and gives back the lease. The caller has its output
// already, and the local lock is free. A tier that is written to in the background gets it from another process, unless
// it is the one that lent the lease: other hosts wait for that.
func (r *run) push(out *Outcome) {
	if len(r.req.Tiers) == 0 {
		return
	}
	lender := (*tier)(nil)
	if r.lease != nil {
		lender = r.lease.t
	}
	if lender != nil {
		r.lease.release(func(l *held) {
			if out.Stored {
				r.pushTo(out.slot(), func(t *tier) bool { return t == lender })
			} else {
				l.t.pushNote(out.NotStored)
			}
		})
	}
	if !out.Stored {
		return
	}
	r.pushTo(out.slot(), func(t *tier) bool { return t != lender && !t.Background })
	for _, t := range r.tiers() {
		if t != lender && t.Write && t.Background {
			r.pushLater(out.slot())
			return
		}
	}
}

func (out *Outcome) slot() cachedir.Slot {
	if out.Code != 0 || out.Signal != 0 {
		return cachedir.Failed
	}
	return cachedir.Good
}

// pushLater starts a process that pushes to the tiers of the background.
func (r *run) pushLater(slot cachedir.Slot) {
	env := r.apart()
	stdin, err := r.input.again()
	if err == nil {
		err = runner.Detach(runner.Detached{
			Path: r.req.Self.Path, Argv: r.req.Self.Argv, Stdin: stdin, Env: setenv(env, RefreshVariable, pushWord+" "+slot.String()),
		})
	}
	if err != nil {
		r.warn(fmt.Errorf("not uploaded: %w", err))
	}
}

// pushOnly is the life of such a process. If the inputs are others by now, there may be nothing to push.
func (r *run) pushOnly() (Outcome, error) {
	if _, err := r.look(nothing); err == nil {
		r.pushTo(r.req.Refresher.Push, func(t *tier) bool { return t.Background })
	}
	return r.outcome(cachedir.Declined), nil
}

// pushTo reads the entry once and hands it to those tiers that are chosen.
func (r *run) pushTo(slot cachedir.Slot, chosen func(*tier) bool) {
	var e *cachedir.Entry
	for _, t := range r.tiers() {
		if !t.Write || !chosen(t) {
			continue
		}
		if e == nil {
			var err error
			if e, err = r.dir.Load(r.recipe.Key, slot); err != nil {
				return // it was purged meanwhile
			}
			defer e.Close()
		}
		t.pushEntry(e)
		t.pushRedirect()
	}
}

// pushEntry stores an entry in a tier: its body first, so that nobody finds an entry without one.
func (t *tier) pushEntry(e *cachedir.Entry) {
	life, worth := t.lifeOf(&e.Meta)
	tags, known := t.countsOf(e.Tags)
	if !worth || !known || e.Private {
		return
	}
	x, err := e.Export()
	if err != nil {
		return // damaged since it was stored
	}
	v := tierRecord{tags: tags, entry: x.Content, fence: t.fenceOf(e.Key)}
	if x.Body != nil && !t.pushBody(x, &v, life) {
		return
	}
	t.pushRecord(t.entryName(e.Key, e.Slot), v, life, t.r.known == nil)
}

// pushRedirect stores what was learned of the recipe, without which other hosts would not find the entry.
func (t *tier) pushRedirect() {
	r := t.r
	if r.known == nil {
		return
	}
	e, err := r.dir.Load(r.base.Key, cachedir.Good)
	if err != nil {
		return
	}
	defer e.Close()
	if x, err := e.Export(); err == nil && e.Learned != nil {
		t.pushRecord(t.entryName(r.base.Key, cachedir.Good), tierRecord{entry: x.Content, fence: t.fenceOf(r.base.Key)}, t.Life, true)
	}
}

// pushNote tells other hosts that the last run left nothing to share, so that those who wait run at once.
func (t *tier) pushNote(why string) {
	const life = time.Minute
	v := tierRecord{fence: t.r.lease.lease.Fence, note: why}
	t.pushRecord(t.entryName(t.r.lease.key, cachedir.Failed), v, life, true)
}

// fenceOf is the fence under which a value of this key is stored: that of the lease, if it is the lease of this key. A run
// that has learned of inputs has become another recipe's meanwhile.
func (t *tier) fenceOf(key hashing.Key) int64 {
	if h := t.r.lease; h != nil && h.t == t && h.key == key {
		return h.lease.Fence
	}
	return 0
}

// pushRecord seals a record and stores it, under the lease if it belongs to one, which ends with the last.
func (t *tier) pushRecord(name string, v tierRecord, life time.Duration, last bool) {
	plain := v.encode()
	var sealed bytes.Buffer
	if err := t.Sealer.Seal(&sealed, name, nil, bytes.NewReader(plain), int64(len(plain))); err != nil {
		t.r.warn(fmt.Errorf("tier %s: %w", t.Name, err))
		return
	}
	_ = t.ask(cachedir.TierPut, func(c contract.Tier) (int64, error) {
		ctx, body, size := context.Background(), bytes.NewReader(sealed.Bytes()), int64(sealed.Len())
		switch l := t.r.lease; {
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
func (t *tier) pushBody(x cachedir.Exported, v *tierRecord, life time.Duration) bool {
	spool, err := runner.UnnamedFile()
	if err != nil {
		t.r.warn(fmt.Errorf("tier %s: %w", t.Name, err))
		return false
	}
	defer spool.Close()
	sum := sha256.New()
	err = t.Sealer.Seal(io.MultiWriter(spool, sum), sealedBodyName(x.BodySum), nil, x.Body, x.Body.Size())
	if err == nil {
		v.sealed, err = spool.Seek(0, io.SeekCurrent)
	}
	if err != nil {
		t.r.warn(fmt.Errorf("tier %s: %w", t.Name, err))
		return false
	}
	sum.Sum(v.blob[:0])
	err = t.ask(cachedir.TierPut, func(c contract.Tier) (int64, error) {
		return v.sealed, c.Put(context.Background(), blobTierName(v.blob), spool, v.sealed, life)
	})
	return err == nil
}

// sealedBodyName is what a body is sealed under: the digest of what it is, not of what it becomes.
func sealedBodyName(sum [32]byte) string { return "body/" + hex.EncodeToString(sum[:]) }

// lifeOf is how long a tier needs to keep an entry; 0: without end. One whose life is over is not worth storing.
func (t *tier) lifeOf(m *cachedir.Meta) (life time.Duration, worth bool) {
	life = t.Life
	if end, ends := untilOf(m); ends {
		left := end.Sub(t.r.e.now())
		if left <= 0 {
			return 0, false
		}
		if life == 0 || left < life {
			life = left
		}
	}
	return life, true
}
