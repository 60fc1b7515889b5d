package cachedir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// begin begins with what one makes; "..." at its end says that there is more to come.
func begin(t *testing.T, d *Dir, dir, what string, partOf ...string) *Making {
	t.Helper()
	what, grows := strings.CutSuffix(what, "...")
	m, err := d.Making(dir, what, grows, partOf)
	require.NoError(t, err)
	return m
}

func others(t *testing.T, m *Making) []string {
	t.Helper()
	texts, sure := m.Others()
	require.True(t, sure)
	return texts
}

// Those who make something in one directory at one time hear what the others make, whoever comes first, and nobody else.
func TestMakingAtOnce(t *testing.T) {
	d := newDir(t, Options{})
	first, elsewhere := begin(t, d, "/w", "a"), begin(t, d, "/v", "c")
	require.Empty(t, others(t, first))
	part := begin(t, d, "/w", "p", first.Name())
	require.Empty(t, others(t, part), "a part of the first one")
	require.Empty(t, others(t, first))
	part.End()
	second := begin(t, d, "/w", "b")
	require.Equal(t, []string{"b\n"}, others(t, first))
	require.Equal(t, []string{"a\n"}, others(t, second))
	require.Empty(t, others(t, elsewhere))
	second.End()
	require.Equal(t, []string{"b\n"}, others(t, first), "it was there")
	first.End()
	third := begin(t, d, "/w", "c")
	require.Empty(t, others(t, third), "the others are gone")
	third.End()
	elsewhere.End()
	left, err := filepath.Glob(filepath.Join(d.Path(), "v1", "pending", "*"+makingSuffix))
	require.NoError(t, err)
	require.Empty(t, left)
}

// What somebody says as he goes on is heard by those who were there already, by those who come, and after his end.
func TestMakingGrows(t *testing.T) {
	d := newDir(t, Options{})
	before := begin(t, d, "/w", "b")
	m := begin(t, d, "/w", "a...")
	m.Say("one")
	after := begin(t, d, "/w", "c")
	m.Say("two\n")
	again := begin(t, d, "/w", "d...")
	again.Say("other")
	require.ElementsMatch(t, []string{"c\n", "a\none\ntwo\n\n", "d\nother\n"}, others(t, before))
	require.ElementsMatch(t, []string{"b\n", "a\none\ntwo\n\n", "d\nother\n"}, others(t, after))
	m.Say("three")
	require.ElementsMatch(t, []string{"b\n", "c\n", "d\nother\n"}, others(t, m))
	m.End()
	for _, who := range []*Making{before, after, again} {
		require.Contains(t, others(t, who), "a\none\ntwo\n\nthree\n")
	}
	before.End()
	after.End()
	again.End()
}

// Who was killed makes nothing any more; his file goes with the next who looks. Who was there with him does not know
// what he has said in the end, if there was more to come.
func TestMakingKilled(t *testing.T) {
	d := newDir(t, Options{})
	for what, sure := range map[string]bool{"a": true, "a...": false} {
		m := begin(t, d, "/w", "b")
		killed := begin(t, d, "/w", what)
		killed.f.Close() // as the kernel does, with the lock
		next := begin(t, d, "/w", "c")
		require.Equal(t, []string{"b\n"}, others(t, next))
		require.NoFileExists(t, d.v1.Path(killed.name))
		_, knows := m.Others()
		require.Equal(t, sure, knows, what)
		m.End()
		next.End()
	}
}

// What is added to the file by anybody, or cannot be told, makes it unsure.
func TestMakingUnsure(t *testing.T) {
	d := newDir(t, Options{})
	for _, text := range []string{"?", "?\n", sayMet, strings.Repeat("x", mostMaking)} {
		m := begin(t, d, "/w", "a")
		f, err := os.OpenFile(d.v1.Path(m.name), os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(text)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, sure := m.Others()
		require.False(t, sure)
		m.End()
	}
}

// What another version has written in the first line is not known to be anything less than all.
func TestMakingOfAnotherVersion(t *testing.T) {
	d := newDir(t, Options{})
	other := begin(t, d, "/w", "b")
	require.NoError(t, os.WriteFile(d.v1.Path(other.name), []byte("\"out\"\n"), 0o600))
	m := begin(t, d, "/w", "a")
	require.Equal(t, []string{"*\n"}, others(t, m))
	m.End()
	other.End()
}

// Who cannot say what he makes is one of whom nobody knows it, himself among them.
func TestMakingMute(t *testing.T) {
	d := newDir(t, Options{})
	other := begin(t, d, "/w", "b")
	m := begin(t, d, "/w", "a...")
	m.more.Close()
	m.Say("one")
	for _, who := range []*Making{m, other} {
		_, sure := who.Others()
		require.False(t, sure)
	}
	m.f.Close()
	other.End()
}
