// Package page draws the statistics of a cache: one HTML document that needs neither network nor script. What its texts
// hold is text, whatever it looks like. Beside each chart stands what it shows as a table. It counts nothing.
package page

import "fmt"

// Data is what is drawn.
type Data struct {
	Title    string
	Made     string   // when, and of which cache
	Facts    []Fact   // the numbers that come first
	Notices  []string // what is wrong
	Answers  Chart    // runs over time, by how they were answered
	Time     Chart    // seconds over time, that were saved and spent
	Lost     Chart    // misses over time that were evicted before
	Reasons  []Share  // of misses
	Room     []Share  // what is used of what may be
	Commands []Command
	Tiers    []Tier
}

// Fact is a number with its name.
type Fact struct{ Name, Value string }

// Share is a part of a whole.
type Share struct {
	Name, Value string
	Part        float64 // 0 to 1
}

// Chart is columns over time, each a pile of as many values as there are names.
type Chart struct {
	Names   []string
	Unit    string // what the values are
	Format  func(float64) string
	Columns []Column
}

// Column is what was counted in one stretch of time.
type Column struct {
	Label  string // when
	Values []float64
}

// Command is a command with what it cost and saved.
type Command struct {
	Name                string
	Verdict, Why        string
	Runs, Hits, Took    string
	Saved, Size         string
	SavedPart, SizePart float64 // of the largest, 0 to 1
}

// Tier is a kind of request to a server.
type Tier struct{ Name, Op, Results, Bytes, P50, P95, Breaker string }

const (
	height = 100 // of a chart
	step   = 10  // of a column
	width  = 8   // of what is drawn of it
)

// bar is a rectangle of a chart.
type bar struct {
	x, y, h float64
	kind    int // which of the names
	title   string
}

// most is the highest pile.
func (c Chart) most() float64 {
	most := 0.0
	for _, col := range c.Columns {
		most = max(most, col.sum())
	}
	return most
}

func (col Column) sum() (sum float64) {
	for _, v := range col.Values {
		sum += v
	}
	return sum
}

// bars are the rectangles of all columns.
func (c Chart) bars() (all []bar) {
	most := c.most()
	for i, col := range c.Columns {
		y := float64(height)
		for kind, v := range col.Values {
			if v <= 0 || most == 0 {
				continue
			}
			h := v / most * height
			y -= h
			all = append(all, bar{
				float64(i*step) + (step-width)/2.0, y, h, kind,
				fmt.Sprintf("%s: %s %s", col.Label, c.Format(v), c.Names[kind]),
			})
		}
	}
	return all
}

// says is the chart in words.
func (c Chart) says() string {
	text := fmt.Sprintf("%s to %s:", c.Columns[0].Label, c.Columns[len(c.Columns)-1].Label)
	for kind, name := range c.Names {
		sum := 0.0
		for _, col := range c.Columns {
			sum += col.Values[kind]
		}
		text += fmt.Sprintf(" %s %s,", c.Format(sum), name)
	}
	return text + fmt.Sprintf(" at most %s %s in one column", c.Format(c.most()), c.Unit)
}

// ticks are the labels below: the first, one in the middle and the last.
func (c Chart) ticks() (labels []string) {
	n := len(c.Columns)
	if n == 0 {
		return nil
	}
	labels = append(labels, c.Columns[0].Label)
	if n > 4 {
		labels = append(labels, c.Columns[n/2].Label)
	}
	if n > 1 {
		labels = append(labels, c.Columns[n-1].Label)
	}
	return labels
}
