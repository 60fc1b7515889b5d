package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
)

// leftOut begins the pattern of files that are left out.
const leftOut = "!"

func isLeftOut(pattern string) bool { return strings.HasPrefix(pattern, leftOut) }

// selections lists the file patterns, or those that flags gave, each without what was left out in the same place: a
// project file takes nothing from what its user names, nor one rule from another.
func (s *Settings) selections(byFlag bool) (all []string, err error) {
	places := s.from("file")
	without := map[string][]string{}
	for i, pattern := range s.File {
		if isLeftOut(pattern) {
			without[places[i]] = append(without[places[i]], pattern[len(leftOut):])
		}
	}
	used := map[string]bool{}
	for i, pattern := range s.File {
		if place := places[i]; !isLeftOut(pattern) {
			used[place] = true
			if !byFlag || place == fromFlag {
				all = append(all, hashing.Except(pattern, without[place]))
			}
		}
	}
	for i, pattern := range s.File {
		if isLeftOut(pattern) && !used[places[i]] {
			return nil, &usageError{
				Err:  fmt.Errorf("--file %q: %w", pattern, errors.New("there is nothing to leave it out of")),
				Hint: "name the files beside it, as in --file 'src/**' --file '!src/*.tmp'",
			}
		}
	}
	return all, nil
}
