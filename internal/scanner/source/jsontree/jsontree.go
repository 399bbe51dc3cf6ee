// Package jsontree reads JSON documents whose loaders build objects of them: graphs, configurations, manifests. It keeps what
// encoding/json drops and a judge needs: where each value stands, the order of the keys, and keys that stand twice, of which
// loaders differ in which they take. (RFC 8259; NaN and Infinity as Python writes them.)
//
// A tree is bounded in depth, in values and in memory: of the numbers in a list the first few are kept, since lists of weights
// have millions. What is larger is read with a [Lexer] of one's own.
package jsontree

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"modelgate/internal/scanner/source"
)

// Bounds of a tree: nesting, values that are kept, numbers and literals that are kept of one list, bytes of strings together.
const (
	maxDepth   = 500
	maxNodes   = 1 << 20
	maxScalars = 256
	maxText    = 64 << 20
)

// Kind is what a value is.
type Kind uint8

// Kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Object
)

// Node is a value of a document.
type Node struct {
	// At is where the value begins in the document.
	At   int64
	Kind Kind
	// Text is the content of a string, or the spelling of a number or literal.
	Text string
	// Items are the values of a list. Of numbers and literals among them only the first are kept; Len counts all.
	Items []*Node
	Len   int
	// Members are the keys of an object in their order.
	Members []Member
}

// Member is a key of an object with its value.
type Member struct {
	Key   string
	At    int64 // of the key
	Value *Node
	Twice bool // the key stood in the object before
}

// Get returns the last value under a key, which is what most readers take; nil if there is none or n is no object.
func (n *Node) Get(key string) *Node {
	if n == nil {
		return nil
	}
	for i := len(n.Members) - 1; i >= 0; i-- {
		if n.Members[i].Key == key {
			return n.Members[i].Value
		}
	}
	return nil
}

// All returns every value under a key.
func (n *Node) All(key string) []*Node {
	if n == nil {
		return nil
	}
	var out []*Node
	for _, m := range n.Members {
		if m.Key == key {
			out = append(out, m.Value)
		}
	}
	return out
}

// Str is the string under a key, "" if there is none or it is no string.
func (n *Node) Str(key string) string { return n.Get(key).Content() }

// Content is the content of a string, "" for everything else.
func (n *Node) Content() string {
	if n == nil || n.Kind != String {
		return ""
	}
	return n.Text
}

// Is tells whether n is there and of a kind.
func (n *Node) Is(k Kind) bool { return n != nil && n.Kind == k }

// Int is the value of a number without fraction; ok is false for everything else.
func (n *Node) Int() (v int64, ok bool) {
	if n == nil || n.Kind != Number {
		return 0, false
	}
	v, err := strconv.ParseInt(n.Text, 10, 64)
	return v, err == nil
}

// Parse reads one document, and the white space around it. What was read before an error is returned with it: a loader may be
// more lenient.
func Parse(in *source.Forward) (*Node, error) {
	p := &parser{lex: NewLexer(in)}
	n, err := p.value()
	if err != nil {
		return n, err
	}
	c, err := p.lex.Next()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	if err != nil {
		return n, err
	}
	return n, source.Malformedf(p.lex.Offset(), "%q follows the document", c)
}

// ParseFile reads a file as one document. More than limit bytes are ErrBudget.
func ParseFile(f source.Reader, limit int64) (*Node, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("a document of %d bytes: %w", size, source.ErrBudget)
	}
	return Parse(source.NewForward(f, 0, size))
}

type parser struct {
	lex   *Lexer
	depth int
	nodes int
	text  int // bytes of strings
}

// node counts a value that is kept.
func (p *parser) node(at int64, k Kind, text string) (*Node, error) {
	p.nodes++
	p.text += len(text)
	if p.nodes > maxNodes || p.text > maxText {
		return nil, fmt.Errorf("a document of more than %d values or %d bytes of text: %w", maxNodes, maxText, source.ErrBudget)
	}
	return &Node{At: at, Kind: k, Text: text}, nil
}

// value reads a value. What there is of it is returned with an error.
func (p *parser) value() (*Node, error) {
	c, err := p.lex.Next()
	if err != nil {
		return nil, err
	}
	at := p.lex.Offset()
	switch c {
	case '{', '[':
		if p.depth++; p.depth > maxDepth {
			return nil, source.Malformedf(at, "nested more than %d deep", maxDepth)
		}
		defer func() { p.depth-- }()
		if c == '{' {
			return p.object(at)
		}
		return p.list(at)
	case '"':
		text, err := p.lex.Text(true)
		if err != nil {
			return nil, err
		}
		return p.node(at, String, text)
	default:
		word, err := p.lex.Scalar()
		if err != nil {
			return nil, err
		}
		return p.node(at, kindOf(word), word)
	}
}

// kindOf tells what a word is that is no string.
func kindOf(word string) Kind {
	switch word {
	case "true", "false":
		return Bool
	case "null":
		return Null
	default:
		return Number
	}
}

func (p *parser) list(at int64) (*Node, error) {
	out, err := p.node(at, List, "")
	if err != nil {
		return nil, err
	}
	if err := p.lex.Take('['); err != nil {
		return out, err
	}
	for scalars := 0; ; out.Len++ {
		c, err := p.lex.Next()
		if err != nil {
			return out, err
		}
		if c == ']' {
			return out, p.lex.Take(']')
		}
		if out.Len > 0 {
			if err := p.lex.Take(','); err != nil {
				return out, err
			}
			if c, err = p.lex.Next(); err != nil {
				return out, err
			}
		}
		if c != '{' && c != '[' && c != '"' {
			if scalars++; scalars > maxScalars {
				if _, err := p.lex.Scalar(); err != nil {
					return out, err
				}
				continue
			}
		}
		v, err := p.value()
		if v != nil {
			out.Items = append(out.Items, v)
		}
		if err != nil {
			return out, err
		}
	}
}

func (p *parser) object(at int64) (*Node, error) {
	out, err := p.node(at, Object, "")
	if err != nil {
		return nil, err
	}
	if err := p.lex.Take('{'); err != nil {
		return out, err
	}
	seen := map[string]bool{}
	for {
		c, err := p.lex.Next()
		if err != nil {
			return out, err
		}
		if c == '}' {
			return out, p.lex.Take('}')
		}
		if len(out.Members) > 0 {
			if err := p.lex.Take(','); err != nil {
				return out, err
			}
			if c, err = p.lex.Next(); err != nil {
				return out, err
			}
		}
		if c != '"' {
			return out, source.Malformedf(p.lex.Offset(), "%q instead of a key", c)
		}
		m := Member{At: p.lex.Offset()}
		if m.Key, err = p.lex.Text(true); err != nil {
			return out, err
		}
		p.text += len(m.Key)
		m.Twice, seen[m.Key] = seen[m.Key], true
		if err := p.lex.Take(':'); err != nil {
			return out, err
		}
		v, err := p.value()
		if v != nil {
			m.Value = v
			out.Members = append(out.Members, m)
		}
		if err != nil {
			return out, err
		}
	}
}
