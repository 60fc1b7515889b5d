package cachedir

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// A server that does not answer costs whoever asks it a timeout, and hundreds of short runs would pay it one by one. So
// the first failure is written down, in stat/breaker-<sha256 of the server's name>, and while that says open nobody
// asks. It is open for a second after the first failure, for twice as long after each more, for a minute at most. Then
// one process at a time may probe: the one that holds the lock stat/breaker-<sha256>.lock, which ends with it, so a
// prober that is killed is in nobody's way.
//
// The file is only there while there is something wrong: as long as the server answers, asking costs one open that
// fails. It is written by rename. Of two failures that are written at once one may be forgotten; nobody waits for that.
// The wall clock is good enough here: however it is set, the breaker is open for no longer than a minute from then on.

const (
	breakerMagic = "cxB1"
	breakerSize  = 4 + 4 + 8 + 8
	breakerFirst = time.Second // open so long after the first failure
	breakerMost  = time.Minute
)

// Breaker says whether a server is worth asking. It is for one run; its methods may be called from several goroutines.
type Breaker struct {
	d    *opened
	name string

	mu      sync.Mutex
	seen    bool // there was a record
	probing bool
	locked  bool // lock is
	lock    tree.File
}

// BreakerState is what is known of a server. The zero value: it answered last.
type BreakerState struct {
	Failures int       // in a row
	Last     time.Time // of them
	Open     bool      // nobody asks the server now
	Until    time.Time // when it may be asked again
}

// Breaker returns the breaker of a server.
func (d *opened) Breaker(name string) *Breaker {
	sum := sha256.Sum256([]byte(name))
	return &Breaker{d: d, name: "stat/breaker-" + hex.EncodeToString(sum[:])}
}

// Allow reports whether the server may be asked. probing says that this is the one process that finds out whether it
// answers again: all others are told no until Failed, Succeeded or Close is called, or the process ends.
func (b *Breaker) Allow() (ok, probing bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.probing {
		return true, true
	}
	s := b.read()
	if b.seen = s.Failures > 0; !b.seen {
		return true, false
	}
	if s.Open || !b.take() {
		return false, false
	}
	if s = b.read(); s.Open { // somebody probed between the two looks
		b.release()
		return false, false
	}
	if b.seen = s.Failures > 0; !b.seen {
		b.release()
		return true, false
	}
	b.probing = true
	return true, true
}

// take takes the prober's lock, if nobody has it. Where there are no locks, or nothing may be written, all may probe.
func (b *Breaker) take() bool {
	if b.d.o.ReadOnly {
		return true
	}
	f, _, err := b.d.v1.OpenInPlace(b.name+".lock", 0)
	if err != nil {
		return true
	}
	if err := f.TryLock(); err != nil {
		f.Close()
		return !errors.Is(err, tree.ErrLocked)
	}
	b.lock, b.locked = f, true
	return true
}

func (b *Breaker) release() {
	b.probing = false
	if b.locked {
		b.locked = false
		b.lock.Close()
	}
}

// Failed notes that the server did not answer. One that was asked before the breaker opened prolongs that, no more.
func (b *Breaker) Failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.release()
	if b.d.o.ReadOnly {
		return
	}
	s := b.read()
	if !s.Open {
		s.Failures = min(s.Failures+1, 1<<20)
	}
	_ = b.d.v1.Replace(b.name, encodeBreaker(s.Failures, b.d.now())) // that it fails costs others a timeout
	b.seen = true
}

// Succeeded notes that the server answered. It costs nothing if nobody had noted anything else.
func (b *Breaker) Succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.release()
	if b.seen && !b.d.o.ReadOnly {
		_ = b.d.v1.Remove(b.name)
		b.seen = false
	}
}

// Close lets another process probe if this one was about to and has found out nothing.
func (b *Breaker) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.release()
}

// State tells what is known of the server.
func (b *Breaker) State() BreakerState { return b.read() }

// read reads the record. One that is damaged is not there.
func (b *Breaker) read() BreakerState {
	content, _, err := b.d.v1.ReadSmall(b.name, breakerSize)
	if err != nil {
		return BreakerState{}
	}
	s, ok := decodeBreaker(content)
	if !ok {
		return BreakerState{}
	}
	pause := backoff(s.Failures)
	s.Until = s.Last.Add(pause)
	left := s.Until.Sub(b.d.now())
	s.Open = left > 0 && left <= pause // more is left where the clock was set back
	return s
}

// backoff is how long nobody asks after a number of failures.
func backoff(failures int) time.Duration {
	pause := breakerFirst
	for ; failures > 1 && pause < breakerMost; failures-- {
		pause *= 2
	}
	return min(pause, breakerMost)
}

func encodeBreaker(failures int, last time.Time) []byte {
	b := append(make([]byte, 0, breakerSize), breakerMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(failures))
	b = binary.LittleEndian.AppendUint64(b, uint64(last.UnixNano()))
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

func decodeBreaker(b []byte) (BreakerState, bool) {
	const end = breakerSize - 8
	if len(b) != breakerSize || string(b[:4]) != breakerMagic ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return BreakerState{}, false
	}
	failures := binary.LittleEndian.Uint32(b[4:])
	if failures == 0 || failures > 1<<20 {
		return BreakerState{}, false
	}
	return BreakerState{Failures: int(failures), Last: time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:])))}, true
}
