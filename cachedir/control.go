package cachedir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// Control is the control file of a run, as another run that is part of its command sees it: by a path that anybody may
// have put into the environment.
type Control struct {
	d    *Dir
	path string
	run  string // the pending file that it lies beside
}

// ErrNoControl is what OpenControl returns for a path that is not the control file of a run.
var ErrNoControl = errors.New("not a control file of cachex")

// OpenControl looks whose control file a path names. It is one only in the pending directory of a marked cache
// directory that is ours or root's; root serves everybody.
func OpenControl(path string) (*Control, error) {
	run, ok := pendingRun(filepath.Base(path))
	dir, inPending := strings.CutSuffix(filepath.Dir(path), filepath.FromSlash("/v1/pending"))
	if !ok || !inPending || !strings.HasSuffix(path, controlSuffix) || !filepath.IsAbs(path) {
		return nil, ErrNoControl
	}
	o := Options{ReadOnly: true, TrustOwners: []int{0}}
	if owner, ok := tree.OwnerOf(dir); ok && os.Geteuid() == 0 {
		o.TrustOwners = append(o.TrustOwners, owner)
	}
	d, err := Open(dir, o)
	if err != nil {
		return nil, ErrNoControl
	}
	return &Control{d: d, path: path, run: "pending/" + run}, nil
}

// Path is where what is to be told is written.
func (c *Control) Path() string { return c.path }

// IsLive reports whether the run goes on and may still be stored.
func (c *Control) IsLive() bool { return c.d.isLocked(c.run) }

// Read returns what was written into the file so far, as Pending.Control does.
func (c *Control) Read(limit int64) ([]byte, error) {
	text, _, err := readWritten(c.d.v1, "pending/"+filepath.Base(c.path), limit)
	return text, err
}

// Forbid keeps the run from storing its result, as a purge does.
func (c *Control) Forbid() error { return c.d.v1.Remove(c.run) }

// Close gives descriptors back.
func (c *Control) Close() { c.d.Close() }

// OwnsControl reports whether a control file is one of this directory's.
func (d *Dir) OwnsControl(c *Control) bool {
	return filepath.Dir(c.path) == d.v1.Path("pending")
}
