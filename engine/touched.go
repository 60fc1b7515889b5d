package engine

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

var errRelativeTouched = errors.New("the name of the file for it has to be absolute")

// noteTouched adds the name of an entry that was replayed or stored to the file of the request: who is to carry a cache
// from job to job wants to know what a job has used. Many processes write there at once, each by one write at the end.
func (c *caller) noteTouched(key hashing.Key, slot cachedir.Slot) error {
	file := c.Touched
	if file == "" {
		return nil
	}
	err := errRelativeTouched
	if filepath.IsAbs(file) { // the commands of a job run in many directories
		err = appendLine(file, key.String()+slot.Suffix()+"\n")
	}
	if err != nil {
		err = fmt.Errorf("what was used is not noted: %w", err)
	}
	return err
}
