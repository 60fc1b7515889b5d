package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/hashing"
)

// maxEvent is the length in bytes of a line of events. What is longer is no event that anybody matches.
const maxEvent = 1 << 20

// purgeEvents purges the tags that a stream names, as long as it lasts. It ends with an error in any case: a stream of
// events that is over leaves results unpurged, and somebody has to start it again.
func (a *App) purgeEvents(c *cobra.Command, args []string) error {
	match, err := eventPattern(c, args)
	if err != nil {
		return err
	}
	p := eventPurge{env: a.LookupEnv, out: a.Stdout}
	p.soft, _ = c.Flags().GetBool("soft")
	p.dry, _ = c.Flags().GetBool("dry-run")
	s, warnings, err := a.settingsFor(c, []string{})
	if err != nil {
		return err
	}
	a.warnAll(warnings)
	p.settings = s
	if p.dir, err = a.openStore(s, p.dry); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(a.Stdin, 64<<10)
	for {
		line, err := readEvent(lines)
		if err == nil || len(line) > 0 {
			if tag, ok := eventTag(match, line); ok {
				if err := p.purge(hashing.Guard(tag, s.Secret)); err != nil {
					return err
				}
			}
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("it ended")
			}
			return &usageError{
				Err:  fmt.Errorf("the stream of events: %w", err),
				Hint: "start it again, and this with it: what happens meanwhile is not purged",
			}
		}
	}
}

// eventPattern checks the flags of an event stream.
func eventPattern(c *cobra.Command, args []string) (*regexp.Regexp, error) {
	text, _ := c.Flags().GetString("match")
	on, _ := c.Flags().GetBool("stdin")
	given, err := givenSelectors(c, true)
	switch {
	case err != nil || len(given) > 0 || len(args) > 0 || c.Flags().Changed("scope") || c.Flags().Changed("namespace"):
		return nil, &usageError{
			Err:  errors.New("--match and another selector both select"),
			Hint: "write one of the two",
		}
	case !on:
		return nil, &usageError{
			Err:  errors.New("--match needs events"),
			Hint: "write --stdin --match RE, and pipe the events in",
		}
	}
	match, err := regexp.Compile(text)
	switch {
	case err != nil:
		return nil, &BadValue{
			Name: "--match", Value: text, Why: call.OneLine(err.Error()), Hint: "see https://golang.org/s/re2syntax",
		}
	case match.NumSubexp() == 0:
		return nil, &BadValue{Name: "--match", Value: text, Why: "no group", Hint: "put what is the tag in parentheses"}
	}
	return match, nil
}

// readEvent reads one line, without its end; of one that is too long, nothing.
func readEvent(lines *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, more, err := lines.ReadLine()
		if len(line)+len(part) <= maxEvent {
			line = append(line, part...)
		} else {
			line = nil
		}
		if err != nil || !more {
			return line, err
		}
	}
}

// eventTag is the tag that a line names; an event that is not known names none.
func eventTag(match *regexp.Regexp, line []byte) (string, bool) {
	found := match.FindSubmatch(line)
	if found == nil || len(found[1]) == 0 {
		return "", false
	}
	return string(found[1]), true
}

// eventPurge is what a stream of events is for.
type eventPurge struct {
	settings  Settings
	env       lookupEnv
	dir       *cachedir.Dir
	soft, dry bool
	out       io.Writer
}

// purge purges one tag, here and for other hosts, and says so at once.
func (p *eventPurge) purge(tag string) error {
	words := "purged"
	if p.dry {
		words = "would purge"
	} else {
		there := selector{tag: tag, soft: p.soft}
		if err := errors.Join(p.dir.PurgeTag(tag, p.soft), purgeTiers(p.settings, p.env, there)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(p.out, "%s %s\n", words, hashing.Show(tag))
	return err
}
