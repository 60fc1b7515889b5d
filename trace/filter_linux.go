//go:build amd64 || arm64

package trace

import (
	"cmp"
	"slices"

	"golang.org/x/sys/unix"
)

// The filter lets most calls pass at once, and notifies of those in a table. For calls without conditions the kernel
// knows by the number alone that they pass and does not run the filter. It finds that out when the filter is installed,
// by way of each number that there is: so the table is searched by halves.

// A test is of one argument of a call. A call is notified if all its tests hold.
type test struct {
	arg   int
	kind  testKind
	value uint32
}

type testKind uint8

const (
	equals  testKind = iota // the lower 32 bits
	differs                 // the lower 32 bits
	hasAny                  // any of these bits
	nonzero                 // all 64 bits
	upper                   // the upper 32 bits differ
)

// Where things are in struct seccomp_data, of machines with the lower half first.
const (
	atNumber    = 0
	atArch      = 4
	atArguments = 16
)

const (
	load    = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	ifEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	ifBits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	atLeast = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	skip    = unix.BPF_JMP | unix.BPF_JA
	give    = unix.BPF_RET | unix.BPF_K
)

var (
	notify = unix.SockFilter{Code: give, K: unix.SECCOMP_RET_USER_NOTIF}
	allow  = unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW}
)

// buildFilter returns the filter for calls of this machine, and for what else may run on it.
func buildFilter(m machine, calls []call) []unix.SockFilter {
	var others []unix.SockFilter // of another architecture
	others = append(others, unix.SockFilter{Code: load, K: atNumber})
	for _, number := range m.foreign {
		others = append(others, ifNumber(number, notify)...)
	}
	others = append(others, allow)

	f := []unix.SockFilter{
		{Code: load, K: atArch},
		{Code: ifEqual, K: m.arch, Jt: uint8(len(others))},
	}
	f = append(f, others...)
	for _, number := range m.variant {
		calls = append(calls, call{number: number})
	}
	calls = slices.SortedFunc(slices.Values(calls), func(a, b call) int { return cmp.Compare(a.number, b.number) })
	return append(append(f, unix.SockFilter{Code: load, K: atNumber}), table(calls)...)
}

// table notifies of calls that are sorted by their numbers, and allows all others.
func table(calls []call) (f []unix.SockFilter) {
	const few = 3 // so many are looked at one by one
	if len(calls) <= few {
		for _, c := range calls {
			f = append(f, ifNumber(c.number, conditions(c.when)...)...)
		}
		return append(f, allow)
	}
	middle := len(calls) / 2
	low, high := table(calls[:middle]), table(calls[middle:])
	f = []unix.SockFilter{{Code: atLeast, K: calls[middle].number, Jf: 1}, {Code: skip, K: uint32(len(low))}}
	return slices.Concat(f, low, high)
}

// ifNumber makes a block that is entered by calls with a number, and does not go on behind it.
func ifNumber(number uint32, block ...unix.SockFilter) []unix.SockFilter {
	return append([]unix.SockFilter{{Code: ifEqual, K: number, Jf: uint8(len(block))}}, block...)
}

// conditions notifies if all tests hold and allows otherwise.
func conditions(tests []test) []unix.SockFilter {
	if len(tests) == 0 {
		return []unix.SockFilter{notify}
	}
	block := []unix.SockFilter{notify, allow}
	for i := len(tests) - 1; i >= 0; i-- {
		toAllow := uint8(len(block) - 1)
		block = append(tests[i].code(toAllow), block...)
	}
	return block
}

// code goes on behind itself if the test holds, and so many instructions further if not.
func (t test) code(otherwise uint8) []unix.SockFilter {
	low := unix.SockFilter{Code: load, K: uint32(atArguments + 8*t.arg)}
	high := unix.SockFilter{Code: load, K: low.K + 4}
	switch t.kind {
	case equals:
		return []unix.SockFilter{low, {Code: ifEqual, K: t.value, Jf: otherwise}}
	case differs:
		return []unix.SockFilter{low, {Code: ifEqual, K: t.value, Jt: otherwise}}
	case hasAny:
		return []unix.SockFilter{low, {Code: ifBits, K: t.value, Jf: otherwise}}
	case upper:
		return []unix.SockFilter{high, {Code: ifEqual, K: t.value, Jt: otherwise}}
	default: // nonzero
		return []unix.SockFilter{low, {Code: ifEqual, Jf: 2}, high, {Code: ifEqual, Jt: otherwise}}
	}
}
