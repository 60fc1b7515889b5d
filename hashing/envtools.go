package hashing

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/hashing/tools"
	"github.com/cachex-cli/cachex/masking"
)

// What a command prints depends on variables that nobody names: on LANG and TZ any, on GOFLAGS what go prints. The
// table of tools says which. A recipe has the version of the table and the names of its tools, so that it says what was
// looked for, and of the variables those that are set. Who asks for a command by --key has said what counts, and gets
// none of this.
var envToolsFact = factKind{
	name: "env-tools", parse: parseTools, change: changedTools, order: ofAsked,
	add: func(c *capture) error {
		if names := c.toolNames(); len(names) > 0 {
			c.text = append(c.text, "env-tools "+tools.Version+" "+strings.Join(names, " ")+"\n"...)
		}
		return nil
	},
	report: nothingToReport, memo: inAddress, // both have the variables
}

// toolNames lists the tools whose variables are looked for, sorted: those that were asked for and, unless nobody wants
// them, those of the programs that the command line leads to. All of the table has one name.
func (c *capture) toolNames() []string {
	if c.tools != nil {
		return c.tools
	}
	_, asked := c.spec.patterns()
	none := func(name string) bool { return name == tools.None }
	names := slices.DeleteFunc(slices.Clone(asked), none)
	if !c.learned && c.spec.Name == "" && len(names) == len(asked) {
		programs := c.programs
		if !c.looked {
			programs = c.findPrograms()
		}
		names = append(names, c.spec.toolsOfCommand(programs)...)
	}
	if slices.Contains(names, tools.Known) {
		names = slices.DeleteFunc(names, func(name string) bool { return name != tools.Known && name != tools.Path })
	}
	c.tools = append([]string{}, sortedSet(names)...)
	return c.tools
}

// toolsOfCommand lists the tools of a command line: of its program and those that it starts, as far as words tell, and
// of the interpreters among the programs that were looked up.
func (s *Spec) toolsOfCommand(programs []Program) []string {
	names := []string{tools.Common}
	add := func(program string) {
		names = append(names, tools.Of(program)...)
		if cmdline.IsShell(program) && (s.Exe == ExeContent || s.Exe == ExePath) { // else where programs are is nothing
			names = append(names, tools.Path)
		}
	}
	for _, command := range cmdline.Commands(s.Argv) {
		if len(command.Words) > 0 {
			add(command.Words[0])
		}
	}
	for _, p := range programs {
		if p.kind == interpreterFact.name {
			add(p.Name)
		}
	}
	return names
}

func checkTool(name string) error {
	if !slices.Contains(tools.Names(), name) {
		return errTool
	}
	return nil
}

// isPrefix reports whether a glob stands for all names that begin with what is before its star.
func isPrefix(pattern string) bool {
	begins, found := strings.CutSuffix(pattern, "*")
	return found && !IsGlob(begins)
}

// withoutPrefixes leaves the patterns of variables that are neither names, nor beginnings of names, nor tools, which
// are both.
func withoutPrefixes(patterns []string) (left []string) {
	for _, pattern := range patterns {
		if !IsName(pattern) && !isPrefix(pattern) && !strings.HasPrefix(pattern, tools.Mark) {
			left = append(left, pattern)
		}
	}
	return left
}

// EnvTools lists the tools whose variables a recipe has, as they may stand in Spec.Env; where that is all of them each
// by its name, too.
func (r Recipe) EnvTools() (names []string) {
	for line := range bytes.Lines(r.Text) {
		if text, ok := strings.CutPrefix(string(line), envToolsFact.name+" "); ok {
			names = append(names, toolWords(text)...)
		}
	}
	if slices.Contains(names, tools.Mark+tools.Known) {
		for _, name := range tools.Names() {
			if name != tools.Path && name != tools.None && name != tools.Known {
				names = append(names, tools.Mark+name)
			}
		}
	}
	return names
}

// asked lists the variables and tools that a recipe of a spec has looked for.
func (r Recipe) asked(spec *Spec) []string {
	none := func(pattern string) bool { return pattern == tools.Mark+tools.None }
	return append(slices.DeleteFunc(slices.Clone(spec.Env), none), r.EnvTools()...)
}

// Variables lists the variables that a recipe of a spec has looked for: names, and globs. What a glob of tools finds
// and is noise is among them.
func (r Recipe) Variables(spec Spec) []string {
	spec.Env = r.asked(&spec)
	patterns, names := spec.patterns()
	return append(patterns, tools.Patterns(names)...)
}

// Forgotten lists the variables that are set and that tools among these programs are known to look at, but that are not
// in the key of a recipe of a spec.
func (r Recipe) Forgotten(spec Spec, programs []string) (names []string) {
	var known []string
	for _, program := range programs {
		known = append(known, tools.Of(program)...)
	}
	inKey := r.Variables(spec)
	if r.IsObserved() {
		inKey = append(inKey, Counted(spec, nil)...) // those of its tools are, whichever count
	}
	for _, name := range spec.envNames(nil, tools.Patterns(sortedSet(known))) {
		if !isAmong(inKey, name) {
			names = append(names, name)
		}
	}
	return names
}

// GuessableOfTools names a variable that is in a recipe because of a tool and holds something that looks secret and has
// at most so many bytes.
func GuessableOfTools(spec Spec, most int) (name string, found bool) {
	c := newCapture(spec, nil, time.Now())
	_ = c.resolveExecutable()
	for _, name := range spec.envNames(nil, tools.Patterns(c.toolNames())) {
		if value, _ := env.Lookup(spec.Environ, name); len(value) <= most && masking.Text(name+"="+value) {
			return name, true
		}
	}
	return "", false
}

func parseTools(r *reader, _ *Fact) {
	r.number()
	for r.space(); !r.failed; r.space() {
		if r.digits("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", 1, 32); r.rest == "" {
			return
		}
	}
}

// changedTools says something only of the same words: tools follow from them.
func changedTools(d *differ, s states) string {
	if !d.same {
		return ""
	}
	if version, _, _ := strings.Cut(s.old, " "); s.had && s.has && !strings.HasPrefix(s.recent, version+" ") {
		return "another table of the variables of known tools"
	}
	came, went := leaveOut(toolWords(s.recent), toolWords(s.old)), leaveOut(toolWords(s.old), toolWords(s.recent))
	var texts []string
	if len(came) > 0 {
		texts = append(texts, strings.Join(came, ", ")+" added")
	}
	if len(went) > 0 {
		texts = append(texts, strings.Join(went, ", ")+" removed")
	}
	return "variables of " + strings.Join(texts, ", of ")
}

// toolWords lists the tools in the values of facts, a line each, as they are asked for.
func toolWords(value string) (names []string) {
	for line := range strings.SplitSeq(value, "\n") {
		for i, word := range strings.Fields(line) {
			if i > 0 {
				names = append(names, tools.Mark+word)
			}
		}
	}
	return names
}

// askedTools reports whether the run that has no fact of a variable looked for it because of a tool.
func (d *differ) askedTools(s states) bool {
	without := d.before
	if s.had {
		without = d.after
	}
	var names []string
	for _, word := range toolWords(without[subject{kind: envToolsFact.name}]) {
		names = append(names, strings.TrimPrefix(word, tools.Mark))
	}
	return tools.Cover(tools.Patterns(names), s.name)
}
