package lock

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// alone counts the runs that went on without a lock.
func alone(lines []string) (n int) {
	for _, line := range lines {
		if strings.HasPrefix(line, "alone") {
			n++
		}
	}
	return n
}

// A inside B beside B inside A, and larger circles: everybody ends, because at least one goes on without a lock. Seen
// to hang without announce, without follow, and with follow before announce.
func TestCirclesOfProcesses(t *testing.T) {
	rounds := 6
	if testing.Short() {
		rounds = 1
	}
	for _, size := range []int{2, 3, 4} {
		for range rounds {
			dir := t.TempDir()
			name := func(i int) string { return filepath.Join(dir, fmt.Sprint(i%size)) }
			all := make([]*process, size)
			for i := range all {
				all[i] = start(t, "nest", "", name(i), name(i+1))
				require.Equal(t, "lead "+filepath.Base(name(i)), all[i].says())
			}
			for _, p := range all {
				p.goOn()
			}
			var lines []string
			for _, p := range all {
				lines = append(lines, p.rest(t)...)
			}
			require.NotZero(t, alone(lines))
			require.LessOrEqual(t, alone(lines), size)
		}
	}
}

func TestRunInsideItself(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, paths := range [][]string{{a, a}, {a, b, a}, {b, a, a}} {
		p := start(t, "nest", "", paths...)
		p.goOn()
		lines := p.rest(t)
		require.Equal(t, 1, alone(lines), lines)
		require.Equal(t, "innermost", lines[len(lines)-1])
	}
}

// outer is a lock that is held by an outer run.
func outer(t *testing.T) (File, *Lock, Held) {
	t.Helper()
	p := tempFile(t)
	l := mustTry(t, p)
	return p, l, ParseHeld(Held{}.With(l))
}

// Two waiters close a circle at the same instant: at least one of them sees it. Seen to hang with follow before
// announce.
func TestBothAtOnce(t *testing.T) {
	for range 100 {
		a, la, insideA := outer(t)
		b, lb, insideB := outer(t)
		type result struct {
			frees *Lock // what ends when this waiter has its answer
			err   error
		}
		results := make(chan result, 2)
		inside := func(held Held, own *Lock, p File) {
			_, _, err := Wait(guarded(t), p, held, "")
			results <- result{own, err}
		}
		go inside(insideA, la, b)
		go inside(insideB, lb, a)
		first := <-results
		require.ErrorIs(t, first.err, ErrDeadlock)
		require.NoError(t, first.frees.Finish(nil))
		second := <-results
		if second.err != nil {
			require.ErrorIs(t, second.err, ErrDeadlock)
		}
		require.NoError(t, second.frees.Finish(nil))
	}
}

// What the environment names and is no lock of an ancestor: nothing is written to it.
func TestNothingIsWrittenToWhatIsNoAncestorsLock(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	record := header(Holding{Nonce: nonceA})
	plain, free := file("plain", "text"), file("free", record)
	link, directory := filepath.Join(dir, "link"), filepath.Join(dir, "directory")
	require.NoError(t, os.Symlink(free, link))
	require.NoError(t, os.Mkdir(directory, 0o700))
	taken := FileAt(filepath.Join(dir, "taken"))
	mustTry(t, taken) // but not with the nonce that is claimed
	before, err := os.ReadFile(taken.Path())
	require.NoError(t, err)

	var held Held
	for _, path := range []string{
		plain, free, link, directory, taken.Path(), filepath.Join(dir, "absent"), filepath.Join(plain, "below"),
	} {
		held.claims = append(held.claims, claimed{nonceA, path})
	}
	a, err := announce(held, tempFile(t))
	require.NoError(t, err)
	require.Empty(t, a.files)
	a.withdraw()

	for path, want := range map[string]string{plain: "text", free: record, taken.Path(): string(before)} {
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.NoFileExists(t, filepath.Join(dir, "absent"))
}

// Where it cannot be told whether waiting would end, nobody waits.
func TestDoubtIsADeadlock(t *testing.T) {
	refused := func(t *testing.T, p File, held Held) {
		t.Helper()
		_, _, err := Wait(guarded(t), p, held, "")
		require.ErrorIs(t, err, ErrDeadlock)
	}
	t.Run("ancestor's lock has a second name", func(t *testing.T) {
		p, a := tempFile(t), tempFile(t)
		mustTry(t, p)
		held := ParseHeld(Held{}.With(mustTry(t, a)))
		require.NoError(t, os.Link(a.Path(), a.Path()+"2"))
		refused(t, p, held)
		c := contentOf(t, a)
		require.Empty(t, c.waits)
	})
	t.Run("record too long", func(t *testing.T) {
		p, _, _ := outer(t)
		_, _, held := outer(t)
		require.NoError(t, os.Truncate(p.Path(), maxRecord+1))
		refused(t, p, held)
	})
	t.Run("too many wait for one another", func(t *testing.T) {
		p, l, _ := outer(t)
		_, _, held := outer(t)
		f, err := openRegular(p.Path(), appendOnly)
		require.NoError(t, err)
		defer f.Close()
		for i := range maxFollowed + 1 {
			_, err := f.WriteString(waitLine(l.Nonce(), wait{nonce: newNonce(), path: fmt.Sprintf("/absent/%d", i)}))
			require.NoError(t, err)
		}
		refused(t, p, held)
	})
}

func contentOf(t *testing.T, p File) content {
	t.Helper()
	f, err := openRegular(p.Path(), readOnly)
	require.NoError(t, err)
	defer f.Close()
	c, err := readContent(f, maxRecord)
	require.NoError(t, err)
	return c
}
