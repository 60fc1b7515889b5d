//go:build unix

package engine

import (
	"errors"
	"os"
	"syscall"
)

// appendLine adds text to a regular file, and makes it if need be, by one write. It follows no link and never blocks.
func appendLine(path, text string) error {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if fi, err := f.Stat(); err != nil || !fi.Mode().IsRegular() {
		return errors.Join(err, errors.New("not a regular file"))
	}
	_, err = f.WriteString(text)
	return err
}
