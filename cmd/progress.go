package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/runner"
)

// exitInterrupted is what shells make of Ctrl-C.
const exitInterrupted call.ExitStatus = 130

const (
	progressAfter = time.Second            // what takes less needs no progress
	progressEvery = 100 * time.Millisecond // more is only flicker
)

// watched is a pass over all entries that a person waits for: Ctrl-C ends it, a second one ends this process. At a
// terminal it says how far it is.
type watched struct {
	cachedir.Pass
	a     *App
	doing string
	begun time.Time
	stop  context.CancelFunc

	mu    sync.Mutex
	parts int
	shown time.Time
	width int // of what is there; 0: nothing
}

// watch begins a pass. It must be ended.
func watch(a *App, doing string) *watched {
	w := &watched{a: a, doing: doing, begun: time.Now()}
	w.Context, w.stop = signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(w.Context, w.stop)
	w.Done = w.show
	return w
}

func (w *watched) show(parts int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts = parts
	now := time.Now()
	if now.Sub(w.begun) < progressAfter || now.Sub(w.shown) < progressEvery || !runner.IsTerminal(w.a.Stderr) {
		return
	}
	text := fmt.Sprintf("cachex: %s: %d %%", w.doing, parts*100/cachedir.Parts)
	w.shown, w.width = now, max(w.width, len(text))
	_, _ = fmt.Fprintf(w.a.Stderr, "\r%s", text)
}

// clear makes place for a line.
func (w *watched) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.width > 0 {
		_, _ = fmt.Fprintf(w.a.Stderr, "\r%s\r", strings.Repeat(" ", w.width))
		w.width = 0
	}
}

func (w *watched) end() {
	w.clear()
	w.stop()
}

// wasInterrupted tells the error of a pass that Ctrl-C ended.
func wasInterrupted(err error) bool { return errors.Is(err, context.Canceled) }

// interrupted says how far it came.
func (w *watched) interrupted(how string) error {
	w.a.Warn(fmt.Sprintf("interrupted after %d %%: %s", w.parts*100/cachedir.Parts, how))
	return exitInterrupted
}
