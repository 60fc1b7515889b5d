package runner

import "os"

// Size is that of a terminal, in characters.
type Size struct{ Rows, Cols uint16 }

// TerminalSize is the size of the first of these files that is a terminal; without one, the classic size.
func TerminalSize(files ...*os.File) Size {
	for _, f := range files {
		if size, ok := sizeOf(f); ok {
			return size
		}
	}
	return Size{Rows: 24, Cols: 80}
}
