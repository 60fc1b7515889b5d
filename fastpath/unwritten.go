package fastpath

// Unwritten is a hit whose output was not taken whole at once: the reader has gone, or has no room. Whoever knows how
// to wait, or to die of a broken pipe, writes the rest.
type Unwritten struct {
	Code int // exit code

	frames  []Frame
	body    []byte
	journal int
	hit     []byte
}

// Rest calls write with what is left, in order: 0 is stdout, 1 stderr. It ends with the first error.
func (u *Unwritten) Rest(write func(stream uint8, b []byte) error) error {
	for _, f := range u.frames {
		b := u.body[:f.Size]
		u.body = u.body[f.Size:]
		if err := write(f.Stream, b); err != nil {
			return err
		}
	}
	return nil
}

var (
	unfinished *Unwritten
	remembered *RememberedCall
	usable     bool
	stands     bool
)

// RememberedCall is an invocation whose settings need not be found out again: what they rest on is as it was.
type RememberedCall struct {
	Invocation
	Words []string    // of the command, if they are left out of Args
	Files []FileState // what the settings rest on
	Call  []byte      // what they came to, as Memo has it
}

// Remembered returns what is remembered of this process's invocation; nil: nothing.
func Remembered() *RememberedCall { return remembered }

// Usable reports whether the short way got as far as to look for a memo. Where it cannot open the cache directory as it
// wants, because there is a link on the way or the kernel is old, memos would be of no use.
func Usable() bool { return usable }

// Stands reports whether the memo of this process's invocation holds, and was of no use only because files are there
// already, or cannot be put in place: then the next call has no need of another one.
func Stands() bool { return stands }

// Unfinished returns the hit that this process has begun to answer; nil: none, and nothing was written.
func Unfinished() *Unwritten { return unfinished }
