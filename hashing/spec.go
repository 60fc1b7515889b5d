package hashing

// Spec is a stateless description of what makes a run the same run; Capture turns it, with the state of the machine,
// into a Recipe.
type Spec struct {
	Namespace string   // separates teams: a/b; may be empty
	Scope     string   // free text: a version, a salt; may be empty
	Name      string   // from --key; if set, Argv, the executable and Dir are not in the key
	Fragment  bool     // Name is that of a fragment
	Variant   []string // words in the key of a fragment, which tell its variants from each other
	Argv      []string // Argv[0] as typed; may be empty only when Name is set
	Item      *Item    // what of one call for many words this is about; nil: all of it
	Dir       string   // absolute working directory; relative Files and programs start here
	Cwd       CwdMode
	Repo      string // names the repository under CwdRepo, in place of the URL of its origin; may be empty

	// ProjectRepo is what the repository says of itself under CwdRepo. It is added and takes no other name's place, for
	// who wrote it need not be trusted.
	ProjectRepo string

	Exe         ExeMode
	Past        []string // files that the search for the program passes over: what called this run by the same name
	Environ     []string // NAME=value, like os.Environ(); the first of two entries of one name counts
	Env         []string // names and globs; a glob never matches CACHEX_*; @go: those of a tool; @none: no others
	StrictEnv   bool     // the command sees none but these and a base: VisibleEnviron
	Files       []string // paths, ** globs, directories; @git, @LIST; what Except makes of them
	Outputs     []string // paths, ** globs and directories below Dir that the command makes
	Depfile     string   // Makefile rules that the command writes: the files that they name are inputs; may be empty
	IgnoreWords bool     // words that name regular files are no inputs; those of a named recipe never are
	Stdin       *Digest  // of the whole of stdin; nil: stdin is not an input
	Vary        []Vary   // what commands print, that the result depends on
	Pty         bool     // the command runs under a pseudo-terminal
	Trace       *Trace   // how the run is observed; nil: it is not

	// What the engine fills in: the size of the pseudo-terminal, and who asks, where others who share the results must
	// not be given his.
	Terminal Size
	User     string

	Secret []byte // HMAC key for digests of words and environment values; nil: plain SHA-256
}

// Size is that of a terminal, in characters.
type Size struct{ Rows, Cols uint16 }

// CwdMode says how the working directory enters the key.
type CwdMode uint8

const (
	CwdPath CwdMode = iota // the absolute path
	// CwdRepo is the repository and the path below its root; the absolute path where nothing else names the repository.
	CwdRepo
	CwdNone // not at all
)

// ExeMode says how the resolved executable enters the key.
type ExeMode uint8

const (
	ExeContent ExeMode = iota // path and digest
	ExeDigest                 // digest alone, for machines that keep it at different paths
	ExePath                   // path alone
	ExeNone                   // not at all
)

// Covers reports whether everything that o puts in the key is there under m, too.
func (m ExeMode) Covers(o ExeMode) bool { return m == ExeContent || m == o || o == ExeNone }

// Digests is a stat cache: it remembers the digests of files whose StatID has not changed since.
// Its methods are called by several goroutines at once. A forgotten digest costs time, a wrong one a wrong hit.
type Digests interface {
	Digest(StatID) (Digest, bool)
	Remember(StatID, Digest)

	// The same for what many files were like at once.
	Sum(Key) (Digest, bool)
	RememberSum(Key, Digest)

	// What a manifest of many files says is given back as it was, or not at all.
	Manifest(Key) ([]byte, bool)
	KeepManifest(Key, []byte)
}

// StatID is what the kernel says about a file that changes when its content does.
// Times are nanoseconds since 1970; on systems without a change time Ctime repeats Mtime.
type StatID struct {
	Dev, Ino     uint64
	Size         int64
	Mtime, Ctime int64
	Mount        uint64 // names the mount, of whatever boot; 0: it does not matter
}

// Vary is a shell text whose output belongs to the key, and what it printed.
type Vary struct {
	Text   string
	Output Digest // of its stdout
}
