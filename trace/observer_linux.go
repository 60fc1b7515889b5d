//go:build amd64 || arm64

package trace

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// observer notes what calls say. One thread at a time uses it.
type observer struct {
	noTimes  func(program, path string) bool
	atStart  func(program, path string) bool
	writes   func(path string, how Write)
	seen     map[string]*usage
	programs []Program
	doubted  []Doubt
	network  bool

	blind         bool   // paths are not understood any more, or looking at them may have to wait: nothing is noted
	handled, sent uint64 // signals: handled so that a call that waits fails; sent by the run

	told map[string]Write // of what is written
	made map[string]bool  // links that the run made, and what it moved that may be such

	timeless map[[2]string]bool // whether a program makes no use of the times of a path
	executes executables
	places   places
}

// usage is what is noted of a path.
type usage struct {
	use, after Use
	before     Before // the first use
	mode       uint32 // of what was there then
	size       int64
	replaced   bool  // by a call of the run, if it did not fail
	written    Write // how it may have been; 0: not
	led, was   File  // what was there, behind links and itself, until then
}

// caller is a call that waits for an answer.
type caller struct {
	thread  int
	args    [6]uint64
	pointer uint64 // to the instruction that makes it

	// Room for what is read of it, which costs less than to make it anew for each call.
	buffer [unix.PathMax]byte
	local  [1]unix.Iovec
	remote [2]unix.RemoteIovec
}

// readlink returns where a link leads.
func (c *caller) readlink(path string) (string, error) {
	n, err := unix.Readlink(path, c.buffer[:])
	switch {
	case err != nil:
		return "", err
	case n == len(c.buffer): // there may be more
		return os.Readlink(path)
	}
	return string(c.buffer[:n]), nil
}

func newObserver(o Options) *observer {
	if o.NoTimes == nil {
		o.NoTimes = func(string, string) bool { return false }
	}
	if o.AtStart == nil {
		o.AtStart = func(string, string) bool { return false }
	}
	if o.Writes == nil {
		o.Writes = func(string, Write) {}
	}
	return &observer{
		noTimes: o.NoTimes, atStart: o.AtStart, writes: o.Writes, seen: map[string]*usage{}, told: map[string]Write{},
		timeless: map[[2]string]bool{},
	}
}

func (o *observer) doubt(reason, path string) { o.add(Doubt{Reason: reason, Path: path}) }

func (o *observer) add(d Doubt) {
	if len(o.doubted) == 0 {
		o.writes("", Unseen)
	}
	if !slices.Contains(o.doubted, d) {
		o.doubted = append(o.doubted, d)
	}
}

// mostPaths is more than anybody looks up again.
const mostPaths = 200_000

// usage returns what is noted of a path. Whether something is there is asked when it is used first: a file that is gone
// in the end was not looked for in vain.
func (o *observer) usage(path string, itself bool) *usage {
	u := o.seen[path]
	if u == nil {
		u = &usage{}
		o.seen[path] = u
		if len(o.seen) > mostPaths {
			o.doubt("it uses too many files", "")
			o.blind = true
		}
	}
	u.identify(path, itself)
	return u
}

// identify looks at what is there when a path is used first, and when it is first used in the other way.
func (u *usage) identify(path string, itself bool) {
	file := &u.led
	if itself {
		file = &u.was
	}
	if file.Known || u.replaced {
		return
	}
	file.Known = true
	st, ok := look(path, itself)
	if ok && u.before == 0 {
		st, file.Changed = settled(path, itself, st)
	}
	if ok {
		file.Device, file.Inode = uint64(st.Dev), st.Ino
	}
	switch {
	case u.before != 0:
	case ok:
		u.before, u.mode, u.size = Something, st.Mode, st.Size
	default:
		u.before = Nothing
	}
}

// settled returns a look at a file after which each change of it has another time, and its time of change in
// nanoseconds; 0: there is none. Changes within a tick of the kernel, at most 10 ms, may have the same time: so if it
// was changed within this one the next one is awaited. Directories change all the time.
func settled(path string, itself bool, st unix.Stat_t) (later unix.Stat_t, changed int64) {
	const tick, coarse = 10_000_000, 1_000_000 // that of a file system which knows no nanoseconds is not used
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return st, 0
	}
	for range 4 * tick / int(wait) {
		var now unix.Timespec
		changed = st.Ctim.Nano()
		err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now)
		switch since := now.Nano() - changed; {
		case err != nil || since < -tick || changed%coarse == 0:
			return st, 0
		case since > 0:
			return st, changed
		}
		time.Sleep(wait)
		now2, ok := look(path, itself)
		if !ok || now2.Dev != st.Dev || now2.Ino != st.Ino {
			return st, 0
		}
		st = now2
	}
	return st, 0
}

const wait = time.Millisecond

// fileOf is what was found at a path.
func fileOf(fi os.FileInfo) File {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return File{Device: uint64(st.Dev), Inode: st.Ino, Known: true}
	}
	return File{}
}

// note notes a use that is no write.
func (o *observer) note(path string, use Use) {
	itself := use&Link != 0
	path = o.behind(path, itself)
	u := o.usage(path, itself)
	if use&Read != 0 && !u.replaced && u.mode&unix.S_IFMT == unix.S_IFDIR {
		use = use&^Read | Looked // its names are read by another call
	}
	u.add(use)
}

// add adds a use.
func (u *usage) add(use Use) {
	if u.replaced {
		u.after |= use
		return
	}
	u.use |= use
}

// effect is what a call that writes does.
type effect uint8

const (
	changesFile    effect = iota // it is still the file that was there
	replacesFile                 // nothing is left of what was in it
	replacesName                 // the name does not lead there any more; a link is not followed
	replacesTree                 // the same, and for all names below it
	makesDirectory               // the same, if nothing is there
)

// how is in which way a path is written so.
func (e effect) how() Write {
	switch e {
	case replacesTree:
		return Moves
	case makesDirectory:
		return MakesDirectory
	default:
		return Changes
	}
}

// write notes a write, with what else the call needs of the path. If it replaces what was there, all that is done with
// the path later has nothing to do with that; but a link that was there has led somewhere.
func (o *observer) write(path string, use Use, e effect) {
	itself := e >= replacesName
	path = o.behind(path, itself)
	if itself && isLink(path) {
		use |= Link
	}
	u := o.usage(path, itself)
	u.written = max(u.written, e.how())
	o.tell(target(path, itself), e.how())
	u.add(use | Written)
	u.replaced = u.replaced || e != changesFile
}

// tell tells of a write before it is made, if nobody was told yet.
func (o *observer) tell(path string, how Write) {
	if how > o.told[path] {
		o.told[path] = how
		o.writes(path, how)
	}
}

// target is the path of what is written by a path: what a link leads to, if it is followed.
func target(path string, itself bool) string {
	if !itself && isLink(path) {
		return resolve(path, false)
	}
	return path
}

// behind returns the path of what a path leads to through links that the run made itself. With those it may be gone in
// the end, and what was there is an input all the same.
func (o *observer) behind(path string, itself bool) string {
	if len(o.made) == 0 {
		return path
	}
	for p := path; len(p) > 1; p = p[:strings.LastIndexByte(p, '/')] {
		if o.made[p] && (p != path || !itself) {
			return resolve(path, itself)
		}
	}
	return path
}

// resolve follows links, but the last one only if wanted. The last part of a path need not be there.
func resolve(path string, itself bool) string {
	for range unix.NAME_MAX {
		if !itself {
			if real, err := filepath.EvalSymlinks(path); err == nil {
				return real
			}
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return path
		}
		path = filepath.Join(dir, filepath.Base(path))
		to, err := os.Readlink(path)
		if itself || err != nil {
			return path
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		path = to
	}
	return path
}

// makeLink notes that the run makes a link, or moves something that may be one.
func (o *observer) makeLink(path string) {
	if o.made == nil {
		o.made = map[string]bool{}
	}
	o.made[path] = true
}

// move notes that links which the run made have other names, and that a link has one.
func (o *observer) move(from, to string) {
	if isLink(from) {
		o.makeLink(to)
	}
	for path := range maps.Clone(o.made) {
		if rest, ok := strings.CutPrefix(path, from+"/"); ok {
			o.makeLink(to + "/" + rest)
		}
	}
}

// timed adds Times to a look, unless the program makes no use of them. Each program is asked for: who is asked may note
// what else each of them makes of a look.
func (o *observer) timed(c *caller, path string, use Use) Use {
	program, ok := o.executes.of(c)
	if !ok {
		return use | Times
	}
	asked := [2]string{program, path}
	none, known := o.timeless[asked]
	if !known {
		none = o.noTimes(program, path)
		o.timeless[asked] = none
	}
	if none {
		return use
	}
	return use | Times
}

// isAtStart reports whether a program reads a file of the kernel at each start.
func (o *observer) isAtStart(c *caller, path string) bool {
	if !strings.HasPrefix(path, "/proc/") {
		return false
	}
	program, ok := o.executes.of(c)
	return ok && o.atStart(program, path)
}

// look returns the state of a file, or of a link itself; not ok: there is none.
func look(path string, itself bool) (st unix.Stat_t, ok bool) {
	stat := unix.Stat
	if itself {
		stat = unix.Lstat
	}
	err := stat(path, &st)
	return st, err == nil
}

// exists reports whether there is anything at a path.
func exists(path string, itself bool) bool {
	_, ok := look(path, itself)
	return ok
}

func isLink(path string) bool {
	st, ok := look(path, true)
	return ok && st.Mode&unix.S_IFMT == unix.S_IFLNK
}

func (o *observer) report() Report {
	if !o.blind {
		o.places.forget()
	}
	if o.places.moved {
		o.doubt("a directory that it was in was moved by another program", "")
	}
	r := Report{Programs: o.programs, Doubts: o.doubted, Network: o.network}
	for _, path := range slices.Sorted(maps.Keys(o.seen)) {
		u := o.seen[path]
		r.Seen = append(r.Seen, Seen{path, u.use, u.after, u.before, u.mode, u.size, u.led, u.was, u.written == Moves})
	}
	return r
}
