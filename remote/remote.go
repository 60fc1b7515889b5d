// Package remote keeps bytes on other machines: a file per protocol, one suite that they all pass. A tier does not know
// what an entry is. It is handed names and bytes, and gives the bytes back or says why it does not.
//
// Nothing here retries, prints or decides what a failure means: every call is one attempt within its context, and every
// error can be told by errors.Is from the kinds below. Whoever calls counts it as a miss. Two errors have no kind,
// because no server is to blame: a body to store that cannot be read, and a configuration that Open refuses.
package remote

import (
	"context"

	"github.com/cachex-cli/cachex/remote/contract"
)

// What tiers are to those who use them, see package contract.
type (
	Tier     = contract.Tier
	Value    = contract.Value
	Leaser   = contract.Leaser
	Lease    = contract.Lease
	Counter  = contract.Counter
	Question = contract.Question
	Answer   = contract.Answer
	Found    = contract.Found
)

// Delete removes a value of a tier that can do that, see contract.Delete.
func Delete(ctx context.Context, t Tier, name string) error { return contract.Delete(ctx, t, name) }

// Clear removes all values of a tier that can do that, see contract.Clear.
func Clear(ctx context.Context, t Tier) (int, error) { return contract.Clear(ctx, t) }

// The kinds of errors of tiers, see package contract.
var (
	ErrAbsent      = contract.ErrAbsent
	ErrUnreachable = contract.ErrUnreachable
	ErrTimeout     = contract.ErrTimeout
	ErrDenied      = contract.ErrDenied
	ErrServer      = contract.ErrServer
	ErrTooLarge    = contract.ErrTooLarge
	ErrHeld        = contract.ErrHeld
	ErrFenced      = contract.ErrFenced
	ErrChanged     = contract.ErrChanged
	ErrUnsupported = contract.ErrUnsupported
	ErrLeftAlone   = contract.ErrLeftAlone
)

// The kinds of errors of opening what a tier gave, see package contract.
var (
	ErrDamaged      = contract.ErrDamaged
	ErrNewer        = contract.ErrNewer
	ErrUnsigned     = contract.ErrUnsigned
	ErrBadSignature = contract.ErrBadSignature
	ErrNotEncrypted = contract.ErrNotEncrypted
	ErrUnknownKey   = contract.ErrUnknownKey
)
