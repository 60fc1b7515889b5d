//go:build !linux

package outputs

import "os"

// extents are the parts of an open file of a size that hold anything: nobody tells of holes here.
func extents(_ *os.File, size int64) ([]Extent, error) { return whole(size), nil }
