package engine

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// makings tell others that somebody makes files: in the working directory, and where absolute names begin.
type makings []*cachedir.Making

// making tells others that this one makes files; nil: they are not told. In an encrypted directory nobody is told what.
func (f files) making() (all makings) {
	absolute, local := partition(f.Spec.Outputs, hashing.IsAbsoluteOutput)
	for dir, patterns := range map[string][]string{f.Spec.Dir: local, "": absolute} {
		if len(patterns) == 0 {
			continue
		}
		m, err := f.makingIn(dir, patterns)
		if err != nil {
			all.end()
			return nil
		}
		all = append(all, m)
	}
	return all
}

func (f files) makingIn(dir string, patterns []string) (*cachedir.Making, error) {
	what, own := strings.Join(quoted(patterns), " "), hashing.OutputSet(patterns)
	if f.dir.Encrypts() {
		what = ""
	}
	return f.dir.Making(dir, what, strings.Fields(f.Making), func(other string) bool {
		theirs, ok := unquoted(other)
		return !ok || len(theirs) == 0 || own.Overlaps(hashing.OutputSet(theirs))
	})
}

// names are for those who are part of this one.
func (all makings) names() string {
	var names []string
	for _, m := range all {
		names = append(names, m.Name())
	}
	return strings.Join(names, " ")
}

// disturbed reports whether somebody else has made the same meanwhile, or that cannot be told.
func (all makings) disturbed() bool {
	return len(all) == 0 || slices.ContainsFunc(all, (*cachedir.Making).Disturbed)
}

// end says that nothing is made any more.
func (all makings) end() {
	for _, m := range all {
		m.End()
	}
}

func partition(words []string, is func(string) bool) (those, others []string) {
	for _, word := range words {
		if is(word) {
			those = append(those, word)
		} else {
			others = append(others, word)
		}
	}
	return those, others
}

func quoted(words []string) (all []string) {
	for _, word := range words {
		all = append(all, strconv.Quote(word))
	}
	return all
}

func unquoted(text string) (words []string, ok bool) {
	for text != "" {
		word, err := strconv.QuotedPrefix(text)
		if err != nil {
			return nil, false
		}
		text = strings.TrimPrefix(text[len(word):], " ")
		if word, err = strconv.Unquote(word); err != nil {
			return nil, false
		}
		words = append(words, word)
	}
	return words, true
}
