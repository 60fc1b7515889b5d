package lock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// playCompete takes the lock again and again, from several goroutines, and ends it in every way. Under the lock it
// also takes a second lock, on a file that nobody ever removes: that one must always be free. Each lead is a line.
func playCompete(dir, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	const goroutines = 4
	results := make(chan error)
	for range goroutines {
		witness, err := openWitness(filepath.Join(dir, "witness"))
		if err != nil {
			return err
		}
		go func() { results <- compete(FileAt(filepath.Join(dir, "lock")), witness, n) }()
	}
	for range goroutines {
		err = errors.Join(err, <-results)
	}
	return err
}

func compete(p File, witness *os.File, times int) error {
	for led := 0; led < times; {
		l, _, err := Wait(context.Background(), p, Held{}, "")
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		if err := lockFile(witness, exclusive|now); err != nil {
			fmt.Println("two leaders")
			os.Exit(1) // at once: the other goroutines would go on for long
		}
		led++
		if err := unlockFile(witness); err != nil {
			return err
		}
		if err := end(l); err != nil {
			return err
		}
		fmt.Println("led")
	}
	return nil
}

func end(l *Lock) error {
	if rand.IntN(3) == 0 {
		return l.Abandon()
	}
	return l.Finish(nil)
}

// sweepUntil sweeps p until done is closed.
func sweepUntil(done <-chan struct{}, p File) (err error) {
	for {
		select {
		case <-done:
			return err
		default:
			_, e := Sweep(p)
			err = errors.Join(err, e)
		}
	}
}

// Seen to fail without the look after the lock, and with a Sweep that does not lock.
func TestNeverTwoLeaders(t *testing.T) {
	const processes, times = 6, 40
	dir := t.TempDir()
	all := make([]*process, processes)
	for i := range all {
		all[i] = start(t, "compete", "", dir, strconv.Itoa(times))
	}
	done, swept := make(chan struct{}), make(chan error)
	go func() { swept <- sweepUntil(done, FileAt(filepath.Join(dir, "lock"))) }()
	for _, p := range all {
		require.Len(t, p.rest(t), times*4)
	}
	close(done)
	require.NoError(t, <-swept)
}

// Seen to fail without the look after the lock.
func TestNeverTwoLeadersUnderKill(t *testing.T) {
	const processes, kills = 4, 24
	dir := t.TempDir()
	compete := func() *process { return start(t, "compete", "", dir, "1000000") }
	all := make([]*process, processes)
	for i := range all {
		all[i] = compete()
	}
	for range kills {
		i := rand.IntN(processes)
		require.Equal(t, "led", all[i].says()) // killed at an arbitrary point after it has led once
		for _, line := range all[i].kill() {
			require.Equal(t, "led", line)
		}
		all[i] = compete()
	}
	for _, p := range all {
		require.Equal(t, "led", p.says()) // nobody is shut out by the dead
	}
	for _, p := range all {
		for _, line := range p.kill() {
			require.Equal(t, "led", line)
		}
	}
}
