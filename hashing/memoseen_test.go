package hashing

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What stands for contents in a memo is known without reading, and has not changed for long.
func TestStamps(t *testing.T) {
	later, past := time.Now().Add(2*time.Hour), time.Unix(0, 0)
	memory := func(m Digests) Digests { return m }
	write := func(path string) error { return os.WriteFile(path, []byte("two"), 0o600) }
	grow := func(path string) error { return os.Mkdir(filepath.Join(path, "more"), 0o700) }
	for _, step := range []struct {
		name    string
		path    string
		uses    Uses
		cwd     CwdMode
		change  func(path string) error
		digests func(Digests) Digests
		since   time.Time
		want    bool
		stamps  int
	}{
		{"as it was", "in", UseContent, CwdPath, nil, memory, later, true, 1},
		{"it may have changed", "in", UseContent, CwdPath, nil, memory, past, false, 0},
		{"and its mode", "in", UseContent | UseMode, CwdPath, nil, memory, later, true, 1},
		{"its mode alone", "in", UseMode, CwdPath, nil, memory, past, true, 0},
		{"in any clone", "in", UseContent, CwdRepo, nil, memory, later, false, 0},
		{"it has to be read", "in", UseContent, CwdPath, nil, func(Digests) Digests { return newMemory() }, later, false, 0},
		{"nothing is remembered", "in", UseContent, CwdPath, nil, func(Digests) Digests { return nil }, later, false, 0},
		{"it is gone", "in", UseContent, CwdPath, os.Remove, memory, later, false, 0},
		{"others have written it", "in", UseContent, CwdPath, write, memory, later, false, 0},
		{"it is absent", "none", UseContent, CwdPath, nil, memory, past, true, 0},
		{"it came", "none", UseContent, CwdPath, write, memory, later, false, 0},
		{"names", "d", UseNames, CwdPath, nil, memory, later, true, 1},
		{"names that may have changed", "d", UseNames, CwdPath, nil, memory, past, false, 0},
		{"one more", "d", UseNames, CwdPath, grow, memory, later, false, 0},
		{"a directory alone", "d", UseMode, CwdPath, grow, memory, past, true, 0},
		{"through a link", "link", UseContent, CwdPath, nil, memory, later, true, 1},
		{"a link, and what it leads to", "link", UseContent | UseLink, CwdPath, nil, memory, later, true, 1},
		{"a link that leads to what may have changed", "link", UseContent | UseLink, CwdPath, nil, memory, past, false, 0},
		{"a link alone", "link", UseLink, CwdPath, write, memory, past, true, 0},
		{"an output", "in", UseOutput | UseContent, CwdPath, os.Remove, memory, past, true, 0},
	} {
		t.Run(step.name, func(t *testing.T) {
			dir, spec := here(t)
			spec.Trace, spec.Cwd = &Trace{}, step.cwd
			for _, name := range []string{".git/config", "in", "d/first"} {
				put(t, dir, name, "one")
			}
			require.NoError(t, os.Symlink("in", filepath.Join(dir, "link")))
			path, digests := filepath.Join(dir, step.path), newMemory()
			r := captured(t, spec)
			observed, err := Observed(r, spec, Sights{Paths: []Sight{{path, step.uses}}}, digests)
			require.NoError(t, err)
			difference, err := named(lookLater(spec, digests)).unchanged(observed, r) // reads it
			require.NoError(t, err)
			require.Empty(t, difference)
			nextTick(t)
			if step.change != nil {
				require.NoError(t, step.change(path))
			}
			stamps, ok := named(lookLater(spec, step.digests(digests))).stamps(observed, r, step.since)
			require.Equal(t, step.want, ok)
			require.Equal(t, step.stamps, len(stamps))
			for _, s := range stamps {
				at, err := lookAt(path, true)
				require.NoError(t, err)
				require.Equal(t, at.id, s.StatID)
				require.Equal(t, at.mode, s.Mode&0o7777)
				require.Equal(t, at.kind == kindDirectory, s.Mode&0o170000 == 0o040000)
			}
			spec.Environ = append(spec.Environ, "NEW=1")
			_, ok = named(lookLater(spec, digests)).stamps(observed, r, step.since)
			require.False(t, ok, "a variable that came")
		})
	}
}

// What is said of a directory, or of the cache of libraries, is what the one says that was looked at: another that stood
// in its place for a moment is not taken for it.
func TestAnotherInItsPlace(t *testing.T) {
	dir, spec := here(t)
	spec.Trace = &Trace{}
	for _, name := range []string{"one/d/x", "one/cache", "two/d/y", "two/cache"} {
		put(t, dir, name, name)
	}
	for name, uses := range map[string]Uses{"d": UseNames, "cache": UseLibraries} {
		s := Sight{filepath.Join(dir, "one", name), uses}
		o := named(lookLater(spec, newMemory()))
		of := func(path string) (string, error) {
			at, err := lookAt(path, true)
			require.NoError(t, err)
			line, err := o.lineSeen(nil, s, at, nil, wholeOf([]Sight{s}))
			return string(line), err
		}
		_, err := of(s.Path)
		require.NoError(t, err)
		_, err = of(filepath.Join(dir, "two", name))
		require.ErrorIs(t, err, errChanged, name)
	}
}

// What a process may do with a file follows from its owner and group, and from the groups of the process.
func TestOwnerAndGroup(t *testing.T) {
	_, spec := here(t)
	o := newObserver(spec, nil)
	me, mine := uint32(os.Geteuid()), uint32(os.Getegid())
	o.groups = func() []int { return []int{70001, int(mine)} }
	for _, test := range []struct {
		owner, group uint32
		want         string
	}{
		{me, mine, ""},
		{me, 70001, " group 70001"},
		{me, 70002, " group 70002"},
		{80000, 70002, " owner 80000"},
		{80000, 70001, " owner 80000 group 70001"},
		{80000, mine, fmt.Sprint(" owner 80000 group ", mine)},
	} {
		got := string(o.appendOwner(nil, look{owner: test.owner, group: test.group}))
		require.Equal(t, test.want, got, "%d:%d", test.owner, test.group)
	}
	if me == 0 {
		spec.Trace = &Trace{}
		s := []Sight{{put(t, spec.Dir, "f", ""), UseMode}}
		observed, err := Observed(captured(t, spec), spec, Sights{Paths: s}, nil)
		require.NoError(t, err)
		require.NoError(t, os.Chown(s[0].Path, 0, 70001))
		difference, err := Unchanged(observed, captured(t, spec), spec, nil)
		require.NoError(t, err)
		require.NotEmpty(t, difference)
	}
}

// What was compared once by a member of some groups was not by one of others: clones share results among them.
func TestComparedByAnotherGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	dir, spec := here(t)
	spec.Trace, spec.Cwd = &Trace{}, CwdRepo
	put(t, dir, ".git/config", "")
	path := put(t, dir, "f", "")
	require.NoError(t, os.Chown(path, 80000, 70001))
	r, digests := captured(t, spec), newMemory()
	observed, err := Observed(r, spec, Sights{Paths: []Sight{{path, UseMode}}}, digests)
	require.NoError(t, err)
	for _, group := range []int{70002, 70001, 70002} {
		o := lookLater(spec, digests)
		o.groups = func() []int { return []int{group} }
		difference, err := o.unchanged(observed, r)
		require.NoError(t, err)
		require.Equal(t, group == 70001, difference != "", group)
	}
}

// named has mounts with a name, on which the names in a directory are believed.
func named(o *observer) *observer {
	o.c.mountOf = func(location, bool, look) mount { return mount{fs: tracked, name: 1} }
	return o
}

func TestUncounted(t *testing.T) {
	_, spec := here(t)
	spec.Environ = append(spec.Environ, "TMUX=/tmp/x", "PWD=/d", "BROWSER=firefox", "SHLVL=2", "CACHEX_X=1")
	r := captured(t, spec)
	names, any := Uncounted(r, r, spec.Environ)
	require.False(t, any)
	require.Empty(t, names)
	spec.Trace = &Trace{}
	r = captured(t, spec)
	observed, err := Observed(r, spec, Sights{ShellVariables: []string{"SHLVL"}}, nil)
	require.NoError(t, err)
	names, any = Uncounted(observed, r, spec.Environ)
	require.True(t, any)
	require.Equal(t, []string{"CACHEX_TTL", "CACHEX_X", "TMUX"}, names)
	spec.Environ[len(spec.Environ)-3] = "BROWSER=/usr/share/code/bin/helper" // is noise by what it says: then it counts here
	names, _ = Uncounted(observed, r, spec.Environ)
	require.NotContains(t, names, "BROWSER")
	observed, err = Observed(r, spec, Sights{Tools: []string{"jq"}}, nil)
	require.NoError(t, err)
	names, any = Uncounted(observed, r, spec.Environ)
	require.True(t, any)
	require.Subset(t, names, []string{"EMPTY", "SHLVL"})
	require.NotContains(t, names, "PATH")

	spec.Trace, spec.Depfile = nil, "x.d"
	r = captured(t, spec)
	observed, err = Observed(r, spec, Sights{Variables: []string{"TZ"}}, nil)
	require.NoError(t, err)
	names, any = Uncounted(observed, r, spec.Environ)
	require.True(t, any)
	require.Contains(t, names, "PATH")
	require.NotContains(t, names, "TZ")
}

// Two sets cannot both be as they were if they say different things of one path.
func TestExcludes(t *testing.T) {
	of := func(text string) Recipe { return Recipe{Text: []byte("cachex recipe 1\n" + text)} }
	for _, test := range []struct {
		one, other string
		want       bool
	}{
		{`seen c- "/a" plain size 1 sha256:1`, `seen c- "/a" plain size 1 sha256:2`, true},
		{`seen c- "/a" plain size 1 sha256:1`, `seen c- "/a" plain size 1 sha256:1`, false},
		{`seen c- "/a" plain size 1 sha256:1`, `seen c- "/b" plain size 1 sha256:2`, false},
		{`seen c- "/a" plain size 1 sha256:1`, `word "/a"`, false},
		{`seen c- "/a" plain size 1 sha256:1`, ``, false},

		{`seen m- "/a" absent`, `seen cl- "/a" plain size 1 sha256:1`, true},
		{`seen m- "/a" absent`, `seen l- "/a" exec`, true},
		{`seen m- "/a" absent`, `seen l- "/a" link "b" itself`, false}, // it leads to nothing
		{`seen m- "/a" absent`, `seen - "/a" below a file, absent`, true},
		{`seen ml- "/a" absent`, `seen l- "/a" link "b" itself`, true},
		{`seen ml- "/a" link "b" absent`, `seen l- "/a" link "c" itself`, false}, // not looked into
		{`seen - "/a" exec`, `seen m- "/a" exec mode 755 size 1`, false},
		{`seen - "/a" exec`, `seen m- "/a" plain mode 644 size 1`, true},
		{`seen cm- "/a" plain mode 644 size 1 sha256:1`, `seen c- "/a" plain size 1 sha256:2`, true},
		{`seen cm- "/a" plain mode 644 size 1 sha256:1`, `seen c- "/a" plain size 1 sha256:1`, false},
		{`seen cm- "/a" plain mode 644 size 1 sha256:1`, `seen ci- "/a" plain size 1 identity sha256:2`, false},
		{`seen r- "/a" plain libraries sha256:1`, `seen r- "/a" plain libraries sha256:2`, false}, // others were looked for
		{`seen o- "/a" output`, `seen c- "/a" plain size 1 sha256:1`, false},

		{`seen n- "/d" directory names sha256:1`, `seen n- "/d" directory names sha256:2`, true},
		{`seen n- "/d" directory names sha256:1`, `seen c- "/d" directory names sha256:2`, false}, // not looked into
		{`seen n- "/d" directory names sha256:1`, "seen n- \"/d\" directory names sha256:2\nseen o- \"/d/x\" output", false},
		{`seen n- "/d" directory names sha256:1`, `seen m- "/d" absent`, true},

		{`seen-env "A" sha256:1`, `seen-env "A" unset`, true},
		{`seen-env "A" sha256:1`, `seen-env "A" sha256:1`, false},
		{`seen-env "A" sha256:1`, `seen-env "B" unset`, false},
		{`seen-env "A" sha256:1`, `seen - "A" unset`, false},
	} {
		one, other := of(test.one+"\n"), of("seen c- \"/same\" plain size 1 sha256:1\n"+test.other+"\n")
		require.Equal(t, test.want, one.Excludes(other), "%s, %s", test.one, test.other)
		require.Equal(t, test.want, other.Excludes(one), "%s, %s", test.other, test.one)
	}
}

func TestUmaskOfRecipe(t *testing.T) {
	_, spec := here(t)
	_, ok := captured(t, spec).Umask()
	require.False(t, ok)
	made, observed := spec, spec
	made.Outputs, observed.Trace = []string{"x"}, &Trace{}
	for _, spec := range []Spec{made, observed} {
		mask, ok := captured(t, spec).Umask()
		require.True(t, ok)
		require.Equal(t, uint16(umask()), mask)
	}
}
