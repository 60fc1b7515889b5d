package hashing

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/cachex-cli/cachex/probe"
)

// MaxRecipe is the length in bytes that a recipe's text may have: 50,000 inputs of an observed run have room in it. All
// of them are in memory when a run looks at them.
const MaxRecipe = 16 << 20

// header is the first line of every recipe; the number is the version of the format.
const header = "cachex recipe 1\n"

// Recipe is all that a result depends on, as far as the Spec says. Two recipes are the same exactly if their texts are.
type Recipe struct {
	Text    []byte // one fact a line; at most MaxRecipe bytes
	Key     Key    // SHA-256 of Text
	Command CommandID
	Exe     string // what to execute, as execvp would pass it to the kernel: may be relative to Spec.Dir

	dir string // where relative names start

	// The state in which what was read was read. The text cannot tell it.
	exeID    StatID
	programs []Program
	files    []entry
	args     []ArgState

	argsFrom, argsTo int // what Text says of args
	filesSize        int // of what it says of files, in front of that
	itemAt           int // where Text says, or would say, which item it is about

	unmatched []Unmatched
	looks     looks // at what files were searched for in
}

// capture is one Capture under way. The functions in its fields are the ways to the world outside, so that a test can
// close them.
type capture struct {
	spec     *Spec
	text     []byte
	exe      string
	exeID    StatID
	programs []Program
	files    []entry
	args     []ArgState
	command  CommandID

	looked bool     // programs were looked up
	tools  []string // whose variables are looked for; nil: that was not found out yet

	unmatched []Unmatched
	manifest  *manifest // nil: it was not needed yet
	looks     looks
	known     *Recipe // its files are taken for those of this one; nil: they are looked at

	contents
	learned bool         // the inputs are not the caller's own
	seen    *probe.Trail // what is looked at is noted here; nil: nowhere
	resolve func(seen *probe.Trail, name, dir string, environ []string, past ...string) (string, error)
	shebang func(path string) []string
	content func(c *capture, name string, follow bool) (Digest, StatID, error)
	find    func(c *capture) ([]entry, error)

	argsFrom, argsTo int
	filesSize        int
	itemAt           int
}

// Capture looks at the inputs that the spec names and writes down their state. digests may be nil: then every content
// is read.
//
// A recipe is a text with one fact a line, every value quoted, so that two different specs, or two different states of
// the inputs, never share a text: each line begins with its kind, what stands between quotes cannot hold a quote or a
// line feed, and what has no order is sorted. What was asked for (env-match, file-match) is a fact beside what was
// found (env, file).
//
// The errors are *NotFound, *NotExecutable and *PatternError, after which nothing should be run, and *InputError,
// *StreamError and *TooLarge, after which the command can run uncached: the Exe of the returned Recipe is set then.
func Capture(spec Spec, digests Digests) (Recipe, error) {
	return newCapture(spec, digests, time.Now()).run()
}

// CaptureBesides captures a recipe, and notes the files that it looks at in seen, by their names from the working
// directory. Of the files of the spec it believes what a recipe says that was captured from it; nil: it looks at them.
func CaptureBesides(files *Recipe, spec Spec, digests Digests, seen *probe.Trail) (Recipe, error) {
	c := newCapture(spec, digests, time.Now())
	c.seen, c.known = seen, files
	return c.run()
}

func newCapture(spec Spec, digests Digests, now time.Time) *capture {
	return &capture{
		spec: &spec, contents: contents{cache: digests, started: now, mountOf: new(mounts).of},
		resolve: lookPath, shebang: readShebang, content: (*capture).digestOf, find: (*capture).findFiles,
	}
}

func (c *capture) run() (Recipe, error) {
	if err := c.resolveExecutable(); err != nil {
		return Recipe{}, err
	}
	if err := c.checkPatterns(); err != nil {
		return Recipe{}, err
	}
	if !filepath.IsAbs(c.spec.Dir) && (c.spec.Name == "" || len(c.spec.Files)+len(c.spec.Outputs) > 0) {
		// it was removed under our feet
		return Recipe{Exe: c.exe}, &InputError{Path: ".", Err: errNowhere}
	}
	if c.spec.StrictEnv {
		c.spec.Environ = c.spec.visible(c.toolNames())
	}
	c.text = append(make([]byte, 0, 1024), header...)
	if err := c.add(kinds[:]...); err != nil {
		return Recipe{Exe: c.exe}, err
	}
	return c.recipe(), nil
}

// add adds the facts of some kinds, one after another, as long as the text stays within its bound.
func (c *capture) add(kinds ...*factKind) error {
	for _, k := range kinds {
		if k.add == nil {
			continue
		}
		if err := k.add(c); err != nil {
			return err
		}
		if len(c.text) > MaxRecipe {
			return &TooLarge{Limit: MaxRecipe}
		}
	}
	return nil
}

func (c *capture) recipe() Recipe {
	return Recipe{
		Text: c.text, Key: sha256.Sum256(c.text), Command: c.command, Exe: c.exe,
		dir: c.spec.Dir, exeID: c.exeID, programs: c.programs, files: c.files, unmatched: c.unmatched,
		args: c.args, argsFrom: c.argsFrom, argsTo: c.argsTo, itemAt: c.itemAt,
		looks: c.looks, filesSize: c.filesSize,
	}
}

// Same says whether o was captured from the same inputs, none of them touched in between; the error names what changed.
// A file may have been changed and changed back, or may be being rewritten with what it held, which the text does not
// show.
func (r Recipe) Same(o Recipe) error {
	if r.Key != o.Key || string(r.Text) != string(o.Text) {
		return r.firstChange(o)
	}
	return r.sameStates(o)
}

// firstChange names the first change that is none of a file that a word names; these have a say of their own.
func (r Recipe) firstChange(o Recipe) error {
	for _, c := range Diff(r.Text, o.Text) {
		if c.Kind != argFact.name {
			return errors.New(c.Text)
		}
	}
	return errors.New("recipe changed")
}

// sameStates says whether what two recipes of one text hold was not even touched.
func (r Recipe) sameStates(o Recipe) error {
	if r.exeID != o.exeID {
		return fmt.Errorf("executable %s was written", Show(r.Exe))
	}
	for i := range r.programs { // as many as in o, for the texts are equal
		if r.programs[i].id != o.programs[i].id {
			return fmt.Errorf("%s %s was written", r.programs[i].kind, Show(r.programs[i].Path))
		}
	}
	for i := range r.files { // as many as in o, for the texts are equal
		if a, b := &r.files[i], &o.files[i]; a.id != b.id && !r.openedLog(a, b) {
			return fmt.Errorf("file %s was written", Show(r.files[i].name))
		}
	}
	return nil
}

// has looks for a line that begins so.
func (r Recipe) has(beginning string) bool { return bytes.Contains(r.Text, []byte("\n"+beginning)) }
