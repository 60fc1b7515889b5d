package cachedir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/late"
)

// Parts is how many parts a Pass has.
const Parts = 256

// Pass is one way through all entries, on all processors, for what has to see each of them. Whoever stops it finds done
// what was done by then, and the error is what context.Cause says.
type Pass struct {
	Context context.Context // nil: nobody stops it
	Done    func(parts int) // called, never twice at once, when so many parts are done; may be nil
}

// each calls work with each shard until it fails or the pass is stopped.
func (p Pass) each(work func(ctx context.Context, sh byte) error) error {
	parent := p.Context
	if parent == nil {
		parent = context.Background()
	}
	ctx, stop := context.WithCancelCause(parent)
	defer stop(nil)
	var (
		next atomic.Int32
		done int
		mu   sync.Mutex
		all  sync.WaitGroup
	)
	for range late.Processors() {
		all.Go(func() {
			for {
				sh := next.Add(1) - 1
				if sh >= Parts || ctx.Err() != nil {
					return
				}
				if err := work(ctx, byte(sh)); err != nil {
					stop(err)
					return
				}
				mu.Lock()
				if done++; p.Done != nil {
					p.Done(done)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if done == Parts {
		return nil
	}
	return context.Cause(ctx)
}

// Walk calls fn for every entry, from several goroutines at once, until it returns an error. An entry that cannot be
// read has Err set and no more than Key and Slot.
func (p Pass) Walk(d *Dir, fn func(EntryInfo) error) error {
	return p.each(func(ctx context.Context, sh byte) error { return walkShard(d, ctx, sh, fn) })
}

// walkShard is Walk for one shard.
func walkShard(d *Dir, ctx context.Context, sh byte, fn func(EntryInfo) error) error {
	var stop error
	err := d.v1.List("entries/"+shard(sh), func(name string) bool {
		if key, s, ok := parseEntryName(name); ok && key[0] == sh {
			stop = d.visit(key, s, fn)
		}
		if stop == nil {
			stop = context.Cause(ctx)
		}
		return stop == nil
	})
	if stop != nil {
		return stop
	}
	if errors.Is(err, fs.ErrNotExist) || tree.IsObstacle(err) {
		return nil
	}
	return err
}

// Purge is Dir.Purge. It calls match from several goroutines at once.
func (p Pass) Purge(d *Dir, match func(EntryInfo) bool, dryRun bool) (int, error) {
	if d.o.ReadOnly && !dryRun {
		return 0, ErrReadOnly
	}
	if !dryRun {
		if err := d.forbid(match); err != nil {
			return 0, fmt.Errorf("purge: %w", err)
		}
	}
	var (
		n        atomic.Int64
		counting sync.Mutex
	)
	err := p.each(func(ctx context.Context, sh byte) error {
		before := n.Load()
		err := walkShard(d, ctx, sh, func(i EntryInfo) error {
			if !match(i) {
				return nil
			}
			if !dryRun {
				if err := removeSeen(d, i); err != nil {
					return err
				}
			}
			n.Add(1)
			return nil
		})
		if !dryRun && n.Load() > before {
			counting.Lock()
			defer counting.Unlock()
			d.recount(sh)
		}
		return err
	})
	if err == nil && !dryRun {
		err = d.ForgetDifferences()
	}
	if err != nil {
		err = fmt.Errorf("purge: %w", err)
	}
	return int(n.Load()), err
}

// removeSeen removes an entry that was just read, and gives nothing back: its shard is counted afterwards.
func removeSeen(d *Dir, i EntryInfo) error {
	if i.Entry == nil {
		_, err := d.unlink(i.Key, i.Slot)
		return err
	}
	if err := d.removeFile(d.v1, entryName(i.Key, i.Slot)); err != nil {
		return err
	}
	if i.Entry.h.InFile {
		d.dropBody(i.Key, i.Slot, i.Entry.h.Sum)
	}
	return nil
}

// removeFile removes what lies at a name of the store.
func (d *opened) removeFile(t *tree.Tree, name string) error {
	err := t.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return t.Clear(name)
}

// recount counts a shard from which much was removed. If others clean all the time it stays counted too large, until
// cleaning counts it.
func (d *cleaner) recount(sh byte) {
	for range 100 {
		if unlock, ok := d.lockCleaner(); ok {
			defer unlock()
			break
		}
		time.Sleep(time.Millisecond)
	}
	c, err := d.beginCount()
	if err != nil {
		return
	}
	defer c.b.close()
	c.add(sh, d.measure(sh, farAway()))
	_ = c.end()
	d.compactUsage()
}

// farAway is a deadline for what takes as long as it takes.
func farAway() time.Time { return time.Now().Add(24 * time.Hour) }

// PurgeAll is Dir.PurgeAll. If it is stopped, no entry is valid any more, and some are still there.
func (p Pass) PurgeAll(d *Dir) (int, error) {
	if d.o.ReadOnly {
		return 0, ErrReadOnly
	}
	everything := func(EntryInfo) bool { return true }
	d.forgetMemos()
	d.forgetScopes()
	err := d.freeing(everything, func() error {
		_, err := d.advance(
			func(p format.Purges) format.Purges {
				return format.Purges{TagMark: TagMark{Epoch: newEpoch(), Seq: p.Seq + 1}}
			},
			func(format.Purges) error { return nil })
		return err
	})
	if err == nil {
		err = d.forbid(everything)
	}
	if err != nil {
		return 0, fmt.Errorf("purge: %w", err)
	}
	var (
		n        atomic.Int64
		counting sync.Mutex
	)
	err = p.each(func(ctx context.Context, sh byte) error {
		err := emptyShard(d, ctx, sh, &n)
		counting.Lock()
		defer counting.Unlock()
		d.recount(sh)
		return err
	})
	if err == nil {
		err = d.ForgetDifferences()
	}
	if err != nil {
		err = fmt.Errorf("purge: %w", err)
	}
	return int(n.Load()), err
}

// emptyShard removes the entries of a shard, their bodies and the records, and adds up how many entries that were.
func emptyShard(d *Dir, ctx context.Context, sh byte, n *atomic.Int64) error {
	for {
		s := d.readShard(sh, farAway())
		err := s.removeAll(ctx, n)
		s.close()
		if err != nil || s.complete || len(s.files) == 0 {
			return err
		}
	}
}

// removeAll removes the files that are known. Bodies come last: as long as an entry is there its body is, too.
func (s *openShard) removeAll(ctx context.Context, n *atomic.Int64) error {
	slices.SortStableFunc(s.files, func(a, b shardFile) int { return isLast(a) - isLast(b) })
	for _, f := range s.files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if f.kind == isBody {
			s.d.dropBody(f.key, f.slot, f.sum)
			continue
		}
		if err := s.dir(f).Remove(f.base()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			if err := s.d.v1.Clear(f.name()); err != nil {
				return err
			}
		}
		if f.kind == isEntry {
			n.Add(1)
		}
	}
	return nil
}

func isLast(f shardFile) int {
	if f.kind == isBody {
		return 1
	}
	return 0
}

// Check is Dir.Check.
func (p Pass) Check(d *Dir, fn func(EntryInfo) error) error {
	var (
		mu       sync.Mutex
		next     int
		finished [Parts]bool
		faults   [Parts][]EntryInfo // of shards that are not the next
	)
	return p.each(func(ctx context.Context, sh byte) error {
		found, err := checkShard(d, ctx, sh)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		finished[sh], faults[sh] = true, found
		for ; next < Parts && finished[next]; next++ {
			for _, i := range faults[next] {
				if err := fn(i); err != nil {
					return err
				}
			}
			faults[next] = nil
		}
		return nil
	})
}

// checkShard returns the faulty entries of a shard.
func checkShard(d *Dir, ctx context.Context, sh byte) (faults []EntryInfo, err error) {
	err = walkShard(d, ctx, sh, func(i EntryInfo) error {
		switch {
		case i.Entry != nil:
			i.Err = i.Entry.Verify()
		case i.Sealed:
			i.Err = d.verifySealed(i.Key, i.Slot)
		}
		newer := errors.Is(i.Err, format.ErrVersion)
		if i.Err != nil && !newer && !d.changed(i) {
			i.Entry = nil // it is closed by then
			faults = append(faults, i)
		}
		return nil
	})
	return faults, err
}

// Order is an order of entries that names and times of their files tell, so that the first of them are found without
// opening the others.
type Order uint8

// The orders.
const (
	ByKey  Order = iota // the lowest first
	ByUse               // the last used first
	BySize              // what takes most bytes, with its body, first
	ByEnd               // as ByUse: no entry that comes after one ended after that one was last used
)

// ranked is where an entry stands in an order.
type ranked struct {
	value int64
	key   hashing.Key
	slot  Slot
}

func compareRanked(a, b ranked) int {
	switch {
	case a.value > b.value:
		return -1
	case a.value < b.value:
		return 1
	}
	return slices.Compare(a.key[:], b.key[:])
}

// First calls fn with entries in an order until it returns false, at most with so many. It reports whether that is all
// that matters: fn has had enough, or there are no more.
func (p Pass) First(d *Dir, o Order, most int, fn func(EntryInfo) bool) (all bool, err error) {
	first, all, err := p.rank(d, o, max(most, 1))
	for _, r := range first {
		more := true
		if err == nil {
			err = d.visit(r.key, r.slot, func(i EntryInfo) error { more = fn(i); return nil })
		}
		if !more || err != nil {
			return true, err
		}
	}
	return all, err
}

// rank returns the first entries in an order, and whether these are all.
func (p Pass) rank(d *Dir, o Order, most int) (first []ranked, all bool, err error) {
	var mu sync.Mutex
	all = true
	enough := func(sh byte) bool { // of keys those that come first lie in the first shards
		mu.Lock()
		defer mu.Unlock()
		return o == ByKey && len(first) >= most && first[len(first)-1].key[0] < sh
	}
	err = p.each(func(_ context.Context, sh byte) error {
		skip := enough(sh)
		var found []ranked
		complete := false
		if !skip {
			found, complete = rankShard(d, sh, o)
		}
		mu.Lock()
		defer mu.Unlock()
		all = all && complete
		first = append(first, found...)
		if len(first) >= most {
			slices.SortFunc(first, compareRanked)
			all = all && len(first) == most
			first = first[:most]
		}
		return nil
	})
	slices.SortFunc(first, compareRanked)
	return first, all, err
}

// rankShard ranks the entries of a shard by names, and by a look at each file if the order needs it.
func rankShard(d *Dir, sh byte, o Order) (found []ranked, complete bool) {
	s := d.readShard(sh, farAway())
	defer s.close()
	bodies := map[ranked]int64{}
	for _, f := range s.files {
		if o == BySize && f.kind == isBody {
			if fi, ok := s.stat(f); ok {
				bodies[ranked{key: f.key, slot: f.slot}] += fi.Size
			}
		}
	}
	for _, f := range s.files {
		if f.kind != isEntry {
			continue
		}
		r := ranked{key: f.key, slot: f.slot}
		if o != ByKey {
			fi, ok := s.stat(f)
			if !ok {
				continue
			}
			if r.value = fi.ModTime.UnixNano(); o == BySize {
				r.value = fi.Size + bodies[ranked{key: f.key, slot: f.slot}]
			}
		}
		found = append(found, r)
	}
	return found, s.complete
}
