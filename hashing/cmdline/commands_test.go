package cmdline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// linesOf writes what a command line leads to as lines; | before one says that there are others beside it.
func linesOf(argv ...string) (lines []string) {
	for _, c := range Commands(argv) {
		line := strings.Join(c.Words, " ") + c.Text
		if c.Part {
			line = "|" + line
		}
		lines = append(lines, line)
	}
	return lines
}

func TestCommandsBehindPrefixes(t *testing.T) {
	for _, words := range []string{
		"deploy now",
		"env deploy now",
		"env -- deploy now",
		"env A=1 B=2 deploy now",
		"/usr/bin/env -i -u X --unset=Y --unset Z -C /srv A=1 deploy now",
		"env - PATH=/bin deploy now",
		"env -iu X deploy now",
		"env -iuX deploy now",
		"env --chdir /srv --argv0=x deploy now",
		"nohup deploy now",
		"nice deploy now",
		"nice -n 5 deploy now",
		"nice -5 deploy now",
		"nice --adjustment=5 deploy now",
		"nice --adj 5 deploy now",
		"timeout 5 deploy now",
		"timeout -k 5 -s KILL --foreground 10m deploy now",
		"timeout -k5 --signal KILL -- 10m deploy now",
		"stdbuf -oL -e 0 --input=L deploy now",
		"setsid -w deploy now",
		"time -f %e -o out deploy now",
		"sudo deploy now",
		"sudo -nu bob -g users -E A=1 deploy now",
		"sudo --user bob --preserve-env=PATH -- deploy now",
		"sudo A=1 -u bob deploy now",
		"doas -u bob deploy now",
		"xargs -0 -n 1 -P4 -I {} deploy now",
		"xargs --max-args 1 -r deploy now",
		"ionice -c 3 deploy now",
		"taskset -c 0,1 deploy now",
		"chrt -b 0 deploy now",
	} {
		argv := strings.Fields(words)
		require.Contains(t, linesOf(argv...), "deploy now", words)
		require.Equal(t, words, linesOf(argv...)[0])
	}
	require.Equal(t, []string{"sudo timeout 5 env A=1 deploy", "timeout 5 env A=1 deploy", "env A=1 deploy", "deploy"}, linesOf("sudo", "timeout", "5", "env", "A=1", "deploy"))
	require.Equal(t, []string{"env -S -i A=1 deploy -x now", "deploy -x now"}, linesOf("env", "-S", "-i A=1 deploy -x", "now"))
	for _, words := range []string{"env", "env A=1", "env -u", "env -S", "timeout 5", "nice -n", "xargs -0", "make env deploy", "sudo -u", "env --"} {
		require.Equal(t, []string{words}, linesOf(strings.Fields(words)...), words)
	}
	require.Empty(t, linesOf())
	require.NotEmpty(t, linesOf(strings.Fields(strings.Repeat("env ", 1000))...))
}

func TestCommandsInShellTexts(t *testing.T) {
	for _, c := range []struct {
		text  string
		lines []string
	}{
		{"deploy now", []string{"deploy now"}},
		{`A=1 'deploy' "now" >log 2>&1`, []string{"deploy now"}},
		{`\deploy $HOME "x$1" *`, []string{`deploy $HOME "x$1" *`}},
		{"exec env A=1 deploy now", []string{"exec env A=1 deploy now", "env A=1 deploy now", "deploy now"}},
		{"cd sub && deploy now", []string{"|cd sub", "|deploy now"}},
		{"if test -f x; then (deploy now) & fi", []string{"|test -f x", "|deploy now"}},
		{"echo $(deploy now)", []string{"|echo $(deploy now)", "|deploy now"}},
		{"time deploy now | tee log", []string{"|deploy now", "|tee log"}},
		{"f() { deploy now; }; f", []string{"|deploy now", "|f"}},
		{"sudo sh -ec 'deploy now'", []string{"sudo sh -ec deploy now", "sh -ec deploy now", "deploy now", "deploy now"}},
		{"", nil},
		{"A=1", nil},
	} {
		require.Equal(t, append([]string{"bash -c " + c.text, c.text}, c.lines...), linesOf("bash", "-c", c.text))
	}
	require.Contains(t, linesOf("sh", "-c", "deploy now; x ("), "|deploy now", "what no parser understands is cut at operators")
	require.Contains(t, linesOf("sh", "-c", strings.Repeat("echo x\n", longestParsed)+"deploy now"), "|deploy now")
	for _, argv := range [][]string{
		{"/bin/dash", "-c", "deploy now"},
		{"bash", "-o", "pipefail", "-lc", "deploy now", "x"},
		{"bash", "--norc", "-c", "--", "deploy now"},
		{"bash", "--rcfile", "rc", "-ec", "deploy now"},
		{"zsh", "-c", "deploy now"},
		{"env", "-i", "ksh", "+x", "-c", "deploy now"},
	} {
		require.Contains(t, linesOf(argv...), "deploy now", argv)
	}
	for _, argv := range [][]string{{"bash", "-x", "deploy now"}, {"sh", "script", "-c", "deploy now"}, {"sh", "-c"}, {"python3", "-c", "deploy now"}} {
		require.NotContains(t, linesOf(argv...), "deploy now", argv)
	}
}

// Whatever the words are: no panic, and no more than is bounded.
func FuzzCommands(f *testing.F) {
	f.Add("env,-S,env -S x,sh,-c,sh -c 'deploy'")
	f.Add("sudo,-u,bob,timeout,5,bash,-c,a | (b; c")
	f.Fuzz(func(t *testing.T, words string) {
		argv := strings.Split(words, ",")
		commands := Commands(argv)
		require.Equal(t, argv, commands[0].Words)
		for _, c := range commands {
			require.True(t, len(c.Words) == 0 || c.Text == "")
		}
	})
}
