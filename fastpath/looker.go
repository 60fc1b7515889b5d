package fastpath

// Looker looks at files and keeps what it saw.
type Looker struct {
	Before int64 // ns since 1970: later changes are not believed to be seen
	Facts  []Fact
	Failed bool // something cannot be told, or changed too late
}

// Look notes what is there, and returns whether anything is.
func (l *Looker) Look(path string, kind FactKind) (FileID, bool) {
	id, ok := Identify(path, kind)
	there := id != FileID{}
	if !ok || kind != Exists && there && id.Ctime >= l.Before {
		l.Failed = true
	}
	l.Facts = append(l.Facts, Fact{Path: path, Kind: kind, ID: id})
	return id, there
}

// Program notes a file that is executed.
func (l *Looker) Program(path string) {
	if id, there := l.Look(path, Executable); !there || !id.IsRegular() {
		l.Failed = true
	}
}

// File notes a file that is read, and a link that leads to it.
func (l *Looker) File(path string) (FileID, bool) {
	id, there := l.Look(path, Itself)
	if there && id.isLink() {
		return l.Look(path, Followed)
	}
	return id, there
}

const (
	typeMask    = 0o170000
	typeLink    = 0o120000
	typeRegular = 0o100000
)

func (id FileID) isLink() bool { return id.Mode&typeMask == typeLink }

// IsRegular tells a regular file from all else.
func (id FileID) IsRegular() bool { return id.Mode&typeMask == typeRegular }
