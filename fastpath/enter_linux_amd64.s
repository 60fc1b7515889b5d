#include "textflag.h"

// cachexEnter makes a system call: a Go function, of ABIInternal (Kernel.Call). It is here to lie beside what calls it.
TEXT cachexEnter(SB), NOSPLIT|NOFRAME, $0
	MOVQ	DI, DX
	MOVQ	SI, R10
	MOVQ	CX, SI
	MOVQ	BX, DI
	XORL	R9, R9
	SYSCALL
	RET
