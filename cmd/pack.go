package cmd

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachex-cli/cachex/cachedir"
	"github.com/cachex-cli/cachex/cmd/call"
	"github.com/cachex-cli/cachex/hashing"
	"github.com/cachex-cli/cachex/pack"
	"github.com/cachex-cli/cachex/runner"
)

func newPackCommand(app *App) *cobra.Command {
	c := &cobra.Command{
		Use:   "pack",
		Short: "write entries into an archive that another machine unpacks",
		Long: `Pack writes the entries that are selected, or all, into one archive: each with its output and with what
its command was seen or said to depend on. Of several selectors, entries go that all of them name. Those that save most
seconds for a byte come first, and with --max-size those that have no room are left out.

A cache that travels with CI should hold what its jobs use, and nothing else: set CACHEX_TOUCHED to an absolute file
name for all runs of a job, and each that replays, stores or shares a result adds a line to that file; --touched FILE
packs what these lines name. So what nobody uses any more is not carried on.

Private results, those that depend on a file of this machine, and what was purged are left out. What sign and encrypt
say of servers holds for archives, too (cachex help keygen). Two archives of the same entries are the same bytes,
unless they are encrypted.` + exitCodes(
			"0    packed; also when there was nothing to pack", "125  bad flag or file, or no usable cache directory"),
		Example: `  CACHEX_TOUCHED=$PWD/used make test; cachex pack --touched used -o cache.pack
  cachex pack --tag lint --max-size 100MiB | ssh builder cachex unpack`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return packEntries(app, c) },
	}
	c.Flags().SortFlags = false
	c.Flags().String("touched", "", "entries that runs named in this `FILE`, because CACHEX_TOUCHED said so")
	c.Flags().String("tag", "", "entries with this `TAG`")
	c.Flags().String("command", "", "entries whose command line matches this `GLOB`")
	c.Flags().String("namespace", "", "entries in this namespace, as in `a/b`, and below")
	c.Flags().String("max-size", "", "at most `SIZE` of archive, as in 100MiB")
	c.Flags().StringP("to", "o", "-", "write to this `FILE`; - is stdout")
	return c
}

func newUnpackCommand(app *App) *cobra.Command {
	return &cobra.Command{
		Use:   "unpack [FILE|-]",
		Short: "take the entries of an archive into the cache",
		Long: `Unpack reads an archive that cachex pack wrote, from FILE or stdin, and stores its entries. Each is
checked like one that comes from a server: checksums, and, where require-signature or encrypt is set, signature and encryption.
Damage costs the entries that it hits. What is here and as new is kept. Nothing is written but entries of the cache,
and memory does not depend on what the archive says.

Purges of tags hold: in the cache that the archive was made from, for what is older than they are; in another one a tag
that was ever purged there keeps its entries out.` + exitCodes(
			"0    all entries were taken, or what is here is as new",
			"1    some were refused: a line on stderr for each",
			"125  no archive, or no usable cache directory"),
		Example: "  cachex unpack cache.pack\n  ssh builder cachex pack --tag lint | cachex unpack",
		Args: func(c *cobra.Command, args []string) error {
			return noArguments(c, args[min(len(args), 1):])
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error { return unpackEntries(app, c, args) },
	}
}

// packed is an entry that is to be packed.
type packed struct {
	key   hashing.Key
	slot  cachedir.Slot
	worth float64 // seconds that a hit saves, for a byte
}

func packEntries(a *App, c *cobra.Command) error {
	most := int64(math.MaxInt64)
	if text, _ := c.Flags().GetString("max-size"); c.Flags().Changed("max-size") {
		var err error
		if most, err = ParseSize("--max-size", text); err != nil {
			return err
		}
	}
	dir, s, err := a.openLooking(c)
	if errors.Is(err, cachedir.ErrAbsent) {
		dir, err = nil, nil
	}
	if err != nil {
		return err
	}
	sealer, err := sealerOf(s)
	if err != nil {
		return err
	}
	chosen, gone, err := choosePacked(c, dir, s)
	if err != nil {
		return err
	}
	output, _ := c.Flags().GetString("to")
	return writeTo(&a.Process, output, func(dst io.Writer) error {
		w, err := pack.NewWriter(dst, sealer, runner.UnnamedFile, most)
		if errors.Is(err, pack.ErrFull) {
			return &BadValue{
				Name: "--max-size", Value: strconv.FormatInt(most, 10), Why: "no archive is so small", Hint: hintSize,
			}
		}
		if err != nil {
			return err
		}
		n, left, err := addAll(w, dir, chosen)
		if err == nil {
			tellPacked(&a.Process, n, left, gone, w.Written())
		}
		return err
	})
}

// choosePacked selects what is packed, the most worth first, and counts what was named and is gone.
func choosePacked(
	c *cobra.Command, dir *cachedir.Dir, s Settings,
) (chosen []packed, gone int, err error) {
	names := slices.DeleteFunc([]string{"tag", "command", "namespace"}, func(name string) bool {
		return !c.Flags().Changed(name)
	})
	sel, err := selectByAll(c, dir, s, names)
	if err != nil {
		return nil, 0, err
	}
	visit := func(i cachedir.EntryInfo) error {
		if packable(dir, i) && (sel.match == nil || sel.match(i)) {
			saved := max(i.Ended.Sub(i.Started), cachedir.LeastSaved).Seconds()
			chosen = append(chosen, packed{i.Key, i.Slot, saved / float64(i.Stored)})
		}
		return nil
	}
	switch file, _ := c.Flags().GetString("touched"); {
	case c.Flags().Changed("touched"):
		gone, err = eachTouched(file, dir, visit)
	case dir != nil:
		err = dir.Walk(visit)
	}
	slices.SortFunc(chosen, func(x, y packed) int {
		return cmp.Or(cmp.Compare(y.worth, x.worth), slices.Compare(x.key[:], y.key[:]), cmp.Compare(x.slot, y.slot))
	})
	return chosen, gone, err
}

// packable reports whether an entry is a result that others may have, and that was not purged.
func packable(dir *cachedir.Dir, i cachedir.EntryInfo) bool {
	if i.Err != nil || i.Pending || i.Learned != nil || i.Private {
		return false
	}
	soft, err := dir.CheckTags(i.Meta)
	return err == nil && !soft // of a soft purge another cache would know nothing
}

// eachTouched visits the entries that runs have named in a file, each once.
func eachTouched(file string, dir *cachedir.Dir, visit func(cachedir.EntryInfo) error) (gone int, err error) {
	names, err := readTouched(file)
	if err != nil {
		return 0, err
	}
	for name := range names {
		if dir == nil {
			gone++
			continue
		}
		e, err := dir.Load(name.key, name.slot)
		if err != nil {
			gone++
			continue
		}
		err = visit(cachedir.EntryInfo{Meta: e.Meta, Slot: e.Slot, Stored: e.Stored, Entry: e})
		e.Close()
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

// readTouched reads the lines that runs have added to a file: an entry each.
func readTouched(file string) (names map[packed]bool, err error) {
	bad := func(why string) error {
		return &BadValue{
			Name: "--touched", Value: file, Why: why, Hint: "name the file that CACHEX_TOUCHED named while the job ran",
		}
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, bad(reason(err))
	}
	defer f.Close()
	names = map[packed]bool{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		text, failed := strings.CutSuffix(lines.Text(), cachedir.Failed.Suffix())
		key, err := hashing.ParseKey(text)
		if err != nil {
			return nil, bad(fmt.Sprintf("line %d names no entry", n))
		}
		slot := cachedir.Good
		if failed {
			slot = cachedir.Failed
		}
		names[packed{key: key, slot: slot}] = true
	}
	if err := lines.Err(); err != nil {
		return nil, bad(reason(err))
	}
	return names, nil
}

// addAll writes entries to an archive, and counts those that had no room.
func addAll(w *pack.Writer, dir *cachedir.Dir, chosen []packed) (n, left int, err error) {
	for _, p := range chosen {
		switch err := addOne(w, dir, p); {
		case err == nil:
			n++
		case errors.Is(err, pack.ErrFull):
			left++
		case errors.Is(err, errLeftOut):
		default:
			return n, left, err
		}
	}
	return n, left, nil
}

var errLeftOut = errors.New("it is not for others, or cannot be found any more")

// addOne writes an entry, with the one that leads to it if its recipe was extended by what its command depends on.
func addOne(w *pack.Writer, dir *cachedir.Dir, p packed) error {
	e, err := dir.Load(p.key, p.slot)
	if err != nil {
		return errLeftOut
	}
	defer e.Close()
	var way *cachedir.Entry
	if base, extended := hashing.BaseKey(e.Recipe); extended {
		if way, err = dir.Load(base, cachedir.Good); err != nil {
			return errLeftOut
		}
		defer way.Close()
	}
	err = w.Add(e, way)
	var damaged *cachedir.Miss
	if errors.Is(err, cachedir.ErrPrivate) || errors.Is(err, cachedir.ErrLocal) || errors.As(err, &damaged) {
		return errLeftOut
	}
	return err
}

func tellPacked(p *call.Process, n, left, gone int, size int64) {
	text := "packed " + entries(n) + ", " + roundSize(size)
	if left > 0 {
		text += fmt.Sprintf("; no room for %d more", left)
	}
	if gone > 0 {
		text += fmt.Sprintf("; %d of those touched are not in the cache any more", gone)
	}
	p.Warn(text)
}

// writeTo writes an archive; - is stdout.
func writeTo(p *call.Process, name string, write func(io.Writer) error) error {
	if name == "-" {
		if runner.IsTerminal(p.Stdout) {
			return &usageError{Err: errors.New("an archive is nothing for a terminal"), Hint: "write -o FILE"}
		}
		return buffered(p.Stdout, write)
	}
	return writeWhole(name, 0, write)
}

// writeWhole writes a file so that it is whole or as it was. It is for those whom open lets; 0: for its owner alone.
func writeWhole(name string, open fs.FileMode, write func(io.Writer) error) error {
	if fi, err := os.Stat(name); err == nil && !fi.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return unwritable(name, err)
		}
		return errors.Join(ofFile(f, name, buffered(f, write)), f.Close())
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // the link stays
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".cachex-*")
	if err != nil {
		return unwritable(name, err)
	}
	err = ofFile(f, name, buffered(f, write))
	if open != 0 {
		err = errors.Join(err, f.Chmod(open))
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		if err = os.Rename(f.Name(), name); err != nil {
			err = unwritable(name, err)
		}
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// ofFile tells faults of the file from those of what is written to it.
func ofFile(f *os.File, name string, err error) error {
	var fault *fs.PathError
	if errors.As(err, &fault) && fault.Path == f.Name() {
		return unwritable(name, err)
	}
	return err
}

// unwritable names the file that was asked for, whatever was made on the way to it.
func unwritable(name string, err error) error {
	return &usageError{
		Err:  fmt.Errorf("%s: cannot be written: %w", name, rootCause(err)),
		Hint: "name a file in a directory that is there, has room, and that you may write to",
	}
}

func buffered(dst io.Writer, write func(io.Writer) error) error {
	b := bufio.NewWriterSize(dst, 256<<10)
	if err := write(b); err != nil {
		return err
	}
	return b.Flush()
}

func unpackEntries(a *App, c *cobra.Command, args []string) error {
	s, warnings, err := a.settingsFor(c, []string{})
	if err != nil {
		return err
	}
	a.warnAll(warnings)
	src, err := readFrom(&a.Process, args)
	if err != nil {
		return err
	}
	defer src.Close()
	sealer, err := sealerOf(s)
	if err != nil {
		return err
	}
	dir, err := a.openStore(s, false)
	if err != nil {
		return err
	}
	n, err := pack.Unpack(src, dir, sealer, func(err error) { a.Warn("refused: " + err.Error()) })
	switch {
	case errors.Is(err, pack.ErrNoArchive), errors.Is(err, pack.ErrNewer):
		return &usageError{
			Err: fmt.Errorf("%s: %w", hashing.Show(src.Name()), err), Hint: "name a file that cachex pack wrote",
		}
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(a.Stdout, "unpacked %s, %d known, %d refused\n", entries(n.Taken), n.Known, n.Refused)
	if err == nil && n.Refused > 0 {
		err = call.ExitStatus(1)
	}
	return err
}

// readFrom opens what the words of a command name; nothing and - are stdin.
func readFrom(p *call.Process, args []string) (*os.File, error) {
	if len(args) > 0 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return nil, &BadValue{
				Name: "FILE", Value: args[0], Why: reason(err), Hint: "name a file that cachex pack wrote",
			}
		}
		return f, nil
	}
	if runner.IsTerminal(p.Stdin) {
		return nil, &usageError{Err: errors.New("nobody types an archive"), Hint: "write cachex unpack FILE"}
	}
	return p.Stdin, nil
}
