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

// resume takes the output of a run from its beginning, and returns what comes after what was printed of another one.
type resume struct {
	printed, seen [2]beginning
	streamOf      func(runner.Stream) runner.Stream
}

func (o *resume) after(s runner.Stream, b []byte) []byte {
	i := o.streamOf(s)
	n := min(o.printed[i].n-o.seen[i].n, int64(len(b)))
	o.seen[i].add(b[:n])
	return b[n:]
}

// differs reports whether it is certain by now that the run has not begun as what was printed.
func (o *resume) differs() bool {
	for i := range o.printed {
		if n := o.printed[i].n; n > 0 && o.seen[i].n == n && o.seen[i].sum.Sum64() != o.printed[i].sum.Sum64() {
			return true
		}
	}
	return false
}

// begins reports whether it is certain that it has.
func (o *resume) begins() bool {
	return !o.differs() && o.seen[0].n == o.printed[0].n && o.seen[1].n == o.printed[1].n
}

// resumeWriter writes what comes after what was printed, and leaves out the rest.
type resumeWriter struct {
	*resume
	stream runner.Stream
	w      io.Writer
}

// writers write what comes after what was printed to two files.
func (o *resume) writers(stdout, stderr io.Writer) (restOfStdout, restOfStderr io.Writer) {
	return &resumeWriter{o, runner.Stdout, stdout}, &resumeWriter{o, runner.Stderr, stderr}
}

func (o *resumeWriter) Write(p []byte) (int, error) {
	b := o.after(o.stream, p)
	if len(b) == 0 {
		return len(p), nil
	}
	n, err := o.w.Write(b)
	return len(p) - len(b) + n, err
}
