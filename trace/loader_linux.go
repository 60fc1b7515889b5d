//go:build amd64 || arm64

package trace

import (
	"bufio"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
)

// libraryCache is what the dynamic loader looks up libraries in, by name. It tells other programs everything; and each
// installation of a package writes it anew.
const libraryCache = "/etc/ld.so.cache"

// isLoader reports whether a call comes from the code of the program's ELF interpreter, which is the dynamic loader.
func (c *caller) isLoader() bool {
	base := c.interpreterBase()
	if base == 0 {
		return false
	}
	maps, err := os.Open(c.proc("maps"))
	if err != nil {
		return false
	}
	defer maps.Close()
	var at, of string // which file is mapped where the call comes from, and where the interpreter begins
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		begin, end, file, ok := mapping(lines.Text())
		if ok && begin == base {
			of = file
		}
		if ok && begin <= c.pointer && c.pointer < end {
			at = file
		}
	}
	return at != "" && at == of
}

// interpreterBase is where the kernel has put the interpreter; 0: there is none.
func (c *caller) interpreterBase() uint64 {
	const base = 7 // AT_BASE
	pairs, err := os.ReadFile(c.proc("auxv"))
	for ; err == nil && len(pairs) >= 16; pairs = pairs[16:] {
		if binary.LittleEndian.Uint64(pairs) == base {
			return binary.LittleEndian.Uint64(pairs[8:])
		}
	}
	return 0
}

// mapping takes apart a line of /proc/PID/maps: BEGIN-END RIGHTS OFFSET DEVICE INODE PATH. The file is device, inode
// and path.
func mapping(line string) (begin, end uint64, file string, ok bool) {
	words := strings.SplitN(line, " ", 4)
	if len(words) < 4 {
		return 0, 0, "", false
	}
	first, last, _ := strings.Cut(words[0], "-")
	begin, err := strconv.ParseUint(first, 16, 64)
	if err == nil {
		end, err = strconv.ParseUint(last, 16, 64)
	}
	return begin, end, words[3], err == nil
}
