package call

import (
	"cmp"
	"encoding/json"
	"os"

	"github.com/cachex-cli/cachex/engine"
	"github.com/cachex-cli/cachex/hashing"
)

// status is the JSON line of --status-fd. Times are seconds.
type status struct {
	Result    string  `json:"result"`
	Reason    string  `json:"reason,omitempty"`
	Detail    string  `json:"detail,omitempty"`
	Key       string  `json:"key,omitempty"`
	Exit      int     `json:"exit"`
	Signal    int     `json:"signal,omitempty"`
	Age       float64 `json:"age_seconds"`
	Took      float64 `json:"took_seconds"`
	Saved     float64 `json:"saved_seconds"`
	Bytes     int64   `json:"bytes"`
	Stored    bool    `json:"stored"`
	Refreshed bool    `json:"refreshed,omitempty"`
	NotStored string  `json:"not_stored,omitempty"`
	Warning   string  `json:"warning,omitempty"`
}

func writeStatus(f *os.File, out engine.Outcome) error {
	st := status{
		Result: string(out.Served), Reason: string(out.Reason), Detail: out.Detail, Exit: out.Code, Signal: out.Signal,
		Age: out.Age.Seconds(), Took: out.Took.Seconds(), Saved: out.Saved.Seconds(),
		Bytes: out.Bytes, Stored: out.Stored, Refreshed: out.Refreshed, NotStored: out.NotStored,
	}
	if out.Key != (hashing.Key{}) {
		st.Key = out.Key.String()
	}
	if warning := cmp.Or(out.Warning, out.Doubt); warning != nil {
		st.Warning = warning.Error()
	}
	line, err := json.Marshal(st)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return err
}
