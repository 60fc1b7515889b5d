package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/engine/values"
	"github.com/cachex-cli/cachex/remote"
)

// Exit codes of commands about values, besides 0 and 125.
const (
	exitRefused call.ExitStatus = 1 // nothing was changed
	exitMissing call.ExitStatus = 3 // there is no such value
)

// aboutNames is said by each command about values.
const aboutNames = `

A value lies in the cache under a namespace and a name, where run --key NAME without other inputs puts its result,
and finds it. A name is any bytes but NUL, given as a word (behind -- if it begins with a dash) or as what a file
holds, with --name-file. It is stored as it is.`

// addNameFlags declares the flags that all commands about values have.
func addNameFlags(c *cobra.Command) {
	c.Flags().SortFlags = false
	c.Flags().String("namespace", "", "separates teams, as in `a/b`; purged by prefix")
}

func addNameFile(c *cobra.Command) {
	c.Flags().String("name-file", "", "the name is all that this `FILE` holds, a line feed at its end too")
}

// takesNames admits so many words and no more, of which --name-file may give the first.
func takesNames(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		n := len(args)
		if c.Flags().Changed("name-file") {
			n++
		}
		hint := "write " + c.UseLine()
		switch {
		case n < least:
			return &usageError{Err: errors.New("no NAME given"), Hint: hint}
		case most != anyNumber && n > most:
			return &usageError{Err: fmt.Errorf("unexpected word %q", args[len(args)-1]), Hint: hint}
		}
		return nil
	}
}

const anyNumber = 0

// namesOf lists the words that a command was given, the name first.
func namesOf(c *cobra.Command, args []string) ([]string, error) {
	if file, _ := c.Flags().GetString("name-file"); c.Flags().Changed("name-file") {
		text, err := readSmall(file, maxNameFile)
		if err != nil {
			return nil, &BadValue{
				Name: "--name-file", Value: file, Why: reason(err),
				Hint: "name a file that holds the name, of at most 1 MiB",
			}
		}
		args = append([]string{string(text)}, args...)
	}
	if c.Name() == "incr" || c.Name() == "decr" { // a number may be behind the name
		return args, checkNames(args[0])
	}
	return args, checkNames(args...)
}

// checkNames refuses what no name is, whether or not there is a cache directory.
func checkNames(names ...string) error {
	for _, name := range names {
		if err := values.CheckName(name); err != nil {
			return &usageError{Err: err, Hint: "write at least one byte, and no NUL"}
		}
	}
	return nil
}

const maxNameFile = 1 << 20

// valueStore is the values that a command is about.
type valueStore struct {
	*values.Store
	settings Settings
	engine   *engine.Engine
	warn     func(string)
	fault    error // what went wrong with a tier last
}

// openValues opens the values of the namespace. To look, nothing is created: then nil means that there is no cache
// directory, and no tier.
func (a *App) openValues(c *cobra.Command, looks bool) (*valueStore, error) {
	s, warnings, err := a.settingsFor(c, []string{})
	if err != nil {
		return nil, err
	}
	a.warnAll(warnings)
	tiers, err := tiersOf(s, a.LookupEnv)
	if err != nil {
		return nil, err
	}
	if s.ReadOnly && !looks {
		return nil, &usageError{
			Err:  errors.New("read-only: nothing may be stored"),
			Hint: "leave out read-only, which cachex config shows the place of",
		}
	}
	dir, err := a.openFor(s, looks && len(tiers) == 0)
	if errors.Is(err, cachedir.ErrAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := &valueStore{settings: s, warn: a.Warn}
	v.engine = &engine.Engine{Open: func() (*cachedir.Dir, error) { return dir, nil }}
	v.Store, err = v.engine.Values(engine.ValuesConfig{
		Namespace: s.Namespace, Tiers: tiers, Stdout: a.Stdout, Stderr: a.Stderr,
		Warn: func(err error) { v.fault = err },
	})
	return v, err
}

// openFor opens the cache directory. Who only looks, and cannot count that he has, may still look.
func (a *App) openFor(s Settings, looks bool) (*cachedir.Dir, error) {
	if !looks {
		return a.openStore(s, s.ReadOnly)
	}
	dir, err := a.openStore(s, true)
	if err != nil || s.ReadOnly {
		return dir, err
	}
	if writable, err := a.openStore(s, false); err == nil {
		dir.Close()
		return writable, nil
	}
	return dir, nil
}

// close says what went wrong on the way, if it was no reason to fail.
func (v *valueStore) close(err error) error {
	if v.fault != nil && err == nil {
		v.warn(v.fault.Error())
	}
	v.Store.Close()
	v.engine.Close()
	return err
}

// withValues does something with values. missing is what it comes to where there is no cache directory.
func (a *App) withValues(c *cobra.Command, looks bool, missing error, do func(*valueStore) error) error {
	v, err := a.openValues(c, looks)
	switch {
	case err != nil:
		return err
	case v == nil:
		return missing
	}
	return v.close(do(v))
}

// judgeValue makes of an error of a name what the command ends with.
func (a *App) judgeValue(name string, err error) error {
	const other = "use a tier that can: redis://, memcached:// or s3://; without a tier it is changed on this machine"
	switch {
	case err == nil:
		return nil
	case errors.Is(err, values.ErrMissing):
		return exitMissing
	case errors.Is(err, values.ErrExists):
		a.Warn(show(name) + ": " + err.Error())
		return exitRefused
	case errors.Is(err, values.ErrNoNumber), errors.Is(err, values.ErrOverflow):
		a.Warn(show(name) + ": " + err.Error() + ": nothing was changed")
		a.Warn("hint: cachex get prints the value, cachex set replaces it")
		return exitRefused
	case errors.Is(err, values.ErrUnreadable):
		return &usageError{
			Err:  fmt.Errorf("%s: %w", show(name), err),
			Hint: "give the key-file that it was encrypted with, or replace it with cachex set",
		}
	case errors.Is(err, values.ErrNoLocks):
		return &usageError{
			Err:  fmt.Errorf("%s: %w", show(name), err),
			Hint: "choose a directory on another filesystem with --cache-dir",
		}
	case errors.Is(err, remote.ErrUnsupported), errors.Is(err, fleet.ErrReadOnly):
		return &usageError{Err: fmt.Errorf("%s: nothing was changed: %w", show(name), err), Hint: other}
	case errors.Is(err, cachedir.ErrNoRoom), errors.Is(err, cachedir.ErrTooLarge):
		return &usageError{
			Err:  fmt.Errorf("%s: %w", show(name), err),
			Hint: "raise max-size, or make room with cachex purge",
		}
	case isTierFault(err):
		return &usageError{Err: fmt.Errorf("%s: %w", show(name), err), Hint: "check the server with cachex doctor"}
	}
	return fmt.Errorf("%s: %w", show(name), err)
}

// isTierFault tells what a server is to blame for.
func isTierFault(err error) bool {
	for _, kind := range []error{
		remote.ErrUnreachable, remote.ErrTimeout, remote.ErrDenied, remote.ErrServer, remote.ErrTooLarge,
		remote.ErrChanged, remote.ErrDamaged, remote.ErrNewer, remote.ErrUnsigned, remote.ErrBadSignature,
		remote.ErrNotEncrypted, remote.ErrUnknownKey,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return strings.HasPrefix(err.Error(), "tier ")
}

// show is a name in a message.
func show(name string) string {
	const most = 100
	if len(name) > most {
		return shellQuote(name[:most]) + "..."
	}
	return shellQuote(name)
}

// printValue prints what a value consists of, byte for byte.
func printValue(w *os.File, e *cachedir.Entry) error { return e.Replay(w, io.Discard) }
