package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variablePrefix begins the names of the variables that are cachex's own.
const variablePrefix = "CACHEX_"

// otherVariables lists the variables that cachex reads from the environment, or hands to the command, and are no
// setting.
func otherVariables() []Term {
	return []Term{
		{"CACHEX_REDIS_PASSWORD", "the password of a redis:// server whose URL has none"},
		{"CACHEX_SENTINEL_PASSWORD", "the password of Sentinels"},
		{"CACHEX_HTTP_TOKEN", "the bearer token of an http:// or https:// server whose URL has no user"},
		{
			"CACHEX_TOUCHED",
			"an absolute file name: each run adds which entry it replayed or stored, for pack --touched",
		},
		{
			"CACHEX_CONTROL",
			"handed to the command: the file in which it may say how long its result lives and what it depends on",
		},
		{"CACHEX_HELD", "handed to the command, for runs nested in it: which recipes are being run"},
		{"CACHEX_MAKING", "handed to a command with outputs, for runs nested in it: who makes files here"},
		{"CACHEX_RUNNING", "handed to the command, for runs nested in it: as which program it was started"},
		{
			"CACHEX_FRESH",
			"handed to a command that runs in the background, for runs nested in it: nothing old is served",
		},
		{"CACHEX_OBSERVED", "handed to a command that is traced, for runs nested in it: they are seen already"},
		{"CACHEX_RENEWAL", "for cachex itself in the background"},
	}
}

// ignoredVariables lists names that look like settings and would be part of every command, besides those of the
// settings.
func ignoredVariables() []string { return []string{"CACHEX_KEY"} }

// variables lists all that may be set in the environment, with what it means, as the flags of run say it.
func variables(root *cobra.Command) []Term {
	var all []Term
	for _, c := range root.Commands() {
		if c.Name() == "run" {
			all = settingVariables(c)
		}
	}
	return append(all, otherVariables()...)
}

func settingVariables(run *cobra.Command) (all []Term) {
	for _, row := range settingTable() {
		if !row.policy {
			continue
		}
		text := row.about
		if f := run.Flag(row.name); f != nil {
			_, usage := pflag.UnquoteUsage(f)
			text = "--" + row.name + ": " + usage
		}
		all = append(all, Term{row.envName(), text})
	}
	return all
}

// variablesText is what help says of them.
func variablesText(root *cobra.Command, width int) string {
	const text = `What flags of run may say about the policy of a run, variables may say for all runs; a flag beats a
variable, and a variable beats a configuration file. What belongs to the key is not among them: one exported variable
must not make all commands share a result. An empty variable counts as unset.`
	var b strings.Builder
	b.WriteString(wrapText(text, width) + "\n")
	for _, v := range variables(root) {
		b.WriteString(wrapText("  "+v.Name+"\n      "+v.Text, width) + "\n")
	}
	return b.String()
}

// unknownVariables warns of variables that look like ours and mean nothing, most of which are misspelt.
func unknownVariables(environ []string) (warnings []Warning) {
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		if value == "" || !strings.HasPrefix(name, variablePrefix) {
			continue
		}
		known := variableNames()
		if slices.Contains(known, name) {
			continue
		}
		warning := name + " is not known: cachex help environment lists the variables that are"
		if near := nearest(name[len(variablePrefix):], withoutPrefix(known)); near != "" {
			warning = fmt.Sprintf("%s is not known: did you mean %s%s?", name, variablePrefix, near)
		}
		warnings = append(warnings, Warning(warning))
	}
	return warnings
}

// variableNames lists the variables that mean something, also those that may not be set.
func variableNames() []string {
	names := ignoredVariables()
	for _, row := range settingTable() {
		names = append(names, row.envName())
	}
	for _, v := range otherVariables() {
		names = append(names, v.Name)
	}
	return names
}

func withoutPrefix(names []string) (rest []string) {
	for _, name := range names {
		rest = append(rest, strings.TrimPrefix(name, variablePrefix))
	}
	return rest
}
