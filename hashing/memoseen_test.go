package hashing

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a memo sums up is known without reading, has not changed for long, and is nothing but contents of files.
func TestHasSeen(t *testing.T) {
	later, past := time.Now().Add(2*time.Hour), time.Unix(0, 0)
	memory := func(m Digests) Digests { return m }
	for _, step := range []struct {
		name    string
		uses    Uses
		cwd     CwdMode
		change  func(path string) error
		digests func(Digests) Digests
		since   time.Time
		want    bool
	}{
		{"as it was", UseContent, CwdPath, nil, memory, later, true},
		{"it may have changed", UseContent, CwdPath, nil, memory, past, false},
		{"a mode counts", UseContent | UseMode, CwdPath, nil, memory, later, false},
		{"in any clone", UseContent, CwdRepo, nil, memory, later, false},
		{"it has to be read", UseContent, CwdPath, nil, func(Digests) Digests { return newMemory() }, later, false},
		{"nothing is remembered", UseContent, CwdPath, nil, func(Digests) Digests { return nil }, later, false},
		{"it is gone", UseContent, CwdPath, os.Remove, memory, later, false},
		{"others have written it", UseContent, CwdPath, func(path string) error {
			return os.WriteFile(path, []byte("two"), 0o600)
		}, memory, later, false},
	} {
		dir, spec := here(t)
		spec.Depfile, spec.Cwd = "x.d", step.cwd
		put(t, dir, ".git/config", "")
		path, digests := put(t, dir, "in", "one"), newMemory()
		r := captured(t, spec)
		observed, err := Observed(r, spec, Sights{Paths: []Sight{{path, step.uses}}}, digests)
		require.NoError(t, err)
		difference, err := lookLater(spec, digests).unchanged(observed, r) // reads it
		require.NoError(t, err)
		require.Empty(t, difference)
		if step.change != nil {
			require.NoError(t, step.change(path))
		}
		o := lookLater(spec, step.digests(digests))
		require.Equal(t, step.want, o.hasSeen(observed, r, step.since), step.name)
	}
}

// Two sets cannot both be as they were if they say different things of one path.
func TestExcludes(t *testing.T) {
	of := func(text string) Recipe { return Recipe{Text: []byte("cachex recipe 1\n" + text)} }
	one := of("seen c- \"/a\" plain size 1 sha256:1\nseen c- \"/b\" plain size 1 sha256:1\n")
	require.True(t, one.Excludes(of("seen c- \"/b\" plain size 1 sha256:2\n")))
	for _, text := range []string{
		"", "seen c- \"/b\" plain size 1 sha256:1\n", "seen c- \"/c\" plain size 1 sha256:2\n",
		"seen m- \"/b\" plain mode 600\n", // which is another question
		"word \"/b\"\n",
	} {
		require.False(t, one.Excludes(of(text)), text)
		require.False(t, of(text).Excludes(one), text)
	}
}

func TestUmaskOfRecipe(t *testing.T) {
	_, spec := here(t)
	_, ok := captured(t, spec).Umask()
	require.False(t, ok)
	spec.Outputs = []string{"x"}
	mask, ok := captured(t, spec).Umask()
	require.True(t, ok)
	require.Equal(t, uint16(umask()), mask)
}
