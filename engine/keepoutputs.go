package engine

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
	"github.com/cachex-cli/cachex/runner"
)

// The files of a run that succeeded are stored with its result, if it is sure that they are its own.

// noteUnstored notes what a run has made whose result is not stored: the next run may leave some of it alone. That is
// given up after a second, and no failure of it is told: then less is known to be the command's.
func (rec *recording) noteUnstored() {
	if !rec.caller.makesFiles() || rec.before == nil {
		return
	}
	tree, err := rec.caller.tree()
	if err != nil {
		return
	}
	defer tree.Close()
	finder := outputs.Finder{Tree: tree}
	now, err := finder.Look(rec.caller.Spec.Outputs)
	if err != nil {
		return
	}
	f, digest := filesOf(rec.inputs), hashing.FileDigests(rec.dir.Digests())
	var left []outputs.File
	for name, info := range now {
		if time.Since(rec.ended) > time.Second {
			break
		}
		if !rec.before.Touched(name, info) {
			continue
		}
		file := outputs.File{Name: name, Perm: info.Mode().Perm()}
		switch {
		case info.Mode().IsRegular():
			file.Sum, err = digest(tree.Path(name))
		case info.Mode()&fs.ModeSymlink != 0:
			file.Kind, file.Perm = outputs.Link, 0
			file.Target, err = tree.Readlink(name)
		default:
			continue
		}
		if err == nil {
			left = append(left, file)
		}
	}
	var made []hashing.Digest
	for i := range left {
		made = append(made, contentOf(left[i]).sum256())
	}
	_ = rec.dir.NoteMade(f.place(), made)
	f.noteHere(left)
}

// beginOutputs notes what there is before the command runs, and tells others that it makes files here.
func (rec *recording) beginOutputs(c *runner.Command) {
	if !rec.caller.makesFiles() || rec.pending == nil {
		return
	}
	filesOf(rec.inputs).removeStrays()
	rec.making = filesOf(rec.inputs).making()
	if names := rec.making.names(); names != "" {
		c.Env = setenv(c.Env, MakingVariable, strings.TrimSpace(rec.caller.Making+" "+names))
	}
	if !hashing.HasAutoOutputs(rec.caller.Spec.Outputs) { // of which nobody knows yet where they are
		rec.before, rec.noBefore = rec.lookBefore()
	}
}

func (rec *recording) lookBefore() (outputs.Before, error) {
	tree, err := rec.caller.tree()
	if err != nil {
		return nil, err
	}
	defer tree.Close()
	finder := outputs.Finder{Tree: tree}
	return finder.Look(rec.caller.Spec.Outputs)
}

// keepOutputs adds the files of a run that succeeded to its result.
func (rec *recording) keepOutputs() error {
	f := filesOf(rec.inputs)
	tree, err := rec.caller.tree()
	if err != nil {
		return err
	}
	defer tree.Close()
	finder, err := f.finder(tree)
	if err = cmp.Or(err, rec.noBefore); err != nil {
		return err
	}
	files, err := rec.findOutputs(&finder)
	if err == nil {
		err = checkRedirected(rec.caller, files)
	}
	if err != nil {
		return err
	}
	left := rec.caller.MaxEntry - rec.pending.Size()
	return rec.pending.AppendOutputs(func(w io.Writer) ([]byte, error) {
		if rec.caller.MaxEntry > 0 {
			w = &limited{w, left}
		}
		err := finder.Write(files, w)
		if err == nil {
			err = finder.CheckUntouched(files, f.left())
		}
		if err == nil && rec.making.disturbed(rec.caller.Spec.Dir, files) {
			err = errDisturbed
		}
		if err == nil {
			f.noteHere(files)
		}
		return outputs.Encode(files), err
	})
}

// checkRedirected refuses a file into which the caller has what is printed written: it holds what no other run would
// leave in it.
func checkRedirected(c *caller, files []outputs.File) error {
	for _, stream := range []*os.File{c.io.stdout, c.io.stderr} {
		info, err := stream.Stat()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		for i := range files {
			file, err := os.Lstat(hashing.OutputPath(c.Spec.Dir, files[i].Name))
			if err == nil && os.SameFile(info, file) {
				const why = "what is printed goes there, too: redirect that elsewhere"
				return &outputs.Refusal{Name: files[i].Name, Why: why}
			}
		}
	}
	return nil
}

func (rec *recording) findOutputs(finder *outputs.Finder) ([]outputs.File, error) {
	if patterns := rec.caller.Spec.Outputs; !hashing.HasAutoOutputs(patterns) {
		return finder.Find(patterns, rec.before)
	}
	if rec.observation == nil { // a command that cannot be observed is not stored anyway
		return nil, errors.New("what it makes was not observed")
	}
	return finder.Named(rec.observation.outputs.made)
}

var errDisturbed = errors.New("another run made the same files at the same time")

// limited takes no more than so many bytes.
type limited struct {
	w    io.Writer
	left int64
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= int64(len(b)); l.left < 0 {
		return 0, errTooMuch
	}
	return l.w.Write(b)
}
