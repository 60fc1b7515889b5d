package engine

import (
	"path"
	"slices"
	"strings"
)

// Programs that run no code of their user and print no times of files make no use of such times, although they look at
// files: a compiler asks what a header is, not when it was changed.
var timeless = []string{
	"cc1", "cc1plus", "as", "ld", "ld.bfd", "ld.gold", "ld.lld", "collect2", "lto1", "rustc", "jq", "grep", "egrep",
	"fgrep", "rg", "cat", "head", "sort", "uniq", "wc", "diff", "cmp", "md5sum", "sha1sum", "sha224sum", "sha256sum",
	"sha384sum", "sha512sum",
}

// Interpreters look at the files of modules to find them, and to see whether what they have compiled of them is still
// right: of these the content counts instead.
var modules = map[string][]string{
	"python": {".py", ".pyc", ".so"},
	"node":   {".js", ".cjs", ".mjs", ".json", ".node"},
}

// ignoresTimes reports whether a program makes no use of when a path was changed.
func ignoresTimes(program, file string) bool {
	name := path.Base(program)
	if _, tool, ok := strings.Cut(name, "-linux-gnu-"); ok {
		name = tool
	}
	if slices.Contains(timeless, name) || strings.Contains(program, "/pkg/tool/") &&
		slices.Contains([]string{"compile", "asm", "link"}, name) {
		return true
	}
	for interpreter, endings := range modules {
		if strings.HasPrefix(name, interpreter) && slices.Contains(endings, path.Ext(file)) {
			return true
		}
	}
	return false
}

// isModule reports whether a file may be one of a module.
func isModule(file string) bool {
	for _, endings := range modules {
		if slices.Contains(endings, path.Ext(file)) {
			return true
		}
	}
	return false
}
