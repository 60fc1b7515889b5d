package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A file is part of an archive: where it lies there, what it holds, and its mode.
type file struct {
	name string
	data []byte
	mode int64
}

// The directories below which shells and man look, of a prefix such as /usr, /usr/local and ~/.local; scripts/install
// puts the same files there.
var shared = map[string]string{
	"completions/cachex.bash": "share/bash-completion/completions/cachex",
	"completions/_cachex":     "share/zsh/site-functions/_cachex",
	"completions/cachex.fish": "share/fish/vendor_completions.d/cachex.fish",
	"LICENSE":                 "share/doc/cachex/LICENSE",
	"README.md":               "share/doc/cachex/README.md",
	"CHANGELOG.md":            "share/doc/cachex/CHANGELOG.md",
}

// flat is where they lie for Windows, which has no such directories.
var flat = map[string]string{
	"completions/cachex.ps1": "completions/cachex.ps1",
	"LICENSE":                "LICENSE.txt",
	"README.md":              "README.md",
	"CHANGELOG.md":           "CHANGELOG.md",
}

// files returns those of a platform, in the order of their names: unpacked into a prefix they are where they belong.
func (r *release) files(p platform, binary string) ([]file, error) {
	program, places := "bin/"+p.executable(), shared
	if p.os == "windows" {
		program, places = p.executable(), flat
	}
	var files []file
	add := func(name, from string, mode int64) error {
		data, err := os.ReadFile(from)
		files = append(files, file{name, data, mode})
		return err
	}
	if err := add(program, binary, 0o755); err != nil {
		return nil, err
	}
	for from, to := range places {
		if err := add(to, filepath.Join(r.root, from), 0o644); err != nil {
			return nil, err
		}
	}
	pages, err := filepath.Glob(filepath.Join(r.root, "completions", "man", "*.1"))
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		if err := add("share/man/man1/"+filepath.Base(page), page, 0o644); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	return files, nil
}

// archive writes them below one directory, as people expect of what they unpack.
func (r *release) archive(p platform, files []file) error {
	suffix, write := ".tar.gz", writeTar
	if p.os == "windows" {
		suffix, write = ".zip", writeZip
	}
	f, err := os.Create(filepath.Join(r.out, r.name(p)+suffix))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f, r.name(p), files, r.commit.when); err != nil {
		return err
	}
	return f.Close()
}

func writeTar(w io.Writer, top string, files []file, when time.Time) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, f := range files {
		err := t.WriteHeader(&tar.Header{
			Name: top + "/" + f.name, Size: int64(len(f.data)), Mode: f.mode, ModTime: when, Format: tar.FormatUSTAR,
		})
		if err != nil {
			return err
		}
		if _, err := t.Write(f.data); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return z.Close()
}

func writeZip(w io.Writer, top string, files []file, when time.Time) error {
	z := zip.NewWriter(w)
	for _, f := range files {
		h := &zip.FileHeader{Name: top + "/" + f.name, Method: zip.Deflate, Modified: when}
		h.SetMode(os.FileMode(f.mode))
		e, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := e.Write(f.data); err != nil {
			return err
		}
	}
	return z.Close()
}

// checksums lists all files as sha256sum -c reads it.
func (r *release) checksums() error {
	there, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var list strings.Builder
	for _, e := range there {
		data, err := os.ReadFile(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&list, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "checksums.txt"), []byte(list.String()), 0o644)
}
