// Package ansi tells what a program says to a terminal from the text that it writes there: escape sequences, and among
// them the questions that a terminal answers. It takes output in any pieces and keeps a few bytes of it at most.
package ansi

// A sequence begins with ESC. Controls of eight bits are left alone: in UTF-8 they are parts of characters, and no
// program writes them any more. What stands in a sequence is told as terminals tell it (ECMA-48; the state machine is
// that of the VT500, which all terminals have), so that what is left is what a terminal would show.
//
//	ESC 7   ESC ( B           a letter, perhaps with others before it
//	ESC [ 1 ; 31 m            CSI: parameters and a letter
//	ESC ] 8 ; ; URL ESC \     OSC: a text up to ST or BEL
//	ESC P ... ESC \           DCS, SOS, PM, APC: a text up to ST
//
// CAN and SUB break a sequence off, and another ESC begins the next one. One that never ends hides what comes after it,
// there as here.

const (
	enq = 0x05 // asks who the terminal is
	bel = 0x07
	so  = 0x0e // another set of characters
	si  = 0x0f // and back, as in what tput sgr0 prints under tmux
	can = 0x18
	sub = 0x1a
	esc = 0x1b
	del = 0x7f
)

// mostHeld is how much of a sequence is kept until it is known whether it is a question. Questions are short; images
// and what goes to the clipboard are not.
const mostHeld = 256

type state uint8

const (
	inText    state = iota
	inEscape        // behind ESC
	inLetters       // behind ESC and at least one letter that is not the last
	inCSI
	inOSC
	inString // DCS, SOS, PM, APC
	inEnd    // behind an ESC that may be the first half of ST
)

// Filter takes something out of what a program wrote to a terminal. Its zero value takes out questions.
type Filter struct {
	text bool // only text is left

	state   state
	held    []byte // of the sequence at hand, if that is to be known
	passing bool   // the sequence is no question, and its beginning was passed on
	cr      bool   // a CR that may be one half of a line end
}

// Questions returns a filter that takes out what a terminal would answer, so that no answer comes where nobody waits.
// All else passes as it is.
func Questions() *Filter { return &Filter{} }

// Text returns a filter that leaves the text: no escape sequences, no other character sets, and lines that end as
// the program ended them, before the terminal made CR LF of LF. Backspaces and a CR alone stay.
func Text() *Filter { return &Filter{text: true} }

// Append appends to dst what is left of the next piece of output.
func (f *Filter) Append(dst, piece []byte) []byte {
	for len(piece) > 0 {
		if f.state == inText && !f.cr {
			n := 0
			for n < len(piece) && !special[piece[n]] {
				n++
			}
			dst, piece = append(dst, piece[:n]...), piece[n:]
			if len(piece) == 0 {
				break
			}
		}
		dst, piece = f.next(dst, piece[0]), piece[1:]
	}
	return dst
}

// special are the bytes of text that may not pass.
var special = [256]bool{enq: true, so: true, si: true, esc: true, '\r': true}

// End appends what is left at the end of the output. The filter is as new then.
func (f *Filter) End(dst []byte) []byte {
	dst = f.endCR(dst)
	if f.state == inEnd {
		dst = f.hold(dst, esc)
	}
	return f.abort(dst)
}

// next takes one byte.
func (f *Filter) next(dst []byte, b byte) []byte {
	switch {
	case f.state == inText:
		return f.inText(dst, b)
	case f.state == inEnd && b == '\\':
		return f.finish(f.hold(dst, esc), b)
	case f.state == inEnd:
		return f.next(f.begin(f.abort(dst)), b)
	case f.state == inOSC && b == bel, b == can || b == sub:
		return f.finish(dst, b)
	case b == esc && (f.state == inOSC || f.state == inString):
		f.state = inEnd // that ESC is kept back
		return dst
	case f.state == inOSC || f.state == inString:
		return f.hold(dst, b)
	case b == esc: // the sequence at hand is broken off
		return f.begin(f.abort(dst))
	}
	return f.inSequence(dst, b)
}

// begin takes the ESC of a sequence.
func (f *Filter) begin(dst []byte) []byte {
	f.state = inEscape
	return f.hold(dst, esc)
}

func (f *Filter) inText(dst []byte, b byte) []byte {
	switch {
	case b == esc:
		return f.begin(dst)
	case b == enq, f.text && (b == so || b == si):
		return dst
	case f.text && b == '\r':
		dst = f.endCR(dst)
		f.cr = true
		return dst
	case f.cr && b == '\n':
		f.cr = false
	}
	return append(f.endCR(dst), b)
}

// inSequence takes a byte of a sequence that is neither a text nor at its end by that.
func (f *Filter) inSequence(dst []byte, b byte) []byte {
	switch {
	case b >= 0x80: // of a character: there is no such sequence
		return append(f.abort(dst), b)
	case b < ' ' && f.text: // a terminal obeys it, and goes on with the sequence
		state := f.state
		f.state = inText
		dst = f.inText(dst, b)
		f.state = state
		return dst
	case b < ' ' || b == del:
		return f.hold(dst, b)
	case f.state == inCSI && b < '@', f.state != inCSI && b < '0':
		if f.state == inEscape {
			f.state = inLetters
		}
		return f.hold(dst, b)
	case f.state == inEscape:
		switch b {
		case '[':
			f.state = inCSI
			return f.hold(dst, b)
		case ']':
			f.state = inOSC
			return f.hold(dst, b)
		case 'P', 'X', '^', '_':
			f.state = inString
			return f.hold(dst, b)
		}
	}
	return f.finish(dst, b)
}

// hold takes a byte of a sequence: as text is all that is wanted, it is gone.
func (f *Filter) hold(dst []byte, b byte) []byte {
	switch {
	case f.text:
		return dst
	case f.passing:
		return append(dst, b)
	}
	f.held = append(f.held, b)
	if len(f.held) > mostHeld {
		dst = append(dst, f.held...)
		f.held, f.passing = f.held[:0], true
	}
	return dst
}

// finish takes the last byte of a sequence.
func (f *Filter) finish(dst []byte, b byte) []byte {
	dst = f.hold(dst, b)
	if !f.passing && isQuestion(f.held) {
		f.held = f.held[:0]
	}
	return f.abort(dst)
}

// abort ends a sequence that is no question.
func (f *Filter) abort(dst []byte) []byte {
	dst = append(dst, f.held...)
	f.state, f.held, f.passing = inText, f.held[:0], false
	return dst
}

func (f *Filter) endCR(dst []byte) []byte {
	if f.cr {
		f.cr = false
		return append(dst, '\r')
	}
	return dst
}
