package cmd

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fragmentMark stands before the name of a fragment, in the tag that each has and where a command would be listed.
const fragmentMark = "fragment:"

// variantFlag carries the VARY of a fragment to where the spec is made; no other command has it.
const variantFlag = "variant"

func newFragmentCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "fragment [flags] TTL NAME [VARY...] -- COMMAND [ARG...]",
		Short: "print a part of a page, made anew when its time is over",
		Long: `Fragment prints the stored output of a part of a page while it is fresh, and otherwise runs the command
and stores what it prints. What makes two the same is NAME, VARY and the inputs given by flag: neither the command, nor
the directory it is called in. VARY is whatever tells one variant from another, such as the user and the language: a b
are two words, and not a:b. TTL is a duration such as 500s, 1h30m or none.

Each has the tag fragment:NAME. If the page around it is cached itself (cachex run -- ./page), that depends on the
files, variables and tags of its fragments, too, and lives as long as the one that ends first: purge --tag fragment:NAME
renews all variants of the fragment, and the pages that show it.

Flags stand before TTL. All that is behind NAME is VARY, up to the one -- before the command. What comes from outside is
best given with a word before it, as in "q=$QUERY_STRING": then it is never taken for --. With -c TEXT, all that is
behind NAME is VARY.` + exitCodes(
			"the command's own; a command that dies of a signal makes cachex die of it",
			"3    --no-wait has no answer yet",
			"125  cachex cannot do what it was told: bad TTL, no NAME, more than one --, nothing to replay",
			"126  the command cannot be executed",
			"127  the command was not found"),
		Example: `  cachex fragment -q 500s sidebar "user=$REMOTE_USER" -- ./sidebar
  cachex fragment -q --file shop.db 1h products -c 'sqlite3 -html shop.db "select name, price from products"'
  cachex purge --tag fragment:sidebar`,
		RunE: func(c *cobra.Command, args []string) error { return app.fragment(c, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	c.Flags().Lookup("ttl-fail").Usage = "how long a result with another exit code than 0 is fresh: a duration `D`"
	c.Flags().Lookup("shell").Usage = "run this shell `TEXT` through sh -c; all that is behind NAME is VARY then"
	c.Flags().StringArray(variantFlag, nil, "")
	c.Flags().VisitAll(func(f *pflag.Flag) { f.Hidden = f.Hidden || slices.Contains(notOfFragments, f.Name) })
	return c
}

// notOfFragments lists flags of run that mean nothing here, or that words stand for.
var notOfFragments = []string{
	"ttl", "key", variantFlag, "vary", "arg-files", "cwd", "exe", "pty", "strip-ansi", "purge-tag", "warm", "output",
	"output-touch", "output-clean", "keep-mtime", "depfile",
}

// fragment runs a command as run would under a name, a time to live and a tag that come from the words.
func (a *App) fragment(c *cobra.Command, args []string) error {
	for _, name := range notOfFragments {
		if c.Flags().Changed(name) {
			return &usageError{
				Err:  errors.New("unknown flag: --" + name),
				Hint: "see cachex fragment --help for the flags",
			}
		}
	}
	part, command, err := fragmentWords(c, args)
	if err != nil {
		return err
	}
	if _, err := ParseLife("TTL", part[0]); err != nil {
		return err
	}
	if err := checkNames(part[1]); err != nil {
		return err
	}
	set := [][2]string{{"ttl", part[0]}, {"key", part[1]}, {"tag", fragmentMark + part[1]}}
	for _, word := range part[2:] {
		set = append(set, [2]string{variantFlag, word})
	}
	for _, flag := range set {
		if err := c.Flags().Set(flag[0], flag[1]); err != nil {
			return err
		}
	}
	return a.run(c, command)
}

// variantOf lists the VARY of a fragment; ok is false for what is none.
func variantOf(fs *pflag.FlagSet) (words []string, ok bool) {
	f := fs.Lookup(variantFlag)
	if f == nil {
		return nil, false
	}
	if list, isList := f.Value.(pflag.SliceValue); isList && f.Changed { // FlagSet.GetStringArray loses an empty word
		words = list.GetSlice()
	}
	return words, true
}

// fragmentWords splits the words into TTL, NAME and VARY, and the command. It never guesses which of two -- ends VARY:
// who could put one there would name the command, or take words out of the key.
func fragmentWords(c *cobra.Command, args []string) (part, command []string, err error) {
	write := "write " + c.CommandPath() + " [flags] TTL NAME [VARY...] -- COMMAND [ARG...]"
	part = args
	if !c.Flags().Changed("shell") {
		end := slices.Index(args, "--")
		if end < 0 || end+1 == len(args) {
			return nil, nil, &usageError{Err: errors.New("no command given"), Hint: write}
		}
		part, command = args[:end], args[end+1:]
		if slices.Contains(command, "--") {
			return nil, nil, &usageError{
				Err:  errors.New("more than one --: which of them ends VARY is not known"),
				Hint: "give the command as -c TEXT; then all that is behind NAME is VARY",
			}
		}
	}
	if len(part) < 2 {
		return nil, nil, &usageError{Err: errors.New([]string{"no TTL given", "no NAME given"}[len(part)]), Hint: write}
	}
	for _, word := range part[2:] {
		if name, _, _ := strings.Cut(word, "="); isFlag(c, name) && name != "--" {
			return nil, nil, &usageError{
				Err:  fmt.Errorf("%s behind NAME would be VARY, not a flag", name),
				Hint: `write flags before TTL; a VARY that comes from outside is best given as in "q=$QUERY_STRING"`,
			}
		}
	}
	return part, command, nil
}
