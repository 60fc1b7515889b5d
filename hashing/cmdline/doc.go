// Package cmdline tells what a command line leads to, as far as its words say: which programs it starts, one through
// the other, the commands in the texts that shells are given, and what is done with the files that words may name.
//
// It knows words and environments alone. It looks at no file, so that a name is no more than that; which of them count,
// and for what, its callers decide.
package cmdline
