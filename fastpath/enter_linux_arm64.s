#include "textflag.h"

// cachexEnter makes a system call: a Go function, of ABIInternal (Kernel.Call). It is here to lie beside what calls it.
TEXT cachexEnter(SB), NOSPLIT|NOFRAME, $0
	MOVD	R0, R8
	MOVD	R1, R0
	MOVD	R2, R1
	MOVD	R3, R2
	MOVD	R4, R3
	MOVD	R5, R4
	MOVD	$0, R5
	SVC
	RET
