//go:build unix

package runner

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// prompter is a Sink that lets the command go on after each piece that has arrived.
type prompter struct {
	sink
	to *os.File
}

func (p *prompter) Append(s Stream, b []byte) error {
	p.to.WriteString("go\n")
	return p.sink.Append(s, b)
}

// Nothing is delivered before the end, and then everything in the order of arrival although there are two pipes.
func TestHeldOutputKeepsTheOrder(t *testing.T) {
	stdin, prompts, err := os.Pipe()
	require.NoError(t, err)
	defer stdin.Close()
	defer prompts.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	const all = "1\n22\n333\n4444\n"
	tape := &prompter{to: prompts}
	var asked Result
	deliver := func(result Result) bool {
		asked = result
		require.Equal(t, all, tape.String())
		require.False(t, InputWaiting(r), "something was delivered already")
		return true
	}
	result, err := Run(Command{
		Path: "/bin/sh", Argv: sh(`echo 1; read x; echo 22 >&2; read x; echo 333; read x; echo 4444 >&2; exit 3`),
		Stdin: stdin, Stdout: w, Stderr: w, Sink: tape, Hold: &Hold{Deliver: deliver},
	})
	require.NoError(t, err)
	w.Close()
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, all, string(out))
	require.Equal(t, 3, asked.Code)
	require.True(t, asked.Complete)
	require.True(t, asked.Held)
	require.Equal(t, asked, result)
}

// Frames are in the order in which the spool delivers, whether it works or fails in the middle.
func TestFramesAreInTheOrderOfHeldDeliveryUnderLoad(t *testing.T) {
	for _, dir := range []string{t.TempDir(), "/nonexistent"} {
		t.Setenv("TMPDIR", dir)
		r, w, err := os.Pipe()
		require.NoError(t, err)
		seen := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(r)
			seen <- all
		}()
		var both sink
		text := `i=0; while [ $i -lt 20000 ]; do echo out $i; i=$((i+1)); done & i=0; while [ $i -lt 20000 ]; do echo err $i >&2; i=$((i+1)); done; wait`
		result, err := Run(Command{
			Path: "/bin/sh", Argv: sh(text), Stdout: w, Stderr: w, Sink: &both,
			Hold: &Hold{Deliver: func(Result) bool { return true }},
		})
		require.NoError(t, err)
		w.Close()
		require.True(t, result.Complete)
		require.Equal(t, dir != "/nonexistent", result.Held, "%v", result.HoldErr)
		require.True(t, both.String() == string(<-seen))
		require.Equal(t, 40000, strings.Count(both.String(), "\n"))
		r.Close()
	}
}

func TestDroppedOutput(t *testing.T) {
	for _, p := range []part{{}, {Merged: true}, {Pty: true}} {
		p.Hold = "drop"
		cmd, rep := cachex(t, p, sh(`seq 100000; echo err >&2; exit 3`)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		require.Equal(t, 3, status(t, cmd.Run()).ExitStatus())
		require.Empty(t, out.String()+errs.String())
		r := rep()
		require.True(t, r.Held && r.Dropped && r.Complete, "%+v", r.Result)
		require.True(t, strings.HasPrefix(r.Streams[Stdout], "1"))
	}
}

func TestHeldWithoutSink(t *testing.T) {
	for _, hold := range []string{"deliver", "drop"} {
		cmd, rep := cachex(t, part{Direct: true, Hold: hold}, sh(`echo out; echo err >&2`)...)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		require.NoError(t, cmd.Run())
		require.True(t, rep().Held)
		if hold == "drop" {
			require.Empty(t, out.String()+errs.String())
			continue
		}
		require.Equal(t, "out\n", out.String())
		require.Equal(t, "err\n", errs.String())
	}
}

func TestHeldMergedKeepsTheOrder(t *testing.T) {
	cmd, rep := cachex(t, part{Merged: true, Hold: "deliver"}, sh(`echo 1; echo 2 >&2; echo 3; echo 4 >&2`)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "1\n2\n3\n4\n", string(out))
	require.True(t, rep().Held)
}

// Keys reach a command whose output is held.
func TestHeldPtyAtATerminal(t *testing.T) {
	cmd, rep := cachex(t, part{Pty: true, Hold: "deliver"},
		sh(`test -t 1 && echo terminal; read line; echo "<$line>"`)...)
	keys, screen := atTerminal(t, cmd)
	io.WriteString(keys, "one\r")
	expect(t, screen, "terminal")
	expect(t, screen, "<one>")
	require.NoError(t, cmd.Wait())
	require.True(t, rep().Held)
}

func numbers(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(strconv.Itoa(i) + "\n")
	}
	return b.String()
}

// Without a place for the spool nothing is lost or doubled, and from then on delivery is live.
func TestHeldWithoutATemporaryDirectory(t *testing.T) {
	cmd, rep := cachex(t, part{Hold: "drop"}, sh(`seq 200000; read x; echo end; exit 4`)...)
	cmd.Env = append(cmd.Env, "TMPDIR=/nonexistent")
	keys, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	want := numbers(200000)
	got := make([]byte, len(want))
	_, err = io.ReadFull(out, got)
	require.NoError(t, err)
	require.True(t, want == string(got))
	io.WriteString(keys, "go\n")
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, "end\n", string(rest))
	require.Equal(t, 4, status(t, cmd.Wait()).ExitStatus())
	r := rep()
	require.False(t, r.Held || r.Dropped)
	require.True(t, r.Complete)
	require.Contains(t, r.HoldErrText, "no such file")
}

// The same when the file takes a part of a write and no more.
func TestHeldWithALimitOfFileSize(t *testing.T) {
	cmd, rep := cachex(t, part{Hold: "drop"}, sh(`seq 100000; seq 100000 >&2; seq 100000; seq 100000 >&2`)...)
	outer := exec.Command("/bin/sh",
		append([]string{"-c", `ulimit -f 900; exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)...)
	outer.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
	var out, errs bytes.Buffer
	outer.Stdout, outer.Stderr = &out, &errs
	require.NoError(t, outer.Run())
	want := numbers(100000) + numbers(100000)
	require.True(t, want == out.String())
	require.True(t, want == errs.String())
	r := rep()
	require.False(t, r.Held || r.Dropped)
	require.True(t, r.Complete)
	require.Contains(t, r.HoldErrText, "file too large")
}

// The reader of stdout goes while the output is held: the delivery of stderr goes on.
func TestClosedReaderCutsHeldDelivery(t *testing.T) {
	cmd, rep := cachex(t, part{Hold: "deliver"}, sh(`read x; echo out; echo err >&2; echo out; exit 6`)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	keys, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	out.Close()
	io.WriteString(keys, "go\n")
	require.Equal(t, 6, status(t, cmd.Wait()).ExitStatus())
	require.Equal(t, "err\n", errs.String())
	r := rep()
	require.Contains(t, r.CutText, "broken pipe")
	require.True(t, r.Held)
	require.False(t, r.Dropped || r.Complete)
}

// The same when it shows because the spool fails: the command's next write fails as well.
func TestClosedReaderCutsWhenTheSpoolFails(t *testing.T) {
	cmd, rep := cachex(t, part{Hold: "deliver"}, "yes")
	cmd.Env = append(cmd.Env, "TMPDIR="+filepath.Join(t.TempDir(), "absent"))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	r.Close()
	cmd.Stdout = w
	err = cmd.Run()
	w.Close()
	require.Equal(t, syscall.SIGPIPE, status(t, err).Signal())
	require.Contains(t, rep().CutText, "broken pipe")
	require.False(t, rep().Complete)
}

// What the user has already is left out of the delivery, in memory and from the file, and Deliver is asked when all was
// seen.
func TestRestOfHeldOutput(t *testing.T) {
	const had = 300_000 // bytes of stdout: more than stays in memory
	for _, deliver := range []bool{true, false} {
		out, outs := collected(t)
		errs, errors := collected(t)
		var shown [2][]byte
		passes := 0
		hold := &Hold{
			Deliver: func(Result) bool {
				require.Len(t, shown[Stdout], had+100_000)
				require.Equal(t, "err\n", string(shown[Stderr]))
				return deliver
			},
			Rest: func() func(Stream, []byte) []byte {
				passes++
				shown = [2][]byte{}
				return func(s Stream, b []byte) []byte {
					before := len(shown[s])
					shown[s] = append(shown[s], b...)
					if s == Stderr {
						return b
					}
					return b[min(len(b), max(0, had-before)):]
				}
			},
		}
		text := `head -c 400000 /dev/zero | tr '\0' x; echo err >&2`
		result, err := Run(Command{Path: "/bin/sh", Argv: sh(text), Stdout: out, Stderr: errs, Hold: hold})
		require.NoError(t, err)
		out.Close()
		errs.Close()
		require.Equal(t, !deliver, result.Dropped)
		require.Equal(t, deliver, passes == 2)
		if deliver {
			require.True(t, strings.Repeat("x", 100_000) == string(<-outs), "stdout")
			require.Equal(t, "err\n", string(<-errors))
		} else {
			require.Empty(t, <-outs)
			require.Empty(t, <-errors)
		}
	}
}

// collected returns the writing end of a pipe, and what is read from it once it was closed.
func collected(t *testing.T) (*os.File, <-chan []byte) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	seen := make(chan []byte, 1)
	go func() {
		defer r.Close()
		all, _ := io.ReadAll(r)
		seen <- all
	}()
	return w, seen
}
