package lock

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

func thisProcess() (p processID, parent int, ok bool) { return readStat("/proc/self/stat") }

func processAt(pid int) (p processID, parent int, ok bool) {
	return readStat("/proc/" + strconv.Itoa(pid) + "/stat")
}

// readWhole reads a file of proc(5) that is shorter than a page. A miss is spared what package os does to wait for
// files.
func readWhole(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	b := make([]byte, 1024) // of at most 52 numbers and a name
	n, err := unix.Read(fd, b)
	return b[:max(n, 0)], err
}

// readStat takes number, parent and start (in ticks since the machine began, so much the same in all namespaces) from
// proc(5). The name of the program stands in parentheses, and may hold any other.
func readStat(path string) (p processID, parent int, ok bool) {
	text, err := readWhole(path)
	end := bytes.LastIndexByte(text, ')')
	if err != nil || end < 0 {
		return processID{}, 0, false
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	const parentAt, startedAt = 1, 19 // behind the name
	fields := bytes.Fields(text[end+1:])
	if len(fields) <= startedAt {
		return processID{}, 0, false
	}
	pid, err := strconv.Atoi(string(first))
	if err != nil {
		return processID{}, 0, false
	}
	parent, err = strconv.Atoi(string(fields[parentAt]))
	return processID{pid, string(fields[startedAt])}, parent, err == nil
}
