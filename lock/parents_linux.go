package lock

import (
	"bytes"
	"os"
	"strconv"
)

func thisProcess() (p processID, parent int, ok bool) { return readStat("/proc/self/stat") }

func processAt(pid int) (p processID, parent int, ok bool) {
	return readStat("/proc/" + strconv.Itoa(pid) + "/stat")
}

// readStat takes number, parent and start (in ticks since the machine began, so much the same in all namespaces) from
// proc(5). The name of the program stands in parentheses, and may hold any other.
func readStat(path string) (p processID, parent int, ok bool) {
	text, err := os.ReadFile(path)
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
