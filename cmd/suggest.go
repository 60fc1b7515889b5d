package cmd

import (
	"cmp"
	"slices"
	"strings"
)

// nearest returns the candidate that a misspelt word most likely means, or "" where that would be a guess: at most two
// letters are wrong, missing, in excess or exchanged (one in a short word), or the word is where a candidate begins.
func nearest(word string, candidates []string) string {
	best, least := "", 3
	if len(word) < 4 {
		least = 2
	}
	begins := ""
	for _, c := range candidates {
		if d := distance(word, c); d < least {
			best, least = c, d
		}
		if begins == "" && len(word) > 2 && strings.HasPrefix(c, word) {
			begins = c
		}
	}
	return cmp.Or(best, begins)
}

// distance counts the letters that have to be changed, added, removed or exchanged with their neighbour to get from a
// to b (optimal string alignment).
func distance(a, b string) int {
	before, last := []int(nil), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			differ := 1
			if a[i] == b[j] {
				differ = 0
			}
			row[j+1] = min(last[j]+differ, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// otherWords are what other caches call a command or a flag, each behind the name that it has here.
func otherWords() [][]string {
	return [][]string{
		{"run", "exec", "execute"},
		{"purge", "clean", "clear", "prune", "rm", "remove", "delete", "invalidate", "flush", "evict"},
		{"ls", "list", "entries"},
		{"stats", "info", "status", "statistics"},
		{"show", "inspect"},
		{"refresh", "force", "update"},
		{"ttl", "max-age", "expire", "expires", "expiry", "timeout"},
		{"file", "modtime", "input", "inputs", "depends", "dep", "source"},
		{"cache-exit", "cache-failures", "exit-code"},
		{"explain", "verbose", "debug"},
	}
}

// inOtherWords returns the candidate that other caches call so; "" if there is none.
func inOtherWords(word string, candidates []string) string {
	for _, names := range otherWords() {
		if slices.Contains(names[1:], word) && slices.Contains(candidates, names[0]) {
			return names[0]
		}
	}
	return ""
}
