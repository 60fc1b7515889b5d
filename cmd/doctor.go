package cmd

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/runner"
)

func newDoctorCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "doctor [flags] [-- COMMAND [ARG...]]",
		Short: "check what the cache rests on, or why a command cannot be cached well",
		Long: `Doctor tries what cachex needs: a private directory, a filesystem that renames, links and locks, free
space, a clock that agrees with the filesystem's, and a build that passes blocked and ignored signals on; and of each
server of --remote that it keeps what is written and tells the right time. It prints a line for each, and a hint for
what is wrong.

With a command it says why that cannot be cached well instead. It runs the command twice, with another second on the
clock, observed as by run --trace, with an empty stdin, and its output is held back. A line says of each of these what
is wrong: time, or what else is only true at the moment; the network; processes that it leaves behind; sockets, by which
it talks to other programs; files that it makes or changes, which a hit does not; inputs that it changes itself; what
cannot be observed; its exit code; and output that differs between the two runs, with the first line of it. Nothing is
stored. Linux alone.` + exitCodes(
			"0    nothing is wrong", "1    something is", "125  bad configuration, or the command cannot be observed",
			"126  the command cannot be executed", "127  the command was not found"),
		Example: `  cachex doctor
  cachex doctor --remote redis://cache.example.com
  cachex doctor -- go vet ./...`,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case c.ArgsLenAtDash() < 0 && len(args) > 0:
				return noArguments(c, args)
			case len(args) > 0 || c.Flags().Changed("shell"):
				return doctorOf(app, c, args)
			}
			return app.doctor(c)
		},
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	showOnly(c.Flags(), keyFlags()...)
	return c
}

// finding is one line of the doctor's report.
type finding struct {
	what  string
	fault error  // nil: all is well
	say   string // what was found
	hint  string // what to do about a fault, or about what is only worth knowing
}

func (a *App) doctor(c *cobra.Command) error {
	s, warnings, err := a.settingsFor(c, nil)
	if err != nil {
		return err
	}
	a.warnAll(warnings)
	return reportFindings(a.Stdout, a.examine(s))
}

func reportFindings(w io.Writer, found []finding) error {
	faults := 0
	for _, f := range found {
		mark, say := "ok   ", f.say
		if f.fault != nil {
			mark, say = "FAULT", call.OneLine(f.fault.Error())
			faults++
		}
		if _, err := fmt.Fprintf(w, "%s  %-10s  %s\n", mark, f.what, say); err != nil {
			return err
		}
		if f.hint != "" {
			if _, err := fmt.Fprintf(w, "       %-10s  hint: %s\n", "", f.hint); err != nil {
				return err
			}
		}
	}
	if faults > 0 {
		return call.ExitStatus(1)
	}
	return nil
}

// examine makes the findings. What cannot be looked at because something before it is wrong is left out.
func (a *App) examine(s Settings) []finding {
	dir, err := a.openStore(s, false)
	if err != nil {
		var refused *cachedir.Refused
		hint := "set HOME, or name a directory with --cache-dir or CACHEX_CACHE_DIR"
		if errors.As(err, &refused) {
			hint = "name another directory with --cache-dir; --trust-owner UID admits another owner"
		}
		return []finding{{what: "directory", fault: err, hint: hint}}
	}
	found := []finding{{what: "directory", say: dir.Path()}}
	r, err := dir.Probe()
	if err != nil {
		return append(found, finding{what: "filesystem", fault: err, hint: "check the disk and its mount"})
	}
	found = append(
		found, filesystemFindings(r), spaceFinding(r), linksFinding(r), locksFinding(r), clockFinding(r),
		signalsFinding(), secretFinding(s),
	)
	return append(found, tierFindings(s, a.LookupEnv)...)
}

func filesystemFindings(r cachedir.Report) finding {
	f := finding{what: "filesystem", say: r.Filesystem, fault: r.Write}
	switch {
	case r.Write != nil:
		f.hint = "make it writable, or use another directory with --cache-dir"
	case r.Network:
		f.say += ", shared over a network"
		f.hint = "a local disk is faster and its locks are surer"
	}
	return f
}

func spaceFinding(r cachedir.Report) finding {
	f := finding{
		what: "space",
		say:  fmt.Sprintf("%s of %s used, %s free", roundSize(r.Used), roundSize(r.MaxSize), roundSize(r.Free)),
	}
	if r.Free < r.Floor {
		f.fault = fmt.Errorf("%s free: nothing is stored below %s", roundSize(r.Free), roundSize(r.Floor))
		f.hint = "free some space, or use another directory with --cache-dir"
	}
	return f
}

func linksFinding(r cachedir.Report) finding {
	f := finding{what: "hard links", say: "work: equal outputs are stored once"}
	if r.Links != nil { // worth knowing, and no fault: everything works without
		f.say = "do not work: equal outputs are stored more than once"
		f.hint = call.OneLine(r.Links.Error())
	}
	return f
}

func locksFinding(r cachedir.Report) finding {
	f := finding{what: "locks", say: "work: concurrent runs share one execution", fault: r.Locks}
	if r.Locks != nil {
		f.hint = "results are cached, but concurrent runs each execute; use a directory on a filesystem with locks"
	}
	return f
}

func clockFinding(r cachedir.Report) finding {
	const most = 2 * time.Second // digests of files changed within this time are not trusted anyway
	f := finding{what: "clock", say: "agrees with the filesystem's"}
	if r.ClockSkew > most || r.ClockSkew < -most {
		f.fault = fmt.Errorf("the filesystem's clock is %s off", r.ClockSkew)
		f.hint = "synchronise the clocks of this machine and the file server"
	}
	return f
}

func signalsFinding() finding {
	if runner.SeesSignals() {
		return finding{what: "signals", say: "a command gets them blocked and ignored as cachex was started"}
	}
	return finding{ // worth knowing, and no fault: only nohup, background jobs of sh and the like set them
		what: "signals", say: "what was blocked or ignored when cachex started may not be so for a command",
		hint: "under Linux on amd64 and arm64, a build with CGO_ENABLED=0 passes all of it on",
	}
}

func secretFinding(s Settings) finding {
	if len(s.Secret) > 0 || s.SecretFile != "" {
		return finding{what: "secret", say: "digests of environment values and secret words are keyed"}
	}
	return finding{
		what: "secret", say: "none: short values can be guessed from their digests by who can read the cache",
		hint: "set CACHEX_SECRET or secret-file to key the digests",
	}
}
