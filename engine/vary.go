package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"
	"syscall"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// VaryOutputs runs the shell texts whose output belongs to the key, and returns what each printed. They see what the
// command will see, with an empty stdin. One that fails says nothing about its input: *hashing.InputError.
//
// With ownsProcess, this process dies of what interrupts one; otherwise its signals are left alone.
func VaryOutputs(ctx context.Context, texts []string, spec hashing.Spec, ownsProcess bool) ([]hashing.Vary, error) {
	var outputs []hashing.Vary
	for _, text := range sorted(texts) {
		v, err := varyOutput(ctx, text, spec, ownsProcess)
		if err != nil {
			return nil, &hashing.InputError{Path: "--vary " + hashing.Redact(text), Err: err}
		}
		outputs = append(outputs, v)
	}
	return outputs, nil
}

// sorted returns the texts in order, each once.
func sorted(texts []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(texts)))
}

func varyOutput(ctx context.Context, text string, spec hashing.Spec, ownsProcess bool) (hashing.Vary, error) {
	argv := []string{"sh", "-c", text}
	exe, err := hashing.LookPath(argv[0], spec.Dir, spec.Environ)
	if err != nil {
		return hashing.Vary{}, err
	}
	out := &digester{sum: sha256.New()}
	c := runner.Command{Path: exe, Argv: argv, Env: spec.Environ, Sink: out, Canceled: ctx.Done()}
	if !ownsProcess {
		c.Dir, c.KeepSignals = spec.Dir, true
	}
	res, err := runner.Run(c)
	switch {
	case err != nil:
		return hashing.Vary{}, err
	case res.Caught:
		runner.Die(max(res.Signal, int(syscall.SIGINT))) // whoever interrupted it meant this program
		return hashing.Vary{}, errors.New("interrupted")
	case res.Code != 0 || res.Signal != 0 || !res.Complete:
		return hashing.Vary{}, fmt.Errorf("it %s%s", exitWordsOf(res.Code, res.Signal), out.complaint())
	}
	return hashing.Vary{Text: text, Output: hashing.Digest(out.sum.Sum(nil))}, nil
}

// digester hashes stdout and keeps the first line of stderr.
type digester struct {
	sum  hash.Hash
	line []byte
}

// Append takes what the text wrote.
func (d *digester) Append(s runner.Stream, b []byte) error {
	const most = 200
	if s == runner.Stdout {
		d.sum.Write(b)
	} else if len(d.line) < most {
		d.line = append(d.line, b[:min(len(b), most-len(d.line))]...)
	}
	return nil
}

// complaint is what it wrote to stderr, for an error.
func (d *digester) complaint() string {
	first, _, _ := bytes.Cut(d.line, []byte("\n"))
	if len(first) == 0 {
		return ""
	}
	return ": " + strings.ToValidUTF8(string(first), "?")
}
