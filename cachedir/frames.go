package cachedir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A frame table says in which order the two streams were delivered. A frame is the longest run of bytes of one
// stream: its length and its stream in one unsigned varint, length*2 + stream. Output of one stream is one frame.

// frameWriter makes a frame table out of what is appended.
type frameWriter struct {
	stream uint8
	size   int64 // of the frame that is still growing
	count  int64
}

// add notes n more bytes of a stream, and appends to b the frame that ends by that.
func (w *frameWriter) add(b []byte, stream uint8, n int) []byte {
	if w.size > 0 && stream != w.stream {
		b = w.end(b)
	}
	w.stream = stream
	w.size += int64(n)
	return b
}

// end appends the last frame.
func (w *frameWriter) end(b []byte) []byte {
	if w.size > 0 {
		b = binary.AppendUvarint(b, uint64(w.size)<<1|uint64(w.stream))
		w.size = 0
		w.count++
	}
	return b
}

// frameReader reads a frame table and holds it to the sizes of the streams.
type frameReader struct {
	r              io.ByteReader
	stdout, stderr int64 // bytes that the frames to come must add up to
}

// next returns the next frame; io.EOF after the last, when nothing is missing.
func (r *frameReader) next() (stream uint8, size int64, err error) {
	v, err := binary.ReadUvarint(r.r)
	if errors.Is(err, io.EOF) && r.stdout == 0 && r.stderr == 0 {
		return 0, 0, io.EOF
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w: frame table", errSpoiled)
	}
	stream, size = uint8(v&1), int64(v>>1)
	left := &r.stdout
	if stream == 1 {
		left = &r.stderr
	}
	if size == 0 || size > *left {
		return 0, 0, fmt.Errorf("%w: frame table", errSpoiled)
	}
	*left -= size
	return stream, size, nil
}
