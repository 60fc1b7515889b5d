#include "textflag.h"

#define sys_write        1
#define sys_rt_sigreturn 15

// The kernel calls this on the signal stack of a thread, whatever that does at the moment: with the signal in DI, and
// what is to be called behind it as return address. The registers are the kernel's to restore.
TEXT caught<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	LEAQ	·letters(SB), SI
	LEAQ	(SI)(DI*8), SI
	MOVL	·letterboxEnd(SB), DI
	MOVL	$8, DX
	MOVL	$sys_write, AX
	SYSCALL
	RET

TEXT back<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVL	$sys_rt_sigreturn, AX
	SYSCALL
	INT	$3

// func handlerAndReturn() (handler, back uintptr)
TEXT ·handlerAndReturn(SB), NOSPLIT, $0-16
	LEAQ	caught<>(SB), AX
	MOVQ	AX, handler+0(FP)
	LEAQ	back<>(SB), AX
	MOVQ	AX, back+8(FP)
	RET
