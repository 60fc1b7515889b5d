package hashing

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExtend is the truth table of what was learned: the same gives the same key, all else another one.
func TestExtend(t *testing.T) {
	dir, spec := here(t)
	put(t, dir, "conf", "one")
	spec.Environ = append(spec.Environ, "LANG=de")
	base := captured(t, spec)
	known := Learned{ID: [16]byte{1}, Env: []string{"LANG", "TZ"}, Files: []string{"conf"}}
	extend := func(spec Spec, l Learned) Recipe {
		t.Helper()
		r, err := Extend(base, spec, l, nil)
		require.NoError(t, err)
		_, err = ParseRecipe(r.Text)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(r.Text, base.Text))
		require.Equal(t, base.Command, r.Command)
		require.Equal(t, base.Exe, r.Exe)
		return r
	}
	first := extend(spec, known)
	require.NotEqual(t, base.Key, first.Key)
	require.True(t, Extends(first.Text, base.Text))
	require.False(t, Extends(base.Text, base.Text))
	require.False(t, Extends(append(slices.Clone(base.Text), "env-match \"A\"\n"...), base.Text), "it has another input")
	with := func(change func(*Spec, *Learned)) Recipe {
		t.Helper()
		s, l := spec, known
		s.Environ, l.Env, l.Files = slices.Clone(s.Environ), slices.Clone(l.Env), slices.Clone(l.Files)
		change(&s, &l)
		return extend(s, l)
	}
	for name, tt := range map[string]struct {
		change func(*Spec, *Learned)
		same   bool
	}{
		"nothing":           {func(*Spec, *Learned) {}, true},
		"another order":     {func(_ *Spec, l *Learned) { slices.Reverse(l.Env) }, true},
		"another variable":  {func(s *Spec, _ *Learned) { s.Environ = append(s.Environ, "HOME=/x") }, true},
		"another value":     {func(s *Spec, _ *Learned) { s.Environ[len(s.Environ)-1] = "LANG=fr" }, false},
		"an empty value":    {func(s *Spec, _ *Learned) { s.Environ[len(s.Environ)-1] = "LANG=" }, false},
		"unset":             {func(s *Spec, _ *Learned) { s.Environ = s.Environ[:len(s.Environ)-1] }, false},
		"another id":        {func(_ *Spec, l *Learned) { l.ID[15] = 1 }, false},
		"one name more":     {func(_ *Spec, l *Learned) { l.Env = append(l.Env, "A") }, false},
		"one file more":     {func(_ *Spec, l *Learned) { l.Files = append(l.Files, "absent") }, false},
		"one name less":     {func(_ *Spec, l *Learned) { l.Env = l.Env[:1] }, false},
		"a file as a value": {func(_ *Spec, l *Learned) { l.Env, l.Files = append(l.Env, "conf"), nil }, false},
	} {
		require.Equal(t, tt.same, first.Key == with(tt.change).Key, name)
	}
	put(t, dir, "conf", "two")
	changed := extend(spec, known)
	require.NotEqual(t, first.Key, changed.Key)
	require.EqualError(t, first.Same(changed), "file conf changed")
	require.NoError(t, changed.Same(extend(spec, known)))
	_, err := Extend(base, spec, Learned{Files: []string{"dir/["}}, nil)
	require.Error(t, err)
}

func TestLearnedNames(t *testing.T) {
	a, b := Learned{Env: []string{"B", "A"}, Files: []string{"x"}}, Learned{Env: []string{"A"}, Files: []string{"y"}}
	require.False(t, a.Covers(b))
	require.True(t, a.Covers(Learned{Env: []string{"A"}}))
	require.Equal(t, Learned{Env: []string{"A", "B"}, Files: []string{"x", "y"}}, a.With(b))
	require.True(t, a.With(b).Covers(b))
	for _, bad := range []Learned{{Env: []string{"A=1"}}, {Env: []string{""}}, {Files: []string{""}}, {Files: []string{"a\x00"}}} {
		require.Error(t, bad.Check(), "%v", bad)
	}
	require.NoError(t, a.Check())
}

// TestUnsettled: what was named in the middle of a run may have been another file when the run began.
func TestUnsettled(t *testing.T) {
	dir, spec := here(t)
	path := put(t, dir, "conf", "one")
	require.NoError(t, os.Symlink("conf", filepath.Join(dir, "link")))
	fi, err := os.Stat(path)
	require.NoError(t, err)
	old, young := time.Now().Add(time.Hour).UnixNano(), fi.ModTime().Add(-time.Second).UnixNano()
	for _, tt := range []struct {
		name    string
		pattern string
		ns      int64
		found   bool
	}{
		{"older than the run", "conf", old, false},
		{"through a link", "link", old, false},
		{"changed since", "conf", young, true},
		{"absent: it may have been there", "absent", old, true},
		{"a directory: a file may have gone", "bin", old, true},
		{"a glob does not show what is gone", "c*", old, true},
	} {
		_, found := Unsettled(spec, []string{tt.pattern}, tt.ns)
		require.Equal(t, tt.found, found, tt.name)
	}
}

// TestSums: what a nested run reports of files and program can be held against the present from anywhere.
func TestSums(t *testing.T) {
	dir, spec := here(t)
	put(t, dir, "a", "1")
	put(t, dir, "sub/b", "2")
	spec.Files = []string{"sub", "a", "absent"}
	r := captured(t, spec)
	same := func() bool {
		sum, err := FilesSumOf(dir, nil, []string{"absent", "a", "sub"}, nil)
		require.NoError(t, err)
		return sum == r.FilesSum()
	}
	require.True(t, same(), "the order of names means nothing")
	put(t, dir, "sub/b", "3")
	require.False(t, same())
	put(t, dir, "sub/b", "2")
	require.True(t, same())
	put(t, dir, "absent", "")
	require.False(t, same())

	sum, found := r.executableSum()
	require.True(t, found)
	digest, err := DigestFile(filepath.Join(dir, "bin", "tool.exe"), nil)
	require.NoError(t, err)
	require.Equal(t, digest.String(), sum)
	spec.Exe = ExePath
	r = captured(t, spec)
	_, found = r.executableSum()
	require.False(t, found)
}
