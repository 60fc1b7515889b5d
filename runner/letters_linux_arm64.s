#include "textflag.h"

#define sys_write 64

// The kernel calls this on the signal stack of a thread, whatever that does at the moment: with the signal in R0, and
// what is to be called behind it in the link register. The registers are the kernel's to restore.
TEXT caught<>(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	MOVD	$·letters(SB), R1
	ADD	R0<<3, R1, R1
	MOVW	·letterboxEnd(SB), R0
	MOVD	$8, R2
	MOVD	$sys_write, R8
	SVC
	RET

// func handlerAndReturn() (handler, back uintptr)
TEXT ·handlerAndReturn(SB), NOSPLIT, $0-16
	MOVD	$caught<>(SB), R0
	MOVD	R0, handler+0(FP)
	MOVD	ZR, back+8(FP)
	RET
