package hashing

import "errors"

// isInherited: descriptors have no names here.
func isInherited(int) bool { return false }

func offsetOf(int) (int64, error) { return 0, errors.ErrUnsupported }
