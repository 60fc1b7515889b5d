package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Page is what the manual page of a command says, section by section.
type Page struct {
	Name, Short, Synopsis string
	Text                  string // paragraphs; what is indented stands as it is
	Options               []Options
	ExitStatus            []Term
	Environment, Files    []Term
	Example               string
	SeeAlso               []string // names of pages
}

// Options is a group of flags.
type Options struct {
	Title string
	Flags []Term
}

// Term is something with what it means. Name may be empty.
type Term struct{ Name, Text string }

// PageOf returns the manual page of a command.
func PageOf(c *cobra.Command) Page {
	text, codes, _ := strings.Cut(c.Long, exitHeading)
	p := Page{Name: pageName(c), Short: c.Short, Synopsis: c.UseLine(), Text: text, Example: c.Example}
	for _, group := range groupedFlags(c) {
		options := Options{Title: group.Title}
		for _, f := range group.Flags {
			options.Flags = append(options.Flags, Term{strings.TrimSpace(flagLabel(f)), flagMeaning(f)})
		}
		p.Options = append(p.Options, options)
	}
	for line := range strings.Lines(strings.TrimPrefix(codes, "\n")) {
		code, meaning, found := strings.Cut(strings.TrimSpace(line), "  ")
		if !found {
			code, meaning = "", code
		}
		p.ExitStatus = append(p.ExitStatus, Term{code, strings.TrimSpace(meaning)})
	}
	if !c.HasParent() || c.Name() == "run" {
		p.Environment, p.Files = append(variables(c.Root()), systemVariables()...), files()
	}
	if c.HasParent() {
		p.SeeAlso = append(p.SeeAlso, pageName(c.Parent()))
	}
	for _, sub := range c.Commands() {
		if offered(sub) {
			p.SeeAlso = append(p.SeeAlso, pageName(sub))
		}
	}
	return p
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// flagMeaning is what help and the manual say of a flag.
func flagMeaning(f *pflag.Flag) string {
	_, text := pflag.UnquoteUsage(f)
	if hasDefault(f) {
		text += " (default " + f.DefValue + ")"
	}
	return text
}

// systemVariables lists what cachex reads besides its own variables.
func systemVariables() []Term {
	return []Term{
		{"HOME, XDG_CACHE_HOME, XDG_CONFIG_HOME", "where the files below are"},
		{"PATH", "where commands are looked for"},
		{"CI", "set and not false: a long wait is explained also where stderr is no terminal"},
		{"HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "the way to s3://, http:// and https:// servers"},
		{
			"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL_S3",
			"for s3:// servers, as other programs read them",
		},
	}
}

// files lists what cachex reads and writes.
func files() []Term {
	endings := strings.Join(
		slices.DeleteFunc(configEndings(), func(ending string) bool { return ending == ".toml" }), ", ",
	)
	return []Term{
		{
			"~/.cache/cachex",
			"results and what belongs to them, where --cache-dir names no other directory: $XDG_CACHE_HOME/cachex if " +
				"that is set; ~/Library/Caches/cachex on macOS, %LocalAppData%\\cachex on Windows",
		},
		{
			"~/.config/cachex/config.toml",
			"the user's settings (or with the ending " + endings + "): $XDG_CONFIG_HOME/cachex/config.toml if that " +
				"is set",
		},
		{
			".cachex.toml",
			"the settings of a project, from the working directory upwards to the root of its repository (or with " +
				"these endings)",
		},
	}
}
