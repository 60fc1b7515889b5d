// Package tools holds what is known of programs and variables that everybody has: by which variables a program prints
// something else, of which programs these are all, and which variables change nothing.
//
// It knows no recipe and no fact, and not which of this counts: it answers by names, words and environments. The one
// file that it looks at is one that a program would read code from.
package tools
