package fastpath

// The table of memos is a file of pages. A page holds memos one behind the other, those that were put there first in
// front, and zeros behind the last. Most commands find theirs in the first 2 KiB of a page, all by four reads. A memo
// is believed for its address and its checksum, wherever it lies; so of a page that is being written, or of which only
// a part was, one that is not whole is not there, and the ordinary path decides.
//
// Several memos share a page because they are short, one or two KiB each, and differ in size: with a cell for each,
// half of the room is lost, and a third of the memos where there are as many cells as commands.

// Table is the name of the file below v1. Older programs have another table, memo/table, and cut that to their size.
const Table = "stat/memos"

// PageSize is the size in bytes of a page.
const PageSize = 16 << 10

// MaxMemo is the largest memo in bytes.
const MaxMemo = 4096

// firstRead is how much of a page is read first: so that an entry has room behind it on a page of the memory.
const firstRead = 2048

// What a memo begins with: magic, length 8, address 32.
const (
	addressAt = len(memoMagic) + 8
	headSize  = addressAt + 32
	leastMemo = headSize + 8 // with its checksum
)

// PageAt is where the page of an address begins in a table of this size, in bytes. The last page may not be whole.
func PageAt(address []byte, size int64) int64 {
	pages := max(uint64(size+PageSize-1)/PageSize, 1)
	return int64(load64(address)%pages) * PageSize
}

// sizeOfMemo returns the size in bytes of the memo that something may begin with; 0: it is none.
func sizeOfMemo(b []byte) int {
	if len(b) < headSize || alias(b[:len(memoMagic)]) != memoMagic {
		return 0
	}
	n := load64(b[len(memoMagic):])
	if n < uint64(leastMemo) || n > MaxMemo {
		return 0
	}
	return int(n)
}

// find returns the memo of an address in the beginning of a page. cut: what decides may be in the rest of the page.
func find(page []byte, address [32]byte) (memo []byte, cut bool) {
	for len(page) >= headSize {
		n := sizeOfMemo(page)
		switch {
		case n == 0:
			return nil, false
		case n > len(page):
			return nil, true
		case same(alias(MemoAddress(page)), alias(address[:])):
			return page[:n], false
		}
		page = page[n:]
	}
	return nil, true
}

// memosIn returns the memos in a page that are whole.
func memosIn(page []byte) (all [][]byte) {
	for {
		n := sizeOfMemo(page)
		if n == 0 || n > len(page) {
			return all
		}
		if load64(page[n-8:]) == Sum64(page[:n-8]) {
			all = append(all, page[:n])
		}
		page = page[n:]
	}
}

// WithMemo returns a page with one more memo. What was put there first makes room for it.
func WithMemo(page, memo []byte) []byte {
	var kept [][]byte
	size := len(memo)
	for _, m := range memosIn(page) {
		if alias(m) == alias(memo) {
			return page // it stands there, and something else kept it from being used
		}
		if alias(MemoAddress(m)) != alias(MemoAddress(memo)) {
			kept, size = append(kept, m), size+len(m)
		}
	}
	for size > PageSize {
		kept, size = kept[1:], size-len(kept[0])
	}
	return pageOf(append(kept, memo))
}

// MemoAddress is the address in an encoded memo.
func MemoAddress(memo []byte) []byte { return memo[addressAt:headSize] }

func pageOf(memos [][]byte) []byte {
	page := make([]byte, 0, PageSize)
	for _, m := range memos {
		page = append(page, m...)
	}
	return page[:PageSize]
}
