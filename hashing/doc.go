// Package hashing turns what a command depends on into a key: a Spec, what the caller named, is captured into a Recipe,
// a text with one fact a line, and the SHA-256 of that text is the Key. The text is stored with the result and compared
// on a hit, so two recipes never share a result, whatever their hashes do.
//
// A kind of fact is one value of the table in kinds.go: its name in the recipe, how it is captured, parsed, described
// and reported by a nested run, and what a memo of a hit carries of it. A recipe with a fact that this version does not
// know can be listed and purged, and is never a hit.
//
// What words and environments say by themselves is below it (package cmdline, package env), and so is what is known of
// programs (package tools).
//
// The package reads inputs, and never touches the cache directory. Digests of unchanged files come from a Digests that
// the caller hands in; stat is believed only where a change of the content shows in it (trust.go).
package hashing
