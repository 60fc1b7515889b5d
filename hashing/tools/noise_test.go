package tools

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoise(t *testing.T) {
	for _, name := range []string{
		"_", "WINDOWID", "SSH_AUTH_SOCK", "SSH_CONNECTION", "TMUX", "TMUX_PANE", "STY", "KONSOLE_VERSION", "ZELLIJ",
		"ZELLIJ_PANE_ID", "GPG_AGENT_INFO", "XDG_SESSION_ID", "XDG_RUNTIME_DIR", "DISPLAY", "DESKTOP_STARTUP_ID",
		"INVOCATION_ID", "MEMORY_PRESSURE_WATCH", "MANAGERPID", "MAIL", "SUDO_COMMAND", "HISTFILE", "HISTSIZE", "PS1",
		"_P9K_TTY", "DIRENV_DIFF", "__MISE_DIFF", "VSCODE_GIT_IPC_HANDLE", "NVIM", "MAKE_TERMOUT", "CACHEX_TTL",
		"GIT_TRACE2_PARENT_SID", "R_SESSION_TMPDIR",
	} {
		require.True(t, Noise(name, "x"), name)
	}
	for _, name := range []string{
		"", "COLUMNS", "LINES", "TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "FORCE_COLOR", "NO_COLOR",
		"GITHUB_SHA", "CI_COMMIT_SHA", "MAKELEVEL", "LANG", "LC_ALL", "TZ", "PATH", "HOME", "PS4", "PWD", "OLDPWD",
		"SHLVL", "XDG_CONFIG_HOME", "MY_SSH_KEY", "TMUXP", "MAILTO", "GIT_DIR", "GIT_INDEX_FILE", "MAKEFLAGS", "CACHEXX",
	} {
		require.False(t, Noise(name, "x"), name)
	}
	for _, c := range []struct {
		name, value string
		noise       bool
	}{
		{"GIT_ASKPASS", "/home/ann/.vscode-server/bin/0123/extensions/git/dist/askpass.sh", true},
		{"GIT_ASKPASS", "/usr/share/code/resources/app/extensions/git/dist/askpass.sh", true},
		{"GIT_ASKPASS", "/Applications/Visual Studio Code.app/x", true},
		{"GIT_ASKPASS", "/home/ann/bin/askpass", false},
		{"GIT_ASKPASS", "/home/ann/code_of_mine/askpass", false},
		{"BROWSER", "/vscode/vscode-server/bin/helpers/browser.sh", true},
		{"BROWSER", "firefox", false},
		{"GIT_AUTHOR_DATE", "@1700000000 +0100", true},
		{"GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z", false},
		{"GIT_COMMITTER_DATE", "1700000000 +0000", false},
	} {
		require.Equal(t, c.noise, Noise(c.name, c.value), "%s=%s", c.name, c.value)
	}
}

func TestCINoise(t *testing.T) {
	for _, name := range []string{
		"GITHUB_ENV", "GITHUB_STEP_SUMMARY", "RUNNER_TRACKING_ID", "ACTIONS_RUNTIME_URL", "GITHUB_TOKEN", "CI_JOB_ID",
		"BUILD_NUMBER", "EXECUTOR_NUMBER", "CIRCLE_BUILD_NUM", "BUILDKITE_JOB_ID", "REDIS_SERVICE_HOST", "REDIS_PORT",
		"REDIS_PORT_6379_TCP_ADDR", "REDIS_SERVICE_PORT", "HOSTNAME",
	} {
		require.True(t, CINoise(name), name)
		require.False(t, Noise(name, "x"), name)
	}
	for _, name := range []string{"", "GITHUB_SHA", "GITHUB_REF", "CI", "CI_COMMIT_SHA", "TOKEN", "REBUILD_ALL", "HOST"} {
		require.False(t, CINoise(name), name)
	}
}

func TestWithoutJobserver(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"MAKEFLAGS", "", ""},
		{"MAKEFLAGS", "w", "w"},
		{"MAKEFLAGS", " -j8 --jobserver-auth=3,4", ""},
		{"MAKEFLAGS", "ks -j --jobserver-auth=fifo:/tmp/GMfifo1234 -- CC=clang", "ks -- CC=clang"},
		{"MAKEFLAGS", "s --jobserver-fds=3,4 -j", "s"},
		{"MAKEFLAGS", "-j2 -- OPTS=a\\ -j8 --jobserver-auth=3,4", "-- OPTS=a\\ -j8 --jobserver-auth=3,4"},
		{"MAKEFLAGS", " -- jobs=--no X=-j8x", " -- jobs=--no X=-j8x"},
		{"CARGO_MAKEFLAGS", "-j --jobserver-fds=8,9 --jobserver-auth=8,9", ""},
		{"CFLAGS", "-j8 --jobserver-auth=3,4", "-j8 --jobserver-auth=3,4"},
	} {
		require.Equal(t, c.want, WithoutJobserver(c.name, c.value), "%s=%s", c.name, c.value)
	}
}
