package tree

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func newTree(t testing.TB) *Tree {
	t.Helper()
	tr, err := Open(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(tr.Close)
	return tr
}

// Whatever lies there, a small file takes its place, and nothing of either is left in pending/.
func TestReplaceWhateverLiesThere(t *testing.T) {
	const name = "memo/ab/x"
	for what, plant := range map[string]func(t *testing.T, tr *Tree){
		"nothing":      func(*testing.T, *Tree) {},
		"a file":       func(t *testing.T, tr *Tree) { require.NoError(t, tr.Replace(name, []byte("old"))) },
		"a directory":  func(t *testing.T, tr *Tree) { require.NoError(t, tr.MakeDirs(name)) },
		"a full one":   func(t *testing.T, tr *Tree) { require.NoError(t, tr.MakeDirs(name+"/a/b")) },
		"no directory": func(t *testing.T, tr *Tree) { require.NoError(t, tr.Replace("memo/ab", []byte("old"))) },
		"its own other": func(t *testing.T, tr *Tree) {
			require.NoError(t, tr.Replace("memo/other", []byte("old")))
			require.NoError(t, tr.MakeDirs("memo/ab"))
			require.NoError(t, tr.Link("memo/other", name))
		},
	} {
		t.Run(what, func(t *testing.T) {
			tr := newTree(t)
			plant(t, tr)
			require.NoError(t, tr.Replace(name, []byte("new")))
			b, fi, err := tr.ReadSmall(name, 100)
			require.NoError(t, err)
			require.Equal(t, "new", string(b))
			require.EqualValues(t, 1, fi.Links)
			var left []string
			_ = tr.List("pending", func(base string) bool {
				left = append(left, base)
				return true
			})
			require.Empty(t, left)
		})
	}
}

// A file that somebody took away takes the place of nothing.
func TestExchangeWithWhatIsGone(t *testing.T) {
	tr := newTree(t)
	require.NoError(t, tr.Replace("memo/x", []byte("old")))
	require.ErrorIs(t, tr.Exchange("pending/gone", "memo/x"), fs.ErrNotExist)
	b, _, err := tr.ReadSmall("memo/x", 100)
	require.NoError(t, err)
	require.Equal(t, "old", string(b))
}
