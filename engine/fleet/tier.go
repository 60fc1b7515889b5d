// Package fleet is the same cache on other machines: it finds results there, decides among hosts who runs, hands on what was
// stored here, and carries purges of tags. It is given a store, two clocks and a function that takes warnings, and knows no run,
// no request and no stream.
package fleet

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/remote/contract"
)

// Tiers are the same cache on other machines. A tier is handed names and sealed bytes, and is never believed: what comes
// back is opened, decoded and compared like a local entry, and whatever is wrong with it, or with the server, is a miss
// that is counted.
//
// A run asks the tiers in their order after the local store, with the lock of the recipe held, within a part of the time
// that running would take. What is found is copied into the local store first, and served from there. After a run its
// result is handed to each tier that is written to, when the caller has its output and the lock is free again.
//
//	e/<key>        a result: a record (see tierRecord), the entry, and which blob holds its body if that is large
//	e/<key>.fail   the same of a run that failed, or why the last run left nothing to share
//	b/<sha256>     a body, under the digest of what is stored there
//	l/<key>        the lease of the host that runs the command (see lease.go)
//	t/<sha256>     the count of purges of a tag, and t/all of all tags (see tiertags.go)

// Tier is one place on other machines, as the caller wants it used.
type Tier struct {
	Name        string                        // for people: without secrets
	Open        func() (contract.Tier, error) // makes it; connects to nothing
	Read, Write bool
	Life        time.Duration // at most, of what is written; 0: no limit
	Background  bool          // the caller does not wait for uploads
	Sealer      contract.Sealer
}

// ID is a short name for the tier, of at most 16 bytes: its scheme and a digest of its name.
func (t Tier) ID() string {
	scheme, _, _ := strings.Cut(t.Name, ":")
	sum := sha256.Sum256([]byte(t.Name))
	return scheme[:min(len(scheme), 7)] + "-" + hex.EncodeToString(sum[:4])
}

// Fleet is the tiers that one run uses, beside the store of this machine.
type Fleet struct {
	Config
	tiers   []*tier
	failure error // why one of them could not be asked; nil: all could

	lease    *held // of this run among all hosts; nil: none
	awaited  int64 // the fence of the host that this run waits for; 0: none
	resigned bool  // that host has left no result to share
}

// Config is what a fleet is given.
type Config struct {
	Tiers    []Tier // in their order
	ReadOnly bool   // nothing is written to them, and nothing that they have is stored here
	Store    Store
	Clock    Clock
	Warn     func(error)              // takes what went wrong; may be called again with the same
	Usual    func() time.Duration     // how long the command takes; 0: that is not known
	Spool    func() (*os.File, error) // makes a file without a name
}

// Store is what tiers need of the store of this machine.
type Store interface {
	Breaker(server string) *cachedir.Breaker
	LogTier(r cachedir.TierRecord) error
	TagSeen(tier, tag string) (count int64, at time.Time, known bool)
	NoteTag(tier, tag string, count int64, purge cachedir.Purging) error
	BeginImport(r cachedir.Run) (*cachedir.Import, error)
	Load(key hashing.Key, slot cachedir.Slot) (*cachedir.Entry, error)
}

// Clock is the two clocks of this machine.
type Clock struct {
	Now  func() time.Time                   // the wall clock
	Boot func() (clock [16]byte, now int64) // that of those who wait here, with its name
}

// Query is what a run wants: a result of a recipe, and what of it would do.
type Query struct {
	Run      cachedir.Run // the recipe
	Tags     []string     // that a purge of the result would reach it by
	Failures bool         // the result of a run that failed may do
	Refresh  bool         // nothing that is there already will do

	// Admit decides whether the caller may be answered with an entry, and Deliver whether with that of a run that he has waited for.
	Admit, Deliver func(*cachedir.Entry) bool
}

// tier is a tier in use by one run.
type tier struct {
	Tier
	f       *Fleet
	conn    contract.Tier
	breaker *cachedir.Breaker
	marks   marks // as they were asked for last, before the command started
	noCount bool  // its server does not count
	damages bool  // it gave back what nobody stored
	again   bool  // something was purged while this run learned of a purge, which may be all that is against a result
}

// Failure is why a tier could not be asked; nil: all could that were.
func (f *Fleet) Failure() error { return f.failure }

// New makes tiers ready. It asks none.
func New(c Config) *Fleet {
	f := &Fleet{Config: c}
	for _, t := range c.Tiers {
		t.Write = t.Write && !c.ReadOnly
		f.tiers = append(f.tiers, &tier{Tier: t, f: f, breaker: c.Store.Breaker(t.Name)})
	}
	return f
}

// Close gives connections back.
func (f *Fleet) Close() {
	for _, t := range f.tiers {
		if t.conn != nil {
			_ = t.conn.Close()
		}
	}
}

// connect makes the tier, if that has not been done. It reaches out for no server.
func (t *tier) connect() (err error) {
	if t.conn == nil {
		t.conn, err = t.Open()
	}
	return err
}

// errBreaker says that a server failed a short while ago, and is not asked again yet.
var errBreaker = errors.New("left alone after failures")

// ask makes one call to a tier: not if it failed a moment ago, timed, and counted. What went wrong is a warning.
// The call returns how many bytes went over the line.
func (t *tier) ask(op cachedir.TierOp, call func(contract.Tier) (int64, error)) error {
	ok, _ := t.breaker.Allow()
	if !ok {
		t.log(op, 0, errBreaker, 0)
		t.failed(errBreaker)
		return errBreaker
	}
	began := time.Now()
	n, err := int64(0), t.connect()
	if err == nil {
		n, err = call(t.conn)
	}
	if errors.Is(err, contract.ErrUnreachable) || errors.Is(err, contract.ErrTimeout) {
		t.breaker.Failed()
	} else {
		t.breaker.Succeeded()
	}
	t.log(op, n, err, time.Since(began))
	if err != nil && !expectedOfTier(err) {
		t.failed(err)
		t.f.Warn(t.f.failure)
	}
	return err
}

// failed keeps the first failure of a run.
func (t *tier) failed(err error) {
	if t.f.failure == nil {
		t.f.failure = t.Fault(err)
	}
}

// Fault is what went wrong with a tier, which is named if that does not name its server itself.
func (t Tier) Fault(err error) error {
	scheme, rest, _ := strings.Cut(t.Name, "://")
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(err.Error(), scheme+"://"+host) {
		return fmt.Errorf("tier %w", err)
	}
	return fmt.Errorf("tier %s: %w", t.Name, err)
}

// expectedOfTier tells answers from failures.
func expectedOfTier(err error) bool {
	for _, e := range []error{contract.ErrAbsent, contract.ErrHeld, contract.ErrFenced, contract.ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (t *tier) log(op cachedir.TierOp, n int64, err error, took time.Duration) {
	_ = t.f.Store.LogTier(cachedir.TierRecord{
		Time: t.f.Clock.Now(), Tier: t.ID(), Op: op, Result: tierResult(op, err), Bytes: n, Took: took,
	})
}

// tierResult is the word under which the outcome of a call is counted.
func tierResult(op cachedir.TierOp, err error) cachedir.TierResult {
	for _, k := range []struct {
		err    error
		result cachedir.TierResult
	}{
		{errBreaker, cachedir.TierBreaker},
		{contract.ErrAbsent, cachedir.TierMiss},
		{contract.ErrHeld, cachedir.TierOK},
		{contract.ErrFenced, cachedir.TierOK},
		{contract.ErrUnsupported, cachedir.TierOK},
		{contract.ErrUnreachable, cachedir.TierUnreachable},
		{contract.ErrTimeout, cachedir.TierTimeout},
		{contract.ErrDenied, cachedir.TierDenied},
		{contract.ErrTooLarge, cachedir.TierTooLarge},
		{contract.ErrUnsigned, cachedir.TierUnsigned},
		{contract.ErrBadSignature, cachedir.TierUnsigned},
		{contract.ErrDamaged, cachedir.TierDamaged},
	} {
		if errors.Is(err, k.err) {
			return k.result
		}
	}
	switch {
	case err != nil:
		return cachedir.TierServer
	case op == cachedir.TierGet:
		return cachedir.TierHit
	}
	return cachedir.TierOK
}

// budget is how long looking into the tiers may take: a tenth of what the command takes, within bounds.
func (f *Fleet) budget() time.Duration {
	const least, most = 100 * time.Millisecond, 2 * time.Second
	if usual := f.Usual(); usual > 0 {
		return min(max(usual/10, least), most)
	}
	return most
}

// entryName is the name of a result. Where values are encrypted, names tell nothing either.
func (t *tier) entryName(key hashing.Key, s cachedir.Slot) string {
	return "e/" + t.Sealer.Names(key[:])[0] + s.Suffix()
}

// tierRecord is what a tier holds for a result.
type tierRecord struct {
	fence  int64 // of the lease under which it was made; 0: none
	tags   []tierTag
	note   string   // why there is no result to share; empty: there is one
	blob   [32]byte // digest of the sealed body; zero: the entry holds it
	sealed int64    // its size
	entry  []byte
}

// tierTag is a tag with the count of purges that the tier had when the run began.
type tierTag struct {
	name  string
	count int64
}

// unknown says that the tier has no count, at which nothing stands.
func (t tierTag) unknown() bool { return t.count == 0 }

const tierMagic = "cachexV1"

// encode returns the bytes of a record: lengths before everything that has one, little endian.
func (v *tierRecord) encode() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64([]byte(tierMagic), uint64(v.fence))
	b = appendText(b, v.note)
	b = append(b, v.blob[:]...)
	b = le.AppendUint64(b, uint64(v.sealed))
	b = le.AppendUint32(b, uint32(len(v.tags)))
	for _, t := range v.tags {
		b = le.AppendUint64(appendText(b, t.name), uint64(t.count))
	}
	return append(b, v.entry...)
}

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// decodeTierRecord reads one. What it holds is checked by whoever uses it.
func decodeTierRecord(b []byte) (tierRecord, error) {
	d := tierDecoder{b: b}
	if string(d.take(len(tierMagic))) != tierMagic {
		return tierRecord{}, fmt.Errorf("%w: no record", contract.ErrDamaged)
	}
	var v tierRecord
	v.fence = int64(d.u64())
	v.note = string(d.text())
	copy(v.blob[:], d.take(32))
	v.sealed = int64(d.u64())
	for n := d.u32(); n > 0 && !d.short; n-- {
		v.tags = append(v.tags, tierTag{string(d.text()), int64(d.u64())})
	}
	v.entry = d.b
	if d.short || v.sealed < 0 || v.fence < 0 {
		return tierRecord{}, fmt.Errorf("%w: a field does not fit", contract.ErrDamaged)
	}
	return v, nil
}

// tierDecoder takes fields off a slice; short says that one was not there.
type tierDecoder struct {
	b     []byte
	short bool
}

func (d *tierDecoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.short, d.b = true, nil
		return make([]byte, 0, 8)
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *tierDecoder) u32() uint32 {
	if b := d.take(4); len(b) == 4 {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *tierDecoder) u64() uint64 {
	if b := d.take(8); len(b) == 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *tierDecoder) text() []byte { return d.take(int(d.u32())) }

func blobTierName(sum [32]byte) string { return "b/" + hex.EncodeToString(sum[:]) }
