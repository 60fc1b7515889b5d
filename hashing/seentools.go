package hashing

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/tools"
)

// An observed run of programs of which package tools knows all that they ask for depends on the variables of their
// tools alone. Whatever is not known for sure is not believed: that they are those programs, with no code of others.

// seenToolsFact stands before what else was seen of such a run: the tools whose variables count.
var seenToolsFact = factKind{
	name: "seen-tools", parse: parseTools, change: changedSeenTools, order: ofAsked, report: nothingToReport,
}

// preloaded names what the loader loads into every program; a variable so that tests have another.
var preloaded = "/etc/ld.so.preload"

// PlainTools lists the tools whose variables are all that an observed run of a spec depends on, besides those that
// every program may look at. Programs are those that it has executed, its command first. Not ok: all variables count.
func PlainTools(spec Spec, programs []string) (names []string, ok bool) {
	if spec.Trace != nil && len(spec.Trace.Only) > 0 || slices.Contains(spec.Env, tools.Mark+tools.None) ||
		preloads() {
		return nil, false
	}
	return tools.Plain(spec.Argv, spec.Environ, programs, systemFile)
}

func preloads() bool {
	info, err := os.Stat(preloaded)
	return err == nil && info.Size() > 0
}

// systemFile returns where a program is behind its links, if that is a file of the system's owner.
func systemFile(program string) (string, bool) {
	path, err := filepath.EvalSymlinks(program)
	if err != nil {
		return "", false
	}
	at, err := lookAt(path, false)
	return path, err == nil && at.kind.regular() && at.owner == 0
}

// seenTools takes the line of tools off what was seen of a run; nil: it has none, and all variables count.
func seenTools(rest []byte) []string {
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) < 2 || words[0] != seenToolsFact.name {
		return nil
	}
	return words[2:]
}

// changedSeenTools says something only of the same tools: which they are follows from what was executed.
func changedSeenTools(_ *differ, s states) string {
	if s.had && s.has {
		return "another table of the variables of known tools"
	}
	return ""
}
