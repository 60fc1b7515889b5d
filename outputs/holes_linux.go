package outputs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// extents are the parts of an open file of a size that hold anything. Where the file system cannot tell, all does.
func extents(f *os.File, size int64) ([]Extent, error) {
	if size == 0 {
		return nil, nil
	}
	var data []Extent
	for end := int64(0); end < size; {
		off, err := f.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) || err == nil && off >= size {
			return data, nil // the rest is a hole
		}
		if err != nil {
			return whole(size), nil
		}
		if end, err = f.Seek(off, unix.SEEK_HOLE); err != nil {
			return nil, err
		}
		end = min(end, size)
		data = append(data, Extent{off, end - off})
		if end <= off || len(data) > mostExtents {
			return whole(size), nil
		}
	}
	return data, nil
}
