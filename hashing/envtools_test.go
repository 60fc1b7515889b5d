package hashing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/hashing/tools"
)

// The name of each tool is one that a recipe may hold.
func TestFactOfTools(t *testing.T) {
	for _, name := range tools.Names() {
		var r reader
		require.True(t, r.fact("env-tools "+tools.Version+" "+name, &Fact{}), name)
	}
}

// The tools of a command are those of what its words lead to, and of what its script begins with.
func TestToolsOfCommand(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"py": "#!/usr/bin/env python3\n", "shell": "#!/bin/bash -e\n", "other": "#!/opt/other\n", "go": "MZ", "git": "MZ",
		"env": "MZ", "sh": "MZ", "timeout": "MZ", "xargs": "MZ",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	for words, want := range map[string]string{
		"go vet":                     "common go",
		"env A=1 go vet":             "common go",
		"timeout 9 env -i git log":   "common git",
		"xargs -n1 git":              "common find git",
		"other":                      "common",
		"py":                         "common python",
		"./py":                       "common python",
		"timeout 9 py":               "common python",
		"shell":                      "common path sh",
		"sh script":                  "common path sh",
		"sh -c go|sort;awk":          "awk common coreutils go path sh",
		"sh -c $GO":                  "common path sh",
		"sh -c exec_timeout_9_jq_.":  "common jq path sh",
		"sh -c bash_-c_'A=1_curl_x'": "common curl path sh",
	} {
		spec := Spec{Argv: strings.Fields(words), Dir: dir, Environ: []string{"PATH=" + dir}}
		for i := range spec.Argv {
			spec.Argv[i] = strings.ReplaceAll(spec.Argv[i], "_", " ")
		}
		tools := func(mode ExeMode, env ...string) string {
			spec.Exe, spec.Env = mode, env
			c := newCapture(spec, nil, time.Time{})
			require.NoError(t, c.resolveExecutable(), words)
			return strings.Join(c.toolNames(), " ")
		}
		for _, mode := range []ExeMode{ExeContent, ExePath} {
			require.Equal(t, want, tools(mode), words)
		}
		for _, mode := range []ExeMode{ExeDigest, ExeNone} { // where programs are does not count
			require.Equal(t, strings.Replace(want, " path", "", 1), tools(mode), words)
		}
		require.Empty(t, tools(ExeContent, "@none", "GOFLAGS"), words)
		require.Equal(t, "go", tools(ExeContent, "@none", "@go", "@go"), words)
		require.Contains(t, []string{"known", "known path"}, tools(ExeContent, "@known", "@go"), words)
		spec.Name = "n"
		require.Empty(t, tools(ExeContent), words)
		require.Equal(t, "git", tools(ExeContent, "@git"), words)
	}
}

// Of a tool's variables those that are set are in the recipe, less noise and what make hands on anew; of named ones all.
func TestVariablesOfTools(t *testing.T) {
	dir, spec := here(t)
	program(t, dir, "bin/git", "MZ")
	program(t, dir, "bin/make", "MZ")
	type list = []string
	const editors, jobs = "GIT_ASKPASS=/x/.vscode-server/a", "MAKEFLAGS=s -j8 --jobserver-auth=3,4"
	for _, c := range []struct {
		program            string
		env, environ, want list
	}{
		{"git", nil, nil, nil},
		{"git", nil, list{"LANG=", "GOFLAGS=1", "GIT_DIR=x", "CACHEX_TTL=1h"}, list{"GIT_DIR=x", "LANG="}},
		{"git", nil, list{"GIT_DIR=x", "GIT_DIR=y"}, list{"GIT_DIR=x"}},
		{"git", nil, list{editors, "GIT_TRACE2_PARENT_SID=1", "GIT_AUTHOR_DATE=@1 +0000"}, nil},
		{"git", nil, list{"GIT_ASKPASS=/bin/askpass"}, list{"GIT_ASKPASS=/bin/askpass"}},
		{"git", list{"GIT_ASKPASS"}, list{editors}, list{editors}},
		{"make", nil, list{jobs, "MAKE_TERMOUT=x"}, list{"MAKEFLAGS=s"}},
		{"make", list{"MAKEFLAGS"}, list{jobs}, list{jobs}},
		{"make", list{"M*"}, list{jobs}, list{jobs}},
		{"make", list{"@none", "MAKEFLAGS"}, list{jobs, "LANG=C"}, list{jobs}},
		{"git", list{"@make"}, list{jobs, "LC_ALL=C"}, list{"LC_ALL=C", "MAKEFLAGS=s"}},
	} {
		spec.Argv, spec.Env = list{c.program}, c.env
		spec.Environ = append(list{"PATH=" + filepath.Join(dir, "bin")}, c.environ...)
		var got, want list
		for _, f := range Facts(captured(t, spec).Text) {
			if f.Kind == "env" {
				got = append(got, f.Name+" "+f.Value)
			}
		}
		for _, kv := range c.want {
			name, value, _ := strings.Cut(kv, "=")
			want = append(want, name+" "+string(appendValueSum(nil, value, nil)))
		}
		require.Equal(t, want, got, "%+v", c)
	}
}
