package cachedir

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDifferences(t *testing.T) {
	d := newDir(t, Options{})
	require.Empty(t, d.Differences())
	require.NoError(t, d.ForgetDifferences())
	a, b := runOf("a"), runOf("b")
	store(t, d, a, part{0, "x"})
	when := time.Unix(1e9, 5).UTC()
	one := Difference{a.Key, a.Command, when, "line 1 of stdout", "x\xff", strings.Repeat("y", 300)}
	require.NoError(t, d.NoteDifference(one))
	require.NoError(t, d.NoteDifference(Difference{Key: b.Key, Command: b.Command, When: when, What: "output"}))
	all := d.Differences()
	require.Len(t, all, 2)
	require.Equal(t, a.Command, all[0].Command)
	require.Equal(t, `line 1 of stdout: "x`+"\uFFFD"+`", then "`+strings.Repeat("y", 200)+`..."`, all[0].String())
	require.Equal(t, "output", all[1].String())
	require.True(t, when.Equal(all[1].When))

	require.NoError(t, d.ForgetDifferences(), "b is not stored")
	require.Equal(t, all[:1], d.Differences())

	text, _, err := d.v1.ReadSmall(differencesName, 1<<20)
	require.NoError(t, err)
	require.NoError(t, d.v1.Replace(differencesName, append([]byte("{\"key\":\"7\"}\nno json\n\x00\n"), text...)))
	require.Equal(t, all[:1], d.Differences(), "what is damaged is passed over")
	require.NoError(t, d.v1.Replace(differencesName, []byte(strings.Repeat("x", differencesLimit+1))))
	require.NoError(t, d.NoteDifference(one))
	require.Equal(t, all[:1], d.Differences(), "a large file is started anew")
}
