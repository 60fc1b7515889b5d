package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A frame table says in which order the two streams were delivered. A frame is the longest run of bytes of one
// stream: its length and its stream in one unsigned varint, length*2 + stream. Output of one stream is one frame.

// FrameWriter makes a frame table out of what is appended.
type FrameWriter struct {
	Stream uint8
	Size   int64 // of the frame that is still growing
	count  int64
}

// Add notes n more bytes of a stream, and appends to b the frame that ends by that.
func (w *FrameWriter) Add(b []byte, stream uint8, n int) []byte {
	if w.Size > 0 && stream != w.Stream {
		b = w.End(b)
	}
	w.Stream = stream
	w.Size += int64(n)
	return b
}

// End appends the last frame.
func (w *FrameWriter) End(b []byte) []byte {
	if w.Size > 0 {
		b = binary.AppendUvarint(b, uint64(w.Size)<<1|uint64(w.Stream))
		w.Size = 0
		w.count++
	}
	return b
}

// FrameReader reads a frame table and holds it to the sizes of the streams.
type FrameReader struct {
	Table          io.ByteReader
	Stdout, Stderr int64 // bytes that the frames to come must add up to
}

// Next returns the next frame; io.EOF after the last, when nothing is missing.
func (r *FrameReader) Next() (stream uint8, size int64, err error) {
	v, err := binary.ReadUvarint(r.Table)
	if errors.Is(err, io.EOF) && r.Stdout == 0 && r.Stderr == 0 {
		return 0, 0, io.EOF
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w: frame table", ErrSpoiled)
	}
	stream, size = uint8(v&1), int64(v>>1)
	left := &r.Stdout
	if stream == 1 {
		left = &r.Stderr
	}
	if size == 0 || size > *left {
		return 0, 0, fmt.Errorf("%w: frame table", ErrSpoiled)
	}
	*left -= size
	return stream, size, nil
}
