package cmd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

func newRunCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARG...]",
		Short: "run a command, or replay its stored result",
		Long: `Run replays the stored result of a command while it is fresh: stdout, stderr and the exit code, byte for byte.
Otherwise it runs the command, shows its output as it comes, and stores it. Runs of the same command at the same time
share one execution.

What makes two runs the same: the words of the command line, the executable and its content, the working directory,
and what --env, --file, --stdin and --scope add. Only exit code 0 is replayed unless --cache-exit says otherwise.

The command gets an empty stdin unless stdin is a terminal or --stdin is given. Its output is stored in the cache
directory as it is, unless the setting encrypt is true: do not cache commands that print secrets.`,
		Example: `  cachex run --ttl 10m -- kubectl get pods
  cachex run --file go.mod --file '**/*.go' --env GOFLAGS -- go vet ./...
  cachex run --ttl 1d --cache-exit 0,1 -- golint ./...
  echo '{"a":1}' | cachex run --stdin -- jq .a
  cachex run -c 'git log | head -5'`,
		RunE: func(c *cobra.Command, args []string) error { return app.run(c, args) },
	}
	c.Long += exitCodes(
		"the command's own; a command that dies of a signal makes cachex die of it",
		"125  cachex cannot do what it was told: bad flag, bad configuration, nothing to replay",
		"126  the command cannot be executed",
		"127  the command was not found")
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addKeyFlags(c.Flags())
	addPolicyFlags(c.Flags())
	c.Flags().Bool("warm", false, "see to it, in the background, that a fresh result will be there, and print nothing")
	c.Flags().BoolP("explain", "v", false, "one line on stderr: hit or miss, why, age, time saved")
	c.Flags().Int("status-fd", -1, "the same as one JSON line on this descriptor `N`")
	c.Flags().BoolP("quiet", "q", false, "no warnings")
	return c
}

func (a *App) run(c *cobra.Command, args []string) error {
	refresher := a.takeRefresher()
	argv, err := words(c, args)
	if err != nil {
		return err
	}
	status, err := statusFile(c, refresher != nil)
	if err != nil {
		return err
	}
	s, warnings, err := a.settingsFor(c, argv)
	if err != nil {
		return err
	}
	spec, err := a.spec(c, s, argv)
	if err != nil {
		return err
	}
	if spec.Dir == "" {
		s.NoCache = true
		warnings = append([]Warning{"not cached: the working directory cannot be named"}, warnings...)
	}
	warm, _ := c.Flags().GetBool("warm")
	if warm && (s.NoCache || len(s.PurgeTag) > 0) {
		return &usageError{Err: errors.New("--warm: nothing is stored of this run"), Hint: "leave out --warm, or --no-cache and --purge-tag"}
	}
	held, _ := a.lookupEnv("CACHEX_HELD")
	encloser, _ := a.lookupEnv("CACHEX_CONTROL")
	_, freshOnly := a.lookupEnv(engine.FreshVariable)
	tiers, err := a.tiers(s)
	if err != nil {
		return err
	}
	keys, err := storeKeys(s)
	if err != nil {
		return err
	}
	var dir *cachedir.Dir
	eng := engine.Engine{Open: func() (_ *cachedir.Dir, err error) { dir, err = a.openStoreWith(s, keys, false); return dir, err }}
	short := len(warnings) == 0 && status == nil && !warm && refresher == nil && held == "" && !freshOnly && mayShorten(s, spec)
	began := time.Now()
	out, err := eng.Do(engine.Request{
		Spec: spec, TTL: s.TTL, TTLFail: s.TTLFail, CacheExit: s.CacheExit.Has,
		Jitter: float64(s.Jitter), Stale: s.Stale, StaleIfError: s.StaleIfError, Early: float64(s.Early), Until: s.TTLUntil.Next(),
		Tags: guardTags(s.Tag, s.Secret), PurgeTags: guardTags(s.PurgeTag, s.Secret), Private: s.Private,
		Refresh: s.Refresh, Warm: warm, CachedOnly: s.CachedOnly, NoCache: s.NoCache, ReadOnly: s.ReadOnly,
		Wait: s.Wait, Follow: s.Follow, FeedStdin: s.Stdin, Vary: s.Vary, Explain: s.Explain || status != nil,
		MinCost: s.MinCost, MaxEntry: s.MaxEntry, MaxEntries: int(s.MaxEntries),
		Tiers: tiers, TiersRequired: s.RemoteRequired,
		Held: held, Encloser: encloser, Self: a.self(), Refresher: refresher, FreshOnly: freshOnly, Waiting: a.waiting(s),
		Standing: short, Restarted: a.restarted, Stdin: a.Stdin, Stdout: a.Stdout, Stderr: a.Stderr,
	})
	unread := !s.Stdin && runner.InputWaiting(a.Stdin)
	if len(warnings) == 0 && out.Warning == nil && out.Doubt == nil && !unread && !s.Quiet && dir != nil {
		warnings = a.plainTiers(s, dir)
	}
	if !s.Quiet {
		a.warnOnce(out, warnings, unread)
	}
	if out.Standing != nil && !unread {
		a.shorten(dir, s, spec, out, began)
	}
	if s.Explain && out.Served != cachedir.Declined { // then the error says it
		a.warn(explainLine(out))
	}
	if status != nil {
		if err := writeStatus(status, out); err != nil && !s.Quiet {
			a.warn(fmt.Sprintf("--status-fd: %v", err))
		}
	}
	if err != nil {
		return err
	}
	if out.Signal != 0 {
		runner.Die(out.Signal)
		return exitStatus(128 + out.Signal) // where a process cannot die of it
	}
	return exitStatus(out.Code)
}

// guardTags lists tags as entries hold them: one that looks secret only by its digest.
func guardTags(given []string, secret []byte) []string {
	var tags []string
	for _, tag := range given {
		tags = append(tags, hashing.Guard(tag, secret))
	}
	return tags
}

// takeRefresher tells whether this process renews a result in the background, and hides that from the command.
func (a *App) takeRefresher() *engine.Refresher {
	value, ok := a.lookupEnv(engine.RefreshVariable)
	if !ok {
		return nil
	}
	a.Environ = slices.DeleteFunc(slices.Clone(a.Environ), func(kv string) bool {
		return strings.HasPrefix(kv, engine.RefreshVariable+"=")
	})
	refresher, _ := engine.ParseRefresher(value)
	return refresher
}

// self is how this program is started again.
func (a *App) self() engine.Self {
	path, err := os.Executable()
	if err != nil {
		path = os.Args[0]
	}
	return engine.Self{Path: path, Argv: append([]string{"cachex"}, a.Args...), Env: a.Environ}
}

// waiting explains a long wait to who can see it: a person at a terminal, or the log of a CI job.
func (a *App) waiting(s Settings) func(engine.Wait) {
	ci, _ := a.lookupEnv("CI")
	if s.Quiet || !runner.IsTerminal(a.Stderr) && (ci == "" || ci == "false") {
		return nil
	}
	return func(w engine.Wait) { a.warn(waitLine(w)) }
}

// restarted tells a person where another output begins. It is said under -q too: without it a mixture would pass for a whole.
func (a *App) restarted(midLine bool) {
	if midLine {
		fmt.Fprintln(a.Stderr)
	}
	a.warn("what was shown so far is no result: this is another run")
}

func waitLine(w engine.Wait) string {
	line := "waiting for another run of this command"
	if w.PID > 0 {
		line = fmt.Sprintf("waiting for pid %d, which runs this command", w.PID)
	}
	if w.Since >= 0 {
		line += ", " + engine.Short(w.Since) + " in"
	}
	if w.Usual > 0 {
		line += ", usually " + engine.Short(w.Usual)
	}
	return line
}

// warnOnce prints the one warning that a run may have: the gravest of those that came up.
func (a *App) warnOnce(out engine.Outcome, settings []Warning, unread bool) {
	switch {
	case out.Warning != nil:
		a.warn(out.Warning.Error())
	case unread:
		a.warn("stdin has data that the command does not get: feed it with --stdin, or silence this with </dev/null")
	case out.Doubt != nil:
		a.warn(out.Doubt.Error())
	case len(settings) == 1:
		a.warn(settings[0].String())
	case len(settings) > 1:
		a.warn(fmt.Sprintf("%s (and %d more: see cachex config)", settings[0], len(settings)-1))
	}
}

// explainLine is what -v prints.
func explainLine(out engine.Outcome) string {
	var b strings.Builder
	switch out.Served {
	case cachedir.Hit:
		fmt.Fprintf(&b, "hit, %s old, saved %s", engine.Short(out.Age), engine.Short(out.Saved))
	case cachedir.Stale:
		fmt.Fprintf(&b, "stale, %s old, saved %s", engine.Short(out.Age), engine.Short(out.Saved))
	case cachedir.Shared:
		fmt.Fprintf(&b, "shared a concurrent run, saved %s", engine.Short(out.Saved))
	case cachedir.Bypassed:
		b.WriteString("ran uncached")
	default:
		b.WriteString("miss")
	}
	if out.Refreshed {
		b.WriteString(", refreshing in the background")
	}
	if why := missWords(out); why != "" {
		b.WriteString(": " + why)
	}
	if out.Served == cachedir.Missed && out.NotStored != "" {
		b.WriteString("; not stored: " + out.NotStored)
	}
	if len(out.Unknown) > 0 {
		b.WriteString("; ignored in CACHEX_CONTROL: " + strings.Join(out.Unknown, ", "))
	}
	return b.String()
}

func missWords(out engine.Outcome) string {
	switch {
	case out.Served == cachedir.Bypassed && out.NotStored != "" && out.Detail != "":
		return out.NotStored + "; " + out.Detail
	case out.Served == cachedir.Bypassed && out.NotStored != "":
		return out.NotStored
	case out.Detail != "":
		return out.Detail
	}
	return string(out.Reason)
}

// status is the JSON line of --status-fd. Times are seconds.
type status struct {
	Result    string  `json:"result"`
	Reason    string  `json:"reason,omitempty"`
	Detail    string  `json:"detail,omitempty"`
	Key       string  `json:"key,omitempty"`
	Exit      int     `json:"exit"`
	Signal    int     `json:"signal,omitempty"`
	Age       float64 `json:"age_seconds"`
	Took      float64 `json:"took_seconds"`
	Saved     float64 `json:"saved_seconds"`
	Bytes     int64   `json:"bytes"`
	Stored    bool    `json:"stored"`
	Refreshed bool    `json:"refreshed,omitempty"`
	NotStored string  `json:"not_stored,omitempty"`
	Warning   string  `json:"warning,omitempty"`
}

func writeStatus(f *os.File, out engine.Outcome) error {
	st := status{
		Result: string(out.Served), Reason: string(out.Reason), Detail: out.Detail, Exit: out.Code, Signal: out.Signal,
		Age: out.Age.Seconds(), Took: out.Took.Seconds(), Saved: out.Saved.Seconds(),
		Bytes: out.Bytes, Stored: out.Stored, Refreshed: out.Refreshed, NotStored: out.NotStored,
	}
	if out.Key != (hashing.Key{}) {
		st.Key = out.Key.String()
	}
	if warning := cmp.Or(out.Warning, out.Doubt); warning != nil {
		st.Warning = warning.Error()
	}
	line, err := json.Marshal(st)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return err
}

// statusFile opens the descriptor that --status-fd names; nil when it is not asked for, or does not exist in the background.
func statusFile(c *cobra.Command, background bool) (*os.File, error) {
	if background || !c.Flags().Changed("status-fd") {
		return nil, nil
	}
	fd, err := c.Flags().GetInt("status-fd")
	if err != nil {
		return nil, err
	}
	bad := func(why string) error {
		return &usageError{Err: fmt.Errorf("--status-fd %d: %s", fd, why), Hint: "open it in the shell, as in 3>status.json --status-fd 3"}
	}
	if fd < 0 {
		return nil, bad("not a descriptor")
	}
	f := os.NewFile(uintptr(fd), fmt.Sprintf("descriptor %d", fd))
	if f == nil {
		return nil, bad("not a descriptor")
	}
	if _, err := f.Stat(); err != nil {
		if errors.Is(err, os.ErrInvalid) {
			return nil, bad("not a descriptor")
		}
		return nil, bad("not open")
	}
	if fd > 2 {
		keepFromCommand(fd)
	}
	return f, nil
}
