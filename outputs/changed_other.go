//go:build !linux && !darwin

package outputs

import "io/fs"

// changeTime: files show a change by their size and their modification time alone.
func changeTime(fs.FileInfo) int64 { return 0 }
