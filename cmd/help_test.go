package cmd

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cmd/call"
)

func testRoot(t *testing.T) *cobra.Command {
	t.Helper()
	return NewRoot(&App{Process: call.Process{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}, Getwd: os.Getwd})
}

func subCommand(t *testing.T, root *cobra.Command, name string) *cobra.Command {
	t.Helper()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == name })
	require.GreaterOrEqual(t, i, 0, name)
	return root.Commands()[i]
}

func TestEachFlagHasOneGroup(t *testing.T) {
	root := testRoot(t)
	run := subCommand(t, root, "run")
	run.InitDefaultHelpFlag()
	groups := map[string]int{}
	for _, group := range flagGroups() {
		for _, name := range group.names {
			groups[name]++
			require.NotNil(t, run.Flag(name), "run has no flag --%s: take it out of the group %q", name, group.Title)
		}
	}
	check := func(f *pflag.Flag) {
		require.Equal(t, 1, groups[f.Name], "--%s belongs in one group of flagGroups", f.Name)
	}
	run.Flags().VisitAll(check)
	root.PersistentFlags().VisitAll(check)
}

func TestHelpShowsEachFlagWithinTheWidth(t *testing.T) {
	for _, c := range testRoot(t).Commands() {
		for _, width := range []int{leastWidth, plainWidth, mostWidth} {
			text := helpText(c, width)
			c.LocalFlags().VisitAll(func(f *pflag.Flag) {
				shown := regexp.MustCompile("--" + f.Name + "([^a-z-]|$)").MatchString(text)
				require.Equal(t, !f.Hidden, shown, "%s --%s", c.Name(), f.Name)
			})
			for line := range strings.SplitSeq(text, "\n") {
				if width < plainWidth || strings.Contains(c.Example, line) || strings.Contains(c.Long, line) {
					continue // long words, and what is there to be copied
				}
				require.LessOrEqual(t, len(line), width, line)
			}
		}
	}
}

func TestWrapText(t *testing.T) {
	text := "A paragraph that\nis broken anew.\n\n  0    done\n  125  what takes more\n  http://example.com/a/long/word"
	require.Equal(t,
		"A paragraph\nthat is broken\nanew.\n\n  0    done\n  125  what\n       takes\n       more\n  "+
			"http://example.com/a/long/word",
		wrapText(text, 14))
	require.Equal(t,
		"A paragraph that is broken anew.\n\n  0    done\n  125  what takes more\n  http://example.com/a/long/word",
		wrapText(text, 80))
}

func TestHelpWidth(t *testing.T) {
	require.Equal(t, 80, helpWidth(0))
	require.Equal(t, 72, helpWidth(72))
	require.Equal(t, leastWidth, helpWidth(3))
	require.Equal(t, mostWidth, helpWidth(300))
}
