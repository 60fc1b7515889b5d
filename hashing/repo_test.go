package hashing

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNormalURL(t *testing.T) {
	for want, urls := range map[string][]string{
		"h.example/team/app": {
			"https://h.example/team/app", "https://h.example/team/app.git", "https://h.example/team/app/", "https://h.example/team/app.git/",
			"http://h.example:80/team/app", "https://H.Example:443/team/app.git", "https://bob:hunter2@h.example/team/app.git", "https://h.example/team/app?x=1#y",
			"ssh://git@h.example/team/app.git", "ssh://git@h.example:22/team/app.git", "ssh://h.example:/team/app", "git://h.example:9418/team/app", "git+ssh://h.example/team/app",
			"git@h.example:team/app.git", "h.example:/team/app", "git@h.example:team/app/",
		},
		"h.example:2222/team/app": {"ssh://git@h.example:2222/team/app.git"},
		"h.example/Team/App":      {"https://h.example/Team/App"},
		"10.0.0.1/app":            {"https://10.0.0.1/app"},
		"": {
			"", "/srv/app.git", "../app", "./h.example:app", "app", "file:///srv/app.git", "file://h.example/app", `C:\src\app`, "C:/src/app", "server:app.git", "https://server/app",
			"https://localhost/app", "http://127.0.0.1:8080/app", "ssh://[::1]/app", "https://h.example", "https://h.example/", "https://h.example/.git", "https://h.example/a/../b", "https://h.example/a//b",
			"ext::sh -c x.y", "ext::https://h.example/app", "dir.d/a:b",
		},
	} {
		for _, url := range urls {
			name, ok := normalURL(url)
			require.Equal(t, want, name, url)
			require.Equal(t, want != "", ok, url)
		}
	}
}

// What Git itself makes of a configuration is what is read of it.
func TestOriginAsGitReadsIt(t *testing.T) {
	git, err := exec.LookPath("git")
	require.NoError(t, err, "git is needed")
	for _, config := range []string{
		"[remote \"origin\"]\n\turl = https://h.example/a\n",
		"[remote \"origin\"] url = https://h.example/a\n[remote \"other\"]\nurl = https://h.example/b\n",
		"\ufeff[REMOTE \"origin\"]\r\n  URL=https://h.example/a  \t# a remark\r\n",
		"[remote \"ORIGIN\"]\nurl = https://h.example/b\n",
		"[remote.Origin]\nurl = https://h.example/a\n",
		"[remote \"ori\\gin\"]\nurl = \"https://h.example/\"a; a remark\n",
		"[remote \"origin\"]\nurl = https://h.example/\\\na\n",
		"[remote \"origin\"]\nurl = \"https://h.example/a # no remark\"\n",
		"[remote \"origin\"]\nurl = a\\tb\\\\c\\\"d\n",
		"[remote \"origin\"]\nurl = a  b\n",
		"[core]\nbare\n[remote \"origin\"]\n; url = x\nurl=https://h.example/a",
		"[branch \"a b\\\"c\"]\nremote = origin\n[remote \"origin\"]\npushurl = https://h.example/b\n",
		"[remote \"origin\"\nurl = https://h.example/a\n",
		"[remote \"origin\"]\nurl = \"https://h.example/a\n",
		"[remote \"origin\"]\nurl = a\\q\n",
		"[remote \"origin\"]\nurl # https://h.example/a\n",
		"url = https://h.example/a\n",
		"[remote \"origin]\nurl = https://h.example/a\n",
	} {
		root := t.TempDir()
		put(t, root, ".git/config", config)
		command := exec.Command(git, "config", "--file", filepath.Join(root, ".git/config"), "--get-all", "remote.origin.url")
		command.Env = []string{"HOME=" + root, "PATH=" + os.Getenv("PATH")}
		out, _ := command.Output() // a fault and no value are the same here
		url, ok := originURL(root)
		if !ok {
			url = ""
		}
		require.Equal(t, strings.TrimSuffix(string(out), "\n"), url, config)
	}
}

// Where the configuration is, and when it does not say all.
func TestOriginURL(t *testing.T) {
	const origin = "[remote \"origin\"]\nurl = https://h.example/a\n"
	for _, c := range []struct {
		name  string
		files map[string]string // path to text
		found bool
	}{
		{"plain", map[string]string{".git/config": origin}, true},
		{"no configuration", map[string]string{".git/HEAD": ""}, false},
		{"no origin", map[string]string{".git/config": "[remote \"upstream\"]\nurl = https://h.example/a\n"}, false},
		{"the same twice", map[string]string{".git/config": origin + origin}, true},
		{"two", map[string]string{".git/config": origin + "url = https://h.example/b\n"}, false},
		{"include", map[string]string{".git/config": "[include]\npath = more\n" + origin}, false},
		{"includeIf", map[string]string{".git/config": origin + "[includeIf \"gitdir:/x\"]\npath = more\n"}, false},
		{"insteadOf", map[string]string{".git/config": origin + "[url \"/srv/\"]\ninsteadOf = https://h.example/\n"}, false},
		{"pushInsteadOf", map[string]string{".git/config": origin + "[url \"/srv/\"]\npushInsteadOf = https://h.example/\n"}, true},
		{"linked working tree", map[string]string{
			".git": "gitdir: main/.git/worktrees/w\n", "main/.git/worktrees/w/commondir": "../..\n", "main/.git/config": origin,
		}, true},
		{"working tree of its own configuration", map[string]string{
			".git": "gitdir: main/.git/worktrees/w\n", "main/.git/worktrees/w/commondir": "../..\n",
			"main/.git/config":                      origin + "[extensions]\nworktreeConfig = true\n",
			"main/.git/worktrees/w/config.worktree": "[remote \"origin\"]\nurl = https://h.example/b\n",
		}, false},
		{"working tree without", map[string]string{".git/config": origin + "[extensions]\nworktreeConfig = true\n"}, true},
		{"submodule", map[string]string{".git": "gitdir: main/.git/modules/m\r\n", "main/.git/modules/m/config": origin}, true},
		{"a file of something else", map[string]string{".git": "elsewhere\n"}, false},
		{"nowhere", map[string]string{".git": "gitdir: gone\n"}, false},
		{"too large", map[string]string{".git/config": origin + strings.Repeat("#\n", maxGitFile)}, false},
		{"a directory", map[string]string{".git/config/x": origin}, false},
		{"another system", map[string]string{".hg/hgrc": "[paths]\ndefault = https://h.example/a\n"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				put(t, root, name, text)
			}
			url, ok := originURL(root)
			require.Equal(t, c.found, ok)
			if ok {
				require.Equal(t, "https://h.example/a", url)
			}
		})
	}
}

// Whatever is in the file: no panic, no loop, and what is written as Git writes it comes back.
func FuzzParseGitConfig(f *testing.F) {
	f.Add("[remote \"origin\"]\n\turl = https://h.example/a\n", "origin", "x")
	f.Add("[a.b] c = \"d # e\" \\\n f ; g\n[", "a\\b\"c", "\\\t\"#; ")
	f.Fuzz(func(t *testing.T, text, subsection, value string) {
		_ = parseGitConfig(text, func(section, _, name, _ string) {
			require.NotEmpty(t, section)
			require.NotEmpty(t, name)
		})
		if strings.ContainsAny(subsection, "\n\x00") || strings.ContainsAny(value, "\n\r\x00") || strings.Contains(subsection, "\r") {
			return
		}
		escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
		var got []string
		err := parseGitConfig("[s \""+escape.Replace(subsection)+"\"]\nv = \""+escape.Replace(value)+"\"\n", func(section, subsection, name, value string) {
			got = append(got, section, subsection, name, value)
		})
		require.NoError(t, err)
		require.Equal(t, []string{"s", subsection, "v", value}, got)
	})
}
