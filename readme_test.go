package main

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

// TestReadme runs every command of the README: each line of an sh block, and what stands behind $ in a console block.
// They run in a new git repository with a Go module, a database and a web server, as a reader would have them; what
// needs a clone of this project runs here. Only the test command itself is not run from within the tests.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command of the README")
	}
	r := newReader(t)
	r.follow(t, "README.md")
	require.Greater(t, r.ran, 10)
	installed := filepath.Join(r.home, ".local")
	for _, name := range []string{
		"bin/cachex", "share/man/man1/cachex-run.1", "share/bash-completion/completions/cachex",
		"share/zsh/site-functions/_cachex", "share/fish/vendor_completions.d/cachex.fish",
	} {
		require.FileExists(t, filepath.Join(installed, filepath.FromSlash(name)))
	}
	require.NoError(t, os.WriteFile(filepath.Join(installed, "share", "man", "mine"), nil, 0o644))
	r.command(t, "scripts/install --uninstall")
	var left []string
	require.NoError(t, filepath.WalkDir(installed, func(path string, _ fs.DirEntry, err error) error {
		left = append(left, strings.TrimPrefix(path, installed))
		return err
	}))
	require.Equal(t, []string{"", "/share", "/share/man", "/share/man/mine"}, left)
}

// TestDocs runs every command of the pages, each page for a new reader, and writes the files that they show. What needs a
// tool that is not here is left out.
func TestDocs(t *testing.T) {
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("runs every command of the pages")
	}
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.Greater(t, len(pages), 5)
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			t.Parallel()
			r := newReader(t)
			r.follow(t, page)
			require.Positive(t, r.ran)
		})
	}
}

// Each page leads to files that are there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	for _, page := range append(pages, "README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "llms.txt") {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(page), filepath.FromSlash(m[1])))
			require.NoError(t, err, page)
		}
	}
}

// A reader types what a page says.
type reader struct {
	project, home, work string
	env                 []string
	ran                 int // commands
}

func newReader(t *testing.T) *reader {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	}))
	t.Cleanup(server.Close)
	project, err := os.Getwd()
	require.NoError(t, err)
	r := &reader{project: project, home: t.TempDir(), work: readersProject(t)}
	r.env = append(append(os.Environ(), goDirs(t)...),
		"HOME="+r.home, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "API="+server.URL,
		"TEAM=file://"+filepath.ToSlash(t.TempDir()), "PATH="+pathWithBinary(t))
	return r
}

// follow does what the blocks of a page say, in their order.
func (r *reader) follow(t *testing.T, page string) {
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		for _, line := range commandsOf(block[1], block[2]) {
			r.command(t, line)
		}
		r.write(t, block[2])
	}
}

// commandsOf lists the commands of a block, none of those that are no sh or console.
func commandsOf(language, text string) (commands []string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		prompted, ok := strings.CutPrefix(line, "$ ")
		if language == "console" && ok {
			commands = append(commands, prompted)
		}
		if language == "sh" && line != "" && !strings.HasPrefix(line, "#") {
			commands = append(commands, line)
		}
	}
	return commands
}

// missing are the tools that pages tell of and that a machine may not have.
var missing = regexp.MustCompile(`\b(just|mise|lefthook|pre-commit|parallel)\b`)

func (r *reader) command(t *testing.T, line string) {
	dir := r.work
	if strings.HasPrefix(line, "scripts/") {
		dir = r.project
	}
	if line == "scripts/check" {
		require.FileExists(t, filepath.Join(r.project, line))
		return
	}
	if tool := missing.FindString(line); tool != "" {
		if _, err := exec.LookPath(tool); err != nil {
			t.Logf("not tried, for there is no %s: %s", tool, line)
			return
		}
	}
	c := exec.Command("bash", "-c", "set -o pipefail; "+line)
	c.Dir, c.Env = dir, r.env
	out, err := c.CombinedOutput()
	if c.ProcessState.ExitCode() != 1 || !strings.Contains(line, "grep") { // it found nothing: the point
		require.NoError(t, err, "%s\n%s", line, out)
	}
	require.NotContains(t, string(out), "cachex: hint", line)
	r.ran++
}

// write makes the file whose name stands in the first line of a block. Configuration must be right.
func (r *reader) write(t *testing.T, text string) {
	first, _, _ := strings.Cut(text, "\n")
	name, ok := strings.CutPrefix(first, "# ")
	if !ok || strings.Contains(name, " ") {
		return
	}
	path := filepath.Join(r.work, name)
	if below, ok := strings.CutPrefix(name, "~/"); ok {
		path = filepath.Join(r.home, below)
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	if strings.Contains(name, "cachex") {
		c := exec.Command("bash", "-c", "cachex config -- true >/dev/null")
		c.Dir, c.Env = r.work, r.env
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s\n%s", text, out)
		require.Empty(t, string(out), text)
	}
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
