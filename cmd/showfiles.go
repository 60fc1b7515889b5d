package cmd

import (
	"fmt"
	"io"
	"path"
	"path/filepath"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// filesOf lists the files that are stored with an entry.
func filesOf(e *cachedir.Entry) ([]outputs.File, error) {
	if e.Outputs == nil {
		return nil, nil
	}
	return outputs.Decode(e.Outputs, e.OutputsLen)
}

// showFiles lists them for people.
func showFiles(w io.Writer, e *cachedir.Entry) error {
	files, err := filesOf(e)
	for _, f := range files {
		switch f.Kind {
		case outputs.Regular:
			fmt.Fprintf(w, "output   %s, %d bytes, mode %03o\n", hashing.Show(f.Name), f.Size, f.Perm)
		case outputs.Directory:
			fmt.Fprintf(w, "output   %s, mode %03o\n", hashing.Show(f.Name+"/"), f.Perm)
		case outputs.Link:
			fmt.Fprintf(w, "output   %s -> %s\n", hashing.Show(f.Name), hashing.Show(f.Target))
		}
	}
	return err
}

// showFile prints what one of them holds.
func showFile(w io.Writer, e *cachedir.Entry, name string) error {
	files, err := filesOf(e)
	if err != nil {
		return err
	}
	wanted := path.Clean(filepath.ToSlash(name))
	for i := range files {
		if files[i].Name == wanted && files[i].Kind == outputs.Regular {
			return files[i].CopyTo(w, e.Contents())
		}
	}
	return &usageError{
		Err:  fmt.Errorf("no file %s is stored there", hashing.Show(name)),
		Hint: "cachex show lists the outputs of an entry",
	}
}

// fileView is a stored file as programs read of it.
type fileView struct {
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	Mode   string `json:"mode,omitempty"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
	Target string `json:"target,omitempty"`
}

func fileViews(e *cachedir.Entry) ([]fileView, error) {
	files, err := filesOf(e)
	views := []fileView{}
	for _, f := range files {
		v := fileView{Name: f.Name, Kind: f.Kind.String(), Bytes: f.Size, Target: f.Target}
		if f.Kind != outputs.Link {
			v.Mode = fmt.Sprintf("%04o", f.Perm)
		}
		if f.Kind == outputs.Regular {
			v.SHA256 = f.Sum.String()
		}
		views = append(views, v)
	}
	return views, err
}
