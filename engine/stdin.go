package engine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/runner"
)

// memoryInput is how much of stdin is kept in memory before it goes to a file.
const memoryInput = 1 << 20

// stdin is the caller's, read whole so that it can be hashed before the command runs, and fed to it afterwards.
type stdin struct {
	digest hashing.Digest
	head   []byte    // the first bytes
	file   *os.File  // everything, when it is more than head holds; unlinked
	rest   io.Reader // what could not be read ahead, because the file failed
}

// readStdin reads stdin to its end. On an error the input can still be fed, what was read and then the rest, but it
// has no digest.
func readStdin(from io.Reader) (*stdin, error) {
	in := &stdin{}
	sum := sha256.New()
	head, err := io.ReadAll(io.LimitReader(from, memoryInput+1))
	in.head = head
	sum.Write(head)
	if err == nil && len(head) > memoryInput {
		err = in.spool(from, sum)
	}
	if err != nil {
		return in, err
	}
	sum.Sum(in.digest[:0])
	return in, nil
}

// spool moves the input to a file that has no name: nothing is left behind whatever happens to this process.
func (in *stdin) spool(from io.Reader, sum io.Writer) error {
	in.rest = from
	f, err := runner.UnnamedFile()
	if err != nil {
		return err
	}
	in.file = f
	if _, err := f.Write(in.head); err != nil {
		_ = f.Truncate(0)
		return fmt.Errorf("spool it: %w", err)
	}
	in.head = nil
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		sum.Write(buf[:n])
		if m, werr := f.Write(buf[:n]); werr != nil {
			in.rest = io.MultiReader(bytes.NewReader(bytes.Clone(buf[m:n])), from)
			return fmt.Errorf("spool it: %w", werr)
		}
		if errors.Is(err, io.EOF) {
			in.rest = nil
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// feed returns the command's stdin: the file where it holds everything, else a reader.
func (in *stdin) feed() (*os.File, io.Reader) {
	if in.file != nil {
		if _, err := in.file.Seek(0, io.SeekStart); err == nil && in.rest == nil {
			return in.file, nil
		}
	}
	parts := []io.Reader{bytes.NewReader(in.head)}
	if in.file != nil {
		parts = append(parts, in.file)
	}
	if in.rest != nil {
		parts = append(parts, in.rest)
	}
	return nil, io.MultiReader(parts...)
}

func (in *stdin) close() {
	if in != nil && in.file != nil {
		_ = in.file.Close()
	}
}

// again returns the input as a file for a second reader; nil where there is no input.
func (in *stdin) again() (*os.File, error) {
	if in == nil {
		return nil, nil
	}
	if in.file == nil {
		f, err := runner.UnnamedFile()
		if err != nil {
			return nil, err
		}
		in.file = f
		if _, err := f.Write(in.head); err != nil {
			return nil, err
		}
		in.head = nil
	}
	_, err := in.file.Seek(0, io.SeekStart)
	return in.file, err
}
