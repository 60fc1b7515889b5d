package lock

// lockMode is how lockFile locks.
type lockMode int

const (
	exclusive lockMode = 1 << iota // else shared
	now                            // fail with ErrBusy rather than block
)
