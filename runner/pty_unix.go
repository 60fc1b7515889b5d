//go:build unix

package runner

import (
	"bytes"
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
// The user's terminal is raw while a command runs that is to get its keys, so that every key reaches the
// inner terminal, which then does what a terminal does: echo, edit lines, turn ^C into a signal.
type terminal struct {
	master *os.File
	keys   *os.File // the user's terminal, if the command gets its keys
	size   *os.File // the terminal whose size the command sees; nil: fixed
	fixed  Size
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
	t := &terminal{master: master, idle: make(chan struct{}), fixed: c.Terminal}
	if t.fixed == (Size{}) {
		t.fixed = TerminalSize()
	}
	for _, f := range []*os.File{c.Stdout, c.Stderr, c.Stdin} {
		if t.size == nil && IsTerminal(f) {
			t.size = f
		}
	}
	t.resize()
	switch {
	case c.readsTerminal() && c.NoKeys:
		err = t.endInput(slave)
	case c.readsTerminal():
		t.keys = c.Stdin
	}
	if err != nil {
		slave.Close()
		master.Close()
		return nil, nil, err
	}
	return t, slave, nil
}

// readsTerminal reports whether the command's stdin is the pseudo-terminal.
func (c *Command) readsTerminal() bool { return c.Input == nil && IsTerminal(c.Stdin) }

// endInput lets whoever reads from the inner terminal find the end of file, more often than anybody looks for it.
func (t *terminal) endInput(slave *os.File) error {
	fd := int(slave.Fd())
	was, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return os.NewSyscallError("ioctl", err)
	}
	silent := *was
	silent.Lflag &^= unix.ECHO // some systems show ^D
	if err := unix.IoctlSetTermios(fd, setTermios, &silent); err != nil {
		return os.NewSyscallError("ioctl", err)
	}
	const often = 200 // fits into the input of any terminal
	if _, err := t.master.Write(bytes.Repeat([]byte{was.Cc[unix.VEOF]}, often)); err != nil {
		return err
	}
	return os.NewSyscallError("ioctl", unix.IoctlSetTermios(fd, setTermios, was))
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
		if t.suspends(buf[:n]) {
			unix.Kill(0, unix.SIGTSTP) // to all that the user's own terminal would have told
			continue
		}
		if _, err := t.master.Write(buf[:n]); err != nil {
			return
		}
	}
}

// suspends reports whether the last of these keys is the one that stops a job, and means the command: the inner
// terminal turns keys into signals, and the command is in its foreground. The kernel would not stop it there: it stops
// no process group of a session in which there is no shell to continue it.
func (t *terminal) suspends(keys []byte) (yes bool) {
	conn, err := t.master.SyscallConn()
	if err != nil {
		return false
	}
	conn.Control(func(fd uintptr) {
		inner, err := unix.IoctlGetTermios(int(fd), getTermios)
		if err != nil || inner.Lflag&unix.ISIG == 0 || keys[len(keys)-1] != inner.Cc[unix.VSUSP] {
			return
		}
		group, err := unix.IoctlGetInt(int(fd), unix.TIOCGPGRP)
		if err != nil {
			return
		}
		session, err := unix.Getsid(group)
		yes = err == nil && session == group // the command leads both
	})
	return yes
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

// inner is the signal for the command when s came to this process. TSTP would not stop it, see suspends.
func (*terminal) inner(s syscall.Signal) syscall.Signal {
	if s == unix.SIGTSTP {
		return unix.SIGSTOP
	}
	return s
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

// resize gives the command's terminal the size of the user's, or, without one, the one that was asked for; the
// kernel tells the command.
func (t *terminal) resize() {
	size := &unix.Winsize{Row: t.fixed.Rows, Col: t.fixed.Cols}
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
	was.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP |
		unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
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

// sizeOf is the size of a terminal; false for any other file.
func sizeOf(f *os.File) (Size, bool) {
	if !IsTerminal(f) {
		return Size{}, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return Size{}, false
	}
	return Size{Rows: size.Row, Cols: size.Col}, true
}
