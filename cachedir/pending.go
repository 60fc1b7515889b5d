package cachedir

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"sync"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
)

// What is being written lies in pending/ under names that begin with the key and a random word:
//
//	<key>.<word>.run    becomes the entry; until then it says which run this is, and is locked by it
//	<key>.<word>.body   a large body
//	<key>.<word>.table  its frame table, while that is long
//	<key>.<word>.link   a second name of the body, on its way to its place beside the entry
//	<key>.<word>.live   which bytes of the body belong to which stream, for those who follow
//	<key>.<word>.control  what the command says of its result; the command makes it, if anybody does
//	<digest>.outputs    which temporary files a restoration makes in a working directory
//	tmp.<word>          a small file on its way to its place
//	aside.<word>        what lay where a file belongs
//
// The rename of .run is the only commit, and it fails when the name is gone: so a purge only has to unlink the .run
// files that it means, and waits for nobody. The lock on .run ends with the process: a .run that can be locked was
// abandoned, and so is everything else under its name.

const (
	runSuffix     = ".run"
	bodySuffix    = ".body"
	tableSuffix   = ".table"
	linkSuffix    = ".link"
	controlSuffix = ".control"

	copyLess  = 32 << 10 // bytes of one append to a body that are written as they come, and not with others
	spaceStep = 16 << 20 // a growing body is held against the free space each time it grew by this much
)

// Pending is an entry that is being recorded. Append and Commit may be called from different goroutines.
type Pending struct {
	d        *Dir
	run      Run
	id       uint64 // the random word
	base     string // name without the last part
	mark     TagMark
	seal     *format.Seal // how it is encrypted; nil: not
	named    *stamp       // what its name stood for when it was begun; nil: none, or whatever that is goes
	cleaning *budget

	mu         sync.Mutex
	err        error // why nothing more is recorded
	entry      tree.File
	body       spool
	table      spool
	order      spool
	frames     format.FrameWriter
	tableBuf   []byte // what was not yet written to the table
	sizes      [2]int64
	tail       []byte  // what was not yet written to the body
	sums       summing // of what was written to it
	hidden     []byte  // for what is encrypted on its way there
	next       int64   // look at the free space when so much was written
	hasControl bool    // there is a control file
	outputs    []byte  // a list of files that the run made; nil: none
	outputsLen int64   // what they hold, which is in the body's file
	isNew      bool    // it becomes an entry only where none is
	linked     bool    // .link is the body of another entry, which has the same
}

// spool is a pending file that is only made when it is needed.
type spool struct {
	f    tree.File
	name string
	open bool
	size int64
}

// Begin opens a pending entry for a run that is about to start: purges from now on are held against it.
func (d *Dir) Begin(r Run) (*Pending, error) {
	if d.o.ReadOnly {
		return nil, ErrReadOnly
	}
	if len(r.Recipe) > format.MaxRecipe {
		return nil, fmt.Errorf("%w: recipe of %d bytes", ErrTooLarge, len(r.Recipe))
	}
	d.healMarks()
	// A tag whose count is damaged counts as purged once it is found so: before this run if possible, so that its
	// result is a hit. What is learned during the run is looked at by Commit.
	if err := d.healMarksOf(r.Key, r.Tags); err != nil {
		return nil, fmt.Errorf("begin an entry: %w", err)
	}
	mark, err := d.markOrHeal()
	if err != nil {
		return nil, fmt.Errorf("begin an entry: %w", err)
	}
	p := &Pending{d: d, run: r, mark: mark, seal: d.seal(), id: rand.Uint64(), cleaning: newBudget(), next: spaceStep}
	if isNamed(r) {
		was, err := d.stampOf(r.Key)
		if err != nil {
			return nil, fmt.Errorf("begin an entry: %w", err)
		}
		p.named = &was
	}
	p.base = "pending/" + r.Key.String() + "." + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, p.id))
	if err := d.makingRoom(p.cleaning, p.claim); err != nil {
		return nil, fmt.Errorf("begin an entry: %w", err)
	}
	return p, nil
}

// claim makes the .run file, locks it, and writes into it which run this is.
func (p *Pending) claim() error {
	name := p.base + runSuffix
	f, err := p.d.v1.Create(name)
	if err != nil {
		return err
	}
	if err = f.TryLock(); errors.Is(err, tree.ErrLocked) {
		err = ErrPurged // the cleaner has it already
	} else if err = f.WriteAll(format.EncodeRun(p.run, p.seal)); err != nil {
		err = p.d.v1.PathError("write", name, err)
	}
	if err != nil {
		_ = p.d.v1.Remove(name)
		f.Close()
		return err
	}
	p.entry = f
	return nil
}

// Mark is the moment in the history of purges at which the run began.
func (p *Pending) Mark() TagMark { return p.mark }

// Retarget makes the entry one of another recipe of the same command: of what the run has turned out to be.
func (p *Pending) Retarget(r Run) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run = r; !isNamed(r) { // it has learned of inputs
		p.named = nil
	}
}

// ControlPath is the absolute path of the file in which the command may say something of its result. It does not exist
// yet. Once it was read it is removed with the pending entry; one that was not, by the cleaner.
func (p *Pending) ControlPath() string {
	return p.d.v1.Path(p.base + controlSuffix)
}

// Control returns what the command said: nothing if there is no such file. One that is no regular file of ours, or
// larger than limit bytes, is an error.
func (p *Pending) Control(limit int64) ([]byte, error) {
	text, there, err := readWritten(p.d.v1, p.base+controlSuffix, limit)
	p.hasControl = p.hasControl || there
	return text, err
}

// readWritten reads a file that others write: nothing, if there is none. One that is no regular file of ours, or larger
// than limit bytes, is an error.
func readWritten(t *tree.Tree, name string, limit int64) (text []byte, there bool, err error) {
	f, fi, err := t.OpenWritten(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	if fi.Size > limit {
		return nil, true, fmt.Errorf("more than %d bytes", limit)
	}
	b := make([]byte, fi.Size)
	n, err := f.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, true, err
	}
	return b[:n], true, nil
}

// Size is the number of bytes appended so far.
func (p *Pending) Size() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sizes[0] + p.sizes[1]
}

// Append records bytes of a stream, 0 for stdout and 1 for stderr, in the order of delivery. After an error nothing
// is left of the entry on disk, and Append and Commit return that error.
func (p *Pending) Append(stream uint8, b []byte) error {
	err := p.AppendLasting(stream, b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sums.settled()
	return err
}

// AppendLasting is Append of bytes that stay as they are until Release has called a function that was given to it
// afterwards.
func (p *Pending) AppendLasting(stream uint8, b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if stream > 1 {
		return p.fail(fmt.Errorf("no stream %d", stream))
	}
	if err := p.append(stream, b); err != nil {
		return p.fail(fmt.Errorf("record output: %w", err))
	}
	return nil
}

// Release calls free once nothing that AppendLasting was given before is read any more.
func (p *Pending) Release(free func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sums.after(free)
}

func (p *Pending) append(stream uint8, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.sizes[stream] += int64(len(b))
	size := p.sizes[0] + p.sizes[1]
	if size > p.d.o.MaxSize {
		return ErrTooLarge
	}
	if err := p.checkSpace(size + p.order.size); err != nil {
		return err
	}
	if err := p.addFrame(stream, len(b)); err != nil {
		return err
	}
	if p.order.open {
		return p.appendPublished(stream, b)
	}
	if len(b) > format.InlineMax || p.body.size > 0 && len(b) >= copyLess {
		if err := p.flush(); err != nil {
			return err
		}
		return p.writeBody(b, true)
	}
	if len(p.tail)+len(b) > format.InlineMax {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.tail == nil && len(b) > 32<<10 {
		p.tail = make([]byte, 0, format.InlineMax)
	}
	p.tail = append(p.tail, b...)
	return nil
}

// checkSpace looks now and then whether a growing body leaves the free space that is not ours to take.
func (p *Pending) checkSpace(size int64) error {
	if size <= p.next {
		return nil
	}
	p.next = size + spaceStep
	if free, floor := p.d.room(); free < floor {
		return ErrNoRoom
	}
	return nil
}

// addFrame keeps the frame table in memory as long as it is short.
func (p *Pending) addFrame(stream uint8, n int) error {
	p.tableBuf = p.frames.Add(p.tableBuf, stream, n)
	if len(p.tableBuf) <= format.MaxTable-16 {
		return nil
	}
	return p.spillTable()
}

// spillTable writes what there is of the frame table to its file.
func (p *Pending) spillTable() error {
	if err := p.spill(&p.table, tableSuffix, p.tableBuf); err != nil {
		return err
	}
	p.tableBuf = p.tableBuf[:0]
	return nil
}

// flush writes the tail to the body's file. There is a file of an empty body, too.
func (p *Pending) flush() error {
	if len(p.tail) == 0 && p.body.open {
		return nil
	}
	if err := p.writeBody(p.tail, false); err != nil {
		return err
	}
	p.tail = p.tail[:0]
	return nil
}

// writeBody writes b; lasting: it stays as it is for so long that its sums can be taken meanwhile.
func (p *Pending) writeBody(b []byte, lasting bool) error {
	if p.seal != nil {
		lasting = false
		p.hidden = append(p.hidden[:0], b...) // b is the caller's, who may go on to print it
		b = p.hidden
		p.seal.XOR(format.PartBody, p.body.size, b)
	}
	if err := p.spill(&p.body, bodySuffix, b); err != nil {
		return err
	}
	if lasting && p.body.size > sumBeside {
		p.sums.addLater(b)
	} else {
		p.sums.add(b)
	}
	return nil
}

func (p *Pending) spill(s *spool, suffix string, b []byte) error {
	if !s.open {
		f, err := p.d.v1.Create(p.base + suffix)
		if err != nil {
			return err
		}
		*s = spool{f: f, name: p.base + suffix, open: true}
	}
	if err := s.f.WriteAll(b); err != nil {
		return p.d.v1.PathError("write", s.name, err)
	}
	s.size += int64(len(b))
	return nil
}

// fail gives up: what is on disk is removed at once, because the disk may be full.
func (p *Pending) fail(err error) error {
	p.err = err
	p.drop()
	return err
}

// Discard ends a pending entry that was not committed, and removes what it left. After Commit it does nothing.
func (p *Pending) Discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		_ = p.fail(ErrClosed)
	}
}

// drop removes the pending files, the large ones first, and closes them.
func (p *Pending) drop() {
	p.dropSpools()
	_ = p.d.v1.Remove(p.base + runSuffix)
	p.entry.Close()
}

func (p *Pending) dropSpools() {
	p.sums.settled()
	if p.hasControl {
		_ = p.d.v1.Remove(p.base + controlSuffix)
	}
	if p.linked {
		_ = p.d.v1.Remove(p.base + linkSuffix)
	}
	for _, s := range [...]*spool{&p.body, &p.table, &p.order} {
		p.dropSpool(s)
	}
	p.tail, p.tableBuf = nil, nil
}

func (p *Pending) dropSpool(s *spool) {
	if s.open {
		s.open = false
		_ = p.d.v1.Remove(s.name)
		s.f.Close()
	}
}
