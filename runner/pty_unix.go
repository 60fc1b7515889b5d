//go:build unix

package runner

import (
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is a pseudo-terminal for a command, and the user's own terminal beside it.
//
// The user's terminal is raw while the command runs, so that every key reaches the inner terminal,
// which then does what a terminal does: echo, edit lines, turn ^C into a signal.
type terminal struct {
	master *os.File
	keys   *os.File // the user's terminal, if stdin is one
	size   *os.File // the terminal whose size the command sees; nil: none
	stop   *os.File // the end of a pipe: closing it ends the copying of keys
	woken  *os.File // the other end
	idle   chan struct{}

	mu    sync.Mutex
	saved *unix.Termios // of keys, while it is raw
	over  bool
}

// openTerminal returns a new terminal and its inner side, which is the command's.
func openTerminal(c Command) (*terminal, *os.File, error) {
	m, slave, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	master, err := pollable(m)
	if err != nil {
		slave.Close()
		return nil, nil, err
	}
	t := &terminal{master: master, idle: make(chan struct{})}
	if c.Input == nil && IsTerminal(c.Stdin) {
		t.keys = c.Stdin
	}
	for _, f := range []*os.File{c.Stdout, c.Stderr, t.keys} {
		if t.size == nil && IsTerminal(f) {
			t.size = f
		}
	}
	t.resize()
	return t, slave, nil
}

// pollable returns f again under another descriptor, in a state in which reads know deadlines: the
// ioctls that open a pseudo-terminal have made it a blocking file for good.
func pollable(f *os.File) (*os.File, error) {
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// typed reports whether the command reads the user's keys.
func (t *terminal) typed() bool { return t.keys != nil }

// begin makes the user's terminal raw and copies keys until end. In the background neither is
// possible: the kernel would stop this process for trying.
func (t *terminal) begin() {
	if t.keys == nil || foregroundOf(t.keys) != unix.Getpgrp() {
		close(t.idle)
		return
	}
	var err error
	if t.woken, t.stop, err = os.Pipe(); err != nil {
		close(t.idle)
		return
	}
	t.raw()
	go t.copyKeys()
}

func (t *terminal) copyKeys() {
	defer close(t.idle)
	defer runtime.KeepAlive(t)
	fds := []unix.PollFd{
		{Fd: int32(t.keys.Fd()), Events: unix.POLLIN},
		{Fd: int32(t.woken.Fd()), Events: unix.POLLIN},
	}
	buf := make([]byte, 4096)
	for {
		if _, err := unix.Poll(fds, -1); err == unix.EINTR {
			continue
		} else if err != nil || fds[1].Revents != 0 {
			return
		}
		n, err := unix.Read(int(fds[0].Fd), buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n <= 0 {
			return
		}
		if _, err := t.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

// end gives the user's terminal back as it was. It may be called on a nil terminal, and twice.
func (t *terminal) end() {
	if t == nil {
		return
	}
	t.mu.Lock()
	over := t.over
	t.over = true
	t.mu.Unlock()
	if over {
		return
	}
	if t.stop != nil {
		t.stop.Close()
		t.master.SetWriteDeadline(time.Now()) // of a key that the command does not read
		<-t.idle
		t.woken.Close()
	}
	t.restore()
}

// follow keeps the user's terminal usable across a stop of this process.
func (t *terminal) follow(s syscall.Signal) {
	switch {
	case s == unix.SIGTSTP:
		t.restore()
	case s == unix.SIGCONT && t.stop != nil && foregroundOf(t.keys) == unix.Getpgrp():
		t.raw()
	}
}

// resize gives the command's terminal the size of the user's, or, without one, the classic size; the
// kernel tells the command.
func (t *terminal) resize() {
	size := &unix.Winsize{Row: 24, Col: 80}
	if t.size != nil {
		if outer, err := unix.IoctlGetWinsize(int(t.size.Fd()), unix.TIOCGWINSZ); err == nil {
			size = outer
		}
	}
	if conn, err := t.master.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// raw makes the user's terminal pass on every key as it is, as cfmakeraw(3) does. What the command
// writes passes through the inner terminal's own output processing, and needs none here.
func (t *terminal) raw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return
	}
	was, err := unix.IoctlGetTermios(int(t.keys.Fd()), getTermios)
	if err != nil {
		return
	}
	if t.saved == nil {
		saved := *was
		t.saved = &saved
	}
	was.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	was.Oflag &^= unix.OPOST
	was.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	was.Cflag &^= unix.CSIZE | unix.PARENB
	was.Cflag |= unix.CS8
	was.Cc[unix.VMIN], was.Cc[unix.VTIME] = 1, 0
	unix.IoctlSetTermios(int(t.keys.Fd()), setTermios, was)
}

// restore undoes raw.
func (t *terminal) restore() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.saved != nil {
		unix.IoctlSetTermios(int(t.keys.Fd()), setTermios, t.saved)
		t.saved = nil
	}
}
