// Package late holds what a run seldom needs and what takes long to be initialised: the parser of shells, and the pace
// of the collector. It imports neither; package late/all does, and hands them over as the program is initialised. And
// more than one processor, which a run takes when it has work for them.
//
// A remembered call is made while that goes on, by whatever is ready then. Most end without a text for a shell or many
// inputs. One that has need of these waits until they are there, so that it is answered as any other is.
package late

import "sync"

// Kind is what a Node is.
type Kind uint8

// Nodes of a shell text, of which the others say nothing here.
const (
	Call     Kind = iota // a simple command that has words
	Write                // a redirection to a file that is emptied for it
	Append               // one to the end of a file
	Argument             // a word, wherever it stands: of a command, of a redirection, within another word
)

// Node is a part of a shell text, in the order in which they begin; words come behind what they belong to.
type Node struct {
	Kind  Kind
	Words []*Word // of a Call, all; of others one
	Apart bool    // it stands within a redirection that empties no file
}

// Word is one word of a shell text. It is the same one wherever it is pointed to.
type Word struct {
	Text    string // what it means if it is literal, else as it is written
	Literal bool   // it means the same in each shell and directory
}

// Parser takes a shell text apart; zsh: in the language of that shell.
type Parser func(text string, zsh bool) ([]Node, error)

var (
	parser       Parser
	setGCPercent func(percent int) int

	provided = make(chan struct{}) // closed: the two above are there
	wanted   = make(chan struct{}) // closed: somebody waits for them
	want     = sync.OnceFunc(func() { close(wanted) })
	expected bool // by a call, which ends the process
)

// Provide is called once, as the program is initialised. If a call waits for it, that needs nothing more.
func Provide(p Parser, gc func(percent int) int) {
	parser, setGCPercent = p, gc
	close(provided)
	if expected {
		select {}
	}
}

// Expect says that a call is made before they are there, and will end the process. It comes before what else is said
// here, and from who initialises packages.
func Expect() { expected = true }

// Wanted is closed when that call waits for them.
func Wanted() <-chan struct{} { return wanted }

// Parse takes a shell text apart.
func Parse(text string, zsh bool) ([]Node, error) {
	need()
	return parser(text, zsh)
}

// SetGCPercent is that of package runtime/debug.
func SetGCPercent(percent int) {
	need()
	setGCPercent(percent)
}

func need() {
	select {
	case <-provided:
		return
	default:
	}
	if !expected {
		panic("late: nothing was provided: import late/all") // to wait would be for ever
	}
	want()
	<-provided
}
