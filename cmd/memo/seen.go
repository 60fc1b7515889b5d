package memo

import (
	"bytes"
	"time"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
)

// seenOf is what a memo of a hit holds of what the command was seen to use, or has written down, and the states that
// this rests on; false: that cannot be told. What stands for contents is summed up, for it is much; and it is what the
// comparison has seen that showed that nothing is different.
func seenOf(environ []string, c *call.Call, a call.Answer, before time.Time) (
	*fastpath.Seen, []fastpath.FileState, bool,
) {
	st, spec := a.Conditions, c.Request.Spec
	lines := hashing.PathsSeen(st.Recipe, st.Before)
	if bytes.IndexByte(lines, '\\') >= 0 {
		return nil, nil, false // names that are not written as they are have no short way: nothing is looked at in vain
	}
	s := &fastpath.Seen{
		Redirect: fastpath.Part{Name: st.Redirect.Name, To: st.Redirect.Size, Sum: st.Redirect.Sum},
	}
	s.Lines.From, s.Lines.To = st.Offset-int64(len(lines)), st.Offset // a recipe ends where the body begins
	var ok bool
	if uncounted, any := hashing.Uncounted(st.Recipe, st.Before, environ); any {
		umask, has := st.Recipe.Umask()
		s.Uncounted = uncounted
		if s.Around, ok = fastpath.SumAround(umask, environ, uncounted); !ok || !has {
			return nil, nil, false
		}
	}
	stamps, ok := hashing.Stamps(st.Recipe, st.Before, spec, a.Dir.Digests(), before)
	if !ok {
		return nil, nil, false
	}
	if s.Sum, ok = fastpath.SumSeen(string(lines)); !ok || s.Sum != fastpath.SumFiles(idsOf(stamps)) {
		return nil, nil, false
	}
	boot := fileList{before: before, room: maxContents}
	boot.thisBoot() // numbers of mounts are in the sum
	return s, boot.files, !boot.failed
}

func idsOf(stamps []hashing.Stamp) []fastpath.FileID {
	ids := make([]fastpath.FileID, len(stamps))
	for i, s := range stamps {
		ids[i] = idOf(s)
	}
	return ids
}

func idOf(s hashing.Stamp) fastpath.FileID {
	return fastpath.FileID{
		Dev: s.Dev, Ino: s.Ino, Mode: uint64(s.Mode), Size: s.Size, Mtime: s.Mtime, Ctime: s.Ctime, Mount: s.Mount,
	}
}
