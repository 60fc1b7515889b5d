package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/trace"
)

// Files that an observed run makes are inputs of the next look, in the state in which they were left: unless they are
// outputs, which a hit puts in place. What the run did with an output before it wrote it counts: in the state that it
// had then. So of `make` the result is one for each state of what it makes, the first for none.

// earlierOutputs is what a run found where its outputs lie.
type earlierOutputs struct {
	set      hashing.Outputs
	dirs     []string          // the working directory, by its names
	links    map[string]string // to directories in which absolute patterns begin: by where they lead
	earlier  map[string]*hashing.Earlier
	obstacle error // why that is not known

	made map[string]bool // those that the run has made or changed; true: with what is below them
}

// lookEarlier looks at what there is, by its names from the working directory.
func (rec *recording) lookEarlier() earlierOutputs {
	dir := rec.caller.Spec.Dir
	e := earlierOutputs{
		set: hashing.OutputSet(rec.caller.Spec.Outputs), dirs: []string{dir}, earlier: map[string]*hashing.Earlier{},
		links:    map[string]string{},
		made:     map[string]bool{},
		obstacle: rec.noBefore,
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir {
		e.dirs = append(e.dirs, real)
	}
	for _, pattern := range rec.caller.Spec.Outputs {
		if !hashing.IsAbsoluteOutput(pattern) {
			continue
		}
		named := filepath.Dir(filepath.FromSlash(hashing.OutputSet([]string{pattern}).Base()))
		if real, err := filepath.EvalSymlinks(named); err == nil && real != named {
			e.links[real] = named
		}
	}
	for name := range rec.before {
		earlier, err := hashing.LookEarlier(hashing.OutputPath(dir, name), rec.dir.Digests())
		if err != nil {
			e.obstacle = err
			break
		}
		e.earlier[name] = earlier
	}
	return e
}

// of is the name of a path among the outputs, or that of a directory in which they lie.
func (e *earlierOutputs) of(path string) (name string, covered bool) {
	if path := e.asNamed(path); e.set.Covers(path) || e.set.Expects(path) {
		return path, true
	}
	for _, dir := range e.dirs {
		below, err := filepath.Rel(dir, path)
		if err != nil || !filepath.IsLocal(below) {
			continue
		}
		if name = filepath.ToSlash(below); e.set.Covers(name) || name != "." && e.set.Expects(name) {
			return name, true
		}
	}
	return "", false
}

// asNamed is an absolute path by the names in absolute patterns, which may lead through links.
func (e *earlierOutputs) asNamed(path string) string {
	for real, named := range e.links {
		if below, err := filepath.Rel(real, path); err == nil && filepath.IsLocal(below) {
			return filepath.ToSlash(filepath.Join(named, below))
		}
	}
	return filepath.ToSlash(path)
}

// hasListed reports whether the run has seen the names in a directory.
func (o *observation) hasListed(dir string) bool {
	seen, found := o.seenAt(dir)
	return found && (seen.Use|seen.After)&(trace.Listed|trace.Read) != 0
}

// seenAt is what was seen of a path.
func (o *observation) seenAt(path string) (seen trace.Seen, found bool) {
	i, found := slices.BinarySearchFunc(o.report.Seen, path, func(s trace.Seen, path string) int {
		return strings.Compare(s.Path, path)
	})
	if !found {
		return seen, false
	}
	return o.report.Seen[i], true
}

// isGoBuild reports whether the run is one of go build, which looks at the times of what it makes, goes by what it
// holds, and makes it anew each time: so a result would never be found again.
func (o *observation) isGoBuild() bool {
	return len(o.report.Programs) > 0 && filepath.Base(o.report.Programs[0].Path) == "go" &&
		len(o.words) > 1 && o.words[1] == "build"
}

// output is a path that the run has written, and that is among its outputs. What it only wrote is no input, unless it
// listed the directory: then it has seen that nothing was there.
func (o *observation) output(seen trace.Seen, name string) (s hashing.Sight, counts bool, doubt string) {
	fi, err := os.Lstat(seen.Path)
	if err != nil || isSpecial(seen.Path) || !hashing.ChangedSince(seen.Path, o.since) {
		return o.written(seen)
	}
	o.outputs.made[name] = seen.Moved
	if !isUsed(seen, fi) && (seen.Before != trace.Nothing || !o.hasListed(filepath.Dir(seen.Path))) {
		return hashing.Sight{Path: seen.Path, Uses: hashing.UseOutput}, seen.Before == trace.Nothing, ""
	}
	s = hashing.Sight{Path: seen.Path, Uses: o.usesOf(seen) | hashing.UseMode}
	if o.isGoBuild() {
		s.Uses &^= hashing.UseTimes | hashing.UseChange
	}
	if o.usedEarlier == nil {
		o.usedEarlier = map[string]*hashing.Earlier{}
	}
	switch earlier := o.outputs.earlier[name]; {
	case o.outputs.obstacle != nil:
		return s, false, "what was there before is not known: " + o.outputs.obstacle.Error()
	case earlier == nil && seen.Before == trace.Nothing:
		s.Uses |= hashing.UseMade
		o.usedEarlier[seen.Path] = hashing.Nothing()
	case earlier == nil || seen.Before == trace.Nothing || !earlier.Tells(s.Uses, seen.Size):
		return s, false, "it used " + hashing.Show(seen.Path) + " and then changed it"
	default:
		o.usedEarlier[seen.Path] = earlier
	}
	return s, true, ""
}
