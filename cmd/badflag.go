package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachex-cli/cachex/cmd/call"
)

// badFlag says what is wrong with a flag, and what was likely meant.
func badFlag(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		without *pflag.ValueRequiredError
		value   *pflag.InvalidValueError
	)
	switch {
	// of a command that there is not: what flags it has is no question
	case !c.HasParent() && len(c.Flags().Args()) > 0:
		return noSuchCommand(c, c.Flags().Args())
	case errors.As(err, &unknown):
		return &usageError{Err: err, Hint: flagHint(c, unknown)}
	case errors.As(err, &without):
		return noValue(without.GetFlag())
	case errors.As(err, &value) && isFlag(c, value.GetValue()):
		return noValue(value.GetFlag())
	case errors.As(err, &value):
		hint := "write a number"
		if value.GetFlag().Value.Type() == "bool" {
			hint = hintBool
		}
		return &BadValue{
			Name: "--" + value.GetFlag().Name, Value: value.GetValue(), Why: "not such a value", Hint: hint,
		}
	}
	return &usageError{
		Err:  errors.New(call.OneLine(err.Error())),
		Hint: "see " + c.CommandPath() + " --help for the flags",
	}
}

// flagHint guesses which flag was meant: one of another command, or one of nearly the same name.
func flagHint(c *cobra.Command, unknown *pflag.NotExistError) string {
	name := unknown.GetSpecifiedName()
	if all := unknown.GetSpecifiedShortnames(); all != "" { // as in -ttl
		name, _, _ = strings.Cut(all, "=")
	}
	if c.Flag(name) != nil {
		return "did you mean --" + name + "?"
	}
	if other := commandWith(c.Root(), name); other != "" {
		return fmt.Sprintf("it is a flag of %s: write %[1]s --%s", other, name)
	}
	if row, ok := findSetting(name); ok {
		return settingHint(row)
	}
	if near := cmp.Or(inOtherWords(name, flagNames(c)), nearest(name, flagNames(c))); near != "" {
		return "did you mean --" + near + "?"
	}
	return "see " + c.CommandPath() + " --help for the flags"
}

// settingHint says where a setting is made that no command has a flag for.
func settingHint(row setting) string {
	hint := "it is a setting and no flag: set " + row.name + " in a configuration file (cachex help config)"
	if row.policy {
		hint += ", or " + row.envName()
	}
	return hint
}

// commandWith finds a command that shows a flag of this name: run, or else another one; "" if there is none.
func commandWith(root *cobra.Command, name string) (path string) {
	for _, c := range root.Commands() {
		if f := c.Flags().Lookup(name); f != nil && !f.Hidden && (path == "" || c.Name() == "run") {
			path = c.CommandPath()
		}
	}
	return path
}

// flagNames lists the flags that a command shows.
func flagNames(c *cobra.Command) (names []string) {
	for _, group := range groupedFlags(c) {
		for _, f := range group.Flags {
			names = append(names, f.Name)
		}
	}
	return names
}

// swallowed refuses a flag that took the next one, or the -- behind it, for its value.
func swallowed(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		for _, value := range textsOf(f) {
			if err == nil && isFlag(c, value) {
				err = noValue(f)
			}
		}
	})
	return err
}

// isFlag reports whether a word is a flag of a command, or what ends its flags.
func isFlag(c *cobra.Command, word string) bool {
	name, long := strings.CutPrefix(word, "--")
	switch {
	case long:
		return name == "" || c.Flag(name) != nil
	case len(word) == 2 && word[0] == '-':
		return c.Flags().ShorthandLookup(word[1:]) != nil
	}
	return false
}

func noValue(f *pflag.Flag) error {
	value, text := pflag.UnquoteUsage(f)
	return &usageError{
		Err:  fmt.Errorf("--%s: no value given", f.Name),
		Hint: fmt.Sprintf("write --%s %s: %s", f.Name, value, text),
	}
}
