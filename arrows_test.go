package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// arrows is the table of the house: which room may name which. It points down only. A room that is not in it, or an
// import that is not, fails the test: change the table here and in ARCHITECTURE.md together, or move the code.
var arrows = map[string][]string{
	"cachex": {"cmd"},
	"cmd": {
		"cmd/memo", "cmd/call", "late/all", "engine", "engine/fleet", "engine/values", "cachedir", "cachedir/stats",
		"remote", "runner", "hashing", "hashing/cmdline", "hashing/tools", "fastpath", "probe",
		"outputs", "pack", "advice", "page",
	},
	"cmd/memo": {
		"cmd/call", "engine", "outputs", "cachedir", "cachedir/stats", "runner", "hashing", "fastpath", "probe",
		"late",
	},
	"cmd/call": {
		"engine", "engine/batch", "cachedir", "cachedir/stats", "runner", "hashing", "hashing/cmdline", "fastpath",
	},
	"engine": {
		"engine/fleet", "engine/values", "outputs", "cachedir", "cachedir/stats", "runner", "trace", "hashing",
		"hashing/cmdline", "hashing/tools", "lock", "ansi", "depfile", "late",
	},
	"engine/batch":     {"engine", "cachedir", "hashing", "runner", "late"},
	"engine/fleet":     {"cachedir", "cachedir/stats", "remote/contract", "hashing"},
	"engine/values":    {"engine/fleet", "cachedir", "cachedir/stats", "hashing"},
	"outputs":          {"hashing"},
	"cachedir":         {"cachedir/choice", "cachedir/format", "cachedir/stats", "cachedir/tree", "hashing", "lock", "late"},
	"cachedir/choice":  {},
	"cachedir/format":  {"hashing"},
	"cachedir/stats":   {"cachedir/tree"},
	"cachedir/tree":    {"lock"},
	"runner":           {"entry", "late"},
	"trace":            {"entry"},
	"entry":            {"fastpath"},
	"pack":             {"cachedir", "remote/contract"},
	"remote":           {"remote/contract"},
	"remote/contract":  {},
	"hashing":          {"hashing/tools", "hashing/cmdline", "hashing/env", "masking", "probe", "late"},
	"hashing/tools":    {"hashing/cmdline", "hashing/env"},
	"hashing/cmdline":  {"hashing/env", "late"},
	"hashing/env":      {},
	"late":             {"fastpath"},
	"late/all":         {"late"},
	"probe":            {},
	"masking":          {},
	"ansi":             {},
	"depfile":          {},
	"advice":           {"cachedir/stats"},
	"page":             {},
	"lock":             {},
	"fastpath":         {},
	"scripts/generate": {"cmd", "cmd/call"}, // scripts/generate writes completions and man pages

	"scripts/bench/filling":  {"cachedir", "cachedir/stats", "hashing"}, // makes large caches
	"scripts/bench/evicting": {"cachedir", "cachedir/choice"},           // tries what chooses what goes
}

// rooms are those that take no flag, read no configuration and print nothing but what a command wrote.
var rooms = []string{
	"cmd/memo", "cmd/call", "engine", "engine/batch", "engine/fleet", "engine/values",
	"outputs", "cachedir", "cachedir/choice", "cachedir/format", "cachedir/stats", "cachedir/tree", "runner", "trace",
	"entry", "hashing", "hashing/tools", "hashing/cmdline", "hashing/env", "masking", "lock", "ansi", "pack", "depfile",
	"advice", "page", "late", "late/all",
}

// banned are imports that a room must not have, whoever they belong to: flags and printing stay in cmd.
var banned = map[string][]string{
	"github.com/spf13/cobra":           rooms,
	"github.com/spf13/viper":           rooms,
	"github.com/spf13/pflag":           rooms,
	"github.com/stretchr/testify":      append([]string{"cmd"}, rooms...),
	"github.com/stretchr/testify/mock": append([]string{"cmd"}, rooms...),
}

func TestArrowsPointDown(t *testing.T) {
	const module = "github.com/cachex-cli/cachex"
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		room := strings.TrimPrefix(pkg.ImportPath, module+"/")
		if room == module {
			room = "cachex"
		}
		may, known := arrows[room]
		require.True(t, known, "room %s is not in the table of arrows", pkg.ImportPath)
		for _, imp := range pkg.Imports {
			if own, ok := strings.CutPrefix(imp, module+"/"); ok {
				require.Contains(t, may, own, "%s must not import %s", room, own)
			}
			require.False(t, slices.Contains(banned[imp], room), "%s must not import %s", room, imp)
		}
		seen++
	}
	require.Equal(t, len(arrows), seen, "a room of the table is missing")
}

// A type with many methods knows too much: its state is better with those that need it (ARCHITECTURE.md). What differs
// between systems counts once.
func TestTypesAreNarrow(t *testing.T) {
	const most = 44
	methods := map[string]map[string]bool{} // of each type, by its directory and name
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || len(path) > 1 && strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil {
				name := filepath.ToSlash(filepath.Dir(path)) + "." + receiver(f.Recv.List[0].Type)
				if methods[name] == nil {
					methods[name] = map[string]bool{}
				}
				methods[name][f.Name.Name] = true
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Contains(t, methods, "engine.run")
	for name, of := range methods {
		require.LessOrEqual(t, len(of), most, "%s has too many methods", name)
	}
}

// receiver is the name of a method's type, without pointers and parameters.
func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return "?"
}

// What makes a call that is remembered comes before what takes long to initialise only as long as it does not import
// that.
func TestCallsAreLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/memo").Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "os/exec")
	for _, heavy := range []string{
		"net", "net/http", "crypto/tls", "github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/spf13/viper",
		"github.com/klauspost/compress/zstd", "github.com/redis/go-redis/v9", "go.yaml.in/yaml/v3",
		"regexp", "mvdan.cc/sh/v3/syntax",
	} {
		require.NotContains(t, deps, heavy)
	}
}

// The short way to a hit and a call that is remembered come before what they do without: packages are initialised in
// the order of their paths, each as soon as its imports are. The order is that of the real binary.
func TestOrderOfInitialisation(t *testing.T) {
	dir, err := binDir()
	require.NoError(t, err)
	c := exec.Command(filepath.Join(dir, "cachex"), "version")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1", "HOME="+t.TempDir())
	trace, err := c.CombinedOutput()
	require.NoError(t, err, "%s", trace)
	var order []string
	for line := range strings.Lines(string(trace)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "init" {
			order = append(order, words[1])
		}
	}
	const module = "github.com/cachex-cli/cachex"
	for _, c := range []struct{ first, then string }{
		{module + "/fastpath", "os"},
		{module + "/cmd/memo", "net"},
		{module + "/cmd/memo", "github.com/spf13/cobra"},
		{module + "/cmd/memo", "github.com/subosito/gotenv"},
		{module + "/cmd/memo", "go.yaml.in/yaml/v3"},
	} {
		first, then := slices.Index(order, c.first), slices.Index(order, c.then)
		require.NotEqual(t, -1, first, "%s initialises nothing: %q", c.first, order)
		require.NotEqual(t, -1, then, "%s initialises nothing: %q", c.then, order)
		require.Less(t, first, then, "%s must come before %s", c.first, c.then)
	}
}
