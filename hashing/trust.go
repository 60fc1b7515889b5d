package hashing

import (
	"sync"
	"sync/atomic"
)

// filesystem says how far the StatID of a file tells its content from every other one that it may have.
type filesystem uint8

const (
	// Nothing is told: what the kernel says may be older than the content, or there is no time of change. A file is
	// opened to be looked at, and its content is read each time.
	unsure filesystem = iota
	// A change of the content moves the change time, if nothing that was stored through a mapping was still to be
	// written back when the StatID was taken: the kernel notes such a store only where it makes a clean page dirty.
	tracked
	// The same as long as it is the same mount. Times may be those of who built the image, and equal in the next one.
	image
	// The same on overlayfs, as far as the filesystem below can write back.
	layered
	// Stores through mappings move no time, or nobody has tried. Believed of what this user may not write.
	untracked
)

// mount is what is known of one.
type mount struct {
	fs   filesystem
	name uint64 // tells it from all others, of other boots, too; 0: nothing does
}

// mounts looks at each mount once.
type mounts struct {
	last  atomic.Pointer[knownMount] // most files lie where the one before lay
	mu    sync.Mutex
	known map[mountKey]*knownMount
}

type knownMount struct {
	key mountKey
	mount
}

// mountKey is the kernel's number of a mount, or, where it has none, that of the device.
type mountKey struct{ mount, dev uint64 }

func (m *mounts) of(file location, follow bool, at look) mount {
	key := mountKey{mount: at.mount}
	if at.mount == 0 {
		key.dev = at.id.Dev
	}
	if last := m.last.Load(); last != nil && last.key == key {
		return last.mount
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := m.known[key]
	if found == nil {
		seen, ok := lookAtMount(file.path(), follow, at)
		if !ok {
			return mount{} // it may have been the path that failed
		}
		if m.known == nil {
			m.known = map[mountKey]*knownMount{}
		}
		found = &knownMount{key, seen}
		m.known[key] = found
	}
	m.last.Store(found)
	return found.mount
}

// identity returns what stands for the content of a file on this mount, if anything does.
func (m mount) identity(file location, id StatID) (StatID, bool) {
	switch m.fs {
	case tracked:
		return id, true
	case image, layered:
		id.Mount = m.name
		return id, m.name != 0
	case untracked:
		return id, !mayWrite(file.path())
	}
	return id, false
}

// Belief is what may be remembered of a file, to know it again.
type Belief uint8

const (
	BelieveNothing Belief = iota
	BelieveContent        // what it holds
	BelieveStat           // what the kernel says of it
	BelieveMount          // the same, while it is the same mount
)

// Settle returns what may be remembered of a file or link, and what the kernel says of it. Whatever was stored through
// mappings has been written back then: each later change shows in what is believed. That it has not changed just now is
// for the caller to see.
func Settle(path string, follow bool) (StatID, Belief) {
	at, err := lookAt(path, follow)
	if err != nil {
		return at.id, BelieveNothing
	}
	var m mounts
	on := m.of(location{name: path}, follow, at)
	belief := BelieveStat
	if on.fs == image || on.fs == layered {
		belief = BelieveMount
	}
	switch _, ok := on.identity(location{name: path}, at.id); {
	case on.fs == unsure:
		return at.id, BelieveNothing
	case at.kind == kindLink && on.fs == untracked: // no mapping changes a link
		return at.id, BelieveStat
	case !ok && on.fs == untracked:
		return at.id, BelieveContent
	case !ok:
		return at.id, BelieveNothing
	case at.kind == kindLink:
		return at.id, belief
	}
	f, err := openContent(path, follow)
	if err != nil {
		return at.id, BelieveNothing
	}
	defer f.Close()
	if now, err := lookAtOpen(f); err != nil || now != at || !now.kind.regular() {
		return at.id, BelieveNothing
	}
	if !on.writeBack(f) {
		return at.id, BelieveContent
	}
	return at.id, belief
}
