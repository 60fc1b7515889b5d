package engine

import (
	"bytes"
	"io"
)

// A command in GitHub Actions says by a line which words the log must not show from now on. That line is part of its
// output, and so of each replay. What Request.Replay leaves out must not take it away: the words may come later.

// maskLines is a writer that hands on these lines, and nothing else.
type maskLines struct {
	to   io.Writer
	line []byte // as far as it was written
	skip bool   // it is another one
}

const (
	maskPrefix = "::add-mask"
	mostMasked = 64 << 10 // bytes of a line
)

func (m *maskLines) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		part, rest, ended := bytes.Cut(p, []byte("\n"))
		m.add(part)
		if p = rest; !ended {
			break
		}
		if err := m.end(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

func (m *maskLines) add(part []byte) {
	if m.skip {
		return
	}
	m.line = append(m.line, part...)
	begins := bytes.TrimLeft(m.line, " \t\r")
	n := min(len(begins), len(maskPrefix))
	if string(begins[:n]) != maskPrefix[:n] || len(m.line) > mostMasked {
		m.skip, m.line = true, nil
	}
}

// end hands a line on, if it is one.
func (m *maskLines) end() (err error) {
	if len(bytes.TrimLeft(m.line, " \t\r")) > len(maskPrefix) {
		_, err = m.to.Write(append(m.line, '\n'))
	}
	m.line, m.skip = nil, false
	return err
}
