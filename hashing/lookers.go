package hashing

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cachex-cli/cachex/late"
)

// lookers look at files that a walk has listed, while it goes on: as many goroutines as there are processors less one,
// and the walk itself if these do not keep up. They are started when there is enough to be looked at.
type lookers struct {
	next   []listed // is handed over when it is enough
	files  int      // in next
	work   chan []listed
	group  sync.WaitGroup
	failed atomic.Pointer[error]
}

// listed are files of one open directory.
type listed struct {
	d      *folder
	prefix int     // so many bytes of each name are those of the directory
	files  []entry // of kindUnknown: they were not looked at yet
}

// What is handed over at once, and how many may look at it, bounds the directories that are open.
const (
	filesAtOnce   = 64
	foldersAtOnce = 4
	mostLookers   = 8
)

// errOtherKind is for what was listed as a regular file, and is a directory or a link.
var errOtherKind = errors.New("is not what it was listed as")

// look has files looked at, and closes their directory.
func (l *lookers) look(of listed) {
	l.next, l.files = append(l.next, of), l.files+len(of.files)
	if l.files < filesAtOnce && len(l.next) < foldersAtOnce {
		return
	}
	if l.work == nil {
		l.start()
	}
	select {
	case l.work <- l.next:
	default:
		l.lookAt(l.next)
	}
	l.next, l.files = nil, 0
}

func (l *lookers) start() {
	l.work = make(chan []listed, 1)
	for range min(late.Processors(), mostLookers) - 1 {
		l.group.Go(func() {
			for next := range l.work {
				l.lookAt(next)
			}
		})
	}
}

// finish returns when all was looked at.
func (l *lookers) finish() error {
	l.lookAt(l.next)
	l.next = nil
	if l.work != nil {
		close(l.work)
		for next := range l.work { // with one processor nobody else takes it
			l.lookAt(next)
		}
		l.group.Wait()
		l.work = nil
	}
	if err := l.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// lookAt looks at files until one cannot be looked at.
func (l *lookers) lookAt(batch []listed) {
	for _, of := range batch {
		for i := range of.files {
			if of.files[i].kind != kindUnknown {
				continue
			}
			if l.failed.Load() != nil {
				break
			}
			if err := of.lookAt(&of.files[i]); err != nil {
				l.failed.CompareAndSwap(nil, &err)
			}
		}
		of.d.close()
	}
}

func (of *listed) lookAt(e *entry) error {
	at, err := of.d.lookListed(e.name[of.prefix:])
	if err != nil {
		return lostError(e.name, err)
	}
	if at.kind == kindDirectory || at.kind == kindLink {
		return errOtherKind
	}
	e.see(at)
	return nil
}
