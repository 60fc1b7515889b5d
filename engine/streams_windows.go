package engine

import "os"

// notStandard returns f: no write ends a process here.
func notStandard(f *os.File) (*os.File, error) { return f, nil }
