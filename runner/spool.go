package runner

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// spool keeps what both streams wrote in the order of arrival: the latest 256 KiB in memory, and all before that in a
// file without a name. It is records, one behind the other: a byte for the stream, the length in four bytes, little
// endian, and as many bytes. So neither a long output nor a long alternation of the streams costs memory.
type spool struct {
	tail []byte   // whole records
	open int      // where the last record of tail begins; valid if tail is not empty
	file *os.File // nil as long as everything is in tail
	size int64    // of the whole records in file: behind it there may be a part of a write that failed
}

const (
	recordHead = 5
	spoolTail  = slotSize
)

// add appends b. After an error the first n bytes of it are in the spool, which takes no more.
func (s *spool) add(id Stream, b []byte) (n int, err error) {
	for n < len(b) {
		if !s.continues(id) {
			if cap(s.tail)-len(s.tail) <= recordHead {
				if err := s.flush(); err != nil {
					return n, err
				}
			}
			s.open = len(s.tail)
			s.tail = append(s.tail, byte(id), 0, 0, 0, 0)
		}
		part := b[n:min(len(b), n+cap(s.tail)-len(s.tail))]
		s.tail = append(s.tail, part...)
		binary.LittleEndian.PutUint32(s.tail[s.open+1:], uint32(len(s.tail)-s.open-recordHead))
		n += len(part)
	}
	return n, nil
}

// continues reports whether the last record can take more bytes of the stream.
func (s *spool) continues(id Stream) bool {
	return len(s.tail) > 0 && len(s.tail) < cap(s.tail) && s.tail[s.open] == byte(id)
}

// flush makes room in tail: for the first time by making it, then by writing it to the file.
func (s *spool) flush() (err error) {
	if s.tail == nil {
		s.tail = make([]byte, 0, spoolTail)
		return nil
	}
	if s.file == nil {
		if s.file, err = UnnamedFile(); err != nil {
			return err
		}
	}
	if _, err := s.file.WriteAt(s.tail, s.size); err != nil {
		return err
	}
	s.size += int64(len(s.tail))
	s.tail = s.tail[:0]
	return nil
}

// each calls take with everything from the beginning. The bytes are valid until take returns.
func (s *spool) each(take func(id Stream, b []byte)) error {
	var all io.Reader = bytes.NewReader(s.tail)
	if s.file != nil {
		all = io.MultiReader(io.NewSectionReader(s.file, 0, s.size), all)
	}
	r := bufio.NewReaderSize(all, spoolTail) // as large as any record
	for {
		head, err := r.Peek(recordHead)
		if errors.Is(err, io.EOF) && len(head) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read spool: %w", err)
		}
		id, n := Stream(head[0]), int(binary.LittleEndian.Uint32(head[1:]))
		record, err := r.Peek(recordHead + n)
		if err != nil {
			return fmt.Errorf("read spool: %w", err)
		}
		take(id, record[recordHead:])
		r.Discard(recordHead + n)
	}
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}
