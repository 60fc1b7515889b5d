package page

import (
	_ "embed"
	"fmt"
	"html"
	"io"
	"strings"
)

// The document is made by put, not by html/template: with that the linker can leave out no method of any type, which
// makes the program larger by half.

//go:embed page.css
var style string

// document is what was written of a document.
type document struct{ strings.Builder }

// markup is HTML that was written by a person: only constants become one.
type markup string

// put adds markup, in which %s stands for text or for a number. Texts are escaped, so that none of them ends an
// element, or an attribute in double quotes.
func (d *document) put(m markup, values ...any) {
	for i, v := range values {
		values[i] = html.EscapeString(strings.ToValidUTF8(fmt.Sprint(v), "\uFFFD"))
	}
	fmt.Fprintf(d, string(m), values...)
}

// Write writes the document.
func Write(w io.Writer, data Data) error {
	d := &document{}
	d.put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>%s</title>
<style>
`, data.Title)
	d.WriteString(style)
	d.put(`</style>
</head>
<body>
<main>
<h1>%s</h1>
<p class="made">%s</p>
<dl class="facts">
`, data.Title, data.Made)
	for _, f := range data.Facts {
		d.put("<div><dt>%s</dt><dd>%s</dd></div>\n", f.Name, f.Value)
	}
	d.put("</dl>\n")
	d.notices(data.Notices)
	d.put("<div class=\"grid\">\n")
	d.chart("answers", "Runs over time", data.Answers)
	d.chart("time", "Seconds saved and spent", data.Time)
	d.shares("reasons", "Misses by reason", data.Reasons)
	d.room(data)
	d.commands(data.Commands)
	d.tiers(data.Tiers)
	d.put("</div>\n</main>\n</body>\n</html>\n")
	_, err := io.WriteString(w, d.String())
	return err
}

func (d *document) notices(texts []string) {
	if len(texts) == 0 {
		return
	}
	d.put("<ul class=\"notices\">\n")
	for _, text := range texts {
		d.put("<li>%s</li>\n", text)
	}
	d.put("</ul>\n")
}

// section begins a part of the document that is known by its title.
func (d *document) section(id, title string) {
	d.put("<section aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id, title)
}

// wide is the same for one that takes the whole width.
func (d *document) wide(id, title string) {
	d.put("<section class=\"wide\" aria-labelledby=\"%s\">\n<h2 id=\"%s\">%s</h2>\n", id, id, title)
}

// scroll begins what is scrolled where it is too wide, also by keys: a table. Its name is what has this id. It is no
// landmark: the section around it is one.
func (d *document) scroll(id string) {
	d.put("<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-labelledby=\"%s\">", id)
}

func (d *document) none() { d.put("<p class=\"none\">None.</p>\n") }

func (d *document) chart(id, title string, c Chart) {
	d.section(id, title)
	defer d.put("</section>\n")
	d.plot(id+"-table", title, c)
}

// room shows what is used, and what had to go for it.
func (d *document) room(data Data) {
	const id, lost = "room", "Misses of evicted results"
	d.section(id, "Room")
	defer d.put("</section>\n")
	d.rows(id, [...]string{"Room", "Size", "Share"}, data.Room)
	if data.Lost.most() > 0 {
		d.put("<h3>%s</h3>\n", lost)
		d.plot("lost-table", lost, data.Lost)
	}
}

// plot draws a chart, and below it a table, whose name has this id.
func (d *document) plot(id, title string, c Chart) {
	most := c.most()
	if most == 0 {
		d.none()
		return
	}
	d.put("<ul class=\"legend\">\n")
	for kind, name := range c.Names {
		d.put("<li><svg viewBox=\"0 0 1 1\" aria-hidden=\"true\"><rect class=\"k%s\" width=\"1\" height=\"1\"/></svg> %s</li>\n",
			kind, name)
	}
	d.put("</ul>\n<p class=\"top\">%s %s</p>\n", c.Format(most), c.Unit)
	d.put("<svg class=\"plot\" viewBox=\"0 0 %s %s\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%s\">\n",
		len(c.Columns)*step, height, title+", "+c.says())
	for _, b := range c.bars() {
		d.put("<rect class=\"k%s\" x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\"><title>%s</title></rect>\n",
			b.kind, b.x, fmt.Sprintf("%.2f", b.y), width, fmt.Sprintf("%.2f", b.h), b.title)
	}
	d.put("</svg>\n<div class=\"ticks\" aria-hidden=\"true\">")
	for _, tick := range c.ticks() {
		d.put("<span>%s</span>", tick)
	}
	d.put("</div>\n<details><summary id=\"%s\">%s as a table</summary>\n", id, title)
	d.scroll(id)
	d.put("<table aria-labelledby=\"%s\">\n<thead><tr><th scope=\"col\">When</th>", id)
	for _, name := range c.Names {
		d.put("<th scope=\"col\" class=\"n\">%s</th>", name)
	}
	d.put("</tr></thead>\n<tbody>\n")
	for _, col := range c.Columns {
		d.put("<tr><th scope=\"row\">%s</th>", col.Label)
		for _, v := range col.Values {
			d.put("<td class=\"n\">%s</td>", c.Format(v))
		}
		d.put("</tr>\n")
	}
	d.put("</tbody></table></div>\n</details>\n")
}

// bar draws a part of a whole, beside the number. With a name it is read, too.
func (d *document) bar(part float64, name string) {
	if name == "" {
		d.put("<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" aria-hidden=\"true\">")
	} else {
		d.put("<svg class=\"bar\" viewBox=\"0 0 100 1\" preserveAspectRatio=\"none\" role=\"img\" "+
			"aria-label=\"%s\">", name)
	}
	d.put("<rect class=\"rail\" width=\"100\" height=\"1\"/><rect class=\"k0\" width=\"%s\" height=\"1\"/></svg>",
		fmt.Sprintf("%.1f", 100*min(max(part, 0), 1)))
}

func (d *document) shares(id, title string, shares []Share) {
	d.section(id, title)
	defer d.put("</section>\n")
	d.rows(id, [...]string{"Reason", "Misses", "Share"}, shares)
}

// rows are shares below each other. The table has the name with this id, and these heads.
func (d *document) rows(id string, heads [3]string, shares []Share) {
	if len(shares) == 0 {
		d.none()
		return
	}
	d.put("<table class=\"shares\" aria-labelledby=\"%s\">\n<thead><tr><th scope=\"col\">%s</th>"+
		"<th scope=\"col\" class=\"n\">%s</th><th scope=\"col\">%s</th></tr></thead>\n<tbody>\n",
		id, heads[0], heads[1], heads[2])
	for _, s := range shares {
		d.put("<tr><th scope=\"row\">%s</th><td class=\"n\">%s</td><td class=\"part\">", s.Name, s.Value)
		d.bar(s.Part, fmt.Sprintf("%.0f %%", 100*s.Part))
		d.put("</td></tr>\n")
	}
	d.put("</tbody></table>\n")
}

func (d *document) commands(commands []Command) {
	const id = "commands"
	d.wide(id, "Commands")
	defer d.put("</section>\n")
	if len(commands) == 0 {
		d.none()
		return
	}
	d.scroll(id + "-table")
	d.put(`<table>
<caption id="commands-table">What each saved and takes, those that cost and save the most first</caption>
<thead><tr><th scope="col">Command</th><th scope="col">Verdict</th><th scope="col" class="n">Runs</th>
<th scope="col" class="n">Hits</th><th scope="col" class="n">A run</th><th scope="col">Saved</th>
<th scope="col">Size</th></tr></thead>
<tbody>
`)
	for _, c := range commands {
		d.put("<tr><th scope=\"row\" class=\"name\">%s", c.Name)
		if c.Why != "" {
			d.put("<span class=\"why\">%s</span>", c.Why)
		}
		d.put("</th><td class=\"verdict\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"+
			"<td class=\"n\">%s</td><td class=\"part\">%s",
			c.Verdict, c.Runs, c.Hits, c.Took, c.Saved)
		d.bar(c.SavedPart, "")
		d.put("</td><td class=\"part\">%s", c.Size)
		d.bar(c.SizePart, "")
		d.put("</td></tr>\n")
	}
	d.put("</tbody></table></div>\n")
}

func (d *document) tiers(tiers []Tier) {
	const id = "tiers"
	if len(tiers) == 0 {
		return
	}
	d.wide(id, "Tiers")
	d.scroll(id + "-table")
	d.put(`<table>
<caption id="tiers-table">Requests to other machines</caption>
<thead><tr><th scope="col">Tier</th><th scope="col">Request</th><th scope="col">Results</th>
<th scope="col" class="n">Bytes</th><th scope="col" class="n">Half within</th><th scope="col" class="n">95 %% within</th>
<th scope="col">Breaker</th></tr></thead>
<tbody>
`)
	for _, t := range tiers {
		d.put("<tr><th scope=\"row\" class=\"name\">%s</th><td>%s</td><td>%s</td><td class=\"n\">%s</td>"+
			"<td class=\"n\">%s</td><td class=\"n\">%s</td><td>%s</td></tr>\n",
			t.Name, t.Op, t.Results, t.Bytes, t.P50, t.P95, t.Breaker)
	}
	d.put("</tbody></table></div>\n</section>\n")
}
