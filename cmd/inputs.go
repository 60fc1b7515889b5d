package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

func newInputsCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "inputs [flags] -- COMMAND [ARG...]",
		Short: "run a command once and say what it reads",
		Long: `Inputs runs the command once, observes it and all its children as run --trace does, and prints what they
used: files of the project, of the home directory and of the system, paths that were looked for in vain, directories
that were listed, files that were made, variables that count, those of them that its programs are known to look at and
that are in no key yet (forgotten), and what keeps a result from being stored. Then it prints a rule for a
configuration file, and the same as flags of run, that put the inputs of project and home in the key, and store what was
made below the working directory with the result. Files of the
system change with its packages; only --trace looks at them. A directory that was listed is in the rule with all that
lies below it, if that is not too much.

Not counted, by --trace neither, is what the command itself made and removed; caches that programs look after
themselves: what is below $XDG_CACHE_HOME, ~/.cache, $GOCACHE, ~/.npm, $npm_config_cache and ~/.config/go/telemetry, and
__pycache__ directories; the devices null, zero, full, random, urandom, tty, ptmx and shm, and what the command got as
stdin, stdout and stderr; /proc/self and /proc/thread-self with exe, maps, cgroup, mountinfo and fd, /proc/filesystems,
/proc/sys/kernel/ngroups_max, /proc/sys/vm/overcommit_memory, and below /sys fs/selinux, fs/cgroup,
devices/system/cpu/online and kernel/mm/transparent_hugepage; /proc/meminfo for Node. --trace-ignore leaves out more,
--trace-keep counts some of it again. Times of files do not count for programs that print none and run no code (cc1, as,
ld, rustc, the tools of Go, jq, grep, rg, cat, head, sort, uniq, wc, cmp, md5sum, sha256sum), nor those of the modules
that Python, Node and Go look for, and of the .info files that Go writes anew. A directory's own times count for
programs that tell them (ls, stat, find, tar, make), and times asked of an open file for gzip and pr alone. User, groups,
host and umask are in the key; other things that the kernel says without a file are not: limits (ulimit), processors
(nproc), capabilities, the time.

Nothing is stored. The command gets no stdin, and what it writes goes to stderr. Linux alone.` + exitCodes(
			"0    printed, however the command ended", "125  bad flag, or the command cannot be observed",
			"126  the command cannot be executed", "127  the command was not found"),
		Example: `  cachex inputs -- python3 report.py
  cachex inputs --missing --file '**/*.go' -- go vet ./...`,
		RunE: func(c *cobra.Command, args []string) error { return app.inputs(c, args) },
	}
	c.Flags().SetInterspersed(false)
	c.Flags().SortFlags = false
	addRunFlags(c.Flags())
	showOnly(c.Flags(), keyFlags()...)
	c.Flags().Bool("missing", false, "print only what the flags, and the rules of the configuration, do not cover")
	addFormatFlag(c)
	return c
}

func (a *App) inputs(c *cobra.Command, args []string) error {
	asJSON, err := formatFlag(c)
	if err != nil {
		return err
	}
	request, before, err := observed(a, c, args)
	if err != nil {
		return err
	}
	request.Stdout, request.Stderr = a.Stderr, a.Stderr
	seen, _, err := new(engine.Engine).Observe(context.Background(), request)
	if err != nil {
		return err
	}
	if missing, _ := c.Flags().GetBool("missing"); missing {
		seen = uncovered(seen, request.Spec)
	}
	v := newInputsView(seen, request.Spec.Argv)
	v.Forgotten = append(v.Forgotten, before.Forgotten(request.Spec, seen.Programs)...)
	if asJSON {
		return json.NewEncoder(a.Stdout).Encode(v)
	}
	return v.print(a.Stdout)
}

// observed is the request to run a command under observation, whether or not settings say --trace; before is the recipe
// that it has by the settings.
func observed(a *App, c *cobra.Command, args []string) (
	request engine.Request, before hashing.Recipe, err error,
) {
	before, spec, s, err := a.recipe(c, args, nil)
	if err != nil {
		return request, before, err
	}
	s.Trace = true
	spec.Trace = s.trace(spec.Dir)
	made, err := a.callOf(s, spec, nil)
	if err != nil {
		return request, before, err
	}
	request = made.Request
	request.OwnsProcess, request.CacheExit = true, s.CacheExit.Has
	return request, before, nil
}

// uncovered takes away what is in the key of a spec.
func uncovered(seen engine.Seen, spec hashing.Spec) engine.Seen {
	words := slices.Clone(spec.Argv)
	for _, list := range []*[]string{&seen.Project, &seen.Home, &seen.System, &seen.Absent, &seen.Directories} {
		*list = slices.DeleteFunc(*list, func(name string) bool {
			return !spec.IgnoreWords && slices.Contains(words, name) ||
				slices.ContainsFunc(spec.Files, func(pattern string) bool { return hashing.MatchPath(pattern, name) })
		})
	}
	seen.Uncounted = nil
	seen.Env = slices.DeleteFunc(seen.Env, func(name string) bool {
		return slices.ContainsFunc(spec.Env, func(pattern string) bool { return hashing.MatchVariable(pattern, name) })
	})
	return seen
}

// inputsView is what inputs prints.
type inputsView struct {
	Project     []string `json:"project"`
	Home        []string `json:"home"`
	System      []string `json:"system"`
	Absent      []string `json:"absent"`
	Directories []string `json:"directories"`
	Made        []string `json:"made"`
	Uncounted   []string `json:"uncounted"`
	Environment []string `json:"environment"`
	Forgotten   []string `json:"forgotten"`
	Network     bool     `json:"network"`
	Doubts      []string `json:"doubts"`
	Rule        struct {
		Match  string   `json:"match"`
		File   []string `json:"file"`
		Env    []string `json:"env"`
		Output []string `json:"output"` // what it made below the working directory

		Without []string `json:"without"` // directories whose names it leaves out
	} `json:"rule"`
}

func newInputsView(seen engine.Seen, argv []string) inputsView {
	all := func(list []string) []string { return append([]string{}, list...) }
	v := inputsView{
		Project: all(seen.Project), Home: all(seen.Home), System: all(seen.System), Absent: all(seen.Absent),
		Directories: all(seen.Directories), Made: all(seen.Made), Environment: all(seen.Env), Network: seen.Network,
		Uncounted: all(seen.Uncounted), Doubts: []string{}, Forgotten: []string{},
	}
	for _, d := range seen.Doubts {
		v.Doubts = append(v.Doubts, d.Text)
	}
	near := func(list []string) []string {
		return slices.DeleteFunc(all(list), func(name string) bool { return ofSystem(name) })
	}
	v.Rule.Match = hashing.EscapeGlob(strings.Join(argv, " "))
	read, listed := slices.Concat(v.Project, v.Home, near(v.System)), near(v.Directories)
	patterns := func(whole wholes) {
		small, large := bySize(whole.without(listed))
		v.Rule.File = []string{}
		for _, dir := range whole {
			v.Rule.File = append(v.Rule.File, hashing.EscapeGlob(dir))
		}
		alone := engine.Patterns(whole.without(slices.Concat(read, near(v.Absent))))
		v.Rule.File = slices.Concat(v.Rule.File, alone, engine.ListPatterns(small))
		v.Rule.Without = all(large)
	}
	if patterns(nil); len(v.Rule.File) > longRule {
		patterns(wholeDirectories(read, listed))
	}
	v.Rule.Output = []string{}
	for _, name := range v.Made {
		if filepath.IsLocal(name) && !strings.HasPrefix(name+"/", ".git/") {
			v.Rule.Output = append(v.Rule.Output, hashing.EscapeGlob(name))
		}
	}
	for _, name := range v.Environment {
		if !strings.HasPrefix(name, "$") && !strings.HasPrefix(name, toolMark) && !strings.Contains(name, ",") {
			v.Rule.Env = append(v.Rule.Env, hashing.EscapeGlob(name))
		}
	}
	return v
}

// bySize parts directories in which and below which a pattern would find a few files from the others.
func bySize(dirs []string) (small, large []string) {
	const most = 2000 // files: a hit looks at each of them
	for _, dir := range dirs {
		n := 0
		_ = filepath.WalkDir(dir, func(string, fs.DirEntry, error) error {
			if n++; n > most {
				return filepath.SkipAll
			}
			return nil
		})
		if n <= most {
			small = append(small, dir)
		} else {
			large = append(large, dir)
		}
	}
	return small, large
}

// ofSystem reports whether a path is one of those that packages of the system bring.
func ofSystem(path string) bool {
	for _, dir := range []string{
		"/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/opt", "/var", "/proc", "/sys", "/dev",
	} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return true
		}
	}
	return path == "/"
}

func (v *inputsView) print(w io.Writer) error {
	var b strings.Builder
	for _, group := range [...]struct {
		name string
		list []string
	}{
		{"project", v.Project},
		{"home", v.Home},
		{"system", v.System},
		{"absent", v.Absent},
		{"directories", v.Directories},
		{"made", v.Made},
		{"not counted", v.Uncounted},
		{"environment", v.Environment},
		{"forgotten", v.Forgotten},
		{"doubts", v.allDoubts()},
	} {
		if len(group.list) == 0 {
			continue
		}
		fmt.Fprintf(&b, "%s:\n", group.name)
		for _, name := range group.list {
			fmt.Fprintf(&b, "  %s\n", shownInput(group.name, name))
		}
	}
	if len(v.Rule.File)+len(v.Rule.Env) == 0 {
		b.WriteString("nothing to add: what is in the key covers it\n")
		_, err := io.WriteString(w, b.String())
		return err
	}
	b.WriteString("\n")
	if len(v.Rule.Without) > 0 {
		b.WriteString("# Another name in these directories is not noticed by it, but by --trace: there are many files below.\n")
		for _, dir := range v.Rule.Without {
			fmt.Fprintf(&b, "#   %s\n", hashing.Show(dir))
		}
	}
	fmt.Fprintf(&b, "[[rule]]\nmatch = %s\nfile = %s\nenv = %s\n", tomlText(v.Rule.Match), tomlList(v.Rule.File),
		tomlList(v.Rule.Env))
	if len(v.Rule.Output) > 0 {
		fmt.Fprintf(&b, "output = %s\n", tomlList(v.Rule.Output))
	}
	b.WriteString("\nflags:")
	for _, file := range v.Rule.File {
		b.WriteString(" --file " + shellQuote(file))
	}
	if len(v.Rule.Env) > 0 {
		b.WriteString(" --env " + shellQuote(strings.Join(v.Rule.Env, ",")))
	}
	for _, output := range v.Rule.Output {
		b.WriteString(" --output " + shellQuote(output))
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return err
}

func (v *inputsView) allDoubts() []string {
	if v.Network {
		return append([]string{"it uses the network: stored only with --ttl"}, v.Doubts...)
	}
	return v.Doubts
}

// shownInput shows names as one word each; doubts are sentences.
func shownInput(group, text string) string {
	if group == "doubts" {
		return text
	}
	return hashing.Show(text)
}

func tomlText(text string) string {
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted) // a text of JSON is one of TOML
	e.SetEscapeHTML(false)
	_ = e.Encode(text)
	return strings.TrimSuffix(quoted.String(), "\n")
}

func tomlList(list []string) string {
	texts := make([]string, len(list))
	for i, text := range list {
		texts[i] = tomlText(text)
	}
	return "[" + strings.Join(texts, ", ") + "]"
}
