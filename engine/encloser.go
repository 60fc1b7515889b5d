package engine

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/hashing"
)

// encloser is the run that this one is part of, which waits for what this one has to report. A nil one is none.
type encloser struct {
	control       *cachedir.Control
	id            string // of this run for it
	configuration string // the state of Request.Configuration when this run began
}

// findEncloser finds the enclosing run, and tells it that a report will come. Its control file is named by a variable
// that anybody may have set, so it is written to only if it is one of our own cache directory. A run of another
// directory, which cannot be told what this one used, is kept from storing. If that fails, it is an error.
func (e *Engine) findEncloser(req *Request) (*encloser, error) {
	control, err := openEncloser(req)
	switch {
	case control == nil:
		return nil, err
	case !control.IsLive(): // it was purged, or killed: nothing will be stored of it
		control.Close()
		return nil, nil
	case !e.owns(control, req):
		defer control.Close()
		return nil, doubtEncloser(req, control.Forbid())
	}
	enc := &encloser{control: control, id: strings.ToLower(rand.Text())}
	repo, _ := hashing.RepoInputs(req.Spec)
	if seen, err := hashing.FilesSumOf("", nil, slices.Concat(req.Configuration, repo), nil); err == nil {
		enc.configuration = seen.String()
	}
	enc.append(beganPrefix + enc.id)
	return enc, nil
}

// openEncloser opens the control file of the enclosing run; nil: there is none. What runs in the background is no part
// of anybody's result.
func openEncloser(req *Request) (*cachedir.Control, error) {
	path := req.Encloser
	if path == "" || path == os.DevNull || req.Refresher != nil || req.Warm {
		return nil, nil
	}
	control, err := cachedir.OpenControl(path)
	if err != nil {
		err = doubtEncloser(req, err)
		req.Encloser = "" // the command shall not write there either
	}
	return control, err
}

// owns reports whether a control file is one of our cache directory's. A run that uses none takes any for its own.
func (e *Engine) owns(control *cachedir.Control, req *Request) bool {
	if req.NoCache {
		return true
	}
	dir, err := e.store()
	return err == nil && dir.OwnsControl(control)
}

// doubtEncloser says that an enclosing run, if there is one, may be stored without what this one used.
func doubtEncloser(req *Request, err error) error {
	const advice = "unset it, or an enclosing run may be stored without what this one used"
	if err != nil {
		err = fmt.Errorf("CACHEX_CONTROL=%s: %w; %s", hashing.Show(req.Encloser), err, advice)
	}
	return err
}

// report writes what this run used into the control file of the enclosing run.
func (e *encloser) report(n report) {
	if e == nil {
		return
	}
	n.ID = e.id
	line, err := json.Marshal(n)
	if err == nil && len(line) > ControlLimit/4 {
		line, err = json.Marshal(report{ID: n.ID, NoStore: "a nested run has too many inputs"})
	}
	if err != nil {
		e.forbid()
		return
	}
	e.append(reportPrefix + string(line))
}

// reportUse reports that this run used, or made, a result whose state is known.
func (e *encloser) reportUse(in *inputs, m *cachedir.Meta, end time.Time, ends bool) {
	if e == nil {
		return
	}
	n := in.use(m, end, ends)
	if n.NoStore == "" {
		n.Seen = e.configuration
	}
	e.report(n)
}

// append writes a line. If that fails, the enclosing run must not store: what it would miss might be what changes next.
func (e *encloser) append(line string) {
	if appendLine(e.control.Path(), "\n"+line+"\n") != nil {
		e.forbid()
	}
}

// forbid keeps the enclosing run from storing. If that fails it is gone already, or nothing can be done.
func (e *encloser) forbid() { _ = e.control.Forbid() }

func (e *encloser) close() {
	if e != nil {
		e.control.Close()
	}
}
