package pack

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"github.com/cespare/xxhash/v2"
)

// An archive is a head and frames, one for each result:
//
//	head    magic 8, version 4, zeros 4, xxhash64 of these 8
//	frame   mark 7, 0xff, then with each further mark in it made longer by a zero:
//	        length of the sealed value 8, xxhash64 of that 8, the sealed value (remote/envelope.go), which ends in
//	        the SHA-256 of all that it holds
//
// So 0xff stands behind a mark only where a frame begins, whatever a command wrote, be it an archive itself. Who reads
// looks for that, and needs nothing before or behind a frame: damage costs the frames that it is in.

const (
	magic    = "cachexP\n"
	version  = 1
	headSize = 24

	frameHead = 16 // bytes behind the mark
	opens     = 0xff
	stuffed   = 0
)

// mark begins with a byte that is not in it again, so a search for it never has to go back. No end of it is how a
// sealed value begins.
var mark = []byte("\xc7cachxF")

func archiveHead() []byte { return headOf(version) }

func headOf(version uint32) []byte {
	b := append(make([]byte, 0, headSize), magic...)
	b = binary.LittleEndian.AppendUint32(b, version)
	b = binary.LittleEndian.AppendUint32(b, 0)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// headVersion is what the head of an archive says; 0: it is damaged, or there is none.
func headVersion(b []byte) uint32 {
	if len(b) < headSize || string(b[:8]) != magic || xxhash.Sum64(b[:16]) != binary.LittleEndian.Uint64(b[16:]) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[8:])
}

// frameStart is what stands before a sealed value of so many bytes.
func frameStart(size int64) []byte {
	length := binary.LittleEndian.AppendUint64(nil, uint64(size))
	var b bytes.Buffer
	b.Write(mark)
	b.WriteByte(opens)
	s := stuffer{w: &b}
	_, _ = s.Write(binary.LittleEndian.AppendUint64(length, xxhash.Sum64(length))) // a buffer takes everything
	return b.Bytes()
}

// stuffer makes marks longer.
type stuffer struct {
	w       io.Writer
	matched int // bytes of a mark
	buf     []byte
}

func (s *stuffer) Write(p []byte) (int, error) {
	s.buf = s.buf[:0]
	for _, b := range p {
		s.buf = append(s.buf, b)
		switch b {
		case mark[s.matched]:
			s.matched++
		case mark[0]:
			s.matched = 1
		default:
			s.matched = 0
		}
		if s.matched == len(mark) {
			s.buf, s.matched = append(s.buf, stuffed), 0
		}
	}
	if _, err := s.w.Write(s.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// scanner reads what lies between the marks of frames, as it was before marks in it were made longer.
type scanner struct {
	r    *bufio.Reader
	rest []byte // of a mark that was read, and has not been given
	err  error  // of the source
}

var errMark = errors.New("a byte behind a mark is none of the two that may be there")

// Read reads to the next frame, or the end of the archive, both of which are io.EOF.
func (s *scanner) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(s.rest) == 0 {
		b, err := s.r.Peek(1)
		if err != nil {
			return 0, s.end(err)
		}
		if b[0] != mark[0] {
			return s.plain(p), nil
		}
		if err := s.marked(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// plain gives bytes before a mark, at least one.
func (s *scanner) plain(p []byte) int {
	b, _ := s.r.Peek(min(len(p), s.r.Buffered()))
	if i := bytes.IndexByte(b, mark[0]); i > 0 {
		b = b[:i]
	}
	n := copy(p, b)
	_, _ = s.r.Discard(n) // it is in the buffer
	return n
}

// marked reads a mark, or what only begins as one, into rest.
func (s *scanner) marked() error {
	b, err := s.r.Peek(len(mark) + 1)
	if len(b) <= len(mark) && !errors.Is(err, io.EOF) {
		return s.end(err)
	}
	n, skip := 1, 0
	if len(b) > len(mark) && bytes.HasPrefix(b, mark) {
		switch b[len(mark)] {
		case opens:
			return io.EOF
		case stuffed:
			n, skip = len(mark), 1
		default:
			_, _ = s.r.Discard(len(mark))
			return errMark
		}
	}
	s.rest = mark[:n]
	_, _ = s.r.Discard(n + skip)
	return nil
}

func (s *scanner) end(err error) error {
	if !errors.Is(err, io.EOF) {
		s.err = err
	}
	return err
}

// next goes to the next frame, and says how many bytes lay before it. io.EOF: there is none.
func (s *scanner) next() (skipped int64, err error) {
	for {
		n, err := io.Copy(io.Discard, s)
		skipped += n
		if !errors.Is(err, errMark) {
			break
		}
		skipped += int64(len(mark))
	}
	s.rest = nil
	if s.err != nil {
		return skipped, s.err
	}
	if b, _ := s.r.Peek(1); len(b) == 0 {
		return skipped, io.EOF
	}
	_, err = s.r.Discard(len(mark) + 1)
	return skipped, err
}

// length reads what stands before a sealed value.
func (s *scanner) length() (int64, error) {
	var b [frameHead]byte
	if _, err := io.ReadFull(s, b[:]); err != nil {
		return 0, errFrame
	}
	size := binary.LittleEndian.Uint64(b[:])
	if xxhash.Sum64(b[:8]) != binary.LittleEndian.Uint64(b[8:]) || size > 1<<62 {
		return 0, errFrame
	}
	return int64(size), nil
}

var errFrame = errors.New("what stands before it is damaged")
