package hashing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatLiesAboveTheRepository(t *testing.T) {
	const looked, byName, linked = UseMode, UseContent, UseMode | UseLink
	for name, test := range map[string]struct {
		repo  string
		seen  []Sight
		names []string // in addition to the usual ones, or in place of one
		usual int      // how many of seen have their usual name
	}{
		"in it":                       {"/a/b/r", []Sight{{"/a/b/r/f", byName}}, nil, 1},
		"beside it":                   {"/a/b/r", []Sight{{"/a/b/f", byName}}, []string{"above1of2:/f"}, 1},
		"below another":               {"/a/b/r", []Sight{{"/a/c/d/f", byName}}, []string{"above2of2:/c/d/f"}, 1},
		"on the way":                  {"/a/b/r", []Sight{{"/a/b", linked}}, []string{"above1of2:"}, 0},
		"looked at":                   {"/a/b/r", []Sight{{"/a/b", looked}}, []string{"above1of2:"}, 1},
		"elsewhere":                   {"/a/b/r", []Sight{{"/usr/f", byName}, {"/", linked}}, nil, 2},
		"in the home directory":       {"/h/u/b/r", []Sight{{"/h/u/f", byName}, {"/h/u/d/f", byName}}, nil, 2},
		"searched for there":          {"/h/u/b/r", []Sight{{"/h/u/f", byName}, {"/h/u/b/r/f", byName}}, []string{"above2of3:/f"}, 2},
		"of the system":               {"/usr/src/r", []Sight{{"/usr/lib/f", byName}}, nil, 1},
		"beside it, in the system":    {"/usr/src/r", []Sight{{"/usr/src/f", byName}}, []string{"above1of2:/f"}, 1},
		"searched for up to the root": {"/a/r", []Sight{{"/a/r/f", byName}, {"/f", byName}}, []string{"above1of1:"}, 2},
		"at the root alone":           {"/a/r", []Sight{{"/f", byName}}, nil, 1},
		"below the root":              {"/r", []Sight{{"/r/f", byName}, {"/f", byName}}, []string{"above0of0:"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			o := observer{roots: []root{{rootOfRepo, test.repo}, {rootOfHome, "/h/u"}}, above: above(test.repo)}
			var names []string
			usual := 0
			for _, s := range o.withAbove(test.seen) {
				if s.Uses&useAbove == 0 {
					usual++
					continue
				}
				name := o.nameAbove(s.Path)
				names = append(names, name)
				path, ok := o.pathAbove(name)
				require.True(t, ok)
				require.Equal(t, s.Path, path)
			}
			require.Equal(t, test.names, names)
			require.Equal(t, test.usual, usual)
		})
	}
	o := observer{above: above("/a/b/c/r")}
	_, ok := o.pathAbove("above1of2:/f")
	require.False(t, ok, "another depth")
}
