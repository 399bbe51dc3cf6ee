package tensorflow

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"modelgate/internal/scanner/source"
)

// The text encoding (Protocol Buffers, "Text Format Language Specification"), read tolerantly:
//
//	message = { name [":"] value [","|";"] }
//	value   = "{" message "}" | "<" message ">" | "[" value { "," value } "]" | string { string } | word
//	name    = word | "[" extension or type URL "]"
//
// # begins a comment. A document is read once, from front to back, and nothing of it is kept.

// Bounds of the text encoding.
const (
	maxTextDepth = 100
	maxWord      = 4 << 10 // bytes of a name, number or literal
)

// pbtxt reads a document.
type pbtxt struct {
	in    *source.Forward
	depth int
}

// textField is a field in the text encoding. Its value has not been read, unless taken says so.
type textField struct {
	p     *pbtxt
	spec  spec
	start int64
	taken bool
	cache *string // what bytes read
}

func (t *textField) num() int32 { return t.spec.num }
func (t *textField) at() int64  { return t.start }

func (t *textField) integer() int64 {
	if t.taken {
		return 0
	}
	t.taken = true
	word, err := t.p.word()
	if err != nil {
		return 0
	}
	if v, err := strconv.ParseInt(word, 0, 64); err == nil {
		return v
	}
	return enum(word)
}

func (t *textField) str(limit int64) (s string, whole bool, err error) {
	switch {
	case t.cache != nil:
		n := min(limit, int64(len(*t.cache)))
		return (*t.cache)[:n], n == int64(len(*t.cache)), nil
	case t.taken:
		return "", true, nil
	}
	t.taken = true
	return t.p.str(limit)
}

// maxNested is how much of a string that is handed on is kept in memory.
const maxNested = 16 << 20

func (t *textField) bytes() (source.Reader, error) {
	s, whole, err := t.str(maxNested)
	if err == nil && !whole {
		err = fmt.Errorf("a string of more than %d bytes: %w", maxNested, source.ErrBudget)
	}
	t.cache = &s
	return source.Bytes(s), err
}

func (t *textField) walk(visit func(field) error) error {
	if t.taken {
		return nil
	}
	t.taken = true
	c, err := t.p.next()
	if err != nil {
		return err
	}
	if c != '{' && c != '<' {
		return source.Malformedf(t.p.in.Offset(), "%q where a message begins", c)
	}
	t.p.in.Skip(1)
	return t.p.message(t.spec.inner(), c+2, visit) // } is { + 2, and > is < + 2
}

// walkText reads a document of the text encoding as one message of the given type.
func walkText(in *source.Forward, of string, visit func(field) error) error {
	if string(in.Peek(3)) == "\xef\xbb\xbf" {
		in.Skip(3)
	}
	p := &pbtxt{in: in}
	return p.message(schemas[of], 0, visit)
}

// next passes over white space and comments, and returns the byte that follows without taking it; 0 at the end.
func (p *pbtxt) next() (byte, error) {
	for {
		b := p.in.Peek(1)
		if len(b) == 0 {
			return 0, p.in.Fault()
		}
		switch c := b[0]; c {
		case ' ', '\t', '\r', '\n', '\v', '\f':
			p.in.Skip(1)
		case '#':
			for b := p.in.Peek(1); len(b) > 0 && b[0] != '\n'; b = p.in.Peek(1) {
				p.in.Skip(1)
			}
		case 0:
			return 0, source.Malformedf(p.in.Offset(), "a zero in a text")
		default:
			return c, nil
		}
	}
}

// message reads the fields of a message up to the byte that ends it, or to the end of the document if that is 0.
func (p *pbtxt) message(s *schema, end byte, visit func(field) error) error {
	if p.depth++; p.depth > maxTextDepth {
		return source.Malformedf(p.in.Offset(), "messages are nested more than %d deep", maxTextDepth)
	}
	defer func() { p.depth-- }()
	for {
		c, err := p.next()
		if err != nil {
			return err
		}
		if c == end {
			if end != 0 {
				p.in.Skip(1)
			}
			return nil
		}
		if c == 0 {
			return source.Malformedf(p.in.Offset(), "the text ends inside a message")
		}
		if err := p.field(s, visit); err != nil {
			return err
		}
		if c, err = p.next(); err != nil {
			return err
		}
		if c == ',' || c == ';' {
			p.in.Skip(1)
		}
	}
}

// field reads a name and its value, or its list of values.
func (p *pbtxt) field(s *schema, visit func(field) error) error {
	f := textField{p: p, start: p.in.Offset()}
	name, err := p.name()
	if err != nil {
		return err
	}
	if s != nil {
		f.spec = s.byName[name]
	}
	c, err := p.next()
	if err != nil {
		return err
	}
	switch c {
	case ':':
		p.in.Skip(1)
		if c, err = p.next(); err != nil {
			return err
		}
	case '{', '<', '[':
	default:
		return source.Malformedf(p.in.Offset(), "neither a colon nor a message behind a name")
	}
	if c != '[' {
		return p.value(f, c, visit)
	}
	for p.in.Skip(1); ; p.in.Skip(1) {
		if c, err = p.next(); err != nil {
			return err
		}
		if c != ']' {
			f.start = p.in.Offset()
			if err := p.value(f, c, visit); err != nil {
				return err
			}
			if c, err = p.next(); err != nil {
				return err
			}
		}
		if c == ']' {
			p.in.Skip(1)
			return nil
		}
		if c != ',' {
			return source.Malformedf(p.in.Offset(), "%q in a list of values", c)
		}
	}
}

// value gives a field whose value begins with c to visit, if its form is that of the schema, and passes over what visit has not read.
func (p *pbtxt) value(f textField, c byte, visit func(field) error) error {
	form := number
	switch c {
	case '{', '<':
		form = message
	case '"', '\'':
		form = text
	}
	if want := f.spec.kind; want != form && (want != table || form != message) {
		f.spec = spec{}
	}
	if err := visit(&f); err != nil {
		return err
	}
	if f.taken {
		return nil
	}
	switch form {
	case message:
		f.spec = spec{}
		return f.walk(func(field) error { return nil })
	case text:
		_, _, err := p.str(0)
		return err
	case number, table:
	}
	_, err := p.word()
	return err
}

// name reads the name of a field, an extension's in brackets.
func (p *pbtxt) name() (string, error) {
	if b := p.in.Peek(1); len(b) > 0 && b[0] == '[' {
		at := p.in.Offset()
		for n := 0; n < maxWord; n++ {
			c, err := p.in.ReadByte()
			if err != nil {
				return "", source.Malformedf(at, "the text ends inside a name")
			}
			if c == ']' {
				return "[]", nil
			}
		}
		return "", source.Malformedf(at, "a name without end")
	}
	return p.word()
}

// word reads a name, a number or a literal.
func (p *pbtxt) word() (string, error) {
	if _, err := p.next(); err != nil {
		return "", err
	}
	at := p.in.Offset()
	var word []byte
	for len(word) < maxWord {
		b := p.in.Peek(1)
		if len(b) == 0 || !isWord(b[0]) {
			break
		}
		word = append(word, b[0])
		p.in.Skip(1)
	}
	if len(word) == 0 || len(word) == maxWord {
		if fault := p.in.Fault(); fault != nil {
			return "", fault
		}
		return "", source.Malformedf(at, "neither a name nor a value")
	}
	return string(word), nil
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.+-/", c) >= 0
}

// str reads adjacent strings as one. What is beyond limit is not kept, nor decoded.
func (p *pbtxt) str(limit int64) (s string, whole bool, err error) {
	out := kept{limit: limit, whole: true}
	for {
		c, err := p.next()
		if err != nil {
			return "", false, err
		}
		if c != '"' && c != '\'' {
			return string(out.b), out.whole, nil
		}
		if err := p.quoted(&out, c); err != nil {
			return "", false, err
		}
	}
}

// kept is the beginning of a string.
type kept struct {
	b     []byte
	limit int64
	whole bool
}

func (k *kept) add(b []byte) {
	room := k.limit - int64(len(k.b))
	k.whole = k.whole && int64(len(b)) <= room
	k.b = append(k.b, b[:min(int64(len(b)), max(0, room))]...)
}

// maxPeek is how much of a string is looked at at once, in bytes.
const maxPeek = 4 << 10

// quoted reads one string, which the given quote ends.
func (p *pbtxt) quoted(out *kept, quote byte) error {
	at := p.in.Offset()
	p.in.Skip(1)
	for {
		b := p.in.Peek(maxPeek)
		plain := bytes.IndexFunc(b, func(r rune) bool { return r == rune(quote) || r == '\\' || r == '\n' })
		if plain < 0 {
			plain = len(b)
		}
		out.add(b[:plain])
		ended := plain < len(b) && b[plain] == quote
		broken := len(b) == 0 || plain < len(b) && b[plain] == '\n'
		escaped := plain < len(b) && b[plain] == '\\'
		p.in.Skip(int64(plain))
		switch {
		case ended:
			p.in.Skip(1)
			return nil
		case broken:
			if fault := p.in.Fault(); fault != nil {
				return fault
			}
			return source.Malformedf(at, "a string without end")
		case escaped && int64(len(out.b)) >= out.limit: // what follows the backslash ends no string
			out.whole = false
			p.in.Skip(2)
		case escaped:
			p.in.Skip(1)
			one, err := p.escape()
			if err != nil {
				return err
			}
			out.add(one)
		}
	}
}

// escape decodes what follows a backslash.
func (p *pbtxt) escape() ([]byte, error) {
	at := p.in.Offset() - 1
	c, err := p.in.ReadByte()
	if err != nil {
		return nil, source.Malformedf(at, "the text ends inside a string")
	}
	if i := strings.IndexByte(`abfnrtv\'"?`, c); i >= 0 {
		return []byte{"\a\b\f\n\r\t\v\\'\"?"[i]}, nil
	}
	switch {
	case c == 'x' || c == 'X':
		v, err := p.digits("", 16, 2)
		return []byte{byte(v)}, err
	case c >= '0' && c <= '7':
		v, err := p.digits(string(c), 8, 3)
		return []byte{byte(v)}, err
	case c == 'u':
		v, err := p.digits("", 16, 4)
		return []byte(string(rune(v))), err
	case c == 'U':
		v, err := p.digits("", 16, 8)
		return []byte(string(rune(v & 0x1fffff))), err
	}
	return nil, source.Malformedf(at, "an escape that is none")
}

// digits reads the rest of a number of at most n digits.
func (p *pbtxt) digits(first string, base, n int) (uint64, error) {
	at := p.in.Offset()
	word := first
	for len(word) < n {
		b := p.in.Peek(1)
		if len(b) == 0 {
			break
		}
		if _, err := strconv.ParseUint(string(b), base, 8); err != nil {
			break
		}
		word += string(b)
		p.in.Skip(1)
	}
	v, err := strconv.ParseUint(word, base, 32)
	if err != nil {
		return 0, source.Malformedf(at, "an escape that is none")
	}
	return v, nil
}
