package hashing

import (
	"slices"
	"time"

	"github.com/cachex-cli/cachex/masking"
)

// Item is the one of several words that a result belongs to, where a command is called once for all of them: it is the
// last word of that call, one of many, and the result is what the command prints for it. That is not what the command
// would print if it were called with this word alone, so it is a fact besides the words.
type Item struct {
	Word string
	Null bool // what the command prints for each word ends in a NUL byte, not in a line feed
}

var itemFact = factKind{
	name: "item", add: (*capture).addItem, parse: parseItem,
	change: changedLabel, order: ofGiven,
	report: nothingToReport,
}

// ForItem returns what Capture of a spec would return, from what it returned of the same spec without an item: the
// words are looked at, and nothing else. It must not be extended. ok is false where the item may mean more.
func (r Recipe) ForItem(spec Spec, digests Digests) (of Recipe, ok bool, err error) {
	without := spec
	without.Item = nil
	if NamesDescriptors(spec.words()) || spec.Item == nil || without.isValue() {
		return r, false, nil
	}
	c := newCapture(spec, digests, time.Now())
	if err := c.addItem(); err != nil {
		return r, false, err
	}
	more := len(c.text)
	r.Text = slices.Concat(r.Text[:r.itemAt], c.text, r.Text[r.itemAt:])
	r.argsFrom, r.argsTo = r.argsFrom+more, r.argsTo+more
	of, err = newCapture(spec, digests, time.Now()).reword(r)
	return of, err == nil, err
}

func (c *capture) addItem() error {
	c.itemAt = len(c.text)
	item := c.spec.Item
	if item == nil {
		return nil
	}
	c.text = append(c.text, "item line "...)
	if item.Null {
		c.text = append(c.text[:len(c.text)-len("line ")], "null "...)
	}
	if masking.Words(c.spec.words())[len(c.spec.Argv)] {
		c.text = appendMasked(c.text, item.Word, c.spec.Secret)
	} else {
		c.text = appendQuoted(c.text, item.Word)
	}
	c.text = append(c.text, '\n')
	return nil
}

func parseItem(r *reader, _ *Fact) {
	if !r.try("line ") {
		r.expect("null ")
	}
	r.word()
}

// words are those that the command is called with, as far as they matter to this result.
func (s *Spec) words() []string {
	if s.Item == nil {
		return s.Argv
	}
	return append(slices.Clip(slices.Clone(s.Argv)), s.Item.Word)
}
