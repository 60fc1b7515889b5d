package cachedir

import "os"

const (
	memoTable = "stat/memos" // what the short way to a hit remembers
	// olderMemoTable is that of older programs. Whoever begins the new one removes it; where such a program is still in
	// use there are both. It is never larger than 16 MiB.
	olderMemoTable = "memo/table"
)

// The table of memos may take a 64th of the limit, as those of digests and of use may, but unlike them it has its whole
// size from the beginning, and holes where nothing was written. So it is always full of room: most memos of a small
// cache have a page of their own, and no page has to be split while others read and write there. That was tried: by
// splitting, a table that 18,000 memos were put into had 94 instead of 98 to 100 of 100 when it was used next, and took
// 62 MiB on the disk instead of 39 to 50, for blocks that memos have moved away from stay.
//
// It has no lock. Of two who write to a page at once one may overwrite what the other has put there, and what is being
// written when somebody is killed may be lost. All that it costs is that the next hit goes the ordinary way, and writes
// its memo anew.

// PutMemo writes a memo of the short way into its page: at says where that begins in a file of so many bytes, with adds
// the memo to those that are there. If it cannot be written later hits do without their shortcut.
func (d *opened) PutMemo(pageSize int, at func(size int64) int64, with func(page []byte) []byte) {
	if d.o.ReadOnly || d.v1.IsForeign() {
		return
	}
	f, fi, err := d.v1.OpenInPlace(memoTable, os.O_RDWR)
	if err != nil {
		return
	}
	defer f.Close()
	if fi.Size == 0 {
		_ = d.v1.Remove(olderMemoTable)
	}
	if size := int64(tableBuckets(d.o.MaxSize)) * bucketSize; fi.Size != size {
		if f.Truncate(size) != nil {
			return
		}
		fi.Size = size
	}
	begin, old := at(fi.Size), make([]byte, pageSize)
	_, _ = f.ReadAt(old, begin) // what cannot be read is zeros
	page := with(old)
	from, to := differ(old, page)
	_ = f.WriteAt(page[from:to], begin+int64(from))
}

// differ returns where the first and behind the last byte is in which two pages differ.
func differ(a, b []byte) (from, to int) {
	to = min(len(a), len(b))
	for from < to && a[from] == b[from] {
		from++
	}
	for from < to && a[to-1] == b[to-1] {
		to--
	}
	return from, to
}

// forgetMemos removes all memos.
func (d *opened) forgetMemos() {
	for _, name := range [...]string{memoTable, olderMemoTable} {
		_ = d.v1.Remove(name)
	}
}
