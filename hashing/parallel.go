package hashing

import (
	"sync"
	"sync/atomic"

	"github.com/cachex-cli/cachex/late"
)

// fewFiles are read by one goroutine: starting others costs more.
const fewFiles = 16

// inParallel calls f for 0 to n-1, on as many processors as there are if it is worth it, until one call fails.
func inParallel(n int, f func(i int) error) error {
	return inParts(n, func(from, to int) error {
		for i := from; i < to; i++ {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// inParts calls f for parts of 0 to n-1, each of fewFiles but the last, likewise.
func inParts(n int, f func(from, to int) error) error { return inPartsOf(fewFiles, n, f) }

// inPartsOf calls f for parts of another size.
func inPartsOf(size, n int, f func(from, to int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	work := func() {
		for failed.Load() == nil {
			first := int(next.Add(int64(size))) - size
			if first >= n {
				return
			}
			if err := f(first, min(first+size, n)); err != nil {
				failed.CompareAndSwap(nil, &err)
				return
			}
		}
	}
	var group sync.WaitGroup
	if most := n/size + 1; most > 1 {
		for range min(late.Processors(), most) - 1 {
			group.Go(work)
		}
	}
	work()
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
