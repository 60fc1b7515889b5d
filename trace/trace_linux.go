//go:build amd64 || arm64

package trace

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
)

// Tracer observes one command.
type Tracer struct {
	filter []unix.SockFilter
	noters []func(*observer, *caller) // by the number of the call; nil: it is not one of ours

	mu       sync.Mutex // of what follows
	observer *observer
	caller   caller // at hand
	sessions []*session
	threads  threads
	untraced string
}

// program is the file of this process, also when another has its name by now.
const program = "/proc/self/exe"

// New prepares to observe a command. The error says why that cannot be done here, as a clause for people.
func New(o Options) (*Tracer, error) {
	if err := possible(); err != nil {
		return nil, err
	}
	if o.Program != "" && losesRights(o.Program) {
		return nil, ErrRights
	}
	calls := notified()
	last := slices.MaxFunc(calls, func(a, b call) int { return cmp.Compare(a.number, b.number) }).number
	t := &Tracer{observer: newObserver(o), noters: make([]func(*observer, *caller), last+1)}
	t.caller.begin = time.Now()
	for _, c := range calls {
		t.noters[c.number] = c.note
	}
	t.observer.isOfRun = func(thread int) bool { return t.threads.seen[thread] }
	t.filter = buildFilter(thisMachine, calls)
	return t, nil
}

func possible() error {
	if !entry.Seen() {
		return errors.New("this program was not linked by Go's own linker")
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, filterFlags, 0)
	if errno != unix.EFAULT { // which is that of the filter
		return noListener(errno)
	}
	// Who cannot receive or answer must not begin: the command would wait for ever.
	for _, request := range [...]uintptr{unix.SECCOMP_IOCTL_NOTIF_RECV, unix.SECCOMP_IOCTL_NOTIF_SEND} {
		const none = ^uintptr(0) // no descriptor
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, none, request, 0); errno != unix.EBADF {
			return noListener(errno)
		}
	}
	if err := unix.Access(program, unix.X_OK); err != nil {
		return errors.New("/proc is not there")
	}
	if pid, err := os.Readlink("/proc/self"); err != nil || pid != strconv.Itoa(os.Getpid()) {
		return errors.New("/proc is of another pid namespace")
	}
	b := [1]byte{}
	c := caller{thread: os.Getpid()}
	if _, err := c.read(uint64(uintptr(unsafe.Pointer(&b))), make([]byte, 1)); err != nil {
		return fmt.Errorf("the memory of programs cannot be read: %w", err)
	}
	return nil
}

// filterFlags are those with which a stage installs the filter.
const filterFlags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV |
	unix.SECCOMP_FILTER_FLAG_SPEC_ALLOW

func noListener(errno syscall.Errno) error {
	switch errno {
	case unix.EBUSY:
		return errors.New("something around it observes calls already")
	case unix.EINVAL, unix.ENOSYS:
		return errors.New("calls can be observed from Linux 5.19 on, if it was built with seccomp")
	}
	return fmt.Errorf("calls cannot be observed here: %w", errno)
}

// Stage returns how the command is to be started.
func (t *Tracer) Stage() Stage {
	var s *session
	return Stage{
		Path: program,
		Name: entry.Stage,
		Open: func() (theirs *os.File, err error) {
			s, theirs, err = t.open()
			return theirs, err
		},
		Started: func(int) (bool, error) { return t.started(s) },
		Skipped: func(err error) {
			t.setUntraced(fmt.Errorf("it could not be started for that: %w", err))
			if s != nil {
				s.close()
			}
		},
	}
}

func (t *Tracer) setUntraced(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.untraced = ""
	if err != nil {
		t.untraced = err.Error()
	}
}

// open prepares a start.
func (t *Tracer) open() (s *session, theirs *os.File, err error) {
	s = newSession(t.take)
	defer func() {
		if err != nil {
			s.close()
			s = nil
		}
	}()
	if err := s.makePage(); err != nil {
		return s, nil, err
	}
	theirs, err = s.connect()
	if err != nil {
		return s, nil, err
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(&t.filter[0])), len(t.filter)*int(unsafe.Sizeof(t.filter[0])))
	if err := unix.Send(s.ours, b, unix.MSG_NOSIGNAL); err != nil {
		theirs.Close()
		return s, nil, err
	}
	return s, theirs, nil
}

// started supervises the command from its first call on, the exec of its program.
func (t *Tracer) started(s *session) (usable bool, err error) {
	errno, err := s.receive()
	switch {
	case err != nil: // it has no listener, or nobody does: then all that it may do is end
		t.setUntraced(fmt.Errorf("it could not be begun: %w", err))
		s.close()
		return false, nil
	case errno != 0:
		t.setUntraced(noListener(errno))
		defer s.close()
	default:
		t.setUntraced(nil)
		t.mu.Lock()
		t.sessions = append(t.sessions, s)
		t.mu.Unlock()
		s.keep()
		go s.supervise()
	}
	if errno := s.outcome(); errno != 0 {
		return true, errno
	}
	return true, nil
}

// take notes a call that waits for an answer, and that one before it was lost.
func (t *Tracer) take(n *notification, lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	o := t.observer
	if lost && o.interruptible() {
		o.add(Doubt{Reason: "a signal may have made a call fail that would not have failed unobserved", Altered: true})
	}
	if n == nil || o.blind {
		return
	}
	if n.thread != 0 {
		t.threads.add(int(n.thread))
	}
	var note func(*observer, *caller)
	if uint32(n.number) < uint32(len(t.noters)) {
		note = t.noters[n.number]
	}
	switch {
	case n.thread == 0:
		o.doubt("a process of it is not visible", "")
	case n.arch != thisMachine.arch || note == nil:
		o.doubt("it makes system calls of another architecture", "")
	default:
		c := &t.caller
		c.thread, c.args, c.pointer, c.clock = int(n.thread), n.args, n.pointer, 0
		o.places.called(c)
		note(o, c)
	}
}

// goesOn returns what reports, each time that it is asked, whether something that is left of a session would end if it
// was waited for, its witness and who answers included. Threads of all sessions are looked at: a command that is
// started again has ended before.
func (t *Tracer) goesOn(s *session) func() bool {
	l := &left{}
	return func() bool {
		t.mu.Lock()
		all := slices.AppendSeq([]int{s.witness, int(s.answers.Load())}, maps.Keys(t.threads.seen))
		t.mu.Unlock()
		return l.goesOn(slices.Values(all))
	}
}

// patience is for processes that are about to end when the command has ended.
const patience = 100 * time.Millisecond

// Report returns what was observed, after the command has ended. What still runs of it is a doubt, and is not observed
// any longer.
func (t *Tracer) Report() Report {
	t.Close()
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.observer.report()
	r.Untraced = t.untraced
	return r
}

// Close ends observing.
func (t *Tracer) Close() {
	t.mu.Lock()
	sessions := t.sessions
	t.sessions = nil
	t.mu.Unlock()
	deadline := time.Now().Add(patience)
	for _, s := range sessions {
		if s.end(deadline, t.goesOn(s)) {
			continue
		}
		t.mu.Lock()
		t.observer.doubt(LeftBehind, "")
		t.observer.blind = true // what may still come is answered, and nothing else
		t.mu.Unlock()
	}
}
