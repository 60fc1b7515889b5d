package runner

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// start starts the command with the given descriptors 0, 1 and 2.
func start(c Command, files [3]*os.File, tty *terminal) (*process, error) {
	return fork(c, files, tty)
}

func session(*terminal) *syscall.SysProcAttr { return nil }

// ended is not asked for anything that matters: signals are not passed on.
func (p *process) ended() bool { return false }

// signal does nothing: the console has sent s to the command already.
func (p *process) signal(syscall.Signal, bool) {}

// bond is a job object that ends the command when this process dies, because the system then closes
// the only handle of it. Zero: the system refused one.
type bond struct{ job windows.Handle }

// bind makes the command die with this process, and not what it starts itself: whatever is started
// from within the job is outside of it.
func bind(p *os.Process) bond {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return bond{}
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
		windows.JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	var refused error
	if err == nil {
		err = p.WithHandle(func(h uintptr) { refused = windows.AssignProcessToJobObject(job, windows.Handle(h)) })
	}
	b := bond{job}
	if err != nil || refused != nil {
		b.release()
		return bond{}
	}
	return b
}

// release lets the system forget the job of a command that has ended.
func (b bond) release() {
	if b.job != 0 {
		_ = windows.CloseHandle(b.job)
	}
}

// SeesSignals is true: no process gives another one signals to block or to ignore.
func SeesSignals() bool { return true }
