package cmd

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroup is a part of the flags of a command, under a title.
type flagGroup struct {
	Title string
	names []string
	Flags []*pflag.Flag // those that the command has and shows
}

// flagGroups sorts the flags of run, and of commands that have some of them: each stands in one group, in the order of
// help.
func flagGroups() []flagGroup {
	return []flagGroup{
		{Title: "What is in the key", names: keyFlags()},
		{Title: "How long a result lives", names: []string{
			"ttl", "ttl-fail", "ttl-until", "cache-exit", "jitter", "stale", "stale-if-error", "early", "tag",
			"purge-tag",
		}},
		{Title: "Whether the command runs, and what is stored", names: []string{
			"refresh", "verify", "warm", "cached-only", "no-wait", "no-cache", "only-if", "read-only", "min-cost",
			"max-entry", "max-entries",
		}},
		{Title: "Where results are, and who shares them", names: []string{
			"wait", "follow", "private", "remote", "remote-required", "cache-dir", "in-memory",
			"trust-owner",
		}},
		{Title: "What is said", names: []string{
			"replay", "strip-ansi", "output-touch", "output-clean", "keep-mtime", "explain", "status-fd", "quiet",
			"memory", "memory-fd", "help",
		}},
	}
}

// selectorGroup is what purge has before those.
func selectorGroup() flagGroup {
	return flagGroup{Title: "What goes", names: []string{
		"all", "expired", "older-than", "tag", "key", "scope", "namespace", "command", "match",
	}}
}

// listGroup is what ls has before those.
func listGroup() flagGroup {
	return flagGroup{Title: "What is listed", names: []string{"tag", "command", "dir", "sort", "limit", "format"}}
}

// groupedFlags lists the flags of a command in their groups, first those that are in none; a group without flags is
// left out.
func groupedFlags(c *cobra.Command) []flagGroup {
	groups := flagGroups()
	switch c.Name() {
	case "purge":
		groups = slices.Insert(groups, 0, selectorGroup())
	case "ls":
		groups = slices.Insert(groups, 0, listGroup())
	}
	c.InitDefaultHelpFlag()
	taken := map[string]bool{}
	take := func(group *flagGroup, f *pflag.Flag) {
		if f != nil && !f.Hidden && !taken[f.Name] {
			taken[f.Name] = true
			group.Flags = append(group.Flags, f)
		}
	}
	for i := range groups {
		for _, name := range groups[i].names {
			take(&groups[i], c.Flag(name))
		}
	}
	own := flagGroup{Title: "Flags"}
	c.LocalFlags().VisitAll(func(f *pflag.Flag) { take(&own, f) })
	groups = slices.Insert(groups, 0, own)
	return slices.DeleteFunc(groups, func(group flagGroup) bool { return len(group.Flags) == 0 })
}
