package generate

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/cachex-cli/cachex/cmd"
)

// date is fixed: a page changes when its text does.
const date = "Nov 2026"

// roff writes a page in the man macros, as man(7) has them. Markdown, from which libraries make them, would take the
// stars of patterns and the bars of choices for its own.
func roff(p cmd.Page) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, ".TH %s 1 \"%s\" cachex \"cachex manual\"\n.nh\n.ad l\n", strings.ToUpper(p.Name), date)
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n.B %s\n.SH DESCRIPTION\n",
		escape(p.Name), escape(p.Short), escape(p.Synopsis))
	paragraphs(&b, p.Text)
	b.WriteString(".SH OPTIONS\n")
	for _, group := range p.Options {
		fmt.Fprintf(&b, ".SS %s\n", escape(group.Title))
		terms(&b, group.Flags)
	}
	section(&b, "EXIT STATUS", p.ExitStatus)
	if p.Environment == nil {
		b.WriteString(".SH ENVIRONMENT\nThe variables and files are those of\n.BR cachex (1).\n")
	}
	section(&b, "ENVIRONMENT", p.Environment)
	section(&b, "FILES", p.Files)
	if p.Example != "" {
		b.WriteString(".SH EXAMPLES\n")
		literal(&b, strings.Split(p.Example, "\n"))
	}
	b.WriteString(".SH SEE ALSO\n")
	for i, name := range p.SeeAlso {
		comma := ","
		if i == len(p.SeeAlso)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, ".BR %s (1)%s\n", escape(name), comma)
	}
	return b.Bytes()
}

func section(b *bytes.Buffer, title string, list []cmd.Term) {
	if len(list) > 0 {
		fmt.Fprintf(b, ".SH %s\n", title)
		terms(b, list)
	}
}

// terms writes names, each with its meaning indented below it.
func terms(b *bytes.Buffer, list []cmd.Term) {
	for _, t := range list {
		if t.Name == "" {
			fmt.Fprintf(b, ".PP\n%s\n", escape(t.Text))
			continue
		}
		fmt.Fprintf(b, ".TP\n.B %s\n%s\n", escape(t.Name), escape(t.Text))
	}
}

// paragraphs writes a text; lines that are indented stay as they are.
func paragraphs(b *bytes.Buffer, text string) {
	for _, p := range strings.Split(text, "\n\n") {
		lines := strings.Split(p, "\n")
		if strings.HasPrefix(p, " ") {
			literal(b, lines)
			continue
		}
		fmt.Fprintf(b, ".PP\n%s\n", escape(strings.Join(lines, "\n")))
	}
}

// literal writes lines as they are.
func literal(b *bytes.Buffer, lines []string) {
	b.WriteString(".PP\n.EX\n")
	for _, line := range lines {
		b.WriteString(escape(line) + "\n")
	}
	b.WriteString(".EE\n")
}

// escape makes text mean itself.
func escape(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
