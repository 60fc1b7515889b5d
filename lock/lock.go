// Package lock takes kernel file locks: who holds one leads, who waits for one is told how the leader ended, and who
// must never wait for one is told so before it blocks. It does not know what a lock guards.
package lock

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
)

// A lock is an advisory lock of the kernel (flock, LockFileEx) on a file that exists only while somebody uses it. The
// kernel releases it when the holder dies, whatever it dies of, so there is never a lock to break.
//
// The file is unlinked by its holder. Between the open and the lock of another process the name may therefore begin to
// refer to a new file, and both would believe to hold the lock. Hence the one rule of this package: after locking, look
// again. A lock counts only if the name still refers to the file that was locked; and only who holds a lock that counts
// may unlink the name.
//
// A file that was unlinked stays what those who are blocked on it get: its holder leaves a note in it (Finish), and
// each of them reads the note instead of leading. A holder that dies unlinks nothing: the first of the waiters finds
// the name unchanged, and leads.
//
// The content of the file is for people (who holds it, since when), for the proof that an ancestor's claim is still
// true (the nonce), and for finding deadlocks (who waits for what; see wait.go). No decision on who holds a lock is
// ever made from it.

var (
	// ErrBusy is returned by Try when somebody else holds the lock.
	ErrBusy = errors.New("lock is held by another process")
	// ErrDeadlock is returned by Wait when waiting might never end. The caller must do its work without the lock.
	ErrDeadlock = errors.New("waiting for this lock would be a deadlock")
	// ErrUnsupported is returned where the filesystem has no locks that work. The caller must do without.
	ErrUnsupported = errors.New("file locks do not work here")
)

const (
	// maxLooks bounds how often an acquirer finds that it locked a file of the past. Each look but the last means that
	// somebody else finished in between; a thousand in a row mean a filesystem whose inode numbers are not stable.
	maxLooks = 1000
	// MaxNote is the longest note that Finish accepts, in bytes.
	MaxNote = 4096
)

// Lock is a lock that this process holds, until Finish or Abandon.
type Lock struct {
	at    File
	nonce string

	mu   sync.Mutex
	file *os.File // nil once released
}

// Nonce identifies this holding of the lock: 32 random hex digits.
func (l *Lock) Nonce() string { return l.nonce }

// Path is the absolute path of the lock file.
func (l *Lock) Path() string { return l.at.Path() }

// Try takes the lock if it is free. It does not block, and fails with ErrBusy if the lock is held, with ErrUnsupported
// where locks do not work, else with an error of the file system. It may also find the lock busy for an instant while a
// cleaner or an onlooker probes it. The text about is for the people who ask who holds it.
//
// What can die between the steps:
//   - after the open: an empty file that nobody holds; the next acquirer or Sweep takes it.
//   - after the lock: the kernel releases it; the record of an earlier holder is still in the file, and is not believed
//     because nobody holds the file.
//   - in the middle of the record: the same, with a shorter record.
func Try(p File, about string) (*Lock, error) {
	for range maxLooks {
		f, err := p.Open()
		if err != nil {
			return nil, fmt.Errorf("open lock file: %w", err)
		}
		if err := lockFile(f, exclusive|now); err != nil {
			f.Close()
			return nil, describe(p, err)
		}
		l, err := claim(f, p, about)
		if l != nil || err != nil {
			return l, err
		}
	}
	return nil, unstable(p)
}

// claim is the look after the lock: it makes a Lock of f, which this process has just locked, if p still refers to f,
// and releases f if not: then it returns neither a lock nor an error.
func claim(f *os.File, p File, about string) (*Lock, error) {
	l, err := inspect(f, p, about)
	if l == nil {
		release(f)
	}
	return l, err
}

func inspect(f *os.File, p File, about string) (*Lock, error) {
	current, err := refersTo(p, f)
	if err != nil {
		return nil, err
	}
	if !current {
		return nil, nil
	}
	if links(f) > 1 {
		// Somebody gave another file this name. Writing a record would destroy that file; without the name it is safe,
		// and the name may be removed because this process holds what it refers to.
		return nil, p.Remove()
	}
	nonce := newNonce()
	if err := rewrite(f, header(Holding{Nonce: nonce, PID: os.Getpid(), About: about})); err != nil {
		return nil, fmt.Errorf("write lock record %s: %w", p.Path(), err)
	}
	return &Lock{at: p, nonce: nonce, file: f}, nil
}

// refersTo reports whether the name of p refers to the open file f now.
func refersTo(p File, f *os.File) (bool, error) {
	opened, err := f.Stat()
	if err != nil {
		return false, fmt.Errorf("look at lock file: %w", err)
	}
	named, err := p.Stat()
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at lock file: %w", err)
	}
	return os.SameFile(opened, named), nil
}

// Finish leaves a note of at most MaxNote bytes for everybody who waits now, removes the lock file and releases the
// lock. The lock is released whatever fails. Finish and Abandon of a released lock do nothing.
//
// What can die between the steps:
//   - before or in the middle of the note: the file keeps its name; one waiter takes over.
//   - after the note: the same; that waiter leads, and does not mind the note.
//   - after the removal: the waiters are granted a file without a name, one after another, and read the note. Who
//     arrives now makes a new file, and leads: what it looks up first must have been published before Finish was
//     called.
func (l *Lock) Finish(note []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	defer l.drop()
	return errors.Join(l.leave(note), l.remove())
}

func (l *Lock) leave(note []byte) error {
	if len(note) > MaxNote {
		return fmt.Errorf("lock note of %d bytes is longer than %d", len(note), MaxNote)
	}
	text := header(Holding{Nonce: l.nonce, PID: os.Getpid()}) + noteLine(l.nonce, note)
	if err := rewrite(l.file, text); err != nil {
		return fmt.Errorf("write lock note %s: %w", l.at.Path(), err)
	}
	return nil
}

// remove unlinks the name only while it refers to the locked file: when a person removed the directory meanwhile, it
// may be the name of somebody else's lock.
func (l *Lock) remove() error {
	current, err := refersTo(l.at, l.file)
	if err != nil || !current {
		return err
	}
	if err := l.at.Remove(); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove lock file: %w", err)
	}
	return nil
}

// Abandon releases the lock and leaves the file in its place: exactly one of those who wait takes over.
func (l *Lock) Abandon() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.drop()
}

func (l *Lock) drop() error {
	err := release(l.file)
	l.file = nil
	return err
}

// Sweep removes the lock file of p if nobody holds it, and reports whether it did. It is for cleaners: who has opened
// the file and not yet locked it starts anew. So its record is spoiled first: a holder may have died between its note
// and its removal, and that note is not for those who arrive now.
//
// What can die between the steps: after the lock, or with the record spoiled, the kernel releases it, and the next
// acquirer takes the file as it is.
func Sweep(p File) (removed bool, err error) {
	f, err := openExisting(p)
	if f == nil || err != nil {
		return false, err
	}
	err = lockFile(f, exclusive|now)
	if err != nil {
		f.Close()
		if errors.Is(err, ErrBusy) {
			return false, nil
		}
		return false, describe(p, err)
	}
	defer release(f)
	current, err := refersTo(p, f)
	if err != nil || !current {
		return false, err
	}
	if links(f) == 1 { // else it is also somebody else's file
		err = invalidate(f)
	}
	if err := errors.Join(err, p.Remove()); err != nil {
		return false, fmt.Errorf("sweep lock file: %w", err)
	}
	return true, nil
}

// release unlocks before it closes: a child between fork and exec still has a copy of the descriptor, and with the
// close alone would keep the lock.
func release(f *os.File) error {
	return errors.Join(unlockFile(f), f.Close())
}

func describe(p File, err error) error {
	if errors.Is(err, ErrBusy) {
		return err
	}
	return fmt.Errorf("lock %s: %w", p.Path(), err)
}

func unstable(p File) error {
	return fmt.Errorf("lock %s: %w: the name never refers to the file that was locked", p.Path(), ErrUnsupported)
}

// newNonce is not a secret, only nobody else's: the runtime's own generator will do, and crypto/rand would cost 0.1 ms.
func newNonce() string {
	return fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())
}
