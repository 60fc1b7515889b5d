package cmd

// usageError is a mistake in the command line.
type usageError struct {
	Err  error
	Hint string
}

func (e *usageError) Error() string { return e.Err.Error() }
func (e *usageError) Unwrap() error { return e.Err }

// Advice is the hint.
func (e *usageError) Advice() string { return e.Hint }
