package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Wait takes the lock, or learns how the present holder ended. It blocks in the kernel without using any CPU, and
// returns
//
//   - a lock: it was free, or its holder died or abandoned it; this process leads.
//   - no lock, no error, and a note (perhaps empty): the holder that was in the way has finished, and left the note.
//   - ctx.Err() at once when ctx ends.
//   - ErrDeadlock if waiting might never end, because of what the ancestors hold, or because nobody can tell.
//   - ErrUnsupported where locks do not work, or another error of the file system.
//
// The text about is for the people who ask who holds the lock. What is asked of the present holder, it learns from
// Asked: if it looks after this process has blocked.
//
// What can die between the steps:
//   - this process, before it is granted the lock: the kernel forgets it; its line in the ancestors' files shows no
//     life.
//   - this process, granted a file without a name: the next waiter is granted it, and reads the same note.
//   - this process, granted a file with its name, before the record: the same as a holder that dies; the next one
//     leads.
//   - the holder: see Finish. An ancestor: its lock is free, its record is not believed any more.
//   - a cleaner that has removed the file: this process finds a file without name and note, and starts anew.
func Wait(ctx context.Context, p File, held Held, about string, ask ...string) (l *Lock, note []byte, err error) {
	for range maxLooks {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		f, err := p.Open()
		if err != nil {
			return nil, nil, fmt.Errorf("open lock file: %w", err)
		}
		if err := acquire(ctx, f, p, held, ask); err != nil {
			return nil, nil, err
		}
		// Read before claim, which overwrites or closes the file.
		c, _ := readContent(f, maxHeader)
		l, err := claim(f, p, about)
		if l != nil || err != nil {
			return l, nil, err
		}
		if c.note != nil {
			return nil, c.note, nil
		}
	}
	return nil, nil, unstable(p)
}

// acquire locks f, and closes it if it cannot.
func acquire(ctx context.Context, f *os.File, p File, held Held, ask []string) error {
	err := lockFile(f, exclusive|now)
	if errors.Is(err, ErrBusy) {
		return block(ctx, f, p, held, ask)
	}
	if err != nil {
		f.Close()
		return describe(p, err)
	}
	return nil
}

// block announces the wait, looks for a deadlock, asks, and waits for f.
func block(ctx context.Context, f *os.File, p File, held Held, ask []string) error {
	a, err := announce(held, p)
	defer a.withdraw()
	if err == nil {
		err = follow(f, held)
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("wait for %s: %w", p.Path(), err)
	}
	tell(p.Path(), ask)
	// A thread that is blocked in flock cannot be called back. When ctx ends it is left behind with the file: it must
	// let go of the lock as soon as it is granted, or nobody could ever lead again while this process lives.
	granted, left := make(chan error), make(chan struct{})
	go func() {
		err := lockFile(f, exclusive)
		select {
		case granted <- err:
		case <-left:
			release(f)
		}
	}()
	select {
	case err := <-granted:
		if err != nil {
			f.Close()
			return describe(p, err)
		}
		return nil
	case <-ctx.Done():
		close(left)
		return ctx.Err()
	}
}
