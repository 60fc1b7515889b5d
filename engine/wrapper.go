package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// A script with the name of a command, first in PATH, that calls cachex with that name, would call itself for ever:
// what it wants is the next program of its name. What a script does shows only when it runs. So each run tells its
// command, in CACHEX_RUNNING, by which process and as which program it was started; and a run that finds there that the
// program it is about to start is the one that called it passes it over, if there is another of its name. It was called
// by that one if its parent is the run that started it: the script has become this process by exec. Or if the words and
// the directory are the same too: that would go on for ever. Programs call themselves with other words, and end. Only
// scripts are passed over: a shell or an interpreter that is reached again runs something else each time, and the next
// of its name may be another version.
//
// A name says nothing once the environment was cleared. Then the lock of the recipe does, which an ancestor holds.

const (
	runningVariable = "CACHEX_RUNNING"

	// maxWithin bounds how often a program calls itself through cachex, with other words each time.
	maxWithin = 32
)

// SelfCallError is a program that calls itself again and again.
type SelfCallError struct{ Name string }

func (e *SelfCallError) Error() string {
	return fmt.Sprintf("%s has called itself through cachex %d times", e.Name, maxWithin)
}

// Advice says what to do about it.
func (e *SelfCallError) Advice() string {
	return "a wrapper of the command's own name must name the program behind it by its path"
}

// running is one run that encloses this one, as its item in the environment tells.
type running struct {
	pid           int
	program, line string // digests: of the program's path; of that, the words and the directory
}

func (i running) text() string { return strconv.Itoa(i.pid) + ":" + i.program + ":" + i.line }

// parseRunning passes over what it cannot read.
func parseRunning(value string) (items []running) {
	for word := range strings.FieldsSeq(value) {
		parts := strings.Split(word, ":")
		if pid, err := strconv.Atoi(parts[0]); err == nil && len(parts) == 3 {
			items = append(items, running{pid, parts[1], parts[2]})
		}
	}
	return items
}

// runningOf is what a run says of itself if it starts a program.
func runningOf(s *hashing.Spec, exe string) running {
	program := absolute(exe, s.Dir)
	return running{os.Getpid(), shortSum(program), shortSum(append([]string{program, s.Dir}, s.Argv...)...)}
}

func shortSum(words ...string) string {
	h := sha256.New()
	for _, w := range words {
		fmt.Fprintf(h, "%q", w)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// withRunning tells a command which program it is, and which others it is in.
func withRunning(environ []string, enclosing string, own running) []string {
	items := append(parseRunning(enclosing), own)
	if len(items) > maxWithin {
		items = items[len(items)-maxWithin:]
	}
	var words []string
	for _, i := range items {
		words = append(words, i.text())
	}
	return setenv(environ, runningVariable, strings.Join(words, " "))
}

// passOverWrappers finds the program that is meant where the first of its name is what called this run.
func passOverWrappers(s *hashing.Spec, enclosing string) error {
	if enclosing == "" || len(s.Argv) == 0 {
		return nil
	}
	items := parseRunning(enclosing)
	for {
		exe, err := hashing.LookPath(s.Argv[0], s.Dir, s.Environ, s.Past...)
		if err != nil {
			return nil // whoever starts it says so
		}
		own := runningOf(s, exe)
		if calledBy(items, own) && passOver(s, exe) {
			continue
		}
		if within(items, own) >= maxWithin {
			return &SelfCallError{Name: exe}
		}
		return nil
	}
}

// calledBy reports whether the program that is to be started is what called this run. The environment is believed as
// far as the processes that it names are what this one descends from.
func calledBy(items []running, own running) bool {
	return slices.ContainsFunc(items, func(i running) bool {
		return i.program == own.program && (i.pid == os.Getppid() || i.line == own.line && lock.IsParent(i.pid))
	})
}

// within counts how often the program encloses itself.
func within(items []running, own running) (n int) {
	for _, i := range items {
		if i.program == own.program {
			n++
		}
	}
	if n >= maxWithin && !lock.IsParent(items[len(items)-1].pid) {
		return 0 // an environment that somebody kept
	}
	return n
}

// passOver leaves a script out of the search, if there is another program of its name.
func passOver(s *hashing.Spec, exe string) bool {
	if len(s.Argv) == 0 || !isScript(absolute(exe, s.Dir)) {
		return false
	}
	past, next := s.Past, exe
	for sameFile(absolute(next, s.Dir), absolute(exe, s.Dir)) {
		past = append(slices.Clip(past), next)
		var err error
		next, err = hashing.LookPath(s.Argv[0], s.Dir, s.Environ, past...)
		if err != nil || slices.Contains(past, next) {
			return false
		}
	}
	s.Past = past
	return true
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// isScript reports whether a program is a text that another program reads.
func isScript(file string) bool {
	if ext := strings.ToLower(filepath.Ext(file)); ext == ".bat" || ext == ".cmd" {
		return true
	}
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	var first [2]byte
	_, err = f.ReadAt(first[:], 0)
	return err == nil && string(first[:]) == "#!"
}
