#include "go_asm.h"
#include "textflag.h"

#define sys_fcntl          25
#define sys_ioctl          29
#define sys_chdir          49
#define sys_close          57
#define sys_pipe2          59
#define sys_read           63
#define sys_write          64
#define sys_ppoll          73
#define sys_exit           93
#define sys_exit_group     94
#define sys_futex          98
#define sys_rt_sigaction   134
#define sys_rt_sigprocmask 135
#define sys_prctl          167
#define sys_sendmsg        211
#define sys_clone          220
#define sys_execve         221
#define sys_mmap           222
#define sys_seccomp        277
#define sys_close_range    436

#define setSize        8 // bytes of the kernel's sigset_t
#define SIG_IGN        1
#define lastSignal     64
#define SIGSEGV        11

// SHORT is the address of the short (entry.go).
#define SHORT(r)       MOVD $·area+const_pageOfMemory-1(SB), r; AND $-const_pageOfMemory, r

// A stack begins below the goroutine.
#define stackTop       (thread_goroutine-64)
#define stackMargin    24576

// The entry of the program, in place of the one of the same name in the runtime: that does nothing but jump to _rt0_arm64.
// The linker lets the larger of two definitions win if one is DUPOK. What is on the stack (argc, argv) stays as it is.
TEXT _rt0_arm64_linux(SB), NOSPLIT|NOFRAME|TOPFRAME|DUPOK, $0
	MOVD	8(RSP), R19 // argv[0]
	CBZ	R19, start
	MOVD	(R19), R4 // behind the words is more than 8 bytes
	MOVD	$0x732d786568636163, R5 // cachex-s
	CMP	R5, R4
	BEQ	maybeStage
	MOVD	$0x6b2d786568636163, R5 // cachex-k
	CMP	R5, R4
	BEQ	maybeKeeper

start:
	SHORT(R19)
	MOVD	RSP, R4
	MOVD	R4, short_kernelStack(R19)
	MOVD	·early(SB), R4
	CBZ	R4, plain
	MOVD	·plain+8(SB), R4
	CMP	$const_lenOfNo, R4
	BNE	plain
	MOVD	$fault<>(SB), R4
	MOVD	R4, short_action(R19)
	MOVD	$0x40000000, R4 // SA_NODEFER
	MOVD	R4, short_action+8(R19)
	MOVD	$sys_rt_sigaction, R8
	MOVD	$SIGSEGV, R0
	MOVD	$short_action(R19), R1
	MOVD	$short_onFault(R19), R2
	MOVD	$setSize, R3
	SVC
	CBNZ	R0, plain
	MOVD	$stackMargin(R19), R5
	MOVD	$thread_goroutine(R19), g
	MOVD	R5, 16(g) // stackguard0
	MOVD	R5, 24(g) // stackguard1
	MOVD	$stackTop(R19), R4
	MOVD	R4, RSP
	MOVD	short_kernelStack(R19), R0
	MOVD	$cachexEnter(SB), R2
	MOVD	R2, short_call(R19)
	MOVD	$short_call(R19), R2
	MOVD	R2, short_kernel(R19)
	MOVD	$startTwin<>(SB), R2
	MOVD	R2, short_start(R19)
	MOVD	$short_start(R19), R2
	MOVD	R2, short_kernel+8(R19)
	MOVD	$joinTwin<>(SB), R2
	MOVD	R2, short_join(R19)
	MOVD	$short_join(R19), R2
	MOVD	R2, short_kernel+16(R19)
	MOVD	$short_begun(R19), R1
	MOVD	$short_handed(R19), R2
	MOVD	$short_kernel(R19), R3
	MOVD	·early(SB), R26
	MOVD	(R26), R4
	CALL	(R4)
	B	afterEarly<>(SB)
plain:
	B	runtime<>(SB)

maybeStage:
	MOVD	5(R19), R4
	MOVD	$0x0065676174732d78, R5 // x-stage and the end
	CMP	R5, R4
	BNE	start
	MOVD	0(RSP), R4 // argc: its name, descriptor, file, the command's argv[0]
	CMP	$4, R4
	BGE	stage
	B	start

maybeKeeper:
	MOVD	6(R19), R4
	MOVD	$0x0072657065656b2d, R5 // -keeper and the end
	CMP	R5, R4
	BEQ	keeper
	B	start

stage:
	MOVD	16(RSP), R4
	MOVD	$0, R20 // the socket
	MOVD	$10, R6
digit:
	MOVBU	(R4), R5
	SUB	$0x30, R5, R5
	CMP	$9, R5
	BHI	read
	MADD	R6, R5, R20, R20 // R20*R6 + R5
	ADD	$1, R4
	B	digit
read:
	MOVD	$sys_read, R8
	MOVD	R20, R0
	MOVD	$·program(SB), R1
	MOVD	$8192, R2
	SVC
	MOVD	R0, R21 // an error, or what follows
	CMP	$0, R0
	BLT	told
	LSR	$3, R0, R0
	MOVD	$·filter(SB), R4
	MOVD	R0, (R4)
	MOVD	$·program(SB), R5
	MOVD	R5, 8(R4)
	MOVD	$0, R22 // 1: PR_SET_NO_NEW_PRIVS was set, which whoever has CAP_SYS_ADMIN does without
install:
	MOVD	$sys_seccomp, R8
	MOVD	$1, R0    // SECCOMP_SET_MODE_FILTER
	MOVD	$0x2c, R1 // NEW_LISTENER, WAIT_KILLABLE_RECV, SPEC_ALLOW
	MOVD	$·filter(SB), R2
	SVC
	MOVD	R0, R21 // the listener, or an error
	CMN	$13, R0 // EACCES
	BNE	installed
	CBNZ	R22, told
	MOVD	$1, R22
	MOVD	$sys_prctl, R8
	MOVD	$38, R0 // PR_SET_NO_NEW_PRIVS
	MOVD	$1, R1
	MOVD	$0, R2
	MOVD	$0, R3
	MOVD	$0, R4
	SVC
	B	install
installed:
	CMP	$0, R0
	BLT	told
	MOVD	$sys_pipe2, R8
	MOVD	$·pair(SB), R0
	MOVD	$0, R1
	SVC
	MOVD	$·result(SB), R4
	MOVD	R0, 8(R4)
	CBNZ	R0, told
	MOVD	$sys_clone, R8
	MOVD	$0x8100, R0 // CLONE_VM, CLONE_PARENT; neither uses the stack
	MOVD	$0, R1
	MOVD	$0, R2
	MOVD	$0, R3
	MOVD	$0, R4
	SVC
	CBZ	R0, witness
	MOVD	$·result(SB), R4
	MOVD	R0, 8(R4)
told:
	MOVD	$·result(SB), R4
	MOVD	R21, (R4)
	MOVD	$·vector(SB), R5
	MOVD	R4, (R5)
	MOVD	$16, R4
	MOVD	R4, 8(R5)
	MOVD	$·message(SB), R6
	MOVD	R5, 16(R6) // msg_iov
	MOVD	$1, R4
	MOVD	R4, 24(R6) // msg_iovlen
	CMP	$0, R21
	BLT	send
	MOVD	$·control(SB), R5
	MOVD	$20, R4
	MOVD	R4, (R5) // cmsg_len
	MOVD	$0x100000001, R4 // SCM_RIGHTS, SOL_SOCKET
	MOVD	R4, 8(R5)
	MOVW	R21, 16(R5)
	MOVD	$·pair(SB), R4
	MOVWU	4(R4), R7
	CBZ	R7, alone // no pipe
	MOVW	R7, 20(R5)
	MOVD	$24, R4
	MOVD	R4, (R5)
alone:
	MOVD	R5, 32(R6) // msg_control
	MOVD	$24, R4
	MOVD	R4, 40(R6) // msg_controllen
send:
	MOVD	$sys_sendmsg, R8
	MOVD	R20, R0
	MOVD	$·message(SB), R1
	MOVD	$0x6361636800004000, R2 // SendMark, MSG_NOSIGNAL
	SVC
	CMP	$0, R21
	BLT	become
	MOVD	$sys_close, R8
	MOVD	R21, R0
	SVC
	MOVD	$·pair(SB), R19
	MOVD	(R19), R4
	CBZ	R4, become
	MOVD	$sys_close, R8
	MOVWU	(R19), R0
	SVC
	MOVD	$sys_close, R8
	MOVWU	4(R19), R0
	SVC
become:
	MOVD	$sys_fcntl, R8
	MOVD	R20, R0
	MOVD	$2, R1 // F_SETFD
	MOVD	$1, R2 // FD_CLOEXEC
	SVC
	MOVD	$sys_execve, R8
	MOVD	24(RSP), R0
	ADD	$32, RSP, R1
	MOVD	0(RSP), R4
	ADD	$16, RSP, R2
	ADD	R4<<3, R2, R2 // behind the words and their end
	SVC
	MOVD	$·result(SB), R1
	MOVD	R0, (R1)
	MOVD	$sys_write, R8
	MOVD	R20, R0
	MOVD	$8, R2
	SVC
	MOVD	$127, R0
	B	exit

witness:
	MOVD	$·pair(SB), R4
	MOVWU	(R4), R19
	MOVD	$sys_rt_sigprocmask, R8
	MOVD	$0, R0 // SIG_BLOCK
	MOVD	$·everySignal(SB), R1
	MOVD	$0, R2
	MOVD	$setSize, R3
	SVC
	CBZ	R19, above
	MOVD	$sys_close_range, R8
	MOVD	$0, R0
	SUB	$1, R19, R1
	MOVD	$0, R2
	SVC
	CBNZ	R0, over // who held a stream of the command open would be waited for
above:
	MOVD	$sys_close_range, R8
	ADD	$1, R19, R0
	MOVD	$0xffffffff, R1
	MOVD	$0, R2
	SVC
	CBNZ	R0, over
	MOVD	$sys_read, R8
	MOVD	R19, R0
	MOVD	$·asked(SB), R1
	MOVD	$1, R2
	SVC
	CMP	$1, R0
	BNE	over
	MOVD	$sys_chdir, R8
	MOVD	$0, R0
	SVC
	B	over

keeper:
	MOVD	$sys_close_range, R8
	MOVD	$3, R0
	MOVD	$0xffffffff, R1
	MOVD	$0, R2
	SVC
	MOVD	$sys_mmap, R8
	MOVD	$0, R0
	MOVD	$4096, R1
	MOVD	$1, R2 // PROT_READ
	MOVD	$1, R3 // MAP_SHARED
	MOVD	$1, R4
	MOVD	$0, R5
	SVC
	MOVD	R0, R19 // the page
	MOVD	$1, R20 // the parent lives
wait:
	MOVD	$0x100000000, R4 // POLLIN, of descriptor 0
	CBZ	R20, poll
	MOVD	$0, R4 // only its end
poll:
	MOVD	$·polled(SB), R0
	MOVD	R4, (R0)
	MOVD	$2, R4
	MOVD	R4, 8(R0) // the end of descriptor 2
	MOVD	$sys_ppoll, R8
	ADD	$1, R20, R1
	MOVD	$0, R2
	MOVD	$0, R3
	MOVD	$0, R4
	SVC
	CMP	$0, R0
	BLE	wait
	MOVD	$·polled(SB), R4
	MOVHU	6(R4), R4
	TBNZ	$0, R4, receive
	CBNZ	R4, over
	MOVD	$0, R20
	CMN	$4096, R19
	BHI	wait // there is no page
	MOVD	0(R19), R21
	BL	answer<>(SB)
	MOVD	128(R19), R21
	BL	answer<>(SB)
	B	wait
receive:
	MOVD	$·request(SB), R2
	MOVD	$10, R4
clear:
	SUBS	$1, R4
	MOVD	ZR, (R2)(R4<<3)
	BNE	clear
	MOVD	$sys_ioctl, R8
	MOVD	$0, R0
	MOVD	$0xc0502100, R1 // SECCOMP_IOCTL_NOTIF_RECV
	SVC
	CBNZ	R0, wait
	MOVD	$·request(SB), R4
	MOVD	(R4), R21
	BL	answer<>(SB)
	B	wait
over:
	MOVD	$0, R0
exit:
	MOVD	$sys_exit_group, R8
	SVC
	BRK

// answer lets the call go on whose notification is R21; it may have been answered, then nothing happens.
TEXT answer<>(SB), NOSPLIT|NOFRAME, $0
	MOVD	$·response(SB), R2
	MOVD	R21, (R2)
	MOVD	$1, R4
	MOVW	R4, 20(R2) // SECCOMP_USER_NOTIF_FLAG_CONTINUE
	MOVD	$sys_ioctl, R8
	MOVD	$0, R0
	MOVD	$0xc0182101, R1 // SECCOMP_IOCTL_NOTIF_SEND
	SVC
	RET

// startTwin starts the other thread: a Go function, of ABIInternal, that R0 is the func value of, with R1 as its argument.
// It returns the thread's number, or an error.
TEXT startTwin<>(SB), NOSPLIT|NOFRAME, $0
	MOVD	R0, R19
	MOVD	R1, R20
	MOVD	$·twin(SB), R4
	MOVD	$stackMargin(R4), R5
	MOVD	$thread_goroutine(R4), R21
	MOVD	R5, 16(R21)
	MOVD	R5, 24(R21)
	MOVD	$sys_clone, R8
	MOVD	$0x350f00, R0 // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, PARENT_SETTID, CHILD_CLEARTID
	MOVD	$stackTop(R4), R1
	AND	$~15, R1
	MOVD	$·twinID(SB), R2
	MOVD	$0, R3
	MOVD	R2, R4
	SVC
	CBZ	R0, twin
	RET
twin:
	MOVD	R21, g
	MOVD	$0, R29
	MOVD	R20, R0
	MOVD	R19, R26
	MOVD	(R26), R4
	CALL	(R4)
	B	endTwin<>(SB)

TEXT endTwin<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$sys_exit, R8
	MOVD	$0, R0
	SVC
	BRK	$0

// joinTwin returns when the other thread has ended, if there is one: the kernel makes its number 0, and wakes who waits.
TEXT joinTwin<>(SB), NOSPLIT|NOFRAME, $0
again:
	MOVD	$·twinID(SB), R0
	LDARW	(R0), R2
	CBZ	R2, joined
	MOVD	$sys_futex, R8
	MOVD	$0, R1 // FUTEX_WAIT
	MOVD	$0, R3
	SVC
	B	again
joined:
	RET

// fault handles SIGSEGV while the short way is tried. It does not return to where that was.
TEXT fault<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$·twin(SB), R4
	MOVD	RSP, R5
	SUB	R4, R5, R5
	MOVD	$thread__size, R4
	CMP	R4, R5
	BHS	first
	B	endTwin<>(SB)
first:
	SHORT(R19)
	MOVWU	short_begun(R19), R4
	CBZ	R4, harmless
	MOVD	$sys_write, R8
	MOVD	$2, R0
	MOVD	·cutOff(SB), R1
	MOVD	·cutOff+8(SB), R2
	SVC
	MOVD	$125, R0
	MOVD	$sys_exit_group, R8
	SVC
	BRK	$0
harmless:
	B	afterEarly<>(SB)

// afterEarly leaves everything as it was before the short way.
TEXT afterEarly<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	BL	joinTwin<>(SB)
	SHORT(R19)
	MOVD	$sys_rt_sigaction, R8
	MOVD	$SIGSEGV, R0
	MOVD	$short_onFault(R19), R1
	MOVD	$0, R2
	MOVD	$setSize, R3
	SVC
	MOVD	short_kernelStack(R19), R4
	MOVD	R4, RSP
	B	runtime<>(SB)

// runtime notes what was inherited, and starts the Go runtime.
TEXT runtime<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$sys_rt_sigprocmask, R8
	MOVD	$0, R0
	MOVD	$0, R1
	MOVD	$·mask(SB), R2
	MOVD	$setSize, R3
	SVC

	SHORT(R21)
	MOVD	$0, R20 // the ignored signals, 1 as the lowest bit
	MOVD	$lastSignal, R19
next:
	MOVD	$sys_rt_sigaction, R8
	MOVD	R19, R0
	MOVD	$0, R1
	MOVD	$short_action(R21), R2
	MOVD	$setSize, R3
	SVC
	MOVD	short_action(R21), R4
	CMP	$SIG_IGN, R4
	CSET	EQ, R4
	ORR	R20<<1, R4, R20
	SUBS	$1, R19
	BNE	next
	MOVD	R20, ·ignoredSet(SB)
	MOVD	$1, R4
	MOVB	R4, ·seen(SB)

	MOVD	short_handed(R21), R1
	CBZ	R1, asItIs
	MOVD	0(RSP), R0
	B	runtime·rt0_go(SB)
asItIs:
	MOVD	$0, R0
	B	_rt0_arm64(SB)
