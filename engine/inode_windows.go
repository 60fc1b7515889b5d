package engine

// inodeOf is for observed runs, of which there are none here.
func inodeOf(string) (inode string, names uint64) { return "", 0 }
