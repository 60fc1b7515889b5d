package hashing

import "time"

// Earlier is what was at a path before a run. The zero Earlier says that nothing was.
type Earlier struct {
	at     look
	digest Digest
}

// Nothing is what was at a path where nothing was.
func Nothing() *Earlier { return &Earlier{} }

// LookEarlier notes what is at a path now, without following a link.
func LookEarlier(path string, digests Digests) (*Earlier, error) {
	at, err := lookAt(path, false)
	if isAbsent(err) {
		return Nothing(), nil
	}
	if err != nil {
		return nil, &InputError{Path: path, Err: err}
	}
	e := &Earlier{at: at}
	if at.kind.regular() {
		c := newCapture(Spec{}, digests, time.Now())
		if e.digest, e.at, err = c.digestSeen(location{name: path}, false, at); err != nil {
			return nil, &InputError{Path: path, Err: err}
		}
	}
	return e, nil
}

// Tells reports whether it says what a run could make use of, who has found there what has a size in bytes: of a
// directory are not known the names that it had, and of what was replaced before the run began nothing is.
func (e *Earlier) Tells(uses Uses, size int64) bool {
	return e.at.kind.regular() && e.at.id.Size == size ||
		e.at.kind == kindDirectory && uses&(UseNames|UseContent|UseInode) == 0
}

// state adds what was there, as far as the uses ask, in the words of a look that is made now.
func (e *Earlier) state(o *observer, text []byte, s Sight, all *whole) ([]byte, error) {
	if e.at.kind == kindAbsent {
		return append(text, "absent"...), nil
	}
	return o.object(text, s, e.at, all)
}
