package cmd

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
)

const (
	byCommand = "command"
	byTag     = "tag"

	noTag = "(none)"
)

// tagRow counts the runs of commands that have results with a tag.
type tagRow struct {
	Tag string `json:"tag"`
	counts
}

// group is a row of the table of stats.
type group struct {
	name string
	counts
}

// groups are the rows of the table, and what each stands for.
func (r statsReport) groups() (by string, all []group) {
	if r.Tags != nil {
		for _, t := range r.Tags {
			all = append(all, group{cmp.Or(t.Tag, noTag), t.counts})
		}
		return byTag, all
	}
	for _, c := range r.Commands {
		all = append(all, group{c.Command, c.counts})
	}
	return byCommand, all
}

// byFlag reads --by.
func byFlag(c *cobra.Command) (string, error) {
	by, _ := c.Flags().GetString("by")
	if by != byCommand && by != byTag {
		return "", &BadValue{Name: "--by", Value: by, Why: "nothing to count by", Hint: "write command or tag"}
	}
	return by, nil
}

// tagRows counts runs by tag, the dearest first. A run has the tags that stored results of its command have; one whose
// command has none is counted under "".
func tagRows(a *App, dir *cachedir.Dir, rows []stats.Row) ([]tagRow, error) {
	tags, err := tagsOfCommands(a, dir)
	if err != nil {
		return nil, err
	}
	all := []tagRow{}
	for _, g := range sumBy(rows, func(r stats.Row) []string {
		if names := tags[r.Command]; len(names) > 0 {
			return names
		}
		return []string{""}
	}) {
		all = append(all, tagRow{g.name, g.counts})
	}
	return all, nil
}

// sumBy counts runs under each of their names, the dearest first.
func sumBy(rows []stats.Row, names func(stats.Row) []string) (all []group) {
	sums := map[string]*counts{}
	for _, row := range rows {
		if new(valueCounts).add(row) {
			continue
		}
		for _, name := range names(row) {
			if sums[name] == nil {
				sums[name] = &counts{}
			}
			sums[name].add(row)
		}
	}
	for name, c := range sums {
		all = append(all, group{name, *c})
	}
	slices.SortFunc(all, func(a, b group) int {
		return cmp.Or(cmp.Compare(b.Saved+b.Spent, a.Saved+a.Spent), strings.Compare(a.name, b.name))
	})
	return all
}

// tagsOfCommands reads of all entries which tags the results of a command have.
func tagsOfCommands(a *App, dir *cachedir.Dir) (map[stats.CommandID][]string, error) {
	pass := watch(a, "looking at entries")
	defer pass.end()
	var mu sync.Mutex
	all := map[stats.CommandID][]string{}
	err := pass.Walk(dir, func(i cachedir.EntryInfo) error {
		if i.Err != nil || i.Pending || i.Learned != nil || len(i.Tags) == 0 {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		id := shortID(i.Command)
		for _, t := range i.Tags {
			if !slices.Contains(all[id], t.Name) {
				all[id] = append(all[id], t.Name)
			}
		}
		return nil
	})
	if pass.end(); wasInterrupted(err) {
		return nil, pass.interrupted("nothing is printed")
	}
	return all, err
}

// shortID is how a command is named where runs are counted.
func shortID(id hashing.CommandID) stats.CommandID {
	return stats.CommandID(binary.LittleEndian.Uint64(id[:]))
}
