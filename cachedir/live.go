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

// A run that takes long can be followed: what it writes lies in its pending body at once, and <key>.<word>.live says which
// bytes belong to which stream, in records of 8 bytes: where the bytes of one append end, times two, plus the stream. The
// bytes are written before their record. The first record says whether both streams are one pipe (1) and whether the body
// is encrypted (2); its seal then fills the records after it. Both files go when the run has ended; who has them open reads
// them to their end.

const (
	liveSuffix = ".live"
	liveRecord = 8
	liveMerged = 1
	liveSealed = 2
)

// GoLive makes what was recorded so far, and what comes, readable by those who follow. Runs of some tenths of a second
// never do it. merged says that both streams are one pipe. That it fails ends the recording, as a failing Append does.
func (p *Pending) GoLive(merged bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil || p.live.open {
		return
	}
	if err := p.goLive(merged); err != nil {
		_ = p.fail(err)
	}
}

// goLive writes the body as far as it is known, and its order.
func (p *Pending) goLive(merged bool) error {
	if p.body.size == 0 {
		if err := p.writeBody(p.tail); err != nil {
			return err
		}
	} else if err := p.flush(); err != nil {
		return err
	}
	first := uint64(0)
	if merged {
		first |= liveMerged
	}
	if p.seal != nil {
		first |= liveSealed
	}
	b := binary.LittleEndian.AppendUint64(nil, first)
	if p.seal != nil {
		b = p.seal.Append(b)
	}
	if err := p.spill(&p.live, liveSuffix, b); err != nil {
		return err
	}
	return p.tellOrder()
}

// tellOrder writes the records of what was appended before the run went live: one for each frame that was noted.
func (p *Pending) tellOrder() error {
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
			if err := p.spill(&p.live, liveSuffix, b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	if p.frames.Size > 0 {
		b = binary.LittleEndian.AppendUint64(b, uint64(end+p.frames.Size)<<1|uint64(p.frames.Stream))
	}
	return p.spill(&p.live, liveSuffix, b)
}

// appendLive is append for a run that is live.
func (p *Pending) appendLive(stream uint8, b []byte) error {
	if len(p.tail)+len(b) <= format.InlineMax && int64(len(p.tail)) == p.body.size {
		p.tail = append(p.tail, b...) // the result may still be a small one
	} else {
		p.tail = nil
	}
	if err := p.writeBody(b); err != nil {
		return err
	}
	end := uint64(p.sizes[0] + p.sizes[1])
	return p.spill(&p.live, liveSuffix, binary.LittleEndian.AppendUint64(nil, end<<1|uint64(stream)))
}

// Live is a run of another process being followed.
type Live struct {
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

// Follow opens the run of a recipe that another process is recording, if it is live.
func (d *Dir) Follow(key hashing.Key) (*Live, bool) {
	var l *Live
	prefix := key.String() + "."
	_ = d.v1.List("pending", func(base string) bool {
		run, isPending := pendingRun(base)
		run = "pending/" + run
		if isPending && strings.HasPrefix(base, prefix) && strings.HasSuffix(base, liveSuffix) && d.isLocked(run) {
			l = d.openLive(run)
		}
		return l == nil
	})
	return l, l != nil
}

// openLive opens what a run records. The run may end meanwhile, and then one of the names is gone: but who has opened both
// files has those of one run, for the random word in their names is never used again.
func (d *Dir) openLive(run string) *Live {
	base := strings.TrimSuffix(run, runSuffix)
	order, _, err := d.v1.OpenWritten(base + liveSuffix)
	if err != nil {
		return nil
	}
	body, _, err := d.v1.OpenRead(base + bodySuffix)
	if err != nil {
		order.Close()
		return nil
	}
	l := &Live{d: d, run: run, body: bodyFile{File: body}, order: order, watch: newWatch(d.v1, base+liveSuffix)}
	if !l.readFirst() {
		l.Close()
		return nil
	}
	return l
}

// readFirst reads what stands before the order.
func (l *Live) readFirst() bool {
	first, ok := l.record()
	l.Merged = first&liveMerged != 0
	if ok && first&liveSealed != 0 {
		var b [format.SealSize]byte
		_, _ = l.order.ReadAt(b[:], l.at)
		var err error
		l.body.seal, err = format.DecodeSeal(b[:], l.d.o.Keys)
		l.at += format.SealSize
		ok = err == nil
	}
	l.begin = l.at
	return ok
}

// Next reads more of what the run wrote, and says of which stream it is; io.EOF if there is no more at the moment.
func (l *Live) Next(b []byte) (stream uint8, n int, err error) {
	for l.from == l.end {
		v, ok := l.record()
		if !ok {
			return 0, 0, io.EOF
		}
		if int64(v>>1) < l.end {
			return 0, 0, format.ErrSpoiled
		}
		l.end, l.stream = int64(v>>1), uint8(v&1)
	}
	n, err = l.body.readPlainAt(b[:min(int64(len(b)), l.end-l.from)], l.from)
	l.from += int64(n)
	if n > 0 {
		err = nil
	}
	return l.stream, n, err
}

// record reads the next record, if it is there.
func (l *Live) record() (v uint64, ok bool) {
	var b [liveRecord]byte
	if n, _ := l.order.ReadAt(b[:], l.at); n < liveRecord {
		return 0, false
	}
	l.at += liveRecord
	return binary.LittleEndian.Uint64(b[:]), true
}

// Wait returns when the run may have written more, when stop is closed, or after most. Only in the first case it may report
// that it was woken.
func (l *Live) Wait(stop <-chan struct{}, most time.Duration) (woken bool) {
	return l.watch.wait(stop, most)
}

// Over reports whether the run has ended: what it has not written by now never comes.
func (l *Live) Over() bool { return !l.d.isLocked(l.run) }

// Rewind makes Next begin anew.
func (l *Live) Rewind() { l.at, l.from, l.end, l.stream = l.begin, 0, 0, 0 }

// Close gives the descriptors back.
func (l *Live) Close() {
	l.watch.close()
	l.body.Close()
	l.order.Close()
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
