package hubfiles

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"modelgate/internal/scanner/source"
)

// Bounds of a document: nesting, bytes of a string that is kept, and nodes that are kept.
const (
	maxDepth  = 500
	maxString = 8 << 20
	maxNodes  = 1 << 20
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

// reader parses a document from front to back by RFC 8259, and as Python does: NaN and Infinity are values.
type reader struct {
	in    *source.Forward
	depth int
	nodes int
	cells bool // the cells of a notebook are being read
	whole bool // the document was read to its end
}

// document reads one value and the white space around it.
func (r *reader) document() (*node, error) {
	if string(r.in.Peek(3)) == "\xef\xbb\xbf" {
		r.in.Skip(3)
	}
	n, err := r.value(false)
	if err != nil {
		return n, err
	}
	r.whole = true
	c, err := r.peek()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	return n, source.Malformedf(r.in.Offset(), "%q follows the document", c)
}

// peek returns the next byte that is no white space, without taking it.
func (r *reader) peek() (byte, error) {
	for {
		b := r.in.Peek(1)
		if len(b) == 0 {
			if err := r.in.Fault(); err != nil {
				return 0, err
			}
			return 0, io.ErrUnexpectedEOF
		}
		if c := b[0]; c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, nil
		}
		r.in.Skip(1)
	}
}

// take goes past the next byte that is no white space, which must be c.
func (r *reader) take(c byte) error {
	b, err := r.peek()
	if err != nil {
		return err
	}
	if b != c {
		return source.Malformedf(r.in.Offset(), "%q instead of %q", b, c)
	}
	r.in.Skip(1)
	return nil
}

// value reads a value. With keep, all strings in it are kept.
func (r *reader) value(keep bool) (*node, error) {
	c, err := r.peek()
	if err != nil {
		return nil, err
	}
	at := r.in.Offset()
	switch c {
	case '{', '[':
		if r.depth++; r.depth > maxDepth {
			return nil, source.Malformedf(at, "nested more than %d deep", maxDepth)
		}
		defer func() { r.depth-- }()
		r.in.Skip(1)
		if c == '{' {
			return r.object(at, keep)
		}
		return r.list(at, keep)
	case '"':
		text, err := r.str(keep)
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
	var word []byte
	for len(word) < 512 {
		b := r.in.Peek(1)
		if len(b) == 0 || strings.IndexByte(" \t\r\n,]}:\"[{", b[0]) >= 0 {
			break
		}
		word = append(word, b[0])
		r.in.Skip(1)
	}
	switch s := string(word); s {
	case "true":
		if keep {
			return r.kept(&node{at: at, isTrue: true})
		}
		return nil, nil
	case "false", "null", "NaN", "Infinity", "-Infinity":
		return nil, nil
	default:
		if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') || strings.Trim(s, "0123456789+-.eE") != "" {
			return nil, source.Malformedf(at, "a value that is none")
		}
		return nil, nil
	}
}

func (r *reader) list(at int64, keep bool) (*node, error) {
	out := &node{at: at, isList: true}
	// Of the lists in the outermost object short ones of strings are kept: the components of a pipeline.
	short, texts := r.depth == 2 && !keep, 0
	for first := true; ; first = false {
		c, err := r.peek()
		if err != nil {
			return out, err
		}
		if c == ']' {
			r.in.Skip(1)
			break
		}
		if !first {
			if err := r.take(','); err != nil {
				return out, err
			}
		}
		inner := keep
		if short {
			if c, err = r.peek(); err != nil {
				return out, err
			}
			if c == '"' {
				texts++
				inner = texts <= mostComponents
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
	if texts > mostComponents {
		out.items = slices.DeleteFunc(out.items, func(n *node) bool { return n.isText })
	}
	if len(out.items) == 0 && !keep {
		return nil, nil
	}
	return r.kept(out)
}

// mostComponents is how many strings the lists have that name a library and a class.
const mostComponents = 2

func (r *reader) object(at int64, keep bool) (*node, error) {
	out := &node{at: at}
	for first := true; ; first = false {
		c, err := r.peek()
		if err != nil {
			return out, err
		}
		if c == '}' {
			r.in.Skip(1)
			break
		}
		if !first {
			if err := r.take(','); err != nil {
				return out, err
			}
			if c, err = r.peek(); err != nil {
				return out, err
			}
		}
		if c != '"' {
			return out, source.Malformedf(r.in.Offset(), "%q instead of a key", c)
		}
		if err := r.member(out, keep); err != nil {
			return out, err
		}
	}
	if len(out.members) == 0 && !keep {
		return nil, nil
	}
	return r.kept(out)
}

// member reads a key and its value, and keeps it if something in it matters.
func (r *reader) member(out *node, keep bool) error {
	at := r.in.Offset()
	key, err := r.str(true)
	if err == nil {
		err = r.take(':')
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

// str reads a string; what is not to be kept is not put together. Lone surrogates become the replacement character.
func (r *reader) str(keep bool) (string, error) {
	start := r.in.Offset()
	r.in.Skip(1)
	var b []byte
	var high rune
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			if fault := r.in.Fault(); fault != nil {
				return "", fault
			}
			return "", io.ErrUnexpectedEOF
		}
		if c == '"' {
			break
		}
		if c < ' ' {
			return "", source.Malformedf(r.in.Offset()-1, "a control character in a string")
		}
		if c != '\\' {
			if high = 0; keep {
				b = append(b, c)
			}
		} else if b, high, err = r.escape(b, high); err != nil {
			return "", err
		}
		if len(b) > maxString {
			return "", source.Malformedf(start, "a string of more than %d bytes", maxString)
		}
	}
	if !keep {
		return "", nil
	}
	return string(b), nil
}

// escape decodes the escape behind a backslash and appends it; high is the first half of a pair that was just read.
func (r *reader) escape(b []byte, high rune) ([]byte, rune, error) {
	c, err := r.in.ReadByte()
	if err != nil {
		return b, 0, io.ErrUnexpectedEOF
	}
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(b, "\"\\/\b\f\n\r\t"[i]), 0, nil
	}
	digits := r.in.Peek(4)
	v, err := strconv.ParseUint(string(digits), 16, 16)
	if c != 'u' || len(digits) < 4 || err != nil {
		return b, 0, source.Malformedf(r.in.Offset()-2, "an escape that is none")
	}
	r.in.Skip(4)
	code := rune(v)
	if pair := utf16.DecodeRune(high, code); high != 0 && pair != utf8.RuneError {
		return utf8.AppendRune(b[:max(0, len(b)-3)], pair), 0, nil
	}
	if utf16.IsSurrogate(code) {
		return utf8.AppendRune(b, utf8.RuneError), code, nil
	}
	return utf8.AppendRune(b, code), 0, nil
}
