package main

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var fence = regexp.MustCompile("(?ms)^```(sh|console)\n(.*?)^```$")

// TestReadme runs every command of the README: each line of an sh block, and what stands behind $ in a console block.
// They run in a new git repository with a Go module, a database and a web server, as a reader would have them; what
// needs a clone of this project runs here. Only the test command itself is not run from within the tests.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command of the README")
	}
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	}))
	defer server.Close()
	project, err := os.Getwd()
	require.NoError(t, err)
	home := t.TempDir()
	work := readersProject(t)
	env := append(os.Environ(), goDirs(t)...)
	env = append(env, "HOME="+home, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "API="+server.URL,
		"TEAM=file://"+filepath.ToSlash(t.TempDir()),
		"PATH="+pathWithBinary(t))
	ran := 0
	for _, line := range readmeCommands(string(text)) {
		dir := work
		if strings.HasPrefix(line, "scripts/") {
			dir = project
		}
		if line == "scripts/check" {
			require.FileExists(t, filepath.Join(project, line))
			continue
		}
		c := exec.Command("bash", "-c", "set -o pipefail; "+line)
		c.Dir, c.Env = dir, env
		out, err := c.CombinedOutput()
		if c.ProcessState.ExitCode() != 1 || !strings.Contains(line, "grep") { // it found nothing: the point
			require.NoError(t, err, "%s\n%s", line, out)
		}
		require.NotContains(t, string(out), "cachex: hint", line)
		ran++
	}
	require.Greater(t, ran, 10)
	installed := filepath.Join(home, ".local")
	for _, name := range []string{
		"bin/cachex", "share/man/man1/cachex-run.1", "share/bash-completion/completions/cachex",
		"share/zsh/site-functions/_cachex", "share/fish/vendor_completions.d/cachex.fish",
	} {
		require.FileExists(t, filepath.Join(installed, filepath.FromSlash(name)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(installed, "share", "man", "mine"), nil, 0o644))
	c := exec.Command("scripts/install", "--uninstall")
	c.Env = env
	out, err := c.CombinedOutput()
	require.NoError(t, err, "%s", out)
	var left []string
	require.NoError(t, filepath.WalkDir(installed, func(path string, d fs.DirEntry, err error) error {
		left = append(left, strings.TrimPrefix(path, installed))
		return err
	}))
	require.Equal(t, []string{"", "/share", "/share/man", "/share/man/mine"}, left)
}

// readmeCommands lists the commands of a text's sh and console blocks.
func readmeCommands(text string) []string {
	var commands []string
	for _, block := range fence.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[2]) {
			line = strings.TrimSpace(line)
			if block[1] == "console" {
				command, ok := strings.CutPrefix(line, "$ ")
				if !ok {
					continue // output
				}
				line = command
			}
			if line != "" && !strings.HasPrefix(line, "#") {
				commands = append(commands, line)
			}
		}
	}
	return commands
}

// readersProject makes a git repository with a Go module and a database.
func readersProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("go.mod", "module example.com/app\n\ngo 1.24\n")
	require.NoError(t, os.Mkdir(filepath.Join(dir, "src"), 0o755))
	write("src/x.c", "int x;\n")
	write("main.go", "package main\n\nfunc main() { println(\"hello\") }\n")
	for _, argv := range [][]string{
		{"git", "init", "-q", "."},
		{"git", "-c", "user.name=a", "-c", "user.email=a@example.com", "add", "."},
		{"git", "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "begin"},
		{"sqlite3", "app.db", "create table users (name text); insert into users values ('ada')"},
	} {
		c := exec.Command(argv[0], argv[1:]...)
		c.Dir = dir
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%v: %s", argv, out)
	}
	return dir
}

// goDirs keeps Go's own caches where they are although HOME is another one: downloading modules anew proves nothing.
func goDirs(t *testing.T) []string {
	t.Helper()
	var env []string
	for _, name := range []string{"GOPATH", "GOMODCACHE", "GOCACHE"} {
		out, err := exec.Command("go", "env", name).Output()
		require.NoError(t, err)
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}
