package cmd

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cmd/call"
)

func newMapCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "map [flags] -- COMMAND [ARG...]",
		Short: "answer many words, and call a command once for those that are new",
		Long: `Map reads words from stdin, a line each, and prints a line for each, in their order. Those that have no
stored result are given to the command together, as its last arguments, and the command must print one line for each, in
their order. Each line is stored as the result of its word. An empty line is an empty word; a word that comes twice is
asked for once. What is in the key, how long results live, and where they are, the flags of run say. What another map is
having made is waited for.

If the command fails, or prints another number of lines, nothing of that call is stored, and what has an answer before
the first word without one is printed. What the command writes to stderr passes, and is not stored. Stdin holds the
words: the command gets an empty one.`,
		Example: `  cut -f1 hosts | cachex map --ttl 1d -- ./lookup-owners
  git ls-files -z '*.md' | cachex map -0 -c 'for f; do wc -w <"$f" | tr "\n" "\0"; done'`,
		RunE: func(c *cobra.Command, args []string) error { return app.mapWords(c, args) },
	}
	c.Long += exitCodes(
		"0    every word has its line",
		"1    the command did not print one line for each",
		"the command's own, if it fails; one that dies of a signal makes cachex die of it",
		"125  bad flag or word, or nothing to replay",
		"126  the command cannot be executed",
		"127  the command was not found")
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	c.Flags().BoolP("null", "0", false, "words, and what the command prints for each, end in NUL bytes")
	c.Flags().String("batch", "", "give at most `N` words to one call")
	addKeyFlags(c.Flags())
	addPolicyFlags(c.Flags())
	addSayingFlags(c.Flags())
	for _, name := range notForMap() {
		c.Flags().Lookup(name).Hidden = true
	}
	return c
}

// notForMap lists the flags of run that mean nothing where one command is called for many words.
func notForMap() []string {
	return []string{
		"stdin", "pty", "stale", "early", "warm", "no-wait", "follow", "replay", "strip-ansi", "status-fd",
		"memory", "memory-fd", "purge-tag", "output", "depfile", "output-touch", "output-clean", "keep-mtime",
		"trace", "trace-times", "trace-ignore", "trace-keep", "env-except", "env-only",
	}
}

func (a *App) mapWords(c *cobra.Command, args []string) error {
	for _, name := range notForMap() {
		if c.Flags().Changed(name) {
			return notInMap(name)
		}
	}
	if c.Flags().Changed("shell") && len(args) == 0 {
		args = []string{"sh"} // $0: the words are $1, $2, ...
	}
	argv, err := words(c, args)
	if err != nil {
		return err
	}
	text, _ := c.Flags().GetString("batch")
	most, err := batchSize(text, c.Flags().Changed("batch"))
	if err != nil {
		return err
	}
	s, warnings, err := a.settingsFor(c, argv)
	if err != nil {
		return err
	}
	spec, err := a.spec(c, s, argv)
	if err != nil {
		return err
	}
	if len(spec.Outputs) > 0 { // which a rule may say
		return notInMap("output")
	}
	s.Stdin, s.Pty, s.Stale, s.Early, s.PurgeTag, s.Follow = false, false, 0, 0, nil, false
	spec.Pty, spec.Trace = false, nil
	made, err := a.callOf(s, spec, texts(warnings))
	if err != nil {
		return err
	}
	null, _ := c.Flags().GetBool("null")
	all, err := readWords(a.Stdin, null)
	if err != nil || len(all) == 0 {
		return err
	}
	return a.Map(made, call.Words{All: all, Null: null, Most: most})
}

func notInMap(flag string) error {
	return &usageError{
		Err:  fmt.Errorf("--%s: not possible where one call answers many words", flag),
		Hint: "leave it out, or call cachex run for each word",
	}
}

func batchSize(text string, given bool) (int, error) {
	if !given {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, &BadValue{
			Name: "--batch", Value: text, Why: "not a number above 0", Hint: "write how many words, such as 100",
		}
	}
	return n, nil
}

// readWords reads all words, each of which ends in a line feed or a NUL byte; the last end may be missing.
func readWords(from io.Reader, null bool) ([]string, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, &usageError{
			Err:  fmt.Errorf("read the words from stdin: %w", err),
			Hint: "write cachex map ... <FILE, or COMMAND | cachex map ...",
		}
	}
	end := "\n"
	if null {
		end = "\x00"
	} else if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, &usageError{
			Err:  fmt.Errorf("the word on line %d of stdin holds a NUL byte", 1+bytes.Count(text[:i], []byte("\n"))),
			Hint: "write --null if NUL bytes end the words: no argument can hold one",
		}
	}
	if len(text) == 0 {
		return nil, nil
	}
	words := strings.Split(strings.TrimSuffix(string(text), end), end)
	if i := slices.IndexFunc(words, func(word string) bool { return len(word) >= longWord() }); i >= 0 {
		return nil, &usageError{
			Err:  fmt.Errorf("word %d of stdin is longer than an argument can be: %d bytes", 1+i, len(words[i])),
			Hint: fmt.Sprintf("give words of less than %d bytes, such as names of files that hold the text", longWord()),
		}
	}
	return words, nil
}

// longWord is how many bytes are more than one argument can have: on Linux 32 pages, with the NUL at its end
// (execve(2)); elsewhere only all arguments together are limited.
func longWord() int {
	if runtime.GOOS != "linux" {
		return math.MaxInt
	}
	return 32 * os.Getpagesize()
}
