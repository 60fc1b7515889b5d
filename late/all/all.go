// Package all provides what package late holds. What makes remembered calls must not import it.
package all

import (
	"fmt"
	"runtime/debug"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/cachex-cli/cachex/late"
)

func init() { late.Provide(parse, debug.SetGCPercent) }

// parse takes a shell text apart. A text on which the parser panics is one that it does not understand.
func parse(text string, zsh bool) (nodes []late.Node, err error) {
	defer func() {
		if why := recover(); why != nil {
			nodes, err = nil, fmt.Errorf("the parser of shells failed: %v", why)
		}
	}()
	variant := syntax.LangBash
	if zsh {
		variant = syntax.LangZsh
	}
	file, err := syntax.NewParser(syntax.Variant(variant)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, err
	}
	w := walk{text: text, words: map[*syntax.Word]*late.Word{}}
	syntax.Walk(file, w.visit)
	return w.nodes, nil
}

// walk collects the nodes of a text.
type walk struct {
	text  string
	nodes []late.Node
	words map[*syntax.Word]*late.Word
	depth int // of the node at hand
	apart int // depth of the redirection that empties no file, and around which there is none; 0: there is none
}

// visit is called with nil behind what belongs to a node.
func (w *walk) visit(node syntax.Node) bool {
	if node == nil {
		if w.depth == w.apart {
			w.apart = 0
		}
		w.depth--
		return true
	}
	w.depth++
	switch n := node.(type) {
	case *syntax.CallExpr:
		if len(n.Args) > 0 {
			w.add(late.Call, n.Args...)
		}
	case *syntax.Redirect:
		w.redirect(n)
	case *syntax.Word:
		w.add(late.Argument, n)
	}
	return true
}

func (w *walk) redirect(r *syntax.Redirect) {
	switch r.Op {
	case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll, syntax.RdrAllClob:
		w.add(late.Write, r.Word)
		return
	case syntax.AppOut, syntax.AppClob, syntax.AppAll, syntax.AppAllClob:
		w.add(late.Append, r.Word)
	case syntax.DplIn, syntax.DplOut, syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc: // they name no file
	default:
		return
	}
	if w.apart == 0 {
		w.apart = w.depth
	}
}

func (w *walk) add(kind late.Kind, of ...*syntax.Word) {
	words := make([]*late.Word, len(of))
	for i, word := range of {
		words[i] = w.word(word)
	}
	w.nodes = append(w.nodes, late.Node{Kind: kind, Words: words, Apart: w.apart > 0})
}

func (w *walk) word(word *syntax.Word) *late.Word {
	if known := w.words[word]; known != nil {
		return known
	}
	made := &late.Word{}
	if made.Text, made.Literal = literal(word); !made.Literal {
		made.Text = w.text[word.Pos().Offset():word.End().Offset()]
	}
	w.words[word] = made
	return made
}

// literal returns what a word means, if it means the same in each shell and directory.
func literal(word *syntax.Word) (string, bool) {
	var b strings.Builder
	for _, part := range word.Parts {
		switch p := part.(type) {
		case *syntax.Lit:
			if !unescape(&b, p.Value, "") {
				return "", false
			}
		case *syntax.SglQuoted:
			if p.Dollar {
				return "", false
			}
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			for _, part := range p.Parts {
				lit, ok := part.(*syntax.Lit)
				if !ok || p.Dollar {
					return "", false
				}
				unescape(&b, lit.Value, "$`\"\\\n")
			}
		default:
			return "", false
		}
	}
	return b.String(), true
}

// unescape writes a text without its backslashes. escapable lists what they stand before within double quotes; it is
// empty outside of them, where they stand before anything, and where a pattern is no literal.
func unescape(b *strings.Builder, text, escapable string) (ok bool) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text) && (escapable == "" || strings.IndexByte(escapable, text[i+1]) >= 0):
			if i++; text[i] != '\n' {
				b.WriteByte(text[i])
			}
		case escapable == "" && strings.IndexByte("*?[", c) >= 0:
			return false
		default:
			b.WriteByte(c)
		}
	}
	return true
}
