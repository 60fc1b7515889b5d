package cachedir

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/lock"
)

// namedRun is the run of a name.
func namedRun(t *testing.T, name string) Run {
	t.Helper()
	r, err := hashing.Capture(hashing.Spec{Name: name}, nil)
	require.NoError(t, err)
	return Run{Key: r.Key, Command: r.Command, Recipe: r.Text}
}

// put stores a value as who holds the lock of its name does.
func put(t *testing.T, d *Dir, run Run, random uint64, value string) {
	t.Helper()
	l, err := d.LockName(run.Key)
	require.NoError(t, err)
	defer l.Unlock()
	require.True(t, l.Excludes())
	p, err := d.Begin(run)
	require.NoError(t, err)
	require.NoError(t, p.Append(0, []byte(value)))
	p.Replaces(l)
	require.NoError(t, p.Commit(Meta{TTL: -1, Ended: time.Now(), Random: random}))
}

func valueOf(t *testing.T, d *Dir, run Run) string {
	t.Helper()
	e, err := d.Lookup(run.Key, run.Recipe, Good)
	require.NoError(t, err)
	defer e.Close()
	var b recording
	require.NoError(t, e.Replay(&b, &b))
	return string(b)
}

type recording []byte

func (r *recording) Write(b []byte) (int, error) {
	*r = append(*r, b...)
	return len(b), nil
}

// What was stored under a name since a run began is not replaced by its result, whether that is a first value, another
// one, or one that another machine sent; and what the run has learned does not replace it either.
func TestSuperseded(t *testing.T) {
	for _, before := range []bool{false, true} {
		d := newDir(t, Options{})
		run := namedRun(t, "n")
		if before {
			put(t, d, run, 1, "old")
		}
		started := time.Now()
		p, err := d.Begin(run)
		require.NoError(t, err)
		i, err := d.BeginImport(run)
		require.NoError(t, err)
		put(t, d, run, 2, "set")

		require.NoError(t, p.Append(0, []byte("of the run")))
		require.ErrorIs(t, p.Commit(Meta{TTL: -1, Ended: time.Now(), Random: 3}), ErrSuperseded)
		require.Equal(t, "set", valueOf(t, d, run))

		e, err := d.Load(run.Key, Good)
		require.NoError(t, err)
		x, err := e.Export()
		require.NoError(t, err)
		e.Close()
		require.NoError(t, i.Read(x.Content))
		require.ErrorIs(t, i.Commit(), ErrSuperseded)

		_, err = d.Learn(run, Meta{Started: started.Add(-time.Second)}, hashing.Learned{Env: []string{"TZ"}}, nil)
		require.ErrorIs(t, err, ErrSuperseded)
		require.Equal(t, "set", valueOf(t, d, run))

		later, err := d.Begin(run)
		require.NoError(t, err)
		require.NoError(t, later.Append(0, []byte("later")))
		require.NoError(t, later.Commit(Meta{TTL: -1, Ended: time.Now(), Random: 4}))
		require.Equal(t, "later", valueOf(t, d, run))
	}
}

// A run that has turned out to depend on more than its name is none of the name any more.
func TestRetargetedRunIsNotSuperseded(t *testing.T) {
	d := newDir(t, Options{})
	run := namedRun(t, "n")
	p, err := d.Begin(run)
	require.NoError(t, err)
	put(t, d, run, 1, "set")
	other, err := hashing.Capture(hashing.Spec{Name: "n", Scope: "s"}, nil)
	require.NoError(t, err)
	p.Retarget(Run{Key: other.Key, Command: other.Command, Recipe: other.Text})
	require.NoError(t, p.Commit(Meta{TTL: -1, Ended: time.Now()}))
}

// Who changes a value in a tier has others on this machine wait for their turn.
func TestTurn(t *testing.T) {
	d := newDir(t, Options{})
	key := hashing.Key{7}
	turn := d.v1.LockFile("stat/" + shard(key[0]) + ".turn")
	done := d.Turn(key)
	_, err := lock.Try(turn, "")
	require.ErrorIs(t, err, lock.ErrBusy)
	done()
	l, err := lock.Try(turn, "")
	require.NoError(t, err)
	require.NoError(t, l.Abandon())
}
