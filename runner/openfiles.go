package runner

// OpenFile is a regular file that this process was started with.
type OpenFile struct {
	Path       string
	descriptor int
	offset     int64 // where it stood
}
