package hashing

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing/tools"
)

// sightings has a path for each way in which one can be used.
func sightings(t *testing.T, dir string) []Sight {
	put(t, dir, "read", "one")
	put(t, dir, "looked", "one")
	put(t, dir, "timed", "one")
	put(t, dir, "made", "one")
	put(t, dir, "strict", "one")
	put(t, dir, "list/a", "")
	put(t, dir, "told/a", "")
	put(t, dir, "grown/a", "")
	put(t, dir, "grown/made", "")
	put(t, dir, "target", "one")
	require.NoError(t, os.Symlink("target", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("target", filepath.Join(dir, "followed")))
	put(t, dir, "told2/a", "")
	require.NoError(t, os.Symlink("told", filepath.Join(dir, "way")))
	past := time.Now().Add(-time.Hour)
	for _, name := range []string{"read", "looked", "timed"} {
		require.NoError(t, os.Chtimes(filepath.Join(dir, name), past, past))
	}
	uses := map[string]Uses{
		"read": UseContent, "looked": UseMode, "timed": UseMode | UseTimes, "made": UseMade | UseContent, "list": UseNames,
		"link": UseLink, "followed": UseContent, "absent": UseMode, "none/below": UseContent,
		"strict": UseMode | UseTimes | UseChange, "told": UseMode | UseInode, "grown": UseMode | UseInode,
		"grown/made": UseMade | UseMode, "way": UseMode,
	}
	var sights []Sight
	for name, use := range uses {
		sights = append(sights, Sight{filepath.Join(dir, name), use})
	}
	return sights
}

func TestUnchanged(t *testing.T) {
	rewrite := func(name, content string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			was, err := os.Stat(path)
			require.NoError(t, err)
			put(t, dir, name, content)
			require.NoError(t, os.Chtimes(path, was.ModTime(), was.ModTime()))
		}
	}
	makes := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { put(t, dir, name, "new") }
	}
	removes := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { require.NoError(t, os.RemoveAll(filepath.Join(dir, name))) }
	}
	retargets := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			put(t, dir, "other", "two")
			removes(name)(t, dir)
			require.NoError(t, os.Symlink("other", filepath.Join(dir, name)))
		}
	}
	touches := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			require.NoError(t, os.Chtimes(filepath.Join(dir, name), time.Now(), time.Now()))
		}
	}
	tests := []struct {
		name   string
		change func(t *testing.T, dir string)
		want   string // DIR stands for the directory
	}{
		{"nothing", func(*testing.T, string) {}, ""},
		{"content of the same size and time", rewrite("read", "two"), "file DIR/read changed"},
		{"a file that was read is touched", touches("read"), ""},
		{"content of a file that was looked at, of the same size", rewrite("looked", "two"), ""},
		{"size of a file that was looked at", rewrite("looked", "three"), "file DIR/looked changed"},
		{"a file that was looked at is touched", touches("looked"), ""},
		{"times that count", touches("timed"), "only times differ: DIR/timed; --trace-times ignore would hit"},
		{"permission", func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(filepath.Join(dir, "looked"), 0o600))
		}, "file DIR/looked changed"},
		{"executable", func(t *testing.T, dir string) {
			require.NoError(t, os.Chmod(filepath.Join(dir, "read"), 0o700))
		}, "file DIR/read changed"},
		{"vanished", removes("read"), "file DIR/read vanished"},
		{"appeared", makes("absent"), "file DIR/absent appeared"},
		{"appeared in a directory that was not there", makes("none/below"), "file DIR/none/below appeared"},
		{"an entry more", makes("list/b"), "directory DIR/list changed"},
		{"an entry less", removes("list/a"), "directory DIR/list changed"},
		{"content of an entry", rewrite("list/a", "new"), ""},
		{"a link to a directory that looks the same", func(t *testing.T, dir string) {
			removes("way")(t, dir)
			require.NoError(t, os.Symlink("told2", filepath.Join(dir, "way")))
		}, "directory DIR/way changed"},
		{"an entry of another kind", func(t *testing.T, dir string) {
			removes("list/a")(t, dir)
			require.NoError(t, os.Symlink("../target", filepath.Join(dir, "list/a")))
		}, "directory DIR/list changed"},
		{"an entry more in a directory whose times were told", makes("told/b"), "directory DIR/told changed; --trace-times ignore would hit"},
		{"an entry more in one where the run has made something", makes("grown/b"), ""},
		{"what a look can tell besides", func(t *testing.T, dir string) {
			require.NoError(t, os.Link(filepath.Join(dir, "strict"), filepath.Join(dir, "second")))
		}, "file DIR/strict changed; --trace-times ignore would hit"},
		{"a file where there was no directory", makes("none"), "the directory of DIR/none/below changed"},
		{"a file in place of a directory", func(t *testing.T, dir string) {
			removes("list")(t, dir)
			put(t, dir, "list", "")
		}, "file DIR/list changed"},
		{"a directory in place of a file", func(t *testing.T, dir string) {
			removes("read")(t, dir)
			put(t, dir, "read/x", "")
		}, "file DIR/read changed"},
		{"a link that was looked at itself", retargets("link"), "file DIR/link changed"},
		{"content behind it", rewrite("target", "two"), "file DIR/followed changed"},
		{"a link that was followed", retargets("followed"), "file DIR/followed changed"},
		{"a link in its place", retargets("read"), "file DIR/read changed"},
		{"an output", rewrite("made", "two"), "file DIR/made changed"},
		{"an output is gone", removes("made"), "file DIR/made vanished"},
		{"what was not seen", makes("beside"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, spec := here(t)
			spec.Trace = &Trace{}
			sights := sightings(t, dir)
			r := captured(t, spec)
			observed, err := Observed(r, spec, Sights{Paths: sights}, nil)
			require.NoError(t, err)
			_, err = ParseRecipe(observed.Text)
			require.NoError(t, err, "%s", observed.Text)
			digests := newMemory()
			for range 3 { // reads, compares, and knows the sum
				difference, err := lookLater(spec, digests).unchanged(observed, r)
				require.NoError(t, err)
				require.Empty(t, difference)
			}
			nextTick(t)
			test.change(t, dir)
			for _, o := range []*observer{newObserver(spec, nil), newObserver(spec, digests), lookLater(spec, digests)} {
				difference, err := o.unchanged(observed, r)
				require.NoError(t, err)
				require.Equal(t, strings.ReplaceAll(test.want, "DIR", dir), difference)
			}
		})
	}
}

// lookLater looks when what was just written has settled, on a filesystem that tells changes of contents.
func lookLater(spec Spec, digests Digests) *observer {
	o := newObserver(spec, digests)
	o.c.started = time.Now().Add(time.Hour)
	o.c.mountOf = func(location, bool, look) mount { return mount{fs: tracked} }
	return o
}

// What was compared once is known again by what the kernel says of all of it, without a question for any digest.
func TestUnchangedBySum(t *testing.T) {
	dir, spec := here(t)
	spec.Trace = &Trace{}
	var sights []Sight
	for i := range 3*fewFiles + 1 {
		sights = append(sights, Sight{put(t, dir, strconv.Itoa(i), "one"), UseContent})
	}
	r, digests := captured(t, spec), newMemory()
	observed, err := Observed(r, spec, Sights{Paths: sights}, digests)
	require.NoError(t, err)
	last := sights[len(sights)-1].Path
	touch := func() { require.NoError(t, os.Chmod(last, 0o600)) }
	change := func() { put(t, dir, filepath.Base(last), "two") }
	for _, step := range []struct {
		name   string
		change func()
		o      *observer
		asked  int // for digests
		read   bool
		want   string
	}{
		{"contents are read", func() {}, lookLater(spec, digests), len(sights), true, ""},
		{"and compared", func() {}, lookLater(spec, digests), len(sights), false, ""},
		{"the sum is known", func() {}, lookLater(spec, digests), 0, false, ""},
		{"what is new is read", func() {}, newObserver(spec, digests), 0, true, ""},
		{"a file is touched", touch, lookLater(spec, digests), len(sights), true, ""},
		{"and compared", func() {}, lookLater(spec, digests), len(sights), false, ""},
		{"the sum is known again", func() {}, lookLater(spec, digests), 0, false, ""},
		{"a file has changed", change, lookLater(spec, digests), -1, true, "file " + last + " changed"},
		{"and still has", func() {}, lookLater(spec, digests), -1, false, "file " + last + " changed"},
	} {
		step.change()
		digests.hits, digests.misses = 0, 0
		difference, err := step.o.unchanged(observed, r)
		require.NoError(t, err, step.name)
		require.Equal(t, step.want, difference, step.name)
		if step.asked >= 0 { // a difference ends the look
			require.Equal(t, step.asked, digests.hits+digests.misses, step.name)
			require.Equal(t, step.read, step.o.c.reads.Load() > 0, step.name)
		}
	}
}

// A run may use very many files with long names.
func TestObservedMany(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a second")
	}
	dir, spec := here(t)
	spec.Trace = &Trace{}
	var sights []Sight
	for i := range 50_000 {
		sights = append(sights, Sight{filepath.Join(dir, strings.Repeat("/directory", 20), strconv.Itoa(i)), UseContent})
	}
	r := captured(t, spec)
	observed, err := Observed(r, spec, Sights{Paths: sights}, nil)
	require.NoError(t, err)
	require.Greater(t, len(observed.Text), 10<<20)
	difference, err := Unchanged(observed, r, spec, nil)
	require.NoError(t, err)
	require.Empty(t, difference)
	_, err = Observed(r, spec, Sights{Paths: slices.Repeat(sights, 2)}, nil)
	require.ErrorAs(t, err, new(*TooLarge))
}

// What was changed since a run began may have been another input to it.
func TestObservedSince(t *testing.T) {
	dir, spec := here(t)
	spec.Trace = &Trace{}
	path := put(t, dir, "f", "one")
	r := captured(t, spec)
	at, err := lookAt(path, true)
	require.NoError(t, err)
	_, err = Observed(r, spec, Sights{Paths: []Sight{{path, UseContent}}, Since: at.id.Ctime + 1}, nil)
	require.NoError(t, err)
	_, err = Observed(r, spec, Sights{Paths: []Sight{{path, UseContent}}, Since: at.id.Ctime}, nil)
	require.EqualError(t, err, "input "+path+": was changed by others while the command ran")
	_, err = Observed(r, spec, Sights{Paths: []Sight{{path, UseContent | UseMade}}, Since: at.id.Ctime}, nil)
	require.NoError(t, err)

	// It is as it was when the run used it first, and each change since would show.
	for changed, unchanged := range map[int64]bool{at.id.Ctime: true, at.id.Ctime - 1: false, 0: false} {
		first := File{Device: at.id.Dev, Inode: at.id.Ino, Known: true, Changed: changed}
		_, err = Observed(r, spec, Sights{
			Paths: []Sight{{path, UseContent}}, Since: at.id.Ctime,
			First: func(string) (led, itself File) { return first, File{} },
		}, nil)
		require.Equal(t, unchanged, err == nil, changed)
	}
}

// A link that leads nowhere is dated as others are.
func TestObservedDanglingLink(t *testing.T) {
	dir, spec := here(t)
	spec.Trace = &Trace{}
	path := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("nowhere", path))
	at, err := lookAt(path, false)
	require.NoError(t, err)
	for _, uses := range []Uses{UseLink, UseLink | UseMode} {
		paths := Sights{Paths: []Sight{{path, uses}}, Since: at.id.Ctime + 1}
		_, err = Observed(captured(t, spec), spec, paths, nil)
		require.NoError(t, err)
	}
}

// Names that came or went while a run looked may have been seen or not, unless the run itself made them.
func TestObservedNamesSince(t *testing.T) {
	dir, spec := here(t)
	spec.Trace = &Trace{}
	r := captured(t, spec)
	at, err := lookAt(dir, true)
	require.NoError(t, err)
	paths := []Sight{{dir, UseNames}}
	_, err = Observed(r, spec, Sights{Paths: paths, Since: at.id.Ctime + 1}, nil)
	require.NoError(t, err)
	_, err = Observed(r, spec, Sights{Paths: paths, Since: at.id.Ctime}, nil)
	require.EqualError(t, err, "input "+dir+": was changed by others while the command ran")
	_, err = Observed(r, spec, Sights{Paths: paths, Since: at.id.Ctime, Busy: map[string]bool{dir: true}}, nil)
	require.NoError(t, err)
}

// Variables count, but those that say nothing of what a command does.
func TestObservedEnvironment(t *testing.T) {
	_, spec := here(t)
	spec.Trace = &Trace{Except: []string{"BUILD_*"}}
	r := captured(t, spec)
	observed, err := Observed(r, spec, Sights{ShellVariables: []string{"OLDPWD"}}, nil)
	require.NoError(t, err)
	environ := spec.Environ
	for variable, want := range map[string]string{
		"SHLVL=2": "", "BUILD_ID=7": "", "CACHEX_TTL=2h": "", "CC=gcc": "env CC unset -> set", "OLDPWD=/": "env OLDPWD unset -> set", "EMPTY=x": "env EMPTY changed",
		"PWD=" + spec.Dir: "", "PWD=/elsewhere": "env PWD unset -> set",
	} {
		spec.Environ = append([]string{variable}, environ...)
		difference, err := Unchanged(observed, r, spec, nil)
		require.NoError(t, err)
		require.Equal(t, want, difference, variable)
	}
}

// The variables that count are those of the tools that a set of inputs names; of a set that names none each counts.
func TestUnchangedVariables(t *testing.T) {
	_, spec := here(t)
	path := spec.Environ[0]
	spec.Trace, spec.Environ = &Trace{}, []string{path, "A=1", "GREP_COLORS=1", "LS_COLORS=1", "LD_DEBUG=1"}
	r := captured(t, spec)
	for _, test := range []struct {
		environ         string
		all, ofGrep, of string // what is different
	}{
		{"A=1 GREP_COLORS=1 LS_COLORS=1 LD_DEBUG=1", "", "", ""},
		{"A=2 GREP_COLORS=1 LS_COLORS=1 LD_DEBUG=1", "env A changed", "", ""},
		{"GREP_COLORS=1 LS_COLORS=1 LD_DEBUG=1", "env A set -> unset", "", ""},
		{"A=1 B=1 GREP_COLORS=1 LS_COLORS=1 LD_DEBUG=1", "env B unset -> set", "", ""},
		{"A=1 GREP_COLORS=2 LS_COLORS=1 LD_DEBUG=1", "env GREP_COLORS changed", "env GREP_COLORS changed", ""},
		{"A=1 LS_COLORS=1 LD_DEBUG=1", "env GREP_COLORS set -> unset", "env GREP_COLORS set -> unset", ""},
		{
			"A=1 GREP_COLORS=1 GREP_NEW=1 GREP_OPTIONS=1 LS_COLORS=1 LD_DEBUG=1", "env GREP_NEW unset -> set",
			"env GREP_OPTIONS unset -> set", "",
		},
		{"A=1 GREP_COLORS=1 LD_DEBUG=1", "env LS_COLORS set -> unset", "", "env LS_COLORS set -> unset"},
		{
			"A=1 GREP_COLORS=1 LS_COLORS=1 LD_DEBUG=2", "env LD_DEBUG changed", "env LD_DEBUG changed",
			"env LD_DEBUG changed",
		},
	} {
		later := spec
		later.Environ = append(strings.Fields(test.environ), path)
		for _, set := range []struct {
			tools []string
			want  string
		}{{nil, test.all}, {[]string{"grep"}, test.ofGrep}, {[]string{"coreutils"}, test.of}} {
			observed, err := Observed(r, spec, Sights{Tools: set.tools}, nil)
			require.NoError(t, err)
			_, err = ParseRecipe(observed.Text)
			require.NoError(t, err, "%s", observed.Text)
			require.Equal(t, r.Text, BeforeRun(observed.Text))
			difference, err := Unchanged(observed, r, later, nil)
			require.NoError(t, err)
			require.Equal(t, set.want, difference, "%s %s", set.tools, test.environ)
		}
	}
	observed, err := Observed(r, spec, Sights{Tools: []string{"grep"}}, nil)
	require.NoError(t, err)
	observed.Text = []byte(strings.Replace(string(observed.Text), "seen-tools "+tools.Version, "seen-tools 0", 1))
	difference, err := Unchanged(observed, r, spec, nil)
	require.NoError(t, err)
	require.Equal(t, "another table of the variables of known tools", difference)
}

// A file that others have put in the place of an older one has old times, too.
func TestObservedInThePlaceOf(t *testing.T) {
	dir, spec := here(t)
	spec.Trace = &Trace{}
	r := captured(t, spec)
	path, link := put(t, dir, "f", "one"), filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("f", link))
	file := func(path string, follow bool) File {
		at, err := lookAt(path, follow)
		require.NoError(t, err)
		return File{Device: at.id.Dev, Inode: at.id.Ino, Known: true}
	}
	there, another, none := file(path, true), File{Device: 1, Inode: 1, Known: true}, File{Known: true}
	for name, c := range map[string]struct {
		path        string
		uses        Uses
		led, itself File
		want        string
	}{
		"not known":          {path, UseContent, File{}, File{}, ""},
		"the same":           {path, UseContent, there, File{}, ""},
		"another":            {path, UseContent, another, File{}, "replaced"},
		"itself another":     {path, UseContent, there, another, "replaced"},
		"made":               {path, UseMode, none, File{}, "made"},
		"removed":            {path + "x", UseMode, there, File{}, "removed"},
		"still absent":       {path + "x", UseMode, none, none, ""},
		"same link":          {link, UseMode | UseLink, there, file(link, false), ""},
		"another link":       {link, UseLink, File{}, another, "replaced"},
		"leads elsewhere":    {link, UseLink, another, file(link, false), "replaced"},
		"no link, the same":  {path, UseMode | UseLink, there, there, ""},
		"the run's own work": {path, UseContent | UseMade, another, none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Observed(r, spec, Sights{
				Paths: []Sight{{c.path, c.uses}},
				First: func(string) (led, itself File) { return c.led, c.itself },
			}, nil)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, "others "+c.want+" "+c.path+" while it ran")
		})
	}
}

// A large file is compared by what the kernel says of it, and not read; but for what was executed, made or is known.
func TestObservedLarge(t *testing.T) {
	old := mostRead
	t.Cleanup(func() { mostRead = old })
	mostRead = 8
	dir, spec := here(t)
	spec.Trace = &Trace{}
	path := put(t, dir, "large", "123456789")
	put(t, dir, "small", "12345678")
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink("large", link))
	r := captured(t, spec)
	observe := func(o *observer, s Sight) (string, Recipe) {
		observed, err := o.observed(r, Sights{Paths: []Sight{s}})
		require.NoError(t, err)
		_, err = ParseRecipe(observed.Text)
		require.NoError(t, err, "%s", observed.Text)
		local, found := Local(observed.Text)
		require.Equal(t, found, local != "")
		return local, observed
	}
	digests := newMemory()
	for _, test := range []struct {
		name string
		o    *observer
		s    Sight
		want string
	}{
		{"small", lookLater(spec, digests), Sight{filepath.Join(dir, "small"), UseContent}, ""},
		{"looked at", lookLater(spec, digests), Sight{path, UseMode}, ""},
		{"written just now", newObserver(spec, digests), Sight{path, UseContent}, ""},
		{"made", lookLater(spec, nil), Sight{path, UseContent | UseMade}, ""},
		{"executed", lookLater(spec, nil), Sight{path, UseContent | UseProgram}, ""},
		{"read", lookLater(spec, digests), Sight{path, UseContent | UseMode}, path},
		{"read by a link", lookLater(spec, digests), Sight{link, UseContent | UseLink}, link},
	} {
		reads := test.o.c.reads.Load()
		local, _ := observe(test.o, test.s)
		require.Equal(t, test.want, local, test.name)
		require.Equal(t, test.want == "" && test.s.Uses&UseContent != 0, test.o.c.reads.Load() > reads, test.name)
	}
	_, observed := observe(lookLater(spec, newMemory()), Sight{path, UseContent})
	for range 2 {
		difference, err := lookLater(spec, digests).unchanged(observed, r)
		require.NoError(t, err)
		require.Empty(t, difference)
	}
	require.NoError(t, os.Chmod(path, 0o640)) // which moves the time of its state
	difference, err := lookLater(spec, digests).unchanged(observed, r)
	require.NoError(t, err)
	require.Equal(t, "file "+path+" changed", difference)
	require.NoError(t, os.Remove(path))
	difference, err = lookLater(spec, digests).unchanged(observed, r)
	require.NoError(t, err)
	require.Equal(t, "file "+path+" vanished", difference)

	read := lookLater(spec, digests)
	put(t, dir, "large", "123456789")
	at, err := lookAt(path, true)
	require.NoError(t, err)
	digests.Remember(at.id, Digest{1})
	local, _ := observe(read, Sight{path, UseContent})
	require.Empty(t, local, "its content is known")
}

// The names in a directory that is as it was are known; one that has just changed, or has changed since, is listed.
func TestNamesAreRemembered(t *testing.T) {
	if !namesShow {
		t.Skip("nothing is known of names on this system")
	}
	dir, spec := here(t)
	put(t, dir, "list/a", "")
	m := newMemory()
	names := func(digests Digests, now time.Time, ours ...string) string {
		t.Helper()
		o := newObserver(spec, digests)
		o.c.started, o.c.mountOf = now, func(location, bool, look) mount { return mount{fs: tracked, name: 1} }
		at, err := lookAt(filepath.Join(dir, "list"), true)
		require.NoError(t, err)
		text, err := o.names(nil, filepath.Join(dir, "list"), at, ours)
		require.NoError(t, err)
		return string(text)
	}
	one := names(nil, time.Now())
	later := time.Now().Add(time.Minute)
	require.Equal(t, one, names(m, time.Now()))
	require.Empty(t, m.sums, "it is too young")
	require.Equal(t, one, names(m, later))
	require.Len(t, m.sums, 1)
	for name := range m.sums {
		m.sums[name] = Digest{9}
	}
	require.NotEqual(t, one, names(m, later), "it was not listed")
	require.Equal(t, one, names(m, time.Now()), "it is too young")
	require.NotEqual(t, one, names(m, later, "a"))
	require.Equal(t, names(nil, later, "a"), names(m, later, "a"))
	nextTick(t)
	put(t, dir, "list/b", "")
	two := names(nil, later)
	require.NotEqual(t, one, two)
	require.Equal(t, two, names(m, later))
}
