package cachedir

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/cachex-cli/cachex/cachedir/format"
	"github.com/cachex-cli/cachex/cachedir/tree"
	"github.com/cachex-cli/cachex/hashing"
)

// tags/SEQ counts the purges of an epoch, and tags/<sha256 of tag> says which of them was the tag's last. A run notes
// epoch and count before it starts; its entry is valid as long as the epoch is the same and none of its tags was
// purged since. So a purge reaches results that are still being made, and waits for none of them.
//
// A purge is hard or soft. After a hard one an entry is as good as gone; after a soft one it may be served once more
// while it is refreshed. A file keeps both counts, because a soft purge after a hard one takes nothing back. Soft
// purges of a single recipe use a file under the name of its key, those of everything a field of SEQ.
//
// The count is raised before the tag's file is written: a run that begins between the two counts as begun after the
// purge, and whatever it reads it reads after the purge was asked for.
//
// The first run writes SEQ, with a random epoch, so that nothing that was stored outlives the loss of that file.

const (
	seqName  = "tags/SEQ"
	tagsLock = "tags/lock"
)

var errNotValid = errors.New("purged since")

// purgeCounts are the counts of purges in tags/.
type purgeCounts struct{ *opened }

// readPurges reads SEQ or a subject's file. One that does not exist is zero, an epoch that no entry has; anything that
// cannot be read or does not verify is an error.
func (d *purgeCounts) readPurges(name string) (format.Purges, error) {
	f, err := d.v1.Open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return format.Purges{}, nil
	}
	if err != nil {
		return format.Purges{}, err
	}
	defer f.Close()
	var b [format.TagFileSize + 1]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		if fi, ierr := f.Info(); ierr == nil && !fi.Regular {
			err = tree.ErrForeign
		}
		return format.Purges{}, d.v1.PathError("read", name, err)
	}
	p, err := format.DecodePurges(b[:n])
	if err != nil {
		return format.Purges{}, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func markName(tag string) string {
	sum := sha256.Sum256([]byte(tag))
	return "tags/" + hex.EncodeToString(sum[:])
}

// keyMark is the file of a recipe that was purged softly on its own. No tag has this name: none holds a NUL.
func keyMark(key hashing.Key) string { return markName("\x00" + string(key[:])) }

// CheckTags holds an entry against the purges that came after its run began. An error says which one made it invalid,
// or that this cannot be told; soft, that it was purged softly.
func (d *purgeCounts) CheckTags(m Meta) (soft bool, err error) {
	now, err := d.readPurges(seqName)
	if err != nil {
		return false, fmt.Errorf("count of purges: %w", err)
	}
	if now.Epoch != m.Epoch {
		return false, errNotValid
	}
	if now.Seq < m.Seq {
		return false, fmt.Errorf("count of purges: %w", format.ErrSpoiled)
	}
	soft = now.Soft > m.Seq
	for _, tag := range m.Tags {
		if tag.Seq == now.Seq {
			continue // no purge since
		}
		s, err := d.checkMark(markName(tag.Name), m.Epoch, tag.Seq)
		if err != nil {
			return false, fmt.Errorf("tag %q: %w", tag.Name, err)
		}
		soft = soft || s
	}
	if m.Seq == now.Seq {
		return soft, nil
	}
	s, err := d.checkMark(keyMark(m.Key), m.Epoch, m.Seq)
	return soft || s, err
}

// checkMark looks at one subject's file for purges after a count.
func (d *purgeCounts) checkMark(name string, epoch [16]byte, seq uint64) (soft bool, err error) {
	last, err := d.readPurges(name)
	if err != nil || last.Epoch != epoch {
		return false, err
	}
	if last.Seq > seq {
		return false, errNotValid
	}
	return last.Soft > seq, nil
}

// markOrHeal returns the present mark. A count that is damaged or missing cannot say what was purged: a new epoch
// makes all that was stored before invalid, and what is stored from now on valid again.
func (d *purgeCounts) markOrHeal() (TagMark, error) {
	p, err := d.readPurges(seqName)
	if err == nil && p != (format.Purges{}) || err != nil && !isUseless(err) {
		return p.TagMark, err
	}
	p, err = d.advance(func(p format.Purges) format.Purges { return p }, func(format.Purges) error { return nil })
	return p.TagMark, err
}

func newEpoch() (e [16]byte) {
	_, _ = rand.Read(e[:]) // never fails
	return e
}

// advance changes SEQ, and then what else, under the lock of purges. What it hands to next for a damaged or missing one
// is a new epoch, and so it does where there are no locks: two purges that count at once could count the same.
func (d *purgeCounts) advance(
	next func(format.Purges) format.Purges, then func(format.Purges) error,
) (format.Purges, error) {
	if d.o.ReadOnly {
		return format.Purges{}, ErrReadOnly
	}
	unlock, locked, err := d.v1.LockShort(tagsLock, "purge")
	if err != nil {
		return format.Purges{}, fmt.Errorf("lock the count of purges: %w", err)
	}
	defer unlock()
	p, err := d.readPurges(seqName)
	if err != nil && !isUseless(err) {
		return format.Purges{}, fmt.Errorf("count purges: %w", err)
	}
	old := p
	if err != nil || !locked || p == (format.Purges{}) {
		p.Epoch = newEpoch()
	}
	if p = next(p); p == old {
		return p, then(p)
	}
	if err := d.writePurges(seqName, p); err != nil {
		return p, fmt.Errorf("count purges: %w", err)
	}
	return p, then(p)
}

// writePurges replaces a file of purges; on a full disk it is written over where it lies, which takes no room. Should
// that be torn, the file is damaged, and everything counts as purged.
func (d *purgeCounts) writePurges(name string, p format.Purges) error {
	err := d.v1.Replace(name, format.EncodePurges(p))
	if !tree.IsDiskFull(err) {
		return err
	}
	if fi, serr := d.v1.Stat(name); serr != nil || fi.Size != format.TagFileSize {
		return err
	}
	f, _, oerr := d.v1.OpenInPlace(name, 0)
	if oerr != nil {
		return err
	}
	defer f.Close()
	if f.WriteAt(format.EncodePurges(p), 0) != nil {
		return err
	}
	return nil
}

// freeing makes a purge that could not be counted for want of space once more, after it has removed what the purge is
// about. What was running meanwhile is told by the count.
func (d *Dir) freeing(match func(EntryInfo) bool, purge func() error) error {
	err := purge()
	if !tree.IsDiskFull(err) {
		return err
	}
	if _, err := d.Purge(match, false); err != nil {
		return err
	}
	return purge()
}

// PurgeTag makes all results with this tag invalid, or softly purged, also those of runs that have begun. It costs the
// same however many they are.
//
// The tag's file is written second: a purge that is killed in between has purged nothing, and said so to nobody.
func (d *Dir) PurgeTag(tag string, soft bool) error {
	_, err := d.purgeTag(tag, soft)
	return err
}

func (d *Dir) purgeTag(tag string, soft bool) (at TagMark, err error) {
	count := func() (err error) { at, err = d.purgeMarks(soft, markName(tag)); return err }
	if soft {
		err = count() // nothing is to be removed
	} else {
		err = d.freeing(func(i EntryInfo) bool { return i.hasTag(tag) }, count)
	}
	if err != nil {
		return at, fmt.Errorf("purge tag %q: %w", tag, err)
	}
	return at, nil
}

// purgeMarks counts one purge and writes it into the files of its subjects.
func (d *purgeCounts) purgeMarks(soft bool, names ...string) (at TagMark, err error) {
	now, err := d.advance(
		func(p format.Purges) format.Purges { p.Seq++; return p },
		func(now format.Purges) error {
			for _, name := range names {
				last, err := d.readPurges(name)
				if err != nil && !isUseless(err) {
					return err
				}
				if err != nil { // what it said is lost: the worst is taken for it
					last = now
				}
				if last.Epoch != now.Epoch {
					last = format.Purges{}
				}
				last.Epoch = now.Epoch
				if soft {
					last.Soft = now.Seq
				} else {
					last.Seq = now.Seq
				}
				if err := d.writePurges(name, last); err != nil {
					return err
				}
			}
			return nil
		})
	return now.TagMark, err
}

// healMarksOf replaces the files of tags, and of the key, that were damaged. What they said is lost, so all that was
// stored before under them counts as purged.
func (d *purgeCounts) healMarksOf(key hashing.Key, tags []string) error {
	names := []string{keyMark(key)}
	for _, tag := range tags {
		names = append(names, markName(tag))
	}
	var damaged []string
	for _, name := range names {
		if _, err := d.readPurges(name); isUseless(err) {
			damaged = append(damaged, name)
		}
	}
	if damaged == nil {
		return nil
	}
	_, err := d.purgeMarks(false, damaged...)
	return err
}
