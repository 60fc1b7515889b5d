//go:build unix

package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

const hostVariable = "ENGINE_TEST_HOST"

// TestMain is also a program that has a result delivered to a pipe, see TestBrokenPipe.
func TestMain(m *testing.M) {
	dir, isHost := os.LookupEnv(hostVariable)
	if !isHost {
		os.Exit(m.Run())
	}
	cache := open(dir)
	for range 2 { // first of a run, then of what was stored
		q := engine.Request{Spec: shell(dir, "seq 100000"), TTL: time.Hour}
		withPipe := q
		withPipe.Stdout = os.Stdout
		_, err := cache.Do(context.Background(), withPipe)
		var undelivered *engine.DeliveryError
		fmt.Fprintln(os.Stderr, errors.As(err, &undelivered))
		if _, err := cache.Do(context.Background(), q); err != nil {
			panic(err)
		}
	}
}

func open(dir string) *engine.Engine {
	return &engine.Engine{Open: func() (*cachedir.Dir, error) {
		return cachedir.Open(filepath.Join(dir, "cache"), cachedir.Options{})
	}}
}

func shell(dir, text string) hashing.Spec {
	return hashing.Spec{Argv: []string{"sh", "-c", text}, Dir: dir, Environ: os.Environ()}
}

// A pipe that nobody reads is an error of the call, and does not end the program.
func TestBrokenPipe(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	r.Close()
	defer w.Close()
	var said bytes.Buffer
	host := exec.Command(exe)
	host.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", hostVariable+"="+t.TempDir())
	host.Stdout, host.Stderr = w, &said
	require.NoError(t, host.Run(), said.String())
	require.Equal(t, "true\ntrue\n", said.String())
}

// Fields that nobody has set mean what is usual, and an engine serves any number of requests.
func TestUnsetFields(t *testing.T) {
	dir := t.TempDir()
	cache := open(dir)
	defer cache.Close()
	t.Chdir(dir)
	t.Setenv("WORD", "seen")
	argv := []string{"sh", "-c", "echo $WORD; pwd; echo ran >>runs"}
	q := engine.Request{Spec: hashing.Spec{Argv: argv}, TTL: time.Hour}
	for _, want := range []stats.Served{stats.Missed, stats.Hit, stats.Hit} {
		var stdout bytes.Buffer
		q.Stdout = &stdout
		out, err := cache.Do(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, want, out.Served, out.Warning)
		word, pwd, _ := strings.Cut(strings.TrimSpace(stdout.String()), "\n")
		require.Equal(t, "seen", word)
		require.Equal(t, filepath.Base(dir), filepath.Base(pwd))
	}
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	require.NoError(t, err)
	require.Equal(t, "ran\n", string(runs))

	q.Spec = shell(dir, "exit 3")
	for range 2 { // only exit code 0 is replayed
		out, err := cache.Do(t.Context(), q)
		require.NoError(t, err)
		require.Equal(t, stats.Missed, out.Served)
		require.Equal(t, 3, out.Code)
	}
}

// Two streams that are one writer keep their order.
func TestOneWriter(t *testing.T) {
	dir := t.TempDir()
	cache := open(dir)
	defer cache.Close()
	for range 2 {
		var both bytes.Buffer
		_, err := cache.Do(t.Context(), engine.Request{
			Spec: shell(dir, "echo 1; echo 2 >&2; echo 3"), TTL: time.Hour, Stdout: &both, Stderr: &both,
		})
		require.NoError(t, err)
		require.Equal(t, "1\n2\n3\n", both.String())
	}
}

// What was recorded where both streams are one writer is found again by who has one, and by nobody else.
func TestLookAtOneWriter(t *testing.T) {
	dir := t.TempDir()
	cache := open(dir)
	defer cache.Close()
	var both, other bytes.Buffer
	q := engine.Request{Spec: shell(dir, "echo 1; echo 2 >&2"), TTL: time.Hour, Stdout: &both, Stderr: &both}
	out, err := cache.Do(t.Context(), q)
	require.NoError(t, err)
	require.True(t, out.Stored, out.NotStored)

	store, err := cachedir.Open(filepath.Join(dir, "cache"), cachedir.Options{})
	require.NoError(t, err)
	defer store.Close()
	recipe, err := hashing.Capture(q.Spec, store.Digests())
	require.NoError(t, err)
	q.CacheExit = func(code int) bool { return code == 0 }
	require.Empty(t, engine.Look(store, recipe, q).Reason)
	q.Stderr = &other
	require.Equal(t, stats.Changed, engine.Look(store, recipe, q).Reason)
}

var errFull = errors.New("full")

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, errFull }

func TestWriterThatFails(t *testing.T) {
	dir := t.TempDir()
	cache := open(dir)
	defer cache.Close()
	for range 2 {
		q := engine.Request{Spec: shell(dir, "seq 100000"), TTL: time.Hour, Stdout: fullWriter{}}
		_, err := cache.Do(t.Context(), q)
		var undelivered *engine.DeliveryError
		require.ErrorAs(t, err, &undelivered)
		require.ErrorIs(t, err, errFull)
		_, err = cache.Do(t.Context(), engine.Request{Spec: shell(dir, "seq 100000"), TTL: time.Hour})
		require.NoError(t, err)
	}
}

// Who gives up kills the command that runs for him, and waits for nobody's.
func TestCanceled(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for what is canceled")
	}
	dir := t.TempDir()
	cache := open(dir)
	defer cache.Close()
	q := engine.Request{Spec: shell(dir, "echo begun; exec sleep 600"), TTL: time.Hour, Wait: engine.Forever}
	leading, giveUp := context.WithCancel(t.Context())
	r, w := io.Pipe()
	led := make(chan error)
	go func() {
		q := q
		q.Stdout = w
		out, err := cache.Do(leading, q)
		if out.Stored {
			err = errors.New("stored")
		}
		led <- err
	}()
	_, err := io.ReadFull(r, make([]byte, len("begun\n")))
	require.NoError(t, err)

	waiting, stop := context.WithCancel(t.Context())
	waited := make(chan error)
	q.Waiting = func(engine.Wait) { stop() }
	go func() {
		_, err := cache.Do(waiting, q)
		waited <- err
	}()
	require.ErrorIs(t, <-waited, context.Canceled)
	giveUp()
	require.ErrorIs(t, <-led, context.Canceled)
	_, err = cache.Do(leading, q)
	require.ErrorIs(t, err, context.Canceled)
}

// Callers in one process share an execution as processes do.
func TestConcurrentCallers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many runs")
	}
	dir := t.TempDir()
	gate := filepath.Join(dir, "gate")
	require.NoError(t, unix.Mkfifo(gate, 0o600))
	cache := open(dir)
	defer cache.Close()
	q := engine.Request{
		Spec: shell(dir, "echo ran >>runs; read line <gate; echo done"), TTL: time.Hour, Wait: engine.Forever,
	}
	q.Spec.IgnoreWords = true
	const callers = 20
	waiting := make(chan struct{}, callers)
	q.Waiting = func(engine.Wait) { waiting <- struct{}{} }
	served := make(chan stats.Served, callers)
	for range callers {
		go func() {
			q := q
			var stdout bytes.Buffer
			q.Stdout = &stdout
			out, err := cache.Do(t.Context(), q)
			if err != nil || stdout.String() != "done\n" {
				t.Error(err, stdout.String())
			}
			served <- out.Served
		}()
	}
	for range callers - 1 {
		<-waiting
	}
	require.NoError(t, os.WriteFile(gate, []byte("\n"), 0))
	counts := map[stats.Served]int{}
	for range callers {
		counts[<-served]++
	}
	require.Equal(t, map[stats.Served]int{stats.Missed: 1, stats.Shared: callers - 1}, counts)
	runs, err := os.ReadFile(filepath.Join(dir, "runs"))
	require.NoError(t, err)
	require.Equal(t, "ran\n", string(runs))
}
