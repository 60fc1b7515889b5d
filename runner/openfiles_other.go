//go:build !linux

package runner

// OpenFiles is for observed commands, of which there are none here.
func OpenFiles() []OpenFile { return nil }

// Moved reports whether the file has been read or written since.
func (f OpenFile) Moved() bool { return false }
