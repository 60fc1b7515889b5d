package cmd

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/cmdline"
)

// site is a home with a user's file and a repository with a project file.
type site struct {
	t    *testing.T
	home string
	repo string
	dir  string // working directory
	env  map[string]string
}

func newSite(t *testing.T) *site {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	s := &site{t: t, home: filepath.Join(root, "home"), repo: filepath.Join(root, "repo"), env: map[string]string{}}
	s.env[homeVariable] = s.home
	s.dir = s.repo
	require.NoError(t, os.MkdirAll(filepath.Join(s.repo, ".git"), 0o700))
	return s
}

func (s *site) write(path, text string) string {
	s.t.Helper()
	require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (s *site) user(text string) string {
	s.t.Helper()
	return s.write(filepath.Join(s.home, ".config", "cachex", "config.toml"), text)
}

func (s *site) project(text string) string {
	s.t.Helper()
	return s.write(filepath.Join(s.repo, ".cachex.toml"), text)
}

// load merges what the site has with flags, for the command `tool build ./x`.
func (s *site) load(flags ...string) (Settings, []Warning, error) {
	s.t.Helper()
	return s.loadFor([]string{"tool", "build", "./x"}, flags...)
}

func (s *site) loadFor(words []string, flags ...string) (Settings, []Warning, error) {
	s.t.Helper()
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	for _, row := range settingTable() {
		switch row.field(new(Settings)).(type) {
		case *bool:
			set.Bool(row.name, false, "")
		case *[]string:
			set.StringArray(row.name, nil, "")
		case *[]int:
			set.StringSlice(row.name, nil, "")
		case *[]byte: // has no flag
		default:
			set.String(row.name, "", "")
		}
	}
	require.NoError(s.t, set.Parse(flags))
	var environ []string
	for name, value := range s.env {
		environ = append(environ, name+"="+value)
	}
	return loadSettings(settingsInput{
		Flags: set, Environ: environ, Dir: s.dir, Words: words,
		LookupEnv: func(name string) (string, bool) { value, ok := s.env[name]; return value, ok },
	})
}

// must is load without warnings and errors.
func (s *site) must(flags ...string) Settings {
	s.t.Helper()
	settings, warnings, err := s.load(flags...)
	require.NoError(s.t, err)
	require.Empty(s.t, warnings)
	return settings
}

func TestDefaults(t *testing.T) {
	s := newSite(t).must()
	require.Equal(t, time.Hour, s.TTL)
	require.Equal(t, time.Hour, s.TTLFail)
	require.Equal(t, call.ExitZero(), s.CacheExit)
	require.Equal(t, NoEnd, s.Wait)
	require.Equal(t, int64(5<<30), s.MaxSize)
	require.Equal(t, 30*24*time.Hour, s.Keep)
	require.Equal(t, hashing.CwdPath, s.Cwd)
	require.Equal(t, hashing.ExeContent, s.Exe)
	require.Empty(t, s.CacheDir)
	require.Nil(t, s.Secret)
}

// TestPrecedence goes through all sixteen cases. The highest that is given wins:
//
//	flag 1m > environment 2m > project 3m (its rule 4m) > user 5m (its rule 6m) > default 1h
func TestPrecedence(t *testing.T) {
	for given := range 64 {
		s := newSite(t)
		on := func(bit int) bool { return given>>bit&1 == 1 }
		want, from := time.Hour, []string(nil)
		var user, project string
		if on(5) {
			user += "ttl = \"5m\"\n"
			want = 5 * time.Minute
		}
		if on(4) {
			user += "[[rule]]\nmatch = \"tool *\"\nttl = \"6m\"\n"
			want = 6 * time.Minute
		}
		if user != "" {
			from = []string{place(s.user(user), strings.Count(user, "\n"))}
		}
		if on(3) {
			project += "ttl = \"3m\"\n"
			want = 3 * time.Minute
		}
		if on(2) {
			project += "[[rule]]\nmatch = \"tool *\"\nttl = \"4m\"\n"
			want = 4 * time.Minute
		}
		if project != "" {
			from = []string{place(s.project(project), strings.Count(project, "\n"))}
		}
		if on(1) {
			s.env["CACHEX_TTL"] = "2m"
			want, from = 2*time.Minute, []string{"CACHEX_TTL"}
		}
		var flags []string
		if on(0) {
			flags = []string{"--ttl", "1m"}
			want, from = time.Minute, []string{"flag"}
		}
		settings := s.must(flags...)
		require.Equal(t, want, settings.TTL, "sources %06b", given)
		require.Equal(t, from, settings.from("ttl"), "sources %06b", given)
	}
}

// TestWhoMaySetWhat is the truth table of the contract: what the environment may
// set is policy, what a project file may set names no directory and no secret.
func TestWhoMaySetWhat(t *testing.T) {
	for _, c := range []struct {
		name, value  string // value as TOML
		env, project bool
	}{
		{"ttl", `"7m"`, true, true},
		{"ttl-fail", `"7m"`, true, true},
		{"cache-exit", `"0-3"`, true, true},
		{"wait", `"7m"`, true, true},
		{"no-cache", `true`, true, true},
		{"read-only", `true`, true, true},
		{"refresh", `true`, true, false},
		{"cached-only", `true`, true, false},
		{"explain", `true`, true, false},
		{"quiet", `true`, true, false},
		{"cache-dir", `"/var/cache/x"`, true, false},
		{"in-memory", `true`, true, false},
		{"max-size", `"1GiB"`, true, false},
		{"keep", `"7d"`, true, false},
		{"trust-owner", `"1000"`, true, false},
		{"secret-file", `"SECRET"`, true, false},
		{"secret", `"s3cret"`, true, false},
		{"pty", `true`, false, false},
		{"env", `"TZ"`, false, true},
		{"strict-env", `true`, false, true},
		{"tool", `"go"`, false, true},
		{"file", `"go.sum"`, false, true},
		{"output", `"a.o"`, false, true},
		{"depfile", `"a.d"`, false, true},
		{"stdin", `true`, false, true},
		{"cwd", `"repo"`, false, true},
		{"project-repo", `"app"`, false, true},
		{"scope", `"v2"`, false, true},
		{"namespace", `"team/app"`, false, true},
		{"tag", `"nightly"`, false, true},
		{"ttl-until", `"06:30"`, true, true},
		{"jitter", `"10%"`, true, true},
		{"stale", `"7m"`, true, true},
		{"stale-if-error", `"7m"`, true, true},
		{"early", `"1.5"`, true, true},
		{"verify", `"1%"`, true, true},
		{"output-touch", "true", true, true},
		{"keep-mtime", "true", true, true},
		{"output-clean", "true", false, false},
		{"min-cost", `"200ms"`, true, true},
		{"max-entry", `"5MiB"`, true, true},
		{"max-entries", `"32"`, false, true},
		{"private", `true`, false, true},
		{"follow", `true`, true, false},
		{"purge-tag", `"users"`, false, false},
		{"replay", `"stderr"`, false, false},
		{"vary", `"date +%F"`, false, false},
		{"only-if", `"REQUEST_METHOD=GET"`, false, true},
		{"strip-ansi", `"auto"`, false, false},
		{"trace", `true`, false, true},
		{"trace-times", `"ignore"`, false, false},
		{"trace-ignore", `"/usr/**"`, false, false},
		{"trace-keep", `"/usr/**"`, false, true},
		{"env-except", `"BUILD_*"`, false, false},
		{"env-only", `"BUILD_*"`, false, false},
		{"remote", `"redis://127.0.0.1:1"`, true, false},
		{"remote-required", `true`, true, false},
		{"sign", `"hmac"`, true, false},
		{"require-signature", `true`, true, false},
		{"encrypt", `true`, true, false},
		{"key-file", `"/etc/keys"`, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			row, known := findSetting(c.name)
			require.True(t, known)
			preset := newSite(t).must()
			unset := row.show(&preset)

			user := newSite(t)
			secret := user.write(filepath.Join(user.home, "secret"), "of the file\n")
			value := strings.Replace(c.value, "SECRET", filepath.ToSlash(secret), 1)
			user.user(c.name + " = " + value + "\n")
			settings := user.must()
			set := row.show(&settings)
			require.NotEqual(t, unset, set, "the user's file may set everything")

			project := newSite(t)
			path := project.project("\n" + c.name + " = " + value + "\n")
			settings, warnings, err := project.load()
			require.NoError(t, err)
			if c.project {
				require.Equal(t, set, row.show(&settings))
				require.Empty(t, warnings)
			} else {
				require.Equal(t, unset, row.show(&settings))
				require.Equal(t,
					[]Warning{Warning(path + ":2: " + c.name + " is ignored: a project file may not set it")},
					warnings)
			}

			outside := newSite(t)
			outside.env[row.envName()] = strings.Trim(value, `"`)
			settings, warnings, err = outside.load()
			require.NoError(t, err)
			if c.env {
				require.Equal(t, set, row.show(&settings))
				require.Empty(t, warnings)
			} else {
				require.Equal(t, unset, row.show(&settings))
				require.Len(t, warnings, 1)
				require.Contains(t, warnings[0].String(), row.envName()+" is ignored")
			}

			if c.name != "secret" {
				settings = newSite(t).must("--" + c.name + "=" + strings.Trim(value, `"`))
				require.Equal(t, set, row.show(&settings))
			}
		})
	}
	apart := []string{"exe", "repo", "arg-files"} // see TestProjectOnlyAdds and TestRepo
	require.Len(t, settingTable(), 61+len(apart), "each setting has its row above")
}

// TestProjectOnlyAdds: a project file takes nothing away that the user's own puts in the key or asks for.
func TestProjectOnlyAdds(t *testing.T) {
	for _, c := range []struct {
		user, project string
		taken         bool
	}{
		{``, `cwd = "none"`, false},
		{``, `cwd = "repo"`, true},
		{`cwd = "none"`, `cwd = "none"`, true},
		{`cwd = "none"`, `cwd = "path"`, true},
		{``, `exe = "digest"`, false},
		{``, `exe = "path"`, false},
		{``, `exe = "none"`, false},
		{`exe = "digest"`, `exe = "path"`, false},
		{`exe = "digest"`, `exe = "none"`, false},
		{`exe = "digest"`, `exe = "digest"`, true},
		{`exe = "path"`, `exe = "content"`, true},
		{`exe = "none"`, `exe = "path"`, true},
		{`private = true`, `private = false`, false},
		{`no-cache = true`, `no-cache = false`, false},
		{`read-only = true`, `read-only = false`, false},
		{`stdin = true`, `stdin = false`, false},
		{``, `arg-files = false`, false},
		{``, `arg-files = true`, true},
		{`arg-files = false`, `arg-files = true`, true},
		{``, `no-cache = false`, true},
		{``, "no-cache = true\n[[rule]]\nmatch = 'tool*'\nno-cache = false", true}, // what it asked for itself
		{`private = true`, "[[rule]]\nmatch = 'tool*'\nprivate = false", false},
		{``, "[[rule]]\nmatch = 'other*'\nexe = 'none'", false},
	} {
		t.Run(c.user+" "+c.project, func(t *testing.T) {
			s := newSite(t)
			s.user(c.user + "\n")
			own := s.must()
			path := s.project(c.project + "\n")
			settings, warnings, err := s.load()
			require.NoError(t, err)
			if c.taken {
				require.Empty(t, warnings)
				return
			}
			require.Len(t, warnings, 1)
			require.Regexp(t,
				"^"+regexp.QuoteMeta(path)+`:[13]: [a-z-]+ = [a-z]+ is ignored: a project file may only add to what is set$`,
				warnings[0].String())
			own.files, settings.files, own.seen, settings.seen, own.ruled, settings.ruled = nil, nil, nil, nil, false, false
			own.matched, settings.matched = false, false
			require.Equal(t, own, settings)
		})
	}
}

// TestRepo: the user's own file says what a repository is called; a project file can only add to that.
func TestRepo(t *testing.T) {
	s := newSite(t)
	s.project("repo = 'theirs'\n")
	settings := s.must()
	require.Equal(t, "", settings.Repo)
	require.Equal(t, "theirs", settings.ProjectRepo)
	s.user("repo = 'mine'\n")
	settings = s.must()
	require.Equal(t, "mine", settings.Repo)
	require.Equal(t, "theirs", settings.ProjectRepo)
	s.env["CACHEX_REPO"] = "of the environment"
	settings, warnings, err := s.load()
	require.NoError(t, err)
	require.Equal(t, "mine", settings.Repo)
	require.Len(t, warnings, 1)
}

// TestProjectFileIsALink: one that leads out of the repository is not read.
func TestProjectFileIsALink(t *testing.T) {
	s := newSite(t)
	inside := s.write(filepath.Join(s.repo, "conf", "shared.toml"), "ttl = '2m'\n")
	private := s.write(filepath.Join(filepath.Dir(s.repo), "repo-private.toml"), "root:x:hunter2\n")
	path := filepath.Join(s.repo, ".cachex.toml")
	if err := os.Symlink(inside, path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	require.Equal(t, 2*time.Minute, s.must().TTL)
	require.NoError(t, os.Remove(inside))
	require.NoError(t, os.Symlink(private, inside))
	settings, warnings, err := s.load()
	require.NoError(t, err)
	require.Equal(t, []Warning{Warning(path + " is not read: it is a link out of the repository")}, warnings)
	require.Equal(t, time.Hour, settings.TTL)
}

func TestListsAddUp(t *testing.T) {
	s := newSite(t)
	user := s.user(`
env = ["HOME", "TZ"]
file = "from-user"
tag = "user"
[[rule]]
match = "tool*"
env = "USER_RULE"
[[rule]]
match = "other*"
env = "NOT_THIS"
`)
	project := s.project(`
env = "TZ,LANG"
file = ["go.sum", "./src/**/*.go"]
tag = ["user", "project"]
[[rule]]
match = "tool build*"
env = ["PROJECT_RULE"]
[[rule]]
match = "*"
env = ["LATER_RULE"]
`)
	settings := s.must("--env", "FLAG,LANG", "--env", "AWS_*", "--file", "main.go", "--tag", "flag")
	require.Equal(t,
		[]string{"HOME", "TZ", "USER_RULE", "LANG", "PROJECT_RULE", "LATER_RULE", "FLAG", "AWS_*"}, settings.Env)
	require.Equal(t, []string{
		user + ":2", user + ":2", user + ":7", project + ":2", project + ":7", project + ":10", "flag", "flag",
	}, settings.from("env"))
	require.Equal(t, []string{"from-user", "go.sum", "./src/**/*.go", "main.go"}, settings.File)
	require.Equal(t, []string{"user", "project", "flag"}, settings.Tag)
}

func TestTrustOwnerIsReplaced(t *testing.T) {
	s := newSite(t)
	s.user("trust-owner = [1, 2]\n")
	require.Equal(t, []int{1, 2}, s.must().TrustOwner)
	s.env["CACHEX_TRUST_OWNER"] = "3,4"
	require.Equal(t, []int{3, 4}, s.must().TrustOwner)
	require.Equal(t, []int{5, 6, 7}, s.must("--trust-owner", "5,6", "--trust-owner=7").TrustOwner)
}

// TestRules: the command is `tool build ./x`.
func TestRules(t *testing.T) {
	s := newSite(t)
	s.project(`
ttl = "1m"
cwd = "repo"
[[rule]]
match = "tool *"
ttl = "2m"
scope = "first"
[[rule]]
match = "tool test*"
ttl = "3m"
[[rule]]
match = "tool build*"
ttl = "4m"
`)
	settings := s.must()
	require.Equal(t, 4*time.Minute, settings.TTL)
	require.Equal(t, "first", settings.Scope)
	require.Equal(t, hashing.CwdRepo, settings.Cwd)

	settings, _, err := s.loadFor([]string{"/usr/bin/tool", "clean"})
	require.NoError(t, err)
	require.Equal(t, 2*time.Minute, settings.TTL)

	settings, _, err = s.loadFor(nil)
	require.NoError(t, err)
	require.Equal(t, time.Minute, settings.TTL)
}

// TestRuleBeforeTopLevel: YAML and JSON may have the rules first.
func TestRuleBeforeTopLevel(t *testing.T) {
	for name, text := range map[string]string{
		".cachex.yaml": "rule:\n- match: tool*\n  ttl: 2m\nttl: 1m\n",
		".cachex.yml":  "rule: [{match: tool*, ttl: 2m}]\nttl: 1m\n",
		".cachex.json": `{"rule": [{"match": "tool*", "ttl": "2m"}], "ttl": "1m"}`,
		".cachex.toml": "rule = [{match = 'tool*', ttl = '2m'}]\nttl = '1m'\n",
	} {
		s := newSite(t)
		s.write(filepath.Join(s.repo, name), text)
		require.Equal(t, 2*time.Minute, s.must().TTL, name)
	}
}

func TestMatchGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"terraform plan*", "terraform plan", true},
		{"terraform plan*", "terraform plan -out=a/b c", true},
		{"terraform plan*", "terraform apply", false},
		{"terraform plan", "terraform plan -out", false},
		{"*", "", true},
		{"*", "a\nb", true},
		{"", "", true},
		{"", "a", false},
		{"?", "é", true},
		{"?", "", false},
		{"a?c", "a/c", true},
		{"*b*b", "abab", true},
		{"*aab", "aaaab", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"[a]", "[a]", true},
		{"[a]", "a", false},
		{"***", "x", true},
		{strings.Repeat("*a", 50), strings.Repeat("a", 5000) + "b", false},
	} {
		require.Equal(t, c.want, matchGlob(c.pattern, c.text), "%q %q", c.pattern, c.text)
	}
}

func TestCommandLines(t *testing.T) {
	for _, c := range []struct {
		pattern string
		words   []string
		match   ruleMatch
	}{
		{"*", nil, matchesNot},
		{"go list ./...", []string{"go", "list", "./..."}, matchesWhole},
		{"go list", []string{"/usr/bin/go", "list"}, matchesWhole},
		{"/usr/bin/go list", []string{"/usr/bin/go", "list"}, matchesWhole},
		{"git log | head", []string{"sh", "-c", "git log | head", "x"}, matchesWhole},
		{"text", []string{"bash", "-x", "text"}, matchesNot},
		{"deploy*", []string{"env", "A=1", "/srv/deploy", "now"}, matchesWhole},
		{"deploy*", []string{"bash", "-c", "deploy now"}, matchesWhole},
		{"deploy*", []string{"bash", "-c", "make && deploy now"}, matchesPart},
		{"deploy*", []string{"bash", "-c", "echo 'deploy now'"}, matchesNot},
		{"deploy*", []string{"echo", "deploy"}, matchesNot},
	} {
		require.Equal(t, c.match, matchCommand(c.pattern, cmdline.Commands(c.words)), "%s %v", c.pattern, c.words)
	}
}

func TestEnvironment(t *testing.T) {
	s := newSite(t)
	s.env["CACHEX_TTL"] = ""
	s.env["CACHEX_NO_CACHE"] = ""
	s.env["CACHEX_KEY"] = ""
	s.env["CACHEX_HELD"] = "internal"
	s.env["CACHEX_CONTROL"] = "/internal"
	s.env["CACHEX_SOMETHING"] = ""
	settings := s.must()
	require.Equal(t, time.Hour, settings.TTL)

	for _, name := range []string{
		"KEY", "OUTPUT", "VARY", "NAMESPACE", "SCOPE", "ENV", "FILE", "STDIN", "CWD", "EXE", "TAG", "PTY", "REPLAY",
	} {
		s := newSite(t)
		s.env["CACHEX_"+name] = "x"
		settings, warnings, err := s.load()
		require.NoError(t, err)
		require.Len(t, warnings, 1, name)
		require.True(t, strings.HasPrefix(warnings[0].String(), "CACHEX_"+name+" is ignored"), warnings[0])
		other := newSite(t).must()
		other.seen = settings.seen // in another directory
		require.Equal(t, other, settings)
	}

	s = newSite(t)
	s.env["CACHEX_READ_ONLY"] = "1"
	require.True(t, s.must().ReadOnly)
	require.False(t, s.must("--read-only=false").ReadOnly)
	s.env["CACHEX_READ_ONLY"] = "yes"
	_, _, err := s.load()
	require.EqualError(t, err, `CACHEX_READ_ONLY "yes": neither true nor false`)
}

func TestTTLFail(t *testing.T) {
	for _, c := range []struct {
		flags []string
		user  string
		fail  time.Duration
		exits string
	}{
		{nil, "", time.Hour, "0"},
		{[]string{"--ttl", "5m"}, "", 5 * time.Minute, "0"},
		{[]string{"--ttl-fail", "5m"}, "", 5 * time.Minute, "any"},
		{[]string{"--ttl-fail", "none"}, "", NoEnd, "any"},
		{[]string{"--ttl-fail", "0"}, "", 0, "any"},
		{[]string{"--ttl-fail", "5m", "--cache-exit", "0,1"}, "", 5 * time.Minute, "0-1"},
		{[]string{"--ttl-fail", "5m"}, "cache-exit = 1", 5 * time.Minute, "1"},
		{[]string{"--cache-exit", "0"}, "ttl-fail = '5m'", 5 * time.Minute, "0"},
	} {
		s := newSite(t)
		s.user(c.user)
		settings := s.must(c.flags...)
		require.Equal(t, c.fail, settings.TTLFail, "%+v", c)
		require.Equal(t, c.exits, settings.CacheExit.String(), "%+v", c)
	}
}

func TestBadValuesNameTheirSource(t *testing.T) {
	for _, c := range []struct{ name, value, why string }{
		{"ttl", "5", "no unit"},
		{"ttl-fail", "-1s", "negative"},
		{"wait", "99999w", "too long"},
		{"keep", "none", "needs an end"},
		{"keep", "0", "nothing would be kept"},
		{"cache-exit", "3-1", `"3-1" runs backwards`},
		{"max-size", "5G", `unknown unit "G"`},
		{"max-size", "0", "no room for anything"},
		{"trust-owner", "root", "not a user id"},
		{"trust-owner", "-1", "not a user id"},
		{"cwd", "here", "not one of the choices"},
		{"exe", "Path", "not one of the choices"},
		{"namespace", "a//b", "a part of it is empty"},
		{"env", "TZ=UTC", "not a name"},
		{"env", "", "empty"},
		{"env", "@goo", "no such tool is known"},
		{"tool", "@go", "no such tool is known"},
		{"file", "", "empty"},
		{"output", "../x", "outputs lie below the working directory"},
		{"depfile", "a/../../x.d", "outputs lie below the working directory"},
		{"depfile", "/x.d", "outputs lie below the working directory"},
		{"output", "./", "the whole working directory is no output"},
		{"tag", " ", "empty"},
		{"cache-dir", "", "empty"},
		{"secret-file", "", "empty"},
	} {
		row, known := findSetting(c.name)
		require.True(t, known)
		check := func(err error, from string) {
			t.Helper()
			var bad *BadValue
			require.ErrorAs(t, err, &bad, "%+v", c)
			require.Equal(t, fmt.Sprintf("%s %q: %s", from, c.value, c.why), bad.Error())
			require.NotEmpty(t, bad.Hint)
		}
		_, _, err := newSite(t).load("--" + c.name + "=" + c.value)
		check(err, "--"+c.name)
		if row.policy && c.value != "" {
			s := newSite(t)
			s.env[row.envName()] = c.value
			_, _, err = s.load()
			check(err, row.envName())
		}
		s := newSite(t)
		path := s.user(fmt.Sprintf("# first line\n\n%s = %q\n", c.name, c.value))
		_, _, err = s.load()
		check(err, path+":3: "+c.name)
		path = s.user(fmt.Sprintf("[[rule]]\nmatch = \"never\"\n%s = %q\n", c.name, c.value))
		_, _, err = s.load()
		check(err, path+":3: "+c.name) // also in a rule that does not match
	}
}

func TestSecret(t *testing.T) {
	s := newSite(t)
	path := s.write(filepath.Join(s.home, "secret"), "line\n")
	s.env["CACHEX_SECRET_FILE"] = path
	settings := s.must()
	require.Equal(t, "line", string(settings.Secret))
	require.Equal(t, path, settings.SecretFile)

	s.env["CACHEX_SECRET"] = "value"
	settings = s.must()
	require.Equal(t, "value", string(settings.Secret))
	require.Empty(t, settings.SecretFile)
	require.Empty(t, settings.from("secret-file"))

	s.write(path, "two\r\nlines\r\n")
	settings = s.must("--secret-file", path)
	require.Equal(t, "two\r\nlines", string(settings.Secret))
	require.Empty(t, settings.from("secret"))

	for name, text := range map[string]string{"empty": "\n", "large": strings.Repeat("x", maxSecret+1)} {
		_, _, err := s.load("--secret-file", s.write(filepath.Join(s.home, name), text))
		var bad *BadValue
		require.ErrorAs(t, err, &bad, name)
		require.NotEmpty(t, bad.Hint)
	}
	_, _, err := s.load("--secret-file", s.home)
	require.ErrorContains(t, err, "not a regular file")
	_, _, err = s.load("--secret-file", filepath.Join(s.home, "absent"))
	require.ErrorContains(t, err, "absent")
	_, _, err = s.loadFor(nil, "--secret-file", filepath.Join(s.home, "absent"))
	require.NoError(t, err, "without a command there is nothing to digest")
}

func TestPaths(t *testing.T) {
	s := newSite(t)
	user := s.user("cache-dir = 'cache'\nfile = ['~/.kube/config', 'go.sum']\n")
	settings := s.must()
	require.Equal(t, filepath.Join(filepath.Dir(user), "cache"), settings.CacheDir)
	require.Equal(t, []string{s.home + "/.kube/config", "go.sum"}, settings.File)
	require.Equal(t, filepath.Join(s.repo, "here"), s.must("--cache-dir", "here").CacheDir)
	require.Equal(t, s.home+"/there", s.must("--cache-dir=~/there").CacheDir)
	s.env["CACHEX_CACHE_DIR"] = "~"
	require.Equal(t, s.home, s.must().CacheDir)

	s = newSite(t)
	delete(s.env, homeVariable)
	require.Empty(t, s.must().CacheDir)
	_, _, err := s.load("--file=~/x")
	require.EqualError(t, err, `--file "~/x": no home directory is known`)
}

// That none but named variables count is said of a command by who may leave things out of its key: not by a project,
// and not for what stands beside the command.
func TestNoneButNamed(t *testing.T) {
	for _, c := range []struct{ text, user, beside, project string }{
		{"env = '@none'\n", "@none", "@none", ""},
		{"env = ['A', '@none,B', 'C']\n", "A @none B C", "A @none B C", "A B C"},
		{"[[rule]]\nmatch = 'tool*'\nenv = ['@none', 'A']\n", "@none A", "A", "A"},
		{"[[rule]]\nmatch = 'other*'\nenv = '@none'\n", "", "", ""},
	} {
		env := func(s Settings, _ []Warning, err error) string {
			require.NoError(t, err, c.text)
			return strings.Join(s.Env, " ")
		}
		s := newSite(t)
		s.user(c.text)
		require.Equal(t, c.user, env(s.load()), c.text)
		require.Equal(t, c.beside, env(s.loadFor([]string{"sh", "-c", "cat x | tool"})), c.text)

		s = newSite(t)
		path := s.project(c.text)
		require.Equal(t, c.project, env(s.load()), c.text)
		_, warnings, _ := s.load()
		require.Len(t, warnings, 1)
		require.Regexp(t,
			regexp.QuoteMeta(path)+`:\d: env = @none is ignored: a project file may only add to what is set`,
			warnings[0].String())
	}
}
