package call

import (
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/runner"
)

// waiting explains a long wait to who can see it: a person at a terminal, or the log of a CI job.
func (p *Process) waiting(quiet bool) func(engine.Wait) {
	ci, _ := p.LookupEnv("CI")
	if quiet || !runner.IsTerminal(p.Stderr) && (ci == "" || ci == "false") {
		return nil
	}
	return func(w engine.Wait) { p.Warn(waitLine(w)) }
}

// restarted tells a person where another output begins. It is said under -q too: without it a mixture would pass for a
// whole.
func (p *Process) restarted(midLine bool) {
	if midLine {
		fmt.Fprintln(p.Stderr)
	}
	p.Warn("what was shown so far is no result: this is another run")
}

func waitLine(w engine.Wait) string {
	line := "waiting for another run of this command"
	if w.PID > 0 {
		line = fmt.Sprintf("waiting for pid %d, which runs this command", w.PID)
	}
	if w.Since >= 0 {
		line += ", " + engine.Short(w.Since) + " in"
	}
	if w.Usual > 0 {
		line += ", usually " + engine.Short(w.Usual)
	}
	if w.Unseen {
		line += "; --follow would show what it writes"
	}
	return line
}

// warnOnce prints the one warning that a run may have: the gravest of those that came up.
func (p *Process) warnOnce(out engine.Outcome, settings []string, unread bool) {
	switch {
	case out.Warning != nil:
		p.Warn(out.Warning.Error())
	case unread:
		p.Warn("stdin has data that the command does not get: feed it with --stdin, or silence this with </dev/null")
	case out.Doubt != nil:
		p.Warn(out.Doubt.Error())
	case len(settings) == 1:
		p.Warn(settings[0])
	case len(settings) > 1:
		p.Warn(fmt.Sprintf("%s (and %d more: see cachex config)", settings[0], len(settings)-1))
	}
}

// explainLine is what -v prints.
func explainLine(out engine.Outcome) string {
	var b strings.Builder
	switch out.Served {
	case stats.Hit:
		fmt.Fprintf(&b, "hit, %s old, saved %s", engine.Short(out.Age), engine.Short(out.Saved))
	case stats.Stale:
		fmt.Fprintf(&b, "stale, %s old, saved %s", engine.Short(out.Age), engine.Short(out.Saved))
	case stats.Shared:
		fmt.Fprintf(&b, "shared a concurrent run, saved %s", engine.Short(out.Saved))
	case stats.Bypassed:
		b.WriteString("ran uncached")
	case stats.Declined:
		b.WriteString("nothing yet")
	default:
		b.WriteString("miss")
	}
	if out.Refreshed {
		b.WriteString(", refreshing in the background")
	}
	if why := missWords(out); why != "" {
		b.WriteString(": " + why)
	}
	if out.Served == stats.Missed && out.NotStored != "" {
		b.WriteString("; not stored: " + out.NotStored)
	}
	if len(out.Unknown) > 0 {
		b.WriteString("; ignored in CACHEX_CONTROL: " + strings.Join(out.Unknown, ", "))
	}
	return b.String()
}

// stdinHint tells why a command may have failed that was started at a terminal.
func (p *Process) stdinHint(c *Call, out engine.Outcome) string {
	ran := out.Served == stats.Missed || out.Served == stats.Bypassed
	if !ran || out.Code == 0 && out.Signal == 0 || out.KeptStdin || c.Request.FeedStdin || !runner.IsTerminal(p.Stdin) {
		return ""
	}
	return "; stdin was empty; --no-cache gives it the terminal"
}

func missWords(out engine.Outcome) string {
	switch {
	case out.Served == stats.Bypassed && out.NotStored != "" && out.Detail != "":
		return out.NotStored + "; " + out.Detail
	case out.Served == stats.Bypassed && out.NotStored != "":
		return out.NotStored
	case out.Detail != "":
		return out.Detail
	}
	return string(out.Reason)
}
