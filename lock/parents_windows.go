package lock

import (
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"
)

func thisProcess() (p processID, parent int, ok bool) { return processAt(os.Getpid()) }

// processAt asks for all processes, which is the one way to a parent. Windows gives the number of a parent that has
// ended to others: who descends from this one began after it, which follows from the comparison with what a lock's
// record says.
func processAt(pid int) (p processID, parent int, ok bool) {
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return processID{}, 0, false
	}
	defer func() { _ = windows.CloseHandle(all) }()
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(all, &entry); err == nil; err = windows.Process32Next(all, &entry) {
		if int(entry.ProcessID) == pid {
			return processID{pid, startOf(entry.ProcessID)}, int(entry.ParentProcessID), true
		}
	}
	return processID{}, 0, false
}

func startOf(pid uint32) string {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return ""
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var began, ended, kernel, user windows.Filetime
	if windows.GetProcessTimes(h, &began, &ended, &kernel, &user) != nil {
		return ""
	}
	return strconv.FormatInt(began.Nanoseconds(), 10)
}
