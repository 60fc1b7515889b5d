package outputs

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A file that is mostly holes is stored and restored as such.
func TestHoles(t *testing.T) {
	p := newPlace(t)
	f, err := os.Create(p.at("sparse"))
	require.NoError(t, err)
	defer f.Close()
	const size = 64 << 20
	require.NoError(t, f.Truncate(size))
	_, err = f.WriteAt([]byte("in the middle"), size/2+5)
	require.NoError(t, err)
	fi, err := f.Stat()
	require.NoError(t, err)
	if fi.Sys().(*syscall.Stat_t).Blocks*512 > 1<<20 {
		t.Skip("this file system makes no holes")
	}
	s := p.found("sparse")
	require.Less(t, len(s.contents), 1<<20)
	want, err := os.ReadFile(p.at("sparse"))
	require.NoError(t, err)
	require.NoError(t, os.Remove(p.at("sparse")))
	require.NoError(t, p.restore(s))
	got, err := os.ReadFile(p.at("sparse"))
	require.NoError(t, err)
	require.True(t, string(want) == string(got))
	fi, err = os.Stat(p.at("sparse"))
	require.NoError(t, err)
	require.Less(t, fi.Sys().(*syscall.Stat_t).Blocks*512, int64(1<<20))
}
