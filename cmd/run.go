package cmd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/cmd/memo"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

func newRunCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARG...]",
		Short: "run a command, or replay its stored result",
		Long: `Run replays the stored result of a command while it is fresh: stdout, stderr and the exit code, byte for
byte. Otherwise it runs the command, shows its output as it comes, and stores it. Runs of the same command at the same
time share one execution.

What makes two runs the same: the words of the command line, the executable and its content, the working directory, some
environment variables, and what --env, --file, --stdin and --scope add. Only exit code 0 is replayed unless --cache-exit
says otherwise.

Of the environment LANG, LANGUAGE, LC_*, TZ, COLUMNS and LINES are always in the key, and the variables of known tools
where the command line leads to one: GO* and CGO_* for go, GIT_* for git, PG* for psql, NODE_* for node, PYTHON* for
python and its scripts, and so on; PATH where a shell searches it. What differs in each session and changes nothing is
left out. --env @go adds the variables of a tool, as for a wrapper of it (the setting tool of a rule does that, too),
--env @known those of all tools, CC, CFLAGS and MAKEFLAGS among them; --env @none leaves none but those that are named.
All other variables are not in the key: name them, as in --env API_URL; or with --strict-env the command does not see
them, but for HOME, PATH, USER, LOGNAME, SHELL, TMPDIR, TERM and LANG. With --key only what flags name is in the key.
Values are stored as digests.

With --trace more variables are in the key. If all programs that ran are known (git, gcc, go vet, grep, find, sed, jq, ls,
sort and the like, as the system has them) and ran no code of their user, as shells, make and python do, these are those
of their tools and a base: HOME, PATH, USER, LOGNAME, SHELL, TMPDIR, TERM, XDG_*, LD_* and others of the loader and the C
library. Else it is every variable but those of terminals and sessions. Cachex inputs lists them. Files of more than 64
MiB that are no programs are compared by size, times and inode, and such results stay on this machine.

What a command reads is named best by --file @git: all files of the Git repository, in submodules, too, that are tracked
or not ignored, as they are on the disk; @git:DIR is a part, @git:. the working directory. --file '!**/*.md' leaves out
what cannot matter. --file @LIST takes the names in a file, one a line or with a NUL behind each, and that file. Names,
in lists, too, begin in the working directory, or where the project file is that has them. What is in .git counts only
if it is named.

Files that the command makes are part of its result if --output names them, below the working directory: build/app, '*.o',
dist/; or absolutely, as flags and the user's own configuration may. They are stored when it exits 0, with permissions, links, empty directories and holes, and without owner, extended
attributes and hard links. A hit puts them where they were before anything is printed. What is right already is not
touched; what a run of cachex has left here, or of which the key says what it holds, is replaced, all
or nothing; and where there is anything else the command runs, as it does where a file cannot be put in place. What cannot
be stored is delivered, with a warning. So is what lay there before, if no run of this command has written it: it may be
yours. What changes while the command runs counts as the command's; two runs of cachex that make the same files at the same
time are not stored, and of an editor nothing is known.

A hit leaves alone what it does not know in DIR/ and behind globs, also what other runs have made and what the run that was
stored has removed; --output-clean removes it. --output-touch makes all files modified now, for make goes by times;
--keep-mtime gives them the times of the run. The umask is in the key. Nothing stale is served with files, but in place of
a failure with --stale-if-error.

A file that the command reads and then changes should be an input, too, as f in sort -o f f: its state before the run is in
the key, so that what was formatted is run once more, and then is a hit. A word that names an output is no input if what
it holds is not read: behind -o, --output and the like, where mkdir -p, rm, tar c and tee write, and behind the > of a
shell text. Any other is one, as behind >> or with -a; but a file that the command has made where none was, and that is as
it was left, is no reason to run again. With --trace all of that is seen: what the run used of an output
before it wrote it counts as it was then. --trace --output auto stores all that it made or changed below the working
directory, but in .git.

Compilers write down what they have read: --depfile x.d takes the Makefile rules that gcc -MMD -MF x.d, clang, rustc
--emit dep-info and protoc --dependency_out write, and makes those files inputs of the next look, and variables that
rustc names. Names begin in the working directory; with --cwd repo those below the repository are the same in each
clone. Up to eight states are kept. The file is an output, too: make reads it. It counts if this run has written it, to
its end, and all files that it names are there; else, and after a failure, nothing is stored. What a compiler looked for
in vain is in no depfile: a header that comes to be found earlier in the include path is not seen. --trace sees it, with
--output auto. With -MMD no headers of the system count; with -MD they do. Flags, and what CPATH and the like say, are
in the key. __DATE__ is replayed: set SOURCE_DATE_EPOCH, which is in the key, or name a --ttl. Colours are as recorded:
say -fdiagnostics-color=always. With -g the object names the directory, so for --cwd repo map that without naming it in
a word: -c 'gcc -ffile-prefix-map="$PWD"=. "$@"'.

The command gets an empty stdin unless --stdin is given, at a terminal, too: what is typed is in no key. What is not to
be cached (--no-cache, --purge-tag, --only-if) gets stdin as it is, and so do shells and interpreters without a script,
and -it of docker, podman and kubectl, if it is a terminal. The output is stored in the cache directory as it is, unless
the setting encrypt is true: do not cache commands that print secrets. What prints the value of a
variable in its key whose name says that it is a secret, such as API_TOKEN, is not stored.

With --pty the command writes to a terminal: colours stay, stdout and stderr are one stream, on stdout, and lines end in
CR LF. --strip-ansi always leaves of that the text, for grep and files: no escape sequences, and lines as the command
ended them; auto does so where stdout is no terminal. A CR alone and backspaces stay (col -b takes them out). That holds
for the run that makes a result and for each replay, and what is stored is the same. Questions to the terminal, such as
where its cursor is, are never replayed: the answer would come to your shell.

In GitHub Actions -v says of what was replayed by a ::notice, and there and in GitLab its output is folded where stdout
and stderr are one. Lines of ::add-mask:: are printed whatever --replay leaves out, so that words stay masked.`,
		Example: `  cachex run --ttl 10m -- kubectl get pods
  cachex run --file @git --env STAGE -- go vet ./...
  cachex run --ttl 1d --cache-exit 0,1 -- golint ./...
  echo '{"a":1}' | cachex run --stdin -- jq .a
  cachex run -c 'git log | head -5'
  cachex run --ttl none --depfile x.d --output x.o -- gcc -MMD -MF x.d -c x.c -o x.o`,
		RunE: func(c *cobra.Command, args []string) error { return app.run(c, args) },
	}
	c.Long += exitCodes(
		"the command's own; a command that dies of a signal makes cachex die of it",
		"3    --no-wait has no answer yet",
		"125  cachex cannot do what it was told: bad flag, bad configuration, nothing to replay",
		"126  the command cannot be executed",
		"127  the command was not found")
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	return c
}

func (a *App) run(c *cobra.Command, args []string) error {
	refresher := a.takeRefresher()
	argv, err := words(c, args)
	if err != nil {
		return err
	}
	status, err := givenFile(c, "status-fd", refresher != nil)
	if err != nil {
		return err
	}
	memory, err := shellMemory(c, refresher != nil)
	if err != nil {
		return err
	}
	s, warnings, err := a.settingsFor(c, argv)
	if err != nil {
		return err
	}
	if a.wraps && !s.matched { // no rule is about the command: it is none of ours
		s.NoCache, s.CachedOnly = true, false
	}
	spec, err := a.spec(c, s, argv)
	if err != nil {
		return err
	}
	warm, _ := c.Flags().GetBool("warm")
	if warm && (s.NoCache || len(s.PurgeTag) > 0) {
		return &usageError{
			Err:  errors.New("--warm: nothing is stored of this run"),
			Hint: "leave out --warm, or --no-cache and --purge-tag",
		}
	}
	noWait, err := noWait(c, &s)
	if err != nil {
		return err
	}
	if s.OutputTouch && s.KeepMtime {
		return &usageError{
			Err:  errors.New("--output-touch and --keep-mtime cannot both be"),
			Hint: "leave out one of the two; cachex config says where they are set",
		}
	}
	if (warm || noWait) && len(spec.Outputs) > 0 {
		return &usageError{
			Err:  errors.New("--output: a run in the background would change files when its caller has gone on"),
			Hint: "leave out --output, or --warm and --no-wait",
		}
	}
	if s.Pty && (s.Replay == engine.ReplayStdout || s.Replay == engine.ReplayStderr) {
		return &usageError{
			Err:  errors.New("--replay: a pseudo-terminal has one stream for both"),
			Hint: "leave out --pty, or write --replay all or none",
		}
	}
	if s.StripANSI != engine.StripNever && !s.Pty && c.Flags().Changed("strip-ansi") {
		return &usageError{
			Err:  errors.New("--strip-ansi: only what --pty records is ever changed"),
			Hint: "add --pty, or leave out --strip-ansi: what a command writes to pipes is replayed as it is",
		}
	}
	made, err := a.callOf(s, spec, texts(warnings))
	if err != nil {
		return err
	}
	made.Request.Warm, made.Request.NoWait, made.Request.Refresher = warm, noWait, refresher
	made.Status, made.Memory = status, memory
	return memo.Run(&a.Process, made)
}

// callOf is the call that the settings want.
func (a *App) callOf(s Settings, spec hashing.Spec, warnings []string) (*call.Call, error) {
	trouble := s.unreached
	if spec.Dir == "" {
		trouble = errNowhere
	}
	if err := outsideOutput(spec.Outputs); err != nil && trouble == nil {
		trouble = err
	}
	tiers, err := tiersOf(s, a.LookupEnv)
	if err != nil {
		return nil, err
	}
	keys, err := storeKeys(s)
	if err != nil {
		return nil, err
	}
	return &call.Call{
		Request: engine.Request{
			Spec: spec, TTL: s.TTL, TTLFail: s.TTLFail,
			Jitter: float64(s.Jitter), Stale: s.Stale, StaleIfError: s.StaleIfError,
			Early: float64(s.Early), Until: s.TTLUntil.Next(),
			Tags: guardTags(s.Tag, s.Secret), PurgeTags: guardTags(s.PurgeTag, s.Secret), Private: s.Private,
			Verify:  float64(s.Verify),
			Refresh: s.Refresh, CachedOnly: s.CachedOnly, NoCache: s.NoCache, Trouble: trouble, ReadOnly: s.ReadOnly,
			OnlyIf: s.OnlyIf, Wait: s.Wait, Follow: s.Follow, Replay: s.Replay, StripANSI: s.strips(),
			FeedStdin: s.Stdin, Vary: s.Vary, FileTimes: fileTimes(s), CleanFiles: s.OutputClean,
			Network: s.Trace && len(s.from("ttl")) > 0,
			MinCost: s.MinCost, MaxEntry: s.MaxEntry, MaxEntries: int(s.MaxEntries),
			Tiers: tiers, TiersRequired: s.RemoteRequired,
		},
		CacheExit: s.CacheExit, CacheDir: s.CacheDir, Store: storeOptions(s, keys),
		Explain: s.Explain, Quiet: s.Quiet,
		Warnings: warnings,
		PlainTiers: func(dir *cachedir.Dir, hit bool) []string {
			return texts(plainTiers(s, a.LookupEnv, &spec, dir, hit))
		},
		AnyCommand:    !s.ruled,
		Places:        func() []string { return s.configuration(false) },
		Configuration: s.restsOn,
	}, nil
}

// fileTimes are those that files of a stored result get.
func fileTimes(s Settings) outputs.Times {
	switch {
	case s.KeepMtime:
		return outputs.TimesOfRun
	case s.OutputTouch:
		return outputs.TimesNow
	}
	return outputs.TimesAsWritten
}

// strips is what is left out of the output of a call: none but that of a pseudo-terminal is ever changed, so that calls
// without one are remembered as if nothing was set.
func (s *Settings) strips() engine.StripANSI {
	if !s.Pty {
		return engine.StripNever
	}
	return s.StripANSI
}

// errNowhere is why a run is not cached that does not know where it is.
var errNowhere = errors.New("the working directory cannot be named")

// noWait reports whether the call is not to wait, and makes the settings fit: what is old is served at any age unless a
// bound was given. What other flags want and it cannot give is an error; where a variable or a file wants that, the
// flag beats it.
func noWait(c *cobra.Command, s *Settings) (bool, error) {
	if given, _ := c.Flags().GetBool("no-wait"); !given {
		return false, nil
	}
	for _, name := range []string{"refresh", "verify", "warm", "no-cache", "purge-tag", "wait", "follow"} {
		if f := c.Flag(name); f.Changed && f.Value.String() != "false" {
			return false, &usageError{
				Err:  fmt.Errorf("--no-wait and --%s cannot both be", name),
				Hint: "leave out one of the two: --no-wait runs nothing before it has answered, and waits for nobody",
			}
		}
	}
	if len(s.PurgeTag) > 0 {
		return false, &usageError{
			Err:  errors.New("--no-wait: the command purges tags by a rule, so that it always runs"),
			Hint: "leave out --no-wait, or see cachex config for the rule",
		}
	}
	s.Refresh = false
	if s.from("stale") == nil {
		s.Stale = NoEnd
	}
	return true, nil
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
	value, ok := a.LookupEnv(engine.RefreshVariable)
	if !ok {
		return nil
	}
	a.Environ = slices.DeleteFunc(slices.Clone(a.Environ), func(kv string) bool {
		return strings.HasPrefix(kv, engine.RefreshVariable+"=")
	})
	refresher, _ := engine.ParseRefresher(value)
	return refresher
}

// givenFile opens the descriptor that a flag names; nil when it is not asked for, or does not exist in the background.
func givenFile(c *cobra.Command, flag string, background bool) (*os.File, error) {
	if background || !c.Flags().Changed(flag) {
		return nil, nil
	}
	fd, err := c.Flags().GetInt(flag)
	if err != nil {
		return nil, err
	}
	bad := func(why string) error {
		return &usageError{
			Err:  fmt.Errorf("--%s %d: %s", flag, fd, why),
			Hint: fmt.Sprintf("open it in the shell, as in 3>status.json --%s 3", flag),
		}
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

// shellMemory is the shell that remembers results itself; nil: there is none.
func shellMemory(c *cobra.Command, background bool) (*call.Memory, error) {
	text, _ := c.Flags().GetString("memory")
	life, err := ParseDuration("--memory", text)
	if err != nil {
		return nil, err
	}
	file, err := givenFile(c, "memory-fd", background)
	if file == nil || err != nil {
		return nil, err
	}
	return &call.Memory{File: file, Life: life, Alone: file.Fd() == 1}, nil
}
