package memo

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// How a memo tells one state of a field from another.
const (
	byAddress   = "words, settings and directory are in its address, and the files of settings among its files"
	byVariables = "each variable of the key, and of the conditions for caching, is held against it"
	byFiles     = "each file is looked at, by name"
	byNames     = "each is put in place, by name, where nothing is"
	bySum       = "what the kernel says of the files that it names, or was seen to use, is summed up or compared"
	byNothing   = "no answer depends on it"
)

// carried are the fields of a call of which there may be a memo of a hit. TestMemoForbidsByDefault holds it to be
// complete.
var carried = map[string]string{
	"Request.Spec.Argv": byAddress, "Request.Spec.Namespace": byAddress, "Request.Spec.Scope": byAddress,
	"Request.Spec.Name": byAddress, "Request.Spec.Dir": byAddress, "Request.Spec.Cwd": byAddress,
	"Request.Spec.Exe": byAddress, "Request.Spec.Environ": byVariables, "Request.Spec.Env": byVariables,
	"Request.Spec.StrictEnv": byAddress,
	"Request.Spec.Outputs":   byNames, "Request.Spec.Depfile": bySum, "Request.FileTimes": byAddress,
	"Request.Spec.Trace": bySum, "Request.Network": byNothing,
	"Request.OnlyIf":     byVariables,
	"Request.Spec.Files": byFiles, "Request.Spec.IgnoreWords": byFiles,
	"Request.TTL": byAddress, "Request.TTLFail": byAddress, "Request.Jitter": byAddress, "Request.Stale": byAddress,
	"Request.StaleIfError": byAddress, "Request.Tags": byAddress,
	"Request.CachedOnly": byAddress, "Request.NoWait": byAddress, "Request.Wait": byAddress,
	"Request.Follow": byAddress, "Request.MinCost": byAddress, "Request.MaxEntry": byAddress,
	"CacheExit.Any": byAddress, "CacheExit.Codes": byAddress, "CacheDir": byAddress, "Quiet": byAddress,
	"Store.TrustOwners": byAddress, "Store.MaxSize": byAddress, "Store.Keep": byAddress,
	"Request.Tiers": byNothing, "PlainTiers": byNothing, "Configuration": byNothing, "Places": byNothing, "AnyCommand": byNothing,
}

func shortCall() *call.Call {
	return &call.Call{
		Request:       engine.Request{Spec: hashing.Spec{Argv: []string{"a"}, Dir: "/d"}},
		Configuration: func(time.Time) ([]fastpath.FileState, bool) { return nil, true },
	}
}

// What a call says has no memo of a hit, unless it is known how a memo tells it.
func TestMemoForbidsByDefault(t *testing.T) {
	require.True(t, mayShorten(shortCall()))
	seen := map[string]bool{}
	var each func(path string, v reflect.Value, of *call.Call)
	each = func(path string, v reflect.Value, of *call.Call) {
		for i := range v.NumField() {
			field, name := v.Field(i), path+v.Type().Field(i).Name
			if !field.CanSet() {
				continue
			}
			if field.Kind() == reflect.Struct {
				each(name+".", field, of)
				continue
			}
			old := reflect.New(field.Type()).Elem()
			old.Set(field)
			set(t, field)
			require.Equal(t,
				carried[name] != "", mayShorten(of), "%s: a memo of a hit, and how it tells this field (%q)", name,
				carried[name])
			seen[name] = true
			field.Set(old)
		}
	}
	c := shortCall()
	each("", reflect.ValueOf(c).Elem(), c)
	for name := range carried {
		require.True(t, seen[name], "there is no field %s", name)
	}
}

// set gives a field another value than none.
func set(t *testing.T, field reflect.Value) {
	t.Helper()
	switch v := field.Addr().Interface().(type) {
	case *hashing.CwdMode:
		*v = hashing.CwdNone // TestMemoForbidsValues has the other one
	case *[]string:
		*v = append(*v, "x")
	default:
		if field.Kind() == reflect.Func {
			field.Set(
				reflect.MakeFunc(field.Type(), func([]reflect.Value) []reflect.Value { panic("not to be called") }),
			)
			return
		}
		change(field)
	}
	require.False(t, field.IsZero(), "a kind of field that this test cannot set: %s", field.Type())
}

// Of some fields not every value can be told.
func TestMemoForbidsValues(t *testing.T) {
	for what, forbid := range map[string]func(*call.Call){
		"a repository":            func(c *call.Call) { c.Request.Spec.Cwd = hashing.CwdRepo },
		"a glob of variables":     func(c *call.Call) { c.Request.Spec.Env = []string{"A", "*B"} },
		"what is left out":        func(c *call.Call) { c.Request.Spec.Files = []string{"a", "!b"} },
		"a list of files":         func(c *call.Call) { c.Request.Spec.Files = []string{"@git"} },
		"a glob of outputs":       func(c *call.Call) { c.Request.Spec.Outputs = []string{"a", "*.o"} },
		"a directory of outputs":  func(c *call.Call) { c.Request.Spec.Outputs = []string{"a/"} },
		"an absolute output":      func(c *call.Call) { c.Request.Spec.Outputs = []string{"/a"} },
		"the times of the run":    func(c *call.Call) { c.Request.FileTimes = outputs.TimesOfRun },
		"no directory":            func(c *call.Call) { c.Request.Spec.Dir = "" },
		"unknown files of config": func(c *call.Call) { c.Configuration = nil },
	} {
		c := shortCall()
		forbid(c)
		require.False(t, mayShorten(c), what)
	}
}

// Whatever is done to files and variables: where the recipe says that it is another run, a memo does not hold.
func TestMemoNamesWhatTheRecipeNames(t *testing.T) {
	if _, ok := fastpath.Current([]string{"cachex", "run", "x"}); !ok {
		t.Skip("there is no short way on this system")
	}
	write := func(t *testing.T, name, text string) {
		t.Helper()
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name+".new", []byte(text), 0o755))
		require.NoError(t, os.Rename(name+".new", name))
	}
	specs := map[string]hashing.Spec{
		"plain":      {Argv: []string{"./tool"}, Files: []string{"f"}},
		"slash":      {Argv: []string{"./tool"}, Files: []string{"f/"}},
		"slashes":    {Argv: []string{".//tool"}, Files: []string{".//./f//"}},
		"dot":        {Argv: []string{"./tool"}, Files: []string{"f/."}},
		"link":       {Argv: []string{"./tool"}, Files: []string{"link"}},
		"link/":      {Argv: []string{"./tool"}, Files: []string{"link/"}},
		"below file": {Argv: []string{"./tool"}, Files: []string{"f/x", "d/x"}},
		"absent":     {Argv: []string{"./tool"}, Files: []string{"none/"}},
		"searched":   {Argv: []string{"tool"}, Environ: []string{"PATH=b:"}},
		"empty PATH": {Argv: []string{"tool"}, Environ: []string{"PATH="}},
		"no search":  {Argv: []string{"sh"}, Files: []string{"f"}},
		"linked":     {Argv: []string{"./linked"}},
		"script":     {Argv: []string{"./script"}},
		"behind env": {Argv: []string{"env", "PATH=b:.", "tool"}, Environ: []string{"PATH=/bin:/usr/bin"}},
		"env script": {Argv: []string{"nice", "./envscript"}, Environ: []string{"PATH=/bin:/usr/bin:b:."}},
		"words":      {Argv: []string{"./tool", "f", "link", "none", "d", "f/x"}},
		"a value":    {Argv: []string{"./tool", "--input=f"}},
		"a text":     {Argv: []string{"sh", "-c", "cat <f | tac none"}},
	}
	changes := map[string]func(t *testing.T){
		"nothing":           func(t *testing.T) {},
		"an edit":           func(t *testing.T) { write(t, "f", "edited") },
		"f goes":            func(t *testing.T) { require.NoError(t, os.Remove("f")) },
		"f is a directory":  func(t *testing.T) { require.NoError(t, os.Remove("f")); write(t, "f/x", "") },
		"a file appears":    func(t *testing.T) { write(t, "none", "") },
		"below a directory": func(t *testing.T) { write(t, "d/x", "") },
		"another target": func(t *testing.T) {
			require.NoError(t, os.Remove("link"))
			require.NoError(t, os.Symlink("tool", "link"))
		},
		"the tool":        func(t *testing.T) { write(t, "tool", "#!/bin/sh\n") },
		"earlier in PATH": func(t *testing.T) { write(t, "b/tool", "#!/bin/sh\n") },
		"not executable":  func(t *testing.T) { require.NoError(t, os.Chmod("tool", 0o644)) },
	}
	before := time.Now().Add(time.Hour)
	for what, spec := range specs {
		for how, change := range changes {
			t.Run(what+" and "+how, func(t *testing.T) {
				dir := t.TempDir()
				t.Chdir(dir)
				spec := spec
				spec.Dir = dir
				write(t, "f", "content")
				write(t, "tool", "#!/bin/sh\ntrue\n")
				require.NoError(t, os.MkdirAll("d", 0o755))
				require.NoError(t, os.Symlink("f", "link"))
				require.NoError(t, os.Symlink("tool", "linked"))
				write(t, "script", "#!./tool -x\n")
				write(t, "envscript", "#!/usr/bin/env -S A=1 tool\n")
				recipe, seen, err := lookAround(nil, spec, nil)
				require.NoError(t, err)
				files, ok := StatesOf(seen, append([]string{"cachex"}, spec.Argv...), before)
				require.True(t, ok)
				require.True(t, fastpath.Hold(files, append([]string{"cachex"}, spec.Argv...)))
				change(t)
				again, err := hashing.Capture(spec, nil)
				if err != nil || again.Key != recipe.Key {
					require.False(t, fastpath.Hold(files, append([]string{"cachex"}, spec.Argv...)), "the memo holds")
				}
			})
		}
	}
}

// Whatever is done to the environment: where the recipe says that it is another run, a memo does not hold; and where
// nothing is done it holds.
func TestMemoNamesTheVariablesOfTheRecipe(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"go", "git", "sh", "make", "other", "env", "script"} {
		text := map[string]string{"script": "#!" + dir + "/sh\n"}[name]
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	specs := []hashing.Spec{
		{Argv: []string{"other"}},
		{Argv: []string{"go", "vet"}},
		{Argv: []string{"env", "git", "log"}},
		{Argv: []string{"sh", "-c", "git log | go run"}},
		{Argv: []string{"script"}},
		{Argv: []string{"make"}},
		{Argv: []string{"go"}, Env: []string{"@none"}},
		{Argv: []string{"go"}, Env: []string{"@none", "@git", "W"}},
		{Argv: []string{"other"}, Env: []string{"GO*"}},
		{Argv: []string{"other"}, Env: []string{"C*", "*"}},
		{Argv: []string{"other"}, Env: []string{"@known"}},
		{Argv: []string{"script"}, Exe: hashing.ExeNone},
		{Name: "n", Argv: []string{"go"}},
		{Name: "n", Argv: []string{"go"}, Env: []string{"@go", "W"}},
	}
	names := []string{
		"LANG", "LC_ALL", "LC_TIME", "TZ", "COLUMNS", "GOFLAGS", "GO", "CGO_ENABLED", "GIT_DIR", "GIT_ASKPASS", "CC", "W",
		"MAKEFLAGS", "BASH_ENV", "BASH_FUNC_f%%", "CACHEX_X", "GIT_TRACE2_PARENT_SID", "OTHER",
	}
	values := []string{"", "a", "b", "-j8 --jobserver-auth=3,4", "/x/.vscode-server/askpass.sh"}
	random := rand.New(rand.NewPCG(1, 2))
	environ := func() []string {
		all := []string{"PATH=" + dir} // which is in the address
		for _, name := range names {
			if random.IntN(3) == 0 {
				all = append(all, name+"="+values[random.IntN(len(values))])
			}
		}
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		return all
	}
	others, held := 0, 0
	for i, spec := range specs {
		spec.Dir = dir
		for range 30 {
			spec.Environ = environ()
			recipe, err := hashing.Capture(spec, nil)
			require.NoError(t, err)
			m := fastpath.Memo{Globs: recipe.Variables(spec)}
			var ok bool
			m.Env, ok = variables(spec.Environ, m.Globs)
			require.True(t, ok)
			require.True(t, m.HoldsEnviron(spec.Environ), "%v", spec)
			for range 20 {
				changed := slices.Clone(spec.Environ)
				for range 1 + random.IntN(2) {
					more := environ()
					at := random.IntN(len(changed))
					switch {
					case random.IntN(2) == 0:
						changed = append(changed, more[random.IntN(len(more))])
					case !strings.HasPrefix(changed[at], "PATH="):
						changed = slices.Delete(changed, at, at+1)
					}
				}
				other := spec
				other.Environ = changed
				again, err := hashing.Capture(other, nil)
				switch holds := m.HoldsEnviron(changed); {
				case err != nil:
				case again.Key != recipe.Key:
					others++
					require.False(t, holds, "%d: the memo of %q holds for %q", i, spec.Environ, changed)
				case holds:
					held++
				}
			}
		}
	}
	require.Greater(t, others, 1000)
	require.Greater(t, held, 1000)
}

// Where PATH is not set, the memo looks where the search does.
func TestMemoSearchesWithoutPath(t *testing.T) {
	spec := hashing.Spec{Argv: []string{"sh"}, Dir: "/"}
	_, seen, err := lookAround(nil, spec, nil)
	require.NoError(t, err)
	files, ok := StatesOf(seen, []string{"cachex", "sh"}, time.Now())
	exe, err := hashing.LookPath("sh", "/", nil)
	require.NoError(t, err)
	if !ok {
		t.Skip("there is no short way on this system")
	}
	var looked []string
	for _, f := range files {
		looked = append(looked, f.Path)
	}
	candidates := hashing.Candidates("sh", nil)
	require.Equal(t, candidates[:slices.Index(candidates, exe)+1], looked)
	require.True(t, strings.HasPrefix(looked[0], "/"))
}
