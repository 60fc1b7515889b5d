package ansi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// through gives a filter all of a text at once.
func through(f *Filter, text string) string { return string(f.End(f.Append(nil, []byte(text)))) }

// What is left as text is what a terminal would show.
func TestText(t *testing.T) {
	for name, c := range map[string]struct{ written, left string }{
		"colours":               {"\x1b[01;31mred\x1b[0m \x1b[38;2;1;2;3mrgb\x1b[m", "red rgb"},
		"colons":                {"\x1b[4:3mcurly\x1b[m", "curly"},
		"cursor":                {"\x1b[2J\x1b[H\x1b[?25lx\x1b[?25h", "x"},
		"a link":                {"\x1b]8;;https://example.org/\x1b\\here\x1b]8;;\x07.", "here."},
		"a title":               {"\x1b]0;t\xc3\xa9\x07x", "x"},
		"strings":               {"\x1bPq#0\x1b\\a\x1b_G\x07\x1b\\b\x1b^x\x1b\\c\x1bXx\x1b\\d", "abcd"},
		"through tmux":          {"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\x", "x"},
		"letters":               {"\x1b7\x1b(Ba\x1b%Gb\x1b#8c\x1bcd", "abcd"},
		"character sets":        {"\x1b[m\x0fplain \x0eqqq\x0f", "plain qqq"},
		"UTF-8":                 {"\x1b[1m\u201cü\u201d\x1b[m \u26db", "\u201cü\u201d \u26db"},
		"eight bits":            {"\xc2\x9b31mx \x9b31my", "\xc2\x9b31mx \x9b31my"},
		"lines of a terminal":   {"a\r\nb\r\n", "a\nb\n"},
		"lines of DOS":          {"a\r\r\n", "a\r\n"},
		"a cleared line":        {"50%\r100%\x1b[K\r\n", "50%\r100%\n"},
		"erased behind":         {"x\r\x1b[K\n", "x\n"},
		"a CR at the end":       {"50%\r", "50%\r"},
		"backspaces":            {"a\ba\tb\a", "a\ba\tb\a"},
		"a control within":      {"\x1b[3\n1mx", "\nx"},
		"broken off":            {"\x1b[31\x18x\x1b]0;t\x1ay\x1b]0;t\x1b[1mz", "xyz"},
		"broken by another":     {"\x1b[3\x1b[1mx\x1b\x1b[1my", "xy"},
		"broken by a character": {"\x1b[3éx", "éx"},
		"without an end":        {"x\x1b[31", "x"},
		"a text without an end": {"x\x1b]0;" + strings.Repeat("t", 1<<16), "x"},
		"ESC at the end":        {"x\x1b", "x"},
		"questions":             {"\x1b[6n\x05x", "x"},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.left, through(Text(), c.written)) })
	}
}

// Only what a terminal would answer is a question; all else stays as it is, what is broken too.
func TestQuestions(t *testing.T) {
	for _, asks := range []string{
		"\x1b[6n", "\x1b[5n", "\x1b[?6n", "\x1b[?996n", "\x1b[c", "\x1b[0c", "\x1b[>c", "\x1b[>0c", "\x1b[=c", "\x1bZ",
		"\x1b[>q", "\x1b[>0q", "\x1b[?u", "\x1b[?2026$p", "\x1b[4$p", "\x1b[14t", "\x1b[18t", "\x1b[21t", "\x1b[x",
		"\x1b]11;?\x07", "\x1b]10;?\x1b\\", "\x1b]4;1;?\x07", "\x1b]52;c;?\x07", "\x1b]21;foreground=?\x1b\\",
		"\x1b]1337;ReportCellSize\x07", "\x1bP+q544e\x1b\\", "\x1bP$qm\x1b\\", "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\",
		"\x05", "\x1b[\n6n",
	} {
		require.Equal(t, "a\r\nb", through(Questions(), "a\r\n"+asks+"b"), "%q", asks)
	}
	for _, stays := range []string{
		"\x1b[1;31m", "\x1b[m", "\x1b[u", "\x1b[s", "\x1b[>1u", "\x1b[<u", "\x1b[2 q", "\x1b[>4;2m", "\x1b[8;24;80t", "\x1b[22;0t",
		"\x1b[>4n", "\x1b[?1049h", "\x1b[?2c", "\x1b]0;what?;?\x07", "\x1b]8;;?\x1b\\", "\x1b]11;#fff\x07", "\x1b]104\x07",
		"\x1bPq#0;2;0;0;0\x1b\\", "\x1b_Gf=100,a=T;AAAA\x1b\\", "\x0e\x0f\r\a\b", "\x1b[6\x18n", "\x1b[6\x1b[m", "\x1b]11;?\x1b[m",
		"\x1b[6é", "\x1b]11;?", "\x1b[6", "\x1b]0;\x1b", "\x1b", "\xc2\x9b6n", "\x1b]52;c;" + strings.Repeat("QUJD", 1000) + "\x07",
		"\x1b]52;c;" + strings.Repeat("QUJD", 1000) + "\x1b[m", "\x1b]0;" + strings.Repeat("?", 1000),
	} {
		require.Equal(t, stays, through(Questions(), stays))
	}
}

// Of a sequence that does not end only its beginning is kept.
func TestMemory(t *testing.T) {
	for _, f := range []*Filter{Text(), Questions()} {
		f.Append(nil, []byte("\x1b]0;"))
		for range 100 {
			f.Append(nil, []byte(strings.Repeat("x", 1000)))
		}
		require.LessOrEqual(t, cap(f.held), 4*mostHeld)
	}
}

func FuzzPieces(f *testing.F) {
	f.Add("a\x1b[1;31mb\x1b]8;;u\x1b\\c\r\n\x1b[6n\x1b\x1b[\x18\x0f\x05", 3)
	f.Add("\x1b]0;"+strings.Repeat("t", 300)+"\x1b[6n", 100)
	f.Fuzz(func(t *testing.T, text string, size int) {
		size = max(1, min(size, len(text)))
		for _, filter := range []func() *Filter{Text, Questions} {
			whole, cut := through(filter(), text), filter()
			var left []byte
			for rest := []byte(text); len(rest) > 0; {
				n := min(size, len(rest))
				left, rest = cut.Append(left, rest[:n:n]), rest[n:]
			}
			require.Equal(t, whole, string(cut.End(left)), "in pieces")
			require.Equal(t, whole, through(cut, text), "a filter that was used")
		}
		plain := strings.NewReplacer("\x1b", "", "\x05", "", "\x0e", "", "\x0f", "").Replace(text)
		require.Equal(t, plain, through(Questions(), plain))
		for strings.Contains(plain, "\r\n") {
			plain = strings.ReplaceAll(plain, "\r\n", "\n")
		}
		require.Equal(t, plain, through(Text(), plain))
		require.NotContains(t, through(Text(), text), "\x1b")
	})
}
