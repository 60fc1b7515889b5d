package lock

import (
	"errors"
	"fmt"
	"os"
)

var errNotHeld = errors.New("it is not held under this nonce")

// HandOver gives the lock to another process: start starts one that inherits f, the open lock file, and that process
// makes the lock its own by Adopt. If start succeeds, Finish and Abandon of l do nothing any more. If it fails, this
// process holds the lock as before, and the error is start's.
//
// A lock is handed over before anything is done under it: what was written into its record on behalf of this process,
// on who waits for what, is not handed over.
//
// On Windows a lock does not pass on with its file, and the error wraps ErrUnsupported.
//
// What can die between the steps:
//   - this process, before or after start: the other one has a descriptor of the same open file, and the lock with it.
//   - the other process, before Adopt: the kernel releases the lock when this process closes its descriptor, and one of
//     those who wait takes over. Until then it believes the record of this process.
func (l *Lock) HandOver(start func(f *os.File) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return fmt.Errorf("hand over %s: the lock was released", l.at.Path())
	}
	if err := passesOn(); err != nil {
		return fmt.Errorf("hand over %s: %w", l.at.Path(), err)
	}
	if err := start(l.file); err != nil {
		return err
	}
	l.file.Close() // not release: to unlock would free it for the other process as well
	l.file = nil
	return nil
}

// Adopt makes a lock of f, the open lock file of p that this process inherited from one that held the lock under the
// given nonce. From then on the record names this process and the text about; the nonce stays, so claims of that
// holding stay true. After an error f is closed, and nothing else has changed.
//
// What can die between the steps: this process, at any of them: the kernel releases the lock, and one of those who wait
// takes over.
func Adopt(f *os.File, p File, nonce, about string) (*Lock, error) {
	l, err := adopt(f, p, nonce, about)
	if err != nil {
		f.Close() // not release: what is locked may be somebody else's lock
		return nil, fmt.Errorf("adopt lock %s: %w", p.Path(), err)
	}
	return l, nil
}

func adopt(f *os.File, p File, nonce, about string) (*Lock, error) {
	if err := closeOnExec(f); err != nil {
		return nil, err
	}
	current, err := refersTo(p, f)
	if err != nil {
		return nil, err
	}
	if r, held := Holder(p); !current || !held || r.Nonce != nonce {
		return nil, errNotHeld
	}
	// Somebody holds it. To lock it again succeeds if that was through this very open file, and changes nothing.
	if err := lockFile(f, exclusive|now); err != nil {
		return nil, err
	}
	if err := rewrite(f, header(Holding{Nonce: nonce, PID: os.Getpid(), About: about})); err != nil {
		return nil, fmt.Errorf("write lock record: %w", err)
	}
	return &Lock{at: p, nonce: nonce, file: f}, nil
}
