package format

import (
	"encoding/binary"
	"time"

	"github.com/cespare/xxhash/v2"
)

// TagMark is a moment in the history of purges.
type TagMark struct {
	Epoch [16]byte
	Seq   uint64
}

// Purges is what a file says: the last hard and the last soft purge of its subject. In SEQ, Seq is the count of all.
type Purges struct {
	TagMark
	Soft uint64
}

// Formats of the files in tags/.
const (
	tagMagic    = "cxT2"
	TagFileSize = 4 + 4 + 16 + 8 + 8 + 8

	remoteTagMagic = "cxG1"
	RemoteTagSize  = 4 + 4 + 32 + 8 + 8 + 8
)

// EncodePurges is the file of a subject, or SEQ.
func EncodePurges(p Purges) []byte {
	b := make([]byte, 0, TagFileSize)
	b = append(append(b, tagMagic...), 0, 0, 0, 0)
	b = append(b, p.Epoch[:]...)
	b = binary.LittleEndian.AppendUint64(b, p.Seq)
	b = binary.LittleEndian.AppendUint64(b, p.Soft)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// DecodePurges reads what EncodePurges wrote. Whatever else it is given is ErrSpoiled.
func DecodePurges(b []byte) (Purges, error) {
	const end = TagFileSize - 8
	if len(b) != TagFileSize || string(b[:4]) != tagMagic ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return Purges{}, ErrSpoiled
	}
	var p Purges
	copy(p.Epoch[:], b[8:24])
	p.Seq = binary.LittleEndian.Uint64(b[24:])
	p.Soft = binary.LittleEndian.Uint64(b[32:])
	return p, nil
}

// EncodeRemoteTag is what a tier told last of a tag, and when.
func EncodeRemoteTag(id [32]byte, count int64, at time.Time) []byte {
	b := append(make([]byte, 0, RemoteTagSize), remoteTagMagic...)
	b = append(append(b, 0, 0, 0, 0), id[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(count))
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano()))
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// DecodeRemoteTag reads what EncodeRemoteTag wrote of this id.
func DecodeRemoteTag(b []byte, id [32]byte) (count int64, at time.Time, ok bool) {
	const end = RemoteTagSize - 8
	if len(b) != RemoteTagSize || string(b[:4]) != remoteTagMagic || [32]byte(b[8:40]) != id ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return 0, time.Time{}, false
	}
	return int64(binary.LittleEndian.Uint64(b[40:])), time.Unix(0, int64(binary.LittleEndian.Uint64(b[48:]))), true
}
