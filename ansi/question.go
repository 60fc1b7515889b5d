package ansi

import (
	"bytes"
	"slices"
	"strings"
)

// questionsCSI are the CSI sequences that a terminal answers: what may stand before the parameters, behind them, and
// last. Where parameters are named, only these ask.
var questionsCSI = []struct {
	prefix, letters string
	params          []string
}{
	{"", "n", nil},           // DSR: status, where the cursor is
	{"?", "n", nil},          // the same, and printers, colour schemes
	{"", "c", nil},           // DA: who are you
	{">", "c", nil},          //
	{"=", "c", nil},          //
	{">", "q", nil},          // XTVERSION
	{"?", "u", []string{""}}, // which keys are told how
	{"?", "m", nil},          // XTQMODKEYS
	{"?", "S", nil},          // XTSMGRAPHICS
	{"", "x", nil},           // DECREQTPARM
	{"", "$p", nil},          // DECRQM: is a mode set
	{"?", "$p", nil},         //
	{"", "$w", nil},          // DECRQPSR
	{"", "$u", nil},          // DECRQTSR
	{"", "&u", nil},          // DECRQUPSS
	{"", "*y", nil},          // DECRQCRA: what stands in a rectangle
	{"", "#R", nil},          // XTREPORTCOLORS
	{"", "#|", nil},          // XTREPORTSGR
	{"", "t", []string{"11", "13", "14", "15", "16", "18", "19", "20", "21"}}, // windows: state, place, sizes, titles
}

// isQuestion reports whether a terminal answers a sequence.
func isQuestion(seq []byte) bool {
	text := string(bytes.Map(func(r rune) rune { // a terminal obeys controls apart, and goes on
		if r < ' ' || r == del {
			return -1
		}
		return r
	}, bytes.TrimSuffix(seq, []byte("\x1b\\"))))
	if text == "" {
		return false
	}
	switch kind, text := text[0], text[1:]; kind {
	case 'Z': // DECID
		return text == ""
	case '[':
		return asksCSI(text)
	case ']':
		return asksOSC(text)
	case 'P': // DECRQSS, XTGETTCAP, XTGETXRES
		return hasPrefix(text, "$q", "+q", "+Q")
	case '_': // what images the terminal could show
		controls, _, _ := strings.Cut(text, ";")
		return hasPrefix(controls, "G") && slices.Contains(strings.Split(controls[1:], ","), "a=q")
	}
	return false
}

func asksCSI(text string) bool {
	prefix := text[:len(text)-len(strings.TrimLeft(text, "<=>?"))]
	rest := text[len(prefix):]
	letters := strings.TrimLeft(rest, "0123456789:;")
	params := rest[:len(rest)-len(letters)]
	first, _, _ := strings.Cut(params, ";")
	for _, q := range questionsCSI {
		if q.prefix == prefix && q.letters == letters {
			return q.params == nil || slices.Contains(q.params, first)
		}
	}
	return false
}

// asksOSC: colours, fonts and the clipboard are asked for by a question mark in place of a value.
func asksOSC(text string) bool {
	number, rest, _ := strings.Cut(text, ";")
	switch number {
	case "4", "5", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "50", "52":
		return slices.Contains(strings.Split(rest, ";"), "?")
	case "21": // names of colours
		return slices.ContainsFunc(strings.Split(rest, ";"), func(s string) bool { return strings.HasSuffix(s, "=?") })
	case "60", "61": // what may be asked
		return true
	case "1337":
		return hasPrefix(rest, "Report", "RequestUpload")
	}
	return false
}

func hasPrefix(text string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(text, prefix) })
}
