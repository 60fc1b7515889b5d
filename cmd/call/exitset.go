package call

import (
	"strconv"
	"strings"
)

// ExitSet is a set of exit codes. The zero value is empty.
type ExitSet struct {
	Any   bool      // of all codes, also of those above 255: Windows has them
	Codes [4]uint64 // one bit for each of 0 to 255
}

// ExitZero is the set that holds 0 only.
func ExitZero() ExitSet {
	return ExitSet{Codes: [4]uint64{1}}
}

// ExitAny is the set of all exit codes, also those above 255 (Windows has them).
func ExitAny() ExitSet {
	return ExitSet{Any: true}
}

// Add puts the codes from first to last, of 0 to 255, into the set.
func (s *ExitSet) Add(first, last int) {
	for code := first; code <= last; code++ {
		s.Codes[code/64] |= 1 << (code % 64)
	}
}

// Has tells whether code is in the set.
func (s ExitSet) Has(code int) bool {
	if s.Any {
		return true
	}
	return code >= 0 && code <= 255 && s.Codes[code/64]>>(code%64)&1 == 1
}

// String writes the set as ParseExitSet reads it: `any`, or codes and ranges in
// rising order.
func (s ExitSet) String() string {
	if s.Any {
		return "any"
	}
	var parts []string
	for first := 0; first <= 255; first++ {
		if !s.Has(first) {
			continue
		}
		last := first
		for s.Has(last + 1) {
			last++
		}
		part := strconv.Itoa(first)
		if last > first {
			part += "-" + strconv.Itoa(last)
		}
		parts = append(parts, part)
		first = last
	}
	return strings.Join(parts, ",")
}
