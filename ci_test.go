package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// A runner is what a job of GitHub Actions or GitLab has: a directory of its own, CI=true and no terminal.
type runner struct {
	t    *testing.T
	temp string
	work string // the checkout
	env  []string
	log  string

	status string // of the job
}

// newRunner makes a checkout of one repository in a directory of its own. runs is a file in which its tool counts.
func newRunner(t *testing.T, runs string) *runner {
	if runtime.GOOS == "windows" {
		t.Skip("runs the shell parts")
	}
	dir := t.TempDir()
	r := &runner{t: t, temp: filepath.Join(dir, "temp"), work: filepath.Join(dir, "work")}
	r.env = append(os.Environ(),
		"PATH="+pathWithBinary(t), "HOME="+filepath.Join(dir, "home"), "CI=true", "RUNS="+runs, "XDG_CACHE_HOME=",
		"GITHUB_ACTION_PATH="+dir, "RUNNER_TEMP="+r.temp, "CI_PROJECT_DIR="+r.work, "CI_JOB_NAME_SLUG=lint")
	for _, d := range []string{r.temp, r.work, filepath.Join(dir, "home")} {
		require.NoError(t, os.MkdirAll(d, 0o755))
	}
	r.write("data", "one\n")
	r.bash("git init -q . && git remote add origin https://h.example/team/app && git add data")
	return r
}

func (r *runner) write(name, text string) {
	require.NoError(r.t, os.WriteFile(filepath.Join(r.work, name), []byte(text), 0o644))
}

// bash runs a text as both systems do, and returns what it printed.
func (r *runner) bash(text string) string {
	r.t.Helper()
	c := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text)
	c.Dir, c.Env = r.work, r.env
	out, err := c.CombinedOutput()
	require.NoError(r.t, err, "%s\n%s", text, out)
	r.log += string(out)
	return string(out)
}

const toolRun = `cachex run --cwd repo --exe digest --file @git -c 'echo x >>"$RUNS"; cat data'`

func countRuns(t *testing.T, file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
	return bytes.Count(b, []byte("x"))
}

type action struct {
	Name, Description, Author string
	Branding                  map[string]string
	Inputs                    map[string]struct{ Description, Default string }
	Runs                      struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	Name, ID, If, Uses, Shell, Run string
	With, Env                      map[string]string
}

// strict decodes YAML that has nothing else than what the type has.
func strict(t *testing.T, file string, into any) {
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	d := yaml.NewDecoder(f)
	d.KnownFields(true)
	require.NoError(t, d.Decode(into), file)
}

var expression = regexp.MustCompile(`\$\{\{ ([a-z_.-]+) \}\}`)

// perform carries out the steps of an action. kept is where the cache of GitHub keeps directories, by their keys.
func (r *runner) perform(a action, id string, inputs, kept map[string]string) {
	r.t.Helper()
	values := map[string]string{
		"runner.temp": r.temp, "runner.os": "Linux", "runner.arch": "X64", "github.job": "lint", "github.run_id": id,
		"github.run_attempt": "1", "job.status": r.status,
	}
	for name, in := range a.Inputs {
		values["inputs."+name] = in.Default
	}
	for name, v := range inputs {
		values["inputs."+name] = v
	}
	expand := func(text string) string {
		return expression.ReplaceAllStringFunc(text, func(s string) string {
			v, ok := values[expression.FindStringSubmatch(s)[1]]
			require.True(r.t, ok, "%s in %s", s, text)
			return v
		})
	}
	for _, s := range a.Runs.Steps {
		if !holds(r.t, s.If, values) {
			continue
		}
		with := map[string]string{}
		for name, v := range s.With {
			with[name] = expand(v)
		}
		switch {
		case strings.HasPrefix(s.Uses, "actions/cache/restore@"):
			for key, dir := range kept {
				if strings.HasPrefix(key, with["restore-keys"]) {
					r.copyDir(dir, with["path"])
				}
			}
		case strings.HasPrefix(s.Uses, "actions/cache/save@"):
			require.NotContains(r.t, kept, with["key"], "a key is written once")
			clear(kept)
			kept[with["key"]] = r.t.TempDir()
			r.copyDir(with["path"], kept[with["key"]])
		default:
			require.Equal(r.t, "bash", s.Shell, s.Name)
			r.step(s, values, expand)
		}
	}
}

// holds evaluates the conditions that the action has.
func holds(t *testing.T, condition string, values map[string]string) bool {
	for _, part := range strings.Split(condition, " && ") {
		name, want, ok := strings.Cut(part, " == ")
		require.True(t, ok, condition)
		if values[name] != strings.Trim(want, "'") {
			return false
		}
	}
	return true
}

// step runs a shell part, and reads the files in which it may say something to later ones.
func (r *runner) step(s actionStep, values map[string]string, expand func(string) string) {
	r.t.Helper()
	said := r.t.TempDir()
	file := func(name string) string { return filepath.Join(said, name) }
	before := r.env
	for _, name := range []string{"GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		require.NoError(r.t, os.WriteFile(file(name), nil, 0o644))
		r.env = append(r.env, name+"="+file(name))
	}
	for name, v := range s.Env {
		r.env = append(r.env, name+"="+expand(v))
	}
	r.bash(s.Run)
	r.env = slices.Clone(before)
	read := func(name string) string {
		b, err := os.ReadFile(file(name))
		require.NoError(r.t, err)
		return string(b)
	}
	r.env = append(r.env, strings.Fields(read("GITHUB_ENV"))...)
	for line := range strings.Lines(read("GITHUB_OUTPUT")) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		values["steps."+s.ID+".outputs."+name] = v
	}
	r.log += read("GITHUB_STEP_SUMMARY")
}

func (r *runner) copyDir(from, to string) {
	require.NoError(r.t, os.RemoveAll(to))
	require.NoError(r.t, os.CopyFS(to, os.DirFS(from)))
}

// The action: what a job has used is a hit in the next one, in another checkout; nothing else is kept, and what is kept
// already is not kept again; a damaged archive costs a warning.
func TestAction(t *testing.T) {
	var a action
	strict(t, "action.yml", &a)
	require.Equal(t, "composite", a.Runs.Using)
	runs, kept := filepath.Join(t.TempDir(), "runs"), map[string]string{}
	save := map[string]string{"step": "save"}
	status := "success"
	job := func(id, data string, want int) *runner {
		r := newRunner(t, runs)
		r.status = status
		r.write("data", data)
		r.perform(a, id, nil, kept)
		require.Equal(t, data, r.bash(toolRun))
		require.Equal(t, want, countRuns(t, runs), "job %s\n%s", id, r.log)
		r.perform(a, id, save, kept)
		require.Contains(t, r.log, "| 1 |", "the summary")
		return r
	}
	archive := func() []byte {
		require.Len(t, kept, 1)
		for _, dir := range kept {
			b, err := os.ReadFile(filepath.Join(dir, "cachex.pack"))
			require.NoError(t, err)
			return b
		}
		return nil
	}
	job("1", "one\n", 1)
	first := archive()
	r := job("2", "one\n", 1)
	require.Contains(t, r.log, "the archive that was fetched is what this job has used")
	require.Contains(t, keys(kept)[0], "-1-1")
	job("3", "two\n", 2)
	require.InDelta(t, len(first), len(archive()), 100, "what was not used is not in it any more")
	status = "failure" // it has not come to what the next job uses
	job("3a", "three\n", 3)
	status = "success"
	job("3b", "two\n", 3)
	for _, dir := range kept {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cachex.pack"), first[:len(first)-10], 0o644))
	}
	r = job("4", "one\n", 4)
	require.Contains(t, r.log, "::warning title=cachex::")

	r = newRunner(t, runs)
	r.perform(a, "5", nil, kept)
	r.perform(a, "5", save, kept)
	require.Contains(t, r.log, "::notice title=cachex::this job has used no result")
}

func keys(m map[string]string) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	return all
}

// gitlabJob has those keywords of a GitLab job that the file uses, with the types that GitLab's reference gives them.
type gitlabJob struct {
	Variables map[string]string
	Cache     struct {
		Key   string
		Paths []string
		When  string
	}
	BeforeScript []string `yaml:"before_script"`
	AfterScript  []string `yaml:"after_script"`
}

// The include file of GitLab: the same.
func TestGitLab(t *testing.T) {
	var file map[string]gitlabJob
	strict(t, "ci/gitlab.yml", &file)
	require.Len(t, file, 1)
	j := file[".cachex"] // one that begins with a dot is no job
	require.Contains(t, []string{"on_success", "on_failure", "always"}, j.Cache.When)
	require.Equal(t, []string{".cachex-ci/pack/"}, j.Cache.Paths, "below the checkout, as it has to be")
	runs, kept := filepath.Join(t.TempDir(), "runs"), t.TempDir()
	status := "success"
	job := func(data string, want int) *runner {
		r := newRunner(t, runs)
		r.env = append(r.env, "CI_JOB_STATUS="+status)
		r.write("data", data)
		r.copyDir(kept, filepath.Join(r.work, j.Cache.Paths[0]))
		for name, v := range j.Variables {
			v = strings.ReplaceAll(v, "$CI_PROJECT_DIR", r.work)
			require.NotContains(t, v, "$")
			r.env = append(r.env, name+"="+v)
		}
		r.bash(strings.Join(append(slices.Clone(j.BeforeScript), toolRun+" >.cachex-ci/printed"), "\n"))
		require.Equal(t, data, r.bash("cat .cachex-ci/printed"))
		require.Equal(t, want, countRuns(t, runs), r.log)
		r.bash(strings.Join(j.AfterScript, "\n"))
		r.copyDir(filepath.Join(r.work, j.Cache.Paths[0]), kept)
		return r
	}
	job("one\n", 1)
	require.Contains(t, job("one\n", 1).log, "unpacked 1 entry, 0 known, 0 refused")
	job("two\n", 2)
	job("one\n", 3) // what the last job has not used has gone
	status = "failed"
	job("three\n", 4)
	job("one\n", 4)
}

// The shell parts have none of the mistakes that shellcheck knows.
func TestShellcheck(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("there is no shellcheck")
	}
	var a action
	strict(t, "action.yml", &a)
	var file map[string]gitlabJob
	strict(t, "ci/gitlab.yml", &file)
	texts := []string{
		strings.Join(file[".cachex"].BeforeScript, "\n"), strings.Join(file[".cachex"].AfterScript, "\n"),
	}
	for _, s := range a.Runs.Steps {
		texts = append(texts, s.Run)
	}
	for _, text := range texts {
		c := exec.Command("shellcheck", "-s", "bash", "-")
		c.Stdin = strings.NewReader(text)
		out, err := c.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}

// The Dockerfile of the examples, as far as it runs without Docker: its RUN lines, with a directory in place of the root
// of an image.
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("examples/docker/Dockerfile")
	require.NoError(t, err)
	runs, packs := filepath.Join(t.TempDir(), "runs"), t.TempDir()
	build := func(stage string, want int) {
		r := newRunner(t, runs)
		r.write("check", "#!/bin/sh\necho x >>\"$RUNS\"\n")
		require.NoError(t, os.Chmod(filepath.Join(r.work, "check"), 0o755))
		require.NoError(t, os.Symlink(packs, filepath.Join(r.temp, "packs")))
		for _, line := range runLines(string(text), stage) {
			for _, dir := range []string{"/cachex", "/packs", "/out"} {
				line = strings.ReplaceAll(line, " "+dir, " "+r.temp+dir)
				line = strings.ReplaceAll(line, "="+dir, "="+r.temp+dir)
			}
			r.bash("cd ../work && rm -rf .git && " + line)
		}
		require.Equal(t, want, countRuns(t, runs), r.log)
		if b, err := os.ReadFile(filepath.Join(r.temp, "out", "cachex.pack")); err == nil {
			require.NoError(t, os.WriteFile(filepath.Join(packs, "cachex.pack"), b, 0o644))
		}
	}
	build("checked", 1)
	build("packed", 2)
	_, err = os.Stat(filepath.Join(packs, "cachex.pack"))
	require.NoError(t, err)
}

var instruction = regexp.MustCompile(`(?m)^([A-Z]+) (.*)$`)

// runLines are the RUN instructions of a stage, without their mounts.
func runLines(text, stage string) (lines []string) {
	in := false
	joined := strings.ReplaceAll(text, "\\\n", " ")
	for _, m := range instruction.FindAllStringSubmatch(joined, -1) {
		switch m[1] {
		case "FROM":
			in = strings.HasSuffix(m[2], " AS "+stage)
		case "RUN":
			if in {
				lines = append(lines, regexp.MustCompile(`--mount=\S+ +`).ReplaceAllString(m[2], ""))
			}
		}
	}
	return lines
}
