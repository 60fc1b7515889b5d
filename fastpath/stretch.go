package fastpath

// Stretch is a part of the command line that names a file. The state of a word has it instead of a path: the word may
// be a secret, and the command line is not in a memo, but in its address.
type Stretch struct {
	Arg, From, To uint16 // bytes of Invocation.Args[Arg]; zero: there is none, for that is the program's own name
}

// StretchOf returns where a name stands in a command line; false if no argument holds it as it is.
func StretchOf(name string, args []string) (s Stretch, ok bool) {
	const most = 1 << 16
	for i := 1; i < min(len(args), most); i++ { // the program's own name is not in the address
		if at := index(args[i], name); at >= 0 && at+len(name) < most {
			return Stretch{Arg: uint16(i), From: uint16(at), To: uint16(at + len(name))}, true
		}
	}
	return s, false
}

func index(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return i
		}
	}
	return -1
}

// path returns the name of the file.
func (f *FileState) path(args []string) (string, bool) {
	p := f.At
	if p.Arg == 0 {
		return f.Path, true
	}
	if int(p.Arg) >= len(args) || p.From > p.To || int(p.To) > len(args[p.Arg]) {
		return "", false
	}
	return args[p.Arg][p.From:p.To], true
}

// appendStretch stands for the path that a state does not have.
func appendStretch(b []byte, p Stretch) []byte {
	for _, v := range [...]uint16{p.Arg, p.From, p.To} {
		b = append(b, byte(v), byte(v>>8))
	}
	return b
}

func (d *reader) stretch() Stretch { return Stretch{d.u16(), d.u16(), d.u16()} }

func (d *reader) u16() uint16 { return uint16(d.u8()) | uint16(d.u8())<<8 }
