package hashing

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// lookFor looks at a path as its uses ask.
func lookFor(s Sight) (look, error) { return lookAt(s.Path, s.Uses&UseLink == 0) }

// state adds what a path is like, as far as the uses ask: what a look has shown, or the error that was its end.
func (o *observer) state(text []byte, s Sight, at look, err error, all *whole) ([]byte, error) {
	if s.Uses&UseOutput != 0 {
		return append(text, "output"...), nil
	}
	if e := o.earlier[s.Path]; e != nil {
		return e.state(o, text, s, all)
	}
	if err == nil && at.kind == kindLink {
		target, failed := os.Readlink(s.Path)
		if failed != nil {
			return nil, cause(failed)
		}
		text = append(appendQuoted(append(text, "link "...), target), ' ')
		text = appendTimes(text, s.Uses, at)
		if err := o.unchangedSince(s, at); err != nil {
			return nil, err
		}
		if s.Uses&^(UseLink|UseTimes|UseChange|UseMade|useAbove) == 0 {
			return append(text, "itself"...), nil
		}
		if at, err = lookAt(s.Path, true); err != nil {
			return appendAbsence(text, err)
		}
	}
	if err != nil {
		return appendAbsence(text, err)
	}
	return o.object(text, s, at, all)
}

// appendAbsence adds why nothing can be looked at.
func appendAbsence(text []byte, err error) ([]byte, error) {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENAMETOOLONG):
		return append(text, "absent"...), nil
	case errors.Is(err, syscall.ENOTDIR): // which programs tell apart
		return append(text, "below a file, absent"...), nil
	case errors.Is(err, fs.ErrPermission):
		return append(text, "unreachable"...), nil
	case errors.Is(err, syscall.ELOOP):
		return append(text, "loop"...), nil
	}
	return nil, cause(err)
}

// object adds what a path leads to.
func (o *observer) object(text []byte, s Sight, at look, all *whole) (_ []byte, err error) {
	if o.since != 0 && s.Uses&UseContent != 0 && at.kind.special() {
		return nil, errKind // what was read of it is gone
	}
	text = append(text, at.kind.String()...)
	if at.kind == kindDirectory {
		if place := o.place(s.Path); place != s.Path {
			text = appendQuoted(append(text, " at "...), o.name(place))
		}
	}
	if s.Uses&UseMode != 0 {
		text = strconv.AppendUint(append(text, " mode "...), uint64(at.mode), 8)
		if at.kind.regular() || at.kind == kindDirectory {
			text = o.appendOwner(text, at)
		}
	}
	if at.kind == kindDirectory {
		return o.directory(text, s, at, all)
	}
	if s.Uses&(UseMode|UseContent) != 0 && at.kind.regular() {
		text = strconv.AppendInt(append(text, " size "...), at.id.Size, 10)
	}
	text = appendTimes(append(text, ' '), s.Uses, at)
	text = text[:len(text)-1]
	if s.Uses&useIdentity != 0 && at.kind.regular() {
		if text, err = o.appendIdentity(text, s, at); err != nil {
			return nil, err
		}
	} else if e := o.earlier[s.Path]; e != nil && s.Uses&UseContent != 0 {
		text = appendSum(append(text, ' '), e.digest)
	} else if s.Uses&UseContent != 0 && at.kind.regular() {
		digest, seen, err := o.c.digestSeen(location{name: s.Path}, true, at)
		if err != nil {
			return nil, err
		}
		at = seen
		text = appendSum(append(text, ' '), digest)
	} else if s.Uses&UseLibraries != 0 && at.kind.regular() {
		if text, err = appendLibraries(text, s.Path, at, all); err != nil {
			return nil, err
		}
		if at, err = lookAt(s.Path, true); err != nil { // it may be another by now
			return nil, err
		}
	}
	return text, o.unchangedSince(s, at)
}

// appendOwner adds the owner of what belongs to somebody else, and the group where it tells what this process may do:
// one that is not its own of what is its own, one of its own of what is not.
func (o *observer) appendOwner(text []byte, at look) []byte {
	isOwn := int(at.owner) == o.user
	if !isOwn {
		text = strconv.AppendUint(append(text, " owner "...), uint64(at.owner), 10)
	}
	if isOwn && int(at.group) == os.Getegid() || !isOwn && !slices.Contains(o.groups(), int(at.group)) {
		return text
	}
	return strconv.AppendUint(append(text, " group "...), uint64(at.group), 10)
}

// groupsOfProcess are those of which it is a member.
func groupsOfProcess() []int {
	groups, err := os.Getgroups()
	if err != nil {
		groups = nil // a system without them
	}
	return append(groups, os.Getegid())
}

// appendTimes adds the times that count, each with a space behind it.
func appendTimes(text []byte, uses Uses, at look) []byte {
	if uses&UseTimes != 0 {
		text = append(strconv.AppendInt(append(text, "modified "...), at.id.Mtime, 10), ' ')
	}
	if uses&UseChange != 0 {
		text = append(strconv.AppendInt(append(text, "changed "...), at.id.Ctime, 10), ' ')
	}
	return text
}

// directory adds what a directory is like. The times of directories move with whatever is made in them, and count only
// for those who tell them, and not where the run makes something itself.
func (o *observer) directory(text []byte, s Sight, at look, all *whole) ([]byte, error) {
	ours := all.made[strings.TrimSuffix(s.Path, "/")]
	if s.Uses&UseInode != 0 && len(ours) == 0 {
		text = strconv.AppendInt(append(text, " changed "...), at.id.Ctime, 10)
		if err := o.unchangedSince(s, at); err != nil {
			return nil, err
		}
	}
	if s.Uses&(UseNames|UseContent) == 0 { // who opens it without saying what for may list it
		return text, nil
	}
	if err := o.namesSince(s, at); err != nil {
		return nil, err
	}
	return o.names(text, s.Path, at, ours)
}

// names adds the names in a directory and what kind of thing each is, but those that the run has made: their own facts
// tell of them. It must be the directory that was seen: who keeps what was seen of it believes that it has these names.
// To list a directory takes as long as to look at thirty files, so the digest of names is remembered.
func (o *observer) names(text []byte, path string, seen look, ours []string) ([]byte, error) {
	d, at, err := openFolder(path, true)
	if errors.Is(err, fs.ErrPermission) {
		return append(text, " unreadable"...), nil
	}
	if err != nil {
		return nil, cause(err)
	}
	defer d.close()
	if !at.isSameFile(seen) {
		return nil, errChanged
	}
	id, trust := o.c.standsForNames(location{name: path}, at)
	name := nameOfNames(id, ours)
	if trust {
		if digest, ok := o.c.cache.Sum(name); ok {
			return appendSum(append(text, " names "...), digest), nil
		}
	}
	entries, err := d.f.ReadDir(-1)
	if err != nil {
		return nil, cause(err)
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	sum := sha256.New()
	for _, e := range entries {
		if !slices.Contains(ours, e.Name()) {
			fmt.Fprintf(sum, "%q %s\n", e.Name(), e.Type())
		}
	}
	digest := Digest(sum.Sum(nil))
	if now, err := lookAtOpen(d.f); trust && err == nil && now.id == at.id {
		o.c.cache.RememberSum(name, digest)
	}
	return appendSum(append(text, " names "...), digest), nil
}

// nameOfNames is that of a digest of the names in a directory without some.
func nameOfNames(id StatID, without []string) Key {
	b := appendStamp([]byte("names 1\n"), id)
	for _, name := range sortedSet(slices.Clone(without)) {
		b = append(append(b, name...), 0)
	}
	return sha256.Sum256(b)
}

// place is the path of a directory without links. It counts: what a program asks for in an open directory, or in its
// working directory, is seen by that path, and a program may tell it.
func (o *observer) place(path string) string {
	end := strings.LastIndexByte(path, '/')
	if end < 0 || path == "/" {
		return path
	}
	if place, ok := o.places.Load(path); ok {
		return place.(string)
	}
	place := filepath.Join(o.place(cmp.Or(path[:end], "/")), path[end+1:])
	if at, err := lookAt(place, false); err == nil && at.kind == kindLink {
		if to, err := filepath.EvalSymlinks(place); err == nil {
			place = to
		}
	}
	o.places.Store(path, place)
	return place
}

// unchangedSince refuses what may have been another input when the run used it.
func (o *observer) unchangedSince(s Sight, at look) error {
	if o.since == 0 || s.Uses&UseMade != 0 || o.earlier[s.Path] != nil || at.kind.special() {
		return nil
	}
	if at.id.Ctime >= o.since && !o.isAsFirst(s.Path, at) {
		return errWritten
	}
	if !o.dates(s.Path, at) {
		return errUndated
	}
	return nil
}

// isAsFirst reports whether a file is as it was when the run used it first. It may have been changed just before that.
func (o *observer) isAsFirst(path string, at look) bool {
	if o.first == nil {
		return false
	}
	led, itself := o.first(path)
	return led.isUnchanged(at) || itself.isUnchanged(at)
}

// namesSince refuses a directory in which others have made or removed something since the run began.
func (o *observer) namesSince(s Sight, at look) error {
	if o.since != 0 && s.Uses&UseMade == 0 && at.id.Ctime >= o.since && !o.busy[s.Path] {
		return errWritten
	}
	return nil
}

var (
	errWritten = errors.New("was changed by others while the command ran")
	errUndated = errors.New("lies where changes of files do not show")
)

// dates reports whether the times of a file tell that it was changed.
func (o *observer) dates(path string, at look) bool {
	if at.kind == kindLink { // which may lead nowhere, or elsewhere: it lies where its directory does
		dir, err := lookAt(filepath.Dir(path), true)
		if err != nil {
			return false
		}
		path, at = filepath.Dir(path), dir
	}
	return o.c.mountOf(location{name: path}, true, at).fs != unsure
}

// ChangedSince reports whether a path was changed since a time in nanoseconds since 1970, or is not there to tell.
func ChangedSince(path string, ns int64) bool {
	at, err := lookAt(path, false)
	return err != nil || at.id.Ctime >= ns
}
