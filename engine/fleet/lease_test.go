package fleet

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/remote/contract"
)

// A lease that is renewed is waited for; one that neither ends nor is renewed is not. Here it is asked for once a
// second.
func TestLeaseThatDoesNotEnd(t *testing.T) {
	const second, hour = time.Second, 3600
	for name, c := range map[string]struct {
		left   func(second int) time.Duration
		usual  time.Duration
		waited time.Duration // 0: for the hour that is tried
	}{
		"renewed":                  {left: func(s int) time.Duration { return leaseLife - time.Duration(s%5)*second }},
		"another holder each time": {left: func(s int) time.Duration { return leaseLife - time.Duration(s%15)*second }},
		"no end": {
			left: func(int) time.Duration { return contract.Endless }, waited: 2*leaseLife + second,
		},
		"always the same": {left: func(int) time.Duration { return leaseLife }, waited: 2*leaseLife + second},
		"ends and stays": {
			left:   func(s int) time.Duration { return max(leaseLife-time.Duration(s)*second, 1) },
			waited: 2*leaseLife + second,
		},
		"wavers by a second": {
			left:   func(s int) time.Duration { return leaseLife - time.Duration(s%2)*second },
			waited: 2*leaseLife + second,
		},
		"not told": {left: func(int) time.Duration { return 0 }, waited: unseenLease + second},
		"not told, long command": {
			left: func(int) time.Duration { return 0 }, usual: 5 * time.Minute, waited: 20*time.Minute + second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := leaseWatch{usual: c.usual}
			began, waited := time.Unix(1e9, 0), time.Duration(0)
			for s := range hour {
				if after := time.Duration(s) * second; w.stuck(began.Add(after), c.left(s)) {
					waited = after
					break
				}
			}
			require.Equal(t, c.waited, waited)
		})
	}
}
