package cachedir

import (
	"errors"
	"fmt"
	"time"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// Report is what Probe found out about the filesystem of a cache directory.
type Report struct {
	Filesystem  string        // its type, as the system calls it; empty if unknown
	Network     bool          // other machines may write to it
	Free, Total int64         // bytes
	Floor       int64         // bytes that cachex leaves free
	Used        int64         // bytes that entries use, as counted
	MaxSize     int64         // bytes that they may use
	ClockSkew   time.Duration // how far the filesystem's clock is ahead of ours
	Write       error         // why files cannot be made or renamed
	Links       error         // why there are no hard links: equal bodies are then stored twice
	Locks       error         // why there are no locks: concurrent runs are then not shared
}

// Probe tries what the store needs of its filesystem. It leaves nothing behind.
func (d *Dir) Probe() (Report, error) {
	r := Report{MaxSize: d.o.MaxSize}
	r.Filesystem, r.Network = d.v1.Filesystem()
	var err error
	if r.Free, r.Total, err = d.v1.Space(); err != nil {
		return r, err
	}
	_, r.Floor = d.room()
	r.Used, _ = d.Used()
	if d.o.ReadOnly {
		r.Write = ErrReadOnly
		return r, nil
	}
	r.Write = d.probeFile(&r)
	return r, nil
}

func (d *Dir) probeFile(r *Report) error {
	name := tree.TempName()
	f, err := d.v1.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	defer func() { _ = d.v1.Remove(name) }()
	if err := f.WriteAll([]byte("probe")); err != nil {
		return d.v1.PathError("write", name, err)
	}
	if fi, err := f.Info(); err == nil {
		r.ClockSkew = fi.ModTime.Sub(d.now()).Round(time.Millisecond)
	}
	if err := f.TryLock(); err != nil {
		r.Locks = err
	}
	second := tree.TempName()
	if err := d.v1.Link(name, second); err != nil {
		r.Links = err
	}
	if err := d.v1.Rename(name, second); err != nil && !errors.Is(err, tree.ErrNoLinks) {
		return fmt.Errorf("rename: %w", err)
	}
	return d.v1.Remove(second)
}
