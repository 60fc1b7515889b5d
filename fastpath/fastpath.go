// Package fastpath is the shortest way to a hit. It is tried before the Go runtime, where the entry of the program can
// call it (package entry), else by an init that runs before cobra, viper, net/http and most other packages are
// initialised. When a memo says what the ordinary path would answer, it writes that and ends the process: so a hit pays
// for nothing that it does not use.
//
// A memo adds no meaning and may be deleted at any time. It holds the conditions under which the ordinary path gave an
// answer; if anything is not exactly as it was, or looks odd, this package does nothing and the ordinary path decides.
//
// It imports syscall and nothing else, because Go initialises packages in the order of their import paths, each as soon
// as its own imports are ready: one more import here is a dozen packages more before this one. Hence its own SHA-256
// and XXH64, which tests hold against the libraries.
package fastpath

// Memo is what an answer rests on. Names are below the cache directory's v1.
type Memo struct {
	Address [32]byte // of the invocation that it answers

	Resolved uint8  // so many of the files, from the first on, are what the settings rest on
	Call     []byte // what the settings came to; nothing here reads it; empty: more than a memo can hold

	Entry  string // the entry's file; empty: there is no hit to give, and all below but the files has no meaning
	Size   int64  // bytes of that file
	Sum    uint64 // its last 8 bytes: xxhash64 of all before
	Offset int64  // of the body in that file
	Frames []Frame
	Absent string // a file that must not be there: the entry's other slot; empty: it does not matter
	Merged bool   // it serves only callers whose stdout and stderr are the same file
	Code   int    // exit code, 0 to 255

	NotBefore int64  // ns since 1970: a clock that says less is not believed
	Until     int64  // ns since 1970: the end of its life
	Purges    []byte // what the count of purges must hold
	Hit       []byte // the journal's record of a hit, without its time and checksum

	Globs []string   // names of variables, and beginnings of names with a star behind them
	Env   []Variable // exactly these of what the globs name are set
	Files []FileState

	Looks *Looks // at files that are not named one by one; nil: there are none
	Seen  *Seen  // what the command has shown that it depends on; nil: nothing
	Made  *Made  // files that it puts in place; nil: none
}

// Frame is a stretch of the body that goes to one stream: 0 is stdout, 1 stderr.
type Frame struct {
	Stream uint8
	Size   int64
}

// Variable is an environment variable that is set: SHA-256 of its value.
type Variable struct {
	Name string
	Sum  [32]byte
}

// FileState is what the ordinary path saw of one path. Relative ones are below the working directory.
type FileState struct {
	Path string // empty: At says it
	At   Stretch
	Kind StateKind
	ID   FileID   // zero: there is no such file
	Sum  [32]byte // of Content: SHA-256
}

// StateKind says how a path is looked at.
type StateKind uint8

// The kinds: a link is followed, is looked at itself, only has to be there; or it is followed, and this user may
// execute what it leads to, which depends on more than the file; or it is followed, and what counts is what the file
// holds; or it is followed, and all but a regular file is none.
const (
	Followed StateKind = iota
	Itself
	Exists
	Executable
	Content
	Regular
)

// FileID tells one state of a file from all others.
type FileID struct {
	Dev, Ino, Mode uint64
	Size           int64
	Mtime, Ctime   int64  // ns since 1970
	Mount          uint64 // the kernel's number of it, of this boot; 0 in a FileState: it does not matter
}

const (
	typeMask    = 0o170000
	typeLink    = 0o120000
	typeRegular = 0o100000
)

// typeAndUse is what counts of a mode where a recipe has no more: the type, and whether a file may be executed.
func typeAndUse(mode uint64) uint64 {
	use := mode & typeMask
	if use == typeRegular && mode&0o111 != 0 {
		use |= 1
	}
	return use
}

// is reports whether it is the other, without a function of the runtime, as same does.
func (id *FileID) is(other *FileID) bool {
	return id.Dev == other.Dev && id.Ino == other.Ino && id.Mode == other.Mode && id.Size == other.Size &&
		id.Mtime == other.Mtime && id.Ctime == other.Ctime && id.Mount == other.Mount
}

// IsLink tells a symbolic link from all else.
func (id FileID) IsLink() bool { return id.Mode&typeMask == typeLink }

// IsRegular tells a regular file from all else.
func (id FileID) IsRegular() bool { return id.Mode&typeMask == typeRegular }

const (
	memoMagic = "cxM9"
	// MaxBody is the largest body in bytes: larger ones are left to the ordinary path, which knows about slow readers
	// and signals.
	MaxBody   = 64 << 10
	maxFrames = 64
	maxStates = 256
	maxGlobs  = 256
	maxEnv    = 64
	// MaxContent is the largest file in bytes that is looked at by its content.
	MaxContent = 16 << 10
	// MaxCall is the largest Memo.Call in bytes.
	MaxCall = 2048
	// PurgesSize and HitSize are the bytes of Memo.Purges and Memo.Hit.
	PurgesSize = 48
	HitSize    = 64
)
