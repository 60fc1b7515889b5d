//go:build unix

package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Open opens a cache directory and checks whose it is and who may write to it (P14): it must belong to us or to one of
// the trusted user ids, be writable for its owner alone, and be reached through no link of anybody else. Else it is a
// *Refused.
func Open(path string, trust []int) (*Tree, error) {
	fd, err := openLinkFree(path)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EMLINK) || errors.Is(err, unix.ENOTDIR) { // EMLINK on FreeBSD
		resolved, rerr := resolveLinks(path, trust)
		if rerr != nil {
			return nil, rerr
		}
		fd, err = openLinkFree(resolved)
	}
	if errors.Is(err, unix.ENOTDIR) {
		return nil, &Refused{path, "it is not a directory"}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	t := &Tree{dir{fd: fd, path: path, uid: os.Geteuid(), trust: trust}}
	if err := t.admit(); err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

// admit checks owner and mode of a cache directory.
func (t *dir) admit() error {
	var st unix.Stat_t
	if err := ignoringEINTR(func() error { return unix.Fstat(t.fd, &st) }); err != nil {
		return &fs.PathError{Op: "stat", Path: t.path, Err: err}
	}
	owner := int(st.Uid)
	if owner != t.uid && !slices.Contains(t.trust, owner) {
		return &Refused{t.path, fmt.Sprintf("it belongs to user %d (admit with --trust-owner %d)", owner, owner)}
	}
	if st.Mode&0o022 != 0 {
		return &Refused{t.path, fmt.Sprintf("others may write to it (mode %04o; chmod 700 helps)", st.Mode&0o7777)}
	}
	t.owner, t.foreign = t.uid, owner != t.uid
	if t.uid == 0 {
		t.owner = owner // what root leaves behind, the directory's owner must be able to read and remove
	}
	t.loose = st.Mode&0o077 != 0 && owner == t.uid
	return nil
}

// MakePrivate takes away what rights others have in the directory itself.
func (t *dir) MakePrivate() error {
	if !t.loose {
		return nil
	}
	t.loose = false
	return unix.Fchmod(t.fd, 0o700)
}

// resolveLinks follows the links of a path by hand. Links of the user's, root's and admitted owners are followed; any
// other is refused: its owner could send the cache elsewhere at any time.
func resolveLinks(path string, trust []int) (string, error) {
	const most = 40 // as the kernel allows
	done, rest := "/", strings.Split(strings.Trim(filepath.Clean(path), "/"), "/")
	for followed := 0; len(rest) > 0; {
		next := filepath.Join(done, rest[0])
		rest = rest[1:]
		var st unix.Stat_t
		if err := ignoringEINTR(func() error { return unix.Lstat(next, &st) }); err != nil {
			return "", &fs.PathError{Op: "stat", Path: next, Err: err}
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			done = next
			continue
		}
		owner := int(st.Uid)
		if owner != 0 && owner != os.Geteuid() && !slices.Contains(trust, owner) {
			return "", &Refused{path, fmt.Sprintf("it is reached through %s, a link of user %d", next, owner)}
		}
		if followed++; followed > most {
			return "", &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP}
		}
		target, err := os.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(target) {
			done = "/"
		}
		rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
	}
	return done, nil
}

// IsOthers reports whether this is root, and the nearest directory at or above a path belongs to another user, who is
// not trusted.
func IsOthers(path string, trust []int) bool {
	owner := ownerAbove(path)
	return owner != 0 && !slices.Contains(trust, owner)
}

// ownerAbove is who owns the nearest directory at or above a path, if this is root; else 0.
func ownerAbove(path string) int {
	if os.Geteuid() != 0 {
		return 0
	}
	var st unix.Stat_t
	for ignoringEINTR(func() error { return unix.Stat(path, &st) }) != nil {
		if path == filepath.Dir(path) {
			return 0
		}
		path = filepath.Dir(path)
	}
	return int(st.Uid)
}

// MakeParents makes a directory and those above it, each for its owner alone, whatever the umask. What root makes in
// somebody else's directory belongs to that one, who could not use it otherwise; the cache directory itself only if
// that one is trusted.
func MakeParents(path string, trust []int) error {
	owner := ownerAbove(path)
	if err := makeFor(filepath.Dir(path), owner); err != nil {
		return err
	}
	if !slices.Contains(trust, owner) {
		owner = 0
	}
	return makeFor(path, owner)
}

// makeFor makes a directory and those above it for a user; 0: for ourselves.
func makeFor(path string, owner int) error {
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		if err := makeFor(filepath.Dir(path), owner); err != nil {
			return err
		}
		err = os.Mkdir(path, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil && owner != 0 {
		err = os.Lchown(path, owner, -1)
	}
	if err != nil {
		return err
	}
	return makeFolderPrivate(unix.AT_FDCWD, path)
}

// OwnerOf returns the user id that a directory belongs to; false if it cannot be told.
func OwnerOf(path string) (uid int, ok bool) {
	var st unix.Stat_t
	err := ignoringEINTR(func() error { return unix.Lstat(path, &st) })
	return int(st.Uid), err == nil
}
