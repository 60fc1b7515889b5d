package cachedir

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// watch wakes a follower when a file was written to, without asking again and again: inotify, or, where there is none
// left, a look now and then.
type watch struct {
	events chan struct{}
	f      *os.File
}

func newWatch(t *tree.Tree, name string) watch {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return watch{}
	}
	f := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, t.Path(name), unix.IN_MODIFY|unix.IN_DELETE_SELF|unix.IN_ATTRIB); err != nil {
		_ = f.Close()
		return watch{}
	}
	w := watch{events: make(chan struct{}, 1), f: f}
	go w.run()
	return w
}

// run turns events into wake-ups; several become one.
func (w *watch) run() {
	buf := make([]byte, 4096)
	for {
		if _, err := w.f.Read(buf); err != nil {
			return
		}
		select {
		case w.events <- struct{}{}:
		default:
		}
	}
}

func (w *watch) wait(stop <-chan struct{}, most time.Duration) (woken bool) {
	return pause(w.events, stop, most)
}

func (w *watch) close() {
	if w.f != nil {
		_ = w.f.Close()
	}
}
