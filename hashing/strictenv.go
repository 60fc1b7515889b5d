package hashing

import (
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/hashing/tools"
)

// Under --strict-env a command sees no variable that could matter and is not in its key: only those of the key, and a
// base without which few programs work and which is the same from day to day. Its version is in the recipe.
var strictEnvFact = factKind{
	name: "strict-env", parse: func(r *reader, _ *Fact) { r.number() }, order: ofGiven,
	add: func(c *capture) error {
		if c.spec.StrictEnv && c.spec.Name == "" { // a named recipe is what its name says
			c.text = append(c.text, "strict-env "+strictVersion+"\n"...)
		}
		return nil
	},
	report: nothingToReport, memo: func(_, left *Spec) { left.StrictEnv = false },
}

// strictBase is seen always. What a system needs besides is in suffix files.
var strictBase = []string{"HOME", "PATH", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERM", "LANG"}

const strictVersion = "1"

// VisibleEnviron is what the command of a spec sees of the spec's environment: all of it, but under StrictEnv.
func VisibleEnviron(spec Spec) []string {
	if !spec.StrictEnv {
		return spec.Environ
	}
	c := newCapture(spec, nil, time.Now())
	_ = c.resolveExecutable() // what is not found has no interpreter, and is told by who starts it
	return spec.visible(c.toolNames())
}

// visible is what the command sees; of that it is the same again.
func (s *Spec) visible(ofTools []string) []string {
	patterns, _ := s.patterns()
	names := slices.Concat(s.envNames(patterns, tools.Patterns(ofTools)), strictBase, systemBase)
	var visible []string
	for _, variable := range s.Environ {
		name := env.Canonical(env.Name(variable))
		if slices.Contains(names, name) || strings.HasPrefix(name, env.Own) || s.namesDirectory(variable) {
			visible = append(visible, variable)
		}
	}
	return visible
}

// namesDirectory reports whether a variable is PWD and says what the key says, too: by which name the working directory
// was reached.
func (s *Spec) namesDirectory(variable string) bool {
	return s.Name == "" && s.Cwd == CwdPath && variable == "PWD="+s.Dir
}
