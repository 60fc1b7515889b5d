package hashing

import (
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/probe"
)

const (
	logSuffix = "-wal"                // SQLite keeps the write-ahead log beside the database
	sqliteTag = "SQLite format 3\x00" // begins every database: https://www.sqlite.org/fileformat.html
	pageUnit  = 512                   // bytes; the pages of a database are a multiple of it, and so is the file
)

// Unlogged finds a SQLite database among the files of which the recipe holds only a part: its write-ahead log exists
// and is not one of them. As long as somebody has the database open, a commit may change the log alone, and a result
// would be replayed that is older. Only files that names gives exactly are looked at, and those that words name: who
// writes a directory or a glob has said what belongs together.
//
// It costs one look beside each file that has the size of a database, and reads the first 16 bytes of it only if there
// is a log. What cannot be read is taken for no database. Each log that is looked for is noted in seen, which may be
// nil.
func (r Recipe) Unlogged(names []string, seen *probe.Trail) (database, log string, found bool) {
	exact := map[string]bool{}
	for _, name := range names {
		exact[tidy(name)] = true
	}
	for i := range r.files {
		e := &r.files[i]
		if !e.kind.regular() || !mayBeDatabase(e.id.Size) || !exact[e.name] {
			continue
		}
		if log := r.logBeside(e, seen); log != "" {
			return Show(e.name), Show(log), true
		}
	}
	for i := range r.args {
		a := &r.args[i]
		if a.State == "" || !mayBeDatabase(a.Size()) || a.IsHidden() {
			continue
		}
		if log := r.logBeside(&entry{name: a.Name, link: true}, seen); log != "" {
			return Show(a.Name), Show(log), true
		}
	}
	return "", "", false
}

// mayBeDatabase reports whether a file of a size in bytes may be one of SQLite.
func mayBeDatabase(size int64) bool { return size > 0 && size%pageUnit == 0 }

// logBeside names the write-ahead log of a file if it is one of a database, and not among the files. SQLite looks for
// it beside what a link leads to.
func (r Recipe) logBeside(e *entry, seen *probe.Trail) string {
	path, log := absolute(e.name, r.dir), e.name+logSuffix
	if e.link {
		target, err := filepath.EvalSymlinks(path)
		if err != nil {
			return ""
		}
		path, log = target, target+logSuffix
	}
	at, err := lookAt(path+logSuffix, true)
	seen.Note(path+logSuffix, probe.Name, err == nil)
	covered := func(o entry) bool {
		return o.name == log || o.id.Dev == at.id.Dev && o.id.Ino == at.id.Ino
	}
	if err != nil || slices.ContainsFunc(r.files, covered) || !isDatabase(path) {
		return ""
	}
	return log
}

// openedLog says whether nothing but the change time of a write-ahead log is another. SQLite sets its owner whenever
// root opens a database, also to read it. Elsewhere a file may have been changed, changed back and given its old time;
// but a log never returns to a state that it had: a commit makes it longer, and a log that starts anew has another
// salt.
func (r Recipe) openedLog(a, b *entry) bool {
	name, isLog := strings.CutSuffix(a.name, logSuffix)
	moved := a.id
	moved.Ctime = b.id.Ctime
	return isLog && moved == b.id && isDatabase(absolute(name, r.dir))
}

func isDatabase(path string) bool {
	f, err := openContent(path, true)
	if err != nil {
		return false
	}
	defer f.Close()
	start := make([]byte, len(sqliteTag))
	_, err = io.ReadFull(f, start)
	return err == nil && string(start) == sqliteTag
}
