package cachedir

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// A tier counts the purges of each tag for all hosts. What it told last is kept in tags/remote/<sha256 of tier, NUL,
// tag>: a count that differs from that means that somebody purged the tag elsewhere, and then it is purged here, too.
// That comes before the new count is written. Who is killed in between purges once more the next time, rather than
// never. Of two processes that learn of one purge at once both purge, and what is lost by that is a hit.

// remoteTag is the id of a tag of a tier. Neither name holds a NUL.
func remoteTag(tier, tag string) [32]byte { return sha256.Sum256([]byte(tier + "\x00" + tag)) }

func remoteTagName(id [32]byte) string { return "tags/remote/" + hex.EncodeToString(id[:]) }

// TagSeen returns the count of purges of a tag that a tier told last, and when, by this machine's clock, which may have
// been set since. known is false if it told none, or if what was kept of it cannot be read.
func (d *purgeCounts) TagSeen(tier, tag string) (count int64, at time.Time, known bool) {
	id := remoteTag(tier, tag)
	b, _, err := d.v1.ReadSmall(remoteTagName(id), format.RemoteTagSize)
	if err != nil {
		return 0, time.Time{}, false
	}
	return format.DecodeRemoteTag(b, id)
}

// Purging is what a count of a tier tells of purges since the one before.
type Purging uint8

// None, one that lets old results be served while they are renewed, or one that does not.
const (
	NoPurge Purging = iota
	SoftPurge
	HardPurge
)

// NoteTag keeps the count that a tier told just now. If it tells of a purge, the tag is purged here first, and without
// that nothing is kept.
func (d *Dir) NoteTag(tier, tag string, count int64, purge Purging) error {
	_, err := d.noteTag(tier, tag, count, purge)
	return err
}

// noteTag returns the moment of the purge, if there was one.
func (d *Dir) noteTag(tier, tag string, count int64, purge Purging) (at TagMark, err error) {
	if d.o.ReadOnly {
		return at, ErrReadOnly
	}
	told := d.now()
	if purge != NoPurge {
		if at, err = d.purgeTag(tag, purge == SoftPurge); err != nil {
			return at, err
		}
	}
	id := remoteTag(tier, tag)
	if err := d.v1.Replace(remoteTagName(id), format.EncodeRemoteTag(id, count, told)); err != nil {
		return at, fmt.Errorf("note the count of tag %q: %w", tag, err)
	}
	return at, nil
}

// NoteTag is Dir.NoteTag for a count that came with what is imported. The purge that is made for it is older than the
// import, and is not held against it. ErrPurged says that there was another purge since the import was begun: then the
// count is kept, and the import is to be begun anew.
func (i *Import) NoteTag(tier, tag string, count int64, purge Purging) error {
	i.p.mu.Lock()
	defer i.p.mu.Unlock()
	at, err := i.p.d.noteTag(tier, tag, count, purge)
	switch {
	case err != nil || purge == NoPurge:
		return err
	case at != TagMark{Epoch: i.p.mark.Epoch, Seq: i.p.mark.Seq + 1}:
		return ErrPurged
	}
	i.p.mark = at
	return nil
}

// LogTier is Journal.LogTier.
func (d *Dir) LogTier(r stats.TierRecord) error { return d.Journal.LogTier(r) }
