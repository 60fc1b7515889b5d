// Package probe keeps a trail of what was looked at on the way to an answer, by those who looked. Who wants to give the
// same answer again, without going that way, holds the trail against the disk.
package probe

// Kind is what of a file mattered.
type Kind uint8

const (
	Name    Kind = iota // whether there is anything of this name
	File                // what it holds; also a link that leads to it, and that there is none
	Program             // that it was found, and what it holds
	Passed              // that it was passed over in a search, because it is not there
	Word                // what a word of the command line names, if that is a regular file
)

// Look is one look at a file.
type Look struct {
	Path  string
	Kind  Kind
	Found bool // anything of this name
}

// Trail is what was looked at, in order. The methods of a nil one do nothing. It is not for use by several goroutines
// at once.
type Trail struct {
	looks  []Look
	beyond bool
}

// Note adds a look.
func (r *Trail) Note(path string, kind Kind, found bool) {
	if r != nil {
		r.looks = append(r.looks, Look{path, kind, found})
	}
}

// NoteBeyond says that something was looked at that the trail cannot tell.
func (r *Trail) NoteBeyond() {
	if r != nil {
		r.beyond = true
	}
}

// Looks returns all looks; false if there was more to be seen than they tell.
func (r *Trail) Looks() ([]Look, bool) {
	if r == nil {
		return nil, true
	}
	return r.looks, !r.beyond
}
