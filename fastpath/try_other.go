//go:build !linux || (!amd64 && !arm64)

package fastpath

// Current returns the invocation of this process; false: there is no short way on this system.
func Current([]string) (Invocation, bool) { return Invocation{}, false }

// Identify returns what a state of this kind says of a path now; false if that cannot be told.
func Identify(string, StateKind) (FileID, bool) { return FileID{}, false }

// ReadContent returns what Content says of a file now; false if that cannot be told.
func ReadContent(string) (FileState, bool) { return FileState{}, false }

// SumSeen compares lines about paths, and sums up what stands for digests; false if that cannot be told.
func SumSeen(string) (sum uint64, ok bool) { return 0, false }

// SumLooks takes looks, and sums up what they show; false if that cannot be told.
func SumLooks([]byte) (sum uint64, ok bool) { return 0, false }

// SumAround sums up what no path shows; false if that cannot be told.
func SumAround(_ uint16, _, _ []string) (sum [32]byte, ok bool) { return sum, false }

// Log counts the hit.
func (u *Unwritten) Log() {}

// Hold reports whether what was seen of files is as it was.
func Hold([]FileState, []string) bool { return false }

// IsNarrow reports whether the runtime was told of one processor where there may be more.
func IsNarrow() bool { return false }

// IsEarly reports whether the short way was tried before the runtime.
func IsEarly() bool { return false }
