package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cmd/call"
)

// config runs `cachex config` in the site and returns what it prints.
func (s *site) config(args ...string) string {
	s.t.Helper()
	out, err := os.Create(filepath.Join(s.t.TempDir(), "out"))
	require.NoError(s.t, err)
	defer out.Close()
	app := &App{Process: call.Process{Stdin: out, Stdout: out, Stderr: out}, Getwd: func() (string, error) { return s.dir, nil }}
	for name, value := range s.env {
		app.Environ = append(app.Environ, name+"="+value)
	}
	c := newConfigCommand(app)
	c.SetArgs(args)
	require.NoError(s.t, c.Execute())
	text, err := os.ReadFile(out.Name())
	require.NoError(s.t, err)
	return string(text)
}

func TestConfigText(t *testing.T) {
	s := newSite(t)
	s.env["CACHEX_WAIT"] = "5m"
	s.env["CACHEX_SECRET"] = "never-shown"
	user := s.user("env = 'HOME'\n")
	project := s.project("scope = \"a\\nb\"\n[[rule]]\nmatch = 'tool*'\nenv = 'TZ'\nttl = '2d'\n")

	var rows []string
	for line := range strings.Lines(s.config("--exe", "path", "--", "tool", "x")) {
		rows = append(rows, strings.Join(strings.Fields(line), " "))
	}
	for _, want := range []string{
		"ttl 2d " + project + ":5",
		"ttl-fail 2d same as ttl",
		"cache-exit 0 default",
		"wait 5m CACHEX_WAIT",
		"exe path flag",
		"env HOME " + user + ":1",
		"TZ " + project + ":4",
		"file - default",
		"secret set CACHEX_SECRET",
		`scope "a\nb" ` + project + ":1",
	} {
		require.Contains(t, rows, want)
	}
	require.NotContains(t, strings.Join(rows, " "), "never-shown")

	plain := s.config()
	require.NotContains(t, plain, "TZ", "without a command no rule applies")
	column := func(line, word string) int { return strings.Index(line, word) }
	lines := strings.Split(plain, "\n")
	require.Equal(t, column(lines[0], "1h"), column(lines[1], "1h"), "columns are aligned")
}

func TestConfigJSON(t *testing.T) {
	s := newSite(t)
	s.env["CACHEX_SECRET_FILE"] = s.write(filepath.Join(s.home, "secret"), "never-shown")
	text := s.config("--format", "json", "--env", "A,B", "--no-cache")
	var lines []settingLine
	require.NoError(t, json.Unmarshal([]byte(text), &lines))
	require.NotContains(t, text, "never-shown")
	require.Contains(t, lines, settingLine{Name: "env", Value: []any{"A", "B"}, From: []string{"flag", "flag"}})
	require.Contains(t, lines, settingLine{Name: "file", Value: []any{}, From: []string{"default"}})
	require.Contains(t, lines, settingLine{Name: "no-cache", Value: true, From: []string{"flag"}})
	require.Contains(t, lines, settingLine{Name: "secret", Value: "set", From: []string{"CACHEX_SECRET_FILE"}})
	require.Contains(t, lines, settingLine{Name: "ttl", Value: "1h", From: []string{"default"}})
}
