package hashing

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// library is an entry of a cache of libraries.
type library struct {
	name, path   string
	flags        uint32
	capabilities uint64
}

// cacheOf writes a cache as ldconfig does.
func cacheOf(extensions string, libraries ...library) []byte {
	order := binary.NativeEndian
	b := make([]byte, libraryHeader)
	copy(b, libraryMagic)
	order.PutUint32(b[libraryCount:], uint32(len(libraries)))
	texts, at := []byte{}, uint32(libraryHeader+libraryEntry*len(libraries))
	put := func(s string) uint32 {
		texts = append(append(texts, s...), 0)
		return at + uint32(len(texts)-len(s)-1)
	}
	for _, l := range libraries {
		b = order.AppendUint32(b, l.flags)
		b = order.AppendUint32(b, put(l.name))
		b = order.AppendUint32(b, put(l.path))
		b = order.AppendUint32(b, 0)
		b = order.AppendUint64(b, l.capabilities)
	}
	b = append(b, texts...)
	order.PutUint32(b[libraryExtensions:], uint32(len(b)))
	return append(b, extensions...)
}

func sightsOf(paths ...string) *whole {
	sights := []Sight{{Path: "/etc/ld.so.cache", Uses: UseLibraries}}
	for _, path := range paths {
		sights = append(sights, Sight{Path: path, Uses: UseContent})
	}
	return wholeOf(sights)
}

// Only what the cache says of names that were opened or looked for counts.
func TestLibraries(t *testing.T) {
	all := sightsOf("/lib/libc.so.6", "/w/lib/libm.so.6", "/lib/libnone.so")
	c := library{name: "libc.so.6", path: "/lib/libc.so.6", flags: 0x303}
	m := library{name: "libm.so.6", path: "/lib/libm.so.6", flags: 0x303}
	z := library{name: "libz.so.1", path: "/lib/libz.so.1", flags: 0x303}
	before := librariesIn(cacheOf("", c, m), all)
	for name, test := range map[string]struct {
		cache []byte
		same  bool
	}{
		"the same":                  {cacheOf("", c, m), true},
		"another library":           {cacheOf("", c, z, m), true},
		"extensions of others":      {cacheOf("v3", c, m), true},
		"one elsewhere":             {cacheOf("", library{c.name, "/opt/libc.so.6", c.flags, 0}, m), false},
		"one has gone":              {cacheOf("", c), false},
		"what was not there":        {cacheOf("", c, m, library{name: "libnone.so", path: "/opt/libnone.so"}), false},
		"another order":             {cacheOf("", m, c), false},
		"of another machine":        {cacheOf("", library{c.name, c.path, 0x803, 0}, m), false},
		"for some processors":       {cacheOf("v3", c, library{m.name, m.path, m.flags, 1 << 62}), false},
		"cut":                       {cacheOf("", c, m)[:100], false},
		"more entries than it has":  {append(cacheOf("", c, m)[:libraryHeader], 0xff), false},
		"empty":                     {nil, false},
		"a name that leads to ours": {cacheOf("", c, m, library{name: "libother.so", path: c.path}), false},
	} {
		require.Equal(t, test.same, before == librariesIn(test.cache, all), name)
	}
	capable := library{m.name, m.path, m.flags, 1 << 62}
	require.NotEqual(t, librariesIn(cacheOf("v3", c, capable), all), librariesIn(cacheOf("v4", c, capable), all))
}

// FuzzLibraries: whatever lies there is read within its bounds, and other bytes about a name are another digest.
func FuzzLibraries(f *testing.F) {
	f.Add(cacheOf("v3", library{"libc.so.6", "/lib/libc.so.6", 0x303, 1 << 62}))
	f.Add([]byte(libraryMagic))
	f.Fuzz(func(t *testing.T, cache []byte) {
		all := sightsOf("/lib/libc.so.6")
		require.Equal(t, librariesIn(cache, all), librariesIn(cache, all))
	})
}
