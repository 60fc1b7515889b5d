//go:build !linux && !darwin

package tree

// Filesystem names the type of the tree's filesystem, and says whether other machines may write to it. Here neither
// is known.
func (t *dir) Filesystem() (name string, network bool) { return "", false }
