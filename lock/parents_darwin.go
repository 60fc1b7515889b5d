package lock

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

func thisProcess() (p processID, parent int, ok bool) { return processAt(os.Getpid()) }

func processAt(pid int) (p processID, parent int, ok bool) {
	info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return processID{}, 0, false
	}
	began := info.Proc.P_starttime
	return processID{pid, fmt.Sprintf("%d.%06d", began.Sec, began.Usec)}, int(info.Eproc.Ppid), true
}
