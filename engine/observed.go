package engine

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cachedir/stats"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/hashing/tools"
	"github.com/cachex-cli/cachex/trace"
)

// An observed run shows itself what it depends on. The slot of its first recipe holds a redirect to at most eight
// recipes that it turned out to have: each is the first one and what was seen of that run. Whoever looks for a result
// holds these against the present, the newest first; that all is as it was in one of them makes a hit. What cannot be
// seen is a doubt, and then nothing is stored (P17).

// comparedSets is what a comparison with sets has shown.
type comparedSets struct {
	first      hashing.Key // of the recipe without sets
	sets       []hashing.Key
	found      *hashing.Recipe // nil: none
	difference string

	justNow bool // it was made just now, and stands
}

// findSet looks for a recipe among those that earlier runs turned out to have of which all inputs are as they were, and
// makes it that of this run. If there is none, it says what is different from the newest. What was found just now is
// not looked for again.
func (in *inputs) findSet(sets []hashing.Key) (difference string, found bool) {
	last := &in.compared
	if !last.justNow || last.first != in.firstRecipe.Key || !slices.Equal(last.sets, sets) {
		difference, found = in.compareSets(sets)
		*last = comparedSets{first: in.firstRecipe.Key, sets: sets, difference: difference}
		if found {
			recipe := in.recipe
			last.found = &recipe
		}
		return difference, found
	}
	if last.found != nil {
		in.recipe = *last.found
	}
	return last.difference, last.found != nil
}

// compareSets holds the sets against the present.
func (in *inputs) compareSets(sets []hashing.Key) (difference string, found bool) {
	in.closeSet()
	for _, set := range sets {
		e := anyOf(in.dir, set)
		if e == nil {
			continue // evicted
		}
		if len(e.Recipe) > manyBytes {
			in.caller.collectRarely()
		}
		what := in.isAsSeen(set, e.Recipe)
		if what == "" {
			in.set = e
			return "", true
		}
		e.Close()
		difference = cmp.Or(difference, what)
	}
	return difference, false
}

// takeSet returns the entry that findSet has read, if it is that of the recipe in a slot. It is large, and read once.
func (in *inputs) takeSet(slot cachedir.Slot) *cachedir.Entry {
	e := in.set
	if e == nil || e.Key != in.recipe.Key || e.Slot != slot {
		return nil
	}
	in.set = nil
	return e
}

func (in *inputs) closeSet() {
	if in.set != nil {
		in.set.Close()
		in.set = nil
	}
}

// isAsSeen makes a recipe that an earlier run turned out to have that of this run, if all inputs are as they were, and
// says else what is different.
func (in *inputs) isAsSeen(set hashing.Key, text []byte) (difference string) {
	recipe, ok := in.firstRecipe.WithObserved(text)
	if !ok || recipe.Key != set {
		return "a set of inputs is that of another command"
	}
	difference, err := hashing.Unchanged(recipe, in.firstRecipe, in.caller.Spec, in.dir.Digests())
	if err != nil {
		return err.Error()
	}
	if difference == "" {
		in.recipe = recipe
	}
	return difference
}

// notAsSeen is why no earlier result of an observed run is one of the present inputs.
func notAsSeen(difference string) verdict {
	if difference == "" {
		return verdict{stats.Evicted, ""}
	}
	return verdict{stats.Changed, difference}
}

// observed makes the entry one of the recipe that the run has turned out to have, after all that it was seen to use.
func (in *inputs) observed(rep *observation, m cachedir.Meta, d directives, store func() refusal) refusal {
	if rep.obstacle != "" {
		return refusal{rep.obstacle, true}
	}
	sights, doubt := rep.sights(in)
	if doubt == "" {
		sights, doubt = withNamed(sights, d, in.caller.Spec.Dir)
	}
	if doubt != "" {
		return refusal{doubt, true}
	}
	in.doubtVariables(rep)
	return in.dependOn(hashing.Sights{
		Paths: sights, Tools: rep.plainTools(in.caller.Spec, d),
		ShellVariables: rep.shellVariables(in.caller.Spec.Argv), Since: rep.since, Busy: rep.busyDirectories(),
		First: rep.first, Earlier: rep.usedEarlier,
	}, m, store)
}

// dependOn makes the entry one of the recipe that a run has turned out to have. The entry is stored before anybody is
// led to it.
func (in *inputs) dependOn(used hashing.Sights, m cachedir.Meta, store func() refusal) refusal {
	recipe, err := hashing.Observed(in.firstRecipe, in.caller.Spec, used, in.dir.Digests())
	if err != nil {
		return refusal{err.Error(), true}
	}
	in.doubtLocal(recipe)
	in.learned, in.recipe = &hashing.Learned{Sets: []hashing.Key{recipe.Key}}, recipe
	if why := store(); why.text != "" {
		return why
	}
	if err := in.dir.AddSet(runOf(in.firstRecipe), m, recipe.Key); err != nil {
		in.remarks.warn(fmt.Errorf("not stored: %w", err))
		return refusal{err.Error(), true}
	}
	in.learnedMore = true
	return refusal{}
}

// plainTools lists the tools whose variables count, if nothing else of the environment can matter to the run; nil: all
// variables count.
func (o *observation) plainTools(spec hashing.Spec, d directives) []string {
	isScript := func(p trace.Program) bool { return p.Text != "" }
	if slices.ContainsFunc(o.report.Programs, isScript) || len(d.learned.Env) > 0 {
		return nil
	}
	tools, ok := hashing.PlainTools(spec, o.programs())
	if !ok {
		return nil
	}
	return tools
}

// doubtVariables notes, for who wants to know, that a variable is left out of the key which a program of the run is
// known to look at.
func (in *inputs) doubtVariables(rep *observation) {
	if !in.caller.Explain || in.remarks.doubt != nil {
		return
	}
	if names := in.firstRecipe.Forgotten(in.caller.Spec, rep.programs()); len(names) > 0 {
		const text = "a program of it looks at %[1]s, which is not in the key; add --env %[1]s"
		in.remarks.doubt = fmt.Errorf(text, names[0])
	}
}

// doubtLocal notes, for who wants to know, a file because of which a result stays on this machine.
func (in *inputs) doubtLocal(recipe hashing.Recipe) {
	path, local := hashing.Local(recipe.Text)
	if local && in.caller.Explain && in.remarks.doubt == nil {
		const text = "file %s is large and compared by its times, not by its content: the result is for this machine alone"
		in.remarks.doubt = fmt.Errorf(text, hashing.Show(path))
	}
}

// sights are what a run has used, and a doubt is why that is not all or cannot be compared later.
func (o *observation) sights(in *inputs) (sights []hashing.Sight, doubt string) {
	if o.report.Network && !o.network {
		return nil, "it uses the network: with --ttl D it is stored"
	}
	if len(o.report.Doubts) > 0 {
		return nil, doubtText(o.report.Doubts[0])
	}
	where, grown := whatDoesNotCount(in.caller.Spec, in.dir.Path()), map[string]string{}
	sights = make([]hashing.Sight, 0, len(o.report.Seen))
	for _, seen := range o.report.Seen {
		if where.leavesOut(seen.Path) {
			continue
		}
		s, counts, doubt := o.sightOf(seen) // what others did is seen when it is looked at
		if doubt != "" {
			return nil, doubt
		}
		if counts {
			sights = append(sights, s)
		}
		if o.usedEarlier[seen.Path] == nil { // of which it is known that it was not there
			noteGrown(grown, s, seen)
		}
	}
	return sights, o.listedAndGrown(grown)
}

// noteGrown notes of a directory what a run made there.
func noteGrown(grown map[string]string, s hashing.Sight, seen trace.Seen) {
	if s.Uses&(hashing.UseMade|hashing.UseOutput) != 0 && seen.Before == trace.Nothing {
		grown[filepath.Dir(s.Path)] = s.Path
	}
}

// busyDirectories are those in which the run itself makes and removes something, and those in which everybody does.
func (o *observation) busyDirectories() map[string]bool {
	busy := map[string]bool{}
	for _, seen := range o.report.Seen {
		if (seen.Use|seen.After)&trace.Written != 0 {
			busy[filepath.Dir(seen.Path)] = true
		}
	}
	for _, dir := range temporaryDirectories() {
		busy[dir] = true
	}
	return busy
}

// listedAndGrown says whether the run has listed a directory in which it made something that is there now: the next run
// would list that, too. So it is where it asked for attributes of the directory: only a time tells that these are the
// same, and it is another now. The directories are given, each with what is new there.
func (o *observation) listedAndGrown(grown map[string]string) (doubt string) {
	for _, seen := range o.report.Seen {
		made, ok := grown[seen.Path]
		if !ok {
			continue
		}
		const listed = trace.Listed | trace.Read
		switch what := hashing.Show(seen.Path) + " and made " + hashing.Show(made); {
		case (seen.Use|seen.After)&listed != 0:
			return "it listed " + what
		case seen.Use&trace.Xattr != 0:
			return "it asked for attributes of " + what
		}
	}
	return ""
}

func doubtText(d trace.Doubt) string {
	if d.Path == "" {
		return d.Reason
	}
	return d.Reason + ": " + hashing.Show(d.Path)
}

// sightOf is a path as a recipe has it; not counts: it was there neither before nor after the run.
func (o *observation) sightOf(seen trace.Seen) (s hashing.Sight, counts bool, doubt string) {
	if isOfKernel(seen.Path) {
		return s, false, "it reads what is only true now: " + hashing.Show(seen.Path)
	}
	if (seen.Use|seen.After)&trace.Written != 0 {
		if name, covered := o.outputs.of(seen.Path); covered {
			return o.output(seen, name)
		}
		return o.written(seen)
	}
	return hashing.Sight{Path: seen.Path, Uses: o.usesOf(seen)}, true, ""
}

func byOthers(seen trace.Seen) (doubt string) {
	if fate := seen.Fate(); fate != "" {
		return "others " + fate + " " + hashing.Show(seen.Path) + " while it ran"
	}
	return ""
}

// wasTemporary reports whether the run may have made what was at a path and is not there any more.
func wasTemporary(seen trace.Seen) bool {
	if (seen.Use|seen.After)&trace.Written == 0 || seen.Before != trace.Nothing {
		return false
	}
	_, err := os.Lstat(seen.Path)
	return err != nil
}

// first is what a path led to and what it was when it was used first.
func (o *observation) first(path string) (led, itself hashing.File) {
	all := o.report.Seen
	i, found := slices.BinarySearchFunc(all, path, func(s trace.Seen, path string) int {
		return strings.Compare(s.Path, path)
	})
	if !found || wasTemporary(all[i]) {
		return led, itself
	}
	return hashing.File(all[i].Led), hashing.File(all[i].Was)
}

func tellsOpenTimes(programs []trace.Program) bool {
	return slices.ContainsFunc(programs, func(p trace.Program) bool {
		return slices.Contains(openTimes, filepath.Base(p.Path))
	})
}

// usesOf says what of a path a later look compares.
func (o *observation) usesOf(seen trace.Seen) (uses hashing.Uses) {
	for _, use := range [...]struct {
		seen trace.Use
		uses hashing.Uses
	}{
		{trace.Read, hashing.UseContent},
		{trace.Searched, hashing.UseLibraries},
		{trace.Executed, hashing.UseContent | hashing.UseMode | hashing.UseProgram},
		{trace.Looked, hashing.UseMode},
		{trace.Times, hashing.UseTimes},
		{trace.Listed, hashing.UseNames},
		{trace.Link, hashing.UseLink},
		{trace.Xattr, hashing.UseChange | hashing.UseInode}, // of a file, of a directory
	} {
		if seen.Use&use.seen != 0 {
			uses |= use.uses
		}
	}
	if seen.Use&trace.Read != 0 && o.openTimes {
		uses |= hashing.UseTimes
	}
	if seen.Use&trace.Read != 0 && o.openModes {
		uses |= hashing.UseMode
	}
	switch {
	case uses&hashing.UseTimes == 0:
	case o.anyTimes:
		uses &^= hashing.UseTimes
	default:
		uses |= o.looks.uses[seen.Path]
	}
	if uses&hashing.UseInode != 0 && slices.Contains(temporaryDirectories(), seen.Path) {
		uses &^= hashing.UseInode // which others change all the time
	}
	if uses&hashing.UseMode != 0 && uses&hashing.UseTimes == 0 && isModule(seen.Path) {
		uses |= hashing.UseContent // what was compiled of it is taken, or not, by how it looks
	}
	return uses
}

// acted are uses on which a run may have acted before it wrote the same path.
const acted = trace.Read | trace.Searched | trace.Executed | trace.Listed | trace.Times | trace.Xattr |
	trace.Claimed | trace.Judged

// isUsed reports whether what a run did may depend on what was at a path before it wrote what is there now. A file can
// only come after a directory, or one after a file, if that was removed, which fails the next time.
func isUsed(seen trace.Seen, now os.FileInfo) bool {
	wasDir := seen.Mode&syscall.S_IFMT == syscall.S_IFDIR
	return seen.Use&acted != 0 || seen.Before == trace.Something && wasDir != now.IsDir()
}

// written is a path that the run has written, or opened for that. What it has made is an output, which is compared in
// the state in which it was left. What was there before, and was used, is an input that is no more.
func (o *observation) written(seen trace.Seen) (s hashing.Sight, counts bool, doubt string) {
	fi, err := os.Lstat(seen.Path)
	there, path := err == nil, hashing.Show(seen.Path)
	used := there && isUsed(seen, fi)
	switch {
	case !there && seen.Before != trace.Nothing:
		return s, false, "it removed " + path
	case !there && o.obstacleOf(seen.Path) != "":
		return hashing.Sight{Path: o.obstacleOf(seen.Path), Uses: hashing.UseMode}, true, ""
	case !there && !o.isTemporary(seen):
		return hashing.Sight{Path: seen.Path, Uses: o.usesOf(seen) | hashing.UseMode}, true, ""
	case !there:
		return s, false, ""
	case isSpecial(seen.Path): // what is written there goes to another program, or to a device
		return s, false, "it writes to " + path + ", which is neither a regular file nor a directory"
	case !hashing.ChangedSince(seen.Path, o.since): // the attempt failed, or changed nothing
		seen.Use |= seen.After
		return hashing.Sight{Path: seen.Path, Uses: o.usesOf(seen) | hashing.UseMode}, true, ""
	case used && seen.Before == trace.Nothing:
		return s, false, "it looked for " + path + " and then made it"
	case used:
		return s, false, "it used " + path + " and then changed it"
	}
	const made = hashing.UseMade | hashing.UseContent | hashing.UseMode | hashing.UseLink
	return hashing.Sight{Path: seen.Path, Uses: made}, true, ""
}

// obstacleOf is why a path could not be made: a directory above it that is missing, or is none. Where the run itself
// has made and removed it, it is no obstacle.
func (o *observation) obstacleOf(path string) (obstacle string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		fi, err := os.Stat(dir)
		switch {
		case err == nil && fi.IsDir(), dir == filepath.Dir(dir):
			return obstacle
		case o.hasWritten(dir):
			return ""
		}
		obstacle = dir
	}
}

// hasWritten reports whether the run has changed what is at a path.
func (o *observation) hasWritten(path string) bool {
	seen, found := o.seenAt(path)
	return found && (seen.Use|seen.After)&trace.Written != 0
}

// isTemporary reports whether a path that is there neither before nor after the run has a name that was made up, so
// that it is another the next time, or lies below such a one. Who makes up a name claims it without a look before.
func (o *observation) isTemporary(seen trace.Seen) bool {
	return slices.ContainsFunc(temporaryDirectories(), func(dir string) bool {
		rest, below := strings.CutPrefix(seen.Path, dir+"/")
		name, _, _ := strings.Cut(rest, "/")
		top, found := o.seenAt(dir + "/" + name)
		return below && found && top.Before == trace.Nothing && top.Use&^trace.Claimed == trace.Written
	})
}

// isSpecial reports whether a path leads to a FIFO, a socket or a device.
func isSpecial(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && !fi.Mode().IsRegular() && !fi.IsDir()
}

// withNamed adds what the command, or a run that is part of it, said that it depends on.
func withNamed(sights []hashing.Sight, d directives, dir string) (all []hashing.Sight, doubt string) {
	for _, name := range d.learned.Files {
		if !hashing.IsName(name) {
			return nil, "a nested run depends on " + hashing.Show(name)
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		sights = append(sights, hashing.Sight{Path: name, Uses: hashing.UseContent})
	}
	for _, name := range d.learned.Env {
		if hashing.IsGlob(name) || tools.Noise(name, "") {
			return nil, "a nested run depends on " + hashing.Show(name)
		}
	}
	return onePath(sights), ""
}

// onePath joins sights of the same path.
func onePath(sights []hashing.Sight) []hashing.Sight {
	slices.SortFunc(sights, func(a, b hashing.Sight) int { return strings.Compare(a.Path, b.Path) })
	joined := sights[:0]
	for _, s := range sights {
		if n := len(joined); n > 0 && joined[n-1].Path == s.Path {
			joined[n-1].Uses |= s.Uses
			continue
		}
		joined = append(joined, s)
	}
	return joined
}
