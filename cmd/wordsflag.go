package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// wordsFlag is the value of a flag that may be given several times, one word each time. For that of pflag a writer of
// CSV is made, with 4 KiB of memory, whenever it is shown, and for each flag of this kind that a command has.
type wordsFlag struct {
	words []string
	given bool
}

func addList(fs *pflag.FlagSet, name, usage string) { fs.Var(new(wordsFlag), name, usage) }

// Set adds a word; the first takes the place of what is there by default.
func (w *wordsFlag) Set(word string) error {
	if !w.given {
		w.words, w.given = nil, true
	}
	return w.Append(word)
}

// Type is what pflag and cobra go by.
func (w *wordsFlag) Type() string { return "stringArray" }

func (w *wordsFlag) String() string { return strings.Join(w.words, ",") }

// Append adds a word.
func (w *wordsFlag) Append(word string) error {
	w.words = append(w.words, word)
	return nil
}

// Replace takes words in the place of what is there.
func (w *wordsFlag) Replace(words []string) error {
	w.words = words
	return nil
}

// GetSlice returns the words.
func (w *wordsFlag) GetSlice() []string { return slices.Clone(w.words) }

// textsOf are the words that a flag was given.
func textsOf(f *pflag.Flag) []string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return list.GetSlice()
	}
	return []string{f.Value.String()}
}
