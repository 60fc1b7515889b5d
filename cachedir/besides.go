package cachedir

// What lies in the cache directory beside entries and records of commands takes room, too: tables of memos and of
// digests, journals. Nobody notes how large these are, so they are looked at when a store looks whether it has room.
// They grow by a few bytes a run, and never beyond their own limits.

var besidesFiles = [...]string{memoTable, olderMemoTable, "stat/digests", "stat/used", "stat/gone", usageName}

// besides is what these files take on the disk, in bytes.
func (d *usage) besides() (sum int64) {
	for _, name := range besidesFiles {
		if fi, err := d.v1.Stat(name); err == nil {
			sum += fi.Disk
		}
	}
	journal, err := d.v1.Sub("journal")
	if err != nil {
		return sum
	}
	defer journal.Close()
	_ = journal.List(".", func(name string) bool {
		if fi, err := journal.Stat(name); err == nil {
			sum += fi.Disk
		}
		return true
	})
	return sum
}

// keepsLimit reports whether the limit holds if shards hold so many bytes, and the files beside them what they do.
// These count for half of the limit at most, or a cache with a small one would hold no entry; so in a cache that is not
// half full nobody looks at them.
func (d *usage) keepsLimit(shards int64) bool {
	return shards <= d.o.MaxSize/2 || shards+d.weight() <= d.o.MaxSize
}

// weight is how much of the limit the files beside the shards count for.
func (d *usage) weight() int64 { return min(d.besides(), d.o.MaxSize/2) }
