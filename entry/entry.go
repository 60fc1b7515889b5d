// Package entry is the entry of the program, before the Go runtime's. It tries the short way to a hit (package
// fastpath). It notes what the runtime changes and the kernel then forgets: the signal mask and the ignored signals
// that this process was started with. And a process that was started under one of two names never gets to the runtime:
// a stage with its witness, or a keeper (see Stage and Keeper).
//
// The short way is Go code without a Go runtime. It relies on what the compiler does: the goroutine in R14 (arm64:
// R28), the end of its stack 16 bytes into that, arguments in AX, BX, CX, DI, SI and R8 (R0 to R5), zero in X15, the
// closure in DX (R26), room for arguments above the return address. The thread register is left alone. A fault in it
// (an index out of range, a need of memory, a stack that is used up) ends in SIGSEGV, for which the entry has a
// handler: that starts the runtime as if nothing had been, or ends the process with 125 if a part of the output has
// been written.
//
// It may hand the runtime other arguments, environment and auxiliary vector than those on the stack.
//
// For many looks at files it makes another thread, which does as it does, has a stack here, and is gone before anything
// is written or the runtime starts. A fault in that thread ends it alone. No signal has a handler but SIGSEGV, so none
// of them is to be blocked.
//
// Where there is no entry (other systems and architectures, a program linked by the linker of C, a library) Seen says
// so, and nobody may start a stage or a keeper.
package entry

import "unsafe"

// Seen reports whether the entry was there.
func Seen() bool { return seen }

// Signals returns the signals that were blocked and those that were ignored when this process was started, 1 as the
// lowest bit.
func Signals() (blocked, ignored uint64) { return mask, ignoredSet }

// Stage is the name (argv[0]) of a process that installs a seccomp filter and then becomes a command by exec. Further
// words are the number of a descriptor in decimal, the file to execute and the command's own words, from argv[0] on.
// The descriptor is a socket with one message in it, the filter's instructions. First the stage sends a message back:
// 16 bytes, the listener's number, and the listener beside it; or a negative error, and the command starts without the
// filter. If exec fails there is a second message, the negative error. The command inherits neither socket nor
// listener.
//
// The second number of the first message is the pid of a witness, or a negative error; beside the listener is the end
// of a pipe that leads to it. The witness is a child of whoever started the stage, has the filter and no other
// descriptor, and ends when the pipe does. If a byte comes first, it calls chdir(NULL). Calls are numbered, so that of
// the witness tells whether one of the command was lost before it. No call of the command itself can stand for it: the
// last that a process makes, exit_group, does not expect to be interrupted; where it is, libc ends one thread and
// others live on.
//
// The runtime would take 2 ms, a megabyte and the command's signal mask. And a process that had the filter before it
// was forked would hang as long as its parent waits for exec (vfork), if that is the one to answer.
const Stage = "cachex-stage"

// SendMark is the upper half of the flags with which a stage sends, of which the kernel reads the lower half. A filter
// must let that pass: nobody has the listener before it.
const SendMark = 0x63616368 // cach

// Keeper is the name of a process that answers a listener in place of the one that started it, when that has ended: all
// calls go on, until nobody is left who could make one. It has three descriptors: 0 is the listener; 1 is a file, of
// which the first page holds struct seccomp_notif at Notif and at Notif2, whatever is at hand; 2 is the end of a pipe
// that nobody writes into, whose other end only its parent has. Others are closed. It has no other words.
const Keeper = "cachex-keeper"

// Where in the page of a keeper a notification at hand is.
const (
	Notif  = 0
	Notif2 = 128
)

// short is what the entry needs for the short way. A hit touches one page of it, the last: each costs as much as four
// looks at files.
//
//lint:ignore U1000 the entry alone uses it
type short struct {
	thread
	kernelStack uintptr    // as the kernel left it: argc, argv, environment
	handed      uintptr    // address of others for the runtime, and an auxiliary vector; 0: there are none
	action      [4]uint64  // struct sigaction, for a moment
	onFault     [4]uint64  // what was done about SIGSEGV
	kernel      [3]uintptr // fastpath.Kernel: addresses of the next three
	call        uintptr    // addresses of code, as a func value has one
	start       uintptr
	join        uintptr
	begun       uint32 // the short way has written
}

// thread is what a thread needs before the runtime: a stack, for that of the kernel may be as small as its caller
// likes, and a goroutine, of which nothing is set but where the stack ends.
//
//lint:ignore U1000 the entry alone uses it
type thread struct {
	stack     [15*pageOfMemory + stackInLast]byte
	goroutine [512]byte
}

const (
	pageOfMemory = 4096 // bytes of the smallest
	stackInLast  = 3072 // bytes of a stack on the last page that has some of it

	//lint:ignore U1000 the entry alone uses it
	lenOfNo = len("no") // of plain, if a build says nothing else
)

// What the entry has found, and what a stage and a keeper put together for the kernel.
var (
	seen       bool
	mask       uint64
	ignoredSet uint64
	//lint:ignore U1000 the entry alone uses it
	area [unsafe.Sizeof(short{}) + pageOfMemory - 1]byte // has a short from the first page that begins in it
	//lint:ignore U1000 the entry alone uses it
	twin thread // the other thread
	//lint:ignore U1000 the entry alone uses it
	twinID uint32 // the kernel's number of it; 0: it is not there
	//lint:ignore U1000 the entry alone uses it
	cutOff = "cachex: deliver the output: a fault behind a part of it\n" +
		"cachex: hint: run it again; cachex verify says whether the cache is sound\n"
	//lint:ignore U1000 the entry alone uses it
	plain = "no" // a build with -ldflags "-X github.com/cachex-cli/cachex/entry.plain=1" has no short way here

	//lint:ignore U1000 a stage alone uses it
	program [MaxProgram]uint64
	//lint:ignore U1000 a stage alone uses it
	filter [2]uint64 // struct sock_fprog
	//lint:ignore U1000 a stage alone uses it
	result [2]int64
	//lint:ignore U1000 a stage alone uses it
	vector [2]uint64 // struct iovec
	//lint:ignore U1000 a stage alone uses it
	control [3]uint64 // struct cmsghdr and two descriptors
	//lint:ignore U1000 a stage alone uses it
	message [7]uint64 // struct msghdr

	//lint:ignore U1000 a stage alone uses it
	pair [2]int32 // ends of the pipe to a witness; none: it was not made
	//lint:ignore U1000 a witness alone uses it
	everySignal uint64 = 1<<64 - 1
	//lint:ignore U1000 a witness alone uses it
	asked byte

	//lint:ignore U1000 a keeper alone uses it
	polled [2]uint64 // struct pollfd
	//lint:ignore U1000 a keeper alone uses it
	request [10]uint64 // struct seccomp_notif
	//lint:ignore U1000 a keeper alone uses it
	response [3]uint64 // struct seccomp_notif_resp
)

// MaxProgram is how many instructions a stage's filter may have.
const MaxProgram = 1024
