#include "go_asm.h"
#include "textflag.h"

#define sys_read           0
#define sys_write          1
#define sys_close          3
#define sys_mmap           9
#define sys_rt_sigaction   13
#define sys_rt_sigprocmask 14
#define sys_ioctl          16
#define sys_sendmsg        46
#define sys_clone          56
#define sys_execve         59
#define sys_exit           60
#define sys_fcntl          72
#define sys_chdir          80
#define sys_prctl          157
#define sys_futex          202
#define sys_exit_group     231
#define sys_ppoll          271
#define sys_pipe2          293
#define sys_seccomp        317
#define sys_close_range    436

#define setSize        8 // bytes of the kernel's sigset_t
#define SIG_IGN        1
#define lastSignal     64
#define SIGSEGV        11

// SHORT is the address of the short (entry.go).
#define SHORT(r)       LEAQ ·area+const_pageOfMemory-1(SB), r; ANDQ $-const_pageOfMemory, r

// A stack begins below the goroutine.
#define stackTop       (thread_goroutine-64)
#define stackMargin    24576

// The entry of the program, in place of the one of the same name in the runtime: that does nothing but jump to _rt0_amd64.
// The linker lets the larger of two definitions win if one is DUPOK. What is on the stack (argc, argv) stays as it is.
TEXT _rt0_amd64_linux(SB), NOSPLIT|NOFRAME|TOPFRAME|DUPOK, $0
	MOVQ	8(SP), BX // argv[0]
	TESTQ	BX, BX
	JZ	start
	MOVQ	(BX), AX // behind the words is more than 8 bytes
	MOVQ	$0x732d786568636163, CX // cachex-s
	CMPQ	AX, CX
	JEQ	maybeStage
	MOVQ	$0x6b2d786568636163, CX // cachex-k
	CMPQ	AX, CX
	JEQ	maybeKeeper

start:
	SHORT(R12)
	MOVQ	SP, short_kernelStack(R12)
	CMPQ	·early(SB), $0
	JEQ	plain
	CMPQ	·plain+8(SB), $const_lenOfNo
	JNE	plain
	LEAQ	fault<>(SB), AX
	MOVQ	AX, short_action(R12)
	MOVQ	$0x44000000, short_action+8(R12) // SA_RESTORER, SA_NODEFER
	MOVQ	AX, short_action+16(R12) // the kernel wants one; the handler does not return
	MOVL	$sys_rt_sigaction, AX
	MOVL	$SIGSEGV, DI
	LEAQ	short_action(R12), SI
	LEAQ	short_onFault(R12), DX
	MOVL	$setSize, R10
	SYSCALL
	TESTQ	AX, AX
	JNZ	plain
	LEAQ	stackMargin(R12), AX
	LEAQ	thread_goroutine(R12), R14
	MOVQ	AX, 16(R14) // stackguard0
	MOVQ	AX, 24(R14) // stackguard1
	XORPS	X15, X15
	LEAQ	stackTop(R12), SP // a multiple of 64
	MOVQ	short_kernelStack(R12), AX
	LEAQ	cachexEnter(SB), CX
	MOVQ	CX, short_call(R12)
	LEAQ	short_call(R12), CX
	MOVQ	CX, short_kernel(R12)
	LEAQ	startTwin<>(SB), CX
	MOVQ	CX, short_start(R12)
	LEAQ	short_start(R12), CX
	MOVQ	CX, short_kernel+8(R12)
	LEAQ	joinTwin<>(SB), CX
	MOVQ	CX, short_join(R12)
	LEAQ	short_join(R12), CX
	MOVQ	CX, short_kernel+16(R12)
	LEAQ	short_begun(R12), BX
	LEAQ	short_handed(R12), CX
	LEAQ	short_kernel(R12), DI
	MOVQ	·early(SB), DX
	MOVQ	(DX), SI
	CALL	SI
	JMP	afterEarly<>(SB)
plain:
	JMP	runtime<>(SB)

maybeStage:
	MOVQ	5(BX), AX
	MOVQ	$0x0065676174732d78, CX // x-stage and the end
	CMPQ	AX, CX
	JNE	start
	CMPQ	0(SP), $4 // argc: its name, descriptor, file, the command's argv[0]
	JGE	stage
	JMP	start

maybeKeeper:
	MOVQ	6(BX), AX
	MOVQ	$0x0072657065656b2d, CX // -keeper and the end
	CMPQ	AX, CX
	JEQ	keeper
	JMP	start

stage:
	MOVQ	16(SP), BX
	XORL	R12, R12 // the socket
digit:
	MOVBLZX	(BX), AX
	SUBL	$0x30, AX
	CMPL	AX, $9
	JHI	read
	LEAQ	(R12)(R12*4), R12
	LEAQ	(AX)(R12*2), R12
	INCQ	BX
	JMP	digit
read:
	MOVL	$sys_read, AX
	MOVL	R12, DI
	LEAQ	·program(SB), SI
	MOVL	$8192, DX
	SYSCALL
	MOVQ	AX, R14 // an error, or what follows
	TESTQ	AX, AX
	JLT	told
	SHRQ	$3, AX
	MOVQ	AX, ·filter(SB)
	LEAQ	·program(SB), CX
	MOVQ	CX, ·filter+8(SB)
	XORL	R13, R13 // 1: PR_SET_NO_NEW_PRIVS was set, which whoever has CAP_SYS_ADMIN does without
install:
	MOVL	$sys_seccomp, AX
	MOVL	$1, DI    // SECCOMP_SET_MODE_FILTER
	MOVL	$0x2c, SI // NEW_LISTENER, WAIT_KILLABLE_RECV, SPEC_ALLOW
	LEAQ	·filter(SB), DX
	SYSCALL
	MOVQ	AX, R14 // the listener, or an error
	CMPQ	AX, $-13 // EACCES
	JNE	installed
	TESTL	R13, R13
	JNZ	told
	MOVL	$1, R13
	MOVL	$sys_prctl, AX
	MOVL	$38, DI // PR_SET_NO_NEW_PRIVS
	MOVL	$1, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	JMP	install
installed:
	TESTQ	AX, AX
	JLT	told
	MOVL	$sys_pipe2, AX
	LEAQ	·pair(SB), DI
	XORL	SI, SI
	SYSCALL
	MOVQ	AX, ·result+8(SB)
	TESTQ	AX, AX
	JNZ	told
	MOVL	$sys_clone, AX
	MOVL	$0x8100, DI // CLONE_VM, CLONE_PARENT; neither uses the stack
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JZ	witness
	MOVQ	AX, ·result+8(SB)
told:
	MOVQ	R14, ·result(SB)
	LEAQ	·result(SB), CX
	MOVQ	CX, ·vector(SB)
	MOVQ	$16, ·vector+8(SB)
	LEAQ	·vector(SB), CX
	MOVQ	CX, ·message+16(SB) // msg_iov
	MOVQ	$1, ·message+24(SB) // msg_iovlen
	TESTQ	R14, R14
	JLT	send
	MOVQ	$20, ·control(SB)           // cmsg_len
	MOVQ	$0x100000001, AX            // SCM_RIGHTS, SOL_SOCKET
	MOVQ	AX, ·control+8(SB)
	MOVL	R14, ·control+16(SB)
	MOVL	·pair+4(SB), AX
	TESTL	AX, AX
	JZ	alone // no pipe
	MOVL	AX, ·control+20(SB)
	MOVQ	$24, ·control(SB)
alone:
	LEAQ	·control(SB), CX
	MOVQ	CX, ·message+32(SB) // msg_control
	MOVQ	$24, ·message+40(SB) // msg_controllen
send:
	MOVL	$sys_sendmsg, AX
	MOVL	R12, DI
	LEAQ	·message(SB), SI
	MOVQ	$0x6361636800004000, DX // SendMark, MSG_NOSIGNAL
	SYSCALL
	TESTQ	R14, R14
	JLT	become
	MOVL	$sys_close, AX
	MOVL	R14, DI
	SYSCALL
	CMPQ	·pair(SB), $0
	JEQ	become
	MOVL	$sys_close, AX
	MOVL	·pair(SB), DI
	SYSCALL
	MOVL	$sys_close, AX
	MOVL	·pair+4(SB), DI
	SYSCALL
become:
	MOVL	$sys_fcntl, AX
	MOVL	R12, DI
	MOVL	$2, SI // F_SETFD
	MOVL	$1, DX // FD_CLOEXEC
	SYSCALL
	MOVL	$sys_execve, AX
	MOVQ	24(SP), DI
	LEAQ	32(SP), SI
	MOVQ	0(SP), DX
	LEAQ	16(SP)(DX*8), DX // behind the words and their end
	SYSCALL
	MOVQ	AX, ·result(SB)
	MOVL	$sys_write, AX
	MOVL	R12, DI
	LEAQ	·result(SB), SI
	MOVL	$8, DX
	SYSCALL
	MOVL	$127, DI
	JMP	exit

witness:
	MOVL	·pair(SB), R12
	MOVL	$sys_rt_sigprocmask, AX
	XORL	DI, DI // SIG_BLOCK
	LEAQ	·everySignal(SB), SI
	XORL	DX, DX
	MOVL	$setSize, R10
	SYSCALL
	MOVL	R12, SI
	SUBL	$1, SI
	JCS	above
	MOVL	$sys_close_range, AX
	XORL	DI, DI
	XORL	DX, DX
	SYSCALL
	TESTQ	AX, AX
	JNZ	over // who held a stream of the command open would be waited for
above:
	MOVL	$sys_close_range, AX
	MOVL	R12, DI
	INCL	DI
	MOVL	$0xffffffff, SI
	XORL	DX, DX
	SYSCALL
	TESTQ	AX, AX
	JNZ	over
	XORL	AX, AX // sys_read
	MOVL	R12, DI
	LEAQ	·asked(SB), SI
	MOVL	$1, DX
	SYSCALL
	CMPQ	AX, $1
	JNE	over
	MOVL	$sys_chdir, AX
	XORL	DI, DI
	SYSCALL
	JMP	over

keeper:
	MOVL	$sys_close_range, AX
	MOVL	$3, DI
	MOVL	$0xffffffff, SI
	XORL	DX, DX
	SYSCALL
	MOVL	$sys_mmap, AX
	XORL	DI, DI
	MOVL	$4096, SI
	MOVL	$1, DX  // PROT_READ
	MOVL	$1, R10 // MAP_SHARED
	MOVL	$1, R8
	XORL	R9, R9
	SYSCALL
	MOVQ	AX, R12 // the page
	MOVL	$1, R13 // the parent lives
wait:
	MOVQ	$0x100000000, AX // POLLIN, of descriptor 0
	TESTL	R13, R13
	JZ	poll
	XORL	AX, AX // only its end
poll:
	MOVQ	AX, ·polled(SB)
	MOVQ	$2, ·polled+8(SB) // the end of descriptor 2
	MOVL	$sys_ppoll, AX
	LEAQ	·polled(SB), DI
	MOVL	$1, SI
	ADDL	R13, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JLE	wait
	MOVWLZX	·polled+6(SB), AX
	TESTL	$1, AX
	JNZ	receive
	TESTL	AX, AX
	JNZ	over
	XORL	R13, R13
	CMPQ	R12, $-4096
	JHI	wait // there is no page
	MOVQ	0(R12), R14
	CALL	answer<>(SB)
	MOVQ	128(R12), R14
	CALL	answer<>(SB)
	JMP	wait
receive:
	LEAQ	·request(SB), DI
	MOVL	$10, CX
	XORL	AX, AX
	CLD
	REP
	STOSQ
	MOVL	$sys_ioctl, AX
	XORL	DI, DI
	MOVL	$0xc0502100, SI // SECCOMP_IOCTL_NOTIF_RECV
	LEAQ	·request(SB), DX
	SYSCALL
	TESTQ	AX, AX
	JNZ	wait
	MOVQ	·request(SB), R14
	CALL	answer<>(SB)
	JMP	wait
over:
	XORL	DI, DI
exit:
	MOVL	$sys_exit_group, AX
	SYSCALL
	INT	$3

// answer lets the call go on whose notification is R14; it may have been answered, then nothing happens.
TEXT answer<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ	R14, ·response(SB)
	MOVL	$1, ·response+20(SB) // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	MOVL	$sys_ioctl, AX
	XORL	DI, DI
	MOVL	$0xc0182101, SI // SECCOMP_IOCTL_NOTIF_SEND
	LEAQ	·response(SB), DX
	SYSCALL
	RET

// startTwin starts the other thread: a Go function, of ABIInternal, that AX is the func value of, with BX as its argument.
// It returns the thread's number, or an error.
TEXT startTwin<>(SB), NOSPLIT|NOFRAME, $0
	MOVQ	AX, R12
	MOVQ	BX, R13
	LEAQ	·twin+stackMargin(SB), CX
	LEAQ	·twin+thread_goroutine(SB), R15
	MOVQ	CX, 16(R15)
	MOVQ	CX, 24(R15)
	MOVL	$sys_clone, AX
	MOVL	$0x350f00, DI // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID, CHILD_CLEARTID
	LEAQ	·twin+stackTop(SB), SI
	ANDQ	$~15, SI
	LEAQ	·twinID(SB), DX
	MOVQ	DX, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JZ	twin
	RET
twin:
	MOVQ	R15, R14
	XORPS	X15, X15
	XORL	BP, BP
	MOVQ	R13, AX
	MOVQ	R12, DX
	MOVQ	(DX), CX
	CALL	CX
	JMP	endTwin<>(SB)

TEXT endTwin<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	$sys_exit, AX
	XORL	DI, DI
	SYSCALL
	INT	$3

// joinTwin returns when the other thread has ended, if there is one: the kernel makes its number 0, and wakes who waits.
TEXT joinTwin<>(SB), NOSPLIT|NOFRAME, $0
again:
	MOVL	·twinID(SB), DX
	TESTL	DX, DX
	JZ	joined
	MOVL	$sys_futex, AX
	LEAQ	·twinID(SB), DI
	XORL	SI, SI // FUTEX_WAIT
	XORL	R10, R10
	SYSCALL
	JMP	again
joined:
	RET

// fault handles SIGSEGV while the short way is tried. It does not return to where that was.
TEXT fault<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	LEAQ	·twin(SB), CX
	MOVQ	SP, DX
	SUBQ	CX, DX
	CMPQ	DX, $thread__size
	JCC	first
	JMP	endTwin<>(SB)
first:
	SHORT(R12)
	CMPL	short_begun(R12), $0
	JEQ	harmless
	MOVL	$sys_write, AX
	MOVL	$2, DI
	MOVQ	·cutOff(SB), SI
	MOVQ	·cutOff+8(SB), DX
	SYSCALL
	MOVL	$125, DI
	MOVL	$sys_exit_group, AX
	SYSCALL
	INT	$3
harmless:
	JMP	afterEarly<>(SB)

// afterEarly leaves everything as it was before the short way.
TEXT afterEarly<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	CALL	joinTwin<>(SB)
	SHORT(R12)
	MOVL	$sys_rt_sigaction, AX
	MOVL	$SIGSEGV, DI
	LEAQ	short_onFault(R12), SI
	XORL	DX, DX
	MOVL	$setSize, R10
	SYSCALL
	MOVQ	short_kernelStack(R12), SP
	JMP	runtime<>(SB)

// runtime notes what was inherited, and starts the Go runtime.
TEXT runtime<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	$sys_rt_sigprocmask, AX
	XORL	DI, DI
	XORL	SI, SI
	LEAQ	·mask(SB), DX
	MOVL	$setSize, R10
	SYSCALL

	SHORT(R15)
	XORL	R13, R13 // the ignored signals, 1 as the lowest bit
	MOVL	$lastSignal, R12
next:
	MOVL	$sys_rt_sigaction, AX
	MOVL	R12, DI
	XORL	SI, SI
	LEAQ	short_action(R15), DX
	MOVL	$setSize, R10
	SYSCALL
	XORL	AX, AX
	CMPQ	short_action(R15), $SIG_IGN
	SETEQ	AX
	SHLQ	$1, R13
	ORQ	AX, R13
	DECL	R12
	JNZ	next
	MOVQ	R13, ·ignoredSet(SB)
	MOVB	$1, ·seen(SB)

	XORL	DX, DX
	MOVQ	short_handed(R15), SI
	TESTQ	SI, SI
	JZ	asItIs
	MOVQ	0(SP), DI
	JMP	runtime·rt0_go(SB)
asItIs:
	JMP	_rt0_amd64(SB)
