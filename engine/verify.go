package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
)

// Some hits are run all the same, by the caller's wish, and the stored result is held against the new one, which the
// caller gets and which takes its place. If they differ something that matters is in no key, or the command prints
// something else each time.

// largestCompared is up to how many bytes of output two results are told apart by their lines.
const largestCompared = 16 << 20

// verifies draws whether a hit is run all the same. Of files that a command makes nothing is compared.
func verifies(r *run) bool {
	q := r.caller.Request
	return q.Verify > 0 && !q.CachedOnly && !q.NoWait && !q.ReadOnly && !q.Warm &&
		q.Part == nil && q.Refresher == nil && !r.caller.recorded && !r.caller.makesFiles() && rand.Float64() < q.Verify
}

// verify runs the command although there is a result.
func verify(r *run, stored *cachedir.Entry) (Outcome, error) {
	defer stored.Close()
	again := *r.caller.Request
	again.Refresh = true
	r.caller.Request = &again
	r.lookup.miss = verdict{stats.Verified, "by --verify, to hold the stored result against a new one"}
	out, err := r.share(newQueue(r))
	if err != nil || out.Served != stats.Missed {
		return out, err
	}
	if d, differs := difference(r, stored, out); differs {
		out.compared, out.Another = stats.OtherResult, true
		d.Key, d.Command, d.When = out.Key, r.inputs.recipe.Command, r.caller.now()
		if r.dir.Encrypts() { // what is encrypted must not be read beside it
			d.One, d.Two = "", ""
		}
		r.remarks.warn(fmt.Errorf("the stored result was another: %s", d))
		r.remarks.warn(r.dir.NoteDifference(d))
		out.Warning = r.remarks.warning
	}
	return out, nil
}

// difference is how a stored result and that of a run now differ. What cannot be compared does not.
func difference(r *run, stored *cachedir.Entry, out Outcome) (d cachedir.Difference, differs bool) {
	if out.Code != stored.Code || out.Signal != stored.Signal {
		d.What = "exit code"
		d.One, d.Two = exitWords(stored), exitWordsOf(out.Code, out.Signal)
		return d, true
	}
	if out.compared == stats.SameResult || !out.Stored {
		return d, false
	}
	now, err := r.dir.Load(out.Key, out.slot())
	if err != nil {
		return d, false
	}
	defer now.Close()
	if max(stored.StdoutSize+stored.StderrSize, now.StdoutSize+now.StderrSize) > largestCompared {
		d.What = "output"
		return d, out.compared == stats.OtherResult
	}
	var one, two [2]bytes.Buffer
	if stored.Replay(&one[0], &one[1]) != nil || now.Replay(&two[0], &two[1]) != nil {
		return d, false
	}
	for i, name := range [...]string{"stdout", "stderr"} {
		if line, x, y, found := firstDifference(one[i].Bytes(), two[i].Bytes()); found {
			return cachedir.Difference{What: fmt.Sprintf("line %d of %s", line, name), One: x, Two: y}, true
		}
	}
	return d, false
}

// firstDifference is the first line in which two texts differ, without its end.
func firstDifference(one, two []byte) (line int, x, y string, found bool) {
	for line = 1; len(one) > 0 || len(two) > 0; line++ {
		a, restA, endA := bytes.Cut(one, []byte("\n"))
		b, restB, endB := bytes.Cut(two, []byte("\n"))
		if !bytes.Equal(a, b) || endA != endB || (len(one) == 0) != (len(two) == 0) {
			return line, string(a), string(b), true
		}
		one, two = restA, restB
	}
	return 0, "", "", false
}
