package call

import "os"

// GrowStack makes room for the deepest calls of a run while the stack holds next to nothing. Else it grows on the way, step by
// step, and each step copies what lies on it, frame by frame.
//
//go:noinline
func GrowStack() byte {
	var room [24 << 10]byte
	return room[len(os.Args)%len(room)]
}
