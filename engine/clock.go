package engine

import (
	"time"

	"github.com/cachex-cli/cachex/cachedir"
)

// moment is an instant on the clock that no one can set: nanoseconds since this boot of this machine. Two moments are
// only compared on one clock, which clockID names.
type moment int64

// clockStep is how far the wall clock may be set while a run lasts that others wait for. A boot clock that was set back
// with all of its machine, from a snapshot, is off by more: whoever restores one sets the wall clock right.
const clockStep = time.Second

// sameClock reports whether the boot times of an entry are from the clock that this reader reads, as far as that can be
// told.
func (r reader) sameClock(e *cachedir.Entry) bool {
	now := r.boot()
	if e.BootID == [16]byte{} || e.BootID != clockID() || moment(e.EndedBoot) > now {
		return false
	}
	if e.Imported() {
		return true // its wall clock is that of another host, and it came with this very run
	}
	zero := e.Ended.Add(-time.Duration(e.EndedBoot))
	return r.now().Add(-time.Duration(now)).Sub(zero).Abs() <= clockStep
}
