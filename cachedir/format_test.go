package cachedir

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
func testKeys() []Key {
	return []Key{
		{ID: [8]byte{1}, Secret: [32]byte(bytes.Repeat([]byte{3}, 32))},
		{ID: [8]byte{2}, Secret: [32]byte(bytes.Repeat([]byte{5}, 32))},
	}
}

// sampleEntry is an entry file with something in every field.
func sampleEntry() []byte {
	var w frameWriter
	table := w.add(nil, 0, 5)
	table = w.end(w.add(table, 1, 6))
	h := header{
		Meta: Meta{
			Key: hashing.Key(sha256.Sum256([]byte("sample"))), Recipe: []byte("sample"), Family: "sample", Code: 0, Merged: true,
			Started: time.Unix(10, 5), Ended: time.Unix(11, 6), StartedBoot: 1, EndedBoot: 2, TTL: time.Hour,
			Tags: []Tag{{"one", 3}, {"two", 4}}, Random: 99, Until: time.Unix(12, 7), Stale: time.Minute, UID: 8,
			Private: true,
		},
		stdout: 5, stderr: 6, table: table, tableLen: int64(len(table)),
	}
	return h.encode([]byte("hello world"))
}

// reseal makes the checksums of an entry file right again.
func reseal(b []byte) []byte {
	if len(b) >= prefixSize {
		binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
	}
	if end := len(b) - trailerSize; end >= 0 {
		binary.LittleEndian.PutUint64(b[end:], xxhash.Sum64(b[:end]))
	}
	return b
}

func TestFixedSize(t *testing.T) {
	require.Len(t, (&header{}).appendFixed(nil), fixedSize)
	d := decoder{b: make([]byte, fixedSize)}
	d.fixed(&header{})
	require.NoError(t, d.err)
	require.Empty(t, d.b)
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	whole := sampleEntry()
	_, _, err := decodeEntry(whole)
	require.NoError(t, err)
	for i := range whole {
		for bit := range 8 {
			b := bytes.Clone(whole)
			b[i] ^= 1 << bit
			_, _, err := decodeEntry(b)
			require.ErrorIs(t, err, errSpoiled, "byte %d, bit %d", i, bit) // never errVersion
		}
	}
	for i := range whole {
		_, _, err := decodeEntry(whole[:i])
		require.ErrorIs(t, err, errSpoiled, "cut at %d", i)
	}
	_, _, err = decodeEntry(append(bytes.Clone(whole), 0))
	require.ErrorIs(t, err, errSpoiled)
}

func TestVersionIsBelievedUnderItsChecksum(t *testing.T) {
	b := sampleEntry()
	b[8] = sealedVersion + 1
	_, _, err := decodeEntry(b)
	require.ErrorIs(t, err, errSpoiled)
	binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
	_, _, err = decodeEntry(b)
	require.ErrorIs(t, err, errVersion)
	require.True(t, newerThanUs(b))
	b[8] = 0
	_, _, err = decodeEntry(reseal(b))
	require.ErrorIs(t, err, errSpoiled)
	require.False(t, newerThanUs(b))
}

func TestNoAllocationByALength(t *testing.T) {
	b := make([]byte, prefixSize)
	putPrefix(b, formatVersion, maxMeta, inlineMax)
	allocated := testing.AllocsPerRun(1, func() {
		_, err := decodePrefix(b, 1<<40)
		require.ErrorIs(t, err, errSpoiled)
	})
	require.Less(t, allocated, 50.0)
}

// FuzzDecode holds the decoder to: no panic, no more memory than the input has a use for, and what it takes is
// encoded to the same bytes again.
func FuzzDecode(f *testing.F) {
	keys := testKeys()
	f.Add(sampleEntry())
	h, inline, err := decodeEntry(sampleEntry())
	require.NoError(f, err)
	h.seal = &seal{key: keys[1]}
	f.Add(h.encode(inline))
	f.Add([]byte{})
	f.Add(reseal(make([]byte, prefixSize+trailerSize)))
	long := sampleEntry()
	binary.LittleEndian.PutUint32(long[prefixSize+fixedSize:], 1<<31) // length of family
	f.Add(reseal(long))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = reseal(bytes.Clone(b))
		h, inline, err := decodeEntry(bytes.Clone(b), keys...)
		if err != nil {
			require.True(t, errors.Is(err, errSpoiled) || errors.Is(err, errVersion) || errors.Is(err, errNoKey))
			return
		}
		require.Equal(t, b, h.encode(inline))
	})
}

// FuzzRecords does the same for the small formats.
func FuzzRecords(f *testing.F) {
	id := hashing.CommandID{1}
	f.Add(encodeCommand(id, []CommandRun{{Key: hashing.Key{2}, NotStored: "no"}},
		CommandWord{Word: 2, Literal: 3, Size: 4, Made: true, Moved: 1}))
	f.Add(encodeRun(Run{Key: hashing.Key{3}, Recipe: []byte("run")}, nil))
	f.Add(encodePurges(purges{soft: 4}))
	f.Add(encodeRemoteTag([32]byte{5}, 4, time.Unix(1, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, sealed(b)} {
			if r, err := decodeCommand(b, id); err == nil {
				require.LessOrEqual(t, len(r.Runs), commandRuns)
				require.LessOrEqual(t, len(r.Words), commandWords)
			}
			_, _ = decodeRun(bytes.Clone(b), testKeys()...)
			if p, err := decodePurges(b); err == nil {
				again, err := decodePurges(encodePurges(p))
				require.NoError(t, err)
				require.Equal(t, p, again)
			}
			if count, at, ok := decodeRemoteTag(b, [32]byte{5}); ok {
				_, _, ok := decodeRemoteTag(encodeRemoteTag([32]byte{5}, count, at), [32]byte{5})
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
		var w frameWriter
		var table, streams []byte
		var sizes [2]int64
		for i := 0; i+1 < len(b); i += 2 {
			stream, n := b[i]&1, int(b[i+1])
			table = w.add(table, stream, n)
			sizes[stream] += int64(n)
			streams = append(streams, bytes.Repeat([]byte{stream}, n)...)
		}
		table = w.end(table)
		r := frameReader{r: bytes.NewReader(table), stdout: sizes[0], stderr: sizes[1]}
		var got []byte
		for {
			stream, size, err := r.next()
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
			r := frameReader{r: bytes.NewReader(c.table), stdout: c.stdout, stderr: c.stderr}
			for {
				_, _, err := r.next()
				require.False(t, errors.Is(err, io.EOF))
				if err != nil {
					require.ErrorIs(t, err, errSpoiled)
					return
				}
			}
		})
	}
}

// No two texts are encrypted with the same bytes of a key stream, and each byte of a part is found at its offset.
func TestSealStreams(t *testing.T) {
	s := newSeal(testKeys()[0])
	stream := func(p sealedPart, off int64, n int) string {
		b := make([]byte, n)
		s.xor(p, off, b)
		return string(b)
	}
	seen := map[string]bool{}
	for _, p := range []sealedPart{partEntry, partBody, partRun} {
		for _, off := range []int64{0, 64, streamMost - 64, streamMost, 2*streamMost + 64} {
			b := stream(p, off, 64)
			require.False(t, seen[b])
			seen[b] = true
		}
	}
	for _, base := range []int64{0, streamMost - 200} {
		whole := stream(partBody, base, 400)
		for off := range 200 {
			require.Equal(t, whole[off:off+150], stream(partBody, base+int64(off), 150))
		}
	}
	other := newSeal(testKeys()[0])
	require.NotEqual(t, s.nonce, other.nonce)
}
