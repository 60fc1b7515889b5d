//go:build linux && (amd64 || arm64)

package memo

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/fastpath"
	"github.com/cachex-cli/cachex/hashing"
)

// seenLines is what was seen of a path in one way, as a recipe has it, and what the kernel said of it then.
type seenLines struct {
	what     string
	observed hashing.Recipe
	lines    string
	sum      uint64
}

var someTime = time.Unix(1_000_000_000, 7)

// nextTick waits until the clock of files has moved: what is changed then has another time than what was before.
func nextTick(t *testing.T) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clock")
	for first := (syscall.Timespec{}); ; {
		require.NoError(t, os.WriteFile(name, []byte("tick"), 0o600))
		var st syscall.Stat_t
		require.NoError(t, syscall.Stat(name, &st))
		if first.Sec != 0 && st.Ctim != first {
			return
		}
		first = st.Ctim
	}
}

// Whatever is done to files: where a comparison with the recipe says that something is another, the short way does, too.
func TestShortWaySeesWhatAComparisonSees(t *testing.T) {
	must := func(err error) { t.Helper(); require.NoError(t, err) }
	replace := func(t *testing.T, name, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(name+".new", []byte(text), 0o644))
		require.NoError(t, os.Rename(name+".new", name))
	}
	changes := map[string]func(t *testing.T){
		"nothing":            func(*testing.T) {},
		"an edit":            func(t *testing.T) { replace(t, "f", "two") },
		"in place":           func(t *testing.T) { must(os.WriteFile("f", []byte("two"), 0o644)) },
		"another size":       func(t *testing.T) { replace(t, "f", "three") },
		"f goes":             func(*testing.T) { must(os.Remove("f")) },
		"its time":           func(*testing.T) { must(os.Chtimes("f", someTime, someTime)) },
		"its mode":           func(*testing.T) { must(os.Chmod("f", 0o755)) },
		"f is a directory":   func(*testing.T) { must(os.Remove("f")); must(os.Mkdir("f", 0o755)) },
		"f is a link":        func(*testing.T) { must(os.Rename("f", "g")); must(os.Symlink("g", "f")) },
		"one comes":          func(t *testing.T) { replace(t, "none", "") },
		"a directory comes":  func(*testing.T) { must(os.MkdirAll("none/x", 0o755)) },
		"a link to nothing":  func(*testing.T) { must(os.Symlink("nowhere", "none")) },
		"a link to itself":   func(*testing.T) { must(os.Symlink("none", "none")) },
		"a name more":        func(t *testing.T) { replace(t, "d/more", "") },
		"a name less":        func(*testing.T) { must(os.Remove("d/x")) },
		"another kind":       func(*testing.T) { must(os.Remove("d/x")); must(os.Mkdir("d/x", 0o755)) },
		"d's mode":           func(*testing.T) { must(os.Chmod("d", 0o700)) },
		"d's times":          func(*testing.T) { must(os.Chtimes("d", someTime, someTime)) },
		"d is a file":        func(*testing.T) { must(os.RemoveAll("d")); must(os.WriteFile("d", nil, 0o644)) },
		"d goes":             func(*testing.T) { must(os.RemoveAll("d")) },
		"d is a link":        func(*testing.T) { must(os.Rename("d", "e")); must(os.Symlink("e", "d")) },
		"above is a link":    func(*testing.T) { must(os.Rename("a", "b")); must(os.Symlink("b", "a")) },
		"another target":     func(*testing.T) { must(os.Remove("link")); must(os.Symlink("other", "link")) },
		"the same target":    func(*testing.T) { must(os.Remove("link")); must(os.Symlink("f", "link")) },
		"the link's time":    func(t *testing.T) { must(os.Remove("link")); nextTick(t); must(os.Symlink("f", "link")) },
		"no link":            func(*testing.T) { must(os.Remove("link")); must(os.WriteFile("link", []byte("one"), 0o644)) },
		"another way":        func(*testing.T) { must(os.Remove("way")); must(os.Symlink("twin", "way")) },
		"the twin's content": func(t *testing.T) { replace(t, "twin/x", "other") },
	}
	if os.Geteuid() == 0 {
		changes["another owner"] = func(*testing.T) { must(os.Chown("f", 1234, -1)); must(os.Chown("d", 1234, -1)) }
	}
	paths := []string{
		"f", "other", "none", "none/below", "f/below", "d", "d/x", "link", "link/x", "way", "way/x", "a/deep", "a/deep/x", "loop",
		"dangling", "fifo", ".", "a/../f", "/dev/null", "d/",
	}
	random := rand.New(rand.NewPCG(1, 2))
	for what, change := range changes {
		t.Run(what, func(t *testing.T) {
			dir, err := filepath.EvalSymlinks(t.TempDir())
			must(err)
			t.Chdir(dir)
			for _, name := range []string{"d", "twin", "a/deep"} {
				must(os.MkdirAll(name, 0o755))
				must(os.WriteFile(name+"/x", []byte("one"), 0o644))
			}
			must(os.WriteFile("f", []byte("one"), 0o644))
			must(os.WriteFile("other", []byte("one"), 0o644))
			for link, target := range map[string]string{
				"link": "f", "way": "d", "loop": "loop", "dangling": "gone",
			} {
				must(os.Symlink(target, link))
			}
			must(syscall.Mkfifo("fifo", 0o600))
			store, err := cachedir.Open(t.TempDir(), cachedir.Options{})
			must(err)
			defer store.Close()
			spec := hashing.Spec{Argv: []string{"/bin/true"}, Dir: dir, Trace: &hashing.Trace{}}
			r, err := hashing.Capture(spec, nil)
			must(err)
			all := linesOf(t, spec, r, paths, random)
			nextTick(t)
			change(t)
			held, same := 0, 0
			for i := range all {
				s := &all[i]
				difference, err := hashing.Unchanged(s.observed, r, spec, nil)
				if err != nil {
					difference = err.Error()
				}
				sum, ok := fastpath.SumSeen(s.lines)
				if holds := ok && sum == s.sum; holds {
					held++
					require.Empty(t, difference, "%s: %s", s.what, s.lines)
				}
				if difference == "" {
					same++
				}
			}
			require.Greater(t, same, len(all)/3)
			if what == "nothing" {
				require.Equal(t, len(all), held)
			}
			require.Greater(t, held, same*8/10, "what is as it was is known without the runtime")
		})
	}
}

// linesOf is what can be seen of paths, in many ways.
func linesOf(
	t *testing.T, spec hashing.Spec, r hashing.Recipe, paths []string, random *rand.Rand,
) (all []seenLines) {
	const usual = hashing.UseContent | hashing.UseMode | hashing.UseTimes | hashing.UseNames | hashing.UseLink |
		hashing.UseChange | hashing.UseInode
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			path = spec.Dir + "/" + path
		}
		uses := []hashing.Uses{0, hashing.UseContent, hashing.UseNames, hashing.UseLink, hashing.UseMode, hashing.UseOutput, usual}
		for range 25 {
			uses = append(uses, hashing.Uses(random.IntN(int(usual)+1))&usual)
		}
		for _, use := range uses {
			observed, err := hashing.Observed(
				r, spec, hashing.Sights{Paths: []hashing.Sight{{Path: path, Uses: use}}}, nil,
			)
			if err != nil {
				continue // what was read of a FIFO is gone
			}
			s := seenLines{what: fmt.Sprint(path, " ", use), observed: observed, lines: string(hashing.PathsSeen(observed, r))}
			var ok bool
			s.sum, ok = fastpath.SumSeen(s.lines)
			require.True(t, ok, s.lines)
			all = append(all, s)
		}
	}
	require.Greater(t, len(all), 300)
	return all
}

// What an observed run depends on besides paths: where the recipe says that it is another, the short way does, too.
func TestShortWaySeesVariables(t *testing.T) {
	spec := hashing.Spec{
		Argv: []string{"/bin/true"}, Dir: "/", Trace: &hashing.Trace{},
		Environ: []string{"A=1", "PWD=/", "SHLVL=1", "TMUX=x", "MAKEFLAGS=s -j3", "BROWSER=firefox", "LANG=C", "OLDPWD=/x", "JQ_COLORS=x"},
	}
	environs := [][]string{spec.Environ}
	for i := range spec.Environ {
		less := slices.Concat(spec.Environ[:i], spec.Environ[i+1:])
		other := append(slices.Clone(less), spec.Environ[i]+"1")
		environs = append(environs, less, other)
	}
	for _, more := range []string{
		"B=", "STY=1", "PWD=/x", "_=/bin/x", "MFLAGS=-s", "GIT_ASKPASS=/opt/code/x", "CACHEX_TTL=1h", "JQ_LIBRARY_PATH=x", "LC_ALL=C", "A=2", "=", "X",
	} {
		environs = append(environs, append(slices.Clone(spec.Environ), more))
	}
	environs = append(environs, append([]string{"A=2"}, spec.Environ...))
	jobs := slices.Clone(spec.Environ)
	jobs[4] = "MAKEFLAGS=s -j9 --jobserver-auth=3,4"
	environs = append(environs, jobs)
	r, err := hashing.Capture(spec, nil)
	require.NoError(t, err)
	for what, run := range map[string]hashing.Sights{
		"all": {}, "a shell": {ShellVariables: []string{"SHLVL"}}, "a tool": {Tools: []string{"jq"}},
	} {
		observed, err := hashing.Observed(r, spec, run, nil)
		require.NoError(t, err)
		uncounted, any := hashing.Uncounted(observed, r, spec.Environ)
		require.True(t, any)
		want, ok := fastpath.SumAround(0o022, spec.Environ, uncounted)
		require.True(t, ok)
		held := 0
		for _, environ := range environs {
			now := spec
			now.Environ = environ
			got, ok := fastpath.SumAround(0o022, environ, uncounted)
			require.True(t, ok)
			if got == want {
				held++
				difference, err := hashing.Unchanged(observed, r, now, nil)
				require.NoError(t, err)
				require.Empty(t, difference, "%s: %q", what, environ)
			}
		}
		require.Greater(t, held, 5, what)
	}
}
