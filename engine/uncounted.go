package engine

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/trace"
)

// What an observed run looks at and does not depend on.

// devices answer the same always, or nothing that anybody remembers.
var devices = []string{
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx",
	"/dev/stdin", "/dev/stdout", "/dev/stderr", "/dev/shm",
}

// harmless are the files of the kernel that every runtime looks at.
var harmless = []string{
	"/proc/self", "/proc/self/exe", "/proc/self/maps", "/proc/self/cgroup", "/proc/self/mountinfo",
	"/proc/thread-self", "/proc/filesystems", "/proc/sys/kernel/ngroups_max", "/proc/sys/vm/overcommit_memory",
	"/sys/devices/system/cpu/online",
}

// harmlessBelow are directories of such files: limits of this process, and how memory is laid out.
var harmlessBelow = []string{
	"/sys/fs/selinux", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage", "/dev/fd", "/proc/self/fd",
}

// ownCaches are below HOME, and looked after by the programs that keep them.
var ownCaches = []string{".cache", ".npm", ".config/go/telemetry"}

// uncounted says what an observed run does not depend on.
type uncounted struct {
	below  []string // directories
	ignore []string // globs
	keep   []string // globs that come first
}

// whatDoesNotCount is made of a spec and its environment; own is the cache directory, or empty.
func whatDoesNotCount(spec hashing.Spec, own string) uncounted {
	var u uncounted
	if own != "" {
		u.below = append(u.below, own)
	}
	if home := hashing.Getenv(spec.Environ, "HOME"); filepath.IsAbs(home) {
		for _, cache := range ownCaches {
			u.below = append(u.below, filepath.Join(home, cache))
		}
	}
	for _, name := range []string{"XDG_CACHE_HOME", "GOCACHE", "npm_config_cache"} {
		if path := hashing.Getenv(spec.Environ, name); filepath.IsAbs(path) {
			u.below = append(u.below, filepath.Clean(path))
		}
	}
	if t := spec.Trace; t != nil {
		u.ignore, u.keep = t.Ignore, t.Keep
	}
	return u
}

// leavesOut reports whether a path does not count.
func (u uncounted) leavesOut(path string) bool { return u.place(path) != "" }

// place is what keeps a path from counting: itself, a directory that it is below, or a glob; empty: it counts.
func (u uncounted) place(path string) string {
	if matchesGlob(u.keep, path) {
		return ""
	}
	if slices.Contains(devices, path) || slices.Contains(harmless, path) {
		return path
	}
	for _, dirs := range [][]string{harmlessBelow, u.below} {
		if i := slices.IndexFunc(dirs, func(dir string) bool { return isBelow(path, dir) }); i >= 0 {
			return dirs[i]
		}
	}
	const modules = "/__pycache__" // of Python
	if strings.Contains(path, modules) {
		if at := strings.Index(path+"/", modules+"/"); at >= 0 {
			return path[:at+len(modules)]
		}
	}
	if i := slices.IndexFunc(u.ignore, func(glob string) bool { return hashing.MatchPath(glob, path) }); i >= 0 {
		return u.ignore[i]
	}
	return ""
}

func isBelow(path, dir string) bool {
	rest, ok := strings.CutPrefix(path, dir)
	return ok && (rest == "" || rest[0] == '/')
}

func matchesGlob(globs []string, path string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool { return hashing.MatchPath(glob, path) })
}

// readsAtStart reports whether a program reads a file of the kernel at each start: Node asks how much memory there is.
func readsAtStart(program, path string) bool {
	name := filepath.Base(program)
	return path == "/proc/meminfo" && (name == "node" || name == "nodejs")
}

// isOfKernel reports whether a file is an answer about this moment.
func isOfKernel(path string) bool { return isBelow(path, "/proc") || isBelow(path, "/sys") }

func temporaryDirectories() []string {
	return []string{"/tmp", "/var/tmp", filepath.Clean(os.TempDir())}
}

// shellVariables are those of shells that a text may ask for which the run has executed: a word, or a script.
func (o *observation) shellVariables(argv []string) []string {
	for _, word := range argv {
		if asksShell([]byte(word)) {
			return hashing.ShellVariables()
		}
	}
	for _, program := range o.report.Programs {
		if text, err := readScript(program); err != nil || asksShell(text) {
			return hashing.ShellVariables()
		}
	}
	return nil
}

// largestScript is how much of a script is read to see what it asks for, in bytes.
const largestScript = 1 << 20

func readScript(program trace.Program) ([]byte, error) {
	if program.Text == "" {
		return nil, nil
	}
	f, err := os.Open(program.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, largestScript))
}

func asksShell(text []byte) bool {
	return slices.ContainsFunc([]string{"OLDPWD", "SHLVL", "cd -", "~-"}, func(sign string) bool {
		return bytes.Contains(text, []byte(sign))
	})
}
