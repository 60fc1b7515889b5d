package cachedir

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// A run that takes long can be followed: what it writes lies in its pending body at once, and <key>.<word>.live says
// which bytes belong to which stream, in records of 8 bytes: where the bytes of one append end, times two, plus the
// stream. The bytes are written before their record. The first record says whether both streams are one pipe (1) and
// whether the body is encrypted (2); its seal then fills the records after it. Both files go when the run has ended;
// who has them open reads them to their end.

const (
	orderSuffix = ".live"
	orderRecord = 8
	orderMerged = 1
	orderSealed = 2
)

// PublishTail makes what was recorded so far, and what comes, readable by those who follow. Runs of some tenths of a
// second never do it. merged says that both streams are one pipe. That it fails ends the recording, as a failing Append
// does.
func (p *Pending) PublishTail(merged bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || p.order.open {
		return
	}
	if err := p.publishTail(merged); err != nil {
		_ = p.fail(err)
	}
}

// publishTail writes the body as far as it is known, and its order.
func (p *Pending) publishTail(merged bool) error {
	if p.body.size == 0 {
		if err := p.writeBody(p.tail, false); err != nil {
			return err
		}
	} else if err := p.flush(); err != nil {
		return err
	}
	first := uint64(0)
	if merged {
		first |= orderMerged
	}
	if p.seal != nil {
		first |= orderSealed
	}
	b := binary.LittleEndian.AppendUint64(nil, first)
	if p.seal != nil {
		b = p.seal.Append(b)
	}
	if err := p.spill(&p.order, orderSuffix, b); err != nil {
		return err
	}
	return p.writeOrder()
}

// writeOrder writes the records of what was appended before the run was published: one for each frame that was noted.
func (p *Pending) writeOrder() error {
	var noted io.Reader = bytes.NewReader(p.tableBuf)
	if p.table.open {
		noted = io.MultiReader(&section{f: bodyFile{File: p.table.f}, end: p.table.size}, noted)
	}
	table := bufio.NewReader(noted)
	var b []byte
	end := int64(0)
	for {
		v, err := binary.ReadUvarint(table)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%w: frame table", format.ErrSpoiled)
		}
		end += int64(v >> 1)
		b = binary.LittleEndian.AppendUint64(b, uint64(end)<<1|v&1)
		if len(b) >= 64<<10 {
			if err := p.spill(&p.order, orderSuffix, b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	if p.frames.Size > 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(end+p.frames.Size)<<1|uint64(p.frames.Stream))
	}
	return p.spill(&p.order, orderSuffix, b)
}

// appendPublished is append for a run that is published.
func (p *Pending) appendPublished(stream uint8, b []byte) error {
	if len(p.tail)+len(b) <= format.InlineMax && int64(len(p.tail)) == p.body.size {
		p.tail = append(p.tail, b...) // the result may still be a small one
	} else {
		p.tail = nil
	}
	if err := p.writeBody(b, true); err != nil {
		return err
	}
	end := uint64(p.sizes[0] + p.sizes[1])
	return p.spill(&p.order, orderSuffix, binary.LittleEndian.AppendUint64(nil, end<<1|uint64(stream)))
}

// Tail is a run of another process being followed.
type Tail struct {
	Merged bool // both streams are one pipe

	d      *Dir
	run    string // the file that the run has locked
	body   bodyFile
	order  tree.File
	watch  watch
	begin  int64 // where the order begins in its file
	at     int64 // how far it has been read
	from   int64 // bytes of the body read
	end    int64 // of the stretch that is being read
	stream uint8
}

// Follow opens the run of a recipe that another process is recording, if it has published it.
func (d *Dir) Follow(key hashing.Key) (*Tail, bool) {
	var t *Tail
	prefix := key.String() + "."
	_ = d.v1.List("pending", func(base string) bool {
		run, isPending := pendingRun(base)
		run = "pending/" + run
		if isPending && strings.HasPrefix(base, prefix) && strings.HasSuffix(base, orderSuffix) && d.isLocked(run) {
			t = d.openTail(run)
		}
		return t == nil
	})
	return t, t != nil
}

// openTail opens what a run records. The run may end meanwhile, and then one of the names is gone: but who has opened
// both files has those of one run, for the random word in their names is never used again.
func (d *Dir) openTail(run string) *Tail {
	base := strings.TrimSuffix(run, runSuffix)
	order, _, err := d.v1.OpenWritten(base + orderSuffix)
	if err != nil {
		return nil
	}
	body, _, err := d.v1.OpenRead(base + bodySuffix)
	if err != nil {
		order.Close()
		return nil
	}
	t := &Tail{d: d, run: run, body: bodyFile{File: body}, order: order, watch: newWatch(d.v1, base+orderSuffix)}
	if !t.readFirst() {
		t.Close()
		return nil
	}
	return t
}

// readFirst reads what stands before the order.
func (t *Tail) readFirst() bool {
	first, ok := t.record()
	t.Merged = first&orderMerged != 0
	if ok && first&orderSealed != 0 {
		var b [format.SealSize]byte
		_, _ = t.order.ReadAt(b[:], t.at)
		var err error
		t.body.seal, err = format.DecodeSeal(b[:], t.d.o.Keys)
		t.at += format.SealSize
		ok = err == nil
	}
	t.begin = t.at
	return ok
}

// Next reads more of what the run wrote, and says of which stream it is; io.EOF if there is no more at the moment.
func (t *Tail) Next(b []byte) (stream uint8, n int, err error) {
	for t.from == t.end {
		v, ok := t.record()
		if !ok {
			return 0, 0, io.EOF
		}
		if int64(v>>1) < t.end {
			return 0, 0, format.ErrSpoiled
		}
		t.end, t.stream = int64(v>>1), uint8(v&1)
	}
	n, err = t.body.readPlainAt(b[:min(int64(len(b)), t.end-t.from)], t.from)
	t.from += int64(n)
	if n > 0 {
		err = nil
	}
	return t.stream, n, err
}

// record reads the next record, if it is there.
func (t *Tail) record() (v uint64, ok bool) {
	var b [orderRecord]byte
	if n, _ := t.order.ReadAt(b[:], t.at); n < orderRecord {
		return 0, false
	}
	t.at += orderRecord
	return binary.LittleEndian.Uint64(b[:]), true
}

// Wait returns when the run may have written more, when stop is closed, or after most. Only in the first case it may
// report that it was woken.
func (t *Tail) Wait(stop <-chan struct{}, most time.Duration) (woken bool) {
	return t.watch.wait(stop, most)
}

// Over reports whether the run has ended: what it has not written by now never comes.
func (t *Tail) Over() bool { return !t.d.isLocked(t.run) }

// Rewind makes Next begin anew.
func (t *Tail) Rewind() { t.at, t.from, t.end, t.stream = t.begin, 0, 0, 0 }

// Close gives the descriptors back.
func (t *Tail) Close() {
	t.watch.close()
	t.body.Close()
	t.order.Close()
}

// pause waits for an event, for so long, or until stop is closed. Without events it waits only a little.
func pause(events <-chan struct{}, stop <-chan struct{}, most time.Duration) (woken bool) {
	if events == nil {
		most = min(most, pollEvery)
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-events:
		return true
	case <-timer.C:
	case <-stop:
	}
	return false
}

// pollEvery is how often a file is looked at where nothing wakes who waits.
const pollEvery = 50 * time.Millisecond
