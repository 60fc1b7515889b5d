package tools

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
)

// Some variables differ in each run, terminal or session, and change nothing that a command prints. Where the
// environment is looked at by more than names that somebody gave, they are left out. All else counts. No noise,
// although often thought so, are COLUMNS, LINES, TERM, COLORTERM, TERM_PROGRAM, FORCE_COLOR, NO_COLOR, GITHUB_SHA,
// CI_COMMIT_SHA and MAKELEVEL: programs print what they say, or by them.

// noise lists them, in groups: of terminals, of graphical sessions, of service managers, of shells and their prompts,
// of editors, of what tools set anew for each child, and our own.
var noise = [...]string{
	"_ WINDOWID SSH_* TERM_SESSION_ID ITERM_* VTE_VERSION KITTY_* WEZTERM_* ALACRITTY_* TMUX TMUX_PANE STY WINDOW " +
		"WT_SESSION WT_PROFILE_ID WSL_INTEROP KONSOLE_* SHELL_SESSION_ID GHOSTTY_* ZELLIJ* TERMINATOR_UUID TILIX_ID " +
		"TERMINAL_EMULATOR COLORFGBG",
	"GPG_* DBUS_SESSION_BUS_ADDRESS XDG_SESSION_* XDG_RUNTIME_DIR XDG_ACTIVATION_TOKEN XDG_VTNR XDG_SEAT DISPLAY " +
		"WAYLAND_DISPLAY XAUTHORITY SESSION_MANAGER DESKTOP_* GNOME_* GIO_LAUNCHED_DESKTOP_FILE_PID " +
		"ORIGINAL_XDG_CURRENT_DESKTOP",
	"INVOCATION_ID JOURNAL_STREAM MANAGERPID SYSTEMD_EXEC_PID MEMORY_PRESSURE_* NOTIFY_SOCKET WATCHDOG_* " +
		"SECURITYSESSIONID XPC_* __CFBundleIdentifier MAIL SUDO_COMMAND",
	"HIST* PS1 PROMPT_COMMAND STARSHIP_SESSION_KEY ATUIN_SESSION MCFLY_SESSION_ID POSH_* P9K_* _P9K_* DIRENV_* " +
		"__MISE_* FNM_MULTISHELL_PATH PYENV_SHELL PYENV_VIRTUALENV_INIT",
	"VSCODE_* NVIM INSIDE_EMACS VIMRUNTIME",
	"MAKE_TERMOUT MAKE_TERMERR GIT_TRACE2_PARENT_* R_SESSION_TMPDIR",
	env.Own + "*",
}

// noiseByValue are noise, or not, by what they say.
var noiseByValue = [...]string{"GIT_ASKPASS", "BROWSER", "GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE", "PWD"}

// ciNoise lists what CI systems set anew for each job, and the addresses of services that they start for it. A command
// may well print such an id, so these count unless somebody says that they do not.
const ciNoise = "GITHUB_ENV GITHUB_PATH GITHUB_OUTPUT GITHUB_STATE GITHUB_STEP_SUMMARY RUNNER_TRACKING_ID ACTIONS_* " +
	"*_TOKEN CI_JOB_* BUILD_* EXECUTOR_NUMBER CIRCLE_* BUILDKITE_* *_SERVICE_HOST *_PORT* HOSTNAME"

// Noise reports whether a variable with this value is noise. OLDPWD, SHLVL and PWD are none here: whether they count
// depends on the command.
func Noise(name, value string) bool {
	switch {
	case slices.ContainsFunc(noise[:], func(globs string) bool { return namesVariable(globs, name) }):
		return true
	case !IsNoiseByValue(name):
		return false
	case name == "GIT_ASKPASS", name == "BROWSER":
		return belowEditor(value)
	case name == "GIT_AUTHOR_DATE", name == "GIT_COMMITTER_DATE":
		return strings.HasPrefix(value, "@") // git writes it so: to its hooks, the time of the commit
	}
	return false
}

// IsNoiseByValue reports whether the value of a variable says if it is noise.
func IsNoiseByValue(name string) bool { return slices.Contains(noiseByValue[:], name) }

// CINoise reports whether a variable is one that CI systems set anew for each job.
func CINoise(name string) bool { return namesVariable(ciNoise, name) }

// namesVariable reports whether a list of globs, in which * is all that is no literal, has one for a name.
func namesVariable(globs, name string) bool {
	for glob := range strings.FieldsSeq(globs) {
		if glob[0] != '*' && !strings.HasPrefix(name, glob[:1]) {
			continue
		}
		if before, after, found := strings.Cut(glob, "*"); !found && glob == name ||
			found && starred(before, after, name) {
			return true
		}
	}
	return false
}

// starred reports whether a name has the form before*after, where after may have a star at its end.
func starred(before, after, name string) bool {
	rest, ok := strings.CutPrefix(name, before)
	if middle, both := strings.CutSuffix(after, "*"); both {
		return ok && strings.Contains(rest, middle)
	}
	return ok && strings.HasSuffix(rest, after)
}

// editors are the names that their directories begin with.
var editors = [...]string{
	"vscode", "vscodium", "code", "cursor", "windsurf", "jetbrains", "zed", "idea", "visual studio code",
}

// belowEditor reports whether a program is one that an editor has put into its terminals.
func belowEditor(program string) bool {
	for part := range strings.SplitSeq(strings.ToLower(filepath.ToSlash(program)), "/") {
		part = strings.TrimPrefix(part, ".")
		for _, editor := range editors {
			if rest, ok := strings.CutPrefix(part, editor); ok && (rest == "" || rest[0] == '-' || rest[0] == '.') {
				return true
			}
		}
	}
	return false
}

// WithoutJobserver returns a value without what make and cargo hand to what they start, so that all of it uses so many
// processors: descriptors or a pipe, another one in each run.
func WithoutJobserver(name, value string) string {
	switch name {
	case "MAKEFLAGS", "MFLAGS", "CARGO_MAKEFLAGS", "GNUMAKEFLAGS":
	default:
		return value
	}
	var kept []string
	variables := false // behind -- there are variables, with blanks in their values
	for word := range strings.SplitSeq(value, " ") {
		variables = variables || word == "--"
		if variables || !strings.HasPrefix(word, "--jobserver-") && !isJobs(word) {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

// isJobs reports whether a word of MAKEFLAGS says how many jobs there may be.
func isJobs(word string) bool {
	number, ok := strings.CutPrefix(word, "-j")
	return ok && strings.Trim(number, "0123456789") == ""
}
