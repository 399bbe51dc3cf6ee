package jsontree

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"

	"modelgate/internal/scanner/source"
)

// Bounds of a tree: nesting, numbers and literals that are kept of one list, memory beyond the size of the document, in bytes.
const (
	maxDepth   = 500
	maxScalars = 256
	spare      = 24 << 20
)

// Parse reads one document, and the white space around it. What was read before an error is returned with it: a loader may be
// more lenient.
func Parse(in *source.Forward) (Node, error) {
	p := &parser{lex: NewLexer(in), seed: maphash.MakeSeed(), most: in.Left() + spare}
	p.tree = &tree{base: p.lex.Offset()}
	err := p.value()
	p.tree.texts.flush()
	if err == nil {
		err = p.lex.end()
	}
	if p.tree.values.n == 0 {
		return Node{}, err
	}
	return Node{tree: p.tree}, err
}

// ParseFile reads a file as one document. More than limit bytes are ErrBudget.
func ParseFile(f source.Reader, limit int64) (Node, error) {
	size, err := f.Size()
	if err != nil {
		return Node{}, err
	}
	if size > limit {
		return Node{}, fmt.Errorf("a document of %d bytes: %w", size, source.ErrBudget)
	}
	return Parse(source.NewForward(f, 0, size))
}

// end checks that nothing follows but white space.
func (l *Lexer) end() error {
	c, err := l.Next()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	if err != nil {
		return err
	}
	return source.Malformedf(l.Offset(), "%q follows the document", c)
}

type parser struct {
	lex   *Lexer
	tree  *tree
	depth int
	used  int64 // bytes of memory
	most  int64
	seed  maphash.Seed
	known []uint32 // a table of texts by hash: places of entries that have them, and 1 more
	texts int      // in the table
}

// add appends an entry that begins at an offset of the document.
func (p *parser) add(at int64, e entry) (uint32, error) {
	if p.used += 16; p.used > p.most || at-p.tree.base > math.MaxUint32 {
		return 0, fmt.Errorf("a document that takes more than %d bytes of memory: %w", p.most, source.ErrBudget)
	}
	e.offset = uint32(at - p.tree.base)
	return p.tree.values.add(e), nil
}

// addText appends an entry with a text.
func (p *parser) addText(at int64, k Kind, text []byte) (uint32, error) {
	e := entry{kind: k, size: uint32(len(text))}
	var slot *uint32
	if k == key || len(text) <= maxShared {
		slot = p.find(text)
	}
	if slot != nil && *slot > 0 {
		e.text = p.tree.values.at(*slot - 1).text
		return p.add(at, e)
	}
	p.used += int64(len(text))
	e.text = p.tree.texts.add(text)
	id, err := p.add(at, e)
	if err == nil && slot != nil {
		*slot = id + 1
		p.texts++
	}
	return id, err
}

// maxShared is the longest text but for keys that is looked up among those before it, in bytes.
const maxShared = 64

// find returns the place of a text in the table, where 0 says that it is new; nil for the empty text.
func (p *parser) find(text []byte) *uint32 {
	if len(text) == 0 {
		return nil
	}
	if 2*p.texts >= len(p.known) {
		p.grow()
	}
	for i := maphash.Bytes(p.seed, text); ; i++ {
		slot := &p.known[i%uint64(len(p.known))]
		if *slot == 0 {
			return slot
		}
		if e := p.tree.values.at(*slot - 1); int(e.size) == len(text) && p.tree.texts.is(e.text, text) {
			return slot
		}
	}
}

// grow doubles the table.
func (p *parser) grow() {
	old := p.known
	p.known = make([]uint32, max(1024, 2*len(old)))
	p.used += int64(4 * (len(p.known) - len(old)))
	for _, id := range old {
		if id == 0 {
			continue
		}
		i := maphash.String(p.seed, p.tree.text(id-1)) % uint64(len(p.known))
		for p.known[i] != 0 {
			i = (i + 1) % uint64(len(p.known))
		}
		p.known[i] = id
	}
}

// value reads a value. What there is of it is kept with an error.
func (p *parser) value() error {
	c, err := p.lex.Next()
	if err != nil {
		return err
	}
	at := p.lex.Offset()
	switch c {
	case '{', '[':
		if p.depth++; p.depth > maxDepth {
			return source.Malformedf(at, "nested more than %d deep", maxDepth)
		}
		defer func() { p.depth-- }()
		if c == '{' {
			return p.object(at)
		}
		return p.list(at)
	case '"':
		text, err := p.lex.str(true)
		if err == nil {
			_, err = p.addText(at, String, text)
		}
		return err
	default:
		word, err := p.lex.scalar()
		if err == nil {
			_, err = p.addText(at, kindOf(word), word)
		}
		return err
	}
}

// kindOf tells what a word is that is no string.
func kindOf(word []byte) Kind {
	switch string(word) {
	case "true", "false":
		return Bool
	case "null":
		return Null
	default:
		return Number
	}
}

func (p *parser) list(at int64) error {
	id, err := p.add(at, entry{kind: List, size: 1})
	if err != nil {
		return err
	}
	scalars, length := 0, uint32(0)
	err = p.lex.List(func() error {
		c, err := p.lex.Next()
		if err != nil {
			return err
		}
		length++
		if c != '{' && c != '[' && c != '"' {
			if scalars++; scalars > maxScalars {
				_, err := p.lex.scalar()
				return err
			}
		}
		return p.value()
	})
	e := p.tree.values.at(id)
	e.size, e.text = p.tree.values.n-id, length
	return err
}

func (p *parser) object(at int64) error {
	id, err := p.add(at, entry{kind: Object, size: 1})
	if err != nil {
		return err
	}
	var keys keySet
	err = p.lex.object(func(text []byte, at int64) error {
		k, err := p.addText(at, key, text)
		if err != nil {
			return err
		}
		if keys.n >= few {
			p.used += tableRow
		}
		e := p.tree.values.at(k)
		e.twice = keys.add(e)
		err = p.value()
		if p.tree.values.n == k+1 {
			p.tree.values.n-- // a key without a value
		}
		return err
	})
	p.tree.values.at(id).size = p.tree.values.n - id
	return err
}

// keySet is the keys of an object by where their texts lie, which is one place for each: the first ones in a list, since most objects
// have few, and from then on all in a table.
type keySet struct {
	n     int
	few   [few]uint32
	table map[uint32]struct{}
}

const (
	few      = 16 // keys
	tableRow = 10 // bytes that a key takes in a table
)

// add adds a key and tells whether it was there.
func (s *keySet) add(e *entry) (twice bool) {
	text := e.text
	if e.size == 0 {
		text = math.MaxUint32
	}
	if s.n < few {
		twice = slices.Contains(s.few[:s.n], text)
		s.few[s.n] = text
		s.n++
		return twice
	}
	if s.table == nil {
		s.table = map[uint32]struct{}{}
		for _, k := range s.few {
			s.table[k] = struct{}{}
		}
	}
	_, twice = s.table[text]
	s.table[text] = struct{}{}
	return twice
}
