package cachedir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

// scopes/ab/<id>.log has a letter for each answer under a limit of entries: h for a hit, m for a miss. It is appended
// to by one write, so that a hit waits for nobody. scopes/ab/<id>.counts is what the first letters of the log came to,
// and the limit: written by who stores, and, should nobody ever store, by the hit that makes the log too large, if it
// gets the lock at once. A letter that is written while the log is taken away is a lost statistic.

const (
	countsMagic    = "cxL1"
	countsSize     = 48
	scopeLogFold   = 4 << 10 // letters; who stores adds them up then
	scopeLogLimit  = 1 << 20 // the log is begun anew
	scopeLogMost   = 8 << 20 // what lies behind is not read
	letterHit      = 'h'
	letterMiss     = 'm'
	scopeLogSuffix = ".log"
	countsSuffix   = ".counts"
)

// ScopeCounts says what a limit of entries did.
type ScopeCounts struct {
	Hits, Misses int64
	Most         int // the limit, as it was given last; 0: none was
	Size         int // entries that are there
}

// scopeTotals is what scopes/ab/<id>.counts holds.
type scopeTotals struct{ hits, misses, most, folded int64 }

func scopeName(scope [32]byte) string {
	return "scopes/" + shard(scope[0]) + "/" + hashing.Key(scope).String()
}

// CountScope counts an answer under a limit of entries.
func (d *scopes) CountScope(scope [32]byte, hit bool) error {
	if d.o.ReadOnly {
		return nil
	}
	letter := []byte{letterMiss}
	if hit {
		letter[0] = letterHit
	}
	name := scopeName(scope)
	f, fi, err := d.v1.OpenInPlace(name+scopeLogSuffix, os.O_APPEND)
	if err != nil {
		return fmt.Errorf("count in a scope: %w", err)
	}
	_, err = f.Write(letter)
	f.Close()
	if err != nil {
		return fmt.Errorf("count in a scope: %w", err)
	}
	if fi.Size >= scopeLogLimit {
		d.foldIfFree(name)
	}
	return nil
}

// foldIfFree adds up the log if nobody else is at it.
func (d *scopes) foldIfFree(name string) {
	f, _, err := d.v1.OpenInPlace(name+".fold", 0)
	if err != nil {
		return
	}
	defer f.Close()
	if f.TryLock() == nil {
		_ = d.foldScope(name, 0)
	}
}

// foldScope adds up the log if that is due, and notes the limit; 0: as it is. What can die between its steps: after the
// log was removed, the counts name more letters than there are, and the next begins with the first.
func (d *scopes) foldScope(name string, most int) error {
	t, log, err := d.scopeTotals(name)
	if err != nil {
		return err
	}
	size := int64(len(log))
	due := size-t.folded >= scopeLogFold || size >= scopeLogLimit
	if !due && (most == 0 || t.most == int64(most)) {
		return nil
	}
	if most > 0 {
		t.most = int64(most)
	}
	t.add(log)
	if size >= scopeLogLimit {
		if err := d.v1.Remove(name + scopeLogSuffix); err != nil {
			return err
		}
		t.folded = 0
	}
	return d.v1.Replace(name+countsSuffix, t.encode())
}

// ScopeCounts tells what a limit of entries did; false: nothing is known of it.
func (d *scopes) ScopeCounts(scope [32]byte) (c ScopeCounts, known bool, err error) {
	name := scopeName(scope)
	t, log, err := d.scopeTotals(name)
	if err != nil {
		return c, false, fmt.Errorf("counts of a scope: %w", err)
	}
	t.add(log)
	keys, err := d.scopeKeys(name)
	if err != nil {
		return c, false, fmt.Errorf("counts of a scope: %w", err)
	}
	keys = slices.DeleteFunc(keys, func(k hashing.Key) bool { _, there := d.lastUse(k); return !there })
	c = ScopeCounts{Hits: t.hits, Misses: t.misses, Most: int(t.most), Size: len(keys)}
	return c, c != ScopeCounts{}, nil
}

// ForgetCounts begins counting anew.
func (d *scopes) ForgetCounts(scope [32]byte) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	name := scopeName(scope)
	unlock, _, err := d.v1.LockShort(name+scopeLockSuffix, "limit of entries")
	if err != nil {
		return fmt.Errorf("counts of a scope: %w", err)
	}
	defer unlock()
	t, _, err := d.scopeTotals(name)
	if err != nil {
		return fmt.Errorf("counts of a scope: %w", err)
	}
	err = d.v1.Remove(name + scopeLogSuffix)
	if isUseless(err) {
		err = nil
	}
	if t != (scopeTotals{}) {
		err = errors.Join(err, d.v1.Replace(name+countsSuffix, scopeTotals{most: t.most}.encode()))
	}
	return err
}

// scopeTotals reads what was added up, and the whole log.
func (d *scopes) scopeTotals(name string) (t scopeTotals, log []byte, err error) {
	b, _, err := d.v1.ReadSmall(name+countsSuffix, countsSize)
	if err != nil && !isUseless(err) {
		return t, nil, err
	}
	t = decodeTotals(b)
	log, _, err = d.v1.ReadSmall(name+scopeLogSuffix, scopeLogMost)
	if isUseless(err) {
		err = nil
	}
	return t, log, err
}

// add counts the letters of a log that are not in yet.
func (t *scopeTotals) add(log []byte) {
	if t.folded > int64(len(log)) {
		t.folded = 0
	}
	rest := log[t.folded:]
	t.hits += int64(bytes.Count(rest, []byte{letterHit}))
	t.misses += int64(bytes.Count(rest, []byte{letterMiss}))
	t.folded = int64(len(log))
}

func (t scopeTotals) encode() []byte {
	b := append(make([]byte, 0, countsSize), countsMagic+"\x00\x00\x00\x00"...)
	for _, v := range [...]int64{t.hits, t.misses, t.most, t.folded} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// decodeTotals reads counts; what does not verify is none.
func decodeTotals(b []byte) (t scopeTotals) {
	const end = countsSize - 8
	if len(b) != countsSize || string(b[:4]) != countsMagic ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return t
	}
	for i, p := range [...]*int64{&t.hits, &t.misses, &t.most, &t.folded} {
		*p = max(int64(binary.LittleEndian.Uint64(b[8+8*i:])), 0)
	}
	return t
}
