package cachedir

import (
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
)

func newTree(t testing.TB) *tree {
	t.Helper()
	tr, err := openRoot(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(tr.close)
	return tr
}

// Whatever lies there, a small file takes its place, and nothing of either is left in pending/.
func TestReplaceWhateverLiesThere(t *testing.T) {
	const name = "memo/ab/x"
	for what, plant := range map[string]func(t *testing.T, tr *tree){
		"nothing":      func(*testing.T, *tree) {},
		"a file":       func(t *testing.T, tr *tree) { require.NoError(t, tr.replace(name, []byte("old"))) },
		"a directory":  func(t *testing.T, tr *tree) { require.NoError(t, tr.makeDirs(name)) },
		"a full one":   func(t *testing.T, tr *tree) { require.NoError(t, tr.makeDirs(name+"/a/b")) },
		"no directory": func(t *testing.T, tr *tree) { require.NoError(t, tr.replace("memo/ab", []byte("old"))) },
		"its own other": func(t *testing.T, tr *tree) {
			require.NoError(t, tr.replace("memo/other", []byte("old")))
			require.NoError(t, tr.makeDirs("memo/ab"))
			require.NoError(t, tr.link("memo/other", name))
		},
	} {
		t.Run(what, func(t *testing.T) {
			tr := newTree(t)
			plant(t, tr)
			require.NoError(t, tr.replace(name, []byte("new")))
			b, fi, err := tr.readSmall(name, 100)
			require.NoError(t, err)
			require.Equal(t, "new", string(b))
			require.EqualValues(t, 1, fi.links)
			var left []string
			_ = tr.list("pending", func(base string) bool {
				left = append(left, base)
				return true
			})
			require.Empty(t, left)
		})
	}
}

// A file that somebody took away cannot supplant anything.
func TestSupplantWithWhatIsGone(t *testing.T) {
	tr := newTree(t)
	require.NoError(t, tr.replace("memo/x", []byte("old")))
	require.ErrorIs(t, tr.supplant("pending/gone", "memo/x"), fs.ErrNotExist)
	b, _, err := tr.readSmall("memo/x", 100)
	require.NoError(t, err)
	require.Equal(t, "old", string(b))
}
