package main

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// output runs a command in this directory and returns what it printed.
func output(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	require.NoError(t, err, "%v\n%s", argv, out)
	return string(out)
}

// The tools of this repository are no programs of its module: go install ./... installs cachex and nothing else.
func TestOneProgram(t *testing.T) {
	programs := output(t, "go", "list", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "./...")
	require.Equal(t, "github.com/cachex-cli/cachex\n", programs)
}

// The files of a release, for the platform that the tests run on: the archive is a prefix with a program that knows its
// version, pages and completions; the bill names each module that is linked; the checksums are right.
func TestRelease(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("builds for linux-amd64")
	}
	dir := t.TempDir()
	make := []string{"scripts/release", "-dirty", "-packages=false", "-platforms", "linux-amd64", "-o", dir}
	output(t, append(make, "v1.2.3-rc.1")...)

	const name = "cachex-1.2.3-rc.1-linux-amd64"
	prefix := t.TempDir()
	names := untar(t, filepath.Join(dir, name+".tar.gz"), prefix)
	require.True(t, slices.IsSorted(names))
	for _, want := range []string{
		"bin/cachex", "share/man/man1/cachex-run.1", "share/bash-completion/completions/cachex",
		"share/zsh/site-functions/_cachex", "share/fish/vendor_completions.d/cachex.fish", "share/doc/cachex/LICENSE",
	} {
		require.Contains(t, names, name+"/"+want)
	}
	binary := filepath.Join(prefix, name, "bin", "cachex")
	head := strings.TrimSpace(output(t, "git", "rev-parse", "HEAD"))
	require.Regexp(t, `^cachex v1\.2\.3-rc\.1 go\S+ linux/amd64\ncommit: `+head+` \d{4}-\S+Z\nentry: early\n$`,
		output(t, binary, "version"))

	var bill struct {
		Packages []struct{ Name, VersionInfo string }
	}
	text, err := os.ReadFile(filepath.Join(dir, name+".spdx.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &bill))
	require.Equal(t, "v1.2.3-rc.1", bill.Packages[0].VersionInfo)
	var billed, linked []string
	for _, p := range bill.Packages[2:] { // the program itself, and Go's library
		billed = append(billed, p.Name+" "+p.VersionInfo)
	}
	for line := range strings.Lines(output(t, "go", "version", "-m", binary)) {
		if f := strings.Fields(line); f[0] == "dep" {
			linked = append(linked, f[1]+" "+f[2])
		}
	}
	require.Greater(t, len(linked), 10)
	require.Equal(t, linked, billed)

	sums := exec.Command("sha256sum", "--check", "--strict", "checksums.txt")
	sums.Dir = dir
	out, err := sums.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), name+".tar.gz: OK")

	for _, c := range []struct {
		want string
		argv []string
	}{
		{dir + " is not empty", append(make, "1.2.3")},
		{`version "1.2": name one`, append(make, "1.2")},
		{`platform "plan9": known are`, append(make, "-platforms", "plan9", "1.2.3")},
	} {
		out, err := exec.Command(c.argv[0], c.argv[1:]...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "release: "+c.want)
	}
}

// untar unpacks an archive below dir, and returns the names in it.
func untar(t *testing.T, archive, dir string) (names []string) {
	f, err := os.Open(archive)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		require.NoError(t, err)
		require.Zero(t, h.Uid)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		path := filepath.Join(dir, h.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, data, h.FileInfo().Mode()))
		names = append(names, h.Name)
	}
}
