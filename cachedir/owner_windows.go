package cachedir

// ownerOf: there are no numbers here, and nobody is root.
func ownerOf(string) (uid int, ok bool) { return 0, false }
