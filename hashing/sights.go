package hashing

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
)

// Sight is a path that a run was seen to use.
type Sight struct {
	Path string // absolute
	Uses Uses
}

// Sights are all that a run was seen to use.
type Sights struct {
	Paths          []Sight
	Tools          []string // as PlainTools lists them: whose variables count; nil: all do
	ShellVariables []string // those of ShellVariables that it may have asked for
	Variables      []string // with Spec.Depfile, those that alone count; Tools and ShellVariables are not used then
	Since          int64    // when it began, in nanoseconds since 1970 by FileTime; 0: not known, and not looked at

	Busy map[string]bool // directories in which names may have come and gone since then without harm

	// Earlier is what was at some paths when the run looked, where that is not what is there after it.
	Earlier map[string]*Earlier

	// First returns what a path led to and what it was itself when the run used it first so; nil: nobody knows.
	First func(path string) (led, itself File)
}

// File tells files apart. The zero File is not known.
type File struct {
	Device, Inode uint64 // 0 and 0: there is none
	Known         bool
	Changed       int64 // its time of change, if it has another one after each change; 0: that is not known
}

// fate says what has become of it by now; empty: it is still there, or still nothing is.
func (f File) fate(now look, err error) string {
	switch there := f != (File{Known: true}); {
	case !f.Known || !there && err != nil:
		return ""
	case !there:
		return "made"
	case err != nil:
		return "removed"
	case now.id.Dev != f.Device || now.id.Ino != f.Inode:
		return "replaced"
	}
	return ""
}

// isUnchanged reports whether it is as it was then.
func (f File) isUnchanged(now look) bool {
	return f.Changed != 0 && f.Changed == now.id.Ctime && f.Inode == now.id.Ino && f.Device == now.id.Dev
}

// Uses says what of a path a run made use of. It is a set. Whether anything is there is always part of it.
type Uses uint16

// The uses, each with its letter in a recipe.
const (
	UseContent   Uses = 1 << iota // c: what a file holds
	UseMode                       // m: permission bits, and the size of a file
	UseTimes                      // t: when it was modified
	UseNames                      // n: which names a directory has
	UseLink                       // l: if it is a link, that and where it leads
	UseChange                     // x: when a file's inode was changed, as for owner, links and extended attributes
	UseMade                       // w: the run has made it: its state is the one in which the run left it
	UseInode                      // d: when a directory's inode was changed, as by each new entry
	UseLibraries                  // r: where the loader's cache has libraries that were opened or looked for

	useAbove    // a: it is compared by where it lies above the repository
	useIdentity // i: a large file is compared by what the kernel says of it, and not by what it holds

	UseOutput // o: a hit puts it in place: the run has made it where nothing was, and did not ask for that

	UseProgram // no letter: it was executed, so what it holds is worth knowing, however large it is
)

const useLetters = "cmtnlxwdraio"

var seenFact = factKind{
	name: "seen", parse: parseSeen, order: ofFound, change: changedSeen,
	report: nothingToReport, // what it begins with has
}

// whole is what the sights of a run say together.
type whole struct {
	made         map[string][]string // the names that it has added to directories, by directory
	names, paths map[string]bool     // where the cache of libraries is among them: how they end, and all of each
}

func wholeOf(sights []Sight) *whole {
	all := &whole{made: map[string][]string{}}
	for _, s := range sights {
		if s.Uses&(UseMade|UseOutput) != 0 {
			dir := filepath.Dir(s.Path)
			all.made[dir] = append(all.made[dir], filepath.Base(s.Path))
		}
		if s.Uses&UseLibraries != 0 {
			all.names, all.paths = make(map[string]bool, len(sights)), make(map[string]bool, len(sights))
		}
	}
	if all.names != nil {
		for _, s := range sights {
			all.names[filepath.Base(s.Path)], all.paths[s.Path] = true, true
		}
	}
	return all
}

// line adds a fact: seen USES "path" STATE.
func (o *observer) line(text []byte, s Sight, all *whole) ([]byte, error) {
	if e := o.earlier[s.Path]; e != nil {
		return o.lineSeen(text, s, e.at, nil, all)
	}
	at, err := lookFor(s)
	if fate := o.fate(s, at, err); fate != "" {
		return nil, fmt.Errorf("others %s %s while it ran", fate, Show(s.Path))
	}
	if o.recording {
		s = o.identified(s, at, err)
	}
	return o.lineSeen(text, s, at, err, all)
}

// fate says what others have done to a path since the run has used it first. Times of a file do not tell that a
// directory on the way to it was renamed.
func (o *observer) fate(s Sight, at look, err error) string {
	if o.first == nil || s.Uses&(UseMade|UseOutput) != 0 {
		return ""
	}
	led, itself := o.first(s.Path)
	through, failed := at, err
	switch isItself := s.Uses&UseLink != 0; {
	case isItself && led.Known && err == nil && at.kind == kindLink:
		through, failed = lookAt(s.Path, true)
	case !isItself && itself.Known:
		at, err = lookAt(s.Path, false)
	}
	return cmp.Or(led.fate(through, failed), itself.fate(at, err))
}

// lineSeen adds it for what a look at the path has shown.
func (o *observer) lineSeen(text []byte, s Sight, at look, failed error, all *whole) ([]byte, error) {
	text = append(text, "seen "...)
	for i := range len(useLetters) {
		if s.Uses&(1<<i) != 0 {
			text = append(text, useLetters[i])
		}
	}
	name := o.name(s.Path)
	if s.Uses&useAbove != 0 {
		name = o.nameAbove(s.Path)
	}
	text = append(appendQuoted(append(text, "- "...), name), ' ')
	text, err := o.state(text, s, at, failed, all)
	if err != nil {
		return nil, &InputError{Path: s.Path, Err: err}
	}
	return append(text, '\n'), nil
}

// uses takes the letters off a line.
func (r *reader) uses() (u Uses) {
	for i := range len(useLetters) {
		if r.try(useLetters[i : i+1]) {
			u |= 1 << i
		}
	}
	r.expect("- ")
	return u
}

func parseSeen(r *reader, f *Fact) {
	start := r.rest
	r.uses()
	uses := start[:len(start)-len(r.rest)]
	f.Name = r.quoted()
	r.space()
	f.Value = uses + r.rest
	if r.try("link ") {
		r.quoted()
		r.space()
		r.times(true)
		if r.try("itself") {
			return
		}
	}
	for _, kind := range []string{"output", "absent", "below a file, absent", "unreachable", "loop"} {
		if r.try(kind) {
			return
		}
	}
	for _, k := range []kind{kindPlain, kindExec, kindDirectory, kindFIFO, kindSocket, kindDevice, kindUnknown} {
		if r.try(k.String()) {
			r.objectState()
			return
		}
	}
	r.failed = true
}

// objectState takes what stands behind a kind.
func (r *reader) objectState() {
	if r.try(" at ") {
		r.quoted()
	}
	if r.try(" mode ") {
		r.digits("01234567", 1, 6)
		if r.try(" owner ") {
			r.number()
		}
		if r.try(" group ") {
			r.number()
		}
	}
	if r.try(" size ") {
		r.number()
	}
	if r.try(" ") {
		r.rest = " " + r.rest
		r.times(false)
	}
	switch {
	case r.try(" names "):
		r.sum(plainSum)
	case r.try(" libraries "):
		r.sum(plainSum)
	case r.try(" identity "):
		r.sum(plainSum)
	case r.try(" unreadable"):
	case r.try(" "):
		r.sum(plainSum)
	}
}

// times takes times off a line, each with a space behind it, or before it.
func (r *reader) times(behind bool) {
	for _, name := range []string{"modified ", "changed "} {
		if !behind {
			name = " " + name
		}
		if r.try(name) {
			r.try("-")
			r.digits("0123456789", 1, 19)
			if behind {
				r.space()
			}
		}
	}
}

func changedSeen(_ *differ, s states) string {
	word := "file "
	oldUses, old, _ := strings.Cut(s.old, " ")
	recentUses, recent, _ := strings.Cut(s.recent, " ")
	if s.had != s.has || oldUses != recentUses {
		return ""
	}
	if strings.HasPrefix(old, "directory") && strings.HasPrefix(recent, "directory") {
		word = "directory "
	}
	was, is := !strings.HasSuffix(old, "absent"), !strings.HasSuffix(recent, "absent")
	switch {
	case !was && !is: // a file has come in the place of its directory, or the reverse
		return "the directory of " + Show(s.name) + " changed"
	case !was:
		return word + Show(s.name) + " appeared"
	case !is:
		return word + Show(s.name) + " vanished"
	case withoutTime("modified ", old) == withoutTime("modified ", recent):
		return "only times differ: " + Show(s.name) + ignoringHits
	case withoutTimes(old) == withoutTimes(recent):
		return word + Show(s.name) + " changed" + ignoringHits
	}
	return word + Show(s.name) + " changed"
}

const ignoringHits = "; --trace-times ignore would hit"

// withoutTimes is a state without what does not count under --trace-times ignore.
func withoutTimes(state string) string {
	return withoutTime("changed ", withoutTime("modified ", state))
}

// withoutTime is a state without the times behind a word.
func withoutTime(word, state string) string {
	before, rest, ok := strings.Cut(state, word)
	if !ok {
		return state
	}
	_, rest, _ = strings.Cut(rest, " ")
	return strings.TrimSuffix(before, " ") + " " + withoutTime(word, rest)
}
