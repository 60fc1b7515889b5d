package lock

import "os"

// openWitness opens a file.
func openWitness(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
