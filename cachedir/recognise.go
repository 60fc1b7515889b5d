package cachedir

import (
	"slices"
	"strings"

	"github.com/cachex-cli/cachex/cachedir/tree"
)

// A power cut may take both marks: they are synced when they are written, but not every disk does what it says. So a
// directory without them is ours all the same if nothing is in it but what cachex makes, by name and place, and if it
// is this user's and private, as cachex makes it: then nobody else put those names there.

// onlyOurs looks at every name in the directory, which is done once: the marks are written again.
func (d *marks) onlyOurs() bool {
	if !d.root.IsPrivate(".") {
		return false
	}
	marks := map[string]string{tagFile: tagText, readmeFile: readmeText}
	ours := false // an empty one is new
	err := d.root.List(".", func(name string) bool {
		text, isMark := marks[name]
		switch {
		case isMark:
			ours = d.holds(name, text) >= beginning
		case name == "v1":
			ours = d.onlyOursIn("v1")
		default:
			ours = name == "lost+found"
		}
		return ours
	})
	return err == nil && ours
}

// onlyOursIn looks at v1, or at a directory in it.
func (d *marks) onlyOursIn(dir string) bool {
	ours := d.root.IsPrivate(dir)
	if !ours {
		return false
	}
	err := d.root.List(dir, func(name string) bool {
		path := dir + "/" + name
		switch {
		case path == "v1/"+markFile:
			ours = d.holds(path, markText) >= beginning
		case isFolder(path):
			ours = d.onlyOursIn(path)
		default:
			ours = isMade(path)
		}
		return ours
	})
	return err == nil && ours
}

// fanned are those folders that have 256 folders by the first byte of a digest.
func fanned(folder string) bool {
	return slices.Contains([]string{"entries", "blobs", "commands", "manifests", "scopes"}, folder)
}

// isFolder tells the paths of folders that cachex makes.
func isFolder(path string) bool {
	parts := strings.Split(path, "/")
	switch len(parts) {
	case 2:
		return fanned(parts[1]) ||
			slices.Contains([]string{"locks", "pending", "journal", "tags", "stat", "memo"}, parts[1])
	case 3:
		return fanned(parts[1]) && len(parts[2]) == 2 && isHex(parts[2]) || path == "v1/tags/remote"
	}
	return false
}

// isMade tells the paths of files that cachex makes in its folders. What was moved aside may be anything.
func isMade(path string) bool {
	parts := strings.Split(path, "/")
	folder, name := strings.Join(parts[1:len(parts)-1], "/"), parts[len(parts)-1]
	digest := len(name) >= 64 && isHex(name[:64]) && isPlain(name[64:])
	switch folder {
	case "locks", "tags/remote":
		return digest
	case "pending":
		return digest || strings.HasPrefix(name, tree.TempPrefix) || strings.HasPrefix(name, tree.AsidePrefix)
	case "tags":
		return digest || name == "SEQ" || name == "lock"
	case "journal":
		return slices.Contains([]string{"current", "lock", "totals", "tiers", "tiers.old"}, name) || isHex(name)
	case "stat":
		return isPlain(name)
	case "memo": // of older programs
		return name == "table"
	}
	fan := parts[len(parts)-2]
	return digest && len(parts) == 4 && strings.HasPrefix(name, fan)
}

func isHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// isPlain tells names of small letters, digits, dots and hyphens.
func isPlain(s string) bool { return strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz.-") == "" }
