package cachedir

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/cachex-cli/cachex/lock"
)

// tags/SEQ counts the purges of an epoch, and tags/<sha256 of tag> says which of them was the tag's last. A run notes
// epoch and count before it starts; its entry is valid as long as the epoch is the same and none of its tags was
// purged since. So a purge reaches results that are still being made, and waits for none of them.
//
// The count is raised before the tag's file is written: a run that begins between the two counts as begun after the
// purge, and whatever it reads it reads after the purge was asked for.
//
// The first run writes SEQ, with a random epoch, so that nothing that was stored outlives the loss of that file.

// TagMark is a moment in the history of purges.
type TagMark struct {
	Epoch [16]byte
	Seq   uint64
}

const (
	seqName     = "tags/SEQ"
	tagsLock    = "tags/lock"
	tagMagic    = "cxT1"
	tagFileSize = 4 + 4 + 16 + 8 + 8
	purgeHard   = 1

	purgeWait = 10 * time.Second // for other purges, each of which takes less than a millisecond
)

var errNotValid = errors.New("purged since")

func encodeMark(m TagMark) []byte {
	b := make([]byte, 0, tagFileSize)
	b = append(b, tagMagic...)
	b = binary.LittleEndian.AppendUint32(b, purgeHard)
	b = append(b, m.Epoch[:]...)
	b = binary.LittleEndian.AppendUint64(b, m.Seq)
	return binary.LittleEndian.AppendUint64(b, xxhash.Sum64(b))
}

// readMark reads SEQ or a tag's file. One that does not exist is the zero mark, which no entry has; anything that cannot be read or does
// not verify is an error.
func (d *Dir) readMark(name string) (TagMark, error) {
	f, err := d.v1.open(name, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return TagMark{}, nil
	}
	if err != nil {
		return TagMark{}, err
	}
	defer f.close()
	var b [tagFileSize + 1]byte
	n, err := f.readAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		if fi, ierr := f.info(); ierr == nil && !fi.regular {
			err = errForeign
		}
		return TagMark{}, d.v1.pathError("read", name, err)
	}
	end := tagFileSize - 8
	if n != tagFileSize || string(b[:4]) != tagMagic || binary.LittleEndian.Uint64(b[end:]) != xxhash.Sum64(b[:end]) {
		return TagMark{}, fmt.Errorf("%s: %w", name, errSpoiled)
	}
	var m TagMark
	copy(m.Epoch[:], b[8:24])
	m.Seq = binary.LittleEndian.Uint64(b[24:])
	return m, nil
}

func markName(tag string) string {
	sum := sha256.Sum256([]byte(tag))
	return "tags/" + hex.EncodeToString(sum[:])
}

// CheckTags returns nil if no purge came after the run began, and an error that says what did.
func (d *Dir) CheckTags(m Meta) error {
	now, err := d.readMark(seqName)
	if err != nil {
		return fmt.Errorf("count of purges: %w", err)
	}
	if now.Epoch != m.Epoch {
		return errNotValid
	}
	if now == m.TagMark {
		return nil // no purge of any tag since
	}
	if now.Seq < m.Seq {
		return fmt.Errorf("count of purges: %w", errSpoiled)
	}
	for _, tag := range m.Tags {
		last, err := d.readMark(markName(tag))
		if err != nil {
			return fmt.Errorf("tag %q: %w", tag, err)
		}
		if last.Epoch == m.Epoch && last.Seq > m.Seq {
			return fmt.Errorf("tag %q: %w", tag, errNotValid)
		}
	}
	return nil
}

// markOrHeal returns the present mark. A count that is damaged or missing cannot say what was purged: a new epoch
// makes all that was stored before invalid, and what is stored from now on valid again.
func (d *Dir) markOrHeal() (TagMark, error) {
	m, err := d.readMark(seqName)
	if err == nil && m != (TagMark{}) || err != nil && !isUseless(err) {
		return m, err
	}
	return d.advance(func(m TagMark) TagMark { return m }, func(TagMark) error { return nil })
}

func newEpoch() (e [16]byte) {
	_, _ = rand.Read(e[:]) // never fails
	return e
}

// advance changes SEQ, and then what else, under the lock of purges. What it hands to next for a damaged or missing one
// is a new epoch, and so it does where there are no locks: two purges that count at once could count the same.
func (d *Dir) advance(next func(TagMark) TagMark, then func(TagMark) error) (TagMark, error) {
	if d.o.ReadOnly {
		return TagMark{}, ErrReadOnly
	}
	ctx, cancel := context.WithTimeout(context.Background(), purgeWait)
	defer cancel()
	l, _, err := lock.Wait(ctx, d.place(tagsLock), lock.Held{}, "purge")
	switch {
	case err == nil && l != nil:
		defer func() { _ = l.Abandon() }()
	case err != nil && !errors.Is(err, lock.ErrUnsupported):
		return TagMark{}, fmt.Errorf("lock the count of purges: %w", err)
	}
	m, err := d.readMark(seqName)
	if err != nil && !isUseless(err) {
		return TagMark{}, fmt.Errorf("count purges: %w", err)
	}
	old := m
	if err != nil || l == nil || m == (TagMark{}) {
		m.Epoch = newEpoch()
	}
	if m = next(m); m == old {
		return m, then(m)
	}
	if err := d.v1.replace(seqName, encodeMark(m)); err != nil {
		return m, fmt.Errorf("count purges: %w", err)
	}
	return m, then(m)
}

// PurgeTag makes all results with this tag invalid, also those of runs that have begun.
//
// The tag's file is written second: a purge that is killed in between has purged nothing, and said so to nobody.
func (d *Dir) PurgeTag(tag string) error {
	_, err := d.advance(
		func(m TagMark) TagMark { m.Seq++; return m },
		func(m TagMark) error { return d.v1.replace(markName(tag), encodeMark(m)) })
	if err != nil {
		return fmt.Errorf("purge tag %q: %w", tag, err)
	}
	return nil
}

// healTags replaces the marks of tags that were damaged. What they said is lost, so all that was stored under the tag
// before counts as purged.
func (d *Dir) healTags(tags []string) error {
	for _, tag := range tags {
		if _, err := d.readMark(markName(tag)); isUseless(err) {
			if err := d.PurgeTag(tag); err != nil {
				return err
			}
		}
	}
	return nil
}
