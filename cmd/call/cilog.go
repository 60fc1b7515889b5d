package call

import (
	"fmt"
	"os"
	"path"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/runner"
)

// The logs of some CI systems know lines that are more than text. There -v says in such a line that a step was
// replayed, and its output can be folded, if both streams go to one log: in two, the marks would come at another time
// than what they are about. Within a run that is being recorded they would become part of a result: there are none.

// ciLog is the log of a CI system.
type ciLog struct {
	begin, end func(name, title string) string // around what was replayed
	hit        func(title, line string) string // nil: as everywhere
	masks      bool                            // lines of output say what later ones must not show
}

// ciLogOf is the log that this process writes to; zero: it is none that is known.
func (p *Process) ciLogOf() ciLog {
	is := func(name string) bool { v, _ := p.LookupEnv(name); return v == "true" }
	if _, nested := p.LookupEnv(engine.ControlVariable); nested {
		return ciLog{}
	}
	switch {
	case is("GITHUB_ACTIONS"):
		return ciLog{
			begin: func(_, title string) string { return "::group::" + title },
			end:   func(string, string) string { return "::endgroup::" },
			hit:   func(title, line string) string { return "::notice title=" + title + "::" + githubText(line) },
			masks: true,
		}
	case is("GITLAB_CI"):
		mark := func(what, name, title string) string {
			const clear = "\x1b[0K"
			return fmt.Sprintf("%ssection_%s:%d:%s\r%s%s", clear, what, time.Now().Unix(), name, clear, title)
		}
		return ciLog{
			begin: func(name, title string) string { return mark("start", name+"[collapsed=true]", title) },
			end:   func(name, _ string) string { return mark("end", name, "") },
		}
	}
	return ciLog{}
}

// githubText is a text as it stands in a workflow command.
func githubText(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// prepare makes a request fold what it replays, where that is wanted, and keep the lines that mask words.
func (l ciLog) prepare(p *Process, c *Call, q *engine.Request) {
	q.KeepMasks = l.masks
	if l.begin == nil || !c.Explain || !runner.SameFile(p.Stdout, p.Stderr) {
		return
	}
	name, title := fmt.Sprintf("cachex_%d", os.Getpid()), "cachex: "+program(c)
	q.Replaying = func() (done func()) {
		_, _ = fmt.Fprintln(p.Stderr, l.begin(name, title))
		return func() { _, _ = fmt.Fprintln(p.Stderr, l.end(name, title)) }
	}
}

// explain says on one line what happened.
func (p *Process) explain(c *Call, out engine.Outcome) {
	line := explainLine(out) + p.stdinHint(c, out)
	l := p.ciLogOf()
	replayed := out.Served == stats.Hit || out.Served == stats.Stale || out.Served == stats.Shared
	if l.hit == nil || !replayed {
		p.Warn(line)
		return
	}
	_, _ = fmt.Fprintln(p.Stderr, l.hit("cachex", OneLine(program(c)+": "+line)))
}

// program names what a call runs, without its words.
func program(c *Call) string {
	return hashing.Redact(path.Base(strings.ReplaceAll(cmdline.FirstProgram(c.Request.Spec.Argv), `\`, "/")))
}
