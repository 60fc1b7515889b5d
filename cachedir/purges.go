package cachedir

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

// purges is what a file says: the last hard and the last soft purge of its subject. In SEQ, Seq is the count of all.
type purges struct {
	TagMark
	soft uint64
}

// Formats of the files in tags/.
const (
	tagMagic    = "cxT2"
	tagFileSize = 4 + 4 + 16 + 8 + 8 + 8

	remoteTagMagic = "cxG1"
	remoteTagSize  = 4 + 4 + 32 + 8 + 8 + 8
)

// encodePurges is the file of a subject, or SEQ.
func encodePurges(p purges) []byte {
	b := make([]byte, 0, tagFileSize)
	b = append(append(b, tagMagic...), 0, 0, 0, 0)
	b = append(b, p.Epoch[:]...)
	b = binary.LittleEndian.AppendUint64(b, p.Seq)
	b = binary.LittleEndian.AppendUint64(b, p.soft)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// decodePurges reads what encodePurges wrote. Whatever else it is given is errSpoiled.
func decodePurges(b []byte) (purges, error) {
	const end = tagFileSize - 8
	if len(b) != tagFileSize || string(b[:4]) != tagMagic || binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return purges{}, errSpoiled
	}
	var p purges
	copy(p.Epoch[:], b[8:24])
	p.Seq = binary.LittleEndian.Uint64(b[24:])
	p.soft = binary.LittleEndian.Uint64(b[32:])
	return p, nil
}

// encodeRemoteTag is what a tier told last of a tag, and when.
func encodeRemoteTag(id [32]byte, count int64, at time.Time) []byte {
	b := append(make([]byte, 0, remoteTagSize), remoteTagMagic...)
	b = append(append(b, 0, 0, 0, 0), id[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(count))
	b = binary.LittleEndian.AppendUint64(b, uint64(at.UnixNano()))
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// decodeRemoteTag reads what encodeRemoteTag wrote of this id.
func decodeRemoteTag(b []byte, id [32]byte) (count int64, at time.Time, ok bool) {
	const end = remoteTagSize - 8
	if len(b) != remoteTagSize || string(b[:4]) != remoteTagMagic || [32]byte(b[8:40]) != id ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return 0, time.Time{}, false
	}
	return int64(binary.LittleEndian.Uint64(b[40:])), time.Unix(0, int64(binary.LittleEndian.Uint64(b[48:]))), true
}
