//go:build amd64 || arm64

package trace_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/runner"
	"github.com/cachex-cli/cachex/trace"
)

// roleVar names what this test binary is to do instead of running tests.
const roleVar = "TRACE_TEST_ROLE"

var roles = map[string]func(argv []string){"observe": playObserve}

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVar)]; ok {
		os.Unsetenv(roleVar)
		role(os.Args[1:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// observed is a run that was observed.
type observed struct {
	trace.Report
	runner.Result
	Stdout, Stderr string
}

type collector [2]bytes.Buffer

func (c *collector) Append(s runner.Stream, b []byte) error {
	c[s].Write(b)
	return nil
}

// run runs a command under observation, or without.
func run(o trace.Options, c runner.Command, traced bool) (r observed, err error) {
	var sink collector
	c.Sink = &sink
	if !traced {
		r.Result, err = runner.Run(c)
		r.Stdout, r.Stderr = sink[0].String(), sink[1].String()
		return r, err
	}
	tracer, err := trace.New(o)
	if err != nil {
		return r, fmt.Errorf("no tracer: %w", err)
	}
	defer tracer.Close()
	stage := runner.Stage(tracer.Stage())
	c.Stage = &stage
	r.Result, err = runner.Run(c)
	r.Report = tracer.Report()
	r.Stdout, r.Stderr = sink[0].String(), sink[1].String()
	return r, err
}

func command(t *testing.T, dir string, argv ...string) runner.Command {
	t.Helper()
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Skip(err)
	}
	return runner.Command{Path: path, Argv: argv, Dir: dir}
}

// observe runs a command in a directory under observation.
func observe(t *testing.T, dir string, argv ...string) observed {
	t.Helper()
	r, err := run(trace.Options{}, command(t, dir, argv...), true)
	require.NoError(t, err)
	require.Empty(t, r.Untraced)
	return r
}

// playObserve runs a command under observation and ends as it ends. The report goes where a variable says.
func playObserve(argv []string) {
	tracer, err := trace.New(trace.Options{})
	if err != nil {
		panic(err)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		panic(err)
	}
	stage := runner.Stage(tracer.Stage())
	if os.Getenv(fullVar) != "" {
		stage.Started = withoutDescriptors(stage.Started)
	}
	to := os.Getenv(reportVar)
	os.Unsetenv(reportVar)
	r, err := runner.Run(runner.Command{
		Path: path, Argv: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Stage: &stage,
	})
	if err != nil {
		panic(err)
	}
	if to != "" {
		text, err := json.Marshal(observed{Report: tracer.Report(), Result: r})
		if err == nil {
			err = os.WriteFile(to, text, 0o666)
		}
		if err != nil {
			panic(err)
		}
	}
	if r.Signal != 0 {
		runner.Die(r.Signal)
	}
	os.Exit(r.Code)
}

const (
	reportVar = "TRACE_TEST_REPORT"
	fullVar   = "TRACE_TEST_FULL" // no descriptor is left when the stage has been started
)

func withoutDescriptors(started func(int) (bool, error)) func(int) (bool, error) {
	return func(pid int) (bool, error) {
		for {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return started(pid)
			}
			defer f.Close()
		}
	}
}

// elsewhere returns a process that observes a command, started by the words before it, and its report afterwards.
func elsewhere(t *testing.T, before []string, argv ...string) (*exec.Cmd, func() observed) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	words := append(append(before, self), argv...)
	c := exec.Command(words[0], words[1:]...)
	dir := workspace(t)
	require.NoError(t, os.Chmod(dir, 0o777))
	report := filepath.Join(dir, "report")
	c.Env = append(os.Environ(), roleVar+"=observe", reportVar+"="+report)
	return c, func() (r observed) {
		t.Helper()
		text, err := os.ReadFile(report)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &r))
		return r
	}
}

func (r *observed) seen(path string) trace.Seen {
	for _, s := range r.Seen {
		if s.Path == path {
			return s
		}
	}
	return trace.Seen{}
}

func (r *observed) reasons() (reasons []string) {
	for _, d := range r.Doubts {
		reasons = append(reasons, d.Reason)
	}
	return reasons
}

// Who observes is told once that many paths are used.
func TestMany(t *testing.T) {
	for names, want := range map[int]int{500: 0, 1500: 1} {
		told := 0
		script := fmt.Sprintf(`i=0; while [ $i -lt %d ]; do [ -e absent$i ]; i=$((i+1)); done; :`, names)
		_, err := run(trace.Options{Many: func() { told++ }}, runner.Command{
			Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Dir: workspace(t),
		}, true)
		require.NoError(t, err)
		require.Equal(t, want, told, names)
	}
}

// workspace is a directory with no links in its path.
func workspace(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o666))
	return path
}

// compile makes a program of C or Go source.
func compile(t *testing.T, name, source string, flags ...string) string {
	t.Helper()
	dir := workspace(t)
	out := filepath.Join(dir, "program")
	c := exec.Command("gcc", append([]string{"-o", out, write(t, filepath.Join(dir, name), source)}, flags...)...)
	if strings.HasSuffix(name, ".go") {
		c = exec.Command("go", "build", "-o", out, filepath.Join(dir, name))
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
	}
	if _, err := exec.LookPath(c.Args[0]); err != nil {
		t.Skip(err)
	}
	text, err := c.CombinedOutput()
	require.NoError(t, err, "%s", text)
	return out
}

// exitCode is that of a process that has ended.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var e *exec.ExitError
	require.ErrorAs(t, err, &e)
	if s, ok := e.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return e.ExitCode()
}

const (
	waitLong  = 20 * time.Second
	waitShort = 10 * time.Millisecond
)

func credential(uid uint32) *syscall.Credential { return &syscall.Credential{Uid: uid, Gid: uid} }
