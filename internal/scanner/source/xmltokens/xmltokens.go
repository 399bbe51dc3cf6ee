// Package xmltokens reads XML as a stream of tokens, without a tree and without doing what documents ask for: nothing is fetched and
// no entity is expanded but the five that XML itself defines. (XML 1.0, sections 2 and 4.)
//
//	<?xml version="1.0"?>                          Instruction
//	<!DOCTYPE name [ … ]>                          Doctype; whatever else begins with <! is a Declaration, comments are passed over
//	<name key="value"> … </name>    <name/>        Start, End; Start with Empty set
//	text    <![CDATA[ text ]]>                     Text, if it is not blank
//
// The text is read in UTF-8 or UTF-16 as its first bytes say. The reader is as tolerant as the parsers are that models meet: it finds
// an element in what is no XML in the strict sense. Depth, attributes and what is kept of texts are bounded.
package xmltokens

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"modelgate/internal/scanner/source"
)

// Bounds of a document: elements in each other, attributes of one, and bytes that are kept of names, values, texts and document types.
const (
	maxDepth      = 1_000
	maxAttributes = 10_000
	maxName       = 1_000
	maxValue      = 64 << 10
	maxElement    = 1 << 20 // of all values of one element
	maxType       = 64 << 10
)

// Kind is what a token is.
type Kind int

// Kinds of tokens.
const (
	Start Kind = iota
	End
	Text
	Instruction
	Doctype
	Declaration
)

// Attribute is one of an element. Value is cut at 64 KiB.
type Attribute struct {
	Name, Value string
	At          int64 // of its name
}

// Token is a part of the document. Which fields are set depends on its kind.
type Token struct {
	Kind Kind
	// At is where the token begins in the file, in bytes.
	At int64
	// Name is that of an element, as it is written.
	Name string
	// Attributes are those of a Start, in the order of the document and with those that stand twice.
	Attributes []Attribute
	// Empty says that a Start is an end too.
	Empty bool
	// Text is that of a Text, an Instruction or a Declaration, and of a Doctype what stands in front of its brackets. It is cut at 64
	// KiB.
	Text string
	// Subset is what stands within the brackets of a Doctype.
	Subset string
}

// Attr returns the first value of an attribute, "" if there is none.
func (t Token) Attr(name string) string {
	for _, a := range t.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Reader reads the tokens of one document.
type Reader struct {
	// Page says that the document is a page of HTML, which need not close what it opens. The reader sets it at a root element of
	// that name.
	Page bool

	in     *decoder
	fw     *source.Forward
	depth  int
	inside bool // a token has begun and not ended
	tag    bool // the "<" of the next token was read
	words  []byte
}

// New returns a reader of a file from its beginning.
func New(f *source.File) (*Reader, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	head, err := f.Head()
	if err != nil {
		return nil, err
	}
	fw := source.NewForward(f, 0, size)
	return &Reader{fw: fw, in: newDecoder(fw, head)}, nil
}

// Beginning returns the first bytes of a text as UTF-8 without a byte order mark: enough to see what it is.
func Beginning(head []byte) string {
	const enough = 4 << 10
	d := newDecoder(bytes.NewReader(head[:min(len(head), 2*enough)]), head)
	var b strings.Builder
	for b.Len() < enough {
		c, err := d.ReadByte()
		if err != nil {
			break
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Root returns the name of the first element in the beginning of a text, "" if there is none. Instructions, comments and document types
// in front of it are passed over.
func Root(beginning string) string {
	r := &Reader{in: newDecoder(strings.NewReader(beginning), nil)}
	for range maxBefore {
		t, err := r.next()
		if t.Kind == Start && t.Name != "" { // whose end may lie beyond
			return t.Name
		}
		if err != nil || t.Kind == Text {
			return ""
		}
	}
	return ""
}

// maxBefore is how many instructions, comments and document types stand in front of the first element.
const maxBefore = 64

// Offset is how many bytes of the file were read.
func (r *Reader) Offset() int64 { return r.in.at }

// Depth is how many elements are open.
func (r *Reader) Depth() int { return r.depth }

// Next returns the next token. At the end it is io.EOF; a document that ends in the middle is source.Malformed, and one that passes the
// bounds is source.ErrBudget.
func (r *Reader) Next() (Token, error) {
	t, err := r.next()
	if err == nil {
		return t, nil
	}
	if fault := r.fw.Fault(); fault != nil {
		return t, fault
	}
	if errors.Is(err, io.EOF) && !r.Page && (r.depth > 0 || r.inside) {
		return t, source.Malformedf(r.in.at, "the document ends inside an element")
	}
	return t, err
}

func (r *Reader) next() (Token, error) {
	for {
		if !r.tag {
			t, ok, err := r.text()
			if ok || err != nil {
				return t, err
			}
		}
		r.tag, r.inside = false, true
		t, ok, err := r.markup()
		if err != nil {
			return t, err
		}
		r.inside = false
		if ok {
			return t, nil
		}
	}
}

// text reads up to the next "<"; ok tells whether there was a text that is not blank.
func (r *Reader) text() (t Token, ok bool, err error) {
	r.inside = false
	t = Token{Kind: Text, At: r.in.at}
	r.words = r.words[:0]
	blank := true
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return t, false, err
		}
		if c == '<' {
			break
		}
		blank = blank && (c == ' ' || c == '\n' || c == '\r' || c == '\t')
		if len(r.words) < maxValue && !blank {
			r.words = append(r.words, c)
		}
	}
	r.tag = true
	if blank {
		return t, false, nil
	}
	t.Text = Unescape(string(r.words))
	return t, true, nil
}

// markup reads what follows a "<"; ok is false for a comment.
func (r *Reader) markup() (t Token, ok bool, err error) {
	at := r.in.at - 1
	if r.in.wide {
		at--
	}
	c, err := r.in.ReadByte()
	if err != nil {
		return t, false, err
	}
	switch c {
	case '?':
		t, err = r.instruction()
	case '!':
		t, ok, err = r.declaration()
		t.At = at
		return t, ok, err
	case '/':
		r.depth--
		t, err = r.end()
	default:
		t, err = r.start(c)
	}
	t.At = at
	return t, true, err
}

// end reads an end tag.
func (r *Reader) end() (Token, error) {
	text, err := r.until(">")
	return Token{Kind: End, Name: strings.TrimSpace(text)}, err
}

// until reads up to the given text and passes it; what it returns is cut at the length of a value.
func (r *Reader) until(text string) (string, error) {
	var kept []byte
	matched := 0
	for matched < len(text) {
		c, err := r.in.ReadByte()
		if err != nil {
			return "", err
		}
		if len(kept) < maxValue+len(text) {
			kept = append(kept, c)
		}
		switch c {
		case text[matched]:
			matched++
		case text[0]: // "-->" may follow more dashes
			if matched != 2 || text[1] != c {
				matched = 1
			}
		default:
			matched = 0
		}
	}
	return string(bytes.TrimSuffix(kept, []byte(text))), nil
}

// instruction reads a processing instruction.
func (r *Reader) instruction() (Token, error) {
	var text []byte
	for {
		c, err := r.in.ReadByte()
		if err != nil {
			return Token{}, err
		}
		if c == '>' && len(text) > 0 && text[len(text)-1] == '?' {
			return Token{Kind: Instruction, Text: string(text[:len(text)-1])}, nil
		}
		if len(text) < maxName {
			text = append(text, c)
		} else {
			text[len(text)-1] = c
		}
	}
}

// declaration reads what follows "<!": a comment, character data, or a document type.
func (r *Reader) declaration() (t Token, ok bool, err error) {
	var begin []byte
	for len(begin) < 7 {
		c, err := r.in.ReadByte()
		if err != nil {
			return t, false, err
		}
		begin = append(begin, c)
		switch {
		case string(begin) == "--":
			_, err := r.until("-->")
			return t, false, err
		case string(begin) == "[CDATA[":
			text, err := r.until("]]>")
			return Token{Kind: Text, Text: text}, strings.TrimSpace(text) != "", err
		}
	}
	if strings.EqualFold(string(begin), "doctype") {
		t, err = r.doctype()
		return t, true, err
	}
	return Token{Kind: Declaration, Text: string(begin)}, true, nil
}

// doctype reads a document type up to its end: what stands in front of the brackets, and what within. One that breaks off is returned
// as far as it goes.
func (r *Reader) doctype() (Token, error) {
	var out, in strings.Builder
	brackets, quote := 0, byte(0)
	t := func() (Token, error) {
		return Token{Kind: Doctype, Text: out.String(), Subset: in.String()}, nil
	}
	for out.Len()+in.Len() < maxType {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			in.WriteByte(' ') // an unfinished document type is never a harmless one
			return t()
		}
		if err != nil {
			return Token{}, err
		}
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			brackets++
		case c == '>' && brackets == 0:
			return t()
		}
		if brackets == 0 {
			out.WriteByte(c)
		} else {
			in.WriteByte(c)
		}
		if c == ']' && quote == 0 {
			brackets--
		}
	}
	in.WriteByte(' ')
	return t()
}

// open notes an element that begins.
func (r *Reader) open(t Token) error {
	r.Page = r.Page || r.depth == 0 && strings.EqualFold(t.Name, "html")
	if !t.Empty {
		r.depth++
	}
	if r.depth > maxDepth && !r.Page {
		return fmt.Errorf("elements nested deeper than %d: %w", maxDepth, source.ErrBudget)
	}
	return nil
}
