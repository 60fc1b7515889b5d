package remote

import (
	"errors"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	compressLeast  = 1280    // bytes; below, a value goes in one packet, and a decoder is not worth its start
	compressWindow = 1 << 20 // bytes that the encoder looks back
	decompressMost = 8 << 20 // the longest window that is decoded: it takes memory, as who wrote the value chose
)

// newCompressor is an encoder that starts no goroutines and takes the same few MiB for any value.
func newCompressor(dst io.Writer) (*zstd.Encoder, error) {
	return zstd.NewWriter(
		dst, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(compressWindow),
		zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false),
	)
}

// compressorFor returns an encoder if the beginning of a value shrinks by a tenth, else nil.
func compressorFor(sample []byte) (*zstd.Encoder, error) {
	if len(sample) < compressLeast {
		return nil, nil
	}
	var size byteCount
	z, err := newCompressor(&size)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(sample); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil || int(size) > len(sample)/10*9 {
		return nil, err
	}
	return z, nil
}

// byteCount is a writer that only counts.
type byteCount int64

func (c *byteCount) Write(p []byte) (int, error) {
	*c += byteCount(len(p))
	return len(p), nil
}

// compress writes src to dst.
func compress(z *zstd.Encoder, dst io.Writer, src io.Reader) error {
	z.Reset(dst)
	if _, err := z.ReadFrom(src); err != nil {
		return err
	}
	return z.Close()
}

// decompress writes what src holds to dst, which stops it when there is too much. At most one block (128 KiB) more than
// dst takes is decoded. Errors of src and dst come back as they are; all others mean damage.
func decompress(dst *boundedWriter, src *chunkReader) error {
	z, err := zstd.NewReader(
		src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(decompressMost),
	)
	if err != nil {
		return err
	}
	defer z.Close()
	_, err = z.WriteTo(dst)
	switch {
	case dst.err != nil:
		return dst.err
	case src.err != nil && !errors.Is(src.err, io.EOF):
		return src.err
	case err != nil:
		return damaged("it cannot be decompressed")
	}
	return nil
}
