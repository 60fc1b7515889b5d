package cachedir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// Commit makes the entry visible under its key. Key, Command, Recipe and TagMark of m are those given to Begin and
// found by it; a tag's count is at most the mark's. Besides what the system says, the errors are ErrNoRoom (ErrNotWorth
// is one), ErrTooLarge, ErrPurged, ErrSuperseded, ErrNewer and ErrClosed; after any of them nothing is left of the
// entry.
//
// What can die between the steps, and what is left:
//
//	size reserved            the shard is counted too large until it is counted anew
//	body linked              pending files that nobody has locked
//	body at blobs/           a blob with a pending link: found abandoned together, then removed as garbage
//	body beside the entry    a body that no entry names: removed when the cleaner passes
//	entry renamed            the new entry; the body of the old one likewise
//
// A reader sees the old entry or the new one, and each finds the body that it names: only after the new one is in
// place does the old body go.
func (p *Pending) Commit(m Meta) error {
	return p.end(func() error {
		if err := p.prepare(&m); err != nil {
			return err
		}
		h, err := p.finish(m)
		if err != nil {
			return fmt.Errorf("record output: %w", err)
		}
		weighed := !isNamed(p.run) && h.Learned == nil
		return p.unlessSuperseded(h, func() error { return p.store(h, p.inline(h), weighed) })
	})
}

// end ends a pending entry by what makes it visible.
func (p *Pending) end(publish func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if err := publish(); err != nil {
		return p.fail(fmt.Errorf("store: %w", err))
	}
	p.err = ErrClosed
	p.dropSpools()
	p.entry.Close()
	p.d.tidy(p.cleaning)
	return nil
}

// prepare fills in what Begin knows of an entry, and sees that its tags can be held against purges.
func (p *Pending) prepare(m *Meta) error {
	m.Key, m.Command, m.Recipe, m.TagMark = p.run.Key, p.run.Command, p.run.Recipe, p.mark
	m.Tags = slices.Clone(m.Tags)
	tags := make([]string, len(m.Tags))
	for i := range m.Tags {
		m.Tags[i].Seq = min(m.Tags[i].Seq, p.mark.Seq)
		tags[i] = m.Tags[i].Name
	}
	if err := checkMeta(m); err != nil {
		return err
	}
	return p.d.healMarksOf(m.Key, tags)
}

// store makes room for an entry whose body, if it has a file of its own, is complete, and publishes it; weighed: not if
// it is worth much less than what would have to go for it. What takes the place of another is not weighed, nor what
// somebody has set, nor what a tier has, where it would be asked for each time.
func (p *Pending) store(h *format.Header, inline []byte, weighed bool) error {
	slot := h.Slot()
	room, err := p.d.openReservation(h.Key, p.id, p.cleaning)
	if err != nil {
		return err
	}
	defer room.close()
	old, err := p.d.stored(h.Key, slot)
	if err != nil {
		return err
	}
	content := h.Encode(inline)
	if len(content) > format.MaxMeta {
		return ErrTooLarge
	}
	size := onDisk(int64(len(content)))
	if h.InFile {
		size += onDisk(h.FileLen())
	}
	room.weighed, room.took = weighed && old.size == 0, h.Ended.Sub(h.Started)
	if err := p.d.reserve(room, size, old.size); err != nil {
		return err
	}
	if err := p.publish(h, slot, content, old); err != nil {
		return err
	}
	if old.inFile && old.sum != h.Sum {
		p.d.dropBody(h.Key, slot, old.sum)
	}
	room.commit(old.size)
	return nil
}

// checkMeta holds what the writer says to what a reader admits.
func checkMeta(m *Meta) error {
	if len(m.Family) > format.MaxFamily {
		m.Family = m.Family[:format.MaxFamily]
	}
	if m.Signal < 0 || m.Signal > 255 {
		return fmt.Errorf("signal %d", m.Signal)
	}
	if len(m.Tags) > format.MaxTags {
		return fmt.Errorf("%w: %d tags", ErrTooLarge, len(m.Tags))
	}
	for _, t := range m.Tags {
		if len(t.Name) > format.MaxTag {
			return fmt.Errorf("%w: tag of %d bytes", ErrTooLarge, len(t.Name))
		}
	}
	if m.Learned == nil {
		return nil
	}
	for _, names := range [...][]string{m.Learned.Env, m.Learned.Files} {
		if len(names) > format.MaxNames {
			return fmt.Errorf("%w: %d learned inputs", ErrTooLarge, len(names))
		}
		for _, n := range names {
			if len(n) > format.MaxName {
				return fmt.Errorf("%w: learned input with a name of %d bytes", ErrTooLarge, len(n))
			}
		}
	}
	return nil
}

// finish closes the frame table and the body.
func (p *Pending) finish(m Meta) (*format.Header, error) {
	p.tableBuf = p.frames.End(p.tableBuf)
	m.Outputs, m.OutputsLen = p.outputs, p.outputsLen
	h := &format.Header{
		Meta: m, Stdout: p.sizes[0], Stderr: p.sizes[1], Table: p.tableBuf,
		TableLen: int64(len(p.tableBuf)), Seal: p.seal,
	}
	if h.Outputs == nil {
		// the body was written for those who follow: the entry needs its room
		if p.order.open && h.BodyLen() <= format.InlineMax {
			p.dropSpool(&p.body)
			p.dropSpool(&p.order)
		}
		if !p.body.open {
			return h, nil
		}
		if err := p.endBody(); err != nil {
			return nil, err
		}
	}
	if p.table.open {
		h.Table, h.TableLen, h.TableBehind = nil, p.table.size, true
	}
	p.sums.settled().Describe(h)
	return h, nil
}

// endBody writes what of the body, and of a frame table that lies behind it, was not written yet.
func (p *Pending) endBody() error {
	if !p.order.open {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.table.open {
		return p.appendTable()
	}
	return nil
}

// appendTable copies a long frame table behind the body.
func (p *Pending) appendTable() error {
	if err := p.spillTable(); err != nil {
		return err
	}
	buf := make([]byte, format.ChunkSize)
	from := section{f: bodyFile{File: p.table.f}, end: p.table.size}
	for {
		n, err := from.Read(buf)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.writeBody(buf[:n], false); err != nil {
			return err
		}
	}
}

func (p *Pending) inline(h *format.Header) []byte {
	if h.InFile {
		return nil
	}
	return p.tail
}

// storedEntry is what a commit replaces.
type storedEntry struct {
	size   int64 // as it is counted; 0: there is none
	inFile bool
	sum    [32]byte
}

// stored looks at what a commit will replace. A newer version's entry must stay.
func (d *entries) stored(key hashing.Key, s Slot) (storedEntry, error) {
	f, fi, err := d.v1.OpenRead(entryName(key, s))
	if err != nil {
		return storedEntry{}, nil // nothing, or nothing that counts
	}
	defer f.Close()
	var b [format.PrefixSize]byte
	if n, _ := f.ReadAt(b[:], 0); format.NewerThanUs(b[:n]) {
		return storedEntry{}, ErrNewer
	}
	h, err := peek(f, fi.Size)
	if err != nil {
		// who knows what it was counted as: not less than this
		return storedEntry{size: min(onDisk(fi.Size), onDisk(1))}, nil
	}
	old := storedEntry{size: onDisk(fi.Size)}
	if h.InFile {
		old.inFile, old.sum = true, h.Sum
		old.size += d.bodySize(key, s, h.Sum)
	}
	return old, nil
}

// bodySize returns how much a body beside its entry takes. The entry may be damaged, so what it says of that is not
// asked.
func (d *entries) bodySize(key hashing.Key, s Slot, sum [32]byte) int64 {
	fi, err := d.v1.Stat(bodyName(key, s, sum))
	if err != nil || !fi.Regular {
		return 0
	}
	return onDisk(fi.Size)
}

// publish puts the body in its place and renames the entry. If that fails, the body goes again, unless it is also the
// old entry's.
func (p *Pending) publish(h *format.Header, s Slot, content []byte, old storedEntry) error {
	if fi, err := p.entry.Info(); err != nil || fi.Links == 0 {
		return ErrPurged
	}
	if h.InFile {
		if err := p.publishBody(h, s, old.inFile && old.sum == h.Sum); err != nil {
			return err
		}
	}
	err := p.publishEntry(entryName(h.Key, s), content)
	switch {
	case err == nil && h.InFile:
		return p.d.settle(h.Key, s, h.Sum)
	case err != nil && h.InFile && (!old.inFile || old.sum != h.Sum):
		p.d.dropBody(h.Key, s, h.Sum)
	}
	return err
}

func (p *Pending) publishEntry(name string, content []byte) error {
	from := p.base + runSuffix
	err := p.entry.WriteAt(content, 0)
	if err == nil {
		err = p.entry.Truncate(int64(len(content)))
	}
	if err != nil {
		return p.d.v1.PathError("write", from, err)
	}
	move := p.d.v1.Exchange
	if p.isNew {
		move = p.d.v1.MoveNew
	}
	err = move(from, name)
	if errors.Is(err, fs.ErrNotExist) {
		if fi, serr := p.entry.Info(); serr == nil && fi.Links == 0 {
			return ErrPurged
		}
	}
	return err
}

// publishBody gives the body its name beside the entry. Where there is a sound blob of the same content that one is
// used, else the body becomes the blob, over a damaged one if need be. The second link is made first in both cases:
// a blob that is on its way to an entry never looks like garbage. A blob that only the entry has which is replaced is
// not read to know whether it is sound, for that takes longer than to put the new one there.
func (p *Pending) publishBody(h *format.Header, s Slot, again bool) error {
	t := p.d.v1
	body, link := p.body.name, p.base+linkSuffix
	blob, beside := blobName(h.Sum), bodyName(h.Key, s, h.Sum)
	defer func() { _ = t.Remove(link) }() // a rename over a link of the same file leaves both
	if p.linked || !(again && p.d.onlyBeside(blob, beside)) && p.linkBlob(h) {
		return t.Exchange(link, beside) // what was recorded of it goes with the other spools
	}
	if t.Link(body, link) != nil {
		return t.Exchange(body, beside) // no hard links here, or too many of them: this entry keeps it for itself
	}
	if err := t.Exchange(body, blob); err != nil {
		return err
	}
	if err := t.Exchange(link, beside); err != nil {
		if fi, serr := t.Stat(blob); serr == nil && fi.Links <= 2 {
			_ = t.Remove(blob)
		}
		return err
	}
	return nil
}

// onlyBeside reports whether a blob is the body of one entry and of no other.
func (d *entries) onlyBeside(blob, beside string) bool {
	shared, err := d.v1.Stat(blob)
	if err != nil || shared.Links > 2 {
		return false
	}
	own, err := d.v1.Stat(beside)
	return err == nil && own.ID == shared.ID
}

// linkBlob gives the blob that holds an entry's body a pending name, which keeps it from being taken for garbage, if
// there is a sound one.
func (p *Pending) linkBlob(h *format.Header) bool {
	link := p.base + linkSuffix
	if p.d.v1.Link(blobName(h.Sum), link) != nil {
		return false
	}
	if p.linked = p.sameBody(link, h); !p.linked {
		_ = p.d.v1.Remove(link)
	}
	return p.linked
}

// sameBody reports whether a file holds exactly the body that an entry speaks of. It is read, because damage must not
// be inherited.
func (p *Pending) sameBody(name string, h *format.Header) bool {
	f, fi, err := p.d.v1.OpenRead(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return fi.Size == h.FileLen() && verifyChunks(f, fi.Size, h.Chunks) == nil
}

// dropBody removes a body from beside its entry, and its blob if no other entry has it.
func (d *entries) dropBody(key hashing.Key, s Slot, sum [32]byte) {
	_ = d.v1.Remove(bodyName(key, s, sum))
	_ = d.settle(key, s, sum)
	d.dropBlob(sum)
}

// settle looks whether an entry that names a body has it. A store that puts an entry in place and somebody who removes
// an older one with the same body may overlap, so both look when they are through: whoever is last finds the body
// missing, and puts it back or takes the entry away.
func (d *entries) settle(key hashing.Key, s Slot, sum [32]byte) error {
	now, err := d.stored(key, s)
	if err != nil || !now.inFile || now.sum != sum {
		return nil
	}
	if _, err := d.v1.Stat(bodyName(key, s, sum)); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if d.v1.Link(blobName(sum), bodyName(key, s, sum)) == nil {
		return nil
	}
	_ = d.v1.Remove(entryName(key, s))
	return ErrPurged
}

func (d *entries) dropBlob(sum [32]byte) {
	if fi, err := d.v1.Stat(blobName(sum)); err == nil && fi.Regular && fi.Links == 1 {
		_ = d.v1.Remove(blobName(sum))
	}
}

// age is how long ago a file was changed, by the real clock.
func age(fi tree.Info) time.Duration { return time.Since(fi.ModTime) }
