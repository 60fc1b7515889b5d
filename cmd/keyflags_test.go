package cmd

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// A flag of the key that no setting stands for, or that the spec does not have, would be believed and change nothing.
func TestEachKeyFlagIsInTheRecipe(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", "")
	require.NoError(t, os.WriteFile("f", []byte("text"), 0o644))
	key := func(flags ...string) string {
		t.Helper()
		out, err := os.Create(filepath.Join(t.TempDir(), "out"))
		require.NoError(t, err)
		defer out.Close()
		in, err := os.Open(os.DevNull)
		require.NoError(t, err)
		defer in.Close()
		require.Zero(t,
			Main("cachex", append(append([]string{"key"}, flags...), "--", "cat", "f"), in, out, os.Stderr), flags)
		text, err := os.ReadFile(out.Name())
		require.NoError(t, err)
		return string(text)
	}
	without := key()
	values := map[string]string{"cwd": "none", "exe": "none", "vary": "echo x", "trace-times": "ignore"}
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	addKeyFlags(fs)
	fs.VisitAll(func(f *pflag.Flag) {
		value := values[f.Name]
		switch {
		case f.Name == "with-shell": // it says something of -c alone
			require.NotEqual(t, key("--shell=true"), key("--shell=true", "--with-shell=bash"))
			return
		case strings.HasPrefix(f.Name, "trace-") || f.Name == "env-except" || f.Name == "env-only": // they say something of --trace alone
			require.NotEqual(t, key("--trace"), key("--trace", "--"+f.Name+"="+cmp.Or(value, "x")), f.Name)
			return
		case f.DefValue == "false":
			value = "true"
		case f.DefValue == "true":
			value = "false"
		case value == "":
			value = "x"
		}
		require.NotEqual(t, without, key("--"+f.Name+"="+value), f.Name)
	})
}
