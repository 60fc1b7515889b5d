// Release makes the files of a release from the tree that it stands in: archives, packages, a list of what is linked
// for each binary (SPDX), and checksums. Each byte follows from the commit and the version of Go, so that whoever
// doubts a file makes it again. scripts/release calls it; nfpm, which makes the packages, is why it is a module of its
// own.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// A release is what all its files have in common.
type release struct {
	root    string // of the tree
	out     string // the directory of the files
	version string // without v
	commit  commit
}

// semantic versions have an order that packages know, too. What follows a + is for nobody.
var semantic = regexp.MustCompile(`^v?([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?)$`)

func run(args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "usage: scripts/release [FLAGS] VERSION")
		flags.PrintDefaults()
	}
	tree := flags.String("tree", "../..", "`DIR` is the tree, which scripts/release says")
	from := flags.String("from", ".", "`DIR` is where scripts/release was called")
	out := flags.String("o", "", "put the files into `DIR`, which must be empty (default dist/VERSION)")
	only := flags.String("platforms", "", "make these alone, a `LIST` as in linux-amd64,darwin-arm64")
	packages := flags.Bool("packages", true, "make packages, too, which needs the modules of nfpm")
	dirty := flags.Bool("dirty", false, "take the tree as it is, though it is not what the commit says")
	if err := flags.Parse(args); err != nil {
		return err
	}
	match := semantic.FindStringSubmatch(flags.Arg(0))
	if flags.NArg() != 1 || match == nil {
		return fmt.Errorf("version %q: name one, as in v1.2.3 or 1.2.3-rc.1", strings.Join(flags.Args(), " "))
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *out == "" {
		*out = filepath.Join(*tree, "dist", match[1])
	} else if !filepath.IsAbs(*out) {
		*out = filepath.Join(*from, *out)
	}
	r, err := begin(*tree, match[1], *out, *dirty)
	if err != nil {
		return err
	}
	for _, p := range chosen {
		if err := r.make(p, *packages); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
	}
	return r.checksums()
}

// choose returns the platforms of a list, all for an empty one.
func choose(list string) ([]platform, error) {
	if list == "" {
		return platforms, nil
	}
	var chosen []platform
	for name := range strings.SplitSeq(list, ",") {
		i := slices.IndexFunc(platforms, func(p platform) bool { return p.String() == name })
		if i < 0 {
			return nil, fmt.Errorf("platform %q: known are %v", name, platforms)
		}
		chosen = append(chosen, platforms[i])
	}
	return chosen, nil
}

// begin finds the tree and its commit, and makes the directory of the files.
func begin(root, version, out string, dirty bool) (*release, error) {
	r := &release{root: root, out: out, version: version}
	var err error
	if r.commit, err = head(root); err != nil {
		return nil, err
	}
	if changed, err := git(root, "status", "--porcelain"); err != nil {
		return nil, err
	} else if changed != "" && !dirty {
		return nil, fmt.Errorf("not in commit %.12s, so commit it, or give -dirty:\n%s", r.commit.id, changed)
	}
	if there, err := os.ReadDir(r.out); err == nil && len(there) > 0 {
		return nil, fmt.Errorf("%s is not empty: remove it, or name another directory by -o", r.out)
	}
	return r, os.MkdirAll(r.out, 0o755)
}

// make makes the files of one platform.
func (r *release) make(p platform, packages bool) error {
	work, err := os.MkdirTemp("", "cachex-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	binary := filepath.Join(work, p.executable())
	if err := r.build(p, binary); err != nil {
		return err
	}
	files, err := r.files(p, binary)
	if err != nil {
		return err
	}
	if err := r.archive(p, files); err != nil {
		return err
	}
	if err := r.bill(p, binary); err != nil {
		return err
	}
	if !packages || p.os != "linux" {
		return nil
	}
	return r.packages(p, files, work)
}

// name is that of the archive of a platform, without its suffix.
func (r *release) name(p platform) string { return "cachex-" + r.version + "-" + p.String() }
