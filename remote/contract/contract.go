// Package contract is what those who use a tier and those who make one agree on: the methods, the kinds of errors, and
// the questions. It knows no protocol, so that a run which asks no server does not wait until net/http and clients of
// servers are initialised: package engine/fleet names this one, and is handed the tiers of package remote.
package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Kinds of errors. An error of a tier wraps exactly one of them, and says on one line, without any secret, what
// happened with which server.
var (
	ErrAbsent      = errors.New("no such value")                 // Get: the server says that it has none
	ErrUnreachable = errors.New("server cannot be reached")      // refused, reset, no such host, wrong certificate
	ErrTimeout     = errors.New("server did not answer in time") // the context's deadline, or the tier's own
	ErrDenied      = errors.New("server denies access")          // credentials are missing or wrong, or may not do this
	ErrServer      = errors.New("server failed")                 // its answer is an error, or makes no sense
	ErrTooLarge    = errors.New("value too large for this tier") // Put: nothing was stored; Get: more than announced
	ErrHeld        = errors.New("lease is held by another host") // Acquire
	ErrFenced      = errors.New("lease was lost")                // Renew and PutFenced: somebody else has led since
	ErrChanged     = errors.New("value was changed meanwhile")   // Swap: nothing was stored
	ErrUnsupported = errors.New("not possible with this tier")   // whatever the server's state
	ErrLeftAlone   = errors.New("left alone after failures")     // a short while ago: it was not asked
)

// Tier stores values under names. A name is made of parts of [a-z0-9.-] joined by slashes, at most 200 bytes long.
// The methods may be called from several goroutines.
type Tier interface {
	// Get opens a value. The caller closes it; an error in the middle comes from Read and wraps one of the kinds. Bytes
	// are good only once Read has said io.EOF: until then they may be those of a value that is being replaced.
	// Memory is constant whatever the size of the value. The context governs the reading too.
	Get(ctx context.Context, name string) (*Value, error)

	// Put stores size bytes of body, all of them or nothing: a reader sees the old value, the new one or none. After
	// life the server may forget it; 0: no end. Body may be read more than once, from its beginning.
	Put(ctx context.Context, name string, body io.ReadSeeker, size int64, life time.Duration) error

	// Close gives connections back.
	Close() error
}

// Value is a value being read.
type Value struct {
	io.ReadCloser
	Size int64 // in bytes; -1 where the server does not say it beforehand
}

// Guarded is a tier of several servers, of which some may answer while others do not.
type Guarded interface {
	// Guard hands out what keeps the tier from asking a server that does not answer. False: it has only one, and he who
	// asks the tier looks after that.
	Guard(of func(server string) Guard) bool
}

// Guard knows whether a server is worth asking. Each question to it that was allowed has failed or succeeded.
type Guard interface {
	Allow() (ok, probing bool)
	Failed()
	Succeeded()
}

type insistent struct{}

// Insist is for what is asked whatever a guard says.
func Insist(ctx context.Context) context.Context { return context.WithValue(ctx, insistent{}, true) }

// Insists reports whether that is so.
func Insists(ctx context.Context) bool { return ctx.Value(insistent{}) != nil }

// Deleter is a tier that can remove a value before its life ends.
type Deleter interface {
	// Delete removes a value. That there is none is no error. ErrUnsupported where a server lets nobody delete.
	Delete(ctx context.Context, name string) error
}

// Delete removes a value of a tier, as Deleter says; ErrUnsupported if it is none.
func Delete(ctx context.Context, t Tier, name string) error {
	if d, ok := t.(Deleter); ok {
		return d.Delete(ctx, name)
	}
	return fmt.Errorf("%w: it cannot delete", ErrUnsupported)
}

// Clearer is a tier that knows what it holds.
type Clearer interface {
	// Clear removes all values under the tier's own prefix, and nothing else, without holding up the server, and
	// returns how many there were; -1 where the server cannot tell. Leases and counts stay.
	Clear(ctx context.Context) (int, error)
}

// Clear removes all values of a tier, as Clearer says; ErrUnsupported if it is none.
func Clear(ctx context.Context, t Tier) (int, error) {
	if c, ok := t.(Clearer); ok {
		return c.Clear(ctx)
	}
	return 0, fmt.Errorf("%w: it cannot list its names", ErrUnsupported)
}

// Leaser is a tier that can make hosts take turns. All times are the server's: the clocks of two hosts are never
// compared. A lease that is lost costs a duplicate run, never a wrong result.
type Leaser interface {
	// Acquire takes the lease of a name for life, or fails with ErrHeld, and then the Lease has the Fence of who holds
	// it, and Left. Each holding has a higher Fence than all before that the server remembers.
	Acquire(ctx context.Context, name string, life time.Duration) (Lease, error)

	// Renew prolongs a lease that is still ours; ErrFenced if it is not.
	Renew(ctx context.Context, l Lease, life time.Duration) error

	// Release ends a lease if it is still ours.
	Release(ctx context.Context, l Lease) error

	// PutFenced is Put for who holds a lease: ErrFenced, and nothing stored, if a higher Fence was given out since, or
	// if the server does not know any more. The lease and the value live on one server, chosen by the last part of a
	// name up to its first dot, which must be the same in both: lease "lease/k" guards "entry/k" and "entry/k.fail".
	PutFenced(ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration) error

	// PutLast is PutFenced and then Release, in fewer round trips: the last thing that a holder stores. Whatever comes
	// of it, the lease ends, at the latest some seconds later.
	PutLast(ctx context.Context, l Lease, name string, body io.ReadSeeker, size int64, life time.Duration) error
}

// Lease is one holding.
type Lease struct {
	Name  string
	Token string // random, known to the holder alone
	Fence int64
	Left  time.Duration // until it ends, if another host holds it and does not renew it; 0: the server does not say
}

// Endless is Left of a lease that the server will never end.
const Endless = time.Duration(math.MaxInt64)

// Counter is a tier that counts: for generations of tags.
type Counter interface {
	// Bump adds to a count, and returns it. A count that the server does not know is 0, and its first Bump adds to a
	// number taken from the server's clock: one that was forgotten never comes back to a number that it had. Zero is
	// the exception, so who relies on a count bumps it first if it is 0.
	Bump(ctx context.Context, name string, by int64) (int64, error)

	// Counts returns counts in the order of names, by one round trip to each server.
	Counts(ctx context.Context, names ...string) ([]int64, error)
}

// Sealer wraps values for a tier that is not trusted, and unwraps them. It may be used from several goroutines.
type Sealer interface {
	// Names are the names on a tier of what is known here by sum, the one for storing first.
	Names(sum []byte) []string

	// Seal writes the next size bytes of src to dst, so that they only open under the same name and context.
	Seal(dst io.Writer, name string, context []byte, src io.Reader, size int64) error

	// Open reads what Seal wrote, and writes at most this many bytes to dst. They are right only if the error is nil:
	// it wraps one of the kinds below or ErrTooLarge, or is what src or dst said. It returns how many bytes it wrote.
	Open(dst io.Writer, name string, context []byte, src io.Reader, most int64) (int64, error)
}

// Kinds of errors of Sealer.Open, besides ErrTooLarge. All of them mean a miss. An error of Open wraps one of these, or
// is what the source or the destination said.
var (
	ErrDamaged      = errors.New("value is damaged")                    // or was stored under another name or context
	ErrNewer        = errors.New("value is of a newer format")          // leave it alone
	ErrUnsigned     = errors.New("value is not signed")                 // and a signature is required
	ErrBadSignature = errors.New("signature of value is wrong")         // made by somebody who does not have the key
	ErrNotEncrypted = errors.New("value is not encrypted")              // and we encrypt
	ErrUnknownKey   = errors.New("value was sealed with a foreign key") // none of the keys here
)
