package cmd

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/viper"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/cmdline"
	"github.com/cachex-cli/cachex/probe"
)

// ConfigError is a configuration file that cannot be used.
type ConfigError struct {
	Path string
	Line int    // from 1; 0: not known, or the file as a whole
	Key  string // empty: not about a key
	Why  string
	Hint string // what to do
	Err  error  // cause; nil: none but Why
}

func (e *ConfigError) Unwrap() error { return e.Err }

// Advice is the hint.
func (e *ConfigError) Advice() string { return e.Hint }

func (e *ConfigError) Error() string {
	text := place(e.Path, e.Line)
	if e.Key != "" {
		text += ": " + e.Key
	}
	return text + ": " + e.Why
}

// place names a line of a file.
func place(path string, line int) string {
	if line == 0 {
		return path
	}
	return path + ":" + strconv.Itoa(line)
}

// maxConfig is the size of the largest configuration file, in bytes. A project
// file may be anybody's, and parsers recurse.
const maxConfig = 256 << 10

// configFile is one configuration file, parsed and with its keys checked.
type configFile struct {
	configText
	project bool   // came with a repository that nobody need trust
	prefix  string // leads from the working directory to the file's: `../` for each level
	keys    []configKey
	top     map[string]any
	rules   []map[string]any
}

// configText is what was read of a file: who remembers what it came to holds the file against it.
type configText struct {
	path string
	sum  [sha256.Size]byte
}

// isRead reports whether a file still holds what was read of it.
func (t configText) isRead() bool {
	text, err := readSmall(t.path, maxConfig)
	return err == nil && sha256.Sum256(text) == t.sum
}

// configKey is a key as it stands in a file.
type configKey struct {
	rule int    // index of the rule that it is in; noRule: at the top level
	name string // empty: the beginning of a rule
	line int
}

const noRule = -1

// foundConfig is what was found where configuration files are looked for.
type foundConfig struct {
	files     []configFile // the user's, then the project's
	warnings  []Warning
	unreached error // why nobody knows whether there is another; nil: there is none
	seen      probe.Trail
}

// doubt notes that a file cannot be looked for: it may forbid anything.
func (f *foundConfig) doubt(err error) {
	if f.unreached == nil {
		f.unreached = err
		f.warnings = append(f.warnings, Warning(err.Error()))
	}
}

// findConfig reads the configuration files that there are.
func findConfig(in settingsInput) (found foundConfig, err error) {
	for _, dir := range userConfigDirs(in.LookupEnv) {
		path, err := found.soleFile(dir, "config")
		if errors.Is(err, fs.ErrPermission) {
			// A service that runs with somebody else's HOME has no configuration there.
			found.warnings = append(
				found.warnings, Warning(fmt.Sprintf("configuration in %s is not looked at: %s", dir, reason(err))),
			)
			continue
		}
		if errors.Is(err, errUnreached) {
			found.doubt(err)
			continue
		}
		if err != nil {
			return found, err
		}
		if path == "" {
			continue
		}
		file, err := readConfig(path)
		if err != nil {
			return found, err
		}
		found.files = append(found.files, file)
		break
	}
	path, prefix, err := found.projectFile(in.Dir)
	if errors.Is(err, errUnreached) {
		found.doubt(err)
		return found, nil
	}
	if err != nil || path == "" {
		return found, err
	}
	if leadsOut(path, in.Dir) {
		found.warnings = append(found.warnings, Warning(path+" is not read: it is a link out of the repository"))
		return found, nil
	}
	file, err := readConfig(path)
	file.project, file.prefix = true, prefix
	found.files = append(found.files, file)
	return found, err
}

// leadsOut tells whether a project file is a link to what is not in the repository, or, outside of one, not in its
// directory. What stands there may be private, and messages about a mistake in it would show some of it.
func leadsOut(path, dir string) bool {
	root, found := hashing.RepoRoot(dir, nil)
	if !found {
		root, _ = filepath.EvalSymlinks(dir)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false // then it cannot be read
	}
	below, err := filepath.Rel(root, target)
	return err != nil || !filepath.IsLocal(below)
}

// userConfigDirs lists where the user's configuration file may be, best first.
func userConfigDirs(lookupEnv func(string) (string, bool)) []string {
	var dirs []string
	xdg, _ := lookupEnv("XDG_CONFIG_HOME")
	home := homeDir(lookupEnv)
	switch {
	case filepath.IsAbs(xdg): // the XDG specification ignores relative ones
		dirs = append(dirs, filepath.Join(xdg, "cachex"))
	case home != "":
		dirs = append(dirs, filepath.Join(home, ".config", "cachex"))
	}
	return append(dirs, systemConfigDirs(lookupEnv)...)
}

// homeDir is the user's home directory; empty where none is known.
func homeDir(lookupEnv func(string) (string, bool)) string {
	home, _ := lookupEnv(homeVariable)
	if !filepath.IsAbs(home) {
		return ""
	}
	return home
}

// projectFile finds the nearest .cachex.toml (or .yaml, .yml, .json) from dir up
// to the root of its repository; outside of a repository in dir itself only, so
// that nobody's file in / or /tmp rules over what is below it. Prefix leads from
// dir to the directory of the file.
func (f *foundConfig) projectFile(dir string) (path, prefix string, err error) {
	if dir == "" {
		return "", "", nil
	}
	root, found := hashing.RepoRoot(dir, &f.seen)
	if !found {
		path, err = f.soleFile(dir, ".cachex")
		return path, "", err
	}
	// The root is without symbolic links. So must be the way to it: hashing takes
	// the dots of a prefix as the disk does, not as names do.
	at, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", "", unreached(dir, err)
	}
	for {
		path, err = f.soleFile(at, ".cachex")
		parent := filepath.Dir(at)
		if path != "" || err != nil || at == root || parent == at {
			return path, prefix, err
		}
		at, prefix = parent, prefix+"../"
	}
}

func configEndings() []string { return []string{".toml", ".yaml", ".yml", ".json"} }

// soleFile finds the file of this name with one of the known endings; empty if
// there is none. Two of them are an error: the one not read would be missed.
func (f *foundConfig) soleFile(dir, name string) (string, error) {
	var found string
	for _, ending := range configEndings() {
		path := filepath.Join(dir, name+ending)
		_, err := os.Lstat(path)
		f.seen.Note(path, probe.File, err == nil)
		switch {
		case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		case err != nil:
			return "", unreached(path, err)
		case found != "":
			return "", &ConfigError{
				Path: path, Why: "a second configuration file beside " + filepath.Base(found),
				Hint: "keep one of the two",
			}
		default:
			found = path
		}
	}
	return found, nil
}

var errUnreached = errors.New("cannot be looked for")

// unreached says that nobody knows whether a file is there.
func unreached(path string, err error) error {
	return &ConfigError{
		Path: shortened(path), Why: errUnreached.Error() + ": " + reason(err), Err: errors.Join(errUnreached, err),
	}
}

// shortened keeps the end of a path that is too long to be read.
func shortened(path string) string {
	const most = 256
	if len(path) <= most {
		return path
	}
	return "..." + path[len(path)-most:]
}

func unreadable(path string, err error) error {
	return &ConfigError{
		Path: path, Why: "cannot be read: " + reason(err), Err: err,
		Hint: "make it a file that you may read, or take it away",
	}
}

// reason is an error without the path that the message names already.
func reason(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}

// readConfig reads and checks one file.
func readConfig(path string) (configFile, error) {
	text, err := readSmall(path, maxConfig)
	if err != nil {
		return configFile{}, unreadable(path, err)
	}
	file, err := parseConfig(path, text)
	file.sum = sha256.Sum256(text)
	return file, err
}

// parseConfig checks the text of one file. viper sees one file at a time and
// nothing else: it has no lists that add up, no rules, and no source that may set
// some keys only.
func parseConfig(path string, text []byte) (configFile, error) {
	file := configFile{configText: configText{path: path}}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	format := strings.TrimPrefix(filepath.Ext(path), ".")
	v := viper.New()
	v.SetConfigType(format)
	if err := v.ReadConfig(bytes.NewReader(text)); err != nil {
		return file, syntaxError(path, text, err)
	}
	var err error
	if file.keys, err = configKeys(path, format, text); err != nil {
		return file, err
	}
	if err := file.checkKeys(); err != nil {
		return file, err
	}
	file.top = make(map[string]any)
	for _, key := range file.keys {
		if key.rule == noRule {
			file.top[key.name] = v.Get(key.name)
		}
	}
	return file, file.checkRules()
}

// checkKeys refuses keys that mean nothing. Keys are compared as they are
// written: viper knows them in lower case only.
func (f *configFile) checkKeys() error {
	for i, key := range f.keys {
		_, known := findSetting(key.name)
		switch {
		case key.name == "" && key.rule != noRule:
			continue
		case key.name == "rule" && key.rule == noRule || key.name == "match" && key.rule != noRule:
		case !known:
			return &ConfigError{Path: f.path, Line: key.line, Key: key.name, Why: "unknown key", Hint: keyHint(key)}
		}
		first := slices.IndexFunc(f.keys, func(k configKey) bool { return k.rule == key.rule && k.name == key.name })
		if first < i && filepath.Ext(f.path) == ".json" { // the other parsers refuse it, and TOML repeats [[rule]]
			return &ConfigError{
				Path: f.path, Line: key.line, Key: key.name,
				Why:  fmt.Sprintf("given before, in line %d", f.keys[first].line),
				Hint: "keep one of the two",
			}
		}
	}
	return nil
}

// keyHint guesses which key was meant.
func keyHint(key configKey) string {
	name := strings.ToLower(strings.ReplaceAll(key.name, "_", "-"))
	for _, guess := range []string{name, strings.TrimSuffix(name, "s")} {
		_, known := findSetting(guess)
		switch {
		case known:
			return "write " + guess
		case guess == "rule":
			return "write [[rule]] in TOML, and a list named rule in YAML and JSON"
		case guess == "match":
			return "match belongs in a rule"
		}
	}
	names := make([]string, 0, 32)
	for _, row := range settingTable() {
		names = append(names, row.name)
	}
	return "the keys are rule, " + strings.Join(names, ", ")
}

// checkRules takes the rules out of the top level. Each is a table with the key
// match.
func (f *configFile) checkRules() error {
	raw, given := f.top["rule"]
	if !given {
		return nil
	}
	delete(f.top, "rule")
	const hint = `write [[rule]] in TOML, and a list of tables in YAML and JSON, each with match = "COMMAND*"`
	list, ok := raw.([]any)
	if !ok {
		return &ConfigError{
			Path: f.path, Line: f.line(noRule, "rule"), Key: "rule",
			Why: describe(raw) + " where a list of tables is wanted", Hint: hint,
		}
	}
	for i, element := range list {
		table, ok := element.(map[string]any)
		if !ok {
			return &ConfigError{
				Path: f.path, Line: f.line(i, ""), Key: "rule", Why: describe(element) + " where a table is wanted",
				Hint: hint,
			}
		}
		if pattern, ok := table["match"].(string); !ok || pattern == "" {
			return &ConfigError{
				Path: f.path, Line: max(f.line(i, "match"), f.line(i, "")), Key: "match", Why: "no pattern",
				Hint: `write match = "terraform plan*"`,
			}
		}
		f.rules = append(f.rules, table)
	}
	return nil
}

// line finds a key; 0 if it is not there.
func (f *configFile) line(rule int, name string) int {
	i := slices.IndexFunc(f.keys, func(k configKey) bool { return k.rule == rule && k.name == name })
	if i < 0 {
		return 0
	}
	return f.keys[i].line
}

// apply merges the file into s: its top level, then the rules that match, in
// order. What does not match is checked all the same, so that a mistake does not
// wait for its day.
func (f *configFile) apply(s *Settings, in settingsInput) ([]Warning, error) {
	var warnings []Warning
	matches := f.matches(in.Words)
	s.matched = s.matched || slices.Contains(matches, matchesWhole)
	own := *s // what the user's own file says, if this is a project's
	// The top level first, wherever it stands: only in TOML it must come first.
	keys := slices.Clone(f.keys)
	slices.SortStableFunc(keys, func(a, b configKey) int { return a.rule - b.rule })
	for _, key := range keys {
		target, values := s, f.top
		if key.rule != noRule {
			values = f.rules[key.rule]
		}
		row, ok := findSetting(key.name)
		if !ok {
			continue // rule and match
		}
		if key.rule != noRule && !row.holdsFor(matches[key.rule]) {
			scratch := defaultSettings()
			target = &scratch
		}
		if f.project && !row.project {
			warnings = append(warnings, f.ignored(key, key.name, "not set it"))
			continue
		}
		if f.project && row.besides != "" {
			row, _ = findSetting(row.besides)
		}
		raw := values[key.name]
		if row.name == "env" && (f.project || key.rule != noRule && matches[key.rule] != matchesWhole) {
			var said bool
			if raw, said = withoutNone(raw); said && f.project {
				warnings = append(warnings, f.ignored(key, "env = "+noTools, "only add to what is set"))
			}
		}
		before := *target
		before.origins = slices.Clone(target.origins)
		if err := f.set(target, row, key, raw, in); err != nil {
			return nil, err
		}
		if f.project && !row.addsTo(&own, target) {
			warnings = append(warnings,
				f.ignored(key, fmt.Sprintf("%s = %v", key.name, row.show(target)), "only add to what is set"))
			*target = before
		}
	}
	return warnings, nil
}

// matches compares each rule with a command line.
func (f *configFile) matches(words []string) []ruleMatch {
	matches := make([]ruleMatch, len(f.rules))
	if len(f.rules) == 0 || len(words) == 0 {
		return matches
	}
	commands := cmdline.Commands(words)
	for i, rule := range f.rules {
		pattern, _ := rule["match"].(string)
		matches[i] = matchCommand(pattern, commands)
	}
	return matches
}

// holdsFor tells whether what a rule sets holds for what it matches. How long the result of one command may live, or
// what of the world is left out of its key, is not said of those beside it; inputs, tags and switches such as no-cache
// hold for all of them.
func (row setting) holdsFor(match ruleMatch) bool {
	defaults := defaultSettings()
	switch p := row.field(&defaults).(type) {
	case *bool:
		return match == matchesWhole || match != matchesNot && !*p // else a rule takes something away
	case *[]string:
		return match != matchesNot
	}
	return match == matchesWhole
}

// ignored warns of a key of a project file that has no effect.
func (f *configFile) ignored(key configKey, what, may string) Warning {
	return Warning(place(f.path, key.line) + ": " + what + " is ignored: a project file may " + may)
}

// addsTo tells whether a value keeps all that the user's own puts in the key and asks for: a project file may not take
// that away.
func (row setting) addsTo(own, now *Settings) bool {
	switch was := row.field(own).(type) {
	case *bool:
		return !*was || *row.field(now).(*bool)
	case *hashing.CwdMode:
		return *was == hashing.CwdNone || now.Cwd != hashing.CwdNone
	case *hashing.ExeMode:
		return now.Exe.Covers(*was)
	}
	return true
}

// withoutNone returns a list of variables without the word for none but those: a project file takes nothing out of a
// key, and nobody does for commands beside the one that he means.
func withoutNone(raw any) (left any, said bool) {
	elements, isList := raw.([]any)
	if !isList {
		elements = []any{raw}
	}
	var kept []any
	for _, element := range elements {
		text, isText := element.(string)
		if !isText || !strings.Contains(text, noTools) {
			kept = append(kept, element)
			continue
		}
		for name := range strings.SplitSeq(text, ",") {
			if strings.TrimSpace(name) == noTools {
				said = true
			} else {
				kept = append(kept, name)
			}
		}
	}
	if !said {
		return raw, false
	}
	return kept, true
}

// set gives one setting the value that the file has for it.
func (f *configFile) set(s *Settings, row setting, key configKey, raw any, in settingsInput) error {
	at := place(f.path, key.line)
	texts, ok := row.texts(raw)
	if !ok {
		wanted, hint := row.wanted()
		return &ConfigError{
			Path: f.path, Line: key.line, Key: key.name, Why: describe(raw) + " where " + wanted + " is wanted",
			Hint: hint,
		}
	}
	return row.apply(s, source{
		name: at + ": " + key.name, from: at,
		dir: filepath.Dir(f.path), home: homeDir(in.LookupEnv), prefix: f.prefix, project: f.project,
	}, texts)
}

// texts turns a value as parsers give it into what a flag would have got; not ok
// if it is of the wrong type.
func (row setting) texts(raw any) (texts []string, ok bool) {
	var number, list bool
	switch row.field(new(Settings)).(type) {
	case *bool:
		on, ok := raw.(bool)
		return []string{strconv.FormatBool(on)}, ok
	case *[]string, *TierList:
		list = true
	case *[]int, *call.ExitSet:
		number, list = true, true
	case *int64, *time.Duration, *Beta, *Count:
		number = true
	}
	elements, isList := raw.([]any)
	if !isList {
		elements = []any{raw}
	}
	for _, element := range elements {
		text, isText := element.(string)
		if !isText && number {
			text, isText = numberText(element)
		}
		if !isText {
			return nil, false
		}
		texts = append(texts, text)
	}
	if _, exits := row.field(new(Settings)).(*call.ExitSet); exits {
		texts = []string{strings.Join(texts, ",")}
	}
	return texts, list || !isList
}

// numberText writes a number as a person would: JSON knows only floats.
func numberText(raw any) (string, bool) {
	switch n := raw.(type) {
	case int, int64, uint64:
		return fmt.Sprint(n), true
	case float64:
		return strconv.FormatFloat(n, 'f', -1, 64), true
	}
	return "", false
}

// wanted says in words which type a setting has in files.
func (row setting) wanted() (what, hint string) {
	switch row.field(new(Settings)).(type) {
	case *bool:
		return "true or false", hintBool
	case *[]string, *TierList:
		return "text or a list of texts", "write [\"a\", \"b\"], with quotes"
	case *[]int:
		return "a list of numbers", "write the numbers that id -u NAME prints"
	case *call.ExitSet:
		return "text, a number or a list of these", hintExits + ", with quotes"
	case *int64:
		return "a size", hintSize + ", with quotes"
	case *time.Duration:
		return "a duration", hintDuration + ", with quotes"
	case *Clock:
		return "a time of day", hintClock + ", with quotes"
	case *Percent:
		return "a percentage", hintPercent + ", with quotes"
	case *Beta, *Count:
		return "a number", hintNumber
	}
	return "text", "write it with quotes"
}

// describe says in words what a parser found.
func describe(raw any) string {
	switch raw.(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case int, int64, uint64, float64:
		return "a number"
	case string:
		return "text"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

// ruleMatch says how a rule's pattern matches a command line.
type ruleMatch uint8

const (
	matchesNot   ruleMatch = iota
	matchesPart            // one command of several in a shell's text
	matchesWhole           // the command, or what is started through env, sudo, timeout, a shell and the like
)

// matchCommand compares a pattern with a command line: with the words joined by single spaces, the same with the
// program's name alone, and the text that a shell gets; also with what programs such as env start, and with each
// command in a shell's text.
func matchCommand(pattern string, commands []cmdline.Command) (match ruleMatch) {
	for _, c := range commands {
		lines := []string{c.Text}
		if len(c.Words) > 0 {
			line := strings.Join(c.Words, " ")
			lines = []string{line, filepath.Base(c.Words[0]) + line[len(c.Words[0]):]}
		}
		if !slices.ContainsFunc(lines, func(line string) bool { return matchGlob(pattern, line) }) {
			continue
		}
		if !c.Part {
			return matchesWhole
		}
		match = matchesPart
	}
	return match
}

// matchGlob tells whether pattern matches all of text: * stands for any
// characters, also spaces and slashes, ? for one.
func matchGlob(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	star, retry := -1, 0 // the last star, and where in t to go on behind it
	i, j := 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, retry = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			retry++
			i, j = star+1, retry
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}
