package runner

// Hold keeps the output from the user until the command has ended and it is known what the output is worth. The Sink
// gets it as it comes.
//
// What is held is kept in constant memory, and from 256 KiB on in an unnamed file in the directory for temporary files.
// If that fails, what was held is delivered at once and everything after it as it comes: it must not be lost.
type Hold struct {
	// Deliver is called by Run when the command has ended, the end of its streams was seen or waited for long enough,
	// and all its output was held. It decides whether Run delivers the output, in the order of arrival, or drops it. A
	// Result that is Complete then means that all of the output is at hand.
	Deliver func(Result) bool

	// Rest, if not nil, leaves out what the user has already. What it returns is called with all of the output that was
	// held, in the order of arrival, and returns what there is to deliver of each piece. That is done once before
	// Deliver is asked, and with a new function for the delivery. Output that could not be held is delivered whole.
	Rest func() func(Stream, []byte) []byte
}

// held is the user's side of both streams while output is held back, and for the rest of the run if that fails. Its
// methods are called under queue.order, or when no stream is left.
type held struct {
	spool spool
	to    [2]*delivery // nil: no such stream
	cut   [2]error     // why the user got no more of a stream
	live  bool         // nothing is held any more
	err   error        // why not
}

// write takes some bytes of a stream. When the spool fails it delivers what is in there, and only then returns:
// whatever comes later, of the other stream too, has to wait for it.
func (h *held) write(id Stream, b []byte) (int, error) {
	if h.cut[id] != nil {
		return 0, h.cut[id]
	}
	if h.live {
		return h.to[id].write(b)
	}
	n, err := h.spool.add(id, b)
	if err != nil {
		h.live, h.err = true, err
		h.deliver(nil)
		return n, h.cut[id]
	}
	return n, nil
}

// deliver writes everything in the spool to the user, or what rest leaves of it. Who gets no more of one stream still
// gets the other.
func (h *held) deliver(rest func(Stream, []byte) []byte) {
	err := h.spool.each(func(id Stream, b []byte) {
		if rest != nil {
			b = rest(id, b)
		}
		if h.cut[id] == nil {
			h.cut[id] = h.to[id].writeAll(b)
		}
	})
	if err != nil {
		h.cut[Stdout], h.cut[Stderr] = err, err
	}
}

// finish asks what is to become of the output, sees to it, and puts that into r.
func (h *held) finish(hold *Hold, r *Result) {
	defer h.spool.close()
	r.Held, r.HoldErr = !h.live, h.err
	rest := hold.Rest
	if rest == nil {
		rest = func() func(Stream, []byte) []byte { return nil }
	} else if r.Held {
		h.show(rest())
	}
	if r.Held {
		r.Dropped = !hold.Deliver(*r)
	}
	if r.Held && !r.Dropped {
		h.deliver(rest())
	}
	if !r.Dropped {
		h.end()
	}
	for _, cut := range h.cut {
		if cut != nil {
			r.Complete = false
		}
		if r.Cut == nil {
			r.Cut = cut
		}
	}
}

// end delivers what filters have kept back.
func (h *held) end() {
	for id, to := range h.to {
		if to != nil && h.cut[id] == nil {
			h.cut[id] = to.end()
		}
	}
}

// show lets look have everything in the spool. What cannot be read is not delivered either.
func (h *held) show(look func(Stream, []byte) []byte) {
	if err := h.spool.each(func(id Stream, b []byte) { look(id, b) }); err != nil {
		h.cut[Stdout], h.cut[Stderr] = err, err
	}
}
