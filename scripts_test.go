package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

var (
	update    = flag.Bool("update", false, "rewrite the expected output in testdata/scripts")
	entryFlag = flag.String("entry", "early", "how the real binary answers hits: early (before the Go runtime), "+
		"plain (as packages are initialised), none (by the ordinary way alone)")
)

// binDir is the directory of the real binary, built as users build it when the first test asks for it; plainDir that of
// one without the early entry.
var (
	binDir   = sync.OnceValues(func() (string, error) { return build(*entryFlag) })
	plainDir = sync.OnceValues(func() (string, error) { return build("plain") })
)

func build(entry string) (string, error) {
	var flags []string
	switch entry {
	case "early":
	case "plain":
		flags = []string{"-ldflags=-X github.com/cachex-cli/cachex/entry.plain=1"}
	case "none":
		flags = []string{"-ldflags=-X github.com/cachex-cli/cachex/fastpath.off=1"}
	default:
		return "", fmt.Errorf("-entry %s: say early, plain or none", entry)
	}
	dir, err := os.MkdirTemp("", "cachex-test-")
	if err != nil {
		return "", err
	}
	built = append(built, dir)
	words := append([]string{"build", "-trimpath", "-o", filepath.Join(dir, "cachex")}, flags...)
	build := exec.Command("go", append(words, ".")...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cachex: %w\n%s", err, out)
	}
	return dir, nil
}

// built are the directories that build made, for TestMain to remove.
var built []string

// pathWithBinary is PATH with the real binary first.
func pathWithBinary(t *testing.T) string {
	t.Helper()
	dir, err := binDir()
	require.NoError(t, err)
	return dir + string(os.PathListSeparator) + os.Getenv("PATH")
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, dir := range built {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// TestScripts runs what users type, against the real binary. Each script has its own empty home and cache directory.
func TestScripts(t *testing.T) {
	path := pathWithBinary(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "scripts"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			if err := os.Mkdir(home, 0o755); err != nil {
				return err
			}
			root, err := os.Getwd()
			if err != nil {
				return err
			}
			env.Setenv("PROJECT", root)
			env.Setenv("HOME", home)
			env.Setenv("TMPDIR", env.Getenv("TMPDIR"))
			env.Setenv("PATH", path)
			env.Setenv("CACHE", filepath.Join(home, ".cache", "cachex"))
			env.Setenv("LC_ALL", "C.UTF-8")
			env.Setenv("PYTHONPATH", filepath.Join(root, "testdata")) // callers.py
			env.Setenv("PYTHONDONTWRITEBYTECODE", "1")
			// beside GOCACHE, or below this, scripts/servers keeps what it built
			env.Setenv("HOME_OF_TESTS", os.Getenv("HOME"))
			env.Setenv("GOCACHE_OF_TESTS", os.Getenv("GOCACHE"))
			env.Setenv("MUST_OBSERVE", os.Getenv("MUST_OBSERVE")) // 1: it is wrong if no run can be observed
			env.Setenv("EVERY", os.Getenv("EVERY"))               // 1: the scripts that try many cases try them all
			return nil
		},
		Condition: func(cond string) (bool, error) {
			entry, ok := strings.CutPrefix(cond, "entry:")
			if !ok {
				return false, fmt.Errorf("unknown condition %s", cond)
			}
			return entry == *entryFlag, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"lines":   countLines,
			"waitfor": waitFor,
			"absent":  absent,
			"setvars": setVars,
			"plain": func(ts *testscript.TestScript, _ bool, _ []string) { // from here on there is no early entry
				dir, err := plainDir()
				ts.Check(err)
				ts.Setenv("PATH", dir+string(os.PathListSeparator)+ts.Getenv("PATH"))
			},
			"samefile": func(ts *testscript.TestScript, neg bool, args []string) {
				same := bytes.Equal([]byte(ts.ReadFile(args[0])), []byte(ts.ReadFile(args[1])))
				if same == neg {
					ts.Fatalf("%s and %s: same bytes: %v", args[0], args[1], same)
				}
			},
		},
	})
}

// countLines is "lines FILE N": FILE has N lines. Commands under test append a line a run, so it counts executions.
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	got := strings.Count(ts.ReadFile(args[0]), "\n")
	if (got == want) == neg {
		ts.Fatalf("%s has %d lines, want %d", args[0], got, want)
	}
}

// waitFor is "waitfor FILE": FILE exists and is not empty. It waits for what a background command does.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	name := ts.MkAbs(args[0])
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if fi, err := os.Stat(name); err == nil && fi.Size() > 0 {
			return
		}
	}
	ts.Fatalf("%s did not appear", args[0])
}

// setVars is "setvars FILE": sets the variables that the file gives, NAME=value a line.
func setVars(ts *testscript.TestScript, _ bool, args []string) {
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		ts.Setenv(name, value)
	}
}

// absent is "absent WORD DIR": no file under DIR, by name or content, holds WORD.
func absent(ts *testscript.TestScript, neg bool, args []string) {
	found := ""
	err := filepath.WalkDir(ts.MkAbs(args[1]), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if strings.Contains(d.Name(), args[0]) {
			found = p
		}
		if d.Type().IsRegular() {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			if bytes.Contains(b, []byte(args[0])) {
				found = p
			}
		}
		return nil
	})
	ts.Check(err)
	if (found == "") == neg {
		ts.Fatalf("%q in %s: found %q", args[0], args[1], found)
	}
}
