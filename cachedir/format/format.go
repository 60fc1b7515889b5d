// Package format is what the files of the store hold: bytes to headers, frames, seals and records, and back. It touches
// no file, and decodes whatever it is given: what is damaged is ErrSpoiled, what a newer version wrote ErrVersion, what
// needs a key that is not here ErrNoKey. Nothing is allocated by a length before there are that many bytes.
package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

// An entry file, little endian throughout:
//
//	prefix   32 bytes: magic, version, length of meta, length of the inline body, xxhash64 of these 24 bytes
//	meta     fixed part, then lists and texts with their lengths, the recipe last
//	inline   stdout and stderr in the order delivered, if they are small
//	trailer  xxhash64 of everything before
//
// In versions 3 and 5 a seal (seal.go) stands between the fixed part of meta and the rest, and the rest and the inline
// body are encrypted. In versions 4 and 5 the entry has files that the run made: a list of them lies before the recipe,
// their contents lie in the body's file behind all else.
//
// The prefix has a checksum of its own at a place that no version will move: only under it a higher version number is
// believed to be one and not damage. The file's size must be exactly what the prefix says.

const (
	entryMagic    = "cachexE\n"
	formatVersion = 2
	sealedVersion = 3 // the same, encrypted
	outputVersion = 2 // more than these: the same, with outputs
	LastVersion   = sealedVersion + outputVersion
	PrefixSize    = 32
	TrailerSize   = 8
	fixedSize     = 32 + 32 + 8 + 12 + 12 + 16 + 8 + 8 + 8 + 8 + 16 + 8 + 8 + 8 + 1 + 32 + 4 + 8 + 12 + 8 + 8
	FixedEnd      = PrefixSize + fixedSize

	ChunkSize = 256 << 10 // bodies have a checksum for each chunk, so that several goroutines can verify one
	InlineMax = 256 << 10 // larger bodies get a file of their own

	MaxRecipe = hashing.MaxRecipe
	MaxTags   = 1 << 10
	MaxTag    = 4 << 10
	MaxNames  = 1 << 12 // of learned inputs
	MaxName   = 4 << 10
	MaxSets   = 8 // of observed inputs, of one recipe
	MaxFamily = 4 << 10
	MaxFiles  = 32 << 20  // a list of outputs
	MaxTable  = 512 << 10 // a frame table within meta; a longer one lies behind the body
	MaxMeta   = 64 << 20  // the rest is checksums of chunks: enough for a body of 1 TiB
)

// Errors of decoding.
var (
	ErrSpoiled = errors.New("damaged")                              // a file that does not verify
	ErrVersion = errors.New("written by a newer version of cachex") // a file we must leave alone
	ErrNoKey   = errors.New("encrypted with a key that is not here")
)

// Slot is one of the two places that a key has.
type Slot uint8

// The slots: the last run that exited 0, and the last that did not.
const (
	Good Slot = iota
	Failed
)

// Suffix is what the slot's name ends in, behind the key.
func (s Slot) Suffix() string {
	if s == Failed {
		return ".fail"
	}
	return ""
}

// String names the slot for messages.
func (s Slot) String() string {
	if s == Failed {
		return "failed"
	}
	return "good"
}

// Meta is what the writer of an entry says about a run.
type Meta struct {
	Key     hashing.Key
	Command hashing.CommandID
	Recipe  []byte // the text that Key is the SHA-256 of
	Family  string // base name of argv[0]
	Merged  bool   // stdout and stderr were one pipe
	Pty     bool
	Code    int // exit code
	Signal  int // the signal it died of, or 0

	Started, Ended         time.Time // wall clock
	BootID                 [16]byte
	StartedBoot, EndedBoot int64 // ns of CLOCK_BOOTTIME under BootID

	TTL     time.Duration // how long the writer wanted it kept fresh; negative: without end
	Until   time.Time     // when its life ends whatever the reader wants; zero: never
	Stale   time.Duration // how long after its life the command itself lets it be served while it is refreshed
	Private bool          // for the user who ran it alone, and for this machine
	UID     int64         // who ran it; -1 where users have no numbers
	Random  uint64        // for jitter
	Tags    []Tag
	TagMark

	// Outputs is a list of the files that the run made, as package outputs writes it; nil: none were wanted. What they
	// hold takes OutputsLen bytes.
	Outputs    []byte
	OutputsLen int64

	// Learned is set in a redirect, which holds no result: the results of this recipe lie under the keys of the recipe
	// extended by these inputs.
	Learned *hashing.Learned
}

// End is when the life of a result ends by its recorded times alone; not ends: never.
func (m *Meta) End() (end time.Time, ends bool) {
	if m.TTL >= 0 && m.TTL < math.MaxInt64 {
		end, ends = m.Ended.Add(m.TTL), true
	}
	if !m.Until.IsZero() && (!ends || m.Until.Before(end)) {
		end, ends = m.Until, true
	}
	return end, ends
}

// Tag is a label for purging. Seq is the count of purges that what the tag speaks of is known to come after: that of
// the entry itself, or a lower one for what a nested run replayed.
type Tag struct {
	Name string
	Seq  uint64
}

// OwnSeq is a Tag.Seq that Commit replaces by the entry's own.
const OwnSeq = math.MaxUint64

func (m *Meta) Slot() Slot {
	if m.Code != 0 || m.Signal != 0 {
		return Failed
	}
	return Good
}

// Imported reports whether the boot times are those of MarkConcurrent.
func (m *Meta) Imported() bool { return m.StartedBoot == 0 && m.EndedBoot != 0 }

// Header is all that an entry file says except the inline body.
type Header struct {
	Meta
	Stdout, Stderr int64    // bytes of each stream
	InFile         bool     // the body is a file of its own
	Sum            [32]byte // SHA-256 of that file
	Chunks         []uint64 // xxhash64 of each chunk of that file
	Table          []byte   // the frame table, if it is here
	TableLen       int64    // its size
	TableBehind    bool     // it lies behind the body in that file
	Seal           *Seal    // how the entry and its body are encrypted; sum and chunks are of what lies there
}

// BodyLen is the number of bytes that the command wrote.
func (h *Header) BodyLen() int64 { return h.Stdout + h.Stderr }

// PrintedLen is the size of what is needed to print the body: the body, and its frame table if that is behind it.
func (h *Header) PrintedLen() int64 {
	if h.TableBehind {
		return h.BodyLen() + h.TableLen
	}
	return h.BodyLen()
}

// FileLen is the size of the body's own file.
func (h *Header) FileLen() int64 { return h.PrintedLen() + h.OutputsLen }

const (
	flagMerged = 1 << iota
	flagPty
	flagInFile
	flagTableBehind
	flagPrivate
	flagRedirect
	flagSets                 // of a redirect, which leads to sets of observed inputs
	flagsKnown = 1<<iota - 1 // all of the above
)

// Encode returns the bytes of an entry file.
func (h *Header) Encode(inline []byte) []byte {
	b := make([]byte, PrefixSize,
		PrefixSize+fixedSize+SealSize+len(h.Recipe)+len(h.Table)+8*len(h.Chunks)+len(inline)+256)
	b = h.appendFixed(b)
	version := uint32(formatVersion)
	if h.Seal != nil {
		version, b = sealedVersion, h.Seal.Append(b)
	}
	if h.Outputs != nil {
		version += outputVersion
	}
	hidden := len(b)
	le := binary.LittleEndian
	b = appendBytes(b, []byte(h.Family))
	b = le.AppendUint32(b, uint32(len(h.Tags)))
	for _, t := range h.Tags {
		b = le.AppendUint64(appendBytes(b, []byte(t.Name)), t.Seq)
	}
	if h.Learned != nil {
		b = append(b, h.Learned.ID[:]...)
		b = appendNames(appendNames(b, h.Learned.Env), h.Learned.Files)
		b = appendSets(b, h.Learned.Sets)
	}
	b = appendBytes(b, h.Table)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.Chunks)))
	for _, c := range h.Chunks {
		b = binary.LittleEndian.AppendUint64(b, c)
	}
	if h.Outputs != nil {
		b = appendBytes(le.AppendUint64(b, uint64(h.OutputsLen)), h.Outputs)
	}
	b = appendBytes(b, h.Recipe)
	putPrefix(b, version, uint32(len(b)-PrefixSize), uint64(len(inline)))
	b = append(b, inline...)
	h.Seal.XOR(partEntry, 0, b[hidden:])
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

func putPrefix(b []byte, version, metaLen uint32, inlineLen uint64) {
	copy(b, entryMagic)
	binary.LittleEndian.PutUint32(b[8:], version)
	binary.LittleEndian.PutUint32(b[12:], metaLen)
	binary.LittleEndian.PutUint64(b[16:], inlineLen)
	binary.LittleEndian.PutUint64(b[24:], xxhash.Sum64(b[:24]))
}

func (h *Header) appendFixed(b []byte) []byte {
	le := binary.LittleEndian
	var flags uint64
	for _, f := range [...]struct {
		set bool
		bit uint64
	}{
		{h.Merged, flagMerged},
		{h.Pty, flagPty},
		{h.InFile, flagInFile},
		{h.TableBehind, flagTableBehind},
		{h.Private, flagPrivate},
		{h.Learned != nil, flagRedirect},
		{h.Learned != nil && len(h.Learned.Sets) > 0, flagSets},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	b = append(b, h.Key[:]...)
	b = append(b, h.Command[:]...)
	b = le.AppendUint64(b, flags)
	b = appendTime(b, h.Started)
	b = appendTime(b, h.Ended)
	b = append(b, h.BootID[:]...)
	b = le.AppendUint64(b, uint64(h.StartedBoot))
	b = le.AppendUint64(b, uint64(h.EndedBoot))
	b = le.AppendUint64(b, uint64(h.TTL))
	b = le.AppendUint64(b, h.Random)
	b = append(b, h.Epoch[:]...)
	b = le.AppendUint64(b, h.Seq)
	b = le.AppendUint64(b, uint64(h.Stdout))
	b = le.AppendUint64(b, uint64(h.Stderr))
	b = append(b, byte(h.Signal))
	b = append(b, h.Sum[:]...)
	b = le.AppendUint32(b, uint32(int32(h.Code)))
	b = le.AppendUint64(b, uint64(h.TableLen))
	b = appendTime(b, h.Until)
	b = le.AppendUint64(b, uint64(h.Stale))
	return le.AppendUint64(b, uint64(h.UID))
}

func appendTime(b []byte, t time.Time) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(t.Unix()))
	return binary.LittleEndian.AppendUint32(b, uint32(t.Nanosecond()))
}

func appendNames(b []byte, names []string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(names)))
	for _, n := range names {
		b = appendBytes(b, []byte(n))
	}
	return b
}

// appendSets adds a list of keys, if it is not empty: a flag says that.
func appendSets(b []byte, keys []hashing.Key) []byte {
	if len(keys) == 0 {
		return b
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(keys)))
	for _, key := range keys {
		b = append(b, key[:]...)
	}
	return b
}

func appendBytes(b, s []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

// prefix is the checked beginning of an entry file.
type prefix struct {
	metaLen, inlineLen int64
	sealed, outputs    bool
}

func (p prefix) fileSize() int64 { return PrefixSize + p.metaLen + p.inlineLen + TrailerSize }

// decodePrefix checks the first bytes of an entry file of a given size. ErrVersion: a newer version wrote it.
func decodePrefix(b []byte, size int64) (prefix, error) {
	if len(b) < PrefixSize || string(b[:8]) != entryMagic {
		return prefix{}, fmt.Errorf("%w: no entry", ErrSpoiled)
	}
	if binary.LittleEndian.Uint64(b[24:]) != xxhash.Sum64(b[:24]) {
		return prefix{}, fmt.Errorf("%w: checksum of the prefix", ErrSpoiled)
	}
	v := binary.LittleEndian.Uint32(b[8:])
	switch {
	case v > LastVersion:
		return prefix{}, fmt.Errorf("%w: format %d", ErrVersion, v)
	case v < formatVersion:
		return prefix{}, fmt.Errorf("%w: format %d is not in use", ErrSpoiled, v)
	}
	metaLen, inlineLen := binary.LittleEndian.Uint32(b[12:]), binary.LittleEndian.Uint64(b[16:])
	if metaLen > MaxMeta || inlineLen > InlineMax {
		return prefix{}, fmt.Errorf("%w: lengths out of bounds", ErrSpoiled)
	}
	p := prefix{int64(metaLen), int64(inlineLen), v%outputVersion == sealedVersion%outputVersion, v > sealedVersion}
	if p.fileSize() != size {
		return prefix{}, fmt.Errorf("%w: %d bytes instead of %d", ErrSpoiled, size, p.fileSize())
	}
	return p, nil
}

// CheckPrefix checks the first bytes of an entry file, at least PrefixSize of them, against the size of the file.
func CheckPrefix(b []byte, size int64) error {
	_, err := decodePrefix(b, size)
	return err
}

// DecodeEntry takes a whole entry file apart. The header and the body share b's memory, which is decrypted. Without the
// key the error is ErrNoKey, and the header holds what lies in the clear.
func DecodeEntry(b []byte, keys ...SealKey) (*Header, []byte, error) {
	p, err := decodePrefix(b, int64(len(b)))
	if err != nil {
		return nil, nil, err
	}
	end := len(b) - TrailerSize
	if binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return nil, nil, fmt.Errorf("%w: checksum", ErrSpoiled)
	}
	meta, inline := b[PrefixSize:PrefixSize+p.metaLen], b[PrefixSize+p.metaLen:end]
	d := decoder{b: meta}
	h := &Header{}
	d.fixed(h)
	if p.sealed {
		if h.Seal, err = DecodeSeal(d.take(SealSize), keys); err != nil {
			return h, nil, err
		}
		h.Seal.XOR(partEntry, 0, b[end-len(d.b)-len(inline):end])
	}
	if d.rest(h, p.outputs); d.err != nil {
		return nil, nil, d.err
	}
	if err := h.check(p.inlineLen); err != nil {
		return nil, nil, err
	}
	return h, inline, nil
}

// check compares what the parts of an entry say about each other. A right checksum shows that this is what was
// written; that every version of this program writes sense is not taken for granted.
func (h *Header) check(inlineLen int64) error {
	bad := func(what string) error { return fmt.Errorf("%w: %s", ErrSpoiled, what) }
	if h.Stdout < 0 || h.Stderr < 0 || h.BodyLen() < 0 || h.TableLen < 0 || h.PrintedLen() < 0 || h.OutputsLen < 0 ||
		h.FileLen() < 0 {
		return bad("sizes")
	}
	switch {
	case h.Outputs != nil && (!h.InFile || h.Slot() != Good):
		return bad("outputs of what has none")
	case h.Learned != nil && (inlineLen != 0 || h.InFile || h.Slot() != Good):
		return bad("a redirect with a result")
	case h.InFile && (inlineLen != 0 || int64(len(h.Chunks)) != chunkCount(h.FileLen())):
		return bad("checksums of the body")
	case !h.InFile && (inlineLen != h.BodyLen() || len(h.Chunks) != 0 || h.TableBehind):
		return bad("size of the body")
	case h.TableBehind != (len(h.Table) == 0 && h.TableLen > 0) || !h.TableBehind && int64(len(h.Table)) != h.TableLen:
		return bad("size of the frame table")
	case h.TableBehind:
		return nil // it is checked when it is read
	}
	return h.CheckFrames(bytes.NewReader(h.Table))
}

// CheckFrames holds a frame table to the sizes of the streams.
func (h *Header) CheckFrames(table io.ByteReader) error {
	frames := FrameReader{Table: table, Stdout: h.Stdout, Stderr: h.Stderr}
	for {
		if _, _, err := frames.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func chunkCount(size int64) int64 { return (size + ChunkSize - 1) / ChunkSize }

// errShort is no fmt.Errorf: that would make each start of the program prepare to print.
var errShort error = shortError{}

type shortError struct{}

func (shortError) Error() string { return ErrSpoiled.Error() + ": a field does not fit" }
func (shortError) Unwrap() error { return ErrSpoiled }

// decoder reads fields off a slice; after the first field that does not fit all are zero, and err says so.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.b) {
		d.err, d.b = errShort, nil
		return nil
	}
	out := d.b[:n:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) u32() uint32 {
	if b := d.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if b := d.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) i64() int64 { return int64(d.u64()) }

func (d *decoder) u8() uint8 {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) time() time.Time {
	sec, ns := d.i64(), d.u32()
	if ns >= 1e9 {
		d.err = errShort
		return time.Time{}
	}
	return time.Unix(sec, int64(ns))
}

// bytes reads a field with its length, of at most limit bytes.
func (d *decoder) bytes(limit int) []byte {
	n := d.u32()
	if int64(n) > int64(limit) {
		d.err = errShort
	}
	return d.take(int(n))
}

// fixed reads the fields that lie at the same place in every entry.
func (d *decoder) fixed(h *Header) {
	copy(h.Key[:], d.take(32))
	copy(h.Command[:], d.take(32))
	flags := d.u64()
	if flags&^flagsKnown != 0 {
		d.err = errShort
	}
	h.Merged, h.Pty = flags&flagMerged != 0, flags&flagPty != 0
	h.InFile, h.TableBehind = flags&flagInFile != 0, flags&flagTableBehind != 0
	h.Private = flags&flagPrivate != 0
	if flags&flagRedirect != 0 {
		h.Learned = &hashing.Learned{} // its names are behind the fixed part
	}
	if flags&flagSets != 0 && h.Learned != nil {
		h.Learned.Sets = []hashing.Key{} // the same
	} else if flags&flagSets != 0 {
		d.err = errShort
	}
	h.Started, h.Ended = d.time(), d.time()
	copy(h.BootID[:], d.take(16))
	h.StartedBoot, h.EndedBoot = d.i64(), d.i64()
	h.TTL = time.Duration(d.i64())
	h.Random = d.u64()
	copy(h.Epoch[:], d.take(16))
	h.Seq = d.u64()
	h.Stdout, h.Stderr = d.i64(), d.i64()
	h.Signal = int(d.u8())
	copy(h.Sum[:], d.take(32))
	h.Code = int(int32(d.u32()))
	h.TableLen = d.i64()
	if until := d.time(); !until.IsZero() {
		h.Until = until
	}
	h.Stale = time.Duration(d.i64())
	h.UID = d.i64()
}

// names reads a list of names.
func (d *decoder) names() (names []string) {
	n := d.u32()
	if n > MaxNames {
		d.err = errShort
	}
	for i := uint32(0); i < n && d.err == nil; i++ {
		names = append(names, string(d.bytes(MaxName)))
	}
	return names
}

// sets reads a list of keys.
func (d *decoder) sets() (keys []hashing.Key) {
	n := d.u32()
	if n == 0 || n > MaxSets {
		d.err = errShort
	}
	for range n {
		if b := d.take(32); b != nil {
			keys = append(keys, hashing.Key(b))
		}
	}
	return keys
}

// rest reads the fields behind the fixed part. Nothing is allocated by a length before there are that many bytes.
func (d *decoder) rest(h *Header, outputs bool) {
	h.Family = string(d.bytes(MaxFamily))
	if n := d.u32(); n <= MaxTags {
		for range n {
			h.Tags = append(h.Tags, Tag{string(d.bytes(MaxTag)), d.u64()})
			if d.err != nil {
				return
			}
		}
	} else {
		d.err = errShort
	}
	if h.Learned != nil {
		copy(h.Learned.ID[:], d.take(16))
		h.Learned.Env, h.Learned.Files = d.names(), d.names()
		if h.Learned.Sets != nil {
			h.Learned.Sets = d.sets()
		}
	}
	h.Table = d.bytes(MaxTable)
	if n := int(d.u32()); n > 0 && d.err == nil && n <= len(d.b)/8 {
		h.Chunks = make([]uint64, n)
		for i := range h.Chunks {
			h.Chunks[i] = d.u64()
		}
	} else if n != 0 {
		d.err = errShort
	}
	if outputs {
		h.OutputsLen, h.Outputs = d.i64(), d.bytes(MaxFiles)
	}
	h.Recipe = d.bytes(MaxRecipe)
	if d.err == nil && len(d.b) != 0 {
		d.err = fmt.Errorf("%w: meta goes on", ErrSpoiled)
	}
}

// NewerThanUs reports whether the first bytes of an entry file say, believably, that a newer version wrote it.
func NewerThanUs(b []byte) bool {
	if len(b) < PrefixSize || binary.LittleEndian.Uint32(b[8:]) <= LastVersion {
		return false
	}
	_, err := decodePrefix(b, -1)
	return errors.Is(err, ErrVersion)
}

// Trailer is the checksum at the end of an entry's file.
func Trailer(b []byte) uint64 { return binary.LittleEndian.Uint64(b[len(b)-TrailerSize:]) }

// DecodeFixed reads of the beginning of an entry file of a given size what lies at the same place in every entry. Only
// the prefix is verified.
func DecodeFixed(b []byte, size int64) (Header, error) {
	if _, err := decodePrefix(b, size); err != nil {
		return Header{}, err
	}
	var h Header
	d := decoder{b: b[PrefixSize:]}
	d.fixed(&h)
	return h, d.err
}
