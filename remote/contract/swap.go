package contract

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Mark is a value at one moment, as its server tells it from all others of its name; empty: the server has nothing of
// that name. A mark is only good for the tier that gave it.
type Mark string

// Swapper is a tier that can replace a value on the condition that nobody has changed it meanwhile.
type Swapper interface {
	// Look reads a value of at most this many bytes, ErrTooLarge if it is larger. The mark is right also if the error
	// is ErrAbsent or ErrTooLarge.
	Look(ctx context.Context, name string, most int64) ([]byte, Mark, error)

	// Swap is Put if the value is still the one of the mark, else ErrChanged. What is larger than the server stores in
	// one step is ErrTooLarge.
	Swap(ctx context.Context, name string, old Mark, body io.ReadSeeker, size int64, life time.Duration) error
}

// SwapperOf returns the tier as a Swapper; ErrUnsupported if it is none.
func SwapperOf(t Tier) (Swapper, error) {
	if s, ok := t.(Swapper); ok {
		return s, nil
	}
	return nil, fmt.Errorf("%w: it cannot change a value on the condition that nobody else has", ErrUnsupported)
}
