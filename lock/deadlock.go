package lock

import (
	"errors"
	"fmt"
	"os"
)

// Deadlocks. A command may run cachex again. The inner cachex may then wait for a lock whose holder, or somebody that
// holder's command waits for, waits for a lock that an ancestor of the inner cachex holds: A inside B beside B inside
// A. Kernels find no deadlock among flocks, and here the circle goes through parents that wait for children anyway.
//
// So whoever is about to block writes down, in the lock file of each ancestor: this holding waits for that path. Then
// it looks: from the lock it wants, to what the holder's descendants wait for, to those holders, and so on. If it
// arrives at one of its own ancestors, it must not block. Both sides write first and look afterwards, so whoever writes
// last in a circle sees all of it. (Both may see it. Then both run without a lock, which costs a run and nothing else.)
//
// A waiter that is killed cannot strike its line out; believed for ever, the line could make others see circles where
// there are none. Where the system has a lock that can be asked about (see sign_linux.go) each waiter shows by one that
// it lives; elsewhere its line stands until the holder is done.
//
// What is odd is answered with ErrDeadlock, for the same reason: a run without lock costs a run, a deadlock costs
// everything.

// maxFollowed bounds how many lock files are read before a wait.
const maxFollowed = 256

// announcement is the lines of one waiter in its ancestors' lock files. The files stay open for the sign of life.
type announcement struct {
	nonce string
	files []*os.File
}

// announce writes into each lock file that an ancestor really holds that it waits for p. Also with an error, what it
// returns must be withdrawn.
func announce(held Held, p File) (announcement, error) {
	a := announcement{nonce: newNonce()}
	if held.deep {
		return a, untold(errors.New("too many runs inside one another"))
	}
	for _, c := range held.claims {
		if err := a.add(c, p); err != nil {
			return a, untold(err)
		}
	}
	return a, nil
}

func (a *announcement) add(c claimed, p File) error {
	f, err := openIfThere(c.path, appendOnly)
	if f == nil || err != nil {
		return err
	}
	written, err := a.write(f, c, p)
	if !written {
		f.Close()
		return err
	}
	a.files = append(a.files, f)
	return nil
}

// write adds the line to the file of one claim, if the claim is true. The sign of life comes before the line, so that a
// line without a sign always means a waiter that is gone.
func (a *announcement) write(f *os.File, c claimed, p File) (bool, error) {
	held, err := readContent(f, maxHeader)
	if errors.Is(err, errNoRecord) || err == nil && (held.Nonce != c.nonce || !isHeld(f)) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := checkOurs(f); err != nil {
		return false, err
	}
	if links(f) > 1 {
		return false, fmt.Errorf("%s has more than one link", c.path)
	}
	line := waitLine(c.nonce, wait{nonce: a.nonce, sign: showLife(f, a.nonce), path: p.Path()})
	_, err = f.WriteString(line)
	return err == nil, err
}

// withdraw strikes the lines out. What fails leaves a line without a sign of life.
func (a announcement) withdraw() {
	for _, f := range a.files {
		f.WriteString(doneLine(a.nonce))
		f.Close()
	}
}

// follow looks whether the holder of f waits, itself or through others, for one of the ancestors named by held.
func follow(f *os.File, held Held) error {
	if len(held.claims) == 0 {
		return nil
	}
	seen := map[string]bool{}
	next, err := step(f, held)
	for err == nil && len(next) > 0 {
		path := next[0]
		next = next[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		if len(seen) > maxFollowed {
			return untold(fmt.Errorf("more than %d runs wait for one another", maxFollowed))
		}
		var more []string
		more, err = stepTo(path, held)
		next = append(next, more...)
	}
	return err
}

func stepTo(path string, held Held) ([]string, error) {
	f, err := openIfThere(path, readOnly)
	if err != nil {
		return nil, untold(err)
	}
	if f == nil {
		return nil, nil // no file, no holder
	}
	defer f.Close()
	return step(f, held)
}

// step returns the paths that the holder of f waits for.
func step(f *os.File, held Held) ([]string, error) {
	c, err := readContent(f, maxRecord)
	if errors.Is(err, errNoRecord) || !isHeld(f) {
		return nil, nil // not held, or just taken: then nothing inside it can wait yet
	}
	if err != nil {
		return nil, untold(err)
	}
	if held.names(c.Nonce) {
		return nil, fmt.Errorf("%w: an outer run holds %s", ErrDeadlock, f.Name())
	}
	if c.cut {
		return nil, untold(fmt.Errorf("the record of %s is too long", f.Name()))
	}
	var paths []string
	for _, w := range c.waits {
		if w.sign == 0 || showsLife(f, w.sign) {
			paths = append(paths, w.path)
		}
	}
	return paths, nil
}

func untold(err error) error {
	return fmt.Errorf("%w, or that cannot be ruled out: %w", ErrDeadlock, err)
}
