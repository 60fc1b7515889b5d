package cmd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"time"
	"unicode/utf8"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// What programs read of ls, show, why and key. Names are never changed; times are RFC 3339, durations seconds, and null
// is no end.

type rowView struct {
	Key       string   `json:"key"`
	Ended     string   `json:"ended"`
	Age       float64  `json:"age_seconds"`
	Left      *float64 `json:"left_seconds"`
	Result    string   `json:"result"`
	Bytes     int64    `json:"output_bytes"`
	Took      float64  `json:"took_seconds"`
	Tags      []string `json:"tags"`
	Directory string   `json:"directory"`
	Command   string   `json:"command"`
	Words     []string `json:"words"` // secrets as ***1
}

func newRowView(r row, secrets masks) rowView {
	v := rowView{
		Key: r.key.String(), Ended: r.ended.Format(time.RFC3339Nano), Age: time.Since(r.ended).Seconds(),
		Result: r.exit, Bytes: r.bytes,
		Took: r.took.Seconds(), Tags: append([]string{}, r.tags...), Directory: r.directory,
		Command: secrets.line(r.command), Words: []string{},
	}
	if r.left != NoEnd {
		left := r.left.Seconds()
		v.Left = &left
	}
	for _, w := range r.command {
		if w.secret != "" {
			w.text = secrets.of(w.secret)
		}
		v.Words = append(v.Words, w.text)
	}
	return v
}

type factView struct {
	Kind  string `json:"kind"`
	Name  string `json:"name,omitempty"`
	Value string `json:"value,omitempty"`
}

func factViews(recipe []byte) []factView {
	views := []factView{}
	for _, f := range hashing.Facts(recipe) {
		views = append(views, factView{f.Kind, f.Name, f.Value})
	}
	return views
}

// entryView is one entry with its recipe and what the command wrote: as text where it is UTF-8, else in base64.
type entryView struct {
	rowView
	ExitCode     int        `json:"exit_code"`
	Signal       int        `json:"signal"`
	Private      bool       `json:"private"`
	Outputs      []fileView `json:"outputs"`
	Recipe       []factView `json:"recipe"`
	Stdout       *string    `json:"stdout,omitempty"`
	StdoutBase64 string     `json:"stdout_base64,omitempty"`
	Stderr       *string    `json:"stderr,omitempty"`
	StderrBase64 string     `json:"stderr_base64,omitempty"`
}

func newEntryView(e *cachedir.Entry) (entryView, error) {
	var out, err bytes.Buffer
	if err := e.Replay(&out, &err); err != nil {
		return entryView{}, err
	}
	files, ferr := fileViews(e)
	if ferr != nil {
		return entryView{}, ferr
	}
	r := newRow(cachedir.EntryInfo{Meta: e.Meta, StdoutSize: e.StdoutSize, StderrSize: e.StderrSize})
	v := entryView{
		rowView: newRowView(r, masks{}), ExitCode: e.Code, Signal: e.Signal, Private: e.Private, Outputs: files,
		Recipe: factViews(e.Recipe),
	}
	v.Stdout, v.StdoutBase64 = textOrBase64(out.Bytes())
	v.Stderr, v.StderrBase64 = textOrBase64(err.Bytes())
	return v, nil
}

func textOrBase64(b []byte) (text *string, encoded string) {
	if s := string(b); utf8.ValidString(s) {
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(b)
}

type changeView struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

type answerView struct {
	Hit       bool         `json:"hit"`
	Reason    string       `json:"reason"` // empty for a hit
	Detail    string       `json:"detail"`
	Nearest   string       `json:"nearest"` // key of the entry that this is compared with; empty: none
	Changes   []changeView `json:"changes"`
	Elsewhere string       `json:"elsewhere"` // another directory, in which the command has a result
}

func newAnswerView(w answer) answerView {
	v := answerView{
		Hit: w.Reason == "", Reason: string(w.Reason), Detail: w.Detail, Changes: []changeView{},
		Elsewhere: w.Elsewhere,
	}
	if w.Nearest != (hashing.Key{}) {
		v.Nearest = w.Nearest.String()
	}
	for _, c := range w.Changes {
		v.Changes = append(v.Changes, changeView{c.Kind, c.Name, c.Text})
	}
	return v
}

type recipeView struct {
	Key    string     `json:"key"`
	Recipe []factView `json:"recipe"`
}

// printJSON writes a view as programs and people read it.
func printJSON(w io.Writer, view any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(view)
}

func listJSON(w io.Writer, rows []row) error {
	views, secrets := []rowView{}, masks{}
	for _, r := range rows {
		views = append(views, newRowView(r, secrets))
	}
	return printJSON(w, views)
}
