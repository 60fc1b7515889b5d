//go:build amd64 || arm64

package fastpath

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFileStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) }
	write("one")
	id, ok := Identify(path, Itself)
	require.True(t, ok)
	var st syscall.Stat_t
	require.NoError(t, syscall.Stat(path, &st))
	require.Equal(t,
		[]any{st.Ino, st.Size, ns(st.Mtim), ns(st.Ctim), uint64(st.Mode)},
		[]any{id.Ino, id.Size, id.Mtime, id.Ctime, id.Mode})

	here, elsewhere, anywhere := id, id, id
	elsewhere.Mount, anywhere.Mount = id.Mount+1, 0
	require.True(t, Hold([]FileState{{Path: path, Kind: Itself, ID: here}}, nil))
	require.True(t, Hold([]FileState{{Path: path, Kind: Followed, ID: anywhere}}, nil))
	require.False(t, Hold([]FileState{{Path: path, Kind: Itself, ID: elsewhere}}, nil), "another mount")

	_, ok = Identify(path, Executable)
	require.False(t, ok)
	require.NoError(t, os.Chmod(path, 0o755))
	_, ok = Identify(path, Executable)
	require.True(t, ok)
}

func TestContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o644)) }
	for _, text := range []string{"", "one", strings.Repeat("x", MaxContent)} {
		write(text)
		f, ok := ReadContent(path)
		require.True(t, ok)
		require.Equal(t,
			FileState{Path: path, Kind: Content, ID: FileID{Size: int64(len(text))}, Sum: sha256.Sum256([]byte(text))},
			f)
		require.True(t, Hold([]FileState{f}, nil))
		write(text + "y")
		require.False(t, Hold([]FileState{f}, nil))
	}
	_, ok := ReadContent(path)
	require.False(t, ok, "too large")
	_, ok = ReadContent(dir)
	require.False(t, ok, "a directory")
	_, ok = ReadContent(filepath.Join(dir, "none"))
	require.False(t, ok)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	_, ok = ReadContent(filepath.Join(dir, "fifo"))
	require.False(t, ok, "a FIFO, at which nobody waits")
}
