//go:build amd64 || arm64

package trace

import (
	"bytes"
	"fmt"
	"iter"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// threads are those that made a call which was notified, by their numbers. What has never called is not among them, as
// a process is that was forked and ends.
type threads struct {
	seen map[int]bool
	last int // that was added; 0: none
	room int // so many may be seen until those that are gone are looked for
}

func (t *threads) add(thread int) {
	if thread == t.last {
		return
	}
	t.last = thread
	if t.seen[thread] {
		return
	}
	if t.seen == nil {
		t.seen, t.room = map[int]bool{}, 1<<12
	}
	if len(t.seen) >= t.room {
		for thread := range t.seen {
			if unix.Kill(thread, 0) == unix.ESRCH {
				delete(t.seen, thread)
			}
		}
		t.room = max(t.room, 2*len(t.seen))
	}
	t.seen[thread] = true
}

// left tells of threads that are left of a command why they have not ended.
type left struct {
	ran    map[int]time.Duration // for how long a thread that wants to run had run, at the last look
	looked time.Time
}

// goesOn reports whether one of them would end if it was waited for: it is ending, waits for a disk, or wants to run
// and since the last look has had a processor for less than half of the time. What waits for something else, and what
// runs as fast as it can, may do so for ever.
func (l *left) goesOn(threads iter.Seq[int]) (going bool) {
	now := time.Now()
	since := now.Sub(l.looked)
	ran := map[int]time.Duration{}
	for thread := range threads {
		state, ending := stateOf(thread)
		switch {
		case ending, state == 'D':
			going = true
		case state == 'R':
			ran[thread] = ranFor(thread)
			was, before := l.ran[thread]
			going = going || !before || 2*(ran[thread]-was) < since
		}
	}
	l.ran, l.looked = ran, now
	return going
}

// stateOf returns the state of a thread, as proc(5) has it, and whether it is ending; 0: it is gone.
func stateOf(thread int) (state byte, ending bool) {
	const flags, exiting = 9 - 3, 4 // of what stands behind the name, and PF_EXITING of linux/sched.h
	fields := statOf(thread)
	if len(fields) <= flags {
		return 0, false
	}
	state = fields[0][0]
	n, _ := strconv.ParseUint(string(fields[flags]), 10, 64)
	return state, n&exiting != 0 && state != 'Z'
}

// statOf returns what /proc/PID/stat says of a thread behind its name; nothing: it is gone.
func statOf(thread int) (fields [][]byte) {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", thread))
	return bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
}

// isBelow reports whether a process was started by another one, or by one that was: all that are in between are there.
func isBelow(process, top int) bool {
	const parent, deepest = 4 - 3, 1000 // of what stands behind the name
	for range deepest {
		fields := statOf(process)
		if process == top || len(fields) <= parent {
			return process == top
		}
		process, _ = strconv.Atoi(string(fields[parent]))
	}
	return false
}

// ranFor is how long a thread has had a processor.
func ranFor(thread int) time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", thread))
	ran, _, _ := bytes.Cut(b, []byte(" "))
	n, _ := strconv.ParseInt(string(ran), 10, 64)
	return time.Duration(n)
}
