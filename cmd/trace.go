package cmd

import (
	"path/filepath"

	"github.com/cachex-cli/cachex/hashing"
)

// trace is how a run is observed under these settings, in a directory; nil: it is not.
func (s *Settings) trace(dir string) *hashing.Trace {
	if !s.Trace {
		return nil
	}
	return &hashing.Trace{
		AnyTimes: s.TraceTimes == TimesIgnore, Except: s.EnvExcept, Only: s.EnvOnly,
		Ignore: absoluteGlobs(s.TraceIgnore, dir), Keep: absoluteGlobs(s.TraceKeep, dir),
	}
}

// absoluteGlobs makes patterns of files absolute.
func absoluteGlobs(globs []string, dir string) (absolute []string) {
	for _, glob := range globs {
		if !filepath.IsAbs(glob) {
			glob = escapeGlob(dir) + "/" + glob
		}
		absolute = append(absolute, filepath.ToSlash(glob))
	}
	return absolute
}
