package remote

import (
	"os/exec"
	"syscall"
)

// dieWithUs kills a server when the tests are killed.
func dieWithUs(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
