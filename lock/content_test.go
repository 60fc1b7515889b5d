package lock

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	nonceA = "0123456789abcdef0123456789abcdef"
	nonceB = "fedcba9876543210fedcba9876543210"
	nonceC = "00000000000000000000000000000000"
)

func TestParse(t *testing.T) {
	first := header(Holding{Nonce: nonceA, PID: 7, About: "x y"})
	w, w2 := wait{nonceB, 5, "/a b"}, wait{nonceC, 0, "/c\n\"d"}
	is := content{Holding: Holding{nonceA, 7, "x y"}}
	with := func(note []byte, waits ...wait) content {
		return content{Holding: is.Holding, waits: waits, note: note}
	}
	asks := func(texts ...string) content { return content{Holding: is.Holding, asked: texts} }
	table := []struct {
		name, text string
		want       content
	}{
		{"record", first, with(nil)},
		{"wait", first + waitLine(nonceA, w), with(nil, w)},
		{"two waits", first + waitLine(nonceA, w) + waitLine(nonceA, w2), with(nil, w, w2)},
		{"over", first + waitLine(nonceA, w) + waitLine(nonceA, w2) + doneLine(nonceB), with(nil, w2)},
		{"over that never began", first + doneLine(nonceB), with(nil)},
		{"wait on behalf of an earlier holder", first + waitLine(nonceC, w), with(nil)},
		{"wait after a torn one", first + waitLine(nonceA, w)[:60] + waitLine(nonceA, w2), with(nil, w2)},
		{"torn wait", first + strings.TrimSuffix(waitLine(nonceA, w), "\n"), with(nil)},
		{"note", first + noteLine(nonceA, []byte("n\n\x00\"")), with([]byte("n\n\x00\""))},
		{"empty note", first + noteLine(nonceA, nil), with([]byte{})},
		{"note of another", first + noteLine(nonceB, []byte("n")), with(nil)},
		{"note and a late wait", first + noteLine(nonceA, []byte("n")) + waitLine(nonceA, w), with([]byte("n"), w)},
		{
			"ask",
			first + askLine(nonceA, "a b") + askLine(nonceB, "c") + askLine(nonceA, "d\n")[:40] + askLine(nonceA, ""),
			asks("a b", ""),
		},
		{"garbage", first + "wait\nwait " + nonceA + "\nnote\ndone\n\xff\n" + waitLine(nonceA, w), with(nil, w)},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			got, err := parse(row.text)
			require.NoError(t, err)
			require.Equal(t, row.want.Holding, got.Holding)
			require.ElementsMatch(t, row.want.waits, got.waits)
			require.Equal(t, row.want.note, got.note)
			require.Equal(t, row.want.asked, got.asked)
		})
	}
}

func TestParseWithoutRecord(t *testing.T) {
	first, _, _ := strings.Cut(header(Holding{Nonce: nonceA, PID: 7}), "\n")
	first += "\n"
	for _, text := range []string{
		"", "\n", first[:20], strings.TrimSuffix(first, "\n"), "cachex-lock 2" + first[13:],
		strings.Replace(first, nonceA, "nonce", 1), strings.Replace(first, " 7 ", " seven ", 1),
		strings.Replace(first, `""`, `"`, 1), waitLine(nonceA, wait{nonceB, 0, "/a"}) + first,
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, errNoRecord, "%q", text)
	}
}

func TestLongestNoteIsWithinWhatIsRead(t *testing.T) {
	worst := []byte(strings.Repeat("\x00", MaxNote))
	about := strings.Repeat("\x00", maxAbout)
	text := header(Holding{Nonce: nonceA, PID: math.MaxInt32, About: about}) + noteLine(nonceA, worst)
	require.Less(t, len(text), maxHeader)
}

// Whatever a lock file holds: no panic, and nothing that is not a line of the holding that the first line names.
func FuzzParse(f *testing.F) {
	first := header(Holding{Nonce: nonceA, PID: 7, About: "x"})
	f.Add(first + waitLine(nonceA, wait{nonceB, 5, "/a"}) + doneLine(nonceB) + noteLine(nonceA, []byte("n")))
	f.Add(first + noteLine(nonceB, nil))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text)
		if err != nil {
			require.Zero(t, c)
			return
		}
		require.True(t, isNonce(c.Nonce))
		if len(c.About) <= maxAbout {
			again, err := parse(header(c.Holding))
			require.NoError(t, err)
			require.Equal(t, c.Holding, again.Holding)
		}
		for _, w := range c.waits {
			require.True(t, isNonce(w.nonce))
			require.Contains(t, text, "wait "+c.Nonce+" "+w.nonce)
		}
		if c.note != nil {
			require.Contains(t, text, "note "+c.Nonce)
		}
	})
}
