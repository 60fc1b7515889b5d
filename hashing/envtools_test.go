package hashing

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Each line of the table has a source, its variables are names and beginnings of names, and nothing stands there twice.
func TestTableOfTools(t *testing.T) {
	seen := map[string]bool{noTools: true, knownTools: true}
	for _, tool := range tools {
		require.False(t, seen[tool.name], tool.name)
		seen[tool.name] = true
		require.NotEmpty(t, tool.source, tool.name)
		variables := strings.Fields(tool.variables)
		require.NotEmpty(t, variables, tool.name)
		require.Equal(t, slices.Compact(slices.Sorted(slices.Values(variables))), variables, tool.name)
		for _, v := range variables {
			require.True(t, IsName(v) || isPrefix(v) && len(v) > 2, "%s: %s", tool.name, v)
			require.False(t, Noise(v, "x"), "%s: %s is noise", tool.name, v)
		}
		programs := strings.Fields(tool.programs)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(programs))), len(programs), tool.name)
		for _, p := range programs {
			require.Contains(t, toolsOf(p), tool.name)
		}
		var r reader
		require.True(t, r.fact("env-tools "+ToolsVersion+" "+tool.name, &Fact{}), tool.name)
	}
}

func TestToolsOf(t *testing.T) {
	for program, want := range map[string]string{
		"go": "go", "/usr/local/go/bin/go": "go", "go1.24": "go", "gofmt": "go", "godoc": "", "goo": "", "": "", "3.1": "",
		"git": "git", "git.exe": "git", "python3.12": "python", "python": "python", "pip3": "pip", "pytest": "pytest",
		"gcc": "cc", "gcc-13": "cc", "x86_64-linux-gnu-gcc-13": "cc", "clang++-17": "cc", "arm-none-eabi-ld": "cc",
		"pre-commit": "python", "my-git": "", "make": "cc make", "psql": "psql", "createdb": "psql", "pg_dump": "psql",
		"aws": "aws", "kubectl": "kubectl", "helm": "helm", "terraform": "terraform", "docker": "docker", "npx": "npm",
		"node20": "node", "cargo": "cargo", "rustc": "cargo", "jq": "jq", "grep": "grep", "ls": "coreutils", "curl": "curl",
		"gh": "gh", "bash": "sh", "a.sh": "", "bzip2": "compress",
	} {
		require.Equal(t, want, strings.Join(toolsOf(program), " "), program)
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

// A list has a word, and not a part of one, or two.
func TestHasField(t *testing.T) {
	const list = "gcc cc ld c++filt as"
	for _, word := range strings.Fields(list) {
		require.True(t, hasField(list, word), word)
	}
	for _, word := range []string{"", "c", "g", "s", "gc", "filt", "c++", "d c", "cc ld", "gcc ", " as", "gccc", "a"} {
		require.False(t, hasField(list, word), word)
	}
	require.False(t, hasField("", "cc"))
}
