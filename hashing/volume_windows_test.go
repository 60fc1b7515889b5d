package hashing

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAbsoluteOnVolumes(t *testing.T) {
	here, err := os.Getwd()
	require.NoError(t, err)
	for _, c := range []struct{ path, dir, want string }{
		{`a.txt`, `C:\d`, `C:\d\a.txt`},
		{`D:\a.txt`, `C:\d`, `D:\a.txt`},
		{`\t\a.txt`, `C:\d`, `C:\t\a.txt`},
		{`/t/a.txt`, `C:\d`, `C:/t/a.txt`},
		{`C:a.txt`, `C:\d`, `C:\d\a.txt`},
		{`c:a.txt`, `C:\d`, `C:\d\a.txt`},
		{`\\host\share\a.txt`, `C:\d`, `\\host\share\a.txt`},
		{filepath.VolumeName(here) + `a.txt`, `\\host\share\d`, filepath.Join(here, `a.txt`)},
	} {
		require.Equal(t, c.want, absolute(c.path, c.dir), "%s in %s", c.path, c.dir)
	}
}

func TestGlobsFindFiles(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.txt"), nil, 0o600))
	for _, pattern := range []string{`*.txt`, `**\*.txt`, dir + `\*.txt`, dir[len(filepath.VolumeName(dir)):] + `\*.txt`} {
		entries, err := newCapture(Spec{Dir: dir, Files: []string{pattern}}, nil, time.Now()).findFiles()
		require.NoError(t, err, pattern)
		require.Len(t, entries, 1, pattern)
	}
}

func TestLookPathTriesExtensions(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tool1.2.exe", "plain.exe", "exact.cmd"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	for name, want := range map[string]string{"tool1.2": "tool1.2.exe", "plain": "plain.exe", "plain.exe": "plain.exe", "exact.cmd": "exact.cmd"} {
		got, err := LookPath(name, dir, []string{"PATH=" + dir, "PATHEXT=.EXE;.CMD"})
		require.NoError(t, err, name)
		require.Equal(t, filepath.Join(dir, want), got)
	}
}
