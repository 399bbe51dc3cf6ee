package pycode

import "encoding/binary"

// object is a marshalled object: a string, a sequence, a code object, or something that nobody asks for.
type object struct {
	kind  ConstKind
	text  []byte
	items []*object
	code  *Code
}

// What marshal data has many of; nothing is ever written to them.
var none, other = &object{kind: ConstNone}, &object{}

// parser reads marshal data in one layout.
type parser struct {
	data    []byte
	pos     int
	layout  Layout
	refs    []*object
	strings []*object // interned strings of Python 2
	objects int
}

func (p *parser) take(n int) ([]byte, error) {
	if n < 0 || n > len(p.data)-p.pos {
		return nil, errMarshal
	}
	p.pos += n
	return p.data[p.pos-n : p.pos], nil
}

func (p *parser) u8() (int, error) {
	b, err := p.take(1)
	if err != nil {
		return 0, err
	}
	return int(b[0]), nil
}

func (p *parser) i32() (int, error) {
	b, err := p.take(4)
	if err != nil {
		return 0, err
	}
	return int(int32(binary.LittleEndian.Uint32(b))), nil
}

// object reads one object; nil without an error is the end of a dict.
func (p *parser) object(depth int) (*object, error) {
	if p.objects++; depth > maxDepth || p.objects > maxObjects {
		return nil, ErrTooDeep
	}
	b, err := p.take(1)
	if err != nil {
		return nil, err
	}
	tag := b[0]
	if tag&0x7f == '0' {
		return nil, nil
	}
	o := plain(tag & 0x7f)
	if tag&0x80 != 0 {
		p.refs = append(p.refs, o)
	}
	switch tag & 0x7f {
	case 'N', 'F', 'T', 'S', '.':
		return o, nil
	case 'r', 'R':
		return p.reference(tag & 0x7f)
	case 'c':
		o.code, err = p.code(depth)
		return o, err
	case '(', '[', '<', '>', ')', '{', ':':
		return o, p.sequence(o, tag&0x7f, depth)
	default:
		return o, p.scalar(o, tag&0x7f)
	}
}

// plain returns a new object, or the one that stands for all those without content, so that a million of them take no memory.
func plain(tag byte) *object {
	switch tag {
	case 'N':
		return none
	case 'F', 'T', 'S', '.', 'i', 'I', 'g', 'y', 'f', 'l', 'x':
		return other
	default:
		return &object{}
	}
}

// reference returns an object that was read before.
func (p *parser) reference(tag byte) (*object, error) {
	n, err := p.i32()
	if err != nil {
		return nil, err
	}
	table := p.refs
	if tag == 'R' {
		table = p.strings
	}
	if n < 0 || n >= len(table) {
		return nil, errMarshal
	}
	return table[n], nil
}

// scalar reads numbers and strings.
func (p *parser) scalar(o *object, tag byte) (err error) {
	n := 0
	switch tag {
	case 'i':
		n = 4
	case 'I', 'g':
		n = 8
	case 'y':
		n = 16
	case 'f', 'z', 'Z':
		n, err = p.u8()
	case 'l':
		n, err = p.i32()
		n = 2 * max(n, -n)
	case 's', 't', 'u', 'a', 'A':
		n, err = p.i32()
	case 'x':
		for range 2 {
			if n, err = p.u8(); err != nil {
				return err
			}
			if _, err = p.take(n); err != nil {
				return err
			}
		}
		return nil
	default:
		return errMarshal
	}
	if err != nil {
		return err
	}
	text, err := p.take(n)
	switch tag {
	case 't':
		p.strings = append(p.strings, o)
		fallthrough
	case 's', 'u', 'a', 'A', 'z', 'Z':
		o.kind, o.text = ConstText, text
	}
	return err
}

// sequence reads tuples, lists, sets, dicts and slices.
func (p *parser) sequence(o *object, tag byte, depth int) (err error) {
	n := 0
	switch tag {
	case ')':
		n, err = p.u8()
	case ':':
		n = 3
	case '{':
		n = 2 * maxObjects
	default:
		n, err = p.i32()
	}
	if err != nil {
		return err
	}
	if n < 0 || tag != '{' && n > len(p.data)-p.pos {
		return errMarshal
	}
	for range n {
		item, err := p.object(depth + 1)
		if err != nil {
			return err
		}
		if item == nil {
			if tag != '{' {
				return errMarshal
			}
			return nil
		}
		o.items = append(o.items, item)
	}
	return nil
}

// code reads the fields of a code object.
func (p *parser) code(depth int) (*Code, error) {
	if _, err := p.take(4 * map[Layout]int{Layout27: 4, Layout30: 5, Layout38: 6, Layout311: 5}[p.layout]); err != nil {
		return nil, err
	}
	// The instructions, constants, names, names of locals, of free variables (3.11: kinds of locals), of cells (3.11: none), the
	// file, the name and, in 3.11, the qualified name; then a line number and one table, in 3.11 two.
	fields := make([]*object, 8)
	for i := range fields {
		o, err := p.object(depth + 1)
		if err != nil || o == nil {
			return nil, orMarshal(err)
		}
		fields[i] = o
	}
	if _, err := p.i32(); err != nil {
		return nil, err
	}
	tables := 1
	if p.layout == Layout311 {
		tables = 2
	}
	for range tables {
		if o, err := p.object(depth + 1); err != nil || o == nil {
			return nil, orMarshal(err)
		}
	}
	c := &Code{
		Layout: p.layout, Instructions: fields[0].text, Names: stringsOf(fields[2]), Locals: stringsOf(fields[3]),
		Cells: append(stringsOf(fields[5]), stringsOf(fields[4])...),
	}
	if p.layout == Layout311 {
		c.Cells = c.Locals
	}
	for _, o := range fields[1].items {
		c.Consts = append(c.Consts, Const{Kind: o.kind, Text: string(o.text)})
	}
	c.Nested = codeIn(fields[1].items)
	return c, nil
}

// codeIn returns the code objects among constants, and in the tuples among them.
func codeIn(items []*object) []*Code {
	var out []*Code
	seen := map[*object]bool{}
	for work := items; len(work) > 0; work = work[1:] {
		o := work[0]
		if o.code != nil {
			out = append(out, o.code)
		}
		if len(o.items) > 0 && !seen[o] {
			seen[o] = true
			work = append(work[:len(work):len(work)], o.items...)
		}
	}
	return out
}

func orMarshal(err error) error {
	if err == nil {
		return errMarshal
	}
	return err
}

// stringsOf returns the strings of a tuple.
func stringsOf(o *object) []string {
	out := make([]string, 0, len(o.items))
	for _, item := range o.items {
		out = append(out, string(item.text))
	}
	return out
}
