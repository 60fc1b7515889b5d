package hashing

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/hashing/tools"
)

var seenEnvFact = factKind{
	name: "seen-env", parse: parseEnv, order: ofFound, report: nothingToReport,
	change: func(_ *differ, s states) string { return changeOfVariable(s) },
}

// Counted lists the variables that an observed run of a spec depends on. The tools are those of PlainTools; nil: all
// variables may matter.
func Counted(spec Spec, tools []string) []string {
	o := newObserver(spec, nil)
	o.tools = tools
	return o.counted()
}

func (o *observer) counted() []string {
	if o.onlyNamed {
		return sortedSet(slices.Clone(o.variables))
	}
	var names []string
	if t := o.c.spec.Trace; t == nil || len(t.Only) == 0 {
		names = slices.Clone(o.shellVariables)
	}
	mayCount := func(string) bool { return true }
	if o.tools != nil {
		patterns := slices.Concat(tools.PlainPatterns(o.tools), strictBase, systemBase)
		mayCount = func(name string) bool { return tools.Cover(patterns, name) }
	}
	for _, variable := range o.c.spec.Environ {
		name, value, _ := strings.Cut(variable, "=")
		if name = env.Canonical(name); name != "" && mayCount(name) && !o.isNoise(name, value) {
			names = append(names, name)
		}
	}
	return sortedSet(names)
}

// environment adds the variables that count, and those of shells that the run may have asked for; and whose they are,
// if it is not all of them.
func (o *observer) environment(text []byte) []byte {
	if o.tools != nil {
		text = append(text, seenToolsFact.name+" "+tools.Version+" "+strings.Join(o.tools, " ")+"\n"...)
	}
	for _, name := range o.counted() {
		text = append(appendQuoted(append(text, "seen-env "...), name), ' ')
		if value, ok := env.Lookup(o.c.spec.Environ, name); ok {
			text = append(appendValueSum(text, o.placed(name, value), o.c.spec.Secret), '\n')
		} else {
			text = append(text, "unset\n"...)
		}
	}
	return text
}

// ShellVariables differ in each shell, and count only where one of its texts may ask for them.
func ShellVariables() []string { return []string{"OLDPWD", "SHLVL"} }

// isNoise reports whether a variable says nothing of what a run does. PWD is a name of the directory, which counts, but
// where whoever changed the directory has left it as it was.
func (o *observer) isNoise(name, value string) bool {
	noise := tools.Noise(name, value) || name == "PWD" && value == o.c.spec.Dir ||
		slices.Contains(ShellVariables(), name)
	t := o.c.spec.Trace
	if t != nil && len(t.Only) > 0 {
		return !slices.Contains(t.Only, name) && (noise || !isAmong(t.Only, name))
	}
	return noise || t != nil &&
		(slices.Contains(t.Except, ciVariables) && tools.CINoise(name) || isAmong(t.Except, name))
}

func isAmong(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return coversVariable(pattern, name) })
}

// ciVariables stands for those that CI systems set anew for each job.
const ciVariables = "@ci"

// placed is a value without the paths that differ between clones, and users.
func (o *observer) placed(name, value string) string {
	value = tools.WithoutJobserver(name, value)
	for _, root := range o.roots {
		value = strings.ReplaceAll(value, root.path, root.name)
	}
	return value
}
