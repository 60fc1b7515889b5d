package lock

import (
	"slices"
	"strings"
)

// tell writes into a lock file what its present holder is asked. What fails is not heard: who asks sees that by what
// the holder leaves.
func tell(path string, ask []string) {
	if len(ask) == 0 {
		return
	}
	f, err := openIfThere(path, appendOnly)
	if f == nil || err != nil {
		return
	}
	defer f.Close()
	c, err := readContent(f, maxRecord)
	if err != nil || c.cut || checkOurs(f) != nil || links(f) > 1 {
		return
	}
	var lines strings.Builder
	for _, text := range ask {
		if !slices.Contains(c.asked, text) { // a herd asks the same
			lines.WriteString(askLine(c.Nonce, text))
		}
	}
	if lines.Len() > 0 {
		f.WriteString(lines.String())
	}
}

// Asked lists what those who wait have asked of this holder so far.
func (l *Lock) Asked() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	c, _ := readContent(l.file, maxRecord)
	return c.asked
}
