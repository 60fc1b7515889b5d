package call

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// Exit codes of cachex itself; those for failures are the same as of env and timeout.
const (
	exitNothing       = 3 // --no-wait, and there is nothing yet
	exitFault         = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// Adviser is an error that knows what to do about it: a mistake in the command line or the configuration.
type Adviser interface {
	error
	Advice() string
}

// ExitStatus carries a code that is an answer and not a failure: the command's own, or "not sound" of verify.
type ExitStatus int

func (e ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// ExitCode turns what a command returned into the exit code, and says on stderr what went wrong and what to do next.
func (p *Process) ExitCode(err error) int {
	var status ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	code, hint := judge(err)
	if p.isOfStdout(err) {
		if errors.Is(err, syscall.EPIPE) && !signal.Ignored(syscall.SIGPIPE) {
			runner.Die(int(syscall.SIGPIPE)) // who ran a command has caught it, and the write did not end him
			return 128 + int(syscall.SIGPIPE)
		}
		code, hint = exitFault, "check where the output goes"
	}
	p.Warn(err.Error())
	if hint != "" {
		p.Warn("hint: " + hint)
	}
	return code
}

// isOfStdout reports whether an error is that what cachex itself prints could not be written.
func (p *Process) isOfStdout(err error) bool {
	var of *fs.PathError
	return errors.As(err, &of) && of.Op == "write" && of.Path == p.Stdout.Name()
}

// judge is the one place where errors become exit codes and hints.
func judge(err error) (code int, hint string) {
	var (
		said      Adviser
		notFound  *hashing.NotFound
		notExec   *hashing.NotExecutable
		pattern   *hashing.PatternError
		start     *runner.StartError
		uncached  *engine.NotCachedError
		undeliver *engine.DeliveryError
		mixed     *engine.MixedError
		tier      *engine.TierError
		refused   *cachedir.Refused
	)
	switch {
	case errors.As(err, &said):
		return exitFault, said.Advice()
	case errors.As(err, &notFound):
		return exitNotFound, notFoundHint(notFound.Name)
	case errors.As(err, &notExec):
		return exitNotExecutable, "name a program, or make the file executable with chmod +x"
	case errors.As(err, &start) && start.NotFound:
		return exitNotFound, "check that the file and the interpreter in its first line exist"
	case errors.As(err, &start) && errors.Is(err, syscall.E2BIG):
		return exitNotExecutable, "the system takes no more: " +
			"pass fewer words, or hand them over in a file or with --stdin"
	case errors.As(err, &start) && (errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)):
		return exitNotExecutable, "allow more open files (ulimit -n), or hand down fewer"
	case errors.As(err, &start):
		return exitNotExecutable, "check that the file is a program for this machine"
	case errors.As(err, &pattern) && pattern.Todo != "":
		return exitFault, pattern.Todo
	case errors.As(err, &pattern):
		return exitFault, "quote the pattern, and see cachex run --help for the forms of --file and --env"
	case errors.As(err, &uncached) && uncached.Reason == stats.Uncacheable:
		return exitFault, "run it without --cached-only"
	case errors.As(err, &uncached):
		return exitFault, "run it once without --cached-only"
	case errors.As(err, &undeliver):
		return exitFault, "check where the output goes; the result was not stored"
	case errors.As(err, &tier):
		return exitFault, "check the server with cachex doctor, or leave --remote-required out to run without it"
	case errors.As(err, &mixed):
		return exitFault, "what was printed is not a result: run it again"
	case errors.As(err, &refused):
		return exitFault, "choose another directory with --cache-dir, or see cachex doctor"
	case errors.Is(err, cachedir.ErrAbsent):
		return exitFault, "nothing has been cached there yet: cachex run -- COMMAND makes the directory"
	case errors.Is(err, os.ErrPermission):
		return exitFault, "check the owner and the mode of what it names"
	}
	return exitFault, "see cachex doctor for what is wrong with the cache"
}

// shellWords are what people type at a prompt and no PATH holds.
var shellWords = []string{
	".", ":", "alias", "bg", "bind", "builtin", "cd", "command", "declare", "dirs", "eval", "exec", "export", "fc",
	"fg", "function", "hash", "history", "jobs", "let", "local", "popd", "pushd", "read", "readonly", "set", "shift",
	"shopt", "source", "time", "times", "trap", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait",
}

func notFoundHint(name string) string {
	for _, w := range shellWords {
		if w == name {
			return name + " belongs to the shell: cachex run -c '" + name + " ...'"
		}
	}
	return "check the spelling and PATH; for functions and aliases of your shell use cx (cachex help init), " +
		"for pipes -c 'SHELL TEXT'"
}
