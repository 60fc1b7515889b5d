package hashing

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A store through a mapping moves the change time only where it makes a clean page dirty. What was dirty already when a
// digest was remembered must not hide the next one.
func TestStoreIntoDirtyPage(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "f", "one and more")
	spec.Files, spec.Exe = []string{"f"}, ExePath
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer f.Close()
	page, err := unix.Mmap(int(f.Fd()), 0, 12, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(page)) }()
	m, later := newMemory(), time.Now().Add(time.Minute)
	for _, text := range []string{"two", "six", "ten"} {
		copy(page, text)
		r, err := newCapture(spec, m, later).run()
		require.NoError(t, err)
		want, err := newCapture(spec, nil, later).run()
		require.NoError(t, err)
		require.Equal(t, string(want.Text), string(r.Text), "after %q was stored", text)
	}
	require.NoError(t, unix.Msync(page, unix.MS_SYNC))
	_, belief := Settle(path, false)
	require.NotEqual(t, BelieveNothing, belief)
}

// How far stat is believed, by what is mounted; statfs(2) and magic.h have the numbers.
func TestFilesystemOf(t *testing.T) {
	for _, c := range []struct {
		what     string
		kind     int64
		readOnly bool
		want     filesystem
	}{
		{"ext4", 0xef53, false, tracked},
		{"xfs", 0x58465342, false, tracked},
		{"btrfs", 0x9123683e, false, tracked},
		{"ext4, read-only", 0xef53, true, image},
		{"squashfs", 0x73717368, true, image},
		{"erofs", 0xe0f5e1e2, true, image},
		{"iso9660", 0x9660, true, image},
		{"overlayfs", 0x794c7630, false, layered},
		{"overlayfs, read-only", 0x794c7630, true, layered},
		{"tmpfs", 0x01021994, false, untracked},
		{"tmpfs, read-only: it may be written to elsewhere", 0x01021994, true, untracked},
		{"ramfs", 0x858458f6, false, untracked},
		{"not tried: zfs", 0x2fc12fc1, false, untracked},
		{"FUSE, virtiofs", 0x65735546, false, unsure},
		{"nfs", 0x6969, true, unsure},
		{"cifs", 0xff534d42, false, unsure},
		{"smb2", 0xfe534d42, false, unsure},
		{"9p", 0x01021997, false, unsure},
		{"vfat", 0x4d44, false, unsure},
		{"exfat", 0x2011bab0, false, unsure},
		{"proc", 0x9fa0, false, unsure},
	} {
		require.Equal(t, c.want, filesystemOf(c.kind, c.readOnly), c.what)
	}
	require.True(t, isLoop(unix.Mkdev(7, 3)))
	require.False(t, isLoop(unix.Mkdev(8, 3)))
}

// What is remembered of a file on each kind of filesystem, and under which identity.
func TestRememberedOn(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "f", "content")
	spec.Files, spec.Exe = []string{"f"}, ExePath
	at, err := lookAt(path, false)
	require.NoError(t, err)
	mounted := at.id
	mounted.Mount = 7
	for _, c := range []struct {
		what string
		on   mount
		want []StatID
	}{
		{"tracked", mount{tracked, 7}, []StatID{at.id}},
		{"image", mount{image, 7}, []StatID{mounted}},
		{"image without a number of its mount", mount{image, 0}, nil},
		{"the user's own, on tmpfs", mount{untracked, 7}, nil},
		{"unsure", mount{unsure, 7}, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			m := newMemory()
			_, err := captureOn(c.on, spec, m, time.Now().Add(time.Minute))
			require.NoError(t, err)
			var got []StatID
			for id := range m.known {
				got = append(got, id)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// Where attributes may be old, a file is what it is when it is opened.
func TestUnsureIsLookedThrough(t *testing.T) {
	dir, spec := here(t)
	put(t, dir, "f", "longer than before")
	spec.Files, spec.Exe = []string{"f"}, ExePath
	fresh, err := captureOn(mount{fs: unsure}, spec, nil, time.Now())
	require.NoError(t, err)
	c := newCapture(spec, nil, time.Now())
	c.mountOf = func(location, bool, look) mount { return mount{fs: unsure} }
	c.find = func(c *capture) ([]entry, error) {
		entries, err := c.findFiles()
		entries[0].id.Size, entries[0].id.Ctime = 3, 4 // what was seen of it a while ago
		return entries, err
	}
	old, err := c.run()
	require.NoError(t, err)
	require.NoError(t, fresh.Same(old))
}

// Each mount is looked at once, and told from all others.
func TestMounts(t *testing.T) {
	var m mounts
	path := put(t, t.TempDir(), "f", "")
	at, err := lookAt(path, false)
	require.NoError(t, err)
	first := m.of(location{name: path}, false, at)
	require.Equal(t, first, m.of(location{name: filepath.Join(path, "nothing here")}, false, at))
	require.Equal(t, mount{}, m.of(location{name: path}, false, look{mount: 12345}), "not the mount that was seen")
	require.NotEqual(t, mountName(1), mountName(2))
	require.Zero(t, mountName(0))
	_, belief := Settle("/proc/version", true)
	require.Equal(t, BelieveNothing, belief)
	_, belief = Settle(filepath.Join(path, "none"), true)
	require.Equal(t, BelieveNothing, belief)
}
