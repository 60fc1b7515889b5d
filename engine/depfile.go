package engine

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/depfile"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/cmdline"
)

// A compiler writes down which files it has read. With that a run has a recipe in two steps, as one that is observed:
// the slot of the first recipe leads to at most eight that its runs turned out to have. What is written down is
// believed if it is whole, of this run, and about files that are there; else the result is not stored, and the caller
// is told. What the compiler has looked for in vain is not in it: a header that comes to be found before another one is
// the known gap, which only an observed run has not.

// written is a depfile before its command runs.
type written struct {
	name, path string
	before     os.FileInfo // nil: it was not there
	since      int64       // when that was, by the clock of files
}

func watchDepfile(name, dir string) *written {
	w := &written{name: name, path: absolute(name, dir), since: hashing.FileTime()}
	if before, err := os.Stat(w.path); err == nil {
		w.before = before
	}
	return w
}

var (
	errNoDepfile = errors.New("the command has not written it")
	errNotFile   = errors.New("it is not a regular file")
	errNoInput   = errors.New("it names no file")
)

// read returns what a run has written down. unended: it need not end in a newline.
func (w *written) read(unended bool) (depfile.Inputs, error) {
	f, err := os.OpenFile(w.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return depfile.Inputs{}, errNoDepfile
	}
	if err != nil {
		return depfile.Inputs{}, errors.Unwrap(err)
	}
	defer f.Close()
	now, err := f.Stat()
	switch {
	case err != nil:
		return depfile.Inputs{}, err
	case !now.Mode().IsRegular():
		return depfile.Inputs{}, errNotFile
	case !hashing.ChangedSince(w.path, w.since), w.before != nil && sameTimes(w.before, now):
		return depfile.Inputs{}, errNoDepfile
	}
	text, err := io.ReadAll(io.LimitReader(f, depfile.Limit+1))
	if err != nil {
		return depfile.Inputs{}, err
	}
	used, err := depfile.Parse(text, unended)
	if err == nil && len(used.Files) == 0 {
		err = errNoInput
	}
	return used, err
}

// sameTimes tells a file that was just written before the run began from one that the run has written: the clock of
// files is not that fine.
func sameTimes(before, now os.FileInfo) bool {
	return os.SameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size()
}

// writtenDown makes the entry one of the recipe that the run has turned out to have, after what it has written down.
func (in *inputs) writtenDown(w *written, m cachedir.Meta, d directives, store func() refusal) refusal {
	if m.Slot() == cachedir.Failed {
		return refusal{"it failed, and what it has read is not known", true}
	}
	spec := in.caller.Spec
	used, err := w.read(programName(cmdline.FirstProgram(spec.Argv)) == "protoc")
	sights, missing := sightsOf(used.Files, spec.Dir)
	if err == nil && missing != "" {
		err = fmt.Errorf("it names %s, which is not there", hashing.Show(missing))
	}
	if err != nil {
		in.remarks.warn(fmt.Errorf("not stored: depfile %s: %w", hashing.Show(w.name), err))
		return refusal{"depfile " + hashing.Show(w.name) + ": " + err.Error(), true}
	}
	sights, doubt := withNamed(sights, d, spec.Dir)
	if doubt != "" {
		return refusal{doubt, true}
	}
	return in.dependOn(hashing.Sights{
		Paths: sights, Variables: slices.Concat(used.Env, d.learned.Env), Since: w.since,
	}, m, store)
}

// sightsOf are the files that a command names, from its directory; missing is the first that is not there. What devices
// hold never changes.
func sightsOf(names []string, dir string) (sights []hashing.Sight, missing string) {
	for _, name := range names {
		path := name
		if !filepath.IsAbs(name) { // not cleaned: the way back from a link is not the way there
			path = dir + string(filepath.Separator) + name
		}
		if slices.Contains(devices, path) {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return nil, name
		}
		sights = append(sights, hashing.Sight{Path: path, Uses: hashing.UseContent})
	}
	return sights, ""
}
