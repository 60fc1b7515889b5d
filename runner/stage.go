package runner

import "os"

// Stage starts a command by way of a program that becomes it: the process of the command executes that program, which
// prepares something and then executes the command. What the command inherits passes through it. On Linux alone: on
// other systems the command starts without.
type Stage struct {
	Path string // file to execute
	Name string // its argv[0]; the next are the number of a descriptor, Command.Path and Command.Argv

	// Open returns what the descriptor is. It is called for each start, of which a command may need several, and closed
	// once the program has it.
	Open func() (*os.File, error)

	// Started is called when the program runs. It returns when the program has become the command, or why it has not:
	// then its process ends. not usable: that says nothing of the command, which then starts without.
	Started func(pid int) (usable bool, err error)

	// Skipped is called if the program could not be started. The command starts without.
	Skipped func(error)
}
