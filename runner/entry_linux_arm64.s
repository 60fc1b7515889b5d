#include "textflag.h"

#define rt_sigaction   134
#define rt_sigprocmask 135
#define setSize        8 // bytes of the kernel's sigset_t
#define SIG_IGN        1
#define lastSignal     64

// The entry of the program, in place of the one of the same name in the runtime: that does nothing but jump to _rt0_arm64.
// The linker lets the larger of two definitions win if one is DUPOK. What is on the stack (argc, argv) stays as it is.
TEXT _rt0_arm64_linux(SB), NOSPLIT|NOFRAME|TOPFRAME|DUPOK, $0
	MOVD	$rt_sigprocmask, R8
	MOVD	$0, R0
	MOVD	$0, R1
	MOVD	$·entryMask(SB), R2
	MOVD	$setSize, R3
	SVC

	MOVD	$0, R20 // the ignored signals, 1 as the lowest bit
	MOVD	$lastSignal, R19
next:
	MOVD	$rt_sigaction, R8
	MOVD	R19, R0
	MOVD	$0, R1
	MOVD	$·entryAction(SB), R2
	MOVD	$setSize, R3
	SVC
	MOVD	·entryAction(SB), R4
	CMP	$SIG_IGN, R4
	CSET	EQ, R4
	ORR	R20<<1, R4, R20
	SUBS	$1, R19
	BNE	next
	MOVD	R20, ·entryIgnored(SB)
	MOVD	$1, R4
	MOVB	R4, ·entrySeen(SB)

	MOVD	$0, R0
	B	_rt0_arm64(SB)
