package memo

import (
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
)

// lookList is what a memo of a hit holds of files that are more than those that are named.
type lookList struct {
	list []byte
	sum  uint64
	boot []fastpath.FileState
}

// looksOf takes the looks once more that a recipe was captured by; false: they show something else now, or cannot tell
// what files hold. What the capture has seen is what counts: digests belong to that.
func looksOf(r *hashing.Recipe, before time.Time) (l lookList, ok bool) {
	taken, ok := hashing.LooksOf(r, before)
	if !ok {
		return l, false
	}
	looks := make([]fastpath.Look, len(taken))
	for i, t := range taken {
		looks[i] = fastpath.Look{Path: t.Path, Follow: t.Follow, Listed: t.Listed, ID: idOf(t.Stamp)}
	}
	if l.list, l.sum, ok = fastpath.EncodeLooks(looks); !ok {
		return l, false
	}
	if now, ok := fastpath.SumLooks(l.list); !ok || now != l.sum {
		return l, false
	}
	boot := fileList{before: before, room: maxContents}
	boot.thisBoot() // numbers of mounts are in the sum
	l.boot = boot.files
	return l, !boot.failed
}

// keep returns what the memo holds: a long list is in a file, which calls of the same files share.
func (l *lookList) keep(dir *cachedir.Dir, r *hashing.Recipe) (*fastpath.Looks, bool) {
	looks := &fastpath.Looks{Sum: l.sum}
	if len(l.list) <= fastpath.MostShort {
		looks.List = string(l.list)
		return looks, true
	}
	in, ok := cachedir.KeepList(dir, hashing.FilesAsked(r), l.list)
	looks.In = fastpath.Part{Name: in.Name, From: in.From, To: in.Size, Sum: in.Sum}
	return looks, ok && in.Size <= fastpath.MaxFile
}
