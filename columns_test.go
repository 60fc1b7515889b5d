package main

import (
	"bytes"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// No line of the code is wider than 120 columns, a tab being 4, unless a literal of more than 60 is in it.
func TestColumns(t *testing.T) {
	const widest, long = 120, 60
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && len(path) > 1 && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		literal := linesWithLiterals(text, long)
		for i, line := range bytes.Split(text, []byte("\n")) {
			if !literal[i+1] {
				require.LessOrEqual(t, columns(line), widest, "%s:%d", path, i+1)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 100)
}

// columns is the width of a line, with a tab stop each 4.
func columns(line []byte) (width int) {
	for _, r := range string(line) {
		width++
		if r == '\t' {
			width = (width + 3) / 4 * 4
		}
	}
	return width
}

// linesWithLiterals returns the numbers of the lines in which a string literal is that has more bytes than these.
func linesWithLiterals(text []byte, long int) map[int]bool {
	lines := map[int]bool{}
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, 0)
	for {
		at, kind, literal := s.Scan()
		if kind == token.EOF {
			return lines
		}
		if kind == token.STRING && len(literal) > long {
			first := file.Line(at)
			for n := range 1 + strings.Count(literal, "\n") {
				lines[first+n] = true
			}
		}
	}
}
