package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachex-cli/cachex/runner"
)

const (
	plainWidth = 80  // of help that goes to no terminal
	leastWidth = 40  // what is narrower cannot be read anyway
	mostWidth  = 100 // longer lines are hard to read
)

// environmentTopic is what help explains besides commands.
const environmentTopic = "environment"

func newHelpCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | environment]",
		Short: "say how to use a command",
		Long: "Help prints what cachex COMMAND --help prints, and without a command what cachex --help prints. " +
			"Help environment lists the\nvariables that cachex reads, or hands to commands." + exitCodes(
			"0    printed", "125  no such command",
		),
		Example: "  cachex help run\n  cachex help environment",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, sub := range c.Root().Commands() {
				if len(args) == 0 && offered(sub) {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			if len(args) == 0 {
				names = append(names, cobra.CompletionWithDesc(environmentTopic, "the variables that cachex reads"))
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			if len(args) == 0 {
				return root.Help()
			}
			if err := oneArgument("COMMAND", "write cachex help COMMAND")(c, args); err != nil {
				return err
			}
			if args[0] == environmentTopic {
				_, err := io.WriteString(c.OutOrStdout(), variablesText(root, helpWidth(runner.Columns(app.Stdout))))
				return err
			}
			for _, sub := range root.Commands() {
				if sub.Name() == args[0] {
					return sub.Help()
				}
			}
			return noSuchCommand(root, args)
		},
	}
}

// helpWidth is how wide help is made where a terminal has so many columns; 0: no terminal.
func helpWidth(columns int) int {
	if columns == 0 {
		return plainWidth
	}
	return min(max(columns, leastWidth), mostWidth)
}

// helpText is the text of a command, its flags, and last its exit codes.
func helpText(c *cobra.Command, width int) string {
	text, codes, _ := strings.Cut(c.Long, exitHeading)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n  %s\n", wrapText(text, width), c.UseLine())
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nAvailable Commands:\n")
		for _, sub := range c.Commands() {
			if offered(sub) {
				b.WriteString(wrapText(fmt.Sprintf("  %-*s  %s", c.NamePadding(), sub.Name(), sub.Short), width) + "\n")
			}
		}
	}
	for _, group := range groupedFlags(c) {
		fmt.Fprintf(&b, "\n%s:\n", group.Title)
		for _, f := range group.Flags {
			b.WriteString(flagText(f, width))
		}
	}
	fmt.Fprintf(&b, "\nExit codes:%s\n", wrapText(codes, width))
	return b.String()
}

// offered tells a command for people from one for programs. To cobra, help is none.
func offered(c *cobra.Command) bool { return c.IsAvailableCommand() || c.Name() == "help" }

// flagColumn is where the texts of flags begin; a flag that reaches further has its text in the next line.
const flagColumn = 28

// flagText is what help says of one flag.
func flagText(f *pflag.Flag, width int) string {
	label, text := flagLabel(f), flagMeaning(f)
	var lines []string
	if len(label) > flagColumn-2 {
		lines, label = append(lines, label), ""
	}
	lines = append(lines, wrapLine(fmt.Sprintf("%-*s%s", flagColumn, label, text), width)...)
	return strings.Join(lines, "\n") + "\n"
}

// flagLabel is how a flag is written.
func flagLabel(f *pflag.Flag) string {
	label := "      --" + f.Name
	if f.Shorthand != "" {
		label = "  -" + f.Shorthand + ", --" + f.Name
	}
	if value, _ := pflag.UnquoteUsage(f); value != "" {
		label += " " + value
	}
	return label
}

// hasDefault reports whether a flag that is not given still says something.
func hasDefault(f *pflag.Flag) bool {
	switch f.DefValue {
	case "", "false", "[]":
		return false
	case "0":
		return f.Value.Type() == "string"
	}
	return true
}

// wrapText breaks paragraphs into lines of this width. A line that is indented stands for itself; what is too long for
// it goes on below its last column, which begins behind the last two spaces.
func wrapText(text string, width int) string {
	var lines []string
	var paragraph []string
	flush := func() {
		if len(paragraph) > 0 {
			lines = append(lines, wrapLine(strings.Join(paragraph, " "), width)...)
			paragraph = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "":
			flush()
			lines = append(lines, "")
		case line[0] == ' ':
			flush()
			lines = append(lines, wrapLine(line, width)...)
		default:
			paragraph = append(paragraph, line)
		}
	}
	flush()
	return strings.Join(lines, "\n")
}

// wrapLine breaks one line at spaces. A word that is too long is left whole.
func wrapLine(line string, width int) (lines []string) {
	column := 0
	if line[0] == ' ' {
		column = strings.LastIndex(line, "  ") + 2
	}
	for len(line) > width {
		at := strings.LastIndexByte(line[:width+1], ' ')
		if at <= column {
			if at = strings.IndexByte(line[column:], ' '); at < 0 {
				break
			}
			at += column
		}
		lines = append(lines, line[:at])
		line = strings.Repeat(" ", column) + line[at+1:]
	}
	return append(lines, line)
}
