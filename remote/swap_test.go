package remote

import (
	"bytes"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/remote/contract"
)

const swapMost = 4 << 10

func swapper(t *testing.T, tier Tier) contract.Swapper {
	s, err := contract.SwapperOf(tier)
	if err != nil {
		require.ErrorIs(t, err, ErrUnsupported)
		t.Skip("this tier changes nothing on a condition")
	}
	return s
}

func swap(t *testing.T, s contract.Swapper, name string, old contract.Mark, value string, life time.Duration) error {
	t.Helper()
	return s.Swap(guarded(t), name, old, bytes.NewReader([]byte(value)), int64(len(value)), life)
}

func testSwap(t *testing.T, make func(*testing.T, string) Tier) {
	tier := make(t, freshPrefix())
	s := swapper(t, tier)
	const name = "e/k"
	look := func() (string, contract.Mark, error) {
		value, mark, err := s.Look(guarded(t), name, swapMost)
		return string(value), mark, err
	}

	_, none, err := look()
	requireKind(t, err, ErrAbsent)
	require.Empty(t, none)
	require.NoError(t, swap(t, s, name, none, "one", 0))
	requireKind(t, swap(t, s, name, none, "uno", 0), ErrChanged)
	requireValue(t, []byte("one"), tier, name)

	value, first, err := look()
	require.NoError(t, err)
	require.Equal(t, "one", value)
	require.NoError(t, swap(t, s, name, first, "two", time.Hour))
	requireKind(t, swap(t, s, name, first, "too", 0), ErrChanged)
	requireValue(t, []byte("two"), tier, name)

	put(t, tier, name, []byte("put"))
	_, second, err := look()
	require.NoError(t, err)
	put(t, tier, name, []byte("again"))
	requireKind(t, swap(t, s, name, second, "late", 0), ErrChanged)

	large := random(swapMost+1, 1)
	put(t, tier, name, large)
	_, mark, err := look()
	requireKind(t, err, ErrTooLarge)
	require.NoError(t, swap(t, s, name, mark, "small", 0))
	_, mark, err = look()
	require.NoError(t, err)
	require.NoError(t, contract.Delete(guarded(t), tier, name))
	requireKind(t, swap(t, s, name, mark, "gone", 0), ErrChanged)
	requireAbsent(t, tier, name)
	requireKind(t, swap(t, s, "no/Name", "", "x", 0), ErrServer)
}

// Of many that add to one number at once, none loses a step.
func testSwapRaces(t *testing.T, make func(*testing.T, string) Tier) {
	prefix := freshPrefix()
	const hosts, steps = 4, 10
	var wg sync.WaitGroup
	for range hosts {
		s := swapper(t, make(t, prefix))
		wg.Go(func() {
			for done := 0; done < steps; {
				value, mark, err := s.Look(guarded(t), "e/n", swapMost)
				if err != nil {
					requireKind(t, err, ErrAbsent)
				}
				n, _ := strconv.Atoi(string(value))
				if swap(t, s, "e/n", mark, strconv.Itoa(n+1), 0) == nil {
					done++
				}
			}
		})
	}
	wg.Wait()
	value, _, err := swapper(t, make(t, prefix)).Look(guarded(t), "e/n", swapMost)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(hosts*steps), string(value))
}
