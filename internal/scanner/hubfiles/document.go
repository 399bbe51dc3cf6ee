package hubfiles

import (
	"errors"
	"io"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
)

// Bounds of a document: nesting, and nodes that are kept at one time.
const (
	maxDepth = 500
	maxNodes = 1 << 18
)

// node is a value of a document, as far as it is kept: strings, lists and objects. Numbers and the like have no node.
type node struct {
	at      int64
	text    string // of a string
	isText  bool
	isTrue  bool
	items   []*node
	members []member
	isList  bool
}

// member is a key of an object with its value.
type member struct {
	key   string
	at    int64
	value *node // nil if it is not kept
	twice bool  // the key stood in the object before
}

// get returns the last value under a key, which is what most readers take.
func (n *node) get(key string) *node {
	if n == nil {
		return nil
	}
	for i := len(n.members) - 1; i >= 0; i-- {
		if n.members[i].key == key {
			return n.members[i].value
		}
	}
	return nil
}

// has tells whether an object has a key, whatever its value.
func (n *node) has(key string) bool {
	for _, m := range n.members {
		if m.key == key {
			return true
		}
	}
	return false
}

// str is the string under a key, or "".
func (n *node) str(key string) string {
	if v := n.get(key); v != nil {
		return v.text
	}
	return ""
}

// reader parses a document from front to back.
type reader struct {
	lex   *jsontree.Lexer
	judge func(*node) error // of objects that nothing around them is judged with, so that they need not be kept; nil keeps them
	depth int
	nodes int
	cells bool // the cells of a notebook are being read
	whole bool // the document was read to its end
}

// document reads one value and the white space around it.
func (r *reader) document() (*node, error) {
	n, err := r.value(false)
	if err != nil {
		return n, err
	}
	r.whole = true
	c, err := r.lex.Next()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	return n, source.Malformedf(r.lex.Offset(), "%q follows the document", c)
}

// value reads a value. With keep, all strings in it are kept.
func (r *reader) value(keep bool) (*node, error) {
	c, err := r.lex.Next()
	if err != nil {
		return nil, err
	}
	at := r.lex.Offset()
	switch c {
	case '{', '[':
		if r.depth++; r.depth > maxDepth {
			return nil, source.Malformedf(at, "nested more than %d deep", maxDepth)
		}
		defer func() { r.depth-- }()
		if err := r.lex.Take(c); err != nil {
			return nil, err
		}
		if c == '{' {
			return r.object(at, keep)
		}
		return r.list(at, keep)
	case '"':
		text, err := r.lex.Text(keep)
		if err != nil || !keep {
			return nil, err
		}
		return r.kept(&node{at: at, text: text, isText: true})
	default:
		return r.scalar(at, keep)
	}
}

// kept counts a node.
func (r *reader) kept(n *node) (*node, error) {
	if r.nodes++; r.nodes > maxNodes {
		return nil, source.Malformedf(n.at, "more than %d values that matter", maxNodes)
	}
	return n, nil
}

// scalar reads a number or a literal.
func (r *reader) scalar(at int64, keep bool) (*node, error) {
	word, err := r.lex.Scalar()
	if err != nil || word != "true" || !keep {
		return nil, err
	}
	return r.kept(&node{at: at, isTrue: true})
}

func (r *reader) list(at int64, keep bool) (*node, error) {
	out := &node{at: at, isList: true}
	// Of the lists in the outermost object those of two strings are kept: the components of a pipeline.
	short, texts := r.depth == 2 && !keep, 0
	for first := true; ; first = false {
		c, err := r.lex.Next()
		if err != nil {
			return out, err
		}
		if c == ']' {
			if err := r.lex.Take(c); err != nil {
				return out, err
			}
			break
		}
		if !first {
			if err := r.lex.Take(','); err != nil {
				return out, err
			}
		}
		inner := keep
		if short {
			if c, err = r.lex.Next(); err != nil {
				return out, err
			}
			if c == '"' {
				texts++
				inner = texts <= components
			}
		}
		v, err := r.value(inner)
		if v != nil {
			out.items = append(out.items, v)
		}
		if err != nil {
			return out, err
		}
	}
	if short && texts != components {
		before := len(out.items)
		out.items = slices.DeleteFunc(out.items, func(n *node) bool { return n.isText })
		r.nodes -= before - len(out.items)
	}
	if len(out.items) == 0 && !keep {
		return nil, nil
	}
	return r.kept(out)
}

// components is how many strings the lists have that name a library and a class.
const components = 2

func (r *reader) object(at int64, keep bool) (*node, error) {
	out, before := &node{at: at}, r.nodes
	for first := true; ; first = false {
		c, err := r.lex.Next()
		if err != nil {
			return out, err
		}
		if c == '}' {
			if err := r.lex.Take(c); err != nil {
				return out, err
			}
			break
		}
		if !first {
			if err := r.lex.Take(','); err != nil {
				return out, err
			}
			if c, err = r.lex.Next(); err != nil {
				return out, err
			}
		}
		if c != '"' {
			return out, source.Malformedf(r.lex.Offset(), "%q instead of a key", c)
		}
		if err := r.member(out, keep); err != nil {
			return out, err
		}
	}
	if len(out.members) == 0 && !keep {
		return nil, nil
	}
	if r.judge != nil && !keep && !r.cells && r.depth > 1 {
		r.nodes = before
		return nil, r.judge(out)
	}
	return r.kept(out)
}

// member reads a key and its value, and keeps it if something in it matters.
func (r *reader) member(out *node, keep bool) error {
	at := r.lex.Offset()
	key, err := r.lex.Text(true)
	if err == nil {
		err = r.lex.Take(':')
	}
	if err != nil {
		return err
	}
	watch := keep || watched[key] || r.cells && (key == "source" || key == "cell_type")
	outermost := key == "cells" && r.depth == 1
	r.cells = r.cells || outermost
	v, err := r.value(watch)
	r.cells = r.cells && !outermost
	if v != nil || watch {
		if _, err := r.kept(out); err != nil {
			return err
		}
		m := member{key: key, at: at, value: v}
		if judged[key] {
			m.twice = out.has(key)
		}
		out.members = append(out.members, m)
	}
	return err
}
