//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
)

// machine is what an architecture calls its calls.
type machine struct {
	arch    uint32
	foreign []uint32 // numbers of other architectures that it runs
	variant []uint32 // further numbers of its own with another meaning of words
}

// call is a system call that is notified.
type call struct {
	number uint32
	note   func(o *observer, c *caller)
	when   []test // all of them
}

// cwd in place of the argument that is a directory's descriptor: the call has none.
const cwd = -1

const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// Reasons that several calls share.
const (
	mounts     = "it mounts file systems"
	namespaces = "it changes namespaces"
	watches    = "it waits for changes of files"
	room       = "it asks how much room a file system has"
	shares     = "it shares memory or messages with other programs"
	keys       = "it uses the kernel's keys"
	observes   = "it observes the system or other programs"
)

// notified returns the calls that the observer hears of.
func notified() []call {
	return append(oldCalls(), []call{
		{unix.SYS_OPENAT, opens(0, 1, 2), nil},
		{unix.SYS_OPENAT2, opensHow, nil},
		{unix.SYS_GETDENTS64, notesOpen(Listed), nil},
		{unix.SYS_NEWFSTATAT, looks{dir: 0, path: 1, flags: 3, times: true}.note, nil},
		{unix.SYS_STATX, looks{dir: 0, path: 1, flags: 2, mask: 3}.note, nil},
		{unix.SYS_FACCESSAT, looks{dir: 0, path: 1}.note, nil},
		{unix.SYS_FACCESSAT2, looks{dir: 0, path: 1, flags: 3}.note, nil},
		{unix.SYS_CHDIR, moving(looks{path: 0}.note), nil},
		{unix.SYS_FCHDIR, moving(nil), nil},
		{unix.SYS_NAME_TO_HANDLE_AT, looks{dir: 0, path: 1, times: true}.note, nil},
		{unix.SYS_READLINKAT, readsLink(0, 1), nil},
		{unix.SYS_GETXATTR, looks{path: 0, use: Xattr}.note, nil},
		{unix.SYS_LISTXATTR, looks{path: 0, use: Xattr}.note, nil},
		{unix.SYS_LGETXATTR, looks{path: 0, use: Xattr, itself: true}.note, nil},
		{unix.SYS_LLISTXATTR, looks{path: 0, use: Xattr, itself: true}.note, nil},
		{unix.SYS_FGETXATTR, notesOpen(Xattr), nil},
		{unix.SYS_FLISTXATTR, notesOpen(Xattr), nil},
		{unix.SYS_GETXATTRAT, looks{dir: 0, path: 1, flags: 2, use: Xattr}.note, nil},
		{unix.SYS_LISTXATTRAT, looks{dir: 0, path: 1, flags: 2, use: Xattr}.note, nil},
		{unix.SYS_FILE_GETATTR, looks{dir: 0, path: 1, flags: 4, use: Xattr}.note, nil},

		{unix.SYS_EXECVE, executes(cwd, 0, 0), nil},
		{unix.SYS_EXECVEAT, executes(0, 1, 4), nil},

		{unix.SYS_RENAMEAT, moving(renames(0, 1, 2, 3)), nil},
		{unix.SYS_RENAMEAT2, moving(renamesHow), nil},
		{unix.SYS_UNLINKAT, removesHow, nil},
		{unix.SYS_MKDIRAT, makes(0, 1, makesDirectory), nil},
		{unix.SYS_MKNODAT, makes(0, 1, replacesName), nil},
		{unix.SYS_SYMLINKAT, makesLink(1, 2), nil},
		{unix.SYS_LINKAT, links(0, 1, 2, 3), nil},
		{unix.SYS_TRUNCATE, changes(cwd, 0), nil},
		{unix.SYS_FCHMODAT, changes(0, 1), nil},
		{unix.SYS_FCHMODAT2, changes(0, 1), nil},
		{unix.SYS_FCHOWNAT, changes(0, 1), nil},
		{unix.SYS_UTIMENSAT, changes(0, 1), nil},
		{unix.SYS_SETXATTR, changes(cwd, 0), nil},
		{unix.SYS_LSETXATTR, changes(cwd, 0), nil},
		{unix.SYS_SETXATTRAT, changes(0, 1), nil},
		{unix.SYS_REMOVEXATTR, changes(cwd, 0), nil},
		{unix.SYS_LREMOVEXATTR, changes(cwd, 0), nil},
		{unix.SYS_REMOVEXATTRAT, changes(0, 1), nil},
		{unix.SYS_FILE_SETATTR, changes(0, 1), nil},
		{unix.SYS_FCHMOD, changesOpen, nil},
		{unix.SYS_FCHOWN, changesOpen, nil},
		{unix.SYS_FSETXATTR, changesOpen, nil},
		{unix.SYS_FREMOVEXATTR, changesOpen, nil},

		{unix.SYS_SOCKET, opensSocket, []test{{0, differs, unix.AF_UNIX}}},
		{unix.SYS_BIND, binds, nil},
		{unix.SYS_CONNECT, speaksTo(1, 2), nil},
		{unix.SYS_SENDTO, speaksTo(4, 5), []test{{4, nonzero, 0}}},
		{unix.SYS_SENDMSG, sendsMessage, []test{{2, upper, entry.SendMark}}},
		{unix.SYS_SENDMMSG, sendsMessages, nil},

		{unix.SYS_RT_SIGACTION, handles, []test{
			{1, nonzero, 0},
			{0, differs, uint32(unix.SIGSEGV)},
			{0, differs, uint32(unix.SIGBUS)},
			{0, differs, uint32(unix.SIGILL)},
			{0, differs, uint32(unix.SIGFPE)},
			{0, differs, uint32(unix.SIGABRT)},
			{0, differs, uint32(unix.SIGTRAP)},
			{0, differs, uint32(unix.SIGSYS)},
		}},

		{unix.SYS_KILL, sendsOrAsks, nil},
		{unix.SYS_PIDFD_OPEN, asksFor, nil},
		{unix.SYS_TKILL, sends(1), []test{{1, differs, 0}}},
		// Go's runtime sends itself URG all the time, with a handler that restarts.
		{unix.SYS_TGKILL, sends(2), []test{{2, differs, 0}, {2, differs, uint32(unix.SIGURG)}}},
		{unix.SYS_RT_SIGQUEUEINFO, sends(1), nil},
		{unix.SYS_RT_TGSIGQUEUEINFO, sends(2), nil},
		{unix.SYS_PIDFD_SEND_SIGNAL, sends(1), nil},

		{unix.SYS_CLONE, leaves(namespaces), []test{{0, hasAny, newNamespaces}}},
		{unix.SYS_CLONE3, clones, nil},
		{unix.SYS_UNSHARE, leaves(namespaces), []test{{0, hasAny, newNamespaces | unix.CLONE_NEWTIME}}},
		{unix.SYS_SETNS, leaves(namespaces), nil},
		{unix.SYS_CHROOT, leaves("it changes its root directory"), nil},
		{unix.SYS_PIVOT_ROOT, leaves("it changes its root directory"), nil},
		{unix.SYS_MOUNT, leaves(mounts), nil},
		{unix.SYS_UMOUNT2, leaves(mounts), nil},
		{unix.SYS_FSOPEN, leaves(mounts), nil},
		{unix.SYS_FSPICK, leaves(mounts), nil},
		{unix.SYS_OPEN_TREE, leaves(mounts), nil},
		{unix.SYS_OPEN_TREE_ATTR, leaves(mounts), nil},
		{unix.SYS_MOVE_MOUNT, leaves(mounts), nil},
		{unix.SYS_MOUNT_SETATTR, leaves(mounts), nil},

		{unix.SYS_IO_URING_SETUP, doubts("it uses io_uring"), nil},
		{unix.SYS_SECCOMP, doubts("it wants to observe calls itself"), []test{
			{0, equals, unix.SECCOMP_SET_MODE_FILTER},
			{1, hasAny, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER},
		}},
		{unix.SYS_STATFS, asksRoom, nil},
		{unix.SYS_STATMOUNT, doubts("it asks for mounts"), nil},
		{unix.SYS_LISTMOUNT, doubts("it asks for mounts"), nil},
		{unix.SYS_INOTIFY_ADD_WATCH, doubtsOf(watches, cwd, 1), nil},
		{unix.SYS_FANOTIFY_MARK, doubts(watches), nil},
		{unix.SYS_OPEN_BY_HANDLE_AT, doubts("it opens files without their names"), nil},
		{unix.SYS_PIDFD_GETFD, doubts("it takes files from other programs"), nil},
		{unix.SYS_SHMGET, doubts(shares), []test{{0, differs, unix.IPC_PRIVATE}}},
		{unix.SYS_SEMGET, doubts(shares), []test{{0, differs, unix.IPC_PRIVATE}}},
		{unix.SYS_MSGGET, doubts(shares), []test{{0, differs, unix.IPC_PRIVATE}}},
		{unix.SYS_MQ_OPEN, doubts(shares), nil},
		{unix.SYS_ADD_KEY, doubts(keys), nil},
		{unix.SYS_REQUEST_KEY, doubts(keys), nil},
		{unix.SYS_KEYCTL, doubts(keys), nil},
		{unix.SYS_SYSLOG, doubts(observes), nil},
		{unix.SYS_BPF, doubts(observes), nil},
		{unix.SYS_PERF_EVENT_OPEN, doubts(observes), nil},
	}...)
}

// opens notes what is opened by flags in an argument.
func opens(dir, path, flags int) func(*observer, *caller) {
	return func(o *observer, c *caller) { o.open(c, dir, path, int(int32(c.args[flags]))) }
}

func creates(path int) func(*observer, *caller) {
	return func(o *observer, c *caller) { o.open(c, cwd, path, unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC) }
}

// opensHow notes what openat2 opens.
func opensHow(o *observer, c *caller) {
	var how [24]byte // struct open_how: flags, mode, resolve
	if !o.peek(c, c.args[2], how[:]) {
		return
	}
	if binary.LittleEndian.Uint64(how[16:])&unix.RESOLVE_IN_ROOT != 0 {
		o.doubt("it opens files below a root of its own", "")
		return
	}
	o.open(c, 0, 1, int(binary.LittleEndian.Uint64(how[:])))
}

func (o *observer) open(c *caller, dir, path, flags int) {
	name, ok := o.path(c, dir, path)
	if !ok {
		return
	}
	const temporary = unix.O_TMPFILE &^ unix.O_DIRECTORY
	var use Use
	if flags&unix.O_NOFOLLOW != 0 {
		use |= Link
	}
	switch mode := flags & unix.O_ACCMODE; {
	case flags&temporary != 0: // a file without a name, in the directory
		o.note(name, Looked)
	case flags&unix.O_PATH != 0: // nothing can be read by it but what stat tells
		o.noteTimed(c, name, use|Looked)
	case flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL:
		o.write(name, Claimed, replacesName)
	case flags&unix.O_TRUNC != 0:
		o.write(name, use, replacesFile)
	case mode == unix.O_RDONLY && flags&unix.O_CREAT == 0:
		switch {
		case flags&unix.O_DIRECTORY != 0:
			use |= Looked
		case name == libraryCache && c.isLoader():
			use |= Searched
		case o.isAtStart(c, name):
			return
		default:
			use |= Read
		}
		o.note(name, use)
	default: // what is written to it is added to what is there, or takes the place of a part
		o.write(name, use|Read, changesFile)
	}
}

// notesOpen notes what is made use of through a descriptor: the names in a directory, for many are opened for something
// else (Go removes a directory by way of the one that it is in, which is that of all temporary files), and attributes.
func notesOpen(use Use) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		name, ok := o.opened(c, int(int32(c.args[0])))
		if !ok {
			return
		}
		if name, ok = o.magic(c, name); ok {
			o.note(name, use)
		}
	}
}

// looks is a call that looks at a path by its name.
type looks struct {
	dir, path int // arguments; 0 and 0: only a path
	flags     int // argument with AT_ flags; 0: none
	mask      int // argument with what statx is to tell; 0: none
	times     bool
	itself    bool // a link is not followed
	use       Use  // 0: Looked
}

func (l looks) note(o *observer, c *caller) {
	flags := 0
	if l.flags != 0 {
		flags = int(c.args[l.flags])
	}
	if l.mask != 0 {
		const known = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_SIZE
		l.times = c.args[l.mask]&^known != 0 // a change of owner, links or inode shows in times, too
	}
	dir := l.dir
	if l.path == 0 {
		dir = cwd
	}
	name, ok := o.path(c, dir, l.path)
	if !ok {
		return
	}
	use := l.use
	if use == 0 {
		use = Looked
	}
	if l.itself || flags&unix.AT_SYMLINK_NOFOLLOW != 0 {
		use |= Link
	}
	if l.times {
		o.noteTimed(c, name, use)
	} else {
		o.noteLook(c, name, use)
	}
}

func readsLink(dir, path int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		if name, ok := o.path(c, dir, path); ok {
			o.noteLook(c, name, Link)
		}
	}
}

func executes(dir, path, flags int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		o.executes.forget(c)
		name, ok := o.path(c, dir, path)
		if !ok && flags != 0 && c.args[flags]&unix.AT_EMPTY_PATH != 0 {
			name, ok = o.opened(c, int(int32(c.args[dir])))
			if !ok {
				o.doubt("it executes a file without a name", "")
				return
			}
		}
		if ok {
			o.execute(c, name, 0)
		}
	}
}

// moving is of calls after which programs may be in other directories than before.
func moving(note func(*observer, *caller)) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		o.places.change(c)
		if note != nil {
			note(o, c)
		}
	}
}

func renames(oldDir, old, newDir, newPath int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		from, ok := o.path(c, oldDir, old)
		to, ok2 := o.path(c, newDir, newPath)
		if ok && ok2 {
			o.write(from, Read, replacesTree)
			o.write(to, 0, replacesTree)
			o.move(from, to)
		}
	}
}

// renamesHow may also exchange two, or not replace anything.
func renamesHow(o *observer, c *caller) {
	renames(0, 1, 2, 3)(o, c)
	from, ok := o.path(c, 0, 1)
	to, ok2 := o.path(c, 2, 3)
	switch {
	case !ok || !ok2:
	case c.args[4]&unix.RENAME_EXCHANGE != 0:
		o.usage(to, true).use |= Read
		o.move(to, from)
	case c.args[4]&unix.RENAME_NOREPLACE != 0:
		o.usage(to, true).use |= Claimed
	}
}

func links(oldDir, old, newDir, newPath int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		from, ok := o.path(c, oldDir, old)
		to, ok2 := o.path(c, newDir, newPath)
		if ok2 {
			o.write(to, Claimed, replacesName)
		}
		if ok {
			o.note(from, Read)
			o.move(from, to)
		} else if oldDir != cwd && c.args[4]&unix.AT_EMPTY_PATH != 0 {
			from, ok = o.opened(c, int(int32(c.args[oldDir])))
		}
		if ok {
			o.writes(target(from, false), Links)
		}
	}
}

// removes is of what is gone afterwards. That nothing is there counts, too.
func removes(dir, path int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		name, ok := o.path(c, dir, path)
		if !ok {
			return
		}
		name = o.behind(name, true)
		use, there := lookItself(name)
		if !there {
			use = Looked | Link
		}
		o.writeSeen(name, use, replacesName)
	}
}

// removesHow may also remove a directory.
func removesHow(o *observer, c *caller) {
	if c.args[2]&unix.AT_REMOVEDIR != 0 {
		o.places.change(c)
	}
	removes(0, 1)(o, c)
}

// makes is of what must not be there before. Where something is, nothing is written: so mkdir -p goes through all that
// is above.
func makes(dir, path int, e effect) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		name, ok := o.path(c, dir, path)
		if !ok {
			return
		}
		name = o.behind(name, true)
		switch use, there := lookItself(name); {
		case !there:
			o.writeSeen(name, Claimed, e)
		default:
			o.note(name, Looked|Claimed|use)
		}
	}
}

func makesLink(dir, path int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		if name, ok := o.path(c, dir, path); ok {
			o.write(name, Claimed, replacesName)
			o.makeLink(o.behind(name, true))
		}
	}
}

// changes is of what is still there afterwards.
func changes(dir, path int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		if name, ok := o.path(c, dir, path); ok {
			o.write(name, Looked, changesFile)
		}
	}
}

// changesOpen tells of a change to an open file, which may be open for reading only. For the run itself it is another
// time of change.
func changesOpen(o *observer, c *caller) {
	if name, ok := o.opened(c, int(int32(c.args[0]))); ok {
		o.tell(name, Changes)
	}
}

func doubts(reason string) func(*observer, *caller) {
	return func(o *observer, _ *caller) { o.doubt(reason, "") }
}

func doubtsOf(reason string, dir, path int) func(*observer, *caller) {
	return func(o *observer, c *caller) {
		name, _ := o.path(c, dir, path)
		o.doubt(reason, name)
	}
}

// leaves is of calls after which a path may name something else to the command than to this process, or after which
// this process may have to wait for the command when it looks at a file.
func leaves(reason string) func(*observer, *caller) {
	return func(o *observer, _ *caller) { o.doubt(reason, ""); o.blind = true }
}

func clones(o *observer, c *caller) {
	var b [80]byte // struct clone_args: flags first, number and size of wanted thread numbers last
	args := b[:max(min(c.args[1], uint64(len(b))), 8)]
	if !o.peek(c, c.args[0], args) {
		return
	}
	const all = newNamespaces | unix.CLONE_NEWTIME
	if binary.LittleEndian.Uint64(b[:])&all != 0 {
		leaves(namespaces)(o, c)
	}
	if binary.LittleEndian.Uint64(b[72:]) != 0 {
		o.doubt("it chooses the numbers of its processes", "")
	}
}

// asksRoom leaves out what libselinux asks at the start of each program.
func asksRoom(o *observer, c *caller) {
	name, ok := o.path(c, cwd, 0)
	switch {
	case !ok:
	case name == "/sys/fs/selinux" || name == "/selinux":
		o.note(name, Looked)
	default:
		o.doubt(room, name)
	}
}

func opensSocket(o *observer, c *caller) {
	switch int32(c.args[0]) {
	case unix.AF_INET, unix.AF_INET6:
		o.network = true
	case unix.AF_NETLINK: // also for a list of interfaces, as npm asks for: it has their addresses and counters of now
		o.doubt(Netlink, "")
	case unix.AF_ALG:
	default:
		o.doubt(UnusualSocket, "")
	}
}

// namesOfUsers are sockets of services whose answers come from files that change as /etc/passwd does, and logs: nothing
// else is asked there.
var namesOfUsers = []string{
	"/run/nscd/", "/var/run/nscd/", "/var/lib/sss/pipes/", "/run/systemd/userdb/", "/dev/log",
	"/run/systemd/journal/",
}

// socketName returns the path of a local socket in a struct sockaddr; not local: it is another kind. It is empty if the
// name is none of the file system.
func (o *observer) socketName(c *caller, address uint64, length uint32) (name string, local bool) {
	const family = 2 // bytes
	var b [family + 108]byte
	n := min(int(length), len(b))
	if n < family || !o.peek(c, address, b[:n]) || binary.LittleEndian.Uint16(b[:]) != unix.AF_UNIX {
		return "", false
	}
	name, _, _ = strings.Cut(string(b[family:n]), "\x00")
	if name == "" {
		return "", true
	}
	return o.absolute(c, unix.AT_FDCWD, name)
}

// speaksTo is of what is sent to a local socket.
func speaksTo(address, length int) func(*observer, *caller) {
	return func(o *observer, c *caller) { o.speak(c, c.args[address], uint32(c.args[length])) }
}

func (o *observer) speak(c *caller, address uint64, length uint32) {
	name, local := o.socketName(c, address, length)
	isOf := func(place string) bool { return strings.HasPrefix(name, place) }
	switch {
	case !local:
	case name != "" && (!exists(name, false) || slices.ContainsFunc(namesOfUsers, isOf)):
		o.note(name, Looked)
	default:
		o.doubt(Talks, name)
	}
}

func sendsMessage(o *observer, c *caller) { o.send(c, c.args[1]) }

// sendsMessages is of an array of struct mmsghdr.
func sendsMessages(o *observer, c *caller) {
	const most, size = 1024, 64 // UIO_MAXIOV
	for i := range min(c.args[2], most) {
		o.send(c, c.args[1]+i*size)
	}
}

// send is of a struct msghdr, which begins with an address and its length; a message may also go where its socket is
// connected.
func (o *observer) send(c *caller, message uint64) {
	var to [12]byte
	if !o.peek(c, message, to[:]) {
		return
	}
	if address := binary.LittleEndian.Uint64(to[:]); address != 0 {
		o.speak(c, address, binary.LittleEndian.Uint32(to[8:]))
	}
}

// binds is of a local socket that gets a name, by which other programs may talk to it. One that the kernel makes up is
// known to whom the socket talks.
func binds(o *observer, c *caller) {
	const unnamed = 2 // bytes, of the family alone
	length := uint32(c.args[2])
	name, local := o.socketName(c, c.args[1], length)
	if name != "" {
		o.write(name, Claimed, replacesName)
	}
	if local && length > unnamed {
		o.doubt(Talks, name)
	}
}

// handles notes signals that make a call fail that waits.
func handles(o *observer, c *caller) {
	var action [16]byte // struct sigaction of the kernel: handler, flags
	if !o.peek(c, c.args[1], action[:]) {
		return
	}
	const ignore, restart = 1, 0x10000000
	handler, flags := binary.LittleEndian.Uint64(action[:]), binary.LittleEndian.Uint64(action[8:])
	if handler > ignore && flags&restart == 0 {
		o.handled |= signalSet(c.args[0])
	}
}

// sends notes a signal that the run sends to somebody.
func sends(signal int) func(*observer, *caller) {
	return func(o *observer, c *caller) { o.sent |= signalSet(c.args[signal]) }
}

// sendsOrAsks is of a signal to a process or a group, or of none, which tells whether there is one.
func sendsOrAsks(o *observer, c *caller) {
	if uint32(c.args[1]) != 0 {
		sends(1)(o, c)
	} else {
		asksFor(o, c)
	}
}

// asksFor is of a question whether a process is there, which of those of the run alone a later run answers likewise. A
// group has the number of the process that began it; 0 is one's own.
func asksFor(o *observer, c *caller) {
	process := int(int32(c.args[0]))
	if process < -1 {
		process = -process
	}
	if process != 0 && !o.isOfRun(process) && !isBelow(process, os.Getpid()) {
		o.doubt("it asks whether another program runs", "")
	}
}

func signalSet(signal uint64) uint64 { return 1 << (signal & 63) }

// interruptions are signals that many programs handle, but that nobody gets unless somebody wants the command to end.
const interruptions = 1<<unix.SIGINT | 1<<unix.SIGTERM | 1<<unix.SIGHUP | 1<<unix.SIGQUIT

// interruptible reports whether signals may have come that make calls fail.
func (o *observer) interruptible() bool { return o.handled&(o.sent|^uint64(interruptions)) != 0 }
