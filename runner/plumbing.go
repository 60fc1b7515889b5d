package runner

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// plumbing is every descriptor that Run opened for one command.
type plumbing struct {
	child   [3]*os.File // descriptors 0, 1 and 2 of the command
	lent    []*os.File  // opened here for the command alone: closed once it has them
	kept    []*os.File  // opened here for delivery: closed at the end
	streams []*stream
	held    *held // nil: nothing is held back
	feed    *feed
	tty     *terminal // nil without a pseudo-terminal
	sink    *queue
}

// plumb opens what c needs. After an error nothing stays open.
func plumb(c Command) (*plumbing, error) {
	p := &plumbing{}
	if c.Hold != nil {
		p.held = &held{}
	}
	var err error
	if c.Pty {
		err = p.openTerminal(c)
	} else {
		err = p.openOutputs(c)
	}
	if err == nil {
		err = p.openInput(c)
	}
	if err != nil {
		p.abandon()
		return nil, err
	}
	return p, nil
}

func (p *plumbing) openOutputs(c Command) error {
	var out [2]*os.File
	for s, f := range []*os.File{Stdout: c.Stdout, Stderr: c.Stderr} {
		if f == nil {
			null, err := openNull(os.O_WRONLY)
			if err != nil {
				return err
			}
			p.kept = append(p.kept, null)
			f = null
		}
		out[s] = f
	}
	if c.Sink == nil && c.Hold == nil {
		p.child[1], p.child[2] = out[Stdout], out[Stderr]
		return nil
	}
	p.sink = newQueue(c.Sink)
	if err := p.openStream(Stdout, out[Stdout]); err != nil {
		return err
	}
	if c.Merged {
		p.child[2] = p.child[1]
		return nil
	}
	return p.openStream(Stderr, out[Stderr])
}

func (p *plumbing) openStream(s Stream, to *os.File) error {
	r, w, err := outputPipe()
	if err != nil {
		return err
	}
	p.child[1+s] = w
	p.lent = append(p.lent, w)
	p.addStream(newStream(s, r, to, p.sink))
	return nil
}

func (p *plumbing) addStream(s *stream) {
	p.streams = append(p.streams, s)
	if p.held != nil {
		s.held, p.held.to[s.id] = p.held, s.to
	}
}

// openTerminal makes the pseudo-terminal. The command's stdin is the terminal only if the user's is
// one: else a program might ask there what nobody can answer.
func (p *plumbing) openTerminal(c Command) error {
	to := c.Stdout
	if to == nil {
		null, err := openNull(os.O_WRONLY)
		if err != nil {
			return err
		}
		p.kept = append(p.kept, null)
		to = null
	}
	t, slave, err := openTerminal(c)
	if err != nil {
		return err
	}
	p.tty = t
	p.lent = append(p.lent, slave)
	p.child[1], p.child[2] = slave, slave
	if c.readsTerminal() {
		p.child[0] = slave
	}
	p.sink = newQueue(c.Sink)
	s := newStream(Stdout, t.master, to, p.sink)
	s.terminal, s.to.filter = true, c.Filter
	p.addStream(s)
	p.kept = append(p.kept, t.master)
	return nil
}

func (p *plumbing) openInput(c Command) error {
	switch {
	case c.Input != nil:
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		p.child[0] = r
		p.lent = append(p.lent, r)
		p.feed = &feed{from: c.Input, to: w}
	case p.child[0] != nil: // the pseudo-terminal
	case c.Stdin != nil:
		p.child[0] = c.Stdin
	default:
		null, err := openNull(os.O_RDONLY)
		if err != nil {
			return err
		}
		p.child[0] = null
		p.lent = append(p.lent, null)
	}
	return nil
}

// openNull opens the null device, or, where there is none, what is like it: a pipe that has come to its end, to read
// from; a file that is gone afterwards, to write to.
func openNull(flag int) (*os.File, error) {
	null, err := os.OpenFile(os.DevNull, flag, 0)
	if err == nil && isDevice(null) || scarce(err) {
		return null, err
	}
	if err == nil {
		null.Close()
	}
	if flag != os.O_RDONLY {
		return UnnamedFile()
	}
	r, w, err := os.Pipe()
	if err == nil {
		w.Close()
	}
	return r, err
}

// isDevice tells the null device from a file that was written where it should be.
func isDevice(f *os.File) bool {
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeDevice != 0
}

// catch sees to it that the rarer signals are the command's before anybody can see that it runs: before its first
// output passes here, and soon if there is none; at once if its output does not come here, or if a terminal has to be
// kept up with. After stop nothing is begun any more.
func (p *plumbing) catch(all func()) (stop func()) {
	for _, s := range p.streams {
		s.before = all
	}
	if len(p.streams) == 0 || p.tty != nil {
		all()
	}
	timer := time.AfterFunc(settling, all)
	return func() { timer.Stop() }
}

// begin sets everything flowing. The command's ends are closed here first: as long as this process
// holds one, the end of the stream never comes.
func (p *plumbing) begin(c Command) {
	closeAll(&p.lent)
	if p.feed != nil {
		go p.feed.run()
	}
	if p.tty != nil {
		p.tty.begin()
	}
	for _, s := range p.streams {
		go s.pump()
	}
}

// finish waits for the last bytes and puts what became of the streams into r.
func (p *plumbing) finish(r *Result) {
	deadline := time.Now().Add(grace)
	for _, s := range p.streams {
		s.expire(deadline)
	}
	r.Complete = p.sink != nil && p.sink.sink != nil
	for _, s := range p.streams {
		if !s.wait(deadline) {
			r.Complete = false
			continue
		}
		r.Complete = r.Complete && s.whole
		if r.Cut == nil {
			r.Cut = s.cut
		}
	}
	if p.tty != nil {
		p.tty.end()
	}
	if p.sink != nil {
		p.sink.close()
		r.SinkErr = errors.Join(r.SinkErr, p.sink.err)
	}
	if p.feed != nil {
		r.SinkErr = errors.Join(r.SinkErr, p.feed.stop())
	}
}

// abandon closes everything after a start that failed.
func (p *plumbing) abandon() {
	closeAll(&p.lent)
	closeAll(&p.kept)
	for _, s := range p.streams {
		s.from.Close()
	}
	if p.feed != nil {
		p.feed.to.Close()
	}
}

func closeAll(files *[]*os.File) {
	for _, f := range *files {
		f.Close()
	}
	*files = nil
}

// feed writes the command's stdin. A command that does not read it is no fault: head(1) does that.
type feed struct {
	from io.Reader
	to   *os.File

	mu  sync.Mutex
	err error // why from could not be read to its end
}

// run copies until one side ends. An error of the reading side is noted before the command is given
// the end of its stdin, so that it is known by the time the command can have ended.
func (f *feed) run() {
	defer f.to.Close()
	io.Copy(f.to, f)
}

// Read tells the errors of reading from those of writing in io.Copy.
func (f *feed) Read(b []byte) (int, error) {
	n, err := f.from.Read(b)
	if err != nil && err != io.EOF {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.err = err
	}
	return n, err
}

// stop ends the feeding of a command that has ended. Closing unblocks a write into a full pipe; a
// Read that blocks is left alone, for nothing ends that.
func (f *feed) stop() error {
	f.to.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
