package memo

import (
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/fastpath"
)

// filesOf is what a memo of a hit with files holds of them; false: it cannot.
func filesOf(a call.Answer) (*fastpath.Made, bool) {
	st, made := a.Conditions, a.Conditions.Made
	m := &fastpath.Made{
		Strays: made.Strays, Making: made.Making, Says: made.Says, Beside: st.Beside.Name, Size: st.Beside.Size,
		Printed: fastpath.Part{To: a.Bytes, Sum: made.PrintedSum},
	}
	var ok bool
	if m.Umask, ok = st.Recipe.Umask(); !ok {
		return nil, false
	}
	for _, f := range made.Files {
		m.Files = append(m.Files, fastpath.MadeFile{
			Name: f.Name, Perm: uint16(f.Perm), Part: fastpath.Part{From: f.At, To: f.At + f.Size, Sum: f.Sum64},
		})
	}
	return m, true
}
