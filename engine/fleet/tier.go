package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/remote/contract"
)

// Tier is one place on other machines, as the caller wants it used.
type Tier struct {
	Name        string                        // for people: without secrets
	Servers     []string                      // those that may fail one by one
	Open        func() (contract.Tier, error) // makes it; connects to nothing
	Read, Write bool
	Life        time.Duration // at most, of what is written; 0: no limit
	Background  bool          // the caller does not wait for uploads
	Sealer      contract.Sealer
}

// ID is a short name for the tier, of at most 16 bytes: its scheme and a digest of its name.
func (t Tier) ID() string {
	scheme, _, _ := strings.Cut(t.Name, ":")
	sum := sha256.Sum256([]byte(t.Name))
	return scheme[:min(len(scheme), 7)] + "-" + hex.EncodeToString(sum[:4])
}

// tier is a tier in use by one run.
type tier struct {
	Tier
	f       *Fleet
	conn    contract.Tier
	breaker *cachedir.Breaker
	guarded bool  // each of its servers has a breaker of its own
	marks   marks // as they were asked for last, before the command started
	noCount bool  // its server does not count
	damages bool  // it gave back what nobody stored
	again   bool  // something was purged while this run learned of a purge, which may be all that is against a result

	watched *watched // under the name that the run has; nil: nothing
}

// connect makes the tier, if that has not been done. It reaches out for no server.
func (t *tier) connect() (err error) {
	if t.conn == nil {
		t.conn, err = t.Open()
	}
	if several, ok := t.conn.(contract.Guarded); ok && !t.guarded {
		t.guarded = several.Guard(func(server string) contract.Guard { return t.f.c.Store.Breaker(server) })
	}
	return err
}

// ask makes one call to a tier: not if it failed a moment ago, timed, and counted. What went wrong is a warning.
// The call returns how many bytes went over the line.
func (t *tier) ask(op stats.TierOp, call func(contract.Tier) (int64, error)) error {
	ok, _ := t.breaker.Allow()
	if !ok {
		t.log(op, 0, contract.ErrLeftAlone, 0)
		t.failed(contract.ErrLeftAlone)
		return contract.ErrLeftAlone
	}
	began := time.Now()
	n, err := int64(0), t.connect()
	if err == nil {
		n, err = call(t.conn)
	}
	switch {
	case t.guarded:
	case errors.Is(err, contract.ErrUnreachable), errors.Is(err, contract.ErrTimeout):
		t.breaker.Failed()
	default:
		t.breaker.Succeeded()
	}
	t.log(op, n, err, time.Since(began))
	if err != nil && !isAnswer(err) {
		if t.failed(err); !errors.Is(err, contract.ErrLeftAlone) {
			t.f.c.Warn(t.f.failure)
		}
	}
	return err
}

// failed keeps the first failure of a run.
func (t *tier) failed(err error) {
	if t.f.failure == nil {
		t.f.failure = t.Fault(err)
	}
}

// Fault is what went wrong with a tier, which is named if that does not name its server itself.
func (t Tier) Fault(err error) error {
	scheme, rest, _ := strings.Cut(t.Name, "://")
	host, _, _ := strings.Cut(rest, "/")
	if strings.Contains(err.Error(), scheme+"://"+host) {
		return fmt.Errorf("tier %w", err)
	}
	return fmt.Errorf("tier %s: %w", t.Name, err)
}

// isAnswer tells answers from failures.
func isAnswer(err error) bool {
	for _, e := range []error{
		contract.ErrAbsent, contract.ErrHeld, contract.ErrFenced, contract.ErrChanged, contract.ErrUnsupported,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (t *tier) log(op stats.TierOp, n int64, err error, took time.Duration) {
	_ = t.f.c.Store.LogTier(stats.TierRecord{
		Time: t.f.c.Clock.Now(), Tier: t.ID(), Op: op, Result: resultOf(op, err), Bytes: n, Took: took,
	})
}

// resultOf is the word under which the outcome of a call is counted.
func resultOf(op stats.TierOp, err error) stats.TierResult {
	for _, k := range []struct {
		err    error
		result stats.TierResult
	}{
		{contract.ErrLeftAlone, stats.TierBreaker},
		{contract.ErrAbsent, stats.TierMiss},
		{contract.ErrHeld, stats.TierOK},
		{contract.ErrFenced, stats.TierOK},
		{contract.ErrChanged, stats.TierOK},
		{contract.ErrUnsupported, stats.TierOK},
		{contract.ErrUnreachable, stats.TierUnreachable},
		{contract.ErrTimeout, stats.TierTimeout},
		{contract.ErrDenied, stats.TierDenied},
		{contract.ErrTooLarge, stats.TierTooLarge},
		{contract.ErrUnsigned, stats.TierUnsigned},
		{contract.ErrBadSignature, stats.TierUnsigned},
		{contract.ErrDamaged, stats.TierDamaged},
	} {
		if errors.Is(err, k.err) {
			return k.result
		}
	}
	switch {
	case err != nil:
		return stats.TierServer
	case op == stats.TierGet:
		return stats.TierHit
	}
	return stats.TierOK
}
