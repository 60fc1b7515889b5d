//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/entry"
)

// session is what belongs to one start of a command: the listener, and who answers.
//
// What can be killed at any time is this process. The notification at hand lies in a page that the keeper has, too. The
// kernel writes it there, so there is no moment at which it is received and the keeper does not know of it. What was
// answered already the kernel does not accept again.
type session struct {
	take func(n *notification, lost bool) // lost: before this one; nil: after the last

	ours     int    // socket to the stage
	listener int    // of the filter
	memory   int    // file of page
	page     []byte // at entry.Notif is the notification at hand
	lifeline [2]int // pipe; the keeper's end, and this one's, which nobody else has
	wake     int    // eventfd: not to be supervised any more
	keeper   int    // its pid; 0: there is none
	witness  int    // its pid; 0: there is none
	ask      int    // pipe to the witness
	heard    bool   // the witness has made its call

	answers atomic.Int32 // the thread that answers

	done chan struct{}
}

// notification is struct seccomp_notif.
type notification struct {
	id      uint64
	thread  uint32
	flags   uint32
	number  int32
	arch    uint32
	pointer uint64
	args    [6]uint64
}

// response is struct seccomp_notif_resp.
type response struct {
	id    uint64
	value int64
	err   int32
	flags uint32
}

func newSession(take func(*notification, bool)) *session {
	return &session{
		take: take, ours: -1, listener: -1, memory: -1, lifeline: [2]int{-1, -1}, wake: -1, ask: -1,
		done: make(chan struct{}),
	}
}

func (s *session) close() {
	for _, fd := range []*int{&s.ours, &s.listener, &s.memory, &s.lifeline[0], &s.lifeline[1], &s.wake, &s.ask} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
		}
	}
	if s.page != nil {
		unix.Munmap(s.page)
		s.page = nil
	}
}

// makePage opens what is needed besides the stage.
func (s *session) makePage() (err error) {
	if s.memory, err = unix.MemfdCreate("notification", unix.MFD_CLOEXEC); err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	size := os.Getpagesize()
	if err := unix.Ftruncate(s.memory, int64(size)); err != nil {
		return os.NewSyscallError("ftruncate", err)
	}
	if s.page, err = unix.Mmap(s.memory, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return os.NewSyscallError("mmap", err)
	}
	if s.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	return os.NewSyscallError("pipe", unix.Pipe2(s.lifeline[:], unix.O_CLOEXEC))
}

// connect returns the stage's end of a socket.
func (s *session) connect() (theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socketpair", err)
	}
	s.ours = pair[0]
	return os.NewFile(uintptr(pair[1]), "stage"), nil
}

// receive gets the listener from the stage, or why there is none, and its witness.
func (s *session) receive() (syscall.Errno, error) {
	var b [16]byte
	rights := make([]byte, unix.CmsgSpace(2*4))
	for {
		n, length, _, _, err := unix.Recvmsg(s.ours, b[:], rights, unix.MSG_CMSG_CLOEXEC)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case n < len(b):
			return 0, io.ErrUnexpectedEOF
		}
		if result := int64(binary.LittleEndian.Uint64(b[:])); result < 0 {
			return syscall.Errno(-result), nil
		}
		messages, err := unix.ParseSocketControlMessage(rights[:length])
		if err != nil || len(messages) != 1 {
			return 0, unix.EMFILE // the kernel has closed the listener for want of a number
		}
		fds, err := unix.ParseUnixRights(&messages[0])
		if err != nil || len(fds) == 0 {
			return 0, unix.EMFILE
		}
		s.listener = fds[0]
		if pid := int64(binary.LittleEndian.Uint64(b[8:])); pid > 0 && len(fds) == 2 {
			s.witness, s.ask = int(pid), fds[1]
		} else if len(fds) == 2 {
			unix.Close(fds[1])
		}
		// Who waits and who answers take turns on one processor. Older kernels do not know the flag.
		unix.Syscall(unix.SYS_IOCTL, uintptr(s.listener), unix.SECCOMP_IOCTL_NOTIF_SET_FLAGS,
			unix.SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP)
		return 0, nil
	}
}

// outcome waits until the stage has become the command, or returns why it has not.
func (s *session) outcome() syscall.Errno {
	var b [8]byte
	for {
		n, err := unix.Read(s.ours, b[:])
		if err == unix.EINTR {
			continue
		}
		unix.Close(s.ours)
		s.ours = -1
		if err != nil || n < len(b) {
			return 0
		}
		return syscall.Errno(-int64(binary.LittleEndian.Uint64(b[:])))
	}
}

// keep starts the keeper. Where it cannot be started the command is observed all the same, and fares badly only if
// this process is killed.
func (s *session) keep() {
	pid, err := syscall.ForkExec(program, []string{entry.Keeper}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{},
		Files: []uintptr{uintptr(s.listener), uintptr(s.memory), uintptr(s.lifeline[0])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		s.keeper = pid
	}
}

// bury waits for a process that ends by itself, so that no zombie stays.
func bury(pid int) {
	if pid == 0 {
		return
	}
	if ended, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); ended != 0 && err != syscall.EINTR {
		return
	}
	time.AfterFunc(burial, func() {
		for {
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != syscall.EINTR {
				return
			}
		}
	})
}

// burial is when what has not ended yet is waited for. Mostly this process itself ends before, and starts no thread
// for that.
const burial = 20 * time.Millisecond

// supervise answers until nobody of the command is left, or until end.
func (s *session) supervise() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.done)
	s.answers.Store(int32(unix.Gettid()))
	n := (*notification)(unsafe.Pointer(&s.page[entry.Notif]))
	answer := &response{flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	last := uint64(0)
	for s.receiveNext(n) {
		// Each call has the number after the last. Who is missing was interrupted before it was received.
		lost := last != 0 && n.id != last+1
		if s.witness != 0 && n.thread == uint32(s.witness) {
			s.heard = true
			s.take(nil, lost)
		} else {
			s.take(n, lost)
		}
		last, answer.id = n.id, n.id
		s.ioctl(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(answer)) // fails if who called was killed meanwhile
		*n = notification{}
	}
}

// receiveNext waits for a notification and receives it; false: there will be none any more, or nobody wants it.
//
// To ask first whether there is one costs a twelfth of what a call costs that is notified. That is needed from the
// witness's call on, when somebody may say that nobody wants any more, and where there is no such call; and on kernels
// that do not tell who receives that there will be none.
func (s *session) receiveNext(n *notification) bool {
	for {
		if (s.witness == 0 || s.heard || !receiveEnds()) && !s.wait() {
			return false
		}
		switch s.ioctl(unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(n)) {
		case 0:
			return true
		case unix.ENOENT: // nobody is left who could call, or who called is dead
			if !s.wait() {
				return false
			}
		}
	}
}

// receiveEnds reports whether the kernel ends receiving when nobody is left who could call: since Linux 6.11.
var receiveEnds = sync.OnceValue(func() bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	return isSince(unix.ByteSliceToString(name.Release[:]), 6, 11)
})

// isSince reports whether a release of the kernel is not before another.
func isSince(release string, major, minor int) bool {
	first, rest := leadingNumber(release)
	second, _ := leadingNumber(strings.TrimPrefix(rest, "."))
	return first > major || first == major && second >= minor
}

// leadingNumber takes the number off that a text begins with; 0: there is none. The command waits for it: package fmt
// takes ten times as long when it is first used.
func leadingNumber(text string) (n int, rest string) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	n, _ = strconv.Atoi(text[:digits])
	return n, text[digits:]
}

// wait waits for a notification; false: there will be none any more.
func (s *session) wait() bool {
	fds := []unix.PollFd{{Fd: int32(s.listener), Events: unix.POLLIN}, {Fd: int32(s.wake), Events: unix.POLLIN}}
	for {
		switch _, err := unix.Poll(fds, -1); {
		case err == unix.EINTR:
		case err != nil || fds[1].Revents != 0:
			return false
		default:
			return fds[0].Revents&unix.POLLIN != 0
		}
	}
}

func (s *session) ioctl(request uintptr, p unsafe.Pointer) syscall.Errno {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s.listener), request, uintptr(p))
	return errno
}

// end waits up to a deadline until nobody of the command is left, and ten times longer while what is left goes on. It
// reports whether that came to be. Else the keeper answers from now on.
func (s *session) end(deadline time.Time, goesOn func() bool) (over bool) {
	defer bury(s.keeper)
	defer bury(s.witness)
	if s.witness != 0 {
		unix.Write(s.ask, []byte{1})
	}
	over = s.isOver(time.Until(deadline))
	for more := 10; !over && more > 0 && goesOn(); more-- {
		over = s.isOver(patience)
	}
	if !over {
		unix.Write(s.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		if !s.isOver(patience) { // somebody has killed the witness: it receives until the next call
			go s.closeLater()
			s.take(nil, true) // perhaps
			return false
		}
	}
	if !s.heard {
		s.take(nil, true) // perhaps
	}
	s.close()
	return over
}

// isOver waits so long for the end of supervising.
func (s *session) isOver(most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-s.done:
		return true
	case <-timer.C:
		return false
	}
}

func (s *session) closeLater() {
	<-s.done
	s.close()
}
