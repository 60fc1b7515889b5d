package cachedir

import (
	"bytes"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

const lineSize = 4 // of a page with letters

// putLine writes a page of the same letter.
func putLine(d *Dir, i int64, letter byte) {
	d.PutMemo(
		lineSize, func(int64) int64 { return i * lineSize },
		func([]byte) []byte { return bytes.Repeat([]byte{letter}, lineSize) })
}

func memosOf(t *testing.T, d *Dir) (table []byte, disk int64) {
	table, err := os.ReadFile(d.v1.Path(memoTable))
	require.NoError(t, err)
	fi, err := d.v1.Stat(memoTable)
	require.NoError(t, err)
	return table, fi.Disk
}

// The table has its whole size at once, within a 64th of the limit, and takes room for what is written alone. Another
// limit gives it another size.
func TestSizeOfMemos(t *testing.T) {
	d := newDir(t, Options{MaxSize: 64 << 20})
	putLine(d, 3, 'x')
	table, disk := memosOf(t, d)
	require.Len(t, table, 1<<20)
	require.Less(t, disk, int64(64<<10))
	require.Equal(t, "\x00\x00\x00\x00xxxx\x00", string(table[8:17]))
	large := openAt(t, d.Path(), Options{MaxSize: 128 << 20})
	putLine(large, 500_000, 'y')
	table, _ = memosOf(t, d)
	require.Len(t, table, 2<<20)
	require.Equal(t, "xxxx", string(table[12:16]))
	require.Equal(t, "yyyy", string(table[2_000_000:2_000_004]))
	putLine(d, 4, 'z')
	table, _ = memosOf(t, d)
	require.Len(t, table, 1<<20)
	require.Equal(t, "xxxxzzzz", string(table[12:20]))
	require.GreaterOrEqual(t, d.besides(), disk)
}

// Of a page only what changes is written, so that what others write meanwhile is less likely to be lost.
func TestOnlyTheDifferenceOfMemosIsWritten(t *testing.T) {
	for _, c := range []struct {
		old, new string
		from, to int
	}{
		{"abcd", "abcd", 4, 4},
		{"abcd", "abxd", 2, 3},
		{"abcd", "xbcy", 0, 4},
		{"aaaa", "aaab", 3, 4},
		{"baaa", "aaaa", 0, 1},
	} {
		from, to := differ([]byte(c.old), []byte(c.new))
		require.Equal(t, [2]int{c.from, c.to}, [2]int{from, to}, c)
	}
	d := newDir(t, Options{})
	putLine(d, 1, 'x')
	before, err := d.v1.Stat(memoTable)
	require.NoError(t, err)
	putLine(d, 1, 'x')
	after, err := d.v1.Stat(memoTable)
	require.NoError(t, err)
	require.Equal(t, before.ModTime, after.ModTime)
	d.PutMemo(
		lineSize, func(int64) int64 { return lineSize },
		func(old []byte) []byte { return []byte{old[0], old[1], 'y', old[3]} })
	table, _ := memosOf(t, d)
	require.Equal(t, "\x00xxyx\x00", string(table[3:9]))
}

// The table of an older program goes when the new one begins, and where such a program is used it counts.
func TestOlderTableOfMemos(t *testing.T) {
	d := newDir(t, Options{})
	older := func() { require.NoError(t, d.v1.Replace(olderMemoTable, make([]byte, 1<<20))) }
	older()
	require.GreaterOrEqual(t, d.besides(), int64(1<<20))
	putLine(d, 0, 'x')
	_, err := d.v1.Stat(olderMemoTable)
	require.ErrorIs(t, err, fs.ErrNotExist)
	older()
	putLine(d, 0, 'y')
	_, err = d.v1.Stat(olderMemoTable)
	require.NoError(t, err, "it is not removed each time: that program would begin anew each time")
	require.GreaterOrEqual(t, d.besides(), int64(1<<20))
	d.forgetMemos()
	require.Less(t, d.besides(), int64(1<<20))
	_, err = d.v1.Stat(memoTable)
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// Nobody makes a table who may not write.
func TestMemosOfReaders(t *testing.T) {
	d := newDir(t, Options{})
	putLine(openAt(t, d.Path(), Options{ReadOnly: true}), 0, 'x')
	_, err := d.v1.Stat(memoTable)
	require.ErrorIs(t, err, fs.ErrNotExist)
}
