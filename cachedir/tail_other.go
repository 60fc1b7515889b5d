//go:build !linux

package cachedir

import (
	"time"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// watch lets a follower look now and then whether a file was written to.
type watch struct{}

func newWatch(*tree.Tree, string) watch { return watch{} }

func (*watch) wait(stop <-chan struct{}, most time.Duration) (woken bool) {
	return pause(nil, stop, most)
}

func (*watch) close() {}
