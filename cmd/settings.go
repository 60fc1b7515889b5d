package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/spf13/pflag"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/tools"
	"github.com/cachex-cli/cachex/probe"
)

// Settings is everything that flags, environment and configuration files can
// set, merged. Nothing below it asks where a setting came from.
type Settings struct {
	TTL       time.Duration // NoEnd: fresh for ever; 0: shared with concurrent callers only
	TTLFail   time.Duration // the same for results whose exit code is not 0; equal to TTL unless set
	CacheExit call.ExitSet  // exit codes that may be replayed
	Wait      time.Duration // NoEnd: for ever

	Stale        time.Duration // NoEnd: for ever
	StaleIfError time.Duration // NoEnd: for ever
	TTLUntil     Clock
	Jitter       Percent
	Early        Beta

	MinCost    time.Duration
	MaxEntry   int64 // bytes; 0: no limit
	MaxEntries Count // 0: no limit
	Private    bool
	Follow     bool
	Replay     engine.Replay

	Refresh    bool
	Verify     Percent
	NoCache    bool
	ReadOnly   bool
	CachedOnly bool
	Quiet      bool
	Explain    bool

	CacheDir   string        // absolute; empty: the system's place for caches
	InMemory   bool          // comes before CacheDir
	MaxSize    int64         // bytes, above 0
	Keep       time.Duration // above 0
	TrustOwner []int         // user ids
	SecretFile string        // absolute; empty when the secret was given as a value
	Secret     []byte        // nil: none; read from SecretFile only where there is a command line

	Remote           TierList // URLs of tiers, in their order
	RemoteRequired   bool
	Sign             Algorithm
	RequireSignature bool
	Encrypt          bool
	KeyFile          string // absolute; empty: none

	Env         []string // names and globs; @go and the like
	StrictEnv   bool     // the command sees no other variables
	Tool        []string // whose variables are in the key, besides those that words tell
	ArgFiles    bool     // words that name files are inputs
	File        []string // paths, globs and directories; relative ones to the working directory
	Output      []string // paths, globs and directories, below the working directory or absolute
	Depfile     string   // a file below the working directory; empty: none
	OutputTouch bool
	OutputClean bool
	KeepMtime   bool
	Cwd         hashing.CwdMode
	Repo        string // names the repository in place of its origin's URL
	// ProjectRepo is what a project file says of its repository; it is added.
	ProjectRepo string
	Exe         hashing.ExeMode
	Scope       string
	Namespace   string
	Tag         []string
	PurgeTag    []string
	OnlyIf      []string // NAME=VALUE
	Vary        []string
	Stdin       bool
	Pty         bool
	StripANSI   engine.StripANSI
	Trace       bool
	TraceTimes  TimesMode
	TraceIgnore []string // globs of paths
	TraceKeep   []string // the same
	EnvExcept   []string // names and globs
	EnvOnly     []string // the same; @none

	origins []origin
	files   []configText // of configuration
	ruled   bool         // they have rules, which may give other commands other settings
	matched bool         // one of them is about this command

	seen      *probe.Trail // where configuration was looked for
	unreached error        // why nobody knows whether there is a configuration file; nil: that is known
}

// fromFlag is the origin of what flags give.
const fromFlag = "flag"

// origin says where a setting was given. A list has one for each element, in
// the same order.
type origin struct {
	name string // of the setting
	from string // `flag`, `CACHEX_TTL`, `/src/.cachex.toml:3`
}

// Warning is one line, without `cachex:`, about something that was ignored.
type Warning string

func (w Warning) String() string { return string(w) }

// texts lists warnings as a call prints them.
func texts(warnings []Warning) (all []string) {
	for _, w := range warnings {
		all = append(all, w.String())
	}
	return all
}

// defaultSettings is what holds where nothing else is said.
func defaultSettings() Settings {
	return Settings{
		TTL:       time.Hour,
		CacheExit: call.ExitZero(),
		Wait:      NoEnd,
		MaxSize:   5 << 30,
		Keep:      30 * 24 * time.Hour,
		ArgFiles:  true,
	}
}

// setting is one row of the table that flags, environment, files and `cachex
// config` share. The type behind field says how a value is written.
type setting struct {
	name    string // of the flag and the key in files; CACHEX_NAME in the environment
	policy  bool   // the environment may set it; else it makes identity or effect
	project bool   // a project file may set it, which came with a repository that nobody need trust; see addsTo
	besides string // the setting that this name stands for in a project file; empty: this one
	none    bool   // a duration that may be without an end
	about   string // what it says, where no flag does
	field   func(s *Settings) any
}

// settingTable lists all settings, in the order of `cachex config`.
func settingTable() []setting {
	return []setting{
		{name: "ttl", policy: true, project: true, none: true, field: func(s *Settings) any { return &s.TTL }},
		{name: "ttl-fail", policy: true, project: true, none: true, field: func(s *Settings) any { return &s.TTLFail }},
		{name: "cache-exit", policy: true, project: true, field: func(s *Settings) any { return &s.CacheExit }},
		{name: "ttl-until", policy: true, project: true, field: func(s *Settings) any { return &s.TTLUntil }},
		{name: "jitter", policy: true, project: true, field: func(s *Settings) any { return &s.Jitter }},
		{name: "stale", policy: true, project: true, none: true, field: func(s *Settings) any { return &s.Stale }},
		{
			name: "stale-if-error", policy: true, project: true, none: true,
			field: func(s *Settings) any { return &s.StaleIfError },
		},
		{name: "early", policy: true, project: true, field: func(s *Settings) any { return &s.Early }},
		{name: "wait", policy: true, project: true, none: true, field: func(s *Settings) any { return &s.Wait }},
		{name: "follow", policy: true, field: func(s *Settings) any { return &s.Follow }},
		// not from outside: scripts take what is printed for the result
		{name: "replay", field: func(s *Settings) any { return &s.Replay }},
		{name: "output-touch", policy: true, project: true, field: func(s *Settings) any { return &s.OutputTouch }},
		{name: "output-clean", field: func(s *Settings) any { return &s.OutputClean }}, // it removes files
		{name: "keep-mtime", policy: true, project: true, field: func(s *Settings) any { return &s.KeepMtime }},
		{name: "min-cost", policy: true, project: true, field: func(s *Settings) any { return &s.MinCost }},
		{name: "max-entry", policy: true, project: true, field: func(s *Settings) any { return &s.MaxEntry }},
		{name: "max-entries", project: true, field: func(s *Settings) any { return &s.MaxEntries }},
		{name: "private", project: true, field: func(s *Settings) any { return &s.Private }},
		{name: "verify", policy: true, project: true, field: func(s *Settings) any { return &s.Verify }},
		{name: "refresh", policy: true, field: func(s *Settings) any { return &s.Refresh }},
		{name: "no-cache", policy: true, project: true, field: func(s *Settings) any { return &s.NoCache }},
		{name: "read-only", policy: true, project: true, field: func(s *Settings) any { return &s.ReadOnly }},
		{name: "cached-only", policy: true, field: func(s *Settings) any { return &s.CachedOnly }},
		{name: "explain", policy: true, field: func(s *Settings) any { return &s.Explain }},
		{name: "quiet", policy: true, field: func(s *Settings) any { return &s.Quiet }},
		{name: "cache-dir", policy: true, field: func(s *Settings) any { return &s.CacheDir }},
		{name: "in-memory", policy: true, field: func(s *Settings) any { return &s.InMemory }},
		{
			name: "max-size", policy: true,
			about: "how much room the files in the cache directory may take on the disk: a size such as 500MB or 5GiB",
			field: func(s *Settings) any { return &s.MaxSize },
		},
		{
			name: "keep", policy: true, about: "how long a result that nobody uses is kept: a duration",
			field: func(s *Settings) any { return &s.Keep },
		},
		{name: "trust-owner", policy: true, field: func(s *Settings) any { return &s.TrustOwner }},
		{
			name: "secret-file", policy: true, about: "the file that holds what CACHEX_SECRET would",
			field: func(s *Settings) any { return &s.SecretFile },
		},
		{
			name: "secret", policy: true,
			about: "a text that a team shares; digests of values and words in keys are made with it, so that nobody " +
				"else can guess from them",
			field: func(s *Settings) any { return &s.Secret },
		},
		{name: "remote", policy: true, field: func(s *Settings) any { return &s.Remote }},
		{name: "remote-required", policy: true, field: func(s *Settings) any { return &s.RemoteRequired }},
		{
			name: "sign", policy: true, about: "how values for servers are signed: none, hmac or ed25519",
			field: func(s *Settings) any { return &s.Sign },
		},
		{
			name: "require-signature", policy: true,
			about: "true: values of servers that are not signed are not believed",
			field: func(s *Settings) any { return &s.RequireSignature },
		},
		{
			name: "encrypt", policy: true, about: "true: values for servers, and the cache directory, are encrypted",
			field: func(s *Settings) any { return &s.Encrypt },
		},
		{
			name: "key-file", policy: true, about: "the file with the keys for both",
			field: func(s *Settings) any { return &s.KeyFile },
		},
		{name: "env", project: true, field: func(s *Settings) any { return &s.Env }},
		{name: "strict-env", project: true, field: func(s *Settings) any { return &s.StrictEnv }},
		{
			name: "tool", project: true,
			about: "the tool that a wrapper of it is, such as go: its variables are in the key, as with --env @go",
			field: func(s *Settings) any { return &s.Tool },
		},
		{name: "file", project: true, field: func(s *Settings) any { return &s.File }},
		{name: "output", project: true, field: func(s *Settings) any { return &s.Output }},
		{name: "depfile", project: true, field: func(s *Settings) any { return &s.Depfile }},
		{name: "arg-files", project: true, field: func(s *Settings) any { return &s.ArgFiles }},
		{name: "stdin", project: true, field: func(s *Settings) any { return &s.Stdin }},
		{name: "cwd", project: true, field: func(s *Settings) any { return &s.Cwd }},
		{name: "repo", project: true, besides: "project-repo", field: func(s *Settings) any { return &s.Repo }},
		{name: "project-repo", project: true, field: func(s *Settings) any { return &s.ProjectRepo }},
		{name: "exe", project: true, field: func(s *Settings) any { return &s.Exe }},
		{name: "scope", project: true, field: func(s *Settings) any { return &s.Scope }},
		{name: "namespace", project: true, field: func(s *Settings) any { return &s.Namespace }},
		{name: "tag", project: true, field: func(s *Settings) any { return &s.Tag }},
		{name: "purge-tag", field: func(s *Settings) any { return &s.PurgeTag }},
		{name: "only-if", project: true, field: func(s *Settings) any { return &s.OnlyIf }},
		{name: "vary", field: func(s *Settings) any { return &s.Vary }},
		{name: "pty", field: func(s *Settings) any { return &s.Pty }},
		{name: "strip-ansi", field: func(s *Settings) any { return &s.StripANSI }},
		{name: "trace", project: true, field: func(s *Settings) any { return &s.Trace }},
		{name: "trace-times", field: func(s *Settings) any { return &s.TraceTimes }},
		{name: "trace-ignore", field: func(s *Settings) any { return &s.TraceIgnore }},
		{name: "trace-keep", project: true, field: func(s *Settings) any { return &s.TraceKeep }},
		{name: "env-except", field: func(s *Settings) any { return &s.EnvExcept }},
		{name: "env-only", field: func(s *Settings) any { return &s.EnvOnly }},
	}
}

func findSetting(name string) (setting, bool) {
	table := settingTable()
	i := slices.IndexFunc(table, func(row setting) bool { return row.name == name })
	if i < 0 {
		return setting{}, false
	}
	return table[i], true
}

// envName is the variable of a setting: CACHEX_TTL_FAIL for ttl-fail.
func (row setting) envName() string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(row.name, "-", "_"))
}

// source is one place that gives values.
type source struct {
	name   string // for errors: `--ttl`, `CACHEX_TTL`, `/src/.cachex.toml:3: ttl`
	from   string // for people, see origin
	dir    string // what a relative cache-dir or secret-file is relative to
	home   string // what a leading ~/ stands for; empty: not known
	prefix string // leads from the working directory to where a relative input file is, as in `../`

	project bool // it is a project file
}

func (src source) bad(value, why, hint string) error {
	return &BadValue{Name: src.name, Value: value, Why: why, Hint: hint}
}

// apply gives the setting the values that texts hold. Lists of inputs and tags
// grow, everything else is replaced.
func (row setting) apply(s *Settings, src source, texts []string) error {
	for _, text := range texts {
		if strings.ContainsRune(text, 0) && row.name != "secret" {
			return src.bad(text, "holds a NUL byte", "remove it: no name and no argument can hold one")
		}
	}
	if list, ok := row.field(s).(*[]string); ok {
		return row.add(s, list, src, texts)
	}
	if len(texts) == 0 {
		return src.bad("", "empty", "write a value, or leave it out")
	}
	if err := row.replace(s, src, texts); err != nil {
		return err
	}
	s.forget(row.name)
	s.origins = append(s.origins, origin{row.name, src.from})
	return nil
}

// forget drops what is known of where a setting was given. The secret and its
// file are one setting in two forms: the one replaces the other.
func (s *Settings) forget(name string) {
	s.origins = slices.DeleteFunc(s.origins, func(o origin) bool {
		return o.name == name || strings.HasPrefix(name, "secret") && strings.HasPrefix(o.name, "secret")
	})
}

// replace sets all but the lists that grow.
func (row setting) replace(s *Settings, src source, texts []string) (err error) {
	text := texts[len(texts)-1]
	switch p := row.field(s).(type) {
	case *bool:
		*p, err = parseBool(src.name, text)
	case *call.ExitSet:
		*p, err = ParseExitSet(src.name, text)
	case *int64:
		if *p, err = ParseSize(src.name, text); err == nil && *p == 0 {
			err = src.bad(text, "no room for anything", "to store nothing, write --read-only or --no-cache")
		}
	case *time.Duration:
		*p, err = row.duration(src, text)
	case *Clock:
		*p, err = ParseClock(src.name, text)
	case *Percent:
		*p, err = ParsePercent(src.name, text)
	case *Beta:
		*p, err = ParseBeta(src.name, text)
	case *Count:
		*p, err = ParseCount(src.name, text)
	case *TierList:
		*p, err = parseTiers(src, texts)
	case *Algorithm:
		*p, err = parseAlgorithm(src, text)
	case *[]int:
		*p, err = parseOwners(src, texts)
	case *hashing.CwdMode:
		*p, err = pick[hashing.CwdMode](src, text, cwdWords())
	case *hashing.ExeMode:
		*p, err = pick[hashing.ExeMode](src, text, exeWords())
	case *engine.Replay:
		*p, err = pick[engine.Replay](src, text, replayWords())
	case *engine.StripANSI:
		*p, err = pick[engine.StripANSI](src, text, stripWords())
	case *TimesMode:
		*p, err = pick[TimesMode](src, text, timesWords())
	case *[]byte:
		*p, s.SecretFile = []byte(text), ""
	case *string:
		*p, err = row.text(src, text)
	}
	if row.name == "secret-file" {
		s.Secret = nil
	}
	return err
}

// cwdWords lists the words of --cwd, at the index of their mode.
func cwdWords() []string {
	return []string{hashing.CwdPath: "path", hashing.CwdRepo: "repo", hashing.CwdNone: "none"}
}

// exeWords lists the words of --exe, at the index of their mode.
func exeWords() []string {
	return []string{
		hashing.ExeContent: "content", hashing.ExeDigest: "digest", hashing.ExePath: "path", hashing.ExeNone: "none",
	}
}

// replayWords lists the words of --replay, at the index of their mode.
func replayWords() []string {
	return []string{
		engine.ReplayAll: "all", engine.ReplayStdout: "stdout", engine.ReplayStderr: "stderr",
		engine.ReplayNone: "none",
	}
}

// stripWords lists the words of --strip-ansi, at the index of their mode.
func stripWords() []string {
	return []string{engine.StripNever: "never", engine.StripAlways: "always", engine.StripAuto: "auto"}
}

// TimesMode says whether times of files count in a run that is observed.
type TimesMode uint8

// The modes.
const (
	TimesStrict TimesMode = iota // where a program looked that may make use of them
	TimesIgnore                  // never
)

// timesWords lists the words of --trace-times, at the index of their mode.
func timesWords() []string { return []string{TimesStrict: "strict", TimesIgnore: "ignore"} }

// pick reads one of the words of a mode.
func pick[Mode ~uint8](src source, text string, words []string) (Mode, error) {
	i := slices.Index(words, text)
	if i < 0 {
		last := len(words) - 1
		return 0, src.bad(text, "not one of the choices", "write "+strings.Join(words[:last], ", ")+" or "+words[last])
	}
	return Mode(i), nil
}

func (row setting) duration(src source, text string) (time.Duration, error) {
	if row.none {
		return ParseLife(src.name, text)
	}
	d, err := ParseDuration(src.name, text)
	if err == nil && d == 0 && row.name == "keep" {
		err = src.bad(text, "nothing would be kept", hintDuration)
	}
	return d, err
}

// text checks a text, and makes the name of a file or directory absolute.
func (row setting) text(src source, text string) (string, error) {
	switch {
	case row.name == "depfile":
		return src.depfile(text)
	case row.name == "namespace" && text != "" && slices.Contains(strings.Split(text, "/"), ""):
		return "", src.bad(text, "a part of it is empty", "write parts with one slash between them, as in team/app")
	case row.name != "cache-dir" && row.name != "secret-file" && row.name != "key-file":
		return text, nil
	case text == "":
		return "", src.bad(text, "empty", "write a path, or leave it out")
	}
	path, err := src.expand(text)
	if err != nil || filepath.IsAbs(path) {
		return path, err
	}
	return filepath.Join(src.dir, path), nil
}

// expand replaces a leading ~/ by the home directory. Shells do so only at the
// start of a word, not in --file=~/x, and nobody does it in files; taken
// literally, the path would be absent, and so equal whatever the file holds.
func (src source) expand(path string) (string, error) {
	if path != "~" && !strings.HasPrefix(path, "~/") {
		return path, nil
	}
	if src.home == "" {
		return "", src.bad(path, "no home directory is known", "set HOME, or write the path in full")
	}
	return src.home + path[1:], nil
}

// escapeGlob makes the name of a directory a glob that matches this directory
// only: by classes, for a backslash separates directories on Windows.
func escapeGlob(dir string) string {
	escape := strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", "{", "[{]", "}", "[}]", `\`, `[\\]`)
	return escape.Replace(filepath.ToSlash(dir))
}

// add appends to a list what it does not hold yet.
func (row setting) add(s *Settings, list *[]string, src source, texts []string) error {
	if row.namesVariables() && len(texts) > 0 {
		texts = strings.Split(strings.Join(texts, ","), ",")
	}
	for _, text := range texts {
		item, err := row.element(src, text)
		if err != nil {
			return err
		}
		if slices.Contains(*list, item) && !isLeftOut(item) { // what is left out belongs to where it was said
			continue
		}
		*list = append(*list, item)
		s.origins = append(s.origins, origin{row.name, src.from})
	}
	return nil
}

// namesVariables and namesFiles are of lists of such names and globs.
func (row setting) namesVariables() bool {
	return row.name == "env" || row.name == "env-except" || row.name == "env-only"
}

func (row setting) namesFiles() bool {
	return row.name == "file" || strings.HasPrefix(row.name, "trace-") && row.name != "trace-times"
}

// element checks one element of a list.
func (row setting) element(src source, text string) (string, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return "", src.bad(text, "empty", "write a value, or leave it out")
	case row.namesVariables() && strings.HasPrefix(text, "$"):
		return "", src.bad(
			text, "not a name",
			fmt.Sprintf("write %s, without $: the value is taken from the environment", strings.Trim(text, "${}")),
		)
	case row.namesVariables() && strings.Contains(text, "="):
		name, _, _ := strings.Cut(text, "=")
		return "", src.bad(
			text, "not a name", fmt.Sprintf("write %s alone: the value is taken from the environment", name),
		)
	case (row.namesVariables() || row.namesFiles()) && isGlob(text) &&
		!doublestar.ValidatePattern(filepath.ToSlash(text)):
		return "", src.bad(
			text, "not a pattern", "close what [ or { opens, or write [[] and [{] for the characters themselves",
		)
	case row.name == "env" && strings.HasPrefix(strings.TrimSpace(text), toolMark):
		return src.tool(strings.TrimSpace(text), toolMark)
	case row.name == "env-only" && strings.HasPrefix(strings.TrimSpace(text), toolMark) &&
		strings.TrimSpace(text) != noTools:
		return "", src.bad(text, "not a name", "write names of variables, or "+noTools)
	case row.namesVariables():
		return strings.TrimSpace(text), nil
	case row.name == "tool":
		return src.tool(text, "")
	case row.name == "output":
		return src.output(text)
	case row.name == "only-if":
		return src.condition(text)
	case !row.namesFiles():
		return text, nil
	}
	return src.file(text)
}

// What stands among names of variables for those of a tool, and for none that nobody has named.
const (
	toolMark = "@"
	noTools  = "@none"
)

// tool checks the name of a tool behind its mark.
func (src source) tool(text, mark string) (string, error) {
	names := slices.Sorted(slices.Values(tools.Names()))
	if !slices.Contains(names, strings.TrimPrefix(text, mark)) {
		return "", src.bad(
			text, "no such tool is known",
			"write one of "+mark+strings.Join(names, ", "+mark),
		)
	}
	return text, nil
}

// condition checks a condition on a variable.
func (src source) condition(text string) (string, error) {
	const hint = "write NAME=VALUE, as in REQUEST_METHOD=GET: what the variable must be, or the command runs uncached"
	switch name, _, ok := strings.Cut(text, "="); {
	case !ok:
		return "", src.bad(text, "no value", hint)
	case strings.Trim(name, "! ") != name || // A!=B is no condition
		name == "" || strings.HasPrefix(name, "$"):
		return "", src.bad(text, "not the name of a variable", hint)
	}
	return text, nil
}

// Marks of file patterns.
const (
	listMark    = "@"
	gitList     = "@git"
	gitListMark = "@git:"
)

// file makes the name in a file pattern one that is good in the working directory.
func (src source) file(pattern string) (string, error) {
	mark := ""
	for _, m := range []string{leftOut, gitListMark, listMark} {
		if rest, ok := strings.CutPrefix(pattern, m); ok && pattern != gitList {
			mark, pattern = m, rest
			break
		}
	}
	switch {
	case pattern == "":
		return "", src.bad(
			mark, "no name behind it", "write "+mark+" and a name, or ./"+mark+" for a file of this name",
		)
	case pattern == gitList && mark == "":
		return hashing.From(pattern, src.prefix), nil
	case mark == listMark && src.project:
		return src.projectList(pattern)
	case isGlob(pattern) && (mark == "" || mark == leftOut):
		src.home = escapeGlob(src.home)
	}
	path, err := src.expand(pattern)
	if err != nil || src.prefix == "" || filepath.IsAbs(path) {
		return mark + path, err
	}
	return mark + src.prefix + strings.TrimPrefix(path, "./"), nil
}

// output makes the name in a pattern of outputs one that is good in the working directory. A project file names none
// elsewhere.
func (src source) output(pattern string) (string, error) {
	name := pattern
	if !src.project && strings.HasPrefix(pattern, "~") {
		if isGlob(pattern) {
			src.home = escapeGlob(src.home)
		}
		var err error
		if name, err = src.expand(pattern); err != nil {
			return "", err
		}
		pattern = name
	}
	if src.prefix != "" && !filepath.IsAbs(pattern) {
		name = src.prefix + strings.TrimPrefix(pattern, "./")
	}
	err := hashing.CheckOutput(name)
	if src.project { // what it names may lie elsewhere than below this directory: see outsideOutput
		err = hashing.CheckLocalOutput(pattern)
	}
	if err != nil {
		return "", src.bad(pattern, err.Error(), src.outputHint())
	}
	return name, nil
}

func (src source) outputHint() string {
	const hint = "name files below the working directory, as in build/app, *.o or out/"
	if src.project {
		return hint + "; others only flags and your own configuration may name"
	}
	return hint + ", or absolutely, as in /srv/www/site/"
}

// outsideOutput is why a run is not cached in a directory above which a project file names outputs: nothing is written
// there for who calls it here.
func outsideOutput(patterns []string) error {
	for _, pattern := range patterns {
		if err := hashing.CheckOutput(pattern); err != nil {
			return fmt.Errorf("output %s of the project file: %w", hashing.Show(pattern), err)
		}
	}
	return nil
}

// depfile makes the name of a depfile one that is good in the working directory, below which it must lie.
func (src source) depfile(name string) (string, error) {
	from := name
	if src.prefix != "" && !filepath.IsAbs(name) {
		from = src.prefix + strings.TrimPrefix(name, "./")
	}
	checked := from
	if src.project { // see output
		checked = name
	}
	if err := hashing.CheckLocalOutput(hashing.EscapeGlob(checked)); err != nil {
		return "", src.bad(name, err.Error(), "name the file that the command writes, as in -MF x.d")
	}
	return from, nil
}

// projectList is a list that a project file names. Its lines become part of
// recipes, which are stored, shown and sent to servers: so it is a file of the
// project's own.
func (src source) projectList(name string) (string, error) {
	if !filepath.IsLocal(name) || strings.HasPrefix(name, "~") {
		return "", src.bad(
			listMark+name, "a list that is not below the project file",
			"name a list beside that file or below it; other lists belong on the command line",
		)
	}
	return hashing.Within(listMark+name, cmp.Or(src.prefix, ".")), nil
}

// isGlob tells a pattern from a name.
func isGlob(text string) bool { return strings.ContainsAny(text, "*?[{") }

func parseOwners(src source, texts []string) ([]int, error) {
	const bits = min(32, strconv.IntSize-1)
	var owners []int
	for text := range strings.SplitSeq(strings.Join(texts, ","), ",") {
		uid, err := strconv.ParseUint(strings.TrimSpace(text), 10, bits)
		if err != nil {
			return nil, src.bad(text, "not a user id", "write the number that id -u NAME prints")
		}
		owners = append(owners, int(uid))
	}
	return owners, nil
}

// show is the value as it would be written: a bool, a string or a []string. A
// secret shows only whether it is set.
func (row setting) show(s *Settings) any {
	switch p := row.field(s).(type) {
	case *bool:
		return *p
	case *call.ExitSet:
		return p.String()
	case *int64:
		if *p == 0 {
			return "none"
		}
		return FormatSize(*p)
	case *time.Duration:
		return FormatDuration(*p)
	case fmt.Stringer:
		return p.String()
	case *[]int:
		owners := make([]string, 0, len(*p))
		for _, uid := range *p {
			owners = append(owners, strconv.Itoa(uid))
		}
		return strings.Join(owners, ",")
	case *[]byte:
		if *p == nil && s.SecretFile == "" {
			return "unset"
		}
		return "set"
	case *[]string:
		return row.showList(*p)
	case *string:
		return *p
	case *hashing.CwdMode:
		return cwdWords()[*p]
	case *hashing.ExeMode:
		return exeWords()[*p]
	case *engine.Replay:
		return replayWords()[*p]
	case *engine.StripANSI:
		return stripWords()[*p]
	case *TimesMode:
		return timesWords()[*p]
	}
	return nil
}

// showList is a list as it would be written, but that lists of files say where
// their names begin if that is not where they are used.
func (row setting) showList(list []string) []string {
	shown := append([]string{}, list...)
	for i, pattern := range shown {
		if row.name == "file" && strings.HasPrefix(pattern, listMark) {
			shown[i] = hashing.ShowPattern(pattern)
		}
	}
	return shown
}

// from lists where a setting was given: one place, or one for each element of a
// list; empty for the default.
func (s *Settings) from(name string) []string {
	var places []string
	for _, o := range s.origins {
		if o.name == name {
			places = append(places, o.from)
		}
	}
	return places
}

// givenByFlag keeps, of the elements of a list, those that a flag gave.
func (s *Settings) givenByFlag(name string, list []string) []string {
	var given []string
	for i, from := range s.from(name) {
		if from == fromFlag && i < len(list) {
			given = append(given, list[i])
		}
	}
	return given
}

// settingsInput is what loadSettings looks at.
type settingsInput struct {
	Flags     *pflag.FlagSet // nil: none
	LookupEnv func(name string) (string, bool)
	Environ   []string // all of it, to find what is misspelt there
	Dir       string   // working directory, absolute; empty: not known, and no project file is looked for
	Words     []string // command line that rules match; nil: none, so no rule applies and no secret file is read
}

// loadSettings merges all that was set: flags beat the environment, which beats
// the project file, which beats the user's file, which beats the default; within
// a file a rule that matches the command beats the top level, and a later rule
// an earlier one.
//
// The lists env, file and tag add up over all of them instead: an input too many
// costs a miss, while an input lost gives wrong hits.
//
// What a source is not allowed to set is ignored with a warning, a mistake is a
// *BadValue or a *ConfigError.
func loadSettings(in settingsInput) (Settings, []Warning, error) {
	s := defaultSettings()
	found, err := findConfig(in)
	if err != nil {
		return Settings{}, nil, err
	}
	warnings := found.warnings
	s.unreached, s.seen = found.unreached, &found.seen
	for _, file := range found.files {
		s.files, s.ruled = append(s.files, file.configText), s.ruled || len(file.rules) > 0
		ignored, err := file.apply(&s, in)
		if err != nil {
			return Settings{}, nil, err
		}
		warnings = append(warnings, ignored...)
	}
	ignored, err := applyEnvironment(&s, in)
	if err != nil {
		return Settings{}, nil, err
	}
	warnings = append(warnings, ignored...)
	if err := applyFlags(&s, in); err != nil {
		return Settings{}, nil, err
	}
	if err := s.place(); err != nil {
		return Settings{}, nil, err
	}
	s.imply()
	if in.Words != nil && s.SecretFile != "" {
		s.Secret, err = readSecret(s.SecretFile)
	}
	return s, warnings, err
}

// place decides between memory and a directory: memory comes first, but for a directory that a flag names.
func (s *Settings) place() error {
	flag := []string{fromFlag}
	switch {
	case !s.InMemory || !slices.Equal(s.from("cache-dir"), flag):
	case slices.Equal(s.from("in-memory"), flag):
		return &usageError{
			Err:  errors.New("--in-memory and --cache-dir both say where results are"),
			Hint: "leave out one of the two",
		}
	default:
		s.InMemory = false
		s.forget("in-memory")
	}
	return nil
}

// imply fills in what follows from other settings.
func (s *Settings) imply() {
	if s.from("ttl-fail") == nil {
		s.TTLFail = s.TTL
		s.origins = append(s.origins, origin{"ttl-fail", "same as ttl"})
		return
	}
	if s.from("cache-exit") == nil {
		s.CacheExit = call.ExitAny()
		s.origins = append(s.origins, origin{"cache-exit", "implied by ttl-fail"})
	}
}

// applyEnvironment takes policy from CACHEX_* variables. One exported variable
// that made identity would make all commands share a result, so those only earn
// a warning. An empty variable is an unset one.
func applyEnvironment(s *Settings, in settingsInput) ([]Warning, error) {
	if !slices.ContainsFunc(in.Environ, func(kv string) bool { return strings.HasPrefix(kv, variablePrefix) }) {
		return nil, nil
	}
	var warnings []Warning
	ignore := func(name string) {
		if value, ok := in.LookupEnv(name); ok && value != "" {
			warnings = append(warnings,
				Warning(name+" is ignored: it would be part of every command; use a flag or a rule"))
		}
	}
	for _, row := range settingTable() {
		name := row.envName()
		if !row.policy {
			ignore(name)
			continue
		}
		value, ok := in.LookupEnv(name)
		if !ok || value == "" {
			continue
		}
		src := source{name: name, from: name, dir: in.Dir, home: homeDir(in.LookupEnv)}
		if err := row.apply(s, src, []string{value}); err != nil {
			return nil, err
		}
	}
	for _, name := range ignoredVariables() {
		ignore(name)
	}
	return append(warnings, unknownVariables(in.Environ)...), nil
}

// applyFlags takes the flags that were given.
func applyFlags(s *Settings, in settingsInput) error {
	if in.Flags == nil {
		return nil
	}
	for _, row := range settingTable() {
		flag := in.Flags.Lookup(row.name)
		if flag == nil || !flag.Changed {
			continue
		}
		if _, asks := row.field(s).(*bool); !asks && flag.Value.Type() == "bool" {
			continue // a command's own flag of that name, such as keys --ttl, is no setting
		}
		texts := textsOf(flag)
		name := "--" + row.name
		src := source{name: name, from: fromFlag, dir: in.Dir, home: homeDir(in.LookupEnv)}
		if err := row.apply(s, src, texts); err != nil {
			return err
		}
	}
	return nil
}

// maxSecret is the size of the largest secret file, in bytes.
const maxSecret = 64 << 10

// readSecret gives what a secret file holds, without the line end behind it. A
// file that cannot be used is a *BadValue: without the secret, digests would be
// of another kind than was asked for.
func readSecret(path string) ([]byte, error) {
	bad := func(why string) ([]byte, error) {
		return nil, &BadValue{
			Name: "secret-file", Value: path, Why: why,
			Hint: "name a readable file that holds the secret and nothing else",
		}
	}
	text, err := readSmall(path, maxSecret)
	if err != nil {
		return bad(reason(err))
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if secret == "" {
		return bad("empty")
	}
	return []byte(secret), nil
}

// readSmall reads a regular file of at most limit bytes. It never blocks, also
// where somebody put a FIFO.
func readSmall(path string, limit int64) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("not a regular file")
	}
	text, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("larger than %s", FormatSize(limit))
	}
	return text, err
}
