package hashing

import (
	"errors"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/tools"
)

// Why the recipe of a stored result does not say how its command is run.
var (
	errUnnamed    = errors.New("stored by a name, or for one word of a call with many")
	errHiddenWord = errors.New("the command line has a secret, of which only a digest is stored")
	errNoPlace    = errors.New("its key does not say where it ran")
	errHanded     = errors.New("the command reads stdin or a descriptor")
	errTerminal   = errors.New("the command writes to a terminal")
	errMakes      = errors.New("the command makes files")
	errNotAsked   = errors.New("its recipe is of another version")
	errsOfFacts   = map[string]error{
		FactName: errUnnamed, FactFragment: errUnnamed, itemFact.name: errUnnamed,
		stdinFact.name: errHanded, descriptorFact.name: errHanded, ptyFact.name: errTerminal,
		outputFact.name: errMakes, depfileFact.name: errMakes,
	}
)

// Asked adds to a spec what a stored recipe says that was asked for: the command line, where it ran, patterns, modes.
// Of Vary it has the texts. What no recipe says has to be in the spec before: environment, secret, whether words are
// ignored. The caller captures the spec, and compares: what Asked takes for granted need not be so.
func (s Spec) Asked(recipe []byte) (Spec, error) {
	facts, err := ParseRecipe(recipe)
	if err != nil {
		return s, errNotAsked
	}
	common := false
	for _, f := range facts {
		if f.Kind == learnedFact.name || strings.HasPrefix(f.Kind, seenFact.name) { // found out, and not asked for
			break
		}
		if err := errsOfFacts[f.Kind]; err != nil {
			return s, err
		}
		if f.Kind == envToolsFact.name {
			common = slices.Contains(toolWords(f.Value), tools.Mark+tools.Common)
		}
		if err := s.ask(f); err != nil {
			return s, err
		}
	}
	switch {
	case len(s.Argv) == 0:
		return s, errUnnamed
	case s.Dir == "":
		return s, errNoPlace
	case !common: // of each command, unless nobody wants them
		s.Env = append(s.Env, tools.Mark+tools.None)
	}
	return s, nil
}

// ask adds what a fact was asked for by.
func (s *Spec) ask(f Fact) error {
	text, readable := f.Text()
	switch f.Kind {
	case FactNamespace:
		s.Namespace = text
	case FactWord:
		s.Argv = append(s.Argv, text)
	case FactScope:
		s.Scope = text
	case FactDirectory:
		s.Dir = DirectoryPath(f.Value)
		return nil
	case traceFact.name:
		s.Trace = askedTrace(f)
		return nil
	case executableFact.name:
		s.Exe = askedExe(f)
		return nil
	case varyFact.name:
		text, readable = Fact{Value: f.Name}.Text()
		s.Vary = append(s.Vary, Vary{Text: text})
	case strictEnvFact.name:
		s.StrictEnv = true
		return nil
	case envToolsFact.name:
		for _, tool := range toolWords(f.Value) {
			if tool != tools.Mark+tools.Common && tool != tools.Mark+tools.Path {
				s.Env = append(s.Env, tool)
			}
		}
		return nil
	case envMatchFact.name:
		s.Env = append(s.Env, f.Name)
		return nil
	case fileMatchFact.name:
		s.Files = append(s.Files, askedFiles(f))
		return nil
	default:
		return nil
	}
	if !readable {
		return errHiddenWord
	}
	return nil
}

func askedExe(f Fact) ExeMode {
	switch {
	case f.Value == "none":
		return ExeNone
	case !strings.HasPrefix(f.Value, `"`):
		return ExeDigest
	case strings.Contains(f.Value, `" `+plainSum):
		return ExeContent
	}
	return ExePath
}

func askedTrace(f Fact) *Trace {
	t, r := &Trace{}, &reader{rest: f.Value}
	r.number()
	t.AnyTimes = r.try(" any-times")
	for _, who := range [...]string{" user ", " host "} {
		if r.try(who) {
			r.quoted()
		}
	}
	for _, list := range [...]struct {
		name string
		to   *[]string
	}{{" ignore ", &t.Ignore}, {" keep ", &t.Keep}, {" except ", &t.Except}, {" only ", &t.Only}} {
		for r.try(list.name) {
			*list.to = append(*list.to, r.quoted())
		}
	}
	return t
}

func askedFiles(f Fact) string {
	pattern, r := f.Name, &reader{rest: " " + f.Value}
	switch {
	case r.try(" from "):
		pattern = From(pattern, r.quoted())
	case r.try(" within "):
		pattern = Within(pattern, r.quoted())
	}
	var left []string
	for r.try(" except ") {
		left = append(left, r.quoted())
	}
	return Except(pattern, left)
}
