package cmd

import (
	"strings"
	"unicode/utf8"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/runner"
)

// table is lines of columns, of which the last is not padded.
type table struct {
	head []string
	rows [][]string
	cut  []int  // columns that are made narrower where the terminal is too narrow, the first of them first
	own  []bool // rows to be marked by colour

	below []string // what stands in a line of its own below each row; empty: nothing, also of all rows
}

const (
	narrowest = 12 // columns of a terminal that a column is cut to at most
	gap       = "  "
	ellipsis  = "…"

	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	reset = "\x1b[0m"
)

// text lays the table out for a terminal of so many columns; 0: no terminal, then nothing is cut.
func (t *table) text(columns int, coloured bool) string {
	widths := t.widths()
	if columns > 0 {
		t.narrow(widths, columns)
	}
	var b strings.Builder
	t.line(&b, t.head, widths, colour(bold, coloured))
	for i, row := range t.rows {
		t.line(&b, row, widths, colour(red, coloured && t.own[i]))
		if t.below != nil && t.below[i] != "" {
			b.WriteString(t.below[i] + "\n")
		}
	}
	return b.String()
}

func colour(code string, on bool) string {
	if on {
		return code
	}
	return ""
}

func (t *table) widths() []int {
	widths := make([]int, len(t.head))
	for i, cell := range t.head {
		widths[i] = utf8.RuneCountInString(cell)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

// narrow takes from the columns that may be cut what is too much, and from the last column the rest.
func (t *table) narrow(widths []int, columns int) {
	excess := len(gap)*(len(widths)-1) - columns
	for _, w := range widths {
		excess += w
	}
	for _, i := range append(t.cut, len(widths)-1) {
		if less := min(excess, widths[i]-narrowest); less > 0 {
			widths[i] -= less
			excess -= less
		}
	}
}

func (t *table) line(b *strings.Builder, row []string, widths []int, code string) {
	b.WriteString(code)
	for i, cell := range row {
		cell = fit(cell, widths[i])
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + gap)
		}
	}
	if code != "" {
		b.WriteString(reset)
	}
	b.WriteByte('\n')
}

// fit cuts a text to a width: of a path the beginning goes, of anything else the end.
func fit(text string, width int) string {
	runes := []rune(text)
	switch {
	case len(runes) <= width:
		return text
	case runes[0] == '/':
		return ellipsis + string(runes[len(runes)-width+1:])
	}
	return string(runes[:width-1]) + ellipsis
}

// print writes the table to stdout, as wide as that is, and coloured for somebody who sees colours
// (https://no-color.org).
func (t *table) print(p *call.Process) error {
	no, _ := p.LookupEnv("NO_COLOR")
	term, _ := p.LookupEnv("TERM")
	coloured := no == "" && term != "dumb" && runner.IsTerminal(p.Stdout)
	_, err := p.Stdout.WriteString(t.text(runner.Columns(p.Stdout), coloured))
	return err
}
