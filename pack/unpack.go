package pack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/remote/contract"
)

// maxEntry is the size in bytes of an entry file that is read: none is larger, and bodies lie apart.
const maxEntry = 65 << 20

// Errors of Unpack.
var (
	ErrNoArchive = errors.New("it is no archive of cachex pack")
	ErrNewer     = errors.New("it was written by a newer version of cachex")
	errShort     = fmt.Errorf("%w: shorter than it says", contract.ErrDamaged)
	errLong      = fmt.Errorf("%w: longer than it says", contract.ErrDamaged)
)

// Counts are what became of the entries of an archive.
type Counts struct{ Taken, Known, Refused int }

// Unpack stores the entries of an archive, and calls refused with why one is not; what is here and as new is no reason.
// Memory does not depend on what the archive says. The error is that of the source, or that this is no archive.
func Unpack(src io.Reader, dir *cachedir.Dir, sealer contract.Sealer, refused func(error)) (n Counts, err error) {
	s := &scanner{r: bufio.NewReaderSize(src, 256<<10)}
	refuse := func(err error) {
		n.Refused++
		refused(err)
	}
	head, _ := s.r.Peek(headSize)
	known := headVersion(head)
	switch {
	case known > version:
		return n, ErrNewer
	case known == version:
		_, _ = s.r.Discard(headSize)
	}
	for frames, broken := 0, false; ; frames++ {
		skipped, err := s.next()
		switch {
		case s.err != nil:
			return n, s.err
		case err != nil && known == 0 && frames == 0:
			return n, ErrNoArchive
		case skipped > 0 && !broken: // else they are what was left of a refused one
			refuse(fmt.Errorf("%d bytes that are no entry", skipped))
		}
		if err != nil {
			return n, nil
		}
		took, err := unpackFrame(s, dir, sealer)
		broken = err != nil
		switch {
		case s.err != nil:
			return n, s.err
		case broken:
			refuse(fmt.Errorf("entry %d: %w", frames+1, err))
		case took:
			n.Taken++
		default:
			n.Known++
		}
	}
}

// unpackFrame stores the entry of a frame, unless what is here is as new.
func unpackFrame(s *scanner, dir *cachedir.Dir, sealer contract.Sealer) (took bool, err error) {
	size, err := s.length()
	if err != nil {
		return false, err
	}
	most := min(dir.MaxSize(), math.MaxInt64-3*maxEntry) + 3*maxEntry
	pr, pw := io.Pipe()
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		_, err := sealer.Open(pw, sealedAs, nil, io.LimitReader(s, size), most)
		_ = pw.CloseWithError(err) // nil is the end of file, which comes only if all is right
	}()
	took, err = take(pr, dir)
	_ = pr.Close()
	<-opened // who reads on needs the source
	return took, err
}

// take stores what was sealed: the result first, and then what leads there. Nothing of it may be believed before its
// end was read.
func take(src io.Reader, dir *cachedir.Dir) (took bool, err error) {
	way, err := readEntry(src)
	if err != nil {
		return false, err
	}
	content, err := readEntry(src)
	if err != nil {
		return false, err
	}
	took, err = takeResult(content, src, dir)
	if err == nil && len(way) > 0 {
		_, err = takeResult(way, bytes.NewReader(nil), dir)
	}
	return took, err
}

// takeResult stores an entry with its body.
func takeResult(content []byte, body io.Reader, dir *cachedir.Dir) (took bool, err error) {
	in, err := cachedir.ImportPacked(dir, content)
	if errors.Is(err, cachedir.ErrNotNewer) {
		return false, drain(body, dir.MaxSize())
	}
	if err != nil {
		return false, err
	}
	defer in.Discard()
	if _, size, needed := in.NeedsBody(); needed {
		err = in.WriteBody(body)
	} else {
		err = drain(body, size)
	}
	if err == nil {
		err = in.Commit()
	}
	if errors.Is(err, cachedir.ErrSuperseded) {
		return false, nil
	}
	return err == nil, err
}

// readEntry reads an entry file behind its length. Memory is taken as its bytes come.
func readEntry(src io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(src, length[:]); err != nil {
		return nil, short(err)
	}
	size := int64(binary.LittleEndian.Uint32(length[:]))
	if size > maxEntry {
		return nil, errLong
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, src, size); err != nil {
		return nil, short(err)
	}
	return b.Bytes(), nil
}

func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errShort
	}
	return err
}

// drain reads what nobody needs, to the end that tells whether all was right.
func drain(src io.Reader, most int64) error {
	n, err := io.Copy(io.Discard, io.LimitReader(src, most))
	if err == nil && n == most {
		_, err = io.ReadFull(src, make([]byte, 1))
		switch {
		case err == nil:
			return errLong
		case errors.Is(err, io.EOF):
			return nil
		}
	}
	return err
}
