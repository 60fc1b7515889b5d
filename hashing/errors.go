package hashing

import (
	"errors"
	"fmt"
)

// Reasons inside InputError and PatternError.
var (
	errChanged  = errors.New("changed while it was looked at")
	errVanished = errors.New("vanished while it was looked at")
	errEndless  = errors.New("has no end, or more than its size says")
	errKind     = errors.New("neither a regular file nor a directory")
	errNowhere  = errors.New("unknown working directory")
	errEmpty    = errors.New("empty")
	errNUL      = errors.New("holds a NUL byte")
	errLarge    = errors.New("over 64 MiB where digests cannot be remembered: " +
		"--arg-files=false leaves it out of the key")
	errTool   = errors.New("no such tool")
	errAssign = errors.New("a name is wanted, not an assignment")
)

// NotFound says that no program of this name exists: exit code 127.
type NotFound struct{ Name string }

func (e *NotFound) Error() string { return fmt.Sprintf("%s: command not found", Show(e.Name)) }

// NotExecutable says that the program exists but cannot be executed: exit code 126.
type NotExecutable struct {
	Path string
	Err  error
}

func (e *NotExecutable) Error() string {
	return fmt.Sprintf("%s: cannot execute: %v", Show(e.Path), e.Err)
}

func (e *NotExecutable) Unwrap() error { return e.Err }

// InputError says that an input cannot be read, or did not stand still while it was: the command can run, but not be
// cached.
type InputError struct {
	Path string
	Err  error
}

func (e *InputError) Error() string { return fmt.Sprintf("input %s: %v", Show(e.Path), e.Err) }

func (e *InputError) Unwrap() error { return e.Err }

// PatternError says that --env, --file or --output was given what neither is a name nor a glob, or a list that there is
// not: exit code 125.
type PatternError struct {
	Kind    string // "env", "file" or "output"
	Pattern string
	Err     error
	Todo    string // what to do about it, if that is known
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("%s pattern %q: %v", e.Kind, e.Pattern, e.Err)
}

func (e *PatternError) Unwrap() error { return e.Err }

// TooLarge says that the recipe is longer than MaxRecipe bytes: the command can run, but not be cached.
type TooLarge struct{ Limit int }

func (e *TooLarge) Error() string {
	return fmt.Sprintf("recipe longer than %d bytes: too many or too long inputs", e.Limit)
}
