//go:build !windows

package hashing

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is named, beside a database d, its log d-wal, and text t with a file t-wal; l is a link to sub/d, which has a
// log.
//
//	d                  the log is missing
//	d, d-wal           whole
//	d, *-wal           whole, by a glob
//	d, ./d-wal         whole, under another name of the log
//	., *, [d]          who writes that has said what belongs together
//	t                  no database
//	e, f, g            a database without a log; an empty file and a short one with one
//	l                  the log beside what the link leads to is missing
//	l, sub/d-wal       whole
func TestUnloggedDatabase(t *testing.T) {
	database := sqliteTag + strings.Repeat("x", 4096-len(sqliteTag))
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	for name, content := range map[string]string{
		"d": database, "d-wal": "", "sub/d": database, "sub/d-wal": "log", "e": database,
		"t": strings.Repeat("t", 4096), "t-wal": "log", "f": "", "f-wal": "log", "g": sqliteTag, "g-wal": "log",
	} {
		put(t, dir, name, content)
	}
	require.NoError(t, os.Symlink(filepath.Join("sub", "d"), filepath.Join(dir, "l")))
	cases := []struct {
		files         []string
		database, log string
	}{
		{[]string{"d"}, "d", "d-wal"},
		{[]string{"./d"}, "d", "d-wal"},
		{[]string{dir + "/d"}, dir + "/d", dir + "/d-wal"},
		{[]string{"d", "sub"}, "d", "d-wal"},
		{[]string{"d", "d-wal"}, "", ""},
		{[]string{"d", "*-wal"}, "", ""},
		{[]string{"d", dir + "/d-wal"}, "", ""},
		{[]string{"d", "."}, "", ""},
		{[]string{"."}, "", ""},
		{[]string{"*"}, "", ""},
		{[]string{"[d]"}, "", ""},
		{[]string{"t"}, "", ""},
		{[]string{"e", "f", "g", "absent"}, "", ""},
		{[]string{"l"}, "l", dir + "/sub/d-wal"},
		{[]string{"l", "sub/d-wal"}, "", ""},
	}
	for _, c := range cases {
		r := captured(t, Spec{Name: "n", Dir: dir, Files: c.files})
		database, log, found := r.Unlogged(c.files, nil)
		require.Equal(t, []string{c.database, c.log}, []string{database, log}, "%v", c.files)
		require.Equal(t, c.database != "", found, "%v", c.files)
	}
}

// What happens between two looks at d-wal or t-wal, and whether the run between them counts as one with unchanged
// inputs.
//
//	d-wal   owner set again, as SQLite does for root     same
//	d-wal   written with what it held                    not: a checkpoint and a new log may lie between
//	d-wal   longer                                       not
//	t-wal   owner set again                              not: t is no database, so who knows what became of it meanwhile
func TestOpenedLog(t *testing.T) {
	owner := func(path string) error { return os.Chown(path, -1, os.Getgid()) }
	write := func(path string) error { return os.WriteFile(path, []byte("log"), 0o644) }
	longer := func(path string) error { return os.WriteFile(path, []byte("log log"), 0o644) }
	cases := []struct {
		name string
		do   func(string) error
		same bool
	}{
		{"d", owner, true}, {"d", write, false}, {"d", longer, false}, {"t", owner, false},
	}
	for _, c := range cases {
		dir := t.TempDir()
		put(t, dir, "d", sqliteTag)
		put(t, dir, "t", "text")
		path := put(t, dir, c.name+logSuffix, "log")
		old := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(path, old, old))
		spec := Spec{Name: "n", Dir: dir, Files: []string{c.name, c.name + logSuffix}}
		first := captured(t, spec)
		again := first
		for again.files[1].id.Ctime == first.files[1].id.Ctime { // the clock of a filesystem may stand still for 10 ms
			require.NoError(t, c.do(path))
			again = captured(t, spec)
		}
		require.Equal(t, c.same, first.Same(again) == nil, "%s: %v", c.name, first.Same(again))
	}
}
