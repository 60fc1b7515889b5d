package cmd

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
)

func newIncrCommand(app *App) *cobra.Command {
	return counting(app, "incr", "add to", 1, `  cachex incr visits
  n=$(cachex incr --remote redis://cache build-number)`)
}

func newDecrCommand(app *App) *cobra.Command {
	return counting(app, "decr", "subtract from", -1, "  cachex decr places-left")
}

// counting is incr or, with the sign -1, decr.
func counting(app *App, name, verb string, sign int64, example string) *cobra.Command {
	c := &cobra.Command{
		Use:   name + " [flags] NAME [N]",
		Short: verb + " the number of a name",
		Long: `Counts, without losing a step, whoever counts at the same time: on this machine, or, with --remote, among
all machines that use the server. The value is a whole decimal number of 64 bits with a sign; one line
feed may end it. A name without a value begins at 0, without an end of its life; else life and tags stay
as they are. The new number is printed. N is 1 if it is not given. With --remote the number lies on the
server, which is asked each time: Redis, Memcached or S3.` + aboutNames + exitCodes(
			"0    the new number was printed",
			"1    the value is no number, or would be too large: nothing was changed",
			"125  not counted: no usable cache directory, or a server that cannot count or be asked"),
		Example: example,
		Args:    takesNames(1, 2),
		RunE:    func(c *cobra.Command, args []string) error { return app.count(c, args, sign) },
	}
	addNameFlags(c)
	addNameFile(c)
	return c
}

func (a *App) count(c *cobra.Command, args []string, sign int64) error {
	args, err := namesOf(c, args)
	if err != nil {
		return err
	}
	by := int64(1)
	if len(args) > 1 {
		if by, err = strconv.ParseInt(args[1], 10, 64); err != nil || by == math.MinInt64 && sign < 0 {
			return &BadValue{
				Name: "N", Value: args[1], Why: "not a whole number of 64 bits",
				Hint: "write digits, such as 10 or -10",
			}
		}
	}
	return a.withValues(c, false, nil, func(v *valueStore) error {
		n, err := v.Add(args[0], sign*by)
		if err != nil {
			return a.judgeValue(args[0], err)
		}
		_, err = fmt.Fprintln(a.Stdout, n)
		return err
	})
}

// numbersLast puts a negative number among the words of incr and decr behind --, where it is no flag.
func numbersLast(root *cobra.Command, args []string) []string {
	i := slices.IndexFunc(args, isNegative)
	if i < 0 || slices.Contains(args, "--") {
		return args
	}
	if c, _, err := root.Find(args); err != nil || c.Name() != "incr" && c.Name() != "decr" {
		return args
	}
	return append(slices.Delete(slices.Clone(args), i, i+1), "--", args[i]) // it is the last of those words
}

// isNegative tells a negative number from a flag.
func isNegative(word string) bool {
	_, err := strconv.ParseInt(word, 10, 64)
	return err == nil && word[0] == '-'
}
