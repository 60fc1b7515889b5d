package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// verify --sample runs commands of stored results again. An entry does not say all that such a run needs: of the
// environment and secrets it has digests. So its recipe is captured once more, in its directory, with the environment
// and the settings that hold now; and the command runs only if this very entry would be replayed. Whether it may be run
// again is for the settings to say.

// sampling is one verify --sample.
type sampling struct {
	app    *App
	dir    *cachedir.Dir
	engine engine.Engine
	share  Percent

	ran, another int
	left         map[string]notRun // by why
}

// notRun are results that were not run again for one reason.
type notRun struct {
	count   int
	example string // empty: the reason says all
}

// sampleFlag reads --sample.
func sampleFlag(c *cobra.Command) (given bool, share Percent, err error) {
	if !c.Flags().Changed("sample") {
		return false, 0, nil
	}
	text, _ := c.Flags().GetString("sample")
	share, err = ParsePercent("--sample", text)
	return true, share, err
}

// verifySample runs a share of the stored results again, and says how many of them were another.
func verifySample(a *App, dir *cachedir.Dir, share Percent) (another int, err error) {
	s := &sampling{app: a, dir: dir, share: share, left: map[string]notRun{}}
	s.engine.Open = func() (*cachedir.Dir, error) { return dir, nil }
	back, err := os.Getwd()
	if err != nil {
		return 0, &usageError{
			Err:  errors.New("--sample: the working directory cannot be named"),
			Hint: "cd to a directory that exists",
		}
	}
	all := map[hashing.Key]cachedir.Meta{} // of a success and a failure the younger
	err = dir.Walk(func(i cachedir.EntryInfo) error {
		switch {
		case i.Sealed:
			s.leave("encrypted with a key that is not here", "")
		case valid(dir, i) && !i.Ended.Before(all[i.Key].Ended):
			all[i.Key] = i.Meta
		}
		return nil
	})
	for _, m := range all {
		if err == nil {
			err = s.verify(m)
		}
	}
	return s.another, errors.Join(err, os.Chdir(back), s.print(a.Stdout))
}

// leave counts a result that is not run again.
func (s *sampling) leave(why, example string) {
	l := s.left[why]
	s.left[why] = notRun{l.count + 1, cmp.Or(l.example, example)}
}

func (s *sampling) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d run again, %d of them another\n", s.ran, s.another)
	for _, why := range slices.Sorted(maps.Keys(s.left)) {
		l := s.left[why]
		fmt.Fprintf(&b, "%d not run again: %s", l.count, why)
		if l.example != "" {
			fmt.Fprintf(&b, ", such as %s", call.OneLine(l.example))
		}
		b.WriteString("\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// verify runs the command of a result again, if it may, and if chance wants it.
func (s *sampling) verify(m cachedir.Meta) error {
	spec, err := hashing.Spec{}.Asked(m.Recipe)
	if err != nil {
		s.leave(err.Error(), "")
		return nil
	}
	if err := os.Chdir(spec.Dir); err != nil {
		s.leave("its directory is gone", hashing.Show(spec.Dir))
		return nil
	}
	there := *s.app
	there.Environ = inDirectory(s.app.Environ, spec.Dir)
	there.Getwd = func() (string, error) { return spec.Dir, nil }
	c := newRunCommand(&there)
	settings, _, err := there.settingsFor(c, spec.Argv)
	switch {
	case err != nil:
		s.leave("the settings in its directory are wrong", err.Error())
	case settings.Verify == 0:
		s.leave("verify is not set for it", "")
	case settings.NoCache || settings.ReadOnly || len(settings.PurgeTag) > 0 || len(settings.OnlyIf) > 0:
		s.leave("the settings do not let it be stored, or by a condition only", "")
	case rand.Float64() < float64(s.share):
		return s.run(&there, m, spec, settings)
	}
	return nil
}

// inDirectory is an environment as it is in a directory.
func inDirectory(environ []string, dir string) []string {
	there := slices.Clone(environ)
	for i, variable := range there {
		if strings.HasPrefix(variable, "PWD=") {
			there[i] = "PWD=" + dir
		}
	}
	return there
}

// run runs it, if this result is the one that would be replayed now.
func (s *sampling) run(there *App, m cachedir.Meta, spec hashing.Spec, settings Settings) error {
	command := masks{}.line(commandWords(m.Recipe))
	request, recipe, err := s.request(there, m, spec, settings)
	if err != nil {
		s.leave("its inputs cannot be looked at", fmt.Sprintf("%s: %s", command, err))
		return nil
	}
	switch now := engine.Look(s.dir, recipe, request); {
	case now.Reason != "":
		s.leave(string(now.Reason), fmt.Sprintf("%s: %s", command, now.Detail))
		return nil
	case now.Nearest != m.Key:
		s.leave("another result is replayed in its place", command)
		return nil
	}
	out, err := s.engine.Do(context.Background(), request)
	switch {
	case out.Cut:
		runner.Die(cmp.Or(out.Signal, int(syscall.SIGINT))) // who interrupted it meant this program
		return call.ExitStatus(128 + cmp.Or(out.Signal, int(syscall.SIGINT)))
	case err != nil:
		s.leave("it cannot be run", fmt.Sprintf("%s: %s", command, err))
	case out.Reason != stats.Verified:
		s.leave("it changed meanwhile", command)
	default:
		s.ran++
		if out.Another {
			s.another++
		}
		return nil
	}
	return nil
}

// sink is where the output of a command goes that is only compared. Two of them are two streams.
type sink struct{ name string }

func (*sink) Write(p []byte) (int, error) { return len(p), nil }

// request is what runs the command of a result again, and the recipe that it has now.
func (s *sampling) request(there *App, m cachedir.Meta, spec hashing.Spec, settings Settings) (
	q engine.Request, now hashing.Recipe, err error,
) {
	spec.Environ, spec.Secret = there.Environ, settings.Secret
	spec.IgnoreWords = !settings.ArgFiles
	spec.Past, _ = beyondItself(spec.Argv[0], spec.Dir, there.Environ)
	made, err := there.callOf(settings, spec, nil)
	if err != nil {
		return q, now, err
	}
	q = made.Request
	q.Vary = nil
	for _, v := range spec.Vary {
		q.Vary = append(q.Vary, v.Text)
	}
	q.OwnsProcess, q.Verify, q.Network, q.FeedStdin = true, 1, true, false
	q.Private, q.TTL, q.TTLFail = m.Private, m.TTL, m.TTL
	q.CacheExit = func(code int) bool { return settings.CacheExit.Has(code) || code == m.Code }
	if !m.Until.IsZero() {
		q.Until = func(time.Time) time.Time { return m.Until }
	}
	q.Tags = nil
	for _, tag := range m.Tags {
		q.Tags = append(q.Tags, tag.Name)
	}
	stdout := &sink{"stdout"}
	q.Stdout, q.Stderr = stdout, &sink{"stderr"}
	if m.Merged {
		q.Stderr = stdout
	}
	visible := spec
	visible.Environ, visible.User = hashing.VisibleEnviron(spec), s.dir.SharedAs()
	if visible.Vary, err = engine.VaryOutputs(context.Background(), q.Vary, visible, true); err != nil {
		return q, now, err
	}
	now, err = hashing.Capture(visible, s.dir.Digests())
	return q, now, err
}
