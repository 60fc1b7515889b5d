package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/late"
	"github.com/cachex-cli/cachex/runner"
	"github.com/cachex-cli/cachex/trace"
)

// Seen is what a command was seen to depend on, sorted.
type Seen struct {
	Root        string   // of the repository that the working directory is in, else that directory
	Project     []string // files below Root; relative to the working directory where they lie below it
	Home        []string // files below the home directory
	System      []string // all others
	Absent      []string // paths that were looked for and are not there
	Directories []string // those of which the names were listed
	Made        []string // files that the command made, or changed
	Uncounted   []string // what it used and does not depend on: files, directories, and globs of --trace-ignore
	Env         []string // variables that are set and count
	Programs    []string // files that were executed
	Network     bool     // it talked to a server
	Doubts      []Doubt  // why its result would not be stored
}

// Doubt is why the result of a command would not be stored.
type Doubt struct {
	Subject Subject
	Text    string // a clause
}

// Subject is what a doubt is about.
type Subject uint8

// The subjects.
const (
	Unseen    Subject = iota // what the command did cannot be observed, or not compared later
	Moment                   // it asked for what is only true now
	Processes                // it left some behind
	Sockets                  // it talked to another program, or to the kernel
	Changes                  // it changed what it had used, or others did
)

func subjectOf(d trace.Doubt) Subject {
	switch d.Reason {
	case trace.LeftBehind:
		return Processes
	case trace.Talks, trace.Netlink, trace.UnusualSocket:
		return Sockets
	}
	return Unseen
}

// Observe runs the command of a request once, and tells what it was seen to depend on. Nothing is looked up or stored.
// The errors are those of Do.
func (e *Engine) Observe(ctx context.Context, req Request) (Seen, Outcome, error) {
	req.setDefaults()
	files, err := openStreams(&req)
	if err != nil {
		return Seen{}, Outcome{}, &DeliveryError{Err: err}
	}
	defer func() { _ = files.close() }()
	caller := e.newCaller(ctx, &req, files)
	c, err := caller.command("", nil)
	if err != nil {
		return Seen{}, Outcome{}, err
	}
	o := &observation{network: true, since: hashing.FileTime()}
	if err := o.watch(&c); err != nil {
		return Seen{}, Outcome{}, errors.New("the command cannot be observed: " + err.Error())
	}
	res, err := e.execute(caller, c)
	if err != nil {
		return Seen{}, Outcome{}, err
	}
	if o.end(); o.obstacle != "" {
		return Seen{}, Outcome{}, errors.New("the command cannot be observed: " + o.report.Untraced)
	}
	return o.seen(&req), Outcome{Code: res.Code, Signal: res.Signal, Took: res.Ended.Sub(res.Started)}, nil
}

// watch makes a command one that is observed. The error says why that cannot be had.
func (o *observation) watch(c *runner.Command) error {
	o.looks, o.open = newLooks(), runner.OpenFiles()
	late.Processors() // one answers for the others
	tracer, err := trace.New(trace.Options{
		NoTimes: o.looks.noTimes, Judges: o.looks.judges, AtStart: readsAtStart, Writes: o.writes, Many: o.many,
		Program: c.Path,
	})
	if err != nil {
		return err
	}
	stage := runner.Stage(tracer.Stage())
	c.Stage, o.tracer = &stage, tracer
	c.Env = setenv(c.Env, ObservedVariable, "1")
	return nil
}

// seen sorts what was observed.
func (o *observation) seen(req *Request) Seen {
	s := Seen{Root: req.Spec.Dir, Network: o.report.Network}
	s.Env = hashing.Counted(req.Spec, o.plainTools(req.Spec, directives{}))
	if root, ok := hashing.RepoRoot(req.Spec.Dir, nil); ok {
		s.Root = root
	}
	for _, d := range o.report.Doubts {
		s.doubt(subjectOf(d), doubtText(d))
	}
	s.Programs = o.programs()
	home := hashing.Getenv(req.Spec.Environ, "HOME")
	where, grown := whatDoesNotCount(req.Spec, ""), map[string]string{}
	for _, path := range o.report.Seen {
		if place := where.place(path.Path); place != "" {
			s.Uncounted = append(s.Uncounted, place)
			continue
		}
		sight, counts, doubt := o.sightOf(path)
		if counts && sight.Uses&hashing.UseMade == 0 {
			doubt = byOthers(path)
		}
		switch {
		case doubt != "" && isOfKernel(path.Path):
			s.doubt(Moment, doubt)
		case doubt != "":
			s.doubt(Changes, doubt)
		case counts:
			s.add(sight, req.Spec.Dir, home)
			noteGrown(grown, sight, path)
		}
	}
	if doubt := o.listedAndGrown(grown); doubt != "" {
		s.doubt(Changes, doubt)
	}
	slices.Sort(s.Uncounted)
	s.Uncounted = slices.Compact(s.Uncounted)
	return s
}

// programs are the files that the run executed, scripts among them.
func (o *observation) programs() (paths []string) {
	for _, p := range o.report.Programs {
		paths = append(paths, p.Path)
	}
	return paths
}

func (s *Seen) doubt(subject Subject, text string) {
	if d := (Doubt{subject, text}); !slices.Contains(s.Doubts, d) {
		s.Doubts = append(s.Doubts, d)
	}
}

// add puts a path where it belongs.
func (s *Seen) add(sight hashing.Sight, dir, home string) {
	info, err := os.Stat(sight.Path)
	name := sight.Path
	if isBelow(name, dir) {
		name, _ = filepath.Rel(dir, name) // the directory itself is .
	}
	list := &s.System
	switch {
	case sight.Uses&hashing.UseMade != 0:
		list = &s.Made
	case err != nil:
		list = &s.Absent
	case sight.Uses&hashing.UseNames != 0 || info.IsDir() && sight.Uses&hashing.UseContent != 0:
		list = &s.Directories
	case info.IsDir():
		return // that it is one is said by what lies below
	case isBelow(sight.Path, s.Root):
		list = &s.Project
	case home != "" && home != "/" && isBelow(sight.Path, strings.TrimSuffix(home, "/")):
		list = &s.Home
	}
	*list = append(*list, name)
}
