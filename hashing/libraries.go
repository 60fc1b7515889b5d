package hashing

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"os"
	"path/filepath"
)

// The dynamic loader looks up the names of libraries in a cache, /etc/ld.so.cache, which each installation of a package
// writes anew. Each name that it looks up it opens somewhere, or looks for elsewhere: that is the last part of a path
// that the run was seen to use. So only what the cache says of such names is an input.

// mostLibraries is more, in bytes, than a cache of libraries has.
const mostLibraries = 16 << 20

// The format of the cache is that of glibc 2.2 and later: a header, entries, the texts that they point to from the
// beginning of the file, and since glibc 2.33 extensions (sysdeps/generic/dl-cache.h).
const (
	libraryMagic      = "glibc-ld.so.cache1.1"
	libraryHeader     = 48
	libraryEntry      = 24 // flags 4, name 4, path 4, OS version 4, capabilities of the processor 8
	libraryCount      = 20 // where the number of entries is
	libraryExtensions = 32 // where it is said where the extensions begin
)

var errLibraries = errors.New("is no cache of libraries")

// appendLibraries adds what the cache of libraries that was seen at a path says of the names that the sights of a run
// end with.
func appendLibraries(text []byte, path string, seen look, all *whole) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	if at, err := lookAtOpen(f); err != nil || !at.isSameFile(seen) {
		return nil, errChanged
	}
	cache, err := io.ReadAll(io.LimitReader(f, mostLibraries))
	if err != nil {
		return nil, cause(err)
	}
	return appendSum(append(text, " libraries "...), librariesIn(cache, all)), nil
}

// librariesIn is the digest of all that a cache says of the names; of the whole of it, if it is not understood or leads
// from one of the names to another.
func librariesIn(cache []byte, all *whole) (digest Digest) {
	sum := sha256.New()
	if err := writeLibraries(sum, cache, all); err != nil {
		sum.Reset()
		sum.Write(cache)
	}
	sum.Sum(digest[:0])
	return digest
}

func writeLibraries(to hash.Hash, cache []byte, all *whole) error {
	if len(cache) < libraryHeader || string(cache[:len(libraryMagic)]) != libraryMagic {
		return errLibraries
	}
	order := binary.NativeEndian
	count := int64(order.Uint32(cache[libraryCount:]))
	if count > int64(len(cache)-libraryHeader)/libraryEntry {
		return errLibraries
	}
	extended := false
	for i := range count {
		entry := cache[libraryHeader+i*libraryEntry:][:libraryEntry]
		name, ok := textAt(cache, order.Uint32(entry[4:]))
		path, found := textAt(cache, order.Uint32(entry[8:]))
		if !ok || !found {
			return errLibraries
		}
		if all.paths[string(path)] && filepath.Base(string(path)) != string(name) {
			return errLibraries
		}
		if !all.names[string(name)] {
			continue
		}
		capabilities := order.Uint64(entry[16:])
		extended = extended || capabilities>>62 != 0
		to.Write(entry[:4])
		to.Write(entry[12:])
		to.Write(append(append(bytes.Clone(name), 0), path...))
		to.Write([]byte{0})
	}
	if at := int64(order.Uint32(cache[libraryExtensions:])); extended && at < int64(len(cache)) {
		to.Write(cache[at:]) // which say what such capabilities are
	}
	return nil
}

// textAt is the text that begins at a place and ends with a zero.
func textAt(b []byte, at uint32) (text []byte, ok bool) {
	if int64(at) >= int64(len(b)) {
		return nil, false
	}
	end := bytes.IndexByte(b[at:], 0)
	if end < 0 {
		return nil, false
	}
	return b[at:][:end], true
}
