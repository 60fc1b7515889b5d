package cachedir

import "time"

// LeastSaved is what the shortest run saves, and the record of a command.
const LeastSaved = time.Millisecond

// worth is what it is worth to keep something: the seconds that one use of it saves, times its uses, for each byte that
// it takes and each second since it was used or stored. The store itself is the first use; uses are the hours in which
// there were others. A run of less than LeastSaved counts as that, and idleness of less than a second as one.
func worth(saved time.Duration, uses uint64, bytes int64, idle time.Duration) float64 {
	saved, idle = max(saved, LeastSaved), max(idle, time.Second)
	return saved.Seconds() * float64(1+uses) / (float64(bytes) * idle.Seconds())
}
