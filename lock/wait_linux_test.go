package lock

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// blockedOn counts who is blocked in flock on the file at path now: the kernel lists them in /proc/locks.
func blockedOn(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	st := info.Sys().(*syscall.Stat_t)
	file := fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino)
	locks, err := os.ReadFile("/proc/locks")
	require.NoError(t, err)
	n := 0
	for line := range strings.Lines(string(locks)) {
		if strings.Contains(line, "-> FLOCK") && strings.Contains(line, " "+file+" ") {
			n++
		}
	}
	return n
}

// untilBlocked returns when n are blocked on the file at path.
func untilBlocked(t *testing.T, path string, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return blockedOn(t, path) == n }, hangGuard, time.Millisecond)
}

// outcome is how a Wait ended.
type outcome struct {
	l    *Lock
	note []byte
	err  error
}

func waitInBackground(ctx context.Context, p File, held Held) <-chan outcome {
	ended := make(chan outcome, 1)
	go func() {
		l, note, err := Wait(ctx, p, held, "background")
		ended <- outcome{l, note, err}
	}()
	return ended
}

// Seen to fail when Finish unlinks before it writes the note, and when it writes none.
func TestEveryWaiterReadsTheNote(t *testing.T) {
	const waiters = 32
	for _, note := range []string{"", "a note\nof two lines", strings.Repeat("\xff", MaxNote)} {
		p := tempFile(t)
		l := mustTry(t, p)
		var ended []<-chan outcome
		for range waiters {
			ended = append(ended, waitInBackground(guarded(t), p, Held{}))
		}
		untilBlocked(t, p.Path(), waiters)
		require.NoError(t, l.Finish([]byte(note)))
		for _, e := range ended {
			require.Equal(t, outcome{note: []byte(note)}, <-e)
		}
		require.NoFileExists(t, p.Path())
	}
}

// Seen to fail when a waiter does not look at the note of a file without a name.
func TestProcessesWaitForProcesses(t *testing.T) {
	const waiters = 6
	p := tempFile(t)
	leader := start(t, "wait", "", p.Path())
	require.Equal(t, "lead", leader.says())
	var all []*process
	for range waiters {
		all = append(all, start(t, "wait", "", p.Path()))
	}
	untilBlocked(t, p.Path(), waiters)
	leader.goOn()
	require.Empty(t, leader.rest(t))
	for _, w := range all {
		require.Equal(t, []string{"note from a process"}, w.rest(t))
	}
}

// Leaders are killed one after another: each time exactly one of the others takes over, and the rest stay blocked. Seen
// to fail when a waiter that is granted a file with its name does not keep it.
func TestOneTakesOverFromTheDead(t *testing.T) {
	const waiters = 4
	p := tempFile(t)
	leader := start(t, "wait", "", p.Path())
	require.Equal(t, "lead", leader.says())
	type heard struct {
		by   *process
		line string
	}
	first := make(chan heard, waiters)
	for range waiters {
		w := start(t, "wait", "", p.Path())
		go func() { first <- heard{w, w.says()} }()
	}
	untilBlocked(t, p.Path(), waiters)
	for left := waiters - 1; left >= 0; left-- {
		leader.kill()
		h := <-first
		require.Equal(t, "lead", h.line)
		require.Equal(t, left, blockedOn(t, p.Path()))
		leader = h.by
		r, held := Holder(p)
		require.True(t, held)
		require.Equal(t, leader.cmd.Process.Pid, r.PID)
	}
	leader.goOn()
	require.Empty(t, leader.rest(t))
	require.NoFileExists(t, p.Path())
}

// A holder that dies between its note and the removal has not finished: who waits leads.
func TestNoteWithoutRemovalIsNoEnd(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	ended := waitInBackground(guarded(t), p, Held{})
	untilBlocked(t, p.Path(), 1)
	require.NoError(t, l.leave([]byte("written")))
	require.NoError(t, l.Abandon()) // what the kernel does
	o := <-ended
	require.NoError(t, o.err)
	require.NotNil(t, o.l)
	require.NoError(t, o.l.Finish(nil))
}

// Who has opened such a file when a cleaner removes it does not read the note of a holder that was gone before.
func TestSweptFileSaysNothing(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	require.NoError(t, l.leave([]byte("old")))
	require.NoError(t, l.Abandon())
	o := <-waitInBackground(guarded(t), sweptFile{p, t}, Held{})
	require.Equal(t, outcome{}, outcome{note: o.note, err: o.err})
	require.Equal(t, state{exists: true, held: true}, stateOf(t, p))
	require.NoError(t, o.l.Finish(nil))
}

// sweptFile is swept after each open of a file with content.
type sweptFile struct {
	File
	t *testing.T
}

func (p sweptFile) Open() (*os.File, error) {
	f, err := p.File.Open()
	if info, e := f.Stat(); e == nil && info.Size() > 0 {
		_, e = Sweep(p.File)
		require.NoError(p.t, e)
	}
	return f, err
}

// Seen to fail when the thread that was left behind keeps what it is granted.
func TestCancelledWaitKeepsNothing(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	ctx, cancel := context.WithCancel(guarded(t))
	ended := waitInBackground(ctx, p, Held{})
	untilBlocked(t, p.Path(), 1)
	cancel()
	require.Equal(t, outcome{err: context.Canceled}, <-ended)
	require.Equal(t, 1, blockedOn(t, p.Path()), "the thread is still there, and first in the line")
	second := waitInBackground(guarded(t), p, Held{})
	untilBlocked(t, p.Path(), 2)
	require.NoError(t, l.Abandon())
	o := <-second
	require.NoError(t, o.err)
	require.NotNil(t, o.l)
	require.NoError(t, o.l.Finish(nil))
	_, _, err := Wait(ctx, p, Held{}, "")
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, p.Path())
}

// A killed waiter harms nobody.
func TestKilledWaiter(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	killed, other := start(t, "wait", "", p.Path()), start(t, "wait", "", p.Path())
	untilBlocked(t, p.Path(), 2)
	require.Empty(t, killed.kill())
	untilBlocked(t, p.Path(), 1)
	require.NoError(t, l.Finish([]byte("n")))
	require.Equal(t, []string{"note n"}, other.rest(t))
}

// Seen to fail when block tries again and again, with a millisecond between, instead of blocking.
func TestWaitingUsesNoCPU(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	w := start(t, "wait", "", p.Path())
	untilBlocked(t, p.Path(), 1)
	// The threads of the Go runtime come to rest a while after the start; then nothing wakes up at all.
	last := -1
	require.Eventually(t, func() bool {
		before := last
		last = wakesOf(t, w)
		return last == before
	}, hangGuard, 200*time.Millisecond)
	require.NoError(t, l.Finish(nil))
	w.rest(t)
}

// wakesOf counts how often the threads of a process went to sleep.
func wakesOf(t *testing.T, p *process) (n int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.cmd.Process.Pid))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		_, after, found := strings.Cut(string(text), "\nvoluntary_ctxt_switches:")
		require.True(t, found)
		count, _, _ := strings.Cut(after, "\n")
		i, err := strconv.Atoi(strings.TrimSpace(count))
		require.NoError(t, err)
		n += i
	}
	return n
}
