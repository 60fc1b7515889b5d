package engine

import (
	"errors"
	"fmt"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
	"github.com/cachex-cli/cachex/trace"
)

// ObservedVariable tells the runs that are part of an observed one that they are seen already.
const ObservedVariable = "CACHEX_OBSERVED"

// observation is what is known of a run that was observed.
type observation struct {
	tracer    *trace.Tracer
	obstacle  string // why nothing is known; empty: it is
	report    trace.Report
	since     int64 // when it began, by the clock of files
	network   bool  // what came over the network may be stored
	anyTimes  bool  // times of modification never count
	looks     looks
	open      []runner.OpenFile // when it began
	openTimes bool              // a program of it tells the times of files that it has open
	openModes bool              // and one may tell their modes
	outputs   earlierOutputs
	writes    func(path string, how trace.Write) // is told of what it is about to write; may be nil
	many      func()                             // is called when it has used many files; may be nil
	words     []string                           // of the command line

	usedEarlier map[string]*hashing.Earlier // what outputs were before the run, of those that it used
}

// observe makes a command one that is observed, if its recipe says so. Where that cannot be had the command runs all
// the same.
func (rec *recording) observe(c *runner.Command) {
	if name := rec.caller.Spec.Depfile; name != "" {
		rec.depfile = watchDepfile(name, rec.caller.Spec.Dir)
	}
	if !rec.inputs.firstRecipe.IsObserved() {
		return
	}
	o := &observation{network: rec.caller.Network, since: hashing.FileTime()}
	o.many = func() { go rec.caller.collectRarely() } // the command waits for who calls it
	if t := rec.caller.Spec.Trace; t != nil {
		o.anyTimes = t.AnyTimes
	}
	if rec.caller.makesFiles() {
		o.outputs, o.words = rec.lookEarlier(), rec.caller.Spec.Argv
		o.writes = func(path string, how trace.Write) { rec.making.watch(&o.outputs, path, how) }
	}
	rec.observation = o
	if err := o.watch(c); err != nil {
		o.obstacle = "it cannot be observed: " + err.Error()
		rec.making.watch(&o.outputs, "", trace.Unseen)
		name := "no-trace"
		if errors.Is(err, trace.ErrRights) { // which says nothing of other programs
			name = "no-trace-rights"
		}
		rec.warnUnobserved(name)
	}
}

// warnUnobserved says once why a command runs without being observed.
func (rec *recording) warnUnobserved(name string) {
	if rec.dir.OncePerDay(name) {
		rec.remarks.warn(fmt.Errorf("not stored: %s", rec.observation.obstacle))
	}
}

// endObserving is called when the command has ended.
func (rec *recording) endObserving() {
	o := rec.observation
	if o == nil || o.tracer == nil {
		return
	}
	if o.end(); o.obstacle != "" {
		rec.making.watch(&o.outputs, "", trace.Unseen)
		rec.warnUnobserved("no-trace")
	}
	for _, d := range o.report.Doubts {
		if d.Altered {
			rec.remarks.warn(fmt.Errorf("not stored, and perhaps not what it is without --trace: %s", doubtText(d)))
		}
	}
}

// end takes what was seen of a command that has ended.
func (o *observation) end() {
	o.report = o.tracer.Report()
	o.openTimes, o.openModes = tellsOpenTimes(o.report.Programs), tellsOpenModes(o.report.Programs)
	for _, f := range o.open {
		if f.Moved() {
			const reason = "it read or wrote a file that was open when it began"
			o.report.Doubts = append(o.report.Doubts, trace.Doubt{Reason: reason, Path: f.Path})
		}
	}
	if o.report.Untraced != "" {
		o.obstacle = "it was not observed: " + o.report.Untraced
	}
}

// isObserved reports whether this run is part of one that is observed, so that whatever its command does is seen there.
func (c *caller) isObserved() bool { return hashing.Getenv(c.Spec.Environ, ObservedVariable) != "" }
