package engine

import (
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"github.com/cachex-cli/cachex/lock"
)

// Wait is what is known of a run that another one waits for.
type Wait struct {
	PID   int           // as that process sees itself; 0: not known
	Since time.Duration // how long it has been at it; negative: not known
	Usual time.Duration // how long this command usually takes; 0: not known

	// Unseen says that this caller sees what commands write while it waits for them, but not of this one, as nobody
	// knows it yet: it has to ask, with Follow.
	Unseen bool
}

const (
	patience = 3 * time.Second // how long a wait is not worth a word
	surprise = time.Second     // the same for who expects to see something meanwhile
)

// waitNotice is a word on a wait that has become long. It is given once a run.
type waitNotice struct{ given sync.Once }

// after gives it when so much time has passed, and never after stop.
func (n *waitNotice) after(d time.Duration, give func()) (stop func()) {
	timer := time.AfterFunc(d, func() { n.given.Do(give) })
	return func() { timer.Stop() }
}

// tellWaiting calls the caller's Waiting when a wait has become long.
func (q *queue) tellWaiting(place lock.File) (stop func()) {
	if q.caller.Waiting == nil {
		return func() {}
	}
	usual, unseen, after := q.inputs.usual(), q.wantsToFollow() && !q.follows(), patience
	if unseen {
		after = surprise
	}
	return q.notice.after(after, func() {
		w := Wait{Since: -1, Usual: usual, Unseen: unseen}
		if holder, held := lock.Holder(place); held {
			w.PID, w.Since = holder.PID, sinceAbout(holder.About)
		}
		q.caller.Waiting(w)
	})
}

// sinceAbout is how long ago the run that wrote this into its lock arrived; negative where that cannot be told.
func sinceAbout(about string) time.Duration {
	var boot string
	var arrived int64
	if _, err := fmt.Sscanf(about, "%s %d", &boot, &arrived); err != nil {
		return -1
	}
	own := clockID()
	if boot != hex.EncodeToString(own[:]) {
		return -1
	}
	return time.Duration(int64(bootNow()) - arrived)
}
