package engine

import (
	"io"
	"sync"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
	"github.com/cachex-cli/cachex/runner"
)

// Part makes a request one of several that are answered by one call of their command: its Spec has an Item. All of them
// have one Shared.
type Part struct {
	Shared *Shared
	Output io.Writer // takes a stored result, what it has of stdout

	// Make calls the command for this part and others, and appends to the command's Sink, if it has one, what belongs
	// to this part. An error says that there is nothing of it.
	Make func(c runner.Command) (runner.Result, error)

	// Waits is called before this part waits for the run of another process or host. It may take its time.
	Waits func()
}

// Shared is what all parts find out once.
type Shared struct {
	once sync.Once
	held lock.Held

	capture sync.Once
	recipe  hashing.Recipe // without an item
	err     error
}

// captureTogether looks once at what all parts depend on, and for each at its own word.
func (in *inputs) captureTogether() (hashing.Recipe, error) {
	s := in.caller.Part.Shared
	s.capture.Do(func() {
		spec := in.caller.Spec
		spec.Item = nil
		s.recipe, s.err = in.captureSpec(spec)
	})
	if s.err != nil {
		return s.recipe, s.err
	}
	recipe, ok, err := s.recipe.ForItem(in.caller.Spec, in.dir.Digests())
	if err == nil && !ok {
		return in.captureNow()
	}
	return recipe, err
}

// heldByParents adds the locks of ancestors to those that the environment names. No ancestor takes another one while it
// waits for this process.
func (q *queue) heldByParents() lock.Held {
	if q.caller.Part == nil {
		return q.dir.HeldByParents(q.held)
	}
	s := q.caller.Part.Shared
	s.once.Do(func() { s.held = q.dir.HeldByParents(q.held) })
	return s.held
}

// waits tells who is interested that this run is about to wait for another one.
func (c *caller) waits() {
	if c.Part != nil && c.Part.Waits != nil {
		c.Part.Waits()
	}
}
