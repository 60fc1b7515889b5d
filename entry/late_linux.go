//go:build (amd64 || arm64) && (race || msan || asan)

package entry

import "unsafe"

//lint:ignore U1000 the entry alone uses it
var early func(stack unsafe.Pointer, begun *uint32)
