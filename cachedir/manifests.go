package cachedir

import (
	"bytes"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/hashing"
)

// manifests/ab/<sha256> keeps what hashing knows of many files that were named together, to be read at once. It is
// written whole, by rename. What it means is hashing's business; that it is lost costs time.

const (
	manifestLimit = 64 << 20 // bytes; that many files have no recipe
	manifestShare = 16       // the part of the cache's limit that one may take
)

// Manifest returns what was kept under a name.
func (g digests) Manifest(name hashing.Key) ([]byte, bool) {
	b, _, err := g.v1.ReadSmall(recordName(recordsOfFiles, name), manifestLimit)
	if err != nil {
		return nil, false
	}
	return format.DecodeManifest(b, name)
}

// KeepManifest keeps it. What it takes the place of is given back first, for it may be of another size: of two who
// write at once both are counted, until the shard is.
func (g digests) KeepManifest(name hashing.Key, content []byte) {
	b := format.EncodeManifest(name, content)
	size := onDisk(int64(len(b)))
	if g.o.ReadOnly || size > min(manifestLimit, g.o.MaxSize/manifestShare) {
		return
	}
	at := recordName(recordsOfFiles, name)
	if fi, err := g.v1.Stat(at); err == nil {
		if usage, err := g.openUsage(); err == nil {
			g.dropRecord(usage, candidate{key: name, records: recordsOfFiles, bytes: onDisk(fi.Size)})
			usage.close()
		}
	}
	isNew := func() bool { return true }
	_ = g.accounted(name, size, isNew, func() error { return g.v1.Replace(at, b) })
}

// List is where in a file what KeepList has kept stands.
type List struct {
	Name       string // below v1
	From, Size int64  // where it begins and ends
	Sum        uint64 // xxhash64 of it
}

// KeepList keeps what is read as it is, by others than Manifest; false: it cannot. What is there already is not written
// again.
func KeepList(d *Dir, name hashing.Key, content []byte) (List, bool) {
	g := digests{&d.cleaner, d.digests}
	if !g.keeps(name, content) {
		if g.KeepManifest(name, content); !g.keeps(name, content) {
			return List{}, false
		}
	}
	from := int64(format.ManifestHead)
	return List{recordName(recordsOfFiles, name), from, from + int64(len(content)), xxhash.Sum64(content)}, true
}

func (g digests) keeps(name hashing.Key, content []byte) bool {
	there, ok := g.Manifest(name)
	return ok && bytes.Equal(there, content)
}
