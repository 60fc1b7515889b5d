package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A platform is what a binary is for. arm is of the version of that name.
type platform struct{ os, arch string }

const arm = "armv7"

var platforms = []platform{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"linux", "386"},
	{"linux", arm},
	{"linux", "riscv64"},
	{"darwin", "amd64"},
	{"darwin", "arm64"},
	{"windows", "amd64"},
	{"windows", "arm64"},
}

func (p platform) String() string { return p.os + "-" + p.arch }

func (p platform) executable() string {
	if p.os == "windows" {
		return "cachex.exe"
	}
	return "cachex"
}

// environment is that of the go command: what a person has set for other work makes no other binary.
func (p platform) environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		switch name {
		case "GOFLAGS", "GOEXPERIMENT", "GODEBUG", "GOWORK", "GOFIPS140":
			return true
		}
		return strings.HasPrefix(name, "CGO_")
	})
	env = append(env, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOOS="+p.os)
	if p.arch == arm {
		return append(env, "GOARCH=arm", "GOARM=7")
	}
	// the lowest of each, whatever the machine is
	return append(env, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GO386=sse2", "GORISCV64=rva20u64")
}

const variable = " -X github.com/cachex-cli/cachex/cmd."

// build builds the program. Nothing of the directory is in it, so that it is the same wherever the tree lies.
func (r *release) build(p platform, binary string) error {
	link := "-s -w" + variable + "release=v" + r.version +
		variable + "commit=" + r.commit.id + variable + "committed=" + r.commit.when.Format(time.RFC3339)
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", link, "-o", binary, ".")
	c.Dir, c.Env, c.Stderr = r.root, p.environment(), os.Stderr
	return c.Run()
}

// A commit is where the tree comes from. Its time is that of all files.
type commit struct {
	id   string
	when time.Time
}

func head(root string) (commit, error) {
	said, err := git(root, "show", "-s", "--format=%H %ct", "HEAD")
	if err != nil {
		return commit{}, err
	}
	id, seconds, _ := strings.Cut(said, " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	return commit{id: id, when: time.Unix(n, 0).UTC()}, err
}

// git returns what Git says, without the last end of a line.
func git(dir string, words ...string) (string, error) {
	c := exec.Command("git", words...)
	c.Dir = dir
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", words[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}
