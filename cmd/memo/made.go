package memo

import (
	"time"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
)

// filesOf is what a memo of a hit with files holds of them, and of what the command has written down, and the states
// that this rests on; false: that cannot be told. The states of what was written down are summed up, for they are many.
func filesOf(c *call.Call, a call.Answer, before time.Time) (*fastpath.Made, []fastpath.FileState, bool) {
	st, made := a.Conditions, a.Conditions.Made
	m := &fastpath.Made{
		Strays: made.Strays, Making: made.Making, Says: made.Says, Beside: st.Beside.Name, Size: st.Beside.Size,
		Printed: fastpath.Part{To: a.Bytes, Sum: made.PrintedSum},
	}
	m.Redirect = fastpath.Part{Name: made.Redirect.Name, To: made.Redirect.Size, Sum: made.Redirect.Sum}
	var ok bool
	if m.Umask, ok = st.Recipe.Umask(); !ok {
		return nil, nil, false
	}
	for _, f := range made.Files {
		m.Files = append(m.Files, fastpath.MadeFile{
			Name: f.Name, Perm: uint16(f.Perm), Part: fastpath.Part{From: f.At, To: f.At + f.Size, Sum: f.Sum64},
		})
	}
	if m.Redirect.Name == "" {
		return m, nil, true
	}
	text := st.Recipe.Text[len(st.Before.Text):]
	m.Seen.To = st.Size - trailer
	m.Seen.From = m.Seen.To - int64(len(text))
	if m.SeenSum, ok = fastpath.SumStates(string(text)); !ok { // first: what changes later is no longer in that state
		return nil, nil, false
	}
	if !hashing.HasSeen(st.Recipe, st.Before, c.Request.Spec, a.Dir.Digests(), before) {
		return nil, nil, false
	}
	boot := fileList{before: before, room: maxContents}
	boot.thisBoot() // numbers of mounts are in the sum
	return m, boot.files, !boot.failed
}

// trailer is the size of the checksum at the end of an entry: the recipe stands before it, where the body has a file of
// its own.
const trailer = 8
