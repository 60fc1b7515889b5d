package fastpath

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbered is an encoded memo with an address of its own.
func numbered(t testing.TB, n int) []byte {
	m := aMemo()
	put64(m.Address[:], uint64(n)*0x9e3779b97f4a7c15)
	b, ok := m.Encode()
	require.True(t, ok)
	return b
}

func hasMemo(page, memo []byte) bool {
	found, _ := find(page, [32]byte(MemoAddress(memo)))
	return bytes.Equal(found, memo)
}

// An address has a page within the table, whatever its size is, and each page has addresses.
func TestPageAt(t *testing.T) {
	for size := int64(1); size < 40*PageSize; size += PageSize + 5 {
		pages := map[int64]bool{}
		for n := range 1000 {
			at := PageAt(MemoAddress(numbered(t, n)), size)
			require.Less(t, at, size)
			require.Zero(t, at%PageSize)
			pages[at] = true
		}
		require.Len(t, pages, int((size+PageSize-1)/PageSize))
	}
	require.Zero(t, PageAt(MemoAddress(numbered(t, 1)), 0))
}

// A full page forgets what was put there first.
func TestFullPage(t *testing.T) {
	page := make([]byte, PageSize)
	room := PageSize / len(numbered(t, 0))
	for n := range room {
		page = WithMemo(page, numbered(t, n))
	}
	for n := range room {
		require.True(t, hasMemo(page, numbered(t, n)))
	}
	require.Equal(t, page, WithMemo(page, numbered(t, 3)))
	m, ok := Decode(numbered(t, 3))
	require.True(t, ok)
	m.Code++
	other, ok := m.Encode()
	require.True(t, ok)
	for range 3 {
		page = WithMemo(page, other)
	}
	require.True(t, hasMemo(page, other))
	require.True(t, hasMemo(page, numbered(t, 0)), "it takes the place of the one of the same address")

	page = WithMemo(page, numbered(t, room))
	require.False(t, hasMemo(page, numbered(t, 0)))
	for n := range room {
		require.Equal(t, n+1 != 3, hasMemo(page, numbered(t, n+1)))
	}
}

// Of a page of which a byte is damaged, or the end is of another time, each memo is found as it was or not at all.
func TestDamagedPage(t *testing.T) {
	page, all := make([]byte, PageSize), [][]byte{}
	for n := range 5 {
		memo := numbered(t, n)
		all = append(all, memo)
		page = WithMemo(page, memo)
	}
	end := 5 * len(all[0])
	for at := range end {
		require.Len(t, memosIn(page[:at:at]), at/len(all[0]))
	}
	look := func(page []byte) (found int) {
		for _, memo := range all {
			b, _ := find(page, [32]byte(MemoAddress(memo)))
			if m, ok := Decode(b); ok {
				want, _ := Decode(memo)
				require.Equal(t, want, m)
				found++
			}
		}
		return found
	}
	require.Equal(t, 5, look(page))
	other := make([]byte, PageSize)
	for n := range 30 {
		other = WithMemo(other, numbered(t, 100+n))
	}
	for at := range end {
		damaged := bytes.Clone(page)
		damaged[at] ^= 1 << (at % 8)
		require.Less(t, look(damaged), 5)
		torn := append(bytes.Clone(page[:at]), other[at:]...)
		require.Equal(t, at/len(all[0]), look(torn))
		for _, b := range [][]byte{damaged, torn[:end:end]} {
			for _, m := range memosIn(b) {
				_, whole := Decode(m)
				require.True(t, whole)
			}
			healed := WithMemo(b, all[4])
			require.True(t, hasMemo(healed, all[4]))
		}
	}
}

// Whatever bytes a page holds: no panic, what is put there is found, and what was there is still whole memos.
func FuzzPage(f *testing.F) {
	page := WithMemo(make([]byte, PageSize), numbered(f, 1))
	page = WithMemo(page, numbered(f, 2))
	f.Add(page, 3)
	f.Add(page[:700], 1)
	f.Add([]byte(memoMagic), 2)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		page := make([]byte, PageSize)
		copy(page, b)
		memo := numbered(t, n)
		with := WithMemo(page, memo)
		require.Len(t, with, PageSize)
		require.Contains(t, memosIn(with), memo)
		whole, _ := find(page, [32]byte(MemoAddress(memo)))
		for _, cut := range []int{0, len(b) % PageSize, firstRead} {
			part, more := find(page[:cut], [32]byte(MemoAddress(memo)))
			require.True(t, more && part == nil || bytes.Equal(part, whole))
		}
	})
}

// A memo is found wherever in its page it lies: in what is read first, behind it, or on the edge; and in a large table.
func TestFindInPages(t *testing.T) {
	page := make([]byte, PageSize)
	size := len(numbered(t, 0))
	for n := range PageSize / size {
		page = WithMemo(page, numbered(t, n))
		memo := numbered(t, n)
		part, cut := find(page[:firstRead], [32]byte(MemoAddress(memo)))
		require.Equal(t, (n+1)*size > firstRead, cut)
		require.Equal(t, !cut, bytes.Equal(part, memo))
		require.True(t, hasMemo(page, memo))
		absent := numbered(t, 1000+rand.IntN(1000))
		require.False(t, hasMemo(page, absent))
	}
}
