//go:build !linux

package hashing

// listing holds what is in a directory.
type listing struct{}

// read lists a directory.
func (*listing) read(d *folder) ([]child, error) {
	list, err := d.f.ReadDir(-1)
	children := make([]child, len(list))
	for i, c := range list {
		children[i] = child{name: c.Name(), kind: kindUnknown}
		if c.Type().IsRegular() {
			children[i].kind = kindPlain
		}
	}
	return children, err
}

// lookListed looks at a name that was listed.
func (d *folder) lookListed(name string) (look, error) { return d.look(name) }

// Nobody has tried on these systems whether each change of a name moves a time of its directory.
const namesShow = false
