//go:build unix

package runner

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// When the time is up, one pipe full is still taken, an end is still seen, and no more.
func TestStreamAfterTheDeadline(t *testing.T) {
	for _, c := range []struct {
		name   string
		left   int
		closed bool
		want   []error // of the reads of 60 bytes, when there are 100
	}{
		{"enough", 1000, true, []error{nil, nil, io.EOF}},
		{"enough, open", 1000, false, []error{nil, nil, errOpen}},
		{"just enough", 100, true, []error{nil, nil, io.EOF}},
		{"too much", 50, true, []error{nil, errOpen}},
		{"too much, open", 50, false, []error{nil, errOpen}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			require.NoError(t, err)
			defer r.Close()
			defer w.Close()
			_, err = w.Write(make([]byte, 100))
			require.NoError(t, err)
			if c.closed {
				w.Close()
			}
			s := &stream{from: r, left: c.left}
			s.expire(time.Now().Add(-time.Second))
			for _, want := range c.want {
				n, err := s.read(make([]byte, 60))
				require.Equal(t, want, err)
				require.Equal(t, want == nil, n > 0)
			}
		})
	}
}

// All signals are caught before the user can see anything of the command.
func TestStreamWaitsForItsSignals(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = io.WriteString(w, "ready\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	user, to, err := os.Pipe()
	require.NoError(t, err)
	defer user.Close()
	defer to.Close()

	s := newStream(Stdout, r, to, newQueue(nil))
	waiting, caught := make(chan struct{}), make(chan struct{})
	s.before = func() {
		close(waiting)
		<-caught
		s.before = func() {}
	}
	go s.pump()
	<-waiting
	_, err = readNow(user, make([]byte, 1))
	require.ErrorIs(t, err, errOpen) // nothing there yet
	close(caught)
	<-s.done
	b := make([]byte, 6)
	_, err = io.ReadFull(user, b)
	require.NoError(t, err)
	require.Equal(t, "ready\n", string(b))
}
