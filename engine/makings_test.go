package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

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
