//go:build unix

package outputs

import (
	"os"

	"golang.org/x/sys/unix"
)

// readFlags open a file that was a regular one a moment ago: a FIFO in its place must not block.
const readFlags = os.O_RDONLY | unix.O_NONBLOCK
