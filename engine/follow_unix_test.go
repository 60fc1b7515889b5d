//go:build unix

package engine

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// piece is some output.
type piece struct {
	stream runner.Stream
	text   string
}

// TestResume is the truth table of what may be printed after what was printed: streams apart, then in one file.
func TestResume(t *testing.T) {
	const out, errs = runner.Stdout, runner.Stderr
	for name, c := range map[string]struct {
		printed, run   []piece
		one            bool // both streams are one file
		begins, differ bool
		rest           string
	}{
		"nothing printed": {nil, []piece{{out, "a"}}, false, true, false, "a"},
		"nothing at all":  {nil, nil, false, true, false, ""},
		"the beginning": {
			[]piece{{out, "ab"}},
			[]piece{{out, "abc"}, {errs, "x"}},
			false, true, false, "cx",
		},
		"all of it": {
			[]piece{{out, "ab"}, {errs, "x"}},
			[]piece{{out, "ab"}, {errs, "x"}},
			false, true, false, "",
		},
		"in small pieces": {
			[]piece{{out, "a"}, {out, "b"}},
			[]piece{{out, "abc"}},
			false, true, false, "c",
		},
		"held against small pieces": {
			[]piece{{out, "abc"}},
			[]piece{{out, "a"}, {out, "b"}, {out, "c"}, {out, "d"}},
			false, true, false, "d",
		},
		"something else":               {[]piece{{out, "ab"}}, []piece{{out, "aXc"}}, false, false, true, "c"},
		"too short":                    {[]piece{{out, "ab"}}, []piece{{out, "a"}}, false, false, false, ""},
		"nothing came":                 {[]piece{{out, "ab"}}, nil, false, false, false, ""},
		"the same on the other stream": {[]piece{{out, "ab"}}, []piece{{errs, "ab"}}, false, false, false, "ab"},
		"one stream differs": {
			[]piece{{out, "ab"}, {errs, "x"}},
			[]piece{{out, "ab"}, {errs, "y"}},
			false, false, true, "",
		},
		"another order of two files": {
			[]piece{{out, "a"}, {errs, "x"}, {out, "b"}},
			[]piece{{errs, "x"}, {out, "abc"}},
			false, true, false, "c",
		},
		"another order in one file": {
			[]piece{{out, "a"}, {errs, "x"}, {out, "b"}},
			[]piece{{errs, "x"}, {out, "abc"}},
			true, false, true, "c",
		},
		"the same order in one file": {
			[]piece{{out, "a"}, {errs, "x"}},
			[]piece{{out, "a"}, {errs, "xy"}, {out, "b"}},
			true, true, false, "yb",
		},
		"one file, recorded through a pipe": {
			[]piece{{out, "a"}, {errs, "x"}},
			[]piece{{out, "axb"}},
			true, true, false, "b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr := bothOutputs(t, c.one)
			o := outputTo(stdout, stderr)
			for _, p := range c.printed {
				require.True(t, o.print(uint8(p.stream), []byte(p.text)))
			}
			seen := o.resume()
			var got bytes.Buffer
			for _, p := range c.run {
				w := &resumeWriter{seen, p.stream, &got}
				n, err := w.Write([]byte(p.text))
				require.NoError(t, err)
				require.Equal(t, len(p.text), n)
			}
			require.Equal(t, c.begins, seen.begins())
			require.Equal(t, c.differ, seen.differs())
			require.Equal(t, c.rest, got.String())
		})
	}
}

func outputTo(stdout, stderr *os.File) *output {
	return &output{caller: &caller{Request: &Request{}, io: &streams{stdout: stdout, stderr: stderr}}}
}

// outputs makes two files, or one twice.
func bothOutputs(t *testing.T, one bool) (stdout, stderr *os.File) {
	t.Helper()
	create := func() *os.File {
		f, err := os.CreateTemp(t.TempDir(), "")
		require.NoError(t, err)
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	if stdout = create(); one {
		return stdout, stdout
	}
	return stdout, create()
}

// A writer that takes less than it was given is told so in bytes of what it was given.
func TestResumeWriterCountsWhatItLeftOut(t *testing.T) {
	o := &output{}
	o.printed[runner.Stdout].add([]byte("ab"))
	apart := func(s runner.Stream) runner.Stream { return s }
	w := &resumeWriter{&resume{printed: o.printed, streamOf: apart}, runner.Stdout, takesOne{}}
	n, err := w.Write([]byte("abcd"))
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.Equal(t, 3, n)
}

type takesOne struct{}

func (takesOne) Write([]byte) (int, error) { return 1, io.ErrShortWrite }

// A word takes the place of an error only at a terminal; a follower that printed nothing may print anything.
func TestRestart(t *testing.T) {
	stdout, stderr := bothOutputs(t, false)
	words := 0
	o := outputTo(stdout, stderr)
	o.caller.Restarted = func(bool) { words++ }
	require.True(t, o.restart())
	require.True(t, o.print(0, []byte("x")))
	require.True(t, o.midLine)
	require.True(t, o.print(0, []byte("\n")))
	require.False(t, o.midLine)
	require.False(t, o.restart())
	require.Zero(t, words)
	require.True(t, o.any())
}

// Who would rather have something else than what is under way does not follow it.
func TestFollows(t *testing.T) {
	stdout, stderr := bothOutputs(t, false)
	q := newQueue(newRun(&Engine{}, outputTo(stdout, stderr).caller))
	require.False(t, q.follows(), "nobody asked, and it is no terminal")
	q.caller.Follow = true
	require.True(t, q.follows())
	q.caller.Refresh = true
	require.False(t, q.follows())
}

// The output of an own run is compared when it has ended, and only the rest is delivered, with or without a record of
// it.
func TestHoldRest(t *testing.T) {
	for _, c := range []struct {
		printed, own string
		rest         string
		mixed        bool
	}{
		{"one\n", "one\ntwo\n", "two\n", false},
		{"one\n", "uno\ntwo\n", "", true},
		{"one\ntwo\n", "one\n", "", true},
	} {
		stdout, stderr := bothOutputs(t, false)
		o := outputTo(stdout, stderr)
		require.True(t, o.print(0, []byte(c.printed)))
		res, err := runner.Run(runner.Command{
			Path: "/bin/sh", Argv: []string{"sh", "-c", "printf '" + strings.ReplaceAll(c.own, "\n", `\n`) + "'"},
			Stdout: stdout, Stderr: stderr, Hold: o.holdRest(),
		})
		require.NoError(t, err)
		got, err := os.ReadFile(stdout.Name())
		require.NoError(t, err)
		require.Equal(t, c.printed+c.rest, string(got))
		require.Equal(t, c.mixed, o.mixed(res) != nil)
		require.Equal(t, c.mixed, res.Dropped)
	}
}

// Two callers of one recipe: the second gets each byte while the first has not ended, and the same result, from one
// execution.
func TestDoFollows(t *testing.T) {
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	require.NoError(t, syscall.Mkfifo(gate, 0o600))
	text := "echo x >>count; echo one; echo err >&2; read -r _ <gate; echo two; exit 3"
	do := func(follow bool) (stdout, stderr *os.File, done chan Outcome) {
		outRead, outWrite, err := os.Pipe()
		require.NoError(t, err)
		errRead, errWrite, err := os.Pipe()
		require.NoError(t, err)
		done = make(chan Outcome, 1)
		go func() {
			defer outWrite.Close()
			defer errWrite.Close()
			e := Engine{Open: func() (*cachedir.Dir, error) {
				return cachedir.Open(filepath.Join(dir, "cache"), cachedir.Options{})
			}}
			out, err := e.Do(t.Context(), Request{
				Spec: hashing.Spec{
					Argv: []string{"sh", "-c", text}, Dir: dir, Environ: append(os.Environ(), "PWD="+dir),
				},
				Wait: Forever, CacheExit: exits(0), Follow: follow, Stdout: outWrite, Stderr: errWrite,
			})
			require.NoError(t, err)
			done <- out
		}()
		return outRead, errRead, done
	}
	expect := func(f *os.File, want string) {
		b := make([]byte, len(want))
		_, err := io.ReadFull(f, b)
		require.NoError(t, err)
		require.Equal(t, want, string(b))
	}
	t.Chdir(dir)
	out1, err1, first := do(false)
	expect(out1, "one\n")
	out2, err2, second := do(true)
	expect(out2, "one\n")
	expect(err2, "err\n")
	require.NoError(t, os.WriteFile(gate, []byte("go\n"), 0))
	for _, f := range []*os.File{out1, out2} {
		b, err := io.ReadAll(f)
		require.NoError(t, err)
		require.Equal(t, "two\n", string(b))
	}
	_, err := io.Copy(io.Discard, io.MultiReader(err1, err2))
	require.NoError(t, err)
	a, b := <-first, <-second
	require.Equal(t, 3, a.Code)
	require.Equal(t, 3, b.Code)
	require.Equal(t, stats.Shared, b.Served)
	runs, err := os.ReadFile("count")
	require.NoError(t, err)
	require.Equal(t, "x\n", string(runs))
}
