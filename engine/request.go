package engine

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/engine/fleet"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/outputs"
)

// Forever as a time to live means that a result never ages out; as a Wait it means no limit.
const Forever = time.Duration(-1)

// Request is one run as the caller wants it.
type Request struct {
	// Spec is what makes identity. Stdin, Vary, Terminal and User are filled in by the engine, and, unless OwnsProcess
	// is set, what this process has in place of an empty Dir and a nil Environ.
	Spec hashing.Spec

	TTL          time.Duration       // how long what exited 0 is fresh; 0: only for concurrent callers; Forever
	TTLFail      time.Duration       // the same for other exit codes
	CacheExit    func(code int) bool // exit codes that may be replayed; nil: 0
	Jitter       float64             // shortens each life by up to this part of it, 0 to 1
	Stale        time.Duration       // how long after its life it is served while one refresh runs (see Self)
	StaleIfError time.Duration       // how long after its life a result is served if the command fails; Forever
	Early        float64             // refresh early, with a probability that grows towards the end of life; 0: never
	Tags         []string            // labels for purging
	Private      bool                // for this user and this machine alone

	// Until is when a result of a run that started then ends its life, whatever readers want; nil: never.
	Until func(started time.Time) time.Time

	Refresh    bool          // run now and replace what is stored
	Verify     float64       // the share of hits that are run all the same, and compared; 0 to 1
	Warm       bool          // only see to it that a fresh result will be there: in the background, nothing is printed
	CachedOnly bool          // never run
	NoWait     bool          // answer at once, with what Stale admits or ErrNothingYet, and renew it in the background
	NoCache    bool          // run, touch nothing, share with nobody
	OnlyIf     []string      // NAME=VALUE of the environment: unless all hold nothing is cached, see onlyif.go
	Trouble    error         // why nobody knows what the result depends on: NoCache, with a warning
	ReadOnly   bool          // use entries, also those of tiers, and store none
	PurgeTags  []string      // run, store nothing, and purge these tags if the command succeeds
	Wait       time.Duration // how long to wait for another run of the recipe; then this one runs beside it
	Follow     bool          // print what another run writes while waiting for it
	Replay     Replay        // what is printed of a result that was not made now
	StripANSI  StripANSI     // what is left out of what a pseudo-terminal got, of results that are made now, too
	FeedStdin  bool          // read stdin whole, put it in the key, feed it to the command
	FileTimes  outputs.Times // which times files of a stored result get
	CleanFiles bool          // a hit removes what outputs cover and the result has not
	Network    bool          // what an observed run gets over the network does not keep its result from being stored
	Vary       []string      // shell texts whose output belongs to the key
	Explain    bool          // the caller wants Outcome.Detail; finding it may read earlier entries

	MinCost    time.Duration // a result of a run that took less is not stored
	MaxEntry   int64         // bytes of output; a result with more is not stored; 0: no limit
	MaxEntries int           // of this scope and namespace; those used longest ago go; 0: no limit

	Tiers         []fleet.Tier // the same cache on other machines, in their order
	TiersRequired bool         // fail, and do not run, when one of them cannot be asked
	Held          string       // what the environment says that ancestors hold
	Running       string       // what it says that they run
	Making        string       // names what makes files of which this run is a part
	Encloser      string       // the control file of the run that this one is part of; empty: none
	Configuration []string     // where the settings of this request were looked for; only an Encloser learns of it
	Self          Self         // how to start this program again; see there
	Refresher     *Refresher   // this is such a process
	FreshOnly     bool         // this run is part of a refresh, to which nothing stale is served

	// Restarted is called when a run that was followed at a terminal has no result, before a new one is printed.
	// midLine says that the last line of what was printed has not ended. nil: such a thing is a *MixedError.
	Restarted func(midLine bool)

	// Waiting is called once when waiting for another run takes long; nil: never.
	Waiting func(Wait)

	// Replaying is called before a stored result is printed, and done afterwards; nil: never.
	Replaying func() (done func())

	KeepMasks bool // lines that mask words in a log are printed also of a stream that Replay leaves out

	Touched string // a file to which the name of the entry is added that was used or made; empty: none

	CopyUpTo int64 // asks for Outcome.Copy, of at most so many bytes of output

	// Conditions asks for Outcome.Conditions: of a result with files if these are at most so many, and hold at most so
	// many bytes in all.
	Conditions    bool
	MostFiles     int
	MostFileBytes int64

	Stdin          *os.File  // nil: the null device
	Stdout, Stderr io.Writer // an *os.File is written to as it is, two that are one in order; nil: nobody

	Part *Part // this request is answered together with others; nil: it is not

	environ []string // what of the environment conditions see; the command may see less

	// OwnsProcess says that this process is there for this run alone. Then it ends as the command would have: of a
	// signal, which the command gets while it runs, and of a pipe that nobody reads. Otherwise signals are the
	// caller's, and such a pipe is a *DeliveryError.
	OwnsProcess bool
}

// Outcome is what happened.
type Outcome struct {
	Served     stats.Served
	Reason     stats.Reason  // why it was not a hit; empty for a hit
	Detail     string        // the reason in a person's words: "file go.sum changed"
	Key        hashing.Key   // zero where no recipe could be made
	Code       int           // the command's exit code
	Signal     int           // the signal it died of, or 0
	Age        time.Duration // how old the replayed result is
	Took       time.Duration // how long the command ran, now or when it was recorded
	Saved      time.Duration // how much of that was saved for this caller
	Bytes      int64         // of output
	Stored     bool
	NotStored  string      // why a finished run was not stored
	Unknown    []string    // lines of the command's control file that mean nothing
	Refreshed  bool        // a refresh was started in the background
	Warning    error       // what went wrong with the cache; the command's result stands
	Conditions *Conditions // what a hit rests on; nil: none, not asked for, or more than that can tell
	Copy       *Copy       // to be given again by the caller; nil: not asked for, or nothing that may be
	Doubt      error       // nothing went wrong, but what the key leaves out may make a later hit a wrong one
	KeptStdin  bool        // the command got the caller's stdin as it is
	Cut        bool        // somebody interrupted the run
	Another    bool        // it was made by Request.Verify, and the stored result was another

	compared stats.Compared // with the last result
}

// NotCachedError is what Do returns under CachedOnly when there is nothing to replay.
type NotCachedError struct {
	Reason stats.Reason
	Detail string
}

func (e *NotCachedError) Error() string {
	return "no result to replay: " + explainMiss(e.Reason, e.Detail)
}

// TierError is what Do returns under TiersRequired when a tier cannot be asked.
type TierError struct{ Err error }

func (e *TierError) Error() string { return e.Err.Error() }

func (e *TierError) Unwrap() error { return e.Err }

// DeliveryError says that the result could not be handed to the caller's stdout or stderr.
type DeliveryError struct{ Err error }

func (e *DeliveryError) Error() string { return fmt.Sprintf("deliver the output: %v", e.Err) }
func (e *DeliveryError) Unwrap() error { return e.Err }

// setDefaults gives fields that nobody has set the meaning that their comments give them.
func (q *Request) setDefaults() {
	if q.CacheExit == nil {
		q.CacheExit = func(code int) bool { return code == 0 }
	}
	if !q.OwnsProcess && q.Spec.Dir == "" {
		q.Spec.Dir, _ = os.Getwd() // without one, capturing says so
	}
	if !q.OwnsProcess && q.Spec.Environ == nil {
		q.Spec.Environ = os.Environ()
	}
	q.environ, q.Spec.Environ = q.Spec.Environ, hashing.VisibleEnviron(q.Spec)
	if q.Refresher != nil && q.NoWait {
		q.NoWait, q.Refresher.Asks = false, len(q.Tiers) > 0 && q.Early == 0
	}
	if q.Self.Path == "" && !q.CachedOnly && !q.NoWait {
		q.Stale, q.Early = 0, 0
	}
}
