//go:build amd64 || arm64

package runner

import (
	"encoding/binary"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// letterbox catches signals behind the runtime's back. os/signal takes four threads and a round trip for each signal,
// 0.5 ms in all, which is a seventh of what a run of a short command costs. Here the handler adds to a counter of the
// kernel (eventfd), and a goroutine that no thread waits with reads it. So nothing may be done in the handler, and
// nothing of Go is (letters_linux_amd64.s).
//
// What is in the counter has reached this process: who empties it knows of all signals that came before. Each signal
// has 16 of its bits. More than 65535 of one at a time count as of the next, or are lost: nobody sends as many to be
// heard.
type letterbox struct {
	mu     sync.Mutex // held until what was taken out has been taken care of
	conn   syscall.RawConn
	file   *os.File // kept open
	caught []os.Signal
	take   func(os.Signal)
}

// spareDescriptors are left to others: where they are few, the box does without one.
const spareDescriptors = 64

const letterBits = 16

// What the handler adds for each signal, to which descriptor. They are set before the handler is there.
var (
	letters [signalCount]uint64
	//lint:ignore U1000 the handler alone reads it
	letterboxEnd int32
)

// handlerAndReturn returns where the handler is, and what is to be called behind it; 0: the kernel knows.
func handlerAndReturn() (handler, back uintptr)

// catch catches signals, and returns those that it cannot. What was blocked at the start is unblocked by os/signal
// alone.
func (b *letterbox) catch(sigs []os.Signal, take func(os.Signal)) (rest []os.Signal) {
	start := atStart().mask
	if b.file != nil || len(sigs) > 64/letterBits || !b.open() {
		return sigs
	}
	b.take = take
	for i, s := range sigs {
		n := s.(syscall.Signal)
		if has(&start, n) {
			rest = append(rest, s)
			continue
		}
		letters[n] = 1 << (letterBits * i)
		b.caught = append(b.caught, s)
	}
	for _, s := range b.caught {
		handle(s.(syscall.Signal))
	}
	go func() { // the box is never closed
		_ = b.conn.Read(func(fd uintptr) bool {
			b.empty(int(fd))
			return false
		})
	}()
	return rest
}

func (b *letterbox) open() bool {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return false
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(fd)+spareDescriptors > limit.Cur {
		unix.Close(fd)
		return false
	}
	file := os.NewFile(uintptr(fd), "letters")
	if b.conn, err = file.SyscallConn(); err != nil {
		file.Close()
		return false
	}
	b.file, letterboxEnd = file, int32(fd)
	return true
}

// handle has the handler called for a signal, as the runtime has its own called.
func handle(s syscall.Signal) {
	const (
		onStack  = 0x08000000 // SA_ONSTACK: goroutines have small ones
		restart  = 0x10000000 // SA_RESTART
		restorer = 0x04000000 // SA_RESTORER
	)
	handler, back := handlerAndReturn()
	d := disposition{uint64(handler), onStack | restart, uint64(back), ^uint64(0)} // no other signal comes meanwhile
	if back != 0 {
		d[1] |= restorer
	}
	sigaction(s, &d, nil)
}

// empty takes care of what has come.
func (b *letterbox) empty(fd int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var counts [8]byte
	for {
		n, err := unix.Read(fd, counts[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != len(counts) {
			return
		}
		for _, s := range b.caught {
			of := binary.NativeEndian.Uint64(counts[:]) / letters[s.(syscall.Signal)] % (1 << letterBits)
			for range of {
				b.take(s)
			}
		}
	}
}

// settle returns when each signal that reached this process before was taken care of.
func (b *letterbox) settle() {
	if b.file != nil {
		_ = b.conn.Control(func(fd uintptr) { b.empty(int(fd)) })
	}
}
