//go:build unix

package runner

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Most tests need a process that stands where cachex stands, and some need a command that sh cannot
// play. Both are this test binary, told by the environment which part to take.
const (
	roleVar = "RUNNER_TEST_ROLE"
	partVar = "RUNNER_TEST_PART"
)

// peakMemory is replaced where the system tells.
var peakMemory = func() int { return 0 }

// self is this test binary.
var self, _ = os.Executable()

func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVar)]; ok {
		os.Unsetenv(roleVar)
		role(os.Args[1:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// part is what the process in cachex's place is to do.
type part struct {
	Pty, NoKeys, Merged, Direct bool
	Null                        bool   // no stdin
	Input                       string // a file to feed
	BadInput, BadSink           bool
	Hold                        string // what to do with held output in the end: deliver or drop it
	Report                      string // where to put a report
}

// report is what the process in cachex's place knows in the end.
type report struct {
	Result
	CutText, SinkErrText string
	HoldErrText          string
	Streams              [2]string
	Peak                 int   // memory, in KiB
	Frames               []int // lengths, positive for stdout, negative for stderr
}

// tape is a Sink that remembers.
type tape struct {
	report *report
	fail   error
}

func (t *tape) Append(s Stream, b []byte) error {
	if t.fail != nil {
		return t.fail
	}
	if len(t.report.Streams[s]) < 1<<16 {
		t.report.Streams[s] += string(b[:min(len(b), 1<<16)])
	}
	n := len(b)
	if s == Stderr {
		n = -n
	}
	if len(t.report.Frames) < 1000 {
		t.report.Frames = append(t.report.Frames, n)
	}
	return nil
}

var errTest = errors.New("made to fail")

type failingReader struct{ r io.Reader }

func (f *failingReader) Read(b []byte) (int, error) {
	n, err := f.r.Read(b)
	if err == io.EOF {
		err = errTest
	}
	return n, err
}

// playCachex runs the command in argv as cachex does, and ends as it ended.
func playCachex(argv []string) {
	var p part
	if err := json.Unmarshal([]byte(os.Getenv(partVar)), &p); err != nil {
		panic(err)
	}
	os.Unsetenv(partVar)
	DieOnSignals()
	var rep report
	c := Command{
		Path: argv[0], Argv: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Merged: p.Merged, Pty: p.Pty, NoKeys: p.NoKeys,
	}
	if p.Null {
		c.Stdin = nil
	}
	if p.Input != "" {
		f, err := os.Open(p.Input)
		if err != nil {
			panic(err)
		}
		c.Input = struct{ io.Reader }{f}
		if p.BadInput {
			c.Input = &failingReader{f}
		}
	}
	t := &tape{report: &rep}
	if p.BadSink {
		t.fail = errTest
	}
	if !p.Direct {
		c.Sink = t
	}
	if p.Hold != "" {
		c.Hold = &Hold{Deliver: func(Result) bool { return p.Hold == "deliver" }}
	}
	r, err := Run(c)
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(126)
	}
	if p.Report != "" {
		writeReport(p.Report, &rep, r)
	}
	if r.Signal != 0 {
		Die(r.Signal)
	}
	os.Exit(r.Code)
}

func writeReport(path string, rep *report, r Result) {
	if r.Cut != nil {
		rep.CutText = r.Cut.Error()
	}
	if r.SinkErr != nil {
		rep.SinkErrText = r.SinkErr.Error()
	}
	if r.HoldErr != nil {
		rep.HoldErrText = r.HoldErr.Error()
	}
	r.Cut, r.SinkErr, r.HoldErr = nil, nil, nil
	rep.Result, rep.Peak = r, peakMemory()
	text, err := json.Marshal(rep)
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		panic(err)
	}
}

// cachex returns a process that will run argv as p says, and a function that returns its report
// after it has ended.
func cachex(t *testing.T, p part, argv ...string) (*exec.Cmd, func() report) {
	t.Helper()
	dir := t.TempDir()
	p.Report = dir + "/report"
	if !strings.Contains(argv[0], "/") {
		path, err := exec.LookPath(argv[0])
		require.NoError(t, err)
		argv[0] = path
	}
	text, err := json.Marshal(p)
	require.NoError(t, err)
	cmd := exec.Command(self, argv...)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", roleVar+"=cachex", partVar+"="+string(text))
	return cmd, func() report {
		t.Helper()
		text, err := os.ReadFile(p.Report)
		require.NoError(t, err)
		var r report
		require.NoError(t, json.Unmarshal(text, &r))
		return r
	}
}
