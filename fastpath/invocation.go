package fastpath

import "unsafe"

// Invocation is what one call of the program was started with.
type Invocation struct {
	Args    []string // with the program's own name
	Environ []string // as it was handed over: the first of two variables of a name counts
	Dir     string   // the working directory, as the kernel names it
	UID     int      // effective
	Exe     FileID   // of the program itself: another version may answer otherwise
	Open    bool     // the words of the command are left out of Args
}

// Flags is the same invocation without the words of the command, which stand behind the first --; false if there are
// none. The flags before it mean the same whatever stands behind.
func (i *Invocation) Flags() (Invocation, bool) {
	for n, a := range i.Args {
		if a == "--" {
			flags := *i
			flags.Args, flags.Open = i.Args[:n+1], true
			return flags, n+1 < len(i.Args) && i.Args[n+1] != ""
		}
	}
	return Invocation{}, false
}

// Address is the SHA-256 of all that an answer may depend on and that is not a file; false if the answer is not for the
// short way. Of the environment these are: what cachex reads, and where it looks for files. Variables of a key are held
// against the memo.
func (i *Invocation) Address() (sum [32]byte, ok bool) {
	if len(i.Args) < 3 || i.Args[1] != "run" || i.Dir == "" || i.Dir[0] != '/' {
		return sum, false
	}
	var d digest
	d.reset()
	d.word(uint64(i.UID))
	for _, v := range [...]uint64{i.Exe.Dev, i.Exe.Ino, uint64(i.Exe.Size), uint64(i.Exe.Mtime), uint64(i.Exe.Ctime)} {
		d.word(v)
	}
	d.byte(flag(i.Open))
	d.sized(i.Dir)
	d.word(uint64(len(i.Args)))
	for _, a := range i.Args[1:] {
		d.sized(a)
	}
	for _, kv := range i.Environ {
		name, _, _ := cut(kv, '=')
		switch {
		case isPerRun(name):
			return sum, false
		case isRead(name):
			d.sized(kv)
		}
	}
	return d.sum(), true
}

// isPerRun tells what is set for a single run, and what must not be hashed without a key.
func isPerRun(name string) bool {
	switch name {
	case "CACHEX_CONTROL", "CACHEX_HELD", "CACHEX_MAKING", "CACHEX_RUNNING", "CACHEX_FRESH", "CACHEX_RENEWAL",
		"CACHEX_SECRET", "CACHEX_TOUCHED":
		return true
	}
	return false
}

func isRead(name string) bool {
	switch name {
	case "PATH", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME":
		return true
	}
	return isOwn(name)
}

// CacheDir is where the ordinary path keeps its cache if neither a flag nor a file says otherwise; empty if that takes
// more than a look at the environment.
func CacheDir(environ []string) string {
	dir, below := cacheDir(environ)
	return dir + below
}

// cacheDir returns CacheDir in two parts, for to join them takes memory.
func cacheDir(environ []string) (dir, below string) {
	if dir, ok := lookup(environ, alias(cacheVariable)); ok {
		return absolute(dir, "")
	}
	if dir, _ := lookup(environ, alias(cachesVariable)); len(dir) > 0 {
		if dir, below = absolute(dir, alias(belowCaches)); dir != "" {
			return dir, below
		}
	}
	home, _ := lookup(environ, alias(homeVariable))
	return absolute(home, alias(belowHome))
}

// Texts that each hit needs. As constants they would be among all those of the program, on pages that nothing else here
// has need of.
var (
	cacheVariable  = []byte("CACHEX_CACHE_DIR")
	cachesVariable = []byte("XDG_CACHE_HOME")
	homeVariable   = []byte("HOME")
	belowCaches    = []byte("/cachex")
	belowHome      = []byte("/.cache/cachex")
)

// absolute returns a path if it is absolute and as short as it can be written; with what is below it.
func absolute(dir, below string) (string, string) {
	if len(dir) < 2 || dir[0] != '/' {
		return "", ""
	}
	for i := range len(dir) {
		if dir[i] == '/' && (i+1 == len(dir) || dir[i+1] == '/' || dir[i+1] == '.') {
			return "", ""
		}
	}
	return dir, below
}

// lookup returns the value of the first variable of this name.
func lookup(environ []string, name string) (string, bool) {
	for _, kv := range environ {
		if n := len(name); len(kv) > n && kv[n] == '=' && same(kv[:n], name) {
			return kv[n+1:], true
		}
	}
	return "", false
}

// HoldsEnviron reports whether of the variables that the globs name exactly those of the memo are set, to what they
// were. An environment that has one of them twice is left to the ordinary way.
func (m *Memo) HoldsEnviron(environ []string) bool {
	set := 0
	for _, kv := range environ {
		if name, _, _ := cut(kv, '='); Names(m.Globs, name) {
			set++
		}
	}
	if set != len(m.Env) {
		return false
	}
	for _, v := range m.Env {
		value, ok := lookup(environ, v.Name)
		if sum := sumText(value); !ok || !same(alias(sum[:]), alias(v.Sum[:])) {
			return false
		}
	}
	return true
}

// Names reports whether globs have one for a variable. A star is none for cachex's own.
func Names(globs []string, name string) bool {
	for _, glob := range globs {
		n := len(glob) - 1
		switch {
		case same(glob, name):
			return true
		case n >= 0 && glob[n] == '*' && len(name) >= n && same(name[:n], glob[:n]) && !isOwn(name):
			return true
		}
	}
	return false
}

// isOwn tells variables that are of cachex itself.
func isOwn(name string) bool { return len(name) >= 7 && name[:7] == "CACHEX_" }

// same compares two texts. The one of the runtime is on a page that a hit has no other need of.
func same(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func cut(s string, at byte) (before, after string, ok bool) {
	for i := range len(s) {
		if s[i] == at {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func (d *digest) sized(s string) {
	d.word(uint64(len(s)))
	d.text(s)
}

// alias is the text of bytes that nobody changes as long as the text is used.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
