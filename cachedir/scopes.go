package cachedir

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// scopes/ab/<id> lists the keys that were stored under a limit of entries, in records of key and checksum. A store adds
// its key, and removes the entries that were used longest ago if there are too many. That happens under a lock which is
// held for a millisecond, after the output was delivered.

const (
	scopeRecord = 40
	scopeLimit  = 64 << 20 // bytes of a list that are read

	scopeLockSuffix = ".lock"
)

// scopes are the limits of entries, and what they did.
type scopes struct {
	*opened
	*cleaner
}

// LimitScope notes that an entry of a scope was stored, and removes those of the scope that were used longest ago until
// there are no more than most.
func (d *scopes) LimitScope(scope [32]byte, key hashing.Key, most int) error {
	if d.o.ReadOnly {
		return ErrReadOnly
	}
	name := scopeName(scope)
	unlock, _, err := d.v1.LockShort(name+scopeLockSuffix, "limit of entries")
	if err != nil {
		return fmt.Errorf("limit the entries of a scope: %w", err)
	}
	defer unlock()
	keys, err := d.scopeKeys(name)
	if err == nil {
		keys = append(slices.DeleteFunc(keys, func(k hashing.Key) bool { return k == key }), key)
		keys, err = d.shrinkScope(keys, most)
	}
	if err == nil {
		err = d.v1.Replace(name, encodeScope(keys))
	}
	if err == nil {
		err = d.foldScope(name, most)
	}
	if err != nil {
		return fmt.Errorf("limit the entries of a scope: %w", err)
	}
	return nil
}

// shrinkScope removes what is too much and returns the keys that are left. The last one is what was just stored.
func (d *scopes) shrinkScope(keys []hashing.Key, most int) ([]hashing.Key, error) {
	type use struct {
		key  hashing.Key
		last time.Time
	}
	var uses []use
	for _, k := range keys {
		if last, there := d.lastUse(k); there || k == keys[len(keys)-1] {
			uses = append(uses, use{k, last})
		}
	}
	newest := uses[len(uses)-1]
	rest := uses[:len(uses)-1]
	slices.SortStableFunc(rest, func(a, b use) int { return a.last.Compare(b.last) })
	for len(rest) > 0 && len(rest)+1 > most {
		d.recordEviction(rest[0].key, time.Time{})
		for _, s := range [...]Slot{Good, Failed} {
			if err := d.Remove(rest[0].key, s); err != nil {
				return nil, err
			}
		}
		rest = rest[1:]
	}
	var left []hashing.Key
	for _, u := range append(rest, newest) {
		left = append(left, u.key)
	}
	return left, nil
}

// lastUse is when one of the slots of a key was used or stored last.
func (d *entries) lastUse(key hashing.Key) (last time.Time, there bool) {
	for _, s := range [...]Slot{Good, Failed} {
		if fi, err := d.v1.Stat(entryName(key, s)); err == nil {
			there = true
			if fi.ModTime.After(last) {
				last = fi.ModTime
			}
		}
	}
	return last, there
}

// dropScopes removes what is known of the scopes of a shard that were not used for so long: hits are in the log, stores
// in the list.
func (d *cleaner) dropScopes(sh byte, unused time.Duration, deadline time.Time) {
	dir := "scopes/" + shard(sh)
	files, last := map[string][]string{}, map[string]time.Time{}
	_ = d.v1.List(dir, func(base string) bool {
		id, _, _ := strings.Cut(base, ".")
		fi, err := d.v1.Stat(dir + "/" + base)
		if key, perr := hashing.ParseKey(id); perr != nil || key[0] != sh || err != nil {
			return true
		}
		files[id] = append(files[id], dir+"/"+base)
		if fi.ModTime.After(last[id]) {
			last[id] = fi.ModTime
		}
		return time.Now().Before(deadline)
	})
	for id, names := range files {
		if d.now().Sub(last[id]) <= unused || time.Now().After(deadline) {
			continue
		}
		for _, name := range names {
			if strings.HasSuffix(name, scopeLockSuffix) {
				_, _ = lock.Sweep(d.lockFile(name))
			} else {
				_ = d.v1.Remove(name)
			}
		}
	}
}

// forgetScopes removes what is known of all scopes.
func (d *cleaner) forgetScopes() {
	for sh := range 256 {
		d.dropScopes(byte(sh), math.MinInt64, time.Now().Add(time.Minute))
	}
}

func encodeScope(keys []hashing.Key) []byte {
	b := make([]byte, 0, scopeRecord*len(keys))
	for _, k := range keys {
		b = append(b, k[:]...)
		b = binary.LittleEndian.AppendUint64(b, xxhash.Sum64(k[:]))
	}
	return b
}

// scopeKeys reads a list; what does not verify is left out.
func (d *scopes) scopeKeys(name string) ([]hashing.Key, error) {
	b, _, err := d.v1.ReadSmall(name, scopeLimit)
	if isUseless(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var keys []hashing.Key
	for ; len(b) >= scopeRecord; b = b[scopeRecord:] {
		if binary.LittleEndian.Uint64(b[32:]) == xxhash.Sum64(b[:32]) {
			keys = append(keys, hashing.Key(b[:32]))
		}
	}
	return keys, nil
}
