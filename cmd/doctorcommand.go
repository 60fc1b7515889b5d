package cmd

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// trial is one run of a command under observation.
type trial struct {
	seen           engine.Seen
	outcome        engine.Outcome
	stdout, stderr *os.File // what it wrote
}

// doctorOf says why a command cannot be cached well.
func doctorOf(a *App, c *cobra.Command, args []string) error {
	request, _, err := observed(a, c, args)
	if err != nil {
		return err
	}
	first, err := try(request)
	if err != nil {
		return err
	}
	defer first.close()
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // who prints the time prints another one
	second, err := try(request)
	if err != nil {
		return err
	}
	defer second.close()
	found, err := examineTrials(first, second, request)
	if err != nil {
		return err
	}
	if dir, _, err := a.openLooking(c); err == nil {
		found = append(found, verifiedFinding(dir.Differences(), hashing.CommandCandidates(request.Spec)))
	}
	return reportFindings(a.Stdout, found)
}

func try(request engine.Request) (t trial, err error) {
	if t.stdout, err = runner.UnnamedFile(); err != nil {
		return t, err
	}
	if t.stderr, err = runner.UnnamedFile(); err == nil {
		request.Stdout, request.Stderr = throughPipe{t.stdout}, throughPipe{t.stderr}
		t.seen, t.outcome, err = new(engine.Engine).Observe(context.Background(), request)
	}
	if err != nil {
		t.close()
	}
	return t, err
}

func (t trial) close() {
	_ = t.stdout.Close()
	_ = t.stderr.Close() // fails if it was not opened
}

// throughPipe hides that a writer is a file: a command writes into a pipe, as when its output is recorded.
type throughPipe struct{ io.Writer }

func examineTrials(first, second trial, request engine.Request) ([]finding, error) {
	both := slices.Concat(first.seen.Doubts, second.seen.Doubts)
	found := []finding{
		timeFinding(first, second, both),
		networkFinding(first.seen.Network || second.seen.Network),
		doubtFinding("processes", both, engine.Processes, "it leaves none behind",
			"a hit starts none; start what has to live on apart, and do not cache that"),
		doubtFinding("sockets", both, engine.Sockets, "it talks to no other program",
			"what it is told is in no key: bound its age with --ttl, or put in the key by --vary what that depends on"),
		filesFinding(slices.Concat(first.seen.Made, second.seen.Made)),
		doubtFinding("inputs", both, engine.Changes, "it changes none that it used",
			"run it until it changes nothing more, or let it write elsewhere; for Git's index set GIT_OPTIONAL_LOCKS=0"),
		doubtFinding("the rest", both, engine.Unseen, "all that it does can be observed",
			"what it depends on is to be named: cachex run without --trace, with --file and --env"),
		exitFinding(first.outcome, second.outcome, request.CacheExit),
	}
	output, err := outputFinding(first, second)
	return append(found, output), err
}

// doubtFinding is of the doubts about a subject.
func doubtFinding(what string, doubts []engine.Doubt, about engine.Subject, none, hint string) finding {
	var texts []string
	for _, d := range doubts {
		if d.Subject == about && !slices.Contains(texts, d.Text) {
			texts = append(texts, d.Text)
		}
	}
	if len(texts) == 0 {
		return finding{what: what, say: none}
	}
	return finding{what: what, fault: errors.New(andMore(texts)), hint: hint}
}

// andMore is the first of several things, and how many others there are.
func andMore(all []string) string {
	if len(all) == 1 {
		return all[0]
	}
	return fmt.Sprintf("%s, and %d more", all[0], len(all)-1)
}

func timeFinding(first, second trial, doubts []engine.Doubt) finding {
	const costOfHit = 5 * time.Millisecond
	took := min(first.outcome.Took, second.outcome.Took)
	f := doubtFinding("time", doubts, engine.Moment, "it takes "+engine.Short(took),
		"a result is never right for long: bound its age with --ttl, without --trace")
	if f.fault == nil && took < costOfHit {
		f.hint = "a hit is hardly faster than that"
	}
	return f
}

func networkFinding(used bool) finding {
	if !used {
		return finding{what: "network", say: "it does not use it"}
	}
	return finding{
		what: "network", fault: errors.New("it uses it"),
		hint: "what servers answer is in no key: --ttl D says how long that is good",
	}
}

func filesFinding(made []string) finding {
	slices.Sort(made)
	if made = slices.Compact(made); len(made) == 0 {
		return finding{what: "files", say: "it makes and changes none"}
	}
	for i, name := range made {
		made[i] = hashing.Show(name)
	}
	return finding{
		what: "files", fault: errors.New("it makes or changes " + andMore(made)),
		hint: "a hit does not; with --trace there is a hit only while they are as they were left",
	}
}

func exitFinding(first, second engine.Outcome, cached func(code int) bool) finding {
	f := finding{what: "exit code", say: fmt.Sprintf("%d, which is cached", first.Code)}
	switch {
	case first.Signal != 0 || second.Signal != 0:
		f.fault = errors.New("it dies of a signal")
		f.hint = "what was cut is not stored"
	case first.Code != second.Code:
		f.fault = fmt.Errorf("%d, then %d", first.Code, second.Code)
		f.hint = "see which of its inputs differed: cachex inputs -- COMMAND"
	case !cached(first.Code):
		f.fault = fmt.Errorf("%d, which is not cached", first.Code)
		f.hint = fmt.Sprintf("--cache-exit 0,%d caches it, too", first.Code)
	}
	return f
}

// verifiedFinding says what runs with --verify have found of a command.
func verifiedFinding(noted []cachedir.Difference, ids []hashing.CommandID) finding {
	f := finding{what: "verified", say: "no run with --verify found another result"}
	for _, d := range noted {
		if slices.Contains(ids, d.Command) {
			f.fault = fmt.Errorf("a stored result was another on %s: %s", d.When.Local().Format(time.DateTime), d)
			f.hint = "see what it depends on: cachex inputs -- COMMAND"
		}
	}
	return f
}

func outputFinding(first, second trial) (finding, error) {
	for _, stream := range [...]struct {
		name     string
		one, two *os.File
	}{{"stdout", first.stdout, second.stdout}, {"stderr", first.stderr, second.stderr}} {
		for _, file := range []*os.File{stream.one, stream.two} {
			if _, err := file.Seek(0, io.SeekStart); err != nil {
				return finding{}, err
			}
		}
		d, differs, err := differingLine(stream.one, stream.two)
		if err != nil {
			return finding{}, err
		}
		if differs {
			return finding{
				what:  "output",
				fault: fmt.Errorf("two runs differ in line %d of %s: %s, then %s", d.number, stream.name, d.one, d.two),
				hint:  "a hit prints what the first run did: leave out what differs each time, or bound its age with --ttl",
			}, nil
		}
	}
	return finding{what: "output", say: "two runs wrote the same"}, nil
}

// lineDifference is a line in which two texts differ, as they are shown to people.
type lineDifference struct {
	number   int
	one, two string
}

// differingLine returns the first line in which two texts differ. Of a line that is longer than a buffer only a part is
// held at a time.
func differingLine(one, two io.Reader) (d lineDifference, differs bool, err error) {
	const buffer = 64 << 10
	a, b := bufio.NewReaderSize(one, buffer), bufio.NewReaderSize(two, buffer)
	for d.number = 1; ; {
		x, errX := a.ReadSlice('\n')
		y, errY := b.ReadSlice('\n')
		for _, err := range []error{errX, errY} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
				return d, false, err
			}
		}
		if !bytes.Equal(x, y) {
			d.one, d.two = shownParts(x, y)
			return d, true, nil
		}
		switch {
		case errors.Is(errX, io.EOF):
			return d, false, nil
		case errX == nil:
			d.number++
		}
	}
}

// shownParts shows of two lines the part in which they begin to differ.
func shownParts(x, y []byte) (one, two string) {
	const before, most = 20, 60 // bytes
	same := 0
	for same < min(len(x), len(y)) && x[same] == y[same] {
		same++
	}
	from := max(0, same-before)
	part := func(line []byte) string {
		if len(line) == 0 {
			return "nothing"
		}
		begin, end := "", ""
		if from > 0 {
			begin = "..."
		}
		line = bytes.TrimSuffix(line[from:], []byte("\n"))
		if len(line) > most {
			line, end = line[:most], "..."
		}
		return fmt.Sprintf("%q", begin+call.OneLine(string(line))+end)
	}
	one, two = part(x), part(y)
	if one == two && len(x) != len(y) {
		two += ", with the end of the line in one of both"
	}
	return one, two
}
