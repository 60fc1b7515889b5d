package hashing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadShebang(t *testing.T) {
	for head, want := range map[string][]string{
		"#!/bin/sh\n":                      {"/bin/sh"},
		"#! \t/bin/sh -e\t\nrest":          {"/bin/sh", "-e"},
		"#!/bin/sh -e -x y\n":              {"/bin/sh", "-e -x y"},
		"#!/usr/bin/env -S a b":            {"/usr/bin/env", "-S a b"},
		"#!sh\n":                           {"./sh"},
		"#!/bin/sh":                        {"/bin/sh"},
		"#!\n/bin/sh":                      nil,
		"#! \n":                            nil,
		"#":                                nil,
		"":                                 nil,
		"\x7fELF":                          nil,
		" #!/bin/sh\n":                     nil,
		"#!/" + strings.Repeat("x", 10000): {"/" + strings.Repeat("x", longestShebang-3)},
	} {
		require.Equal(t, want, readShebang(put(t, t.TempDir(), "f", head)), head)
	}
	require.Nil(t, readShebang(filepath.Join(t.TempDir(), "gone")))
}

// What the programs of a command line are, and how the recipe names them.
func TestPrograms(t *testing.T) {
	dir, spec := here(t)
	for _, name := range []string{"bin/env", "bin/timeout", "bin/real", "sub/real", "sub/interp"} {
		program(t, dir, name, "MZ "+name)
	}
	program(t, dir, "bin/script", "#!/usr/bin/env -S -i PATH="+dir+"/sub interp -x\n")
	program(t, dir, "bin/nested", "#!"+dir+"/bin/script\n")
	for words, want := range map[string][]string{
		"tool.exe":                            nil,
		"tool.exe env real":                   nil,
		"env":                                 nil,
		"env A=1":                             nil,
		"env A=1 real":                        {"program 1 bin/real"},
		"timeout 5 env A=1 real x":            {"program 1 bin/env", "program 2 bin/real"},
		"env PATH=" + dir + "/sub real":       {"program 1 sub/real"},
		"env -C sub ./real":                   {"program 1 sub/real"},
		"env -C sub env -C .. bin/real":       {"program 1 bin/env", "program 2 bin/real"},
		"env -C sub -C ../bin ./real":         {"program 1 bin/real"},
		"env -i real":                         {"program 1 absent"},
		"env -u PATH nosuch":                  {"program 1 absent"},
		"script":                              {"interpreter 0 sub/interp"},
		"nested":                              {"interpreter 0 bin/script"}, // one level
		"env script":                          {"program 1 bin/script", "interpreter 1 sub/interp"},
		"env -S" + "A=1 real":                 {"program 1 bin/real"},
		"timeout 5 sh -c real":                {"program 1 absent"},
		"env --chdir=sub timeout -k 1 5 real": {"program 1 bin/timeout", "program 2 bin/real"},
	} {
		spec.Argv = strings.Fields(words)
		if words == "env -SA=1 real" {
			spec.Argv = []string{"env", "-SA=1 real"}
		}
		var got []string
		c := newCapture(spec, nil, time.Time{})
		require.NoError(t, c.resolveExecutable())
		for _, p := range c.findPrograms() {
			at := "absent"
			if p.Path != "" {
				name, err := filepath.Rel(dir, p.Path)
				require.NoError(t, err)
				at = filepath.ToSlash(name)
			}
			got = append(got, p.kind+" "+p.number+" "+at)
		}
		require.Equal(t, want, got, words)
	}

	// A name that looks secret is not written down, and what cannot be read counts by its state.
	spec.Argv = []string{"env", "ghp_hunter2Ab3dEf6hIj9kLmN0pQr"}
	program(t, dir, "bin/"+spec.Argv[1], "MZ")
	require.NotContains(t, string(captured(t, spec).Text), "hunter2")
	require.True(t, holdsSecret([]string{"sudo", "--password", "hunter2", "x"}, []string{"hunter2", "x"}))
	require.False(t, holdsSecret([]string{"sudo", "make", "x"}, []string{"make", "x"}))
	spec.Argv = []string{"env", "real"}
	c := newCapture(spec, nil, time.Now())
	content := c.content
	c.content = func(c *capture, name string, follow bool) (Digest, StatID, error) {
		digest, id, err := content(c, name, follow)
		if strings.HasSuffix(name, "real") {
			return Digest{}, id, os.ErrPermission
		}
		return digest, id, err
	}
	r, err := c.run()
	require.NoError(t, err)
	require.Contains(t, string(r.Text), "program 1 \""+dir+"/bin/real\" unreadable sha256:")
	_, err = ParseRecipe(r.Text)
	require.NoError(t, err)
	_, known := r.programs[0].Sum()
	require.False(t, known)
}

// A program that is written while the command runs is noticed, also if it is as before.
func TestSameProgram(t *testing.T) {
	dir, spec := here(t)
	behindEnv(t, dir, &spec)
	before := captured(t, spec)
	require.NoError(t, before.Same(captured(t, spec)))
	program(t, dir, "bin/new", "MZ real")
	require.NoError(t, os.Rename(filepath.Join(dir, "bin/new"), filepath.Join(dir, "bin/real")))
	after := captured(t, spec)
	require.Equal(t, before.Key, after.Key)
	require.EqualError(t, before.Same(after), "program "+dir+"/bin/real was written")
}
