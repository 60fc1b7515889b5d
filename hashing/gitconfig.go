package hashing

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// maxGitFile is the size of the largest file of Git that is read, in bytes.
const maxGitFile = 1 << 20

// originURL returns the URL of the remote origin of the Git repository at a root, as its own configuration has it.
// False if there is none, or more than one, or if other files may say another one.
func originURL(root string) (string, bool) {
	dir, common, err := gitDirs(root)
	if err != nil {
		return "", false
	}
	c := gitConfig{}
	if err := c.read(filepath.Join(common, "config")); err != nil {
		return "", false
	}
	if c.ofWorktree {
		if err := c.read(filepath.Join(dir, "config.worktree")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", false
		}
	}
	return c.url, c.url != "" && !c.elsewhere
}

// gitDirs returns where Git keeps what belongs to the working tree at a root, and what it shares with other working
// trees. In a linked working tree and in a submodule .git is a file that names the former.
func gitDirs(root string) (dir, common string, err error) {
	dir = filepath.Join(root, ".git")
	at, err := lookAt(dir, true)
	if err != nil {
		return "", "", err
	}
	if at.kind != kindDirectory {
		text, err := readGitFile(dir)
		if err != nil {
			return "", "", err
		}
		name, ok := strings.CutPrefix(text, "gitdir: ")
		if !ok {
			return "", "", errGitFile
		}
		dir = absolute(strings.TrimRight(name, "\r\n"), root)
	}
	text, err := readGitFile(filepath.Join(dir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return dir, dir, nil
	}
	return dir, absolute(strings.TrimRight(text, "\r\n"), dir), err
}

var errGitFile = errors.New("not a file of Git")

// readGitFile reads a small regular file.
func readGitFile(path string) (string, error) {
	f, err := openContent(path, true)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if at, err := lookAtOpen(f); err != nil || !at.kind.regular() {
		return "", errGitFile
	}
	text, err := io.ReadAll(io.LimitReader(f, maxGitFile+1))
	if err == nil && len(text) > maxGitFile {
		err = errGitFile
	}
	return string(text), err
}

// gitConfig is what configuration files of Git say of a repository's origin.
type gitConfig struct {
	url        string
	elsewhere  bool // other files, or several URLs, have a say in it
	ofWorktree bool // so has a file of the working tree's own
}

func (c *gitConfig) read(path string) error {
	text, err := readGitFile(path)
	if err != nil {
		return err
	}
	return parseGitConfig(text, c.take)
}

func (c *gitConfig) take(section, subsection, name, value string) {
	switch {
	case section == "include" || section == "includeif" || section == "url" && name == "insteadof":
		c.elsewhere = true
	case section == "extensions" && name == "worktreeconfig":
		c.ofWorktree = true // if it says false there is no such file
	case section == "remote" && subsection == "origin" && name == "url":
		c.elsewhere = c.elsewhere || c.url != "" && c.url != value
		c.url = value
	}
}

// parseGitConfig reads the text of a configuration file as git-config(1) describes it, and calls visit for each
// variable. Names of sections and variables come in lower case.
func parseGitConfig(text string, visit func(section, subsection, name, value string)) error {
	p := gitParser{rest: strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n") + "\n"}
	var section, subsection string
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n\v\f\r")
		switch {
		case p.rest == "":
			return nil
		case p.rest[0] == '#' || p.rest[0] == ';':
			_, p.rest, _ = strings.Cut(p.rest, "\n")
		case p.rest[0] == '[':
			section, subsection = p.header()
		default:
			name := p.name("")
			value := p.assigned()
			if name == "" || section == "" {
				p.failed = true
			}
			if !p.failed {
				visit(section, subsection, name, value)
			}
		}
		if p.failed {
			return errGitFile
		}
	}
}

// gitParser takes the text of a configuration file of Git apart from its beginning; failed says that something else was
// there.
type gitParser struct {
	rest   string
	failed bool
}

// next takes one byte.
func (p *gitParser) next() byte {
	if p.rest == "" {
		p.failed = true
		return '\n'
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

// name takes letters, digits, dashes and what else may be in it, and returns them in lower case.
func (p *gitParser) name(also string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	end := len(p.rest) - len(strings.TrimLeft(p.rest, plain+also))
	name := p.rest[:end]
	p.rest = p.rest[end:]
	return strings.ToLower(name)
}

// header takes [section], [section "subsection"] or the old [section.subsection].
func (p *gitParser) header() (section, subsection string) {
	p.next()
	section = p.name(".")
	if trimmed := strings.TrimLeft(p.rest, " \t"); trimmed != p.rest {
		p.rest = trimmed
		subsection = p.quoted()
	} else {
		section, subsection, _ = strings.Cut(section, ".")
	}
	if p.next() != ']' || section == "" {
		p.failed = true
	}
	return section, subsection
}

// quoted takes the name of a subsection, in which a backslash stands for what follows it.
func (p *gitParser) quoted() string {
	var name strings.Builder
	if p.next() != '"' {
		p.failed = true
	}
	for !p.failed {
		b := p.next()
		if b == '"' {
			break
		}
		if b == '\\' {
			b = p.next()
		}
		if b == '\n' {
			p.failed = true
		}
		name.WriteByte(b)
	}
	return name.String()
}

// assigned takes what stands behind the name of a variable, with the end of the line: nothing stands for true.
func (p *gitParser) assigned() string {
	p.rest = strings.TrimLeft(p.rest, " \t")
	switch p.next() {
	case '\n':
		return "true"
	case '=':
		return p.value()
	}
	p.failed = true
	return ""
}

// value takes a value to the end of its line, which a backslash continues. Space around it and a remark behind it are
// not part of it, unless they stand in quotes.
func (p *gitParser) value() string {
	var value []byte
	solid := 0 // so much of it is not space at its end
	quoted := false
	for !p.failed {
		b := p.next()
		switch {
		case b == '\n':
			p.failed = p.failed || quoted
			return string(value[:solid])
		case b == '"':
			quoted = !quoted
			continue
		case !quoted && (b == '#' || b == ';'):
			_, p.rest, _ = strings.Cut(p.rest, "\n")
			return string(value[:solid])
		case !quoted && strings.IndexByte(" \t\v\f\r", b) >= 0:
			if solid > 0 {
				value = append(value, b)
			}
			continue
		case b == '\\' && strings.HasPrefix(p.rest, "\n"):
			p.next()
			continue
		case b == '\\':
			b = p.escaped()
		}
		value = append(value, b)
		solid = len(value)
	}
	return ""
}

// escaped takes what a backslash stands before.
func (p *gitParser) escaped() byte {
	switch b := p.next(); b {
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'n':
		return '\n'
	case '\\', '"':
		return b
	}
	p.failed = true
	return 0
}
