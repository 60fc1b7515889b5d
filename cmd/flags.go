package cmd

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// addKeyFlags declares what makes the identity of a run. The same flags mean the same in run, key, why and purge.
func addKeyFlags(fs *pflag.FlagSet) {
	fs.StringP("shell", "c", "", "run this shell `TEXT` through sh -c; the remaining words are $0, $1, ...")
	fs.String("with-shell", "sh", "the `SHELL` that runs the text of -c: bash, zsh, fish, or any program that has -c")
	addList(fs, "env",
		"put more environment variables in the key: a `NAME[,...]`, globs allowed; unset differs from empty; "+
			"@go those of a tool, @none no others than these")
	fs.Bool("strict-env", false,
		"the command sees no variables but those in its key and HOME, PATH, USER, LOGNAME, SHELL, TMPDIR, TERM, LANG")
	addList(fs, "file",
		"put the contents of files in the key: @git, those of the Git repository that are not ignored, @git:DIR, a part of "+
			"them; a `PATH`, ** globs, directories; @LIST, what a file lists; !GLOB leaves out; absent differs from empty")
	addList(fs, "output",
		"a file, directory or glob that the command makes, below the working directory or absolute: a `PATH`, stored with "+
			"the result and put in place on a hit; auto, with --trace: all that it makes in the working directory")
	fs.String("depfile", "",
		"the command writes Makefile rules to this `FILE`, as gcc -MMD, rustc and protoc do: what they name is an input, and the "+
			"file an output")
	fs.Bool("arg-files", true, "words that name files are inputs; those of a shell text too")
	fs.Bool("stdin", false, "read stdin whole, put it in the key, feed it to the command")
	fs.String("cwd", "path", "how the working directory enters the key: a `MODE`, path, repo or none")
	fs.String("exe", "content", "how the executable enters the key: a `MODE`, content, digest, path or none")
	addList(fs, "vary", "put in the key what this shell `TEXT` prints")
	fs.String("scope", "", "free text in the key: a `WORD` such as a version or a salt")
	fs.String("namespace", "", "separates teams, as in `a/b`; purged by prefix")
	fs.String("key", "",
		"the key is this `NAME`, the namespace, the scope and the inputs given by flag; not the command line")
	fs.Bool("pty", false, "run under a pseudo-terminal, so that colours stay")
	fs.Bool("trace", false,
		"observe which files the command and its children read, look for and list: "+
			"those, and the environment, are the key")
	fs.String("trace-times", "strict",
		"whether times of files count that a traced program looked at: a `MODE`, strict or ignore")
	addList(fs, "trace-ignore", "what a traced command reads below this `GLOB` does not count")
	addList(fs, "trace-keep", "what a traced command reads below this `GLOB` counts, whatever is left out")
	addList(fs, "env-except",
		"leave these variables of a traced command out of the key: a `NAME[,...]`, globs allowed; "+
			"@ci are those that CI systems set for each job")
	addList(fs, "env-only",
		"put no variables of a traced command in the key but these, and those that are in each key: a `NAME[,...]`, "+
			"globs allowed; @none: no others")
}

// addPolicyFlags declares what decides whether a result is used, made and kept.
func addPolicyFlags(fs *pflag.FlagSet) {
	fs.String("ttl", "1h", "how long a result is fresh: a duration `D`; none: no end; 0: only for concurrent callers")
	fs.String("ttl-fail", "",
		"how long a result with another exit code than 0 is fresh: `D` as for --ttl "+
			"(alone it implies --cache-exit any)")
	fs.String("cache-exit", "0", "exit codes that may be replayed: a `LIST` such as 0,1 or 0-3, or any")
	fs.String("ttl-until", "", "a result's life ends at the next `HH:MM`, local time")
	fs.String("jitter", "", "shorten each life by up to `P`%, so that results stored together do not end together")
	fs.String("stale", "", "for `D` after its life, serve the old result while one refresh runs in the background")
	fs.String("stale-if-error", "", "for `D` after its life, serve the old result if the command fails")
	fs.String("early", "",
		"refresh by chance before a life ends, in the background; `BETA` 1 is usual, more is earlier")
	fs.Bool("refresh", false, "run now and replace what is stored")
	fs.String("verify", "",
		"run `P`% of the hits all the same, and say if the stored result was another; the new one takes its place")
	fs.Bool("cached-only", false, "never run: exit 125 when there is nothing to replay")
	fs.Bool("no-wait", false,
		"answer at once: the old result, of any age unless --stale bounds it, or nothing and exit 3; "+
			"one run in the background renews it")
	fs.Bool("no-cache", false, "run, touch nothing, share with nobody")
	addList(fs, "only-if",
		"cache only while the variable is that, `NAME=VALUE`; of several all must hold; else run uncached")
	fs.Bool("read-only", false, "use entries, also those of --remote, and store none")
	fs.String("wait", "", "wait at most `D` for another run of the same recipe, then run alone")
	fs.Bool("remote-required", false, "fail when a server of --remote cannot be used")
	addList(fs, "tag", "label the entry with this `TAG` for purge --tag")
	addList(fs, "purge-tag", "run, store nothing, and purge this `TAG` if the command succeeds")
	fs.Bool("private", false, "for this user and this machine alone")
	fs.String("min-cost", "", "do not store a result that took less than `D`")
	fs.String("max-entry", "", "do not store more output than `SIZE`")
	fs.String("max-entries", "", "keep at most `N` entries of this scope and namespace: those used last")
	fs.Bool("follow", false, "while waiting for another run, print what it writes (usual at a terminal)")
}

// addSayingFlags declares what a run prints besides the output of its command.
func addSayingFlags(fs *pflag.FlagSet) {
	fs.String("replay", "all",
		"how loud a stored result is: print of it all, stdout, stderr or none, this `PART`; the exit code always")
	fs.Bool("output-touch", false, "on a hit, all files of --output are modified now, for make goes by times")
	fs.Bool("output-clean", false, "a hit also removes what --output names and the result does not have")
	fs.Bool("keep-mtime", false, "on a hit, files of --output get the times at which the command modified them")
	fs.String("strip-ansi", "never",
		"with --pty, print text without colours and other escape sequences: a `MODE`, always, auto (where stdout is no "+
			"terminal) or never")
	fs.Bool("warm", false, "see to it, in the background, that a fresh result will be there, and print nothing")
	fs.BoolP("explain", "v", false, "one line on stderr: hit or miss, why, age, time saved")
	fs.Int("status-fd", -1, "the same as one JSON line on this descriptor `N`")
	fs.Lookup("status-fd").DefValue = "" // -1 is for nobody to see
	fs.BoolP("quiet", "q", false, "no warnings")
	fs.String("memory", "0", "for shells that remember results themselves: at most so long, a duration `D`")
	fs.Int("memory-fd", -1, "where they are told of results: a descriptor `N`; 1: and print nothing else")
	for _, name := range []string{"memory", "memory-fd"} {
		fs.Lookup(name).Hidden = true
	}
}

// addRunFlags declares all flags of run.
func addRunFlags(fs *pflag.FlagSet) {
	addKeyFlags(fs)
	addPolicyFlags(fs)
	addSayingFlags(fs)
}

// showOnly hides all flags of a command but these. It takes the others, so that the flags of a run can be given to it
// as they are.
func showOnly(fs *pflag.FlagSet, names ...string) {
	fs.VisitAll(func(f *pflag.Flag) { f.Hidden = !slices.Contains(names, f.Name) })
}

// keyFlags lists what addKeyFlags declares, in its order.
func keyFlags() (names []string) {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.SortFlags = false
	addKeyFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// inputFlags lists those of keyFlags that tell recipes of one command from each other.
func inputFlags() []string {
	ofCommand := []string{"shell", "with-shell", "namespace", "key"}
	return slices.DeleteFunc(keyFlags(), func(name string) bool { return slices.Contains(ofCommand, name) })
}

// words splits what stands behind the flags into the words of the command line, with -c becoming sh -c.
func words(c *cobra.Command, args []string) ([]string, error) {
	text, _ := c.Flags().GetString("shell")
	shell, _ := c.Flags().GetString("with-shell")
	switch {
	case c.Flags().Changed("with-shell") && !c.Flags().Changed("shell"):
		return nil, &usageError{
			Err:  errors.New("--with-shell: no text for it"),
			Hint: "write -c 'SHELL TEXT' --with-shell " + cmp.Or(shell, "bash"),
		}
	case shell == "":
		return nil, &usageError{Err: errors.New("--with-shell: empty name"), Hint: "write --with-shell bash"}
	case c.Flags().Changed("shell") && strings.TrimSpace(text) == "":
		return nil, &usageError{Err: errors.New("-c: empty shell text"), Hint: "write -c 'SHELL TEXT'"}
	case c.Flags().Changed("shell"):
		return append([]string{shell, "-c", text}, args...), nil
	case len(args) == 0:
		return nil, &usageError{
			Err:  errors.New("no command given"),
			Hint: "write " + c.CommandPath() + " [flags] -- COMMAND [ARG...]",
		}
	case args[0] == "":
		return nil, &usageError{
			Err:  errors.New("the command is an empty word"),
			Hint: "check the quoting: the first word behind the flags names a program",
		}
	}
	return args, nil
}

// settingsFor merges flags, environment and configuration for one command; argv is nil where no rule can apply.
func (a *App) settingsFor(c *cobra.Command, argv []string) (Settings, []Warning, error) {
	dir, err := a.Getwd()
	if err != nil {
		dir = ""
	}
	return loadSettings(settingsInput{
		Flags: c.Flags(), LookupEnv: a.LookupEnv, Environ: a.Environ, Dir: dir, Words: argv,
	})
}

// spec is the identity of a run, all but what --vary prints, under these settings. Dir is empty where the working
// directory cannot be named: run goes on without the cache then.
func (a *App) spec(c *cobra.Command, s Settings, argv []string) (hashing.Spec, error) {
	dir, err := a.Getwd()
	if err != nil {
		dir = ""
	}
	name, _ := c.Flags().GetString("key")
	if c.Flags().Changed("key") && name == "" {
		return hashing.Spec{}, &usageError{Err: errors.New("--key: empty name"), Hint: "write --key NAME"}
	}
	if len(s.EnvOnly) > 0 && len(s.EnvExcept) > 0 {
		return hashing.Spec{}, &usageError{
			Err:  errors.New("--env-only and --env-except cannot both be"),
			Hint: "leave out one of the two: --env-only names all that counts; cachex config -- COMMAND says where they are set",
		}
	}
	files, err := s.selections(name != "")
	if err != nil {
		return hashing.Spec{}, err
	}
	env, outputs := s.Env, s.Output
	for _, tool := range s.Tool {
		env = append(slices.Clip(env), toolMark+tool)
	}
	if name != "" { // a name must mean the same wherever it is asked for: only what stands beside it counts
		env = s.givenByFlag("env", s.Env)
		outputs = s.givenByFlag("output", s.Output)
	}
	depfile := s.Depfile
	if name != "" && !slices.Contains(s.from("depfile"), fromFlag) {
		depfile = ""
	}
	if depfile != "" && s.Trace {
		return hashing.Spec{}, &usageError{
			Err:  errors.New("--depfile and --trace cannot both be"),
			Hint: "leave out one of the two: --trace sees what the command reads, and what it looks for in vain",
		}
	}
	if depfile != "" {
		outputs = append(slices.Clip(outputs), hashing.EscapeGlob(depfile))
	}
	if hashing.HasAutoOutputs(outputs) && (!s.Trace || s.OutputClean) {
		return hashing.Spec{}, badAutoOutputs(s)
	}
	if outputs, err = hashing.OutputsFrom(dir, outputs); err != nil {
		return hashing.Spec{}, err
	}
	variant, isFragment := variantOf(c.Flags())
	var past []string
	if len(argv) > 0 {
		past, _ = beyondItself(argv[0], dir, a.Environ)
	}
	return hashing.Spec{
		Namespace: s.Namespace, Scope: s.Scope, Name: name, Fragment: isFragment, Variant: variant,
		Argv: argv, Past: past, Dir: dir,
		Cwd: s.Cwd, Repo: s.Repo, ProjectRepo: s.ProjectRepo, Exe: s.Exe, Environ: a.Environ, Env: env,
		StrictEnv: s.StrictEnv, Files: files, Outputs: outputs, Depfile: depfile,
		IgnoreWords: !s.ArgFiles, Pty: s.Pty, Secret: s.Secret, Trace: s.trace(dir),
	}, nil
}

// badAutoOutputs: what a run makes is only known if it is observed, and then nobody says what else lies there.
func badAutoOutputs(s Settings) error {
	if !s.Trace {
		return &usageError{
			Err:  errors.New("--output auto: what a command makes is only seen with --trace"),
			Hint: "add --trace, or name the files; a file called auto is ./auto",
		}
	}
	return &usageError{
		Err:  errors.New("--output-clean and --output auto cannot both be"),
		Hint: "name the files, directories or patterns that a hit is to clean",
	}
}

// namedSpec is spec for commands that have no use without a working directory.
func (a *App) namedSpec(c *cobra.Command, s Settings, argv []string) (hashing.Spec, error) {
	spec, err := a.spec(c, s, argv)
	if err == nil && spec.Dir == "" {
		err = &usageError{
			Err:  errors.New("the working directory cannot be named"),
			Hint: "cd to a directory that exists",
		}
	}
	if err != nil {
		return spec, err
	}
	spec.Environ = hashing.VisibleEnviron(spec)
	if s.Pty {
		spec.Terminal = hashing.Size(runner.TerminalSize(a.Stdout, a.Stderr, a.Stdin))
	}
	if spec.User, err = a.sharedAs(s); err == nil {
		spec.Vary, err = engine.VaryOutputs(context.Background(), s.Vary, spec, true)
	}
	return spec, err
}

// sharedAs names the user in keys if the cache directory is that of another one.
func (a *App) sharedAs(s Settings) (string, error) {
	if len(s.TrustOwner) == 0 { // then such a directory is refused
		return "", nil
	}
	dir, err := a.openStore(s, true)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	return dir.SharedAs(), nil
}

// parseKey reads a KEY: 64 hex digits, a unique prefix of at least 8, or name:X.
func parseKey(dir *cachedir.Dir, s Settings, text string) (hashing.Key, error) {
	const least = 8
	if name, ok := strings.CutPrefix(text, "name:"); ok {
		r, err := hashing.Capture(
			hashing.Spec{Namespace: s.Namespace, Scope: s.Scope, Name: name, Secret: s.Secret}, nil,
		)
		return r.Key, err
	}
	if len(text) < least || len(text) > 64 || strings.Trim(text, "0123456789abcdef") != "" {
		return hashing.Key{}, &usageError{
			Err:  fmt.Errorf("%q is not a key", text),
			Hint: "write at least 8 hex digits as cachex ls shows them, or name:X",
		}
	}
	found, err := dir.Find(text, 2)
	switch {
	case err != nil:
		return hashing.Key{}, err
	case len(found) == 0:
		return hashing.Key{}, &usageError{Err: fmt.Errorf("no entry %s", text), Hint: "cachex ls lists the entries"}
	case len(found) > 1:
		return hashing.Key{}, &usageError{
			Err:  fmt.Errorf("several entries begin with %s", text),
			Hint: "write more digits",
		}
	}
	return found[0], nil
}

// stdinDigest hashes stdin for commands that only look: key, why and purge.
func stdinDigest(stdin io.Reader, s Settings, spec *hashing.Spec) error {
	if !s.Stdin {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, stdin); err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	spec.Stdin = (*hashing.Digest)(sum.Sum(nil))
	return nil
}

// openLooking opens the store for commands that only look; they create nothing.
func (a *App) openLooking(c *cobra.Command) (*cachedir.Dir, Settings, error) {
	s, warnings, err := a.settingsFor(c, []string{}) // no rule applies, and name:X may need the secret
	if err != nil {
		return nil, s, err
	}
	a.warnAll(warnings)
	dir, err := a.openStore(s, true)
	return dir, s, err
}

func (a *App) warnAll(warnings []Warning) {
	for _, w := range warnings {
		a.Warn(w.String())
	}
}
