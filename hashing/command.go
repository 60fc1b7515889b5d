package hashing

import (
	"crypto/hmac"
	"crypto/sha256"
	"slices"
)

// commandID comes from the words as they are, not as they are masked: a new table of secrets changes no id.
func commandID(spec *Spec, directory []byte) CommandID {
	sum := sha256.New()
	if spec.Secret != nil {
		sum = hmac.New(sha256.New, spec.Secret)
	}
	text := appendLabel([]byte("cachex command 2\n"), "namespace", spec.Namespace)
	words := spec.Argv
	if spec.Name != "" {
		kind := FactName
		if spec.Fragment {
			kind = FactFragment
		}
		text, words = appendLabel(text, kind, spec.Name), nil
	}
	for _, word := range words {
		text = append(appendQuoted(append(text, "word "...), word), '\n')
		sum.Write(text)
		text = text[:0]
	}
	sum.Write(append(text, directory...))
	return CommandID(sum.Sum(nil))
}

// CommandOf returns the id under which all entries of one command are listed, whatever their inputs.
func CommandOf(spec Spec) CommandID {
	if spec.Name != "" {
		return commandID(&spec, nil)
	}
	return commandID(&spec, appendDirectory(nil, &spec))
}

// CommandCandidates returns the ids that the command may have been listed under: one for each CwdMode, without
// repetition.
func CommandCandidates(spec Spec) []CommandID {
	var ids []CommandID
	for _, spec.Cwd = range []CwdMode{CwdPath, CwdRepo, CwdNone} {
		if id := CommandOf(spec); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
