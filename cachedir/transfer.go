package cachedir

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// An entry goes to another machine in two pieces: the bytes of its file, and its body if that has a file of its own,
// under the name of its SHA-256. What comes from there is believed in nothing. All of it is held to its checksums and
// to the recipe that was asked for before it gets a name here, and it gets that name as a run's own result does:
// through a pending entry that purges can forbid, under the same limits, by the same rename.
//
// What is the writer's is kept: when it ran and how it ended, how long it wanted that kept. What only means something
// on the writer's machine is not: its boot clock, and its counts of purges. For those of this directory the entry
// counts as begun when the import was, so that has to be before the other machine is asked.

// Exported is an entry as it goes to another machine.
type Exported struct {
	Content []byte            // the entry file
	BodySum [32]byte          // SHA-256 of the body
	Body    *io.SectionReader // nil if the body is in Content; else readable until the entry is closed
}

// Export returns what another directory needs to import the entry, decrypted. The body is not verified: a damaged one
// is not imported. One that was encrypted is read for the checksums of what it hides, and an error if it is damaged. A
// private entry is ErrPrivate, one that only this machine can have ErrLocal.
func (e *Entry) Export() (Exported, error) { return e.export(*e.h) }

func (e *Entry) export(h format.Header) (Exported, error) {
	if e.Private {
		return Exported{}, ErrPrivate
	}
	if isLocal(e.Recipe) {
		return Exported{}, ErrLocal
	}
	if h.Seal != nil && h.InFile {
		s, err := e.plainSums()
		if err != nil {
			return Exported{}, err
		}
		s.Describe(&h)
	}
	h.Seal = nil
	x := Exported{Content: h.Encode(e.inline)}
	if h.InFile {
		x.BodySum, x.Body = h.Sum, io.NewSectionReader(bodyReader{e}, 0, h.FileLen())
	}
	return x, nil
}

// plainSums reads an encrypted body, and verifies it meanwhile.
func (e *Entry) plainSums() (s format.Sums, err error) {
	buf := make([]byte, format.ChunkSize)
	size := e.h.FileLen()
	for i, want := range e.h.Chunks {
		off := int64(i) * format.ChunkSize
		b := buf[:min(format.ChunkSize, size-off)]
		if _, err := e.body.ReadAt(b, off); err != nil {
			return s, err
		}
		if xxhash.Sum64(b) != want {
			return s, fmt.Errorf("%w: checksum of chunk %d of the body", format.ErrSpoiled, i)
		}
		e.h.Seal.XOR(format.PartBody, off, b)
		s.Add(b)
	}
	return s, nil
}

// bodyReader reads an entry's body as long as the entry is open.
type bodyReader struct{ e *Entry }

// ReadAt is that of io.ReaderAt.
func (r bodyReader) ReadAt(b []byte, off int64) (int, error) {
	if !r.e.open {
		return 0, ErrClosed
	}
	return r.e.body.readPlainAt(b, off)
}

// Import is an entry of another machine that is being stored here. After an error nothing is left of it.
type Import struct {
	p      *Pending
	h      *format.Header // nil: not read yet
	inline []byte
	plain  format.Sums // of the body as it came, where it is encrypted here
	whole  bool        // the body is here
	packed bool        // it comes from an archive
}

// BeginImport opens a pending entry for what another machine may have of a run. It comes before that machine is asked:
// purges from now on are held against the answer.
func (d *Dir) BeginImport(r Run) (*Import, error) {
	p, err := d.Begin(r)
	if err != nil {
		return nil, err
	}
	return &Import{p: p}, nil
}

// Import is BeginImport and Read at once, for content that no purge can have overtaken.
func (d *Dir) Import(r Run, content []byte) (*Import, error) {
	i, err := d.BeginImport(r)
	if err == nil {
		err = i.Read(content)
	}
	if err != nil {
		return nil, err
	}
	return i, nil
}

func isLocal(recipe []byte) bool {
	_, local := hashing.Local(recipe)
	return local
}

// Read takes the bytes of an entry file, which it keeps. What is damaged, or is the entry of another recipe, is a *Miss
// with the reason Corrupt, what a newer version wrote one with Version; a private entry is ErrPrivate, one that
// only another machine can have ErrLocal, one that is larger than this directory may be ErrTooLarge.
func (i *Import) Read(content []byte) error {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	if i.p.err != nil {
		return i.p.err
	}
	if err := i.read(content); err != nil {
		return i.p.fail(fmt.Errorf("import: %w", err))
	}
	return nil
}

func (i *Import) read(content []byte) error {
	h, inline, err := format.DecodeEntry(content)
	switch r := i.p.run; {
	case errors.Is(err, format.ErrVersion):
		return &Miss{stats.Version, err}
	case err != nil:
		return &Miss{stats.Corrupt, err}
	case h.Key != r.Key || !r.IsOf(h.Recipe):
		return &Miss{stats.Corrupt, fmt.Errorf("%w: it is the entry of another key", format.ErrSpoiled)}
	case h.Learned != nil && h.Learned.Check() != nil:
		return &Miss{stats.Corrupt, fmt.Errorf("%w: %w", format.ErrSpoiled, h.Learned.Check())}
	case h.Private:
		return ErrPrivate
	case isLocal(h.Recipe):
		return ErrLocal
	case h.FileLen() > i.p.d.o.MaxSize:
		return ErrTooLarge
	}
	h.Command, i.p.run.Recipe = i.p.run.Command, h.Recipe
	h.BootID, h.StartedBoot, h.EndedBoot = [16]byte{}, 0, 0
	for t := range h.Tags {
		h.Tags[t].Seq = OwnSeq
	}
	h.Seal = i.p.seal
	i.h, i.inline, i.whole = h, inline, !h.InFile
	return nil
}

// Meta is what the writer says of the run, when Read has returned. The counts of purges are not in it before Commit.
func (i *Import) Meta() Meta { return i.h.Meta }

// MarkConcurrent makes the entry one that those accept who wait here now: it ended at this moment of a boot.
func (i *Import) MarkConcurrent(boot [16]byte, ended int64) {
	i.h.BootID, i.h.StartedBoot, i.h.EndedBoot = boot, 0, ended
}

// Slot is where the entry belongs.
func (i *Import) Slot() Slot { return i.h.Slot() }

// NeedsBody reports whether WriteBody must come before Commit, and what the body is. It must not if the entry holds its
// body, or if there is a sound one of the same content here already.
func (i *Import) NeedsBody() (sum [32]byte, size int64, needed bool) {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	if i.p.err != nil || !i.h.InFile {
		return [32]byte{}, 0, false
	}
	if !i.whole && i.h.Seal == nil {
		i.whole = i.p.linkBlob(i.h) && i.checkTable(i.p.base+linkSuffix) == nil
	}
	return i.h.Sum, i.h.FileLen(), !i.whole
}

// checkTable reads the frame table behind a body: a right checksum says that it is what was written, not that it is
// one.
func (i *Import) checkTable(name string) error {
	if !i.h.TableBehind {
		return nil
	}
	f, _, err := i.p.d.v1.OpenRead(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return i.h.CheckFrames(tableIn(i.h, bodyFile{f, i.h.Seal}))
}

// WriteBody takes the body, in constant memory, and ends with the first chunk that is not what the entry says. A body
// that differs in anything, in its length too, is a *Miss with the reason Corrupt; other errors are src's or the
// system's.
func (i *Import) WriteBody(src io.Reader) error {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	switch {
	case i.p.err != nil:
		return i.p.err
	case i.whole:
		return nil
	}
	err := i.copyBody(src)
	if err == nil {
		err = i.checkBody()
	}
	if errors.Is(err, format.ErrSpoiled) {
		err = &Miss{stats.Corrupt, err}
	}
	if err != nil {
		return i.p.fail(fmt.Errorf("import: %w", err))
	}
	i.whole = true
	return nil
}

// copyBody writes a body of the right length whose chunks have the right checksums.
func (i *Import) copyBody(src io.Reader) error {
	if err := i.p.writeBody(nil, false); err != nil { // there is a file of an empty one, too
		return err
	}
	buf := make([]byte, format.ChunkSize)
	for size := i.h.FileLen(); i.p.body.size < size; {
		b := buf[:min(format.ChunkSize, size-i.p.body.size)]
		n, err := io.ReadFull(src, b)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%w: the body ends after %d of %d bytes", format.ErrSpoiled, i.p.body.size+int64(n), size)
		}
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		if err := i.p.checkSpace(i.p.body.size); err != nil {
			return err
		}
		if i.h.Seal != nil {
			i.plain.Add(b)
		}
		if err := i.p.writeBody(b, false); err != nil {
			return err
		}
		if done := len(i.came().Chunks); !slices.Equal(i.came().Chunks, i.h.Chunks[:done]) {
			return fmt.Errorf("%w: checksum of chunk %d of the body", format.ErrSpoiled, done-1)
		}
	}
	if n, err := io.ReadFull(src, buf[:1]); n > 0 {
		return fmt.Errorf("%w: the body is longer than %d bytes", format.ErrSpoiled, i.p.body.size)
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

// came is what can be said of a body as it came.
func (i *Import) came() *format.Sums {
	if i.h.Seal != nil {
		return &i.plain
	}
	return i.p.sums.settled()
}

// checkBody is what can be said of a body when all of it is there.
func (i *Import) checkBody() error {
	sum, chunks := i.came().End()
	if !slices.Equal(chunks, i.h.Chunks) {
		return fmt.Errorf("%w: checksum of the body", format.ErrSpoiled)
	}
	if sum != i.h.Sum {
		return fmt.Errorf("%w: SHA-256 of the body", format.ErrSpoiled)
	}
	if i.h.Seal != nil {
		i.p.sums.settled().Describe(i.h)
	}
	return i.checkTable(i.p.body.name)
}

// Commit makes the entry visible under its key, as Pending.Commit does, and with the same errors. ErrLearned besides
// says that the run is known here to depend on inputs that the entry does not speak of.
func (i *Import) Commit() error {
	return i.p.end(func() error {
		if i.h == nil || !i.whole {
			return errors.New("the import is not complete")
		}
		if err := i.p.prepare(&i.h.Meta); err != nil {
			return err
		}
		if stored, err := i.storeFirst(); stored {
			return err
		}
		unlock, err := i.joinLearned()
		if err != nil {
			return err
		}
		defer unlock()
		return i.store()
	})
}

func (i *Import) store() error {
	return i.p.unlessSuperseded(i.h, func() error { return i.p.store(i.h, i.inline, false) })
}

// storeFirst stores a result where nothing is yet, without the lock of those who learn: what nobody has stored anything
// of has learned no inputs, and what comes in between keeps the entry from its place. False: all this is so, or may be,
// and nothing was stored. A body of its own would have a place already by then.
func (i *Import) storeFirst() (stored bool, err error) {
	if i.h.Learned != nil || i.h.InFile || i.h.Slot() != Good || i.p.d.Has(i.h.Key, Good) {
		return false, nil
	}
	i.p.isNew = true
	defer func() { i.p.isNew = false }()
	err = i.store()
	return err == nil || errors.Is(err, ErrPurged), err
}

// Detach returns the entry as Commit would have stored it, without storing it: its files have no names any more, and it
// is gone when it is closed. It has the errors of Commit that concern purges: ErrPurged.
func (i *Import) Detach() (*Entry, error) {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	if i.p.err != nil {
		return nil, i.p.err
	}
	e, err := i.detach()
	_ = i.p.fail(ErrClosed)
	return e, err
}

func (i *Import) detach() (*Entry, error) {
	if i.h == nil || !i.whole {
		return nil, errors.New("the import is not complete")
	}
	if err := i.p.prepare(&i.h.Meta); err != nil {
		return nil, err
	}
	return i.p.detached(i.h, i.inline)
}

// Detach is Import.Detach for an entry that was recorded here.
func (p *Pending) Detach(m Meta) (*Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return nil, p.err
	}
	err := p.prepare(&m)
	var e *Entry
	if err == nil {
		var h *format.Header
		if h, err = p.finish(m); err == nil {
			e, err = p.detached(h, slices.Clone(p.inline(h)))
		}
	}
	_ = p.fail(ErrClosed)
	return e, err
}

// detached is a pending entry whose body is complete, as an entry that lies nowhere.
func (p *Pending) detached(h *format.Header, inline []byte) (*Entry, error) {
	e := &Entry{
		Meta: h.Meta, Slot: h.Slot(), StdoutSize: h.Stdout, StderrSize: h.Stderr, LastUse: p.d.now(),
		d: p.d, h: h, inline: inline,
	}
	var err error
	if e.Soft, err = p.d.CheckTags(e.Meta); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPurged, err)
	}
	if _, err := p.d.v1.Stat(p.base + runSuffix); err != nil {
		return nil, ErrPurged // by name: a purge takes away what becomes the entry
	}
	if !h.InFile {
		return e, nil
	}
	name := p.body.name
	if p.linked {
		name = p.base + linkSuffix
	}
	f, _, err := p.d.v1.OpenRead(name)
	if err != nil {
		return nil, err
	}
	e.body, e.open = bodyFile{f, e.h.Seal}, true
	return e, nil
}

// joinLearned sees that no learned input is forgotten for an entry that does not know it: neither for a redirect that
// names fewer nor for a result that names none. unlock ends the time in which nobody else learns.
func (i *Import) joinLearned() (unlock func(), err error) {
	if i.h.Slot() == Failed {
		return func() {}, nil
	}
	unlock, locked, err := i.p.d.lockLearning(i.h.Key)
	if err == nil && !locked && i.h.Learned != nil {
		err = tree.ErrNoLocks // as Learn does; a result needs no lock of a redirect that is not there
	}
	if err != nil {
		return nil, err
	}
	i.keepSets()
	known := i.p.d.Redirect(i.h.Key, i.h.Recipe)
	if known != nil && i.h.Learned != nil {
		i.h.Learned.Sets = mergeSets(i.h.Learned.Sets, known.Sets)
	}
	if known != nil && (i.h.Learned == nil || !i.h.Learned.Covers(*known)) {
		unlock()
		return nil, ErrLearned
	}
	return unlock, nil
}

// Discard ends an import that was not committed, and removes what it left. After Commit it does nothing.
func (i *Import) Discard() { i.p.Discard() }
