package hashing

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A list of more names than are looked at at once names each of them, once, and in what state it is.
func TestLongList(t *testing.T) {
	dir, spec := here(t)
	const names = 2*looksAtOnce + filesAtOnce + 1
	var list strings.Builder
	want := map[string]string{}
	for i := range names {
		name := fmt.Sprintf("d%02d/f%05d", i%7, i)
		want[name] = "absent"
		if i%1000 == 0 || i == names-1 {
			put(t, dir, name, fmt.Sprint(i))
			want[name] = fmt.Sprintf("plain %d ", len(fmt.Sprint(i)))
		}
		fmt.Fprintf(&list, "%s\n", name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "list"), []byte(list.String()), 0o600))
	spec.Files = []string{"@list"}
	facts, err := ParseRecipe(captured(t, spec).Text)
	require.NoError(t, err)
	for _, f := range facts {
		if f.Kind != "file" || f.Name == "list" {
			continue
		}
		require.True(t, strings.HasPrefix(f.Value, want[f.Name]), "%s: %s", f.Name, f.Value)
		delete(want, f.Name)
	}
	require.Empty(t, want)
}

// A file is read up to a limit, also one that says nothing of its size.
func TestReadUpTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte("0123456789"), 0o600))
	for most, want := range map[int64]string{4: "0123", 10: "0123456789", 11: "0123456789", 1 << 20: "0123456789"} {
		f, err := os.Open(path)
		require.NoError(t, err)
		text, err := readUpTo(f, most)
		require.NoError(t, err)
		require.Equal(t, want, string(text))
		require.NoError(t, f.Close())
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = w.WriteString("of a pipe")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	text, err := readUpTo(r, 1<<20)
	require.NoError(t, err)
	require.Equal(t, "of a pipe", string(text))
	require.NoError(t, r.Close())
}
