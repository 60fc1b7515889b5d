//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// libraryCache is what the dynamic loader looks up libraries in, by name. It tells other programs everything; and each
// installation of a package writes it anew.
const libraryCache = "/etc/ld.so.cache"

// isLoader reports whether a call comes from the code of the program's ELF interpreter, which is the dynamic loader.
// Its header in memory says where that code is. The kernel's list of mappings would, too, but costs each program that
// starts a tenth of a millisecond.
func (c *caller) isLoader() bool {
	base := c.interpreterBase()
	if base == 0 {
		return false
	}
	var header [pageSize]byte
	n, err := c.read(base, header[:])
	return err == nil && inCode(header[:n], c.pointer-base)
}

// interpreterBase is where the kernel has put the interpreter; 0: there is none.
func (c *caller) interpreterBase() uint64 {
	const base = 7 // AT_BASE
	fd, err := unix.Open(c.proc("auxv"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var b [pageSize]byte
	n, _ := unix.Read(fd, b[:])
	for pairs := b[:max(n, 0)]; len(pairs) >= 16; pairs = pairs[16:] {
		if binary.LittleEndian.Uint64(pairs) == base {
			return binary.LittleEndian.Uint64(pairs[8:])
		}
	}
	return 0
}

// inCode reports whether an address, from where an ELF file begins in memory, is one of its code.
func inCode(header []byte, address uint64) bool {
	const size, entrySize, loaded, executable = 64, 56, 1, 1
	if len(header) < size || string(header[:5]) != "\x7fELF\x02" {
		return false
	}
	at := binary.LittleEndian.Uint64(header[32:])
	count := uint64(binary.LittleEndian.Uint16(header[56:]))
	if at > uint64(len(header)) || count*entrySize > uint64(len(header))-at {
		return false
	}
	for entry := range slices.Chunk(header[at:at+count*entrySize], entrySize) {
		begin, length := binary.LittleEndian.Uint64(entry[16:]), binary.LittleEndian.Uint64(entry[40:])
		if binary.LittleEndian.Uint32(entry) == loaded && binary.LittleEndian.Uint32(entry[4:])&executable != 0 &&
			address >= begin && address-begin < length {
			return true
		}
	}
	return false
}
