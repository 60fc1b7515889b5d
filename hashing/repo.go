package hashing

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/hashing/env"
	"github.com/cachex-cli/cachex/probe"
)

// RepoMarks are the names that version control systems give what they keep in a root, in the order in which they are
// looked for.
func RepoMarks() []string { return []string{".git", ".hg", ".jj", ".svn"} }

// RepoRoot returns the nearest directory, dir itself or above it, that a version control system marks as its root.
// Symbolic links in dir are resolved first, as these systems do. Each mark that is looked for is noted in seen, which
// may be nil.
func RepoRoot(dir string, seen *probe.Trail) (string, bool) {
	place, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", false
	}
	return repoRoot(place, seen)
}

func repoRoot(place string, seen *probe.Trail) (string, bool) {
	for {
		if isRepoRoot(place, seen) {
			return place, true
		}
		parent := filepath.Dir(place)
		if parent == place {
			return "", false
		}
		place = parent
	}
}

func isRepoRoot(dir string, seen *probe.Trail) bool {
	for _, mark := range RepoMarks() {
		path := filepath.Join(dir, mark)
		_, err := os.Lstat(path)
		if seen.Note(path, probe.Name, err == nil); err == nil {
			return true
		}
	}
	return false
}

// repoName returns what names the repository at a root wherever it was cloned to: what the spec says, else its origin.
// False if only its path does.
func (s *Spec) repoName(root string) (string, bool) {
	if s.Repo != "" {
		return s.Repo, true
	}
	for _, name := range gitVariables {
		if _, set := env.Lookup(s.Environ, name); set {
			return "", false // Git may look elsewhere
		}
	}
	url, ok := originURL(root)
	if !ok {
		return "", false
	}
	return normalURL(url)
}

// gitVariables may say that the repository, or its configuration, is elsewhere.
var gitVariables = []string{"GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"}

// RepoInputs lists the files and variables that the name of the repository under CwdRepo rests on.
func RepoInputs(spec Spec) (files, variables []string) {
	root, found := RepoRoot(spec.Dir, nil)
	if spec.Cwd != CwdRepo || spec.Repo != "" || !found {
		return nil, nil
	}
	dir, common, err := gitDirs(root)
	if err != nil {
		return nil, gitVariables
	}
	files = []string{filepath.Join(common, "config"), filepath.Join(dir, "config.worktree")}
	if link := filepath.Join(root, ".git"); link != dir {
		files = append(files, link, filepath.Join(dir, "commondir"))
	}
	return files, gitVariables
}

// usualPorts need not be written: 22 for ssh, 80 and 443 for HTTP, 9418 for git.
var usualPorts = []string{"22", "80", "443", "9418"}

// normalURL returns host and path of the URL of a repository, the same for all ways to reach it: without scheme, user,
// query, usual port and .git. False for what may name another repository on another machine: a local path, a host
// without a dot, a loopback address, a helper of Git, and for a path that is not as short as it can be written.
func normalURL(url string) (string, bool) {
	host, path, ok := splitURL(url)
	if !ok {
		return "", false
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	if at := strings.LastIndexByte(host, ':'); at >= 0 &&
		(at == len(host)-1 || slices.Contains(usualPorts, host[at+1:])) {
		host = host[:at]
	}
	host = strings.ToLower(host)
	if !strings.Contains(host, ".") || strings.HasPrefix(host, "127.") {
		return "", false
	}
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	for element := range strings.SplitSeq(path, "/") {
		if element == "" || element == "." || element == ".." {
			return "", false
		}
	}
	return host + "/" + path, true
}

// splitURL takes a URL, or the form host:path, apart at the end of the host.
func splitURL(url string) (host, path string, ok bool) {
	if scheme, rest, found := strings.Cut(url, "://"); found {
		host, path, _ = strings.Cut(rest, "/")
		return host, path, scheme != "file" && !strings.Contains(scheme, ":")
	}
	host, path, ok = strings.Cut(url, ":")
	return host, path, ok && !strings.ContainsAny(host, `/\`) && !strings.HasPrefix(path, ":")
}
