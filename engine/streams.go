package engine

import (
	"errors"
	"io"
	"os"
	"time"
)

// streams are the files that a run reads from and writes to.
type streams struct {
	stdin, stdout, stderr *os.File
	opened                []io.Closer
	copies                []*copying
}

// copying empties a pipe into a writer that is no file.
type copying struct {
	from *os.File
	done chan struct{}
	err  error // of the writer
}

// afterEnd is how long is waited for what a command that has ended left behind in a pipe that a process of its own
// holds open.
const afterEnd = 200 * time.Millisecond

// openStreams makes files of what the caller has given: nil is the null device, a writer is behind a pipe. The caller
// closes them.
func openStreams(req *Request) (*streams, error) {
	s := &streams{stdin: req.Stdin}
	var err error
	if s.stdin == nil {
		if s.stdin, err = os.Open(os.DevNull); err != nil {
			return nil, err
		}
		s.opened = append(s.opened, s.stdin)
	}
	if s.stdout, err = s.output(req.Stdout, req.OwnsProcess); err == nil {
		s.stderr = s.stdout
		if !sameWriter(req.Stdout, req.Stderr) {
			s.stderr, err = s.output(req.Stderr, req.OwnsProcess)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *streams) output(w io.Writer, owns bool) (*os.File, error) {
	f, isFile := w.(*os.File)
	switch {
	case w == nil || isFile && f == nil:
		null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		if err == nil {
			s.opened = append(s.opened, null)
		}
		return null, err
	case isFile && owns:
		return f, nil
	case isFile:
		apart, err := notStandard(f)
		if err == nil && apart != f {
			s.opened = append(s.opened, apart)
		}
		return apart, err
	}
	r, pipe, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c := &copying{from: r, done: make(chan struct{})}
	s.opened = append(s.opened, pipe)
	s.copies = append(s.copies, c)
	go c.run(w)
	return pipe, nil
}

// run ends at the end of the pipe, or when there is nothing to read for a while after the run. If the writer fails,
// whoever writes to the pipe learns that nobody reads it.
func (c *copying) run(w io.Writer) {
	defer close(c.done)
	defer c.from.Close()
	buf, idle := make([]byte, 32<<10), false
	for {
		n, err := c.from.Read(buf)
		if n > 0 {
			if _, c.err = w.Write(buf[:n]); c.err != nil {
				return
			}
		}
		late := errors.Is(err, os.ErrDeadlineExceeded)
		if err != nil && !late || late && idle {
			return
		}
		if idle = late; late {
			_ = c.from.SetReadDeadline(time.Now().Add(afterEnd)) // the writer may have used up the time
		}
	}
}

// close waits until the writers have got everything, and returns the error of the first that failed.
func (s *streams) close() error {
	for _, c := range s.opened {
		_ = c.Close()
	}
	var err error
	for _, c := range s.copies {
		_ = c.from.SetReadDeadline(time.Now().Add(afterEnd)) // fails where it was closed
		<-c.done
		if err == nil {
			err = c.err
		}
	}
	return err
}

// sameWriter reports whether a and b are one: then the order of what is written to both is kept.
func sameWriter(a, b io.Writer) (same bool) {
	defer func() {
		if recover() != nil {
			same = false // of a type that cannot be compared
		}
	}()
	return a != nil && a == b
}
