package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing"
)

// What lists files in a project file begins where that file is; the file with a list lies there, too.
func TestProjectLists(t *testing.T) {
	s := newSite(t)
	s.dir = filepath.Join(s.repo, "a", "b")
	require.NoError(t, os.MkdirAll(s.dir, 0o700))
	s.project("file = ['@git', '@git:x', '@git:/y', '@./l', '!./@git']\n")
	settings := s.must()
	require.Equal(t, []string{
		hashing.From("@git", "../../"), "@git:../../x", "@git:/y", hashing.Within("@./l", "../../"), "!../../@git",
	}, settings.File)
	row, _ := findSetting("file")
	require.Equal(t,
		[]string{"@git from ../..", "@git:../../x", "@git:/y", "@./l from ../..", "!../../@git"}, row.show(&settings))

	s.user("file = ['@git', '@l', '@git:~/x', '@~/l']\n")
	s.project("")
	require.Equal(t, []string{"@git", "@l", "@git:" + s.home + "/x", "@" + s.home + "/l"}, s.must().File)
	for _, list := range []string{"@../l", "@/l", "@~/l", "@a/../../l", "@"} {
		s.project("file = ['" + list + "']\n")
		_, _, err := s.load()
		var bad *BadValue
		require.ErrorAs(t, err, &bad, list)
	}
}

func TestProjectFileIsFoundUpwards(t *testing.T) {
	s := newSite(t)
	s.dir = filepath.Join(s.repo, "a", "b")
	require.NoError(t, os.MkdirAll(s.dir, 0o700))

	outside := s.write(filepath.Join(filepath.Dir(s.repo), ".cachex.toml"), "ttl = '9m'\n")
	require.Equal(t, time.Hour, s.must().TTL, "nothing above the repository counts")

	s.project("ttl = '1m'\nfile = ['go.sum', './src/**/*.go', '/etc/hosts', '~/x', '../out']\n")
	settings := s.must()
	require.Equal(t, time.Minute, settings.TTL)
	require.Equal(t,
		[]string{"../../go.sum", "../../src/**/*.go", "/etc/hosts", s.home + "/x", "../../../out"}, settings.File)

	s.write(filepath.Join(s.repo, "a", ".cachex.json"), `{"ttl": "2m", "file": "go.sum"}`)
	settings = s.must()
	require.Equal(t, 2*time.Minute, settings.TTL, "the nearest counts")
	require.Equal(t, []string{"../go.sum"}, settings.File)

	s.write(filepath.Join(s.dir, ".cachex.yml"), "file: go.sum")
	require.Equal(t, []string{"go.sum"}, s.must().File)

	require.NoError(t, os.RemoveAll(filepath.Join(s.repo, ".git")))
	s.dir = s.repo
	require.Equal(t, time.Minute, s.must().TTL, "outside of a repository: the working directory")
	s.dir = filepath.Join(s.repo, "c")
	require.NoError(t, os.Mkdir(s.dir, 0o700))
	require.Equal(t, time.Hour, s.must().TTL, "and nothing above it, such as %s", outside)
	s.dir = ""
	require.Equal(t, time.Hour, s.must().TTL)
}

// TestFileEntriesNameTheFile captures recipes: an entry of a project file, seen
// from a subdirectory, must lead to the file that it means. What is above a linked
// directory by name is not what is above it on disk, and no name is a pattern.
func TestFileEntriesNameTheFile(t *testing.T) {
	for _, name := range []string{"plain", "odd [x]", "q{a,b}", "a]b", "it's", `b\s`, "st*r"} {
		for _, entry := range []string{"go.sum", "src/**/*.go", "src", "~/conf", "~/*f"} {
			s := newSite(t)
			s.home = filepath.Join(s.home, name)
			s.env[homeVariable] = s.home
			s.repo = filepath.Join(s.repo, name)
			sub := filepath.Join(s.repo, "sub")
			require.NoError(t, os.MkdirAll(sub, 0o700))
			require.NoError(t, os.Mkdir(filepath.Join(s.repo, ".git"), 0o700))
			link := filepath.Join(filepath.Dir(filepath.Dir(s.repo)), "link")
			if err := os.Symlink(sub, link); err != nil {
				t.Skip("no symbolic links here:", err)
			}
			s.project(fmt.Sprintf("file = %q\n", entry))
			content := func(text string) {
				s.write(filepath.Join(s.repo, "go.sum"), text)
				s.write(filepath.Join(s.repo, "src", "d", "a.go"), text)
				s.write(filepath.Join(s.home, "conf"), text)
			}
			for _, dir := range []string{s.repo, sub, link} {
				s.dir = dir
				key := func() hashing.Key {
					recipe, err := hashing.Capture(hashing.Spec{Name: "x", Dir: dir, Files: s.must().File}, nil)
					require.NoError(t, err, "%s %s", dir, entry)
					return recipe.Key
				}
				content("1")
				before := key()
				require.Equal(t, before, key())
				content("2")
				require.NotEqual(t, before, key(), "%s %s", dir, entry)
			}
		}
	}
}

func TestUserFile(t *testing.T) {
	s := newSite(t)
	s.user("ttl = '1m'\n")
	require.Equal(t, time.Minute, s.must().TTL)
	xdg := filepath.Join(s.home, "xdg")
	s.env["XDG_CONFIG_HOME"] = xdg
	require.Equal(t, time.Hour, s.must().TTL)
	for name, text := range map[string]string{
		"config.json": `{"ttl": "2m"}`, "config.yaml": "ttl: 2m", "config.yml": "ttl: 2m",
	} {
		path := s.write(filepath.Join(xdg, "cachex", name), text)
		require.Equal(t, 2*time.Minute, s.must().TTL, name)
		require.NoError(t, os.Remove(path))
	}
	s.env["XDG_CONFIG_HOME"] = "relative"
	require.Equal(t, time.Minute, s.must().TTL, "the XDG specification ignores relative paths")
	delete(s.env, "XDG_CONFIG_HOME")
	delete(s.env, homeVariable)
	require.Equal(t, time.Hour, s.must().TTL)
	s.env[homeVariable] = filepath.Join(s.home, "absent")
	require.Equal(t, time.Hour, s.must().TTL)
	s.env[homeVariable] = s.write(filepath.Join(s.home, "file"), "")
	require.Equal(t, time.Hour, s.must().TTL)
}

func TestUnusableFiles(t *testing.T) {
	check := func(s *site, path, why string) {
		t.Helper()
		_, _, err := s.load()
		var fault *ConfigError
		require.ErrorAs(t, err, &fault)
		require.Contains(t, err.Error(), path)
		require.Contains(t, err.Error(), why)
		require.NotContains(t, err.Error(), "\n")
		require.NotEmpty(t, fault.Hint)
	}
	s := newSite(t)
	path := filepath.Join(s.repo, ".cachex.toml")
	require.NoError(t, os.Mkdir(path, 0o700))
	check(s, path, "not a regular file")

	s = newSite(t)
	check(s, s.project("#"+strings.Repeat("x", maxConfig)), "larger than 256KiB")

	s = newSite(t)
	s.project("ttl = '1m'")
	check(s,
		s.write(filepath.Join(s.repo, ".cachex.yaml"), "ttl: 2m"), "a second configuration file beside .cachex.toml")

	s = newSite(t)
	path = filepath.Join(s.repo, ".cachex.json")
	if err := os.Symlink("absent", path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	check(s, path, "cannot be read")
}

func TestWithoutPermission(t *testing.T) {
	if os.Geteuid() <= 0 {
		t.Skip("root may read everything, and Windows has no modes")
	}
	s := newSite(t)
	path := s.project("ttl = '1m'\n")
	require.NoError(t, os.Chmod(path, 0))
	_, _, err := s.load()
	require.EqualError(t, err, path+": cannot be read: permission denied")
	require.Equal(t, "make it a file that you may read, or take it away", hintOf(err))

	// A home that cannot be searched is a service's, with somebody else's HOME:
	// the command runs, with a warning.
	s = newSite(t)
	s.user("ttl = '1m'\n")
	require.NoError(t, os.Chmod(s.home, 0))
	t.Cleanup(func() { _ = os.Chmod(s.home, 0o700) })
	settings, warnings, err := s.load()
	require.NoError(t, err)
	require.Equal(t, time.Hour, settings.TTL)
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0].String(), "is not looked at")
}

// TestMistakesNameTheLine has each mistake in each format, with the line where
// it stands.
func TestMistakesNameTheLine(t *testing.T) {
	for _, c := range []struct {
		ext, text string
		want      string // of the error, behind the path; %q of a value included
	}{
		// Unknown keys.
		{"toml", "ttl = '1m'\n\ncolour = 'red'\n", ":3: colour: unknown key"},
		{"yaml", "ttl: 1m\n\ncolour: red\n", ":3: colour: unknown key"},
		{"json", "{\n\"ttl\": \"1m\",\n\"colour\": \"red\"\n}", ":3: colour: unknown key"},
		{"toml", "[colour]\na = 1\n", ":1: colour: unknown key"},
		{"toml", "a.b = 1\n", ":1: a: unknown key"},
		{"yaml", "ttl: 1m\nTTL: 2m\n", ":2: TTL: unknown key"},
		{"json", `{"a.b": 1}`, ":1: a.b: unknown key"},
		{"yaml", "a: &x {ttl: 1m}\n<<: *x\n", ":1: a: unknown key"},
		{"toml", "'' = 1\n", ":1: unknown key"},
		// In rules.
		{"toml", "[[rule]]\nmatch = 'a'\n[[rule]]\nmatch = 'b'\n\ncolour = 1\n", ":6: colour: unknown key"},
		{"toml", "[[rule]]\nmatch = 'a'\n[rule.colour]\nx = 1\n", ":3: colour: unknown key"},
		{"toml", "rule = [\n{match = 'a'},\n{match = 'b', colour = 1},\n]\n", ":3: colour: unknown key"},
		{"yaml", "rule:\n- match: a\n- match: b\n  ttl: 1m\n  colour: 1\n", ":5: colour: unknown key"},
		{"json", "{\"rule\": [\n{\"match\": \"a\"},\n{\"match\": \"b\",\n \"colour\": 1}]}", ":4: colour: unknown key"},
		{"toml", "[[rule]]\nttl = '1m'\n", ":1: match: no pattern"},
		{"yaml", "rule:\n- ttl: 1m\n", ":2: match: no pattern"},
		{"json", "{\"rule\": [\n{\"match\": \"\"}]}", ":2: match: no pattern"},
		{"toml", "[[rule]]\nmatch = 7\n", ":2: match: no pattern"},
		{"toml", "\n[rule]\nmatch = 'a'\n", ":2: rule: a table where a list of tables is wanted"},
		{"toml", "\n[[rule.ttl]]\nmatch = 'a'\n", ":2: rule: a table where a list of tables is wanted"},
		{"yaml", "rule: a\n", ":1: rule: text where a list of tables is wanted"},
		{"json", "{\n\"rule\": [1]}", ":2: rule: a number where a table is wanted"},
		{"toml", "match = 'a'\n", ":1: match: unknown key"},
		// Wrong types.
		{"toml", "\nttl = true\n", ":2: ttl: true or false where a duration is wanted"},
		{"toml", "ttl = 07:32:00\n", ":1: ttl: a date or time where a duration is wanted"},
		{"yaml", "ttl:\n", ":1: ttl: nothing where a duration is wanted"},
		{"json", `{"ttl": null}`, ":1: ttl: nothing where a duration is wanted"},
		{"toml", "ttl.x = 1\n", ":1: ttl: a table where a duration is wanted"},
		{"yaml", "ttl: [1m]\n", ":1: ttl: a list where a duration is wanted"},
		{"yaml", "stdin: yes\n", ":1: stdin: text where true or false is wanted"},
		{"toml", "no-cache = 1\n", ":1: no-cache: a number where true or false is wanted"},
		{"toml", "env = [1]\n", ":1: env: a list where text or a list of texts is wanted"},
		{"yaml", "scope: 1.10\n", ":1: scope: a number where text is wanted"},
		{"yaml", "file: {a: b}\n", ":1: file: a table where text or a list of texts is wanted"},
		{"json", `{"cache-exit": [true]}`, ":1: cache-exit: a list where text, a number or a list of these is wanted"},
		// Bad values.
		{"toml", "ttl = 5\n", `:1: ttl "5": no unit`},
		{"yaml", "ttl: 5\n", `:1: ttl "5": no unit`},
		{"json", "{\n\n\"ttl\": 5}", `:3: ttl "5": no unit`},
		{"json", `{"scope": "a\u0000b"}`, `:1: scope "a\x00b": holds a NUL byte`},
		// Given twice.
		{"toml", "ttl = '1m'\nttl = '2m'\n", ":2: key ttl is already defined"},
		{"yaml", "ttl: 1m\nttl: 2m\n", `:2: mapping key "ttl" already defined at line 1`},
		{"json", "{\"ttl\": \"1m\",\n\"ttl\": \"2m\"}", ":2: ttl: given before, in line 1"},
		{"yaml", "ttl: 1m\n---\nttl: 2m\n", ":2: a second document"},
		// Not in this format at all.
		{"toml", "ttl = '1m'\nttl-fail = none\n", ":2: "},
		{"yaml", "ttl: 1m\n\tx: 1\n", ":2: "},
		{"yaml", "env: [a\n", ":1: "},
		{"json", "{\n\"ttl\": \n}", ":3: "},
		{"json", "{", ":1: unexpected end of JSON input"},
		{"json", "", ":1: unexpected end of JSON input"},
		{"json", "[]", ":1: not a table of keys and values"},
		{"yaml", "- a\n", ":1: not a table of keys and values"},
		{"yaml", "text\n", ":1: not a table of keys and values"},
	} {
		s := newSite(t)
		path := s.write(filepath.Join(s.repo, ".cachex."+c.ext), c.text)
		_, _, err := s.load()
		require.Error(t, err, "%+v", c)
		require.True(t, strings.HasPrefix(err.Error(), path+c.want), "%s\n%s", err, c.want)
		require.NotContains(t, err.Error(), "\n")
		require.NotEmpty(t, hintOf(err), "%+v", c)
	}
}

func hintOf(err error) string {
	switch e := err.(type) {
	case *BadValue:
		return e.Hint
	case *ConfigError:
		return e.Hint
	}
	return ""
}

func TestKeyHints(t *testing.T) {
	for key, want := range map[string]string{
		"ttl_fail": "write ttl-fail",
		"TTL":      "write ttl",
		"tags":     "write tag",
		"files":    "write file",
		"rules":    "write [[rule]] in TOML, and a list named rule in YAML and JSON",
		"match":    "match belongs in a rule",
	} {
		require.Equal(t, want, keyHint(configKey{noRule, key, 1}))
	}
	require.Contains(t, keyHint(configKey{noRule, "colour", 1}), "ttl-fail, cache-exit")
}

// TestFormatsAgree: the same settings in each format give the same result.
func TestFormatsAgree(t *testing.T) {
	texts := map[string]string{
		".cachex.toml": "\ufeffttl = '90s'\r\ncache-exit = [0, 2]\nno-cache = true\nenv = ['A', 'B_*']\nwait = 0\n" +
			"[[rule]]\nmatch = 'tool*'\nscope = 'x'\n",
		".cachex.yaml": "# comment\nttl: 90s\ncache-exit: [0, '2']\nno-cache: true\nenv:\n- A\n- B_*\nwait: 0\n" +
			"rule:\n- match: tool*\n  scope: x\n",
		".cachex.json": `{"ttl": "90s", "cache-exit": [0, 2], "no-cache": true, "env": "A,B_*", "wait": 0,
			"rule": [{"match": "tool*", "scope": "x"}]}`,
	}
	for name, text := range texts {
		s := newSite(t)
		s.write(filepath.Join(s.repo, name), text)
		settings := s.must()
		settings.origins, settings.files, settings.seen = nil, nil, nil
		want := defaultSettings()
		want.TTL, want.TTLFail, want.Wait = 90*time.Second, 90*time.Second, 0
		want.CacheExit, _ = ParseExitSet("", "0,2")
		want.NoCache = true
		want.Env = []string{"A", "B_*"}
		want.Scope, want.ruled, want.matched = "x", true, true
		require.Equal(t, want, settings, name)
	}
	for name, text := range map[string]string{
		".cachex.toml": "", ".cachex.yaml": "# nothing\n", ".cachex.yml": "", ".cachex.json": "{}",
	} {
		s := newSite(t)
		s.write(filepath.Join(s.repo, name), text)
		require.Equal(t, time.Hour, s.must().TTL, name)
	}
}

// TestDeepNesting: a project file may be anybody's; it must not exhaust the stack.
func TestDeepNesting(t *testing.T) {
	if testing.Short() {
		t.Skip("nests deeply")
	}
	for ext, text := range map[string]string{
		"toml": "ttl = " + strings.Repeat("[", maxConfig-10),
		"yaml": "ttl: " + strings.Repeat("[", maxConfig-10),
		"json": `{"ttl": ` + strings.Repeat("[", maxConfig-10),
	} {
		_, err := parseConfig("/x/.cachex."+ext, []byte(text))
		require.Error(t, err, ext)
		require.NotEmpty(t, hintOf(err), ext)
	}
}

// FuzzParseConfig: whatever a file holds, it is understood, or refused in one
// line with a place in the file and a hint.
func FuzzParseConfig(f *testing.F) {
	for format, text := range map[byte]string{
		0: "ttl = '1m'\n[[rule]]\nmatch = 'a*'\nenv = ['TZ']\n[rule.x]\ny.z = 1\n",
		1: "ttl: 1m\nrule:\n- match: a*\n  env: [TZ]\n- &x {match: b}\n- *x\n",
		2: `{"ttl": "1m", "rule": [{"match": "a*", "env": ["TZ"]}, 1], "ttl": 5}`,
	} {
		f.Add(format, text)
	}
	formats := []string{"toml", "yaml", "json"}
	f.Fuzz(func(t *testing.T, format byte, text string) {
		path := "/x/.cachex." + formats[int(format)%len(formats)]
		file, err := parseConfig(path, []byte(text))
		if err == nil {
			_, err = file.apply(new(Settings), settingsInput{
				Words: []string{"a"}, LookupEnv: func(string) (string, bool) { return "", false },
			})
		}
		for _, key := range file.keys {
			require.Positive(t, key.line)
			require.LessOrEqual(t, key.line, 1+strings.Count(text, "\n")+strings.Count(text, "\r"))
		}
		if err != nil {
			require.NotEmpty(t, hintOf(err), fmt.Sprintf("%T: %v", err, err))
			require.True(t, strings.HasPrefix(err.Error(), path), err)
		}
	})
}
