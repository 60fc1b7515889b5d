package hashing

import (
	"crypto/sha256"
	"slices"
)

// addCommand adds what names the command itself, whatever its inputs.
func (c *capture) addCommand() error {
	before := len(c.text)
	c.text = appendCommand(c.text, c.spec)
	c.command = commandID(c.text[before:])
	return nil
}

// appendCommand adds namespace, words and directory, or namespace and name: a named recipe depends on neither words nor directory.
func appendCommand(text []byte, spec *Spec) []byte {
	text = appendLabel(text, "namespace", spec.Namespace)
	if spec.Name != "" {
		return appendGuarded(text, "name", spec.Name, spec.Secret)
	}
	return appendDirectory(appendWords(text, spec), spec)
}

func commandID(facts []byte) CommandID {
	sum := sha256.New()
	sum.Write([]byte("cachex command 1\n"))
	sum.Write(facts)
	return CommandID(sum.Sum(nil))
}

// CommandOf returns the id under which all entries of one command are listed, whatever their inputs.
func CommandOf(spec Spec) CommandID {
	return commandID(appendCommand(nil, &spec))
}

// CommandCandidates returns the ids that the command may have been listed under: one for each CwdMode, without repetition.
func CommandCandidates(spec Spec) []CommandID {
	var ids []CommandID
	for _, spec.Cwd = range []CwdMode{CwdPath, CwdRepo, CwdNone} {
		if id := CommandOf(spec); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
