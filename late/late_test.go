package late

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A call that is made before the parser is there waits for it, and the packages behind that are not initialised; one
// that nobody has announced must not wait for ever.
func TestWaits(t *testing.T) {
	require.Panics(t, func() { SetGCPercent(1) })
	Expect()
	parsed := make(chan string)
	go func() {
		nodes, _ := Parse("a text", true)
		parsed <- nodes[0].Words[0].Text
	}()
	<-Wanted()
	select {
	case <-parsed:
		require.Fail(t, "it has not waited")
	default:
	}
	goesOn := make(chan bool, 1)
	percent := 0
	go func() {
		Provide(func(text string, zsh bool) ([]Node, error) {
			require.True(t, zsh)
			return []Node{{Words: []*Word{{Text: text}}}}, nil
		}, func(n int) int { percent = n; return 0 })
		goesOn <- true
	}()
	require.Equal(t, "a text", <-parsed)
	SetGCPercent(7)
	require.Equal(t, 7, percent)
	require.Empty(t, goesOn)
}
