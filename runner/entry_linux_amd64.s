#include "textflag.h"

#define rt_sigaction   13
#define rt_sigprocmask 14
#define setSize        8 // bytes of the kernel's sigset_t
#define SIG_IGN        1
#define lastSignal     64

// The entry of the program, in place of the one of the same name in the runtime: that does nothing but jump to _rt0_amd64.
// The linker lets the larger of two definitions win if one is DUPOK. What is on the stack (argc, argv) stays as it is.
TEXT _rt0_amd64_linux(SB), NOSPLIT|NOFRAME|TOPFRAME|DUPOK, $0
	MOVL	$rt_sigprocmask, AX
	XORL	DI, DI
	XORL	SI, SI
	LEAQ	·entryMask(SB), DX
	MOVL	$setSize, R10
	SYSCALL

	XORL	R13, R13 // the ignored signals, 1 as the lowest bit
	MOVL	$lastSignal, R12
next:
	MOVL	$rt_sigaction, AX
	MOVL	R12, DI
	XORL	SI, SI
	LEAQ	·entryAction(SB), DX
	MOVL	$setSize, R10
	SYSCALL
	XORL	AX, AX
	CMPQ	·entryAction(SB), $SIG_IGN
	SETEQ	AX
	SHLQ	$1, R13
	ORQ	AX, R13
	DECL	R12
	JNZ	next
	MOVQ	R13, ·entryIgnored(SB)
	MOVB	$1, ·entrySeen(SB)

	XORL	DX, DX
	JMP	_rt0_amd64(SB)
