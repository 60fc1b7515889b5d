package cmd

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/remote"
)

// tierFindings tries each tier from end to end: write, read, delete, a large value, its clock, and what it offers
// besides.
func tierFindings(s Settings, env lookupEnv) []finding {
	tiers, err := tiersOf(s, env)
	if err != nil {
		return []finding{{what: "tiers", fault: err, hint: "see cachex config for what is set"}}
	}
	var found []finding
	for i, t := range tiers {
		f := finding{what: "tier"}
		conn, err := t.Open()
		if err == nil {
			f.say, err = examineTier(t, conn)
			if err == nil {
				err = examineClock(t, conn)
			}
			if err == nil {
				f.say, err = examineMemory(t, conn, f.say)
			}
			if c, _, perr := remote.Parse(s.Remote[i], env); perr == nil && c.Plain() != "" {
				f.say += "; its connection is not encrypted: use " + secureScheme(c.URL.Scheme)
			}
			_ = conn.Close()
		}
		if err != nil {
			f.fault, f.hint = fmt.Errorf("%s: %w", t.Name, err), tierFaultHint(err)
		}
		found = append(found, f)
	}
	return found
}

// examineTier stores a value and takes it back.
func examineTier(t fleet.Tier, conn remote.Tier) (say string, err error) {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	name := "e/doctor-" + rand.Text()[:12]
	name = string(bytes.ToLower([]byte(name)))
	if !t.Write {
		value, err := conn.Get(ctx, name)
		if err == nil {
			_ = value.Close()
		}
		if err != nil && !errors.Is(err, remote.ErrAbsent) {
			return "", fmt.Errorf("read: %w", err)
		}
		return t.Name + ": answers; not written to", nil
	}
	began := time.Now()
	if err := roundTrip(ctx, conn, name, 64); err != nil {
		return "", err
	}
	took := time.Since(began) / 3
	say = fmt.Sprintf("%s: written, read and deleted, %s a request", t.Name, took.Round(10*time.Microsecond))
	err = roundTrip(ctx, conn, name, 4<<20)
	if errors.Is(err, remote.ErrTooLarge) || errors.Is(err, remote.ErrUnsupported) {
		say += "; values of 4 MiB stay local"
	} else if err != nil {
		return "", fmt.Errorf("4 MiB: %w", err)
	}
	offers, err := whatElse(ctx, conn)
	return say + offers, err
}

// whatElse says what a tier offers besides keeping values. A server may lack what its protocol has, or not allow it.
func whatElse(ctx context.Context, conn remote.Tier) (say string, err error) {
	if leaser, ok := conn.(remote.Leaser); ok {
		err := leaser.Renew(ctx, remote.Lease{Name: "l/doctor"}, time.Second) // leaves nothing behind
		switch {
		case errors.Is(err, remote.ErrUnsupported):
			say = "; shares no executions, because the server does not run scripts for this user"
		case err != nil && !errors.Is(err, remote.ErrFenced):
			return "", fmt.Errorf("lease: %w", err)
		default:
			say = "; one execution for all hosts"
		}
	}
	counter, counts := conn.(remote.Counter)
	if counts {
		_, err = counter.Counts(ctx, "t/doctor")
	}
	switch {
	case !counts, errors.Is(err, remote.ErrUnsupported):
		say += "; results with tags stay local"
	case err != nil:
		return "", fmt.Errorf("counts: %w", err)
	}
	return say, nil
}

// errTierClock is a tier whose clock is another one's.
var errTierClock = errors.New("its clock and this machine's differ")

// examineClock holds the clock of a tier against this machine's. All hosts have the tier in common: if each agrees with
// it, they agree with each other.
func examineClock(t fleet.Tier, conn remote.Tier) error {
	const patience, most = 30 * time.Second, 5 * time.Second
	clock, ok := conn.(remote.Clock)
	if _, isFile := strings.CutPrefix(t.Name, "file:"); !ok || isFile && !t.Write {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	asked := time.Now()
	there, err := clock.Now(ctx)
	answered := time.Now()
	switch {
	case errors.Is(err, remote.ErrUnsupported): // it does not tell
		return nil
	case err != nil:
		return fmt.Errorf("clock: %w", err)
	case there.After(answered.Add(most)):
		return fmt.Errorf("%w: it is %s ahead", errTierClock, there.Sub(answered).Round(time.Second))
	case there.Before(asked.Add(-most)):
		return fmt.Errorf("%w: it is %s behind", errTierClock, asked.Sub(there).Round(time.Second))
	}
	return nil
}

// errTierMemory is a tier that stores nothing more once it is full.
var errTierMemory = errors.New("when its memory is full it refuses what is new")

// examineMemory adds to what is said of a tier how much it keeps.
func examineMemory(t fleet.Tier, conn remote.Tier, say string) (string, error) {
	const patience = 30 * time.Second
	keeper, ok := conn.(remote.Memoried)
	if !ok || !t.Write {
		return say, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	m, err := keeper.Memory(ctx)
	switch {
	case err != nil || m.Limit == 0: // some do not tell, or not everybody
		return say, nil
	case m.Refuses || m.Mortal && t.Life == 0:
		return say, fmt.Errorf("%w: %s of it, %s", errTierMemory, roundSize(m.Limit), m.Policy)
	}
	return fmt.Sprintf("%s; keeps %s, %s", say, roundSize(m.Limit), m.Policy), nil
}

func roundTrip(ctx context.Context, conn remote.Tier, name string, size int) error {
	want := make([]byte, size)
	_, _ = rand.Read(want)
	if err := conn.Put(ctx, name, bytes.NewReader(want), int64(size), time.Minute); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	value, err := conn.Get(ctx, name)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	got, err := io.ReadAll(value)
	_ = value.Close()
	switch {
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case !bytes.Equal(got, want):
		return errors.New("read: other bytes than were written")
	}
	if err := remote.Delete(ctx, conn, name); err != nil && !errors.Is(err, remote.ErrUnsupported) {
		return fmt.Errorf("delete: %w", err)
	}
	return nil
}

func tierFaultHint(err error) string {
	switch {
	case errors.Is(err, errTierClock):
		return "synchronise both, as by NTP: a result from more than 1m in the future is a miss, and its age counts " +
			"by the clock of its host"
	case errors.Is(err, errTierMemory):
		return "let it evict: maxmemory-policy allkeys-lru for Redis, no -M for memcached"
	case errors.Is(err, remote.ErrUnreachable):
		return "check host and port, and that the server is up; runs go on without it"
	case errors.Is(err, remote.ErrTimeout):
		return "the server is slow or drops packets: timeout= in the URL sets how long it may take"
	case errors.Is(err, remote.ErrDenied):
		return "check user, password or token, and what they may do; mode=r in the URL does without writing"
	case strings.Contains(err.Error(), "OOM "): // Redis: it is full, and may not evict
		return "its memory is full: raise maxmemory, or let it evict with maxmemory-policy allkeys-lru"
	case errors.Is(err, remote.ErrAbsent):
		return "it forgets at once what is written: check its memory limit and eviction policy"
	}
	return "check that this is a server of that kind"
}
