package runner

import "os"

// Detached is a process that outlives this one.
type Detached struct {
	Path string   // file to execute
	Argv []string // argv[0] as it is to be seen
	Env  []string // nil: the environment of this process

	Stdin *os.File // inherited with its offset; nil: the null device
	Keep  *os.File // becomes descriptor 3 of the process; nil: none
}

// Detach starts a process that has nothing of this one: a session of its own without a terminal, the null device as
// stdout and stderr, and no other descriptor than Stdin and Keep, also none of those that this process inherited
// itself. So nobody who reads what this process writes waits for that one as well, and a signal to this process group
// does not reach it. Nothing ends it when this process ends. Signal mask, ignored signals and limits are those that
// this process was started with; working directory and umask are those of this process.
//
// It returns as soon as the process was started, with a *StartError if it was not. As long as this process lives it
// waits for that one in the background, so that no zombie stays.
//
// On Windows a lock does not pass to another process with its handle, which is what Keep is for: there Keep is refused
// with an error that wraps errors.ErrUnsupported.
func Detach(d Detached) error {
	if d.Env == nil {
		d.Env = os.Environ()
	}
	return detach(d)
}
