//go:build amd64 || arm64

package trace_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/runner"
	"github.com/cachex-cli/cachex/trace"
)

const callsVar = "TRACE_TEST_CALLS"

func init() { roles["calls"] = playCalls }

// playCalls looks at a path so many times.
func playCalls(argv []string) {
	n, err := strconv.Atoi(os.Getenv(callsVar))
	if err != nil {
		panic(err)
	}
	var st unix.Stat_t
	for range n {
		if unix.Stat(argv[0], &st) != nil {
			panic(argv[0])
		}
	}
}

// What one call costs that is notified, beside one that is not observed; and what the start of a command costs.
func BenchmarkCall(b *testing.B) {
	self, err := os.Executable()
	require.NoError(b, err)
	for _, c := range []struct {
		name, path string
		traced     bool
	}{{"plain", "/etc/passwd", false}, {"absolute", "/etc/passwd", true}, {"relative", "passwd", true}} {
		b.Run(c.name, func(b *testing.B) {
			before := cpuTime(b)
			env := append(os.Environ(), roleVar+"=calls", callsVar+"="+strconv.Itoa(b.N))
			_, err := run(trace.Options{}, runner.Command{
				Path: self, Argv: []string{self, c.path}, Env: env, Dir: "/etc",
			}, c.traced)
			require.NoError(b, err)
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkStart(b *testing.B) {
	for name, traced := range map[string]bool{"plain": false, "traced": true} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, err := run(trace.Options{}, runner.Command{Path: "/bin/true", Argv: []string{"true"}}, traced)
				require.NoError(b, err)
			}
		})
	}
}

// cpuTime is what this process and its children have used, in ns: of a busy machine the other figures say little.
func cpuTime(b *testing.B) (ns int64) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var u unix.Rusage
		require.NoError(b, unix.Getrusage(who, &u))
		ns += u.Utime.Nano() + u.Stime.Nano()
	}
	return ns
}
