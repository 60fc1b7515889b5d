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
	others := filter{{Code: load, K: atNumber}} // of another architecture
	for _, number := range m.foreign {
		others.addCall(call{number: number})
	}
	others = append(others, allow)

	const usual = 600 // instructions
	f := make(filter, 0, usual)
	f = append(f, unix.SockFilter{Code: load, K: atArch})
	f = append(f, unix.SockFilter{Code: ifEqual, K: m.arch, Jt: uint8(len(others))})
	f = append(append(f, others...), unix.SockFilter{Code: load, K: atNumber})
	calls = slices.Clone(calls)
	for _, number := range m.variant {
		calls = append(calls, call{number: number})
	}
	slices.SortFunc(calls, func(a, b call) int { return cmp.Compare(a.number, b.number) })
	f.addTable(calls)
	return f
}

// filter is one that is being made.
type filter []unix.SockFilter

// addTable notifies of calls that are sorted by their numbers, and allows all others.
func (f *filter) addTable(calls []call) {
	const few = 3 // so many are looked at one by one
	if len(calls) <= few {
		for _, c := range calls {
			f.addCall(c)
		}
		*f = append(*f, allow)
		return
	}
	middle := len(calls) / 2
	*f = append(*f, unix.SockFilter{Code: atLeast, K: calls[middle].number, Jf: 1}, unix.SockFilter{Code: skip})
	low := len(*f)
	f.addTable(calls[:middle])
	(*f)[low-1].K = uint32(len(*f) - low)
	f.addTable(calls[middle:])
}

// addCall adds a block that is entered by calls with a number, and does not go on behind it. It notifies if all tests
// hold, and allows otherwise.
func (f *filter) addCall(c call) {
	*f = append(*f, unix.SockFilter{Code: ifEqual, K: c.number})
	begin := len(*f)
	var tests filter
	for _, t := range slices.Backward(c.when) {
		tests = append(t.code(uint8(len(tests)+1)), tests...)
	}
	if *f = append(append(*f, tests...), notify); len(tests) > 0 {
		*f = append(*f, allow)
	}
	(*f)[begin-1].Jf = uint8(len(*f) - begin)
}

// code goes on behind itself if the test holds, and so many instructions further if not.
func (t test) code(otherwise uint8) filter {
	low := unix.SockFilter{Code: load, K: uint32(atArguments + 8*t.arg)}
	high := unix.SockFilter{Code: load, K: low.K + 4}
	switch t.kind {
	case equals:
		return filter{low, {Code: ifEqual, K: t.value, Jf: otherwise}}
	case differs:
		return filter{low, {Code: ifEqual, K: t.value, Jt: otherwise}}
	case hasAny:
		return filter{low, {Code: ifBits, K: t.value, Jf: otherwise}}
	case upper:
		return filter{high, {Code: ifEqual, K: t.value, Jt: otherwise}}
	default: // nonzero
		return filter{low, {Code: ifEqual, Jf: 2}, high, {Code: ifEqual, Jt: otherwise}}
	}
}
