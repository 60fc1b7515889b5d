package main

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed nfpm.yaml
var nfpmText string

var nfpmConfig = template.Must(template.New("nfpm.yaml").Parse(nfpmText))

// packed is a file for nfpm: where it lies now, where it is installed, and in which kind of package it is (in all, if
// that is empty).
type packed struct {
	From, To, By string
	Mode         string
}

// packages makes a package of each kind.
func (r *release) packages(p platform, files []file, work string) error {
	list, err := stage(filepath.Join(work, "stage"), files)
	if err != nil {
		return err
	}
	config := filepath.Join(work, "nfpm.yaml")
	for _, kind := range []string{"deb", "rpm", "apk"} {
		files := slices.DeleteFunc(slices.Clone(list), func(f packed) bool { return f.By != "" && f.By != kind })
		var text bytes.Buffer
		err = nfpmConfig.Execute(&text, map[string]any{
			"Kind": kind, "Version": r.version, "Arch": strings.Replace(p.arch, "armv7", "arm7", 1),
			"When": r.commit.when.Format(time.RFC3339), "Files": files, "Directories": owned(kind, files),
		})
		if err != nil {
			return err
		}
		if err := os.WriteFile(config, text.Bytes(), 0o644); err != nil {
			return err
		}
		c := exec.Command("go", "tool", "nfpm", "package", "--config", config, "--packager", kind, "--target", r.out)
		c.Dir = filepath.Join(r.root, "tools", "release")
		c.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.commit.when.Unix()))
		if said, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("nfpm %s: %w: %s", kind, err, said)
		}
	}
	return nil
}

// owned are the directories that are removed with a package. Others than rpm remove what is empty.
func owned(kind string, files []packed) (dirs []string) {
	if kind != "rpm" {
		return nil
	}
	system := []string{"/usr/bin", "/usr/share", "/usr/share/doc", "/usr/share/licenses", "/usr/share/man/man1"}
	for _, f := range files {
		for dir := path.Dir(f.To); !slices.Contains(system, dir) && !slices.Contains(dirs, dir); dir = path.Dir(dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// stage writes the files below dir, as packages want them: pages are compressed, and each distribution has its own
// place for completions of zsh and for licences.
func stage(dir string, files []file) ([]packed, error) {
	var list []packed
	for _, f := range files {
		from, data := filepath.Join(dir, f.name), f.data
		to := []packed{{To: "/usr/" + f.name}}
		switch {
		case strings.HasPrefix(f.name, "share/man/"):
			var z bytes.Buffer
			w := gzip.NewWriter(&z)
			_, _ = w.Write(data) // into memory
			_ = w.Close()
			from, data = from+".gz", z.Bytes()
			to[0].To += ".gz"
		case strings.HasPrefix(f.name, "share/zsh/"):
			to = []packed{
				{To: "/usr/share/zsh/vendor-completions/_cachex", By: "deb"},
				{To: "/usr/" + f.name, By: "rpm"},
				{To: "/usr/" + f.name, By: "apk"},
			}
		case strings.HasSuffix(f.name, "/LICENSE"):
			to = []packed{
				{To: "/usr/share/doc/cachex/copyright", By: "deb"},
				{To: "/usr/share/licenses/cachex/LICENSE", By: "rpm"},
				{To: "/usr/share/licenses/cachex/LICENSE", By: "apk"},
			}
		}
		if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(from, data, os.FileMode(f.mode)); err != nil {
			return nil, err
		}
		for _, p := range to {
			p.From, p.Mode = from, fmt.Sprintf("0%o", f.mode)
			list = append(list, p)
		}
	}
	return list, nil
}
