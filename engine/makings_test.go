package engine

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/outputs"
	"github.com/cachex-cli/cachex/trace"
)

func TestClaimsOverlap(t *testing.T) {
	named := func(name string, how trace.Write) claim { return claim{names: map[string]trace.Write{name: how}} }
	patterns := func(patterns ...string) claim { return claim{patterns: patterns} }
	for name, c := range map[string]struct {
		a, b claim
		want bool
	}{
		"nothing":                      {claim{}, claim{}, false},
		"anything":                     {claim{all: true}, claim{}, true},
		"the same name":                {named("d/a", trace.Changes), named("d/a", trace.Changes), true},
		"two names":                    {named("d/a", trace.Changes), named("d/b", trace.Changes), false},
		"a directory made by both":     {named("d", trace.MakesDirectory), named("d", trace.MakesDirectory), false},
		"a directory made and removed": {named("d", trace.MakesDirectory), named("d", trace.Changes), true},
		"a file in one that is made":   {named("d", trace.MakesDirectory), named("d/a", trace.Changes), false},
		"a file in one that is moved":  {named("d", trace.Moves), named("d/e/a", trace.Changes), true},
		"a pattern":                    {patterns("*.o"), named("a.o", trace.Changes), true},
		"another pattern":              {patterns("*.o"), named("a.c", trace.Changes), false},
		"below what is moved":          {patterns("d/e/*.o"), named("d", trace.Moves), true},
		"not below it":                 {patterns("e/*.o"), named("d", trace.Moves), false},
		"two patterns":                 {patterns("d/"), patterns("*/a"), true},
		"a name that is no pattern":    {named("*", trace.Changes), named("a", trace.Changes), false},
	} {
		require.Equal(t, c.want, c.a.overlaps(c.b), name)
		require.Equal(t, c.want, c.b.overlaps(c.a), name)
		require.Equal(t, c.want, parseClaim(c.a.String()).overlaps(parseClaim(c.b.String()+"\n")), name)
	}
}

func FuzzParseClaim(f *testing.F) {
	f.Add(claim{
		patterns: []string{"*.o", "a b"}, names: map[string]trace.Write{"d\n": trace.Moves}, inodes: map[string]bool{"1:2": true},
	}.String())
	f.Add(anything)
	f.Add("n 1 x")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseClaim(text)
		require.Equal(t, c, parseClaim(c.String()))
	})
}

// What a hit tells at once is what it would tell file by file.
func TestClaimOfFiles(t *testing.T) {
	list := []outputs.File{{Name: "a.o"}, {Name: "d/b.o"}}
	c := claimOf([]string{"auto", "x.o"}, list)
	require.Equal(t, c, parseClaim(c.String()))
	for _, other := range []string{`n 2 "a.o"`, `n 1 "d/b.o"`, `p "x.o"`, `p "d/"`, "*"} {
		require.True(t, c.overlaps(parseClaim(other)), other)
	}
	for _, other := range []string{`n 2 "b.o"`, `p "y.o"`} {
		require.False(t, c.overlaps(parseClaim(other)), other)
	}
	require.Empty(t, claimOf([]string{"x.o"}, list).names)
}

// Where links lead to a name is told also where not all directories on the way to it have been made.
func TestRealName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("who makes a link there needs a right for it")
	}
	dir, elsewhere := t.TempDir(), t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "real/made"), 0o777))
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink("none", filepath.Join(dir, "dangling")))
	require.NoError(t, os.Symlink(elsewhere, filepath.Join(dir, "out")))
	for name, want := range map[string]string{
		"link/a": "real/a", "link/made/a": "real/made/a", "link/new/a": "real/new/a", "link/new/more/a": "real/new/more/a",
		"real/a": "", "real/new/a": "", "link": "", "new/a": "", "dangling/a": "", "out/a": "", "out/new/a": "",
	} {
		real, other := realName(dir, name)
		require.Equal(t, want != "", other, name)
		if other {
			require.Equal(t, want, real)
		}
	}
	require.Equal(t, []string{"link/new/*.o", "real/new/*.o"}, withReal(dir, []string{"link/new/*.o"}))
}
