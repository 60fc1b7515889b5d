package remote

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func openDir(t *testing.T) (tier Tier, base string) {
	base = t.TempDir()
	return openTier(t, "file://"+base, "team/a"), base
}

// fileOf is the one file in a directory tree.
func fileOf(t *testing.T, base string) string {
	var found []string
	require.NoError(t, filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
		}
		return err
	}))
	require.Len(t, found, 1)
	return found[0]
}

func TestFileLayout(t *testing.T) {
	tier, base := openDir(t)
	put(t, tier, "entry/ab/k.fail", []byte("v"))
	path := fileOf(t, base)
	require.Equal(t, "entry_ab_k.fail.cachex", filepath.Base(path))
	require.Equal(t, filepath.Join(base, "team", "a", fanOf(filepath.Base(path))), filepath.Dir(path))
}

// Cut, longer, flipped, of another kind: never a value.
func TestFileDamage(t *testing.T) {
	tier, base := openDir(t)
	value := []byte("some value")
	put(t, tier, "k", value)
	path := fileOf(t, base)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range whole {
		require.NoError(t, os.WriteFile(path, whole[:n], 0o600))
		_, err := read(guarded(t), tier, "k")
		requireKind(t, err, ErrServer)
	}
	require.NoError(t, os.WriteFile(path, append(bytes.Clone(whole), 'x'), 0o600))
	_, err = read(guarded(t), tier, "k")
	requireKind(t, err, ErrServer)
	for i := range fileHeader {
		b := bytes.Clone(whole)
		b[i] ^= 4
		require.NoError(t, os.WriteFile(path, b, 0o600))
		_, err := read(guarded(t), tier, "k")
		requireKind(t, err, ErrServer)
	}
	put(t, tier, "k", value)
	requireValue(t, value, tier, "k")
}

// Nothing is mounted: not a directory to fill.
func TestFileNotMounted(t *testing.T) {
	base := filepath.Join(t.TempDir(), "mount")
	tier := openTier(t, "file://"+base, "t")
	_, err := read(guarded(t), tier, "k")
	requireKind(t, err, ErrUnreachable)
	requireKind(t, tier.Put(guarded(t), "k", strings.NewReader("v"), 1, 0), ErrUnreachable)
	requireKind(t, Delete(guarded(t), tier, "k"), ErrUnreachable)
	_, err = Clear(guarded(t), tier)
	requireKind(t, err, ErrUnreachable)
	require.NoDirExists(t, base)
}

// What others keep in the directory stays.
func TestFileClearLeavesOthers(t *testing.T) {
	tier, base := openDir(t)
	put(t, tier, "k", []byte("v"))
	dir := filepath.Dir(fileOf(t, base))
	for _, name := range []string{"k.cachex.bak", "K.cachex", "other.cachex", ".tmp-xyz.cachex", "README"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.cachex"), 0o700))
	unborn := filepath.Join(dir, ".tmp-"+strings.Repeat("0", 32)+".cachex")
	require.NoError(t, os.WriteFile(unborn, nil, 0o600))
	n, err := Clear(guarded(t), tier)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoFileExists(t, unborn)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 6)
}

// What has ended is removed by who finds it.
func TestFileEnds(t *testing.T) {
	tier, base := openDir(t)
	require.NoError(t, tier.Put(guarded(t), "k", strings.NewReader("v"), 1, time.Nanosecond))
	path := fileOf(t, base)
	for {
		if _, err := read(guarded(t), tier, "k"); err != nil {
			requireKind(t, err, ErrAbsent)
			break
		}
	}
	require.NoFileExists(t, path)
}

func FuzzFileHead(f *testing.F) {
	f.Add(fileHead(5, time.UnixMilli(1)), int64(5))
	f.Add(fileHead(0, time.Time{}), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, follow int64) {
		size, ends, err := decodeFileHead(b, follow)
		if err == nil {
			require.Equal(t, follow, size)
			require.Equal(t, b, fileHead(size, ends))
		}
	})
}
