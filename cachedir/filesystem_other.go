//go:build !linux && !darwin

package cachedir

// filesystem names the type of the tree's filesystem, and says whether other machines may write to it. Here neither
// is known.
func (t *tree) filesystem() (name string, network bool) { return "", false }
