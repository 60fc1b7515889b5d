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
	"unsafe"

	"golang.org/x/sys/unix"
)

// observer notes what calls say. One thread at a time uses it.
type observer struct {
	noTimes  func(program, path string) bool
	judges   func(program, path string) bool
	atStart  func(program, path string) bool
	isOfRun  func(thread int) bool // it has made a call
	writes   func(path string, how Write)
	many     func()
	seen     map[string]*usage
	last     *usage // of seen, the one that was looked up last; nil: none
	programs []Program
	doubted  []Doubt
	network  bool

	blind         bool   // paths are not understood any more, or looking at them may have to wait: nothing is noted
	handled, sent uint64 // signals: handled so that a call that waits fails; sent by the run

	told map[string]Write // of what is written
	made map[string]bool  // links that the run made, and what it moved that may be such

	executes executables
	places   places

	longAgo int64 // what was changed before that, in nanoseconds since 1970, cannot be changed again in the same tick
}

// usage is what is noted of a path.
type usage struct {
	path       string
	use, after Use
	before     Before // the first use
	mode       uint32 // of what was there then
	size       int64
	replaced   bool  // by a call of the run, if it did not fail
	written    Write // how it may have been; 0: not
	led, was   File  // what was there, behind links and itself, until then
	plain      bool  // what was there at the first use was no link: one look tells both
	direct     bool  // whoever calls it so means this, and nothing is to be left out of it

	asked, timeless uint64 // programs by their numbers: whether they make use of the times; those that make none
	lookers         uint64 // and those that looked at it before the run replaced it
}

// caller is a call that waits for an answer.
type caller struct {
	thread  int
	args    [6]uint64
	pointer uint64 // to the instruction that makes it

	begin time.Time     // when this began to be used
	clock time.Duration // since then, when the call was received; 0: not asked yet

	// Room for what is read of it, which costs less than to make it anew for each call.
	argument [unix.PathMax]byte // of text
	buffer   [unix.PathMax]byte // of readlink
	joined   []byte             // of path
	local    [1]unix.Iovec
	remote   [2]unix.RemoteIovec
}

// now is the time of the call, since some moment. The clock is read at most once for a call.
func (c *caller) now() time.Duration {
	if c.clock == 0 {
		c.clock = time.Since(c.begin)
	}
	return c.clock
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
	if o.Judges == nil {
		o.Judges = func(string, string) bool { return false }
	}
	if o.AtStart == nil {
		o.AtStart = func(string, string) bool { return false }
	}
	if o.Writes == nil {
		o.Writes = func(string, Write) {}
	}
	if o.Many == nil {
		o.Many = func() {}
	}
	return &observer{
		noTimes: o.NoTimes, judges: o.Judges, atStart: o.AtStart, writes: o.Writes, many: o.Many,
		seen: map[string]*usage{}, told: map[string]Write{}, longAgo: time.Now().UnixNano() - 2*tick,
		isOfRun: func(int) bool { return false },
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

const (
	manyPaths = 1_000
	mostPaths = 200_000 // more than anybody looks up again
)

// usage returns what is noted of a path. Whether something is there is asked when it is used first: a file that is gone
// in the end was not looked for in vain.
func (o *observer) usage(path string, itself bool) *usage {
	u := o.last
	if u == nil || u.path != path {
		u = o.seen[path]
	}
	if u == nil {
		u = &usage{path: path, direct: !mayBeMagic(path) && isClean(path)}
		o.seen[path] = u
		switch {
		case len(o.seen) == manyPaths:
			o.many()
		case len(o.seen) > mostPaths:
			o.doubt("it uses too many files", "")
			o.blind = true
		}
	}
	o.last = u
	u.identify(itself, o.longAgo)
	return u
}

// identify looks at what is there when a path is used first, and when it is first used in the other way. Of most paths
// one look tells both.
func (u *usage) identify(itself bool, longAgo int64) {
	file, other := &u.led, &u.was
	if itself {
		file, other = other, file
	}
	switch {
	case file.Known || u.replaced:
		return
	case u.plain:
		*file = *other
		return
	}
	file.Known = true
	st, ok := look(u.path, itself || u.before == 0)
	if u.before == 0 {
		if u.plain = !ok || st.Mode&unix.S_IFMT != unix.S_IFLNK; !u.plain && !itself {
			st, ok = look(u.path, false)
		}
	}
	if ok && u.before == 0 {
		st, file.Changed = settled(u.path, itself, st, longAgo)
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
func settled(path string, itself bool, st unix.Stat_t, longAgo int64) (later unix.Stat_t, changed int64) {
	const coarse = 1_000_000 // that of a file system which knows no nanoseconds is not used
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return st, 0
	}
	switch changed = st.Ctim.Nano(); { // what is told without a call
	case changed%coarse == 0:
		return st, 0
	case changed < longAgo:
		return st, changed
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

const (
	wait = time.Millisecond
	tick = 10_000_000 // nanoseconds, of the slowest kernel
)

// fileOf is what was found at a path.
func fileOf(fi os.FileInfo) File {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return File{Device: uint64(st.Dev), Inode: st.Ino, Known: true}
	}
	return File{}
}

// note notes a use that is no write, and returns what is noted of the path.
func (o *observer) note(path string, use Use) *usage {
	itself := use&Link != 0
	path = o.behind(path, itself)
	u := o.usage(path, itself)
	if use&Read != 0 && !u.replaced && u.mode&unix.S_IFMT == unix.S_IFDIR {
		use = use&^Read | Looked // its names are read by another call
	}
	u.add(use)
	return u
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
	o.writeSeen(path, use, e)
}

// writeSeen notes a write to what a path was seen to be, behind links of the run.
func (o *observer) writeSeen(path string, use Use, e effect) {
	itself := e >= replacesName
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

// noteTimed notes a look, with Times unless the program makes no use of them.
func (o *observer) noteTimed(c *caller, path string, use Use) {
	if u := o.noteLook(c, path, use); o.usesTimes(c, path, u) {
		u.add(Times)
	}
}

// noteLook notes a look, and whose it is.
func (o *observer) noteLook(c *caller, path string, use Use) *usage {
	u := o.note(path, use)
	if u.replaced {
		return u
	}
	program, ok := o.executes.of(c)
	if bit := uint64(1) << program.number; ok && bit != 0 {
		u.lookers |= bit
	} else {
		u.use |= Judged
	}
	return u
}

// isJudged reports whether one of the programs that looked at a path may act on that.
func (o *observer) isJudged(u *usage) bool {
	for program, number := range o.executes.number {
		if u.lookers&(1<<number) != 0 && o.judges(program, u.path) {
			return true
		}
	}
	return false
}

// usesTimes reports whether a program makes use of the times of a path, by what it calls it and by what is noted. Each
// program is asked for: who is asked may note what else each of them makes of a look.
func (o *observer) usesTimes(c *caller, path string, u *usage) bool {
	program, ok := o.executes.of(c)
	if !ok {
		return true
	}
	bit := uint64(1) << program.number // 0: there are too many to note it
	if path != u.path {
		bit = 0
	}
	if u.asked&bit != 0 {
		return u.timeless&bit == 0
	}
	none := o.noTimes(program.path, path)
	if path != u.path {
		none = o.noTimes(program.path, u.path) && none
	}
	u.asked |= bit
	if none {
		u.timeless |= bit
	}
	return !none
}

// isAtStart reports whether a program reads a file of the kernel at each start.
func (o *observer) isAtStart(c *caller, path string) bool {
	if !strings.HasPrefix(path, "/proc/") {
		return false
	}
	program, ok := o.executes.of(c)
	return ok && o.atStart(program.path, path)
}

// look returns the state of a file, or of a link itself; not ok: there is none. It spares the copy of the path that
// package unix makes of each, unless it is a long one.
func look(path string, itself bool) (st unix.Stat_t, ok bool) {
	flags := 0
	if itself {
		flags = unix.AT_SYMLINK_NOFOLLOW
	}
	var b [512]byte
	cwd := unix.AT_FDCWD
	if len(path) >= len(b) || strings.IndexByte(path, 0) >= 0 {
		return st, unix.Fstatat(cwd, path, &st, flags) == nil
	}
	copy(b[:], path)
	_, _, errno := unix.Syscall6(unix.SYS_NEWFSTATAT, uintptr(cwd), uintptr(unsafe.Pointer(&b)),
		uintptr(unsafe.Pointer(&st)), uintptr(flags), 0, 0)
	return st, errno == 0
}

// exists reports whether there is anything at a path.
func exists(path string, itself bool) bool {
	_, ok := look(path, itself)
	return ok
}

func isLink(path string) bool {
	use, there := lookItself(path)
	return there && use != 0
}

// lookItself reports whether there is anything at a path, and Link if it is a link.
func lookItself(path string) (use Use, there bool) {
	st, there := look(path, true)
	if there && st.Mode&unix.S_IFMT == unix.S_IFLNK {
		use = Link
	}
	return use, there
}

func (o *observer) report() Report {
	if !o.blind {
		o.places.forget()
	}
	if o.places.moved {
		o.doubt("a directory that it was in was moved by another program", "")
	}
	all := slices.Collect(maps.Values(o.seen))
	slices.SortFunc(all, func(a, b *usage) int { return strings.Compare(a.path, b.path) })
	r := Report{Seen: make([]Seen, len(all)), Programs: o.programs, Doubts: o.doubted, Network: o.network}
	for i, u := range all {
		if u.use&Written != 0 && o.isJudged(u) {
			u.use |= Judged
		}
		r.Seen[i] = Seen{u.path, u.use, u.after, u.before, u.mode, u.size, u.led, u.was, u.written == Moves}
	}
	return r
}
