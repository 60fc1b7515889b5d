package engine

import (
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/runner"
)

// beginning is what is known of the first bytes of a stream.
type beginning struct {
	n   int64
	sum xxhash.Digest
}

func (b *beginning) add(p []byte) {
	if b.n == 0 {
		b.sum.Reset()
	}
	b.n += int64(len(p))
	_, _ = b.sum.Write(p)
}

// behind takes the output of a run from its beginning, and returns what comes behind what was printed of another one.
type behind struct {
	printed, seen [2]beginning
	streamOf      func(runner.Stream) runner.Stream
}

func (r *run) behind() *behind { return &behind{printed: r.printed, streamOf: r.streamOf} }

func (o *behind) after(s runner.Stream, b []byte) []byte {
	i := o.streamOf(s)
	n := min(o.printed[i].n-o.seen[i].n, int64(len(b)))
	o.seen[i].add(b[:n])
	return b[n:]
}

// differs reports whether it is certain by now that the run has not begun as what was printed.
func (o *behind) differs() bool {
	for i := range o.printed {
		if n := o.printed[i].n; n > 0 && o.seen[i].n == n && o.seen[i].sum.Sum64() != o.printed[i].sum.Sum64() {
			return true
		}
	}
	return false
}

// begins reports whether it is certain that it has.
func (o *behind) begins() bool {
	return !o.differs() && o.seen[0].n == o.printed[0].n && o.seen[1].n == o.printed[1].n
}

// onlyRest leaves out what is not behind.
type onlyRest struct {
	*behind
	stream runner.Stream
	w      io.Writer
}

func (o *onlyRest) Write(p []byte) (int, error) {
	b := o.after(o.stream, p)
	if len(b) == 0 {
		return len(p), nil
	}
	n, err := o.w.Write(b)
	return len(p) - len(b) + n, err
}
