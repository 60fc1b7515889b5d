package runner

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// contents returns what is in s as pairs of a stream and a byte.
func contents(t *testing.T, s *spool) []byte {
	t.Helper()
	var all []byte
	require.NoError(t, s.each(func(id Stream, b []byte) { all = pairs(all, id, b) }))
	return all
}

func pairs(all []byte, id Stream, b []byte) []byte {
	for _, c := range b {
		all = append(all, byte(id), c)
	}
	return all
}

// fill adds pieces of the given lengths to s, to both streams in turn, and returns what must be in it.
func fill(t *testing.T, s *spool, lengths []int) (want []byte) {
	t.Helper()
	for i, n := range lengths {
		b := bytes.Repeat([]byte{byte(i)}, n)
		done, err := s.add(Stream(i%2), b)
		require.NoError(t, err)
		require.Equal(t, n, done)
		want = pairs(want, Stream(i%2), b)
	}
	return want
}

func TestSpool(t *testing.T) {
	const whole = spoolTail - recordHead
	alternation := make([]int, spoolTail/(recordHead+1)+3)
	for i := range alternation {
		alternation[i] = 1
	}
	for _, c := range []struct {
		name    string
		lengths []int
		file    bool
	}{
		{"nothing", nil, false},
		{"empty pieces", []int{0, 0, 3, 0, 0, 2}, false},
		{"one stream only", []int{3, 0, 4, 0, 5}, false},
		{"just full", []int{whole}, false},
		{"one more", []int{whole + 1}, true},
		{"one more of the other", []int{whole, 1}, true},
		{"no room for a byte", []int{whole - recordHead, 1}, true},
		{"room for a byte", []int{whole - recordHead - 1, 1}, false},
		{"large", []int{3 * spoolTail, spoolTail, 1}, true},
		{"alternation", alternation, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &spool{}
			defer s.close()
			want := fill(t, s, c.lengths)
			require.True(t, bytes.Equal(want, contents(t, s)))
			require.Equal(t, c.file, s.file != nil)
			require.LessOrEqual(t, cap(s.tail), spoolTail)
		})
	}
}

// Pieces of one stream in a row are one record: who writes byte by byte is not delivered to byte by byte.
func TestSpoolJoinsPieces(t *testing.T) {
	s := &spool{}
	fill(t, s, []int{1, 0, 1, 0, 1, 2})
	var got []int
	require.NoError(t, s.each(func(_ Stream, b []byte) { got = append(got, len(b)) }))
	require.Equal(t, []int{3, 2}, got)
}

func FuzzSpool(f *testing.F) {
	f.Add([]byte{1, 0, 255, 3})
	f.Fuzz(func(t *testing.T, sizes []byte) {
		lengths := make([]int, min(len(sizes), 8))
		for i := range lengths {
			lengths[i] = int(sizes[i]) * int(sizes[i]) * 5 // up to more than spoolTail
		}
		s := &spool{}
		defer s.close()
		want := fill(t, s, lengths)
		require.True(t, bytes.Equal(want, contents(t, s)))
	})
}
