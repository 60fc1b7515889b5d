package lock

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// state is what others can see of a lock file.
type state struct{ exists, held bool }

func stateOf(t *testing.T, p File) state {
	t.Helper()
	_, err := p.Stat()
	if errors.Is(err, os.ErrNotExist) {
		return state{}
	}
	require.NoError(t, err)
	_, held := Holder(p)
	return state{true, held}
}

func TestTryExcludes(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	require.Equal(t, state{exists: true, held: true}, stateOf(t, p))
	_, err := Try(p, "")
	require.ErrorIs(t, err, ErrBusy)
	require.NoError(t, l.Finish(nil))
	require.Equal(t, state{}, stateOf(t, p))
	mustTry(t, p)
}

func TestAbandonLeavesTheFile(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	require.NoError(t, l.Abandon())
	require.Equal(t, state{exists: true}, stateOf(t, p))
	mustTry(t, p)
}

// A deferred Abandon after Finish must not touch what somebody else holds by now.
func TestReleasedLockDoesNothing(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	require.NoError(t, l.Finish(nil))
	other := mustTry(t, p)
	require.NoError(t, l.Abandon())
	require.NoError(t, l.Finish([]byte("again")))
	r, held := Holder(p)
	require.True(t, held)
	require.Equal(t, other.Nonce(), r.Nonce)
}

func TestHolderSaysWhoAndWhat(t *testing.T) {
	p := tempFile(t)
	_, held := Holder(p)
	require.False(t, held)
	l, err := Try(p, "line\nfeed \"quoted\" \xff")
	require.NoError(t, err)
	r, held := Holder(p)
	require.True(t, held)
	require.Equal(t, Holding{l.Nonce(), os.Getpid(), "line\nfeed \"quoted\" \xff"}, r)

	require.NoError(t, l.Abandon())
	_, held = Holder(p)
	require.False(t, held, "the record of a lock that nobody holds means nothing")

	next, err := Try(p, strings.Repeat("x", 5000))
	require.NoError(t, err)
	r, _ = Holder(p)
	require.Equal(t, Holding{next.Nonce(), os.Getpid(), strings.Repeat("x", maxAbout)}, r)
	require.NoError(t, next.Finish(nil))
}

// Whatever fails in Finish, the lock is free afterwards, and nobody else's file is removed.
func TestFinishUnderTrouble(t *testing.T) {
	p := tempFile(t)
	l := mustTry(t, p)
	require.ErrorContains(t, l.Finish(make([]byte, MaxNote+1)), "longer than")
	require.Equal(t, state{}, stateOf(t, p))

	l = mustTry(t, p)
	require.NoError(t, os.Remove(p.Path())) // a person cleans up
	other := mustTry(t, p)
	require.NoError(t, l.Finish(nil))
	require.Equal(t, state{exists: true, held: true}, stateOf(t, p), "the file of another holder was removed")
	require.NoError(t, other.Finish(nil))

	l = mustTry(t, p)
	require.NoError(t, os.Remove(p.Path()))
	require.NoError(t, l.Finish(nil))
}

func TestSweep(t *testing.T) {
	p := tempFile(t)
	sweep := func(want bool) {
		t.Helper()
		removed, err := Sweep(p)
		require.NoError(t, err)
		require.Equal(t, want, removed)
	}
	sweep(false) // absent; and a cleaner makes no files
	require.Equal(t, state{}, stateOf(t, p))
	l := mustTry(t, p)
	sweep(false)
	require.Equal(t, state{exists: true, held: true}, stateOf(t, p))
	require.NoError(t, l.Abandon())
	sweep(true)
	require.Equal(t, state{}, stateOf(t, p))
}

// What lies in the place of a lock and is none is neither followed, nor waited for, nor written to.
func TestForeignObjectsInThePlace(t *testing.T) {
	p := tempFile(t)
	precious := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))

	require.NoError(t, os.Symlink(precious, p.Path()))
	_, err := Try(p, "")
	require.Error(t, err)
	require.NoError(t, os.Remove(p.Path()))

	// A link to nothing must not make the file it points to.
	require.NoError(t, os.Symlink(precious+"2", p.Path()))
	_, err = Try(p, "")
	require.Error(t, err)
	require.NoFileExists(t, precious+"2")
	require.NoError(t, os.Remove(p.Path()))

	require.NoError(t, os.Mkdir(p.Path(), 0o700))
	_, err = Try(p, "")
	require.Error(t, err)
	require.NoError(t, os.Remove(p.Path()))

	// A hard link loses its name: the lock works, and the file lives under its other name.
	require.NoError(t, os.Link(precious, p.Path()))
	mustTry(t, p)
	text, err := os.ReadFile(precious)
	require.NoError(t, err)
	require.Equal(t, "precious", string(text))

	other := tempFile(t)
	require.NoError(t, os.Link(precious, other.Path()))
	removed, err := Sweep(other)
	require.NoError(t, err)
	require.True(t, removed)
	text, err = os.ReadFile(precious)
	require.NoError(t, err)
	require.Equal(t, "precious", string(text))
}

func TestMissingDirectoryIsAnError(t *testing.T) {
	_, err := Try(FileAt(filepath.Join(t.TempDir(), "absent", "lock")), "")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// unstableFile is a filesystem that shows another file at each look.
type unstableFile struct {
	File
	other string
}

func (p unstableFile) Stat() (os.FileInfo, error) { return os.Lstat(p.other) }

func TestUnstableFilesystem(t *testing.T) {
	p := unstableFile{tempFile(t), t.TempDir()}
	_, err := Try(p, "")
	require.ErrorIs(t, err, ErrUnsupported)
	_, _, err = Wait(guarded(t), p, Held{}, "")
	require.ErrorIs(t, err, ErrUnsupported)
}

// A record that cannot be written: inner runs could not see this holding, so there must be none.
func TestNoLockWithoutRecord(t *testing.T) {
	p := tempFile(t)
	require.NoError(t, os.WriteFile(p.Path(), nil, 0o600))
	_, err := Try(unwritableFile{p}, "")
	require.ErrorContains(t, err, "write lock record")
	mustTry(t, p)
}

// unwritableFile is a full or failing disk.
type unwritableFile struct{ File }

func (p unwritableFile) Open() (*os.File, error) { return os.Open(p.Path()) }

// A file that cannot be removed: the lock is free all the same, and can be taken again.
func TestFinishThatCannotRemove(t *testing.T) {
	p := stuckFile{tempFile(t)}
	l := mustTry(t, p)
	require.ErrorIs(t, l.Finish([]byte("n")), os.ErrPermission)
	l = mustTry(t, p)
	require.ErrorIs(t, l.Finish(nil), os.ErrPermission)
}

type stuckFile struct{ File }

func (stuckFile) Remove() error { return os.ErrPermission }
