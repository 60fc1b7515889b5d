package engine

import (
	"slices"

	"github.com/cachex-cli/cachex/cachedir"
)

// Who names a tag relies on its purges. So a result without it is none for him, and the run that replaces it stores it
// with the tags of both: readers with different tags would take turns otherwise. Who waits for a run has written his
// tags into the record of its lock, and the run that ends stores its result with these, too.

// maxJoined is how many tags a result gets from others than its own caller, and him: more readers take turns.
const maxJoined = 128

// lacking returns a tag that is wanted and not there.
func lacking(have []cachedir.Tag, want []string) (tag string, found bool) {
	for _, tag := range want {
		if !hasTag(have, tag) {
			return tag, true
		}
	}
	return "", false
}

func hasTag(tags []cachedir.Tag, name string) bool {
	return slices.ContainsFunc(tags, func(t cachedir.Tag) bool { return t.Name == name })
}

// withTags adds the tags of others that are not there.
func withTags(tags, others []string) []string {
	tags = slices.Clone(tags)
	for _, tag := range others {
		if len(tags) < maxJoined && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}
