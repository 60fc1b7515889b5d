package runner

import "os"

// readNow finds nothing: pipes know no deadline here, so none has passed.
func readNow(*os.File, []byte) (int, error) { return 0, errOpen }

func endOfTerminal(err error) error { return err }
