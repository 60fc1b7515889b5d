//go:build unix

package runner

import "os"

// UnnamedFile opens a temporary file that is gone when it is closed, whatever becomes of this process.
func UnnamedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "cachex-held-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
