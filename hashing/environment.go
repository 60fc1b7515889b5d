package hashing

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/hashing/tools"
)

// globChars make a name a glob.
const globChars = `*?[{\`

// IsGlob reports whether a pattern may stand for several names.
func IsGlob(pattern string) bool { return strings.ContainsAny(pattern, globChars) }

// IsName reports whether a pattern stands for the one thing of this name.
func IsName(pattern string) bool {
	return pattern != "" && !IsGlob(pattern) && !strings.ContainsRune("!@", rune(pattern[0])) &&
		!strings.Contains(pattern, "\x00")
}

// Variables that are asked for by name, or by how a name begins, are held against a memo.
var (
	envMatchFact = factKind{
		name: "env-match", add: (*capture).addEnvironment, parse: parseEnvMatch, change: changedPattern, order: ofAsked,
		report: func(r *Recipe, spec *Spec, to *Report) { to.Env = append(to.Env, r.asked(spec)...) },
		memo:   func(spec, left *Spec) { left.Env = withoutPrefixes(spec.Env) },
	}
	envFact = factKind{
		name: "env", parse: parseEnv, change: changedVariable, order: ofFound, report: nothingToReport, memo: inAddress,
	}
)

// addEnvironment adds what was asked for, and each variable that this names: its digest, or unset, which differs from
// empty.
func (c *capture) addEnvironment() error {
	patterns, _ := c.spec.patterns()
	for _, pattern := range patterns {
		c.text = appendLabel(c.text, "env-match", pattern)
	}
	ofTools := tools.Patterns(c.toolNames())
	for _, name := range c.spec.envNames(patterns, ofTools) {
		c.text = append(appendQuoted(append(c.text, "env "...), name), ' ')
		if value, ok := c.spec.envValue(name, patterns); ok {
			c.text = appendValueSum(c.text, value, c.spec.Secret)
		} else {
			c.text = append(c.text, "unset"...)
		}
		c.text = append(c.text, '\n')
	}
	return nil
}

// patterns are the variables that a spec names, sorted, and apart from them the tools.
func (s *Spec) patterns() (variables, ofTools []string) {
	for _, pattern := range s.Env {
		if name, isTool := strings.CutPrefix(pattern, tools.Mark); isTool {
			ofTools = append(ofTools, name)
		} else {
			variables = append(variables, env.Canonical(pattern))
		}
	}
	return sortedSet(variables), ofTools
}

// envNames returns the variables that patterns name: set or not if named outright, only set ones for a glob; and of
// those that tools look at the ones that are set, but for noise.
func (s *Spec) envNames(patterns, ofTools []string) []string {
	var names []string
	for _, pattern := range patterns {
		if !IsGlob(pattern) {
			names = append(names, pattern)
			continue
		}
		globs := expandBraces(withoutSlash(pattern), isAny)
		for _, variable := range s.Environ {
			name := env.Canonical(env.Name(variable))
			if name != "" && !strings.HasPrefix(name, env.Own) && matchesAny(globs, withoutSlash(name)) {
				names = append(names, name)
			}
		}
	}
	for _, variable := range s.Environ {
		name, value, ok := strings.Cut(variable, "=")
		if name = env.Canonical(name); ok && tools.Cover(ofTools, name) && !tools.Noise(name, value) {
			names = append(names, name)
		}
	}
	return sortedSet(names)
}

// envValue returns what of a variable counts: all of it where a pattern names it, and for tools not what make hands to
// each of its children anew.
func (s *Spec) envValue(name string, patterns []string) (value string, set bool) {
	value, set = env.Lookup(s.Environ, name)
	if slices.ContainsFunc(patterns, func(pattern string) bool { return coversVariable(pattern, name) }) {
		return value, set
	}
	return tools.WithoutJobserver(name, value), set
}

// coversVariable reports whether a pattern names a variable, if it is set.
func coversVariable(pattern, name string) bool {
	return pattern == name || IsGlob(pattern) &&
		matchesAny(expandBraces(withoutSlash(pattern), isAny), withoutSlash(name))
}

// withoutSlash makes a slash an ordinary character for the matcher, in which * stops at one. No name holds a NUL.
func withoutSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

func checkEnvPattern(pattern string) error {
	switch {
	case pattern == "":
		return errEmpty
	case strings.HasPrefix(pattern, tools.Mark):
		return checkTool(pattern[len(tools.Mark):])
	case strings.Contains(pattern, "\x00"):
		return errNUL
	case strings.Contains(pattern, "="):
		return errAssign
	case IsGlob(pattern):
		return checkGlob(pattern)
	}
	return nil
}

// sortedSet sorts names in place and drops repetitions.
func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func parseEnvMatch(r *reader, f *Fact) { f.Name, f.Value = r.quoted(), "" }

func parseEnv(r *reader, f *Fact) {
	f.Name = r.quoted()
	r.space()
	if f.Value = r.rest; !r.try("unset") {
		r.sum(plainSum, keyedSum)
	}
}

// changedPattern is of env-match and file-match.
func changedPattern(_ *differ, s states) string {
	text := strings.TrimSuffix(s.kind, "-match") + " pattern " + Show(s.name)
	if s.had && s.has {
		return text + " leaves out something else"
	}
	return text + cameOrWent(s.has, " added", " removed")
}

// changedVariable: one that only one recipe knows was found by a glob, so in the other run it was not set, unless the
// glob is new.
func changedVariable(d *differ, s states) string {
	if s.had != s.has && !d.asked("env-match", s, coversVariable) && !d.askedTools(s) {
		return ""
	}
	return changeOfVariable(s)
}

func changeOfVariable(s states) string {
	wasSet, isSet := s.had && s.old != "unset", s.has && s.recent != "unset"
	switch {
	case wasSet && isSet:
		return "env " + Show(s.name) + " changed"
	case isSet:
		return "env " + Show(s.name) + " unset -> set"
	case wasSet:
		return "env " + Show(s.name) + " set -> unset"
	}
	return ""
}

// Getenv returns the value of a variable; empty if it is not set.
func Getenv(environ []string, name string) string {
	value, _ := env.Lookup(environ, name)
	return value
}

// MatchVariable reports whether a pattern of variables names one.
func MatchVariable(pattern, name string) bool { return coversVariable(pattern, name) }
