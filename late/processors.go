package late

import (
	"runtime"
	"sync"

	"github.com/cachex-cli/cachex/fastpath"
)

var widen = sync.OnceFunc(func() {
	if fastpath.IsNarrow() {
		runtime.GOMAXPROCS(runtime.NumCPU())
	}
})

// Processors returns among how many processors work may be divided. Until it is asked for the first time, a run may
// have only one.
func Processors() int {
	widen()
	return runtime.GOMAXPROCS(0)
}
