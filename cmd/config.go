package cmd

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
)

func newConfigCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "config [flags] [-- COMMAND [ARG...]]",
		Short: "print the effective settings and where each comes from",
		Long: `Config prints every setting, its value and where that comes from: a flag, an environment variable, a line
of a configuration file, or the default. With a command it also applies the rules that match the command, and it takes
the flags of run to show what they come to.

Flags beat CACHEX_* variables, which beat the project file (.cachex.toml, .yaml, .yml or .json, found upwards to the
root of the repository), which beats the user's file (config.toml and so on in $XDG_CONFIG_HOME/cachex, else
~/.config/cachex). In a file, rules that match beat the top level, and later rules earlier ones. The lists env, file and
tag add up instead. What the secret is, is never shown.` + exitCodes(
			"0    printed", "125  bad flag, bad variable or bad configuration file"),
		Example: `  cachex config
  cachex config -- terraform plan
  cachex config --format json`,
		RunE: func(c *cobra.Command, args []string) error { return app.config(c, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	c.Flags().String("format", "text", "`text|json`")
	showOnly(c.Flags(), "format", "shell")
	return c
}

func (a *App) config(c *cobra.Command, args []string) error {
	format, _ := c.Flags().GetString("format")
	if format != "text" && format != "json" {
		return &BadValue{Name: "--format", Value: format, Why: "not one of the choices", Hint: "write text or json"}
	}
	var argv []string
	if len(args) > 0 || c.Flags().Changed("shell") {
		var err error
		if argv, err = words(c, args); err != nil {
			return err
		}
	}
	s, warnings, err := a.settingsFor(c, argv)
	if err != nil {
		return err
	}
	a.warnAll(warnings)
	s.CacheDir = storePath(s, a.LookupEnv)
	text, err := settingsText(s.lines(), format)
	if err != nil {
		return err
	}
	_, err = a.Stdout.WriteString(text)
	return err
}

// settingLine is one setting for people: a bool, text or list, and where it was
// given; a list has one place for each element.
type settingLine struct {
	Name  string   `json:"name"`
	Value any      `json:"value"`
	From  []string `json:"from"`
}

// lines lists all settings.
func (s *Settings) lines() []settingLine {
	var lines []settingLine
	for _, row := range settingTable() {
		from := s.from(row.name)
		if row.name == "secret" && s.SecretFile != "" {
			from = s.from("secret-file")
		}
		value := row.show(s)
		if list, ok := value.([]string); from == nil && (!ok || len(list) == 0) {
			from = []string{"default"}
		}
		lines = append(lines, settingLine{Name: row.name, Value: value, From: from})
	}
	return lines
}

// settingsText writes lines as text, in columns, or as JSON.
func settingsText(lines []settingLine, format string) (string, error) {
	var text strings.Builder
	if format == "json" {
		encoder := json.NewEncoder(&text)
		encoder.SetIndent("", "  ")
		err := encoder.Encode(lines)
		return text.String(), err
	}
	table := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	for _, line := range lines {
		values := []string{fmt.Sprint(line.Value)}
		if list, ok := line.Value.([]string); ok {
			values = list
		}
		if len(values) == 0 || values[0] == "" {
			values = []string{"-"}
		}
		for i, value := range values {
			name := line.Name
			if i > 0 {
				name = ""
			}
			if strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsPrint(r) }) {
				value = strconv.Quote(value)
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", name, value, line.From[i])
		}
	}
	err := table.Flush()
	return text.String(), err
}
