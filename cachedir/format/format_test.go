package format

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

// testKeys are two keys that differ in everything.
func testKeys() []SealKey {
	return []SealKey{
		{ID: [8]byte{1}, Secret: [32]byte(bytes.Repeat([]byte{3}, 32))},
		{ID: [8]byte{2}, Secret: [32]byte(bytes.Repeat([]byte{5}, 32))},
	}
}

// sampleEntry is an entry file with something in every field.
func sampleEntry() []byte {
	var w FrameWriter
	table := w.Add(nil, 0, 5)
	table = w.End(w.Add(table, 1, 6))
	h := Header{
		Meta: Meta{
			Key: hashing.Key(sha256.Sum256([]byte("sample"))), Recipe: []byte("sample"), Family: "sample", Code: 0,
			Merged:  true,
			Started: time.Unix(10, 5), Ended: time.Unix(11, 6), StartedBoot: 1, EndedBoot: 2, TTL: time.Hour,
			Tags: []Tag{{"one", 3}, {"two", 4}}, Random: 99, Until: time.Unix(12, 7), Stale: time.Minute, UID: 8,
			Private: true,
		},
		Stdout: 5, Stderr: 6, Table: table, TableLen: int64(len(table)),
	}
	return h.Encode([]byte("hello world"))
}

// reseal makes the checksums of an entry file right again.
func reseal(b []byte) []byte {
	if len(b) >= PrefixSize {
		binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
	}
	if end := len(b) - TrailerSize; end >= 0 {
		binary.LittleEndian.PutUint64(b[end:], xxhash.Sum64(b[:end]))
	}
	return b
}

func TestFixedSize(t *testing.T) {
	require.Len(t, (&Header{}).appendFixed(nil), fixedSize)
	d := decoder{b: make([]byte, fixedSize)}
	d.fixed(&Header{})
	require.NoError(t, d.err)
	require.Empty(t, d.b)
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	whole := sampleEntry()
	_, _, err := DecodeEntry(whole)
	require.NoError(t, err)
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			_, _, err := DecodeEntry(b)
			require.ErrorIs(t, err, ErrSpoiled, "byte %d, bit %d", i, bit) // never ErrVersion
		}
	}
	for i := range whole {
		_, _, err := DecodeEntry(whole[:i])
		require.ErrorIs(t, err, ErrSpoiled, "cut at %d", i)
	}
	_, _, err = DecodeEntry(append(bytes.Clone(whole), 0))
	require.ErrorIs(t, err, ErrSpoiled)
}

func TestVersionIsBelievedUnderItsChecksum(t *testing.T) {
	b := sampleEntry()
	b[8] = LastVersion + 1
	_, _, err := DecodeEntry(b)
	require.ErrorIs(t, err, ErrSpoiled)
	binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
	_, _, err = DecodeEntry(b)
	require.ErrorIs(t, err, ErrVersion)
	require.True(t, NewerThanUs(b))
	b[8] = 0
	_, _, err = DecodeEntry(reseal(b))
	require.ErrorIs(t, err, ErrSpoiled)
	require.False(t, NewerThanUs(b))
}

func TestNoAllocationByALength(t *testing.T) {
	b := make([]byte, PrefixSize)
	putPrefix(b, formatVersion, MaxMeta, InlineMax)
	allocated := testing.AllocsPerRun(1, func() {
		_, err := decodePrefix(b, 1<<40)
		require.ErrorIs(t, err, ErrSpoiled)
	})
	require.Less(t, allocated, 50.0)
}

// outputsEntry is an entry of a run that made files.
func outputsEntry(seal *Seal) []byte {
	h, _, err := DecodeEntry(sampleEntry())
	if err != nil {
		panic(err)
	}
	var s Sums
	s.Add([]byte("hello worldwhat files hold"))
	h.Outputs, h.OutputsLen, h.Seal = []byte("a list"), 15, seal
	s.Describe(h)
	return h.Encode(nil)
}

func TestOutputsHaveAVersion(t *testing.T) {
	keys := testKeys()
	for version, seal := range map[byte]*Seal{4: nil, 5: NewSeal(keys[0])} {
		b := outputsEntry(seal)
		require.Equal(t, version, b[8], "who does not know of outputs takes it for that of a newer version")
		h, _, err := DecodeEntry(bytes.Clone(b), keys...)
		require.NoError(t, err)
		require.Equal(t, "a list", string(h.Outputs))
		require.Equal(t, int64(11), h.PrintedLen())
		require.Equal(t, int64(26), h.FileLen())
		require.Equal(t, b, h.Encode(nil))
		b[8] -= 2
		_, _, err = DecodeEntry(reseal(b), keys...)
		require.ErrorIs(t, err, ErrSpoiled)
	}
}

func TestOutputsBelongToASuccessWithABody(t *testing.T) {
	for name, change := range map[string]func(*Header){
		"a failure": func(h *Header) { h.Code = 1 },
		"no body":   func(h *Header) { h.InFile, h.Chunks, h.OutputsLen = false, nil, 0 },
		"negative":  func(h *Header) { h.OutputsLen = -1 },
		"too long":  func(h *Header) { h.OutputsLen = 1 << 62 },
	} {
		h, _, err := DecodeEntry(outputsEntry(nil))
		require.NoError(t, err)
		change(h)
		var inline []byte
		if !h.InFile {
			inline = []byte("hello world")
		}
		_, _, err = DecodeEntry(h.Encode(inline))
		require.ErrorIs(t, err, ErrSpoiled, name)
	}
}

// FuzzDecode holds the decoder to: no panic, no more memory than the input has a use for, and what it takes is
// encoded to the same bytes again.
func FuzzDecode(f *testing.F) {
	keys := testKeys()
	f.Add(sampleEntry())
	h, inline, err := DecodeEntry(sampleEntry())
	require.NoError(f, err)
	h.Seal = &Seal{key: keys[1]}
	f.Add(h.Encode(inline))
	f.Add(outputsEntry(nil))
	f.Add(outputsEntry(&Seal{key: keys[0]}))
	f.Add([]byte{})
	f.Add(reseal(make([]byte, PrefixSize+TrailerSize)))
	long := sampleEntry()
	binary.LittleEndian.PutUint32(long[PrefixSize+fixedSize:], 1<<31) // length of family
	f.Add(reseal(long))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = reseal(bytes.Clone(b))
		h, inline, err := DecodeEntry(bytes.Clone(b), keys...)
		if err != nil {
			require.True(t, errors.Is(err, ErrSpoiled) || errors.Is(err, ErrVersion) || errors.Is(err, ErrNoKey))
			return
		}
		require.Equal(t, b, h.Encode(inline))
	})
}

// FuzzRecords does the same for the small formats.
func FuzzRecords(f *testing.F) {
	id := hashing.CommandID{1}
	f.Add(EncodeCommand(id, []CommandRun{{Key: hashing.Key{2}, NotStored: "no", Result: 5}},
		CommandWord{Word: 2, Literal: 3, Size: 4, Made: true, Moved: 1}))
	f.Add(EncodeRun(Run{Key: hashing.Key{3}, Recipe: []byte("run")}, nil))
	f.Add(EncodePurges(Purges{Soft: 4}))
	f.Add(EncodeRemoteTag([32]byte{5}, 4, time.Unix(1, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b)} {
			if r, err := DecodeCommand(b, id); err == nil {
				require.LessOrEqual(t, len(r.Runs), CommandRuns)
				require.LessOrEqual(t, len(r.Words), CommandWords)
				again, err := DecodeCommand(EncodeCommand(id, r.Runs, r.Words...), id)
				require.NoError(t, err)
				require.Equal(t, len(r.Runs), len(again.Runs))
				for i := range r.Runs {
					require.Equal(t, r.Runs[i].Result, again.Runs[i].Result)
				}
			}
			_, _ = DecodeRun(bytes.Clone(b), testKeys()...)
			if p, err := DecodePurges(b); err == nil {
				again, err := DecodePurges(EncodePurges(p))
				require.NoError(t, err)
				require.Equal(t, p, again)
			}
			if count, at, ok := DecodeRemoteTag(b, [32]byte{5}); ok {
				_, _, ok := DecodeRemoteTag(EncodeRemoteTag([32]byte{5}, count, at), [32]byte{5})
				require.True(t, ok)
			}
		}
	})
}

// sealed makes the checksum at the end of a record right.
func sealed(b []byte) []byte {
	b = bytes.Clone(b)
	if end := len(b) - 8; end >= 0 {
		binary.LittleEndian.PutUint64(b[end:], xxhash.Sum64(b[:end]))
	}
	return b
}

// FuzzFrames: whatever is appended, the frame table gives it back.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{0, 1, 1, 5, 0, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var w FrameWriter
		var table, streams []byte
		var sizes [2]int64
		for i := 0; i+1 < len(b); i += 2 {
			stream, n := b[i]&1, int(b[i+1])
			table = w.Add(table, stream, n)
			sizes[stream] += int64(n)
			streams = append(streams, bytes.Repeat([]byte{stream}, n)...)
		}
		table = w.End(table)
		r := FrameReader{Table: bytes.NewReader(table), Stdout: sizes[0], Stderr: sizes[1]}
		var got []byte
		for {
			stream, size, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			got = append(got, bytes.Repeat([]byte{stream}, int(size))...)
		}
		require.Equal(t, streams, got)
	})
}

func TestFrameTableIsHeldToTheSizes(t *testing.T) {
	for name, c := range map[string]struct {
		table          []byte
		stdout, stderr int64
	}{
		"too much":        {[]byte{5 << 1}, 4, 0},
		"too little":      {[]byte{5 << 1}, 6, 0},
		"the wrong one":   {[]byte{5<<1 | 1}, 5, 0},
		"an empty frame":  {[]byte{0, 5 << 1}, 5, 0},
		"one more":        {[]byte{5 << 1, 1 << 1}, 5, 0},
		"cut":             {[]byte{0x80}, 5, 0},
		"a huge varint":   {bytes.Repeat([]byte{0xff}, 11), 5, 0},
		"none at all":     {nil, 5, 0},
		"for nothing":     {[]byte{2}, 0, 0},
		"negative length": {binary.AppendUvarint(nil, 1<<63), 5, 5},
	} {
		t.Run(name, func(t *testing.T) {
			r := FrameReader{Table: bytes.NewReader(c.table), Stdout: c.stdout, Stderr: c.stderr}
			for {
				_, _, err := r.Next()
				require.False(t, errors.Is(err, io.EOF))
				if err != nil {
					require.ErrorIs(t, err, ErrSpoiled)
					return
				}
			}
		})
	}
}

// No two texts are encrypted with the same bytes of a key stream, and each byte of a part is found at its offset.
func TestSealStreams(t *testing.T) {
	s := NewSeal(testKeys()[0])
	stream := func(p sealedPart, off int64, n int) string {
		b := make([]byte, n)
		s.XOR(p, off, b)
		return string(b)
	}
	seen := map[string]bool{}
	for _, p := range []sealedPart{partEntry, PartBody, partRun} {
		for _, off := range []int64{0, 64, streamMost - 64, streamMost, 2*streamMost + 64} {
			b := stream(p, off, 64)
			require.False(t, seen[b])
			seen[b] = true
		}
	}
	for _, base := range []int64{0, streamMost - 200} {
		whole := stream(PartBody, base, 400)
		for off := range 200 {
			require.Equal(t, whole[off:off+150], stream(PartBody, base+int64(off), 150))
		}
	}
	other := NewSeal(testKeys()[0])
	require.NotEqual(t, s.nonce, other.nonce)
}
