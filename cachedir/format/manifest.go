package format

import (
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/hashing"
)

const (
	manifestMagic = "cachexM\n"
	// ManifestHead is how many bytes stand in front of the content.
	ManifestHead = len(manifestMagic) + len(hashing.Key{})
)

// EncodeManifest is the record of many files.
func EncodeManifest(id hashing.Key, content []byte) []byte {
	b := make([]byte, 0, ManifestHead+len(content)+8)
	b = append(append(append(b, manifestMagic...), id[:]...), content...)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// DecodeManifest returns what EncodeManifest was given; false: b is not that.
func DecodeManifest(b []byte, id hashing.Key) (content []byte, ok bool) {
	end := len(b) - 8
	if end < ManifestHead || string(b[:len(manifestMagic)]) != manifestMagic ||
		hashing.Key(b[len(manifestMagic):ManifestHead]) != id ||
		binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return nil, false
	}
	return b[ManifestHead:end:end], true
}
