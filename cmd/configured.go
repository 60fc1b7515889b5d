package cmd

import (
	"slices"
	"time"

	"github.com/cachex-cli/cachex/cmd/memo"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/probe"
)

// restsOn is what the settings rest on: every file that was looked for, also those that were not there. False if that
// changed after before, or is not what the settings were made from, or if keys and secrets are read from files besides.
// The working directory is without links, or there is no short way.
func (s *Settings) restsOn(before time.Time) ([]fastpath.FileState, bool) {
	files, ok := memo.StatesOf(s.seen, nil, before)
	isRead := func(path string, t configText) bool { return path == t.path && t.isRead() } // after it was looked at
	return files, ok && slices.EqualFunc(s.configuration(true), s.files, isRead) && s.KeyFile == "" &&
		s.SecretFile == ""
}

// configuration lists the files that configuration was looked for in: with found, those that were there, otherwise all.
func (s *Settings) configuration(found bool) (files []string) {
	looks, _ := s.seen.Looks()
	for _, look := range looks {
		if look.Kind == probe.File && (look.Found || !found) {
			files = append(files, look.Path)
		}
	}
	return files
}
