package fleet

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
)

func TestPurgeSince(t *testing.T) {
	const n = 5 * hardPurge // as a server's clock may begin
	for _, c := range []struct {
		last, now int64
		known     bool
		want      cachedir.Purging
	}{
		{n, n, true, cachedir.NoPurge},
		{n, n + softPurge, true, cachedir.SoftPurge},
		{n, n + 3*softPurge, true, cachedir.SoftPurge},
		{n, n + hardPurge, true, cachedir.HardPurge},
		{n, n + softPurge + hardPurge, true, cachedir.HardPurge},
		{n + 7, n + 7 + hardPurge, true, cachedir.HardPurge},
		{n + hardPurge - 1, n + hardPurge, true, cachedir.HardPurge}, // soft ones have added up
		{n, n, false, cachedir.HardPurge},
		{n, n - 1, true, cachedir.HardPurge}, // another count than that of before
		{n, 0, true, cachedir.HardPurge},     // forgotten
		{0, 0, true, cachedir.HardPurge},
		{0, n, true, cachedir.HardPurge},
	} {
		require.Equal(t, c.want, purgeSince(c.last, c.now, c.known), c)
	}
}
