package cmdline

import (
	"slices"
	"strings"
)

// Behind these flags stands a file, or a directory, that is made. (-d is that of javac and unzip, and that of gzip.)
var outputFlags = []string{
	"-o", "--output", "-out", "--out", "--outfile", "--out-file", "--output-file", "--outputFile", "--outFile",
	"--outDir", "--out-dir", "--outdir", "--output-dir", "--target-dir",
}

// isOutputFlag reports whether the word behind it names a file that is made, as it does behind --cpp_out of protoc.
func isOutputFlag(word string) bool {
	return slices.Contains(outputFlags, word) || strings.HasPrefix(word, "--") && strings.HasSuffix(word, "_out")
}

// appendFlags are those with which programs go on with what is in the file that they write: ctags, time, script, curl,
// git config, dd.
var appendFlags = []string{
	"-a", "--append", "--add", "oflag=append",
}

// changers are programs that go on with what is in a file that they write; to some of them -o means something else.
var changers = []string{
	"ar", "dos2unix", "ed", "mac2unix", "patch", "sqlite3", "unix2dos", "unix2mac", "zip",
}

// Roles tells what a command line does with the files that its words may name. What stands behind -o and the like, and
// where programs that everybody has take it, is written whole.
func Roles(argv []string) []Role {
	all := make([]Role, len(argv))
	inner := innermost(argv)
	if slices.ContainsFunc(argv, func(word string) bool { return slices.Contains(changers, ProgramName(word)) }) ||
		len(inner) > 0 && goesOn(ProgramName(inner[0]), inner[1:]) || appends(argv[:len(argv)-len(inner)]) {
		for i := range all {
			all[i] = GoneOnWith
		}
		return all
	}
	for i := range argv {
		if IsBehindOutputFlag(argv, i) {
			all[i] = Written
		}
	}
	if len(inner) < 2 {
		return all
	}
	for _, i := range writtenOperands(ProgramName(inner[0]), inner[1:]) {
		all[len(argv)-len(inner)+1+i] = Written
	}
	return all
}

// goesOn reports whether the options of a program have it go on with what is in its files.
func goesOn(program string, words []string) bool {
	has := func(flags ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(flags, word) })
	}
	switch program {
	case "go", "rsync": // -a is something else
		return false
	case "tee":
		return hasOption(words, 'a', "append")
	case "xgettext", "msgmerge":
		return has("-j", "--join-existing", "-U", "--update")
	case "curl", "wget":
		return has("-C", "-c", "--continue", "--continue-at", "-a")
	case "tar":
		return len(words) > 0 && !strings.HasPrefix(words[0], "--") && strings.ContainsAny(words[0], "ruA") ||
			slices.Contains(words, "--append") || slices.Contains(words, "--update")
	case "sed":
		return hasOption(words, 'i', "in-place")
	}
	return appends(words)
}

func appends(words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(appendFlags, word) })
}

// innermost is what is started through the prefixes of a command line.
func innermost(argv []string) []string {
	inner := argv
	for _, i := range (Invocation{Argv: argv}).Wrapped() {
		inner = i.Argv
	}
	if !slices.Equal(argv[len(argv)-min(len(inner), len(argv)):], inner) {
		return nil
	}
	return inner
}

// writtenOperands lists the words behind a program that name what it writes whole, or removes.
func writtenOperands(program string, words []string) (which []int) {
	operands := operandsOf(words)
	switch {
	case len(operands) == 0:
	case program == "cp" && strings.HasSuffix(words[operands[len(operands)-1]], "/") && !hasAny(words, "rRau"):
		return last(operands, 2) // where it is not written that it is a directory, that counts
	case program == "rm", program == "mkdir" && hasOption(words, 'p', "parents"):
		return operands
	case program == "tee":
		return operands
	case program == "tar":
		return tarFile(words)
	}
	return nil
}

// last is the last operand of so many at least.
func last(operands []int, least int) []int {
	if len(operands) < least {
		return nil
	}
	return operands[len(operands)-1:]
}

// operandsOf lists the words that are no options. Empty ones are not known.
func operandsOf(words []string) (operands []int) {
	behind := false
	for i, word := range words {
		switch {
		case word == "--" && !behind:
			behind = true
		case behind || !strings.HasPrefix(word, "-"):
			operands = append(operands, i)
		}
	}
	return operands
}

// hasOption reports whether a letter stands among the options, or a long one begins so.
func hasOption(words []string, letter byte, long string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		if option, ok := strings.CutPrefix(word, "--"); ok {
			return strings.HasPrefix(option, long)
		}
		return len(word) > 1 && word[0] == '-' && strings.IndexByte(word, letter) > 0
	})
}

// hasAny reports whether one of the letters stands among the options, or any long option does.
func hasAny(words []string, letters string) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		return strings.HasPrefix(word, "--") || strings.HasPrefix(word, "-") && strings.ContainsAny(word, letters)
	})
}

// tarFile is the archive that tar makes: the word behind the first one, if its letters create and end with f.
func tarFile(words []string) []int {
	letters := strings.TrimPrefix(words[0], "-")
	if strings.HasPrefix(letters, "-") || !strings.Contains(letters, "c") || !strings.HasSuffix(letters, "f") ||
		strings.ContainsAny(letters, "rAuxt") || len(words) < 2 {
		return nil
	}
	return []int{1}
}

// IsBehindOutputFlag reports whether a word names a file that is made, for it stands behind -o or the like.
func IsBehindOutputFlag(words []string, i int) bool {
	flag, _, joined := strings.Cut(words[i], "=")
	return joined && isOutputFlag(flag) || i > 0 && isOutputFlag(words[i-1])
}

// IsFilter reports whether a word is the dot of `jq .`, which is the whole of the input and not the working directory.
func IsFilter(argv []string, i int) bool {
	if argv[i] != "." {
		return false
	}
	switch ProgramName(argv[0]) {
	case "jq", "gojq", "jaq", "yq":
		return true
	}
	return false
}
