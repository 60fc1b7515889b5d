package runner

import (
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"
)

// signals and inheriting are the mutable variables of this package: a process has one set of signal dispositions,
// and one of descriptors, whoever runs commands in it.
var signals hub

// hub receives every signal that this process catches, in one goroutine, and knows whose it is: of
// the commands that run, or, when there is none, of this process itself. What is caught once stays
// caught until the end of the process, so there is no instant between the two in which a signal
// gets lost or has the wrong effect.
type hub struct {
	mu      sync.Mutex
	caught  chan os.Signal
	barrier chan chan struct{}
	wanted  []os.Signal // registered with os/signal so far
	box     letterbox   // what catches those that it can without
	ignores bool        // what was found ignored is ignored
	passers []*passer   // one for each running command

	ended     time.Time // when the last command ended
	holders   int       // of DieOnSignals
	permanent bool      // a command was run: TSTP, caught once, can never get its default effect back
	before    func()    // is called before this process dies; nil: nothing is
}

// DieOnSignals makes INT, TERM, HUP, QUIT and the other signals that end a program end this process
// at once by that very signal, without a core file and without the stack traces that the Go runtime
// prints. Signals ignored since the start stay ignored. It is meant for the whole life of the
// process: for waiting and for replay. While Run has a command, signals are passed on instead. It
// takes about 0.3 ms, which a short replay may save: INT, TERM and HUP kill without it.
//
// After stop the runtime's own ways are back, unless a command was run meanwhile: then this stays.
func DieOnSignals() (stop func()) {
	signals.mu.Lock()
	defer signals.mu.Unlock()
	signals.want(fatalSignals())
	signals.holders++
	return sync.OnceFunc(signals.release)
}

// DieOnSignalsAfter does what DieOnSignals does, but calls a function before this process dies, in another goroutine.
// One at a time may be waited for.
func DieOnSignalsAfter(before func()) (stop func()) {
	die := DieOnSignals()
	signals.mu.Lock()
	defer signals.mu.Unlock()
	signals.want(interruptions())
	signals.before = before
	return sync.OnceFunc(func() {
		signals.mu.Lock()
		signals.before = nil
		signals.mu.Unlock()
		die()
	})
}

// DieOfQuitAfter makes QUIT end this process as DieOnSignals does, from a moment on until stop. It does so also if QUIT
// was ignored at the start, as in a background job of a script: as long as no command runs, whoever sends it means this
// process, and the runtime would print stacks.
func DieOfQuitAfter(d time.Duration) (stop func()) {
	var mu sync.Mutex
	stopped, quit := false, make(chan os.Signal, 1)
	timer := time.AfterFunc(d, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped || signals.begun() { // then it has its effect, or is ignored, as found
			return
		}
		signal.Notify(quit, syscall.SIGQUIT)
		go func() {
			if s, ok := <-quit; ok {
				Die(int(s.(syscall.Signal)))
			}
		}()
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
		signal.Stop(quit)
		close(quit)
	}
}

// begun reports whether a command was run, or DieOnSignals called.
func (h *hub) begun() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.caught != nil || h.permanent
}

// want registers signals, but not those that were ignored at the start: registering ends that.
func (h *hub) want(sigs []os.Signal) {
	h.ignore()
	if h.caught == nil {
		h.caught = make(chan os.Signal, 64)
		h.barrier = make(chan chan struct{})
		go h.loop(h.caught, h.barrier)
	}
	for _, s := range h.missing(sigs) {
		signal.Notify(h.caught, s)
		h.wanted = append(h.wanted, s)
	}
}

// missing returns those signals that are not caught, and not ignored either.
func (h *hub) missing(sigs []os.Signal) (missing []os.Signal) {
	for _, s := range sigs {
		if !slices.Contains(h.wanted, s) && !slices.Contains(h.box.caught, s) && !signal.Ignored(s) && !leftIgnored(s) {
			missing = append(missing, s)
		}
	}
	return missing
}

// ignore makes this process ignore what it was started to ignore: a command ignores what this process ignores, and it
// shall ignore what it would have.
func (h *hub) ignore() {
	if h.ignores {
		return
	}
	h.ignores = true
	ignoreAsFound()
}

func ignoreAsFound() {
	for _, s := range ignoredAtStart() {
		signal.Ignore(s)
	}
}

func (h *hub) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.holders--
	if h.holders == 0 && !h.permanent {
		signal.Stop(h.caught)
		h.wanted = nil
	}
}

func (h *hub) loop(caught chan os.Signal, barrier chan chan struct{}) {
	for {
		select {
		case s := <-caught:
			h.take(s)
		case ack := <-barrier:
			for more := true; more; {
				select {
				case s := <-caught:
					h.take(s)
				default:
					more = false
				}
			}
			close(ack)
		}
	}
}

func (h *hub) take(s os.Signal) {
	n, ok := s.(syscall.Signal)
	if !ok || n == brokenPipe {
		return // the write that caused it knows
	}
	h.mu.Lock()
	passers := slices.Clone(h.passers)
	h.mu.Unlock()
	if len(passers) == 0 && ends(n) {
		h.die(n, nil)
	}
	for _, p := range passers {
		p.take(n)
	}
	if suspends(n) {
		stopSelf()
	}
}

// die ends this process by s, but not within a moment of the end of a command.
func (h *hub) die(s syscall.Signal, tty *terminal) {
	h.mu.Lock()
	early, before := time.Since(h.ended) < moment, h.before
	h.mu.Unlock()
	if early {
		h.later(s)
		return
	}
	if before != nil {
		before()
	}
	tty.end()
	Die(int(s))
}

// later looks at s again a moment later. It is for signals that come when the command has just ended.
// They may have been sent before that, to both, and be late here because the thread that took them
// got no processor; then what the command made of them must win. So they count only if this process
// is still there.
func (h *hub) later(s syscall.Signal) {
	time.AfterFunc(moment, func() { h.take(s) })
}

// moment is longer than a thread waits for a processor, on a busy machine too, and no time for who
// sent a signal.
const moment = 100 * time.Millisecond

// lend makes signals the command's, from before it starts. The signals that people and programs end a command with are
// caught when it returns, all of them when the function was called that it returns: each that os/signal catches costs a
// round trip through the runtime's signal thread, and a short command need not wait for those that it could not have
// used.
func (h *hub) lend(p *passer) (all func()) {
	if p.deaf {
		return func() {}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.passers = append(h.passers, p)
	h.permanent = true
	h.ignore()
	if rest := h.missing(interruptions()); len(rest) > 0 {
		if rest = h.box.catch(rest, h.take); len(rest) > 0 {
			h.want(rest)
		}
	}
	return sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.want(passedSignals())
	})
}

// giveBack makes signals this process's own again. Those that came for a command that never started
// have their effect now.
func (h *hub) giveBack(p *passer) {
	h.mu.Lock()
	h.passers = slices.DeleteFunc(h.passers, func(o *passer) bool { return o == p })
	h.mu.Unlock()
	for _, s := range p.unused() {
		if ends(s) {
			Die(int(s))
		}
	}
}

// settle returns when every signal that reached this process before the call was taken care of.
func (h *hub) settle() {
	deliverPending()
	h.box.settle()
	h.mu.Lock()
	wanted := h.wanted
	h.mu.Unlock()
	if len(wanted) == 0 {
		return
	}
	// Stop waits until the runtime's own queue is empty: nothing else in os/signal does.
	c := make(chan os.Signal, 1)
	signal.Notify(c, wanted[0])
	signal.Stop(c)

	ack := make(chan struct{})
	h.barrier <- ack
	<-ack
}

// passer takes signals on behalf of one command.
type passer struct {
	deaf        bool // signals are not the command's
	mu          sync.Mutex
	child       *process
	tty         *terminal
	early       []syscall.Signal // came before there was a command to give them to
	over        bool             // the command has ended
	interrupted bool
}

func (p *passer) take(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupted = p.interrupted || interrupts(s)
	switch {
	case p.over:
		// Only the rest of the output is on its way. Whoever interrupts that means this process.
		if ends(s) {
			signals.die(s, p.tty)
		}
	case p.child == nil:
		p.early = append(p.early, s)
	case p.child.ended():
		signals.later(s) // it would be lost on the command
	default:
		p.pass(s)
	}
}

// pass gives s to the command, unless the command has got it already: what is typed at the terminal
// goes to every process of the foreground group. Behind a pseudo-terminal the command has a group
// and a foreground of its own.
func (p *passer) pass(s syscall.Signal) {
	switch {
	case p.tty != nil && resizes(s):
		p.tty.resize() // the kernel tells the command
	case p.tty != nil:
		p.tty.follow(s)
		p.child.signal(p.tty.inner(s), typed(s) || continues(s))
	case typed(s) && foreground():
	default:
		p.child.signal(s, false)
	}
}

// started says where signals go from now on. Those that came while the command was being started are
// passed on whatever the foreground is, for the kernel may have sent them before the command was
// there; twice is better than never.
func (p *passer) started(child *process, tty *terminal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.child, p.tty = child, tty
	for _, s := range p.early {
		if ends(s) {
			child.signal(s, false)
		}
	}
	p.early = nil
}

// ended says that there is no command any more.
func (p *passer) ended() {
	if p.deaf {
		return
	}
	signals.settle()
	signals.mu.Lock()
	signals.ended = time.Now()
	signals.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// wasInterrupted reports whether the command was interrupted, counting all signals until now.
func (p *passer) wasInterrupted() bool {
	if p.deaf {
		return false
	}
	signals.settle()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.interrupted
}

// unused returns the signals that found no command.
func (p *passer) unused() []syscall.Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.early
}
