package pickle

import (
	"encoding/binary"
	"errors"
)

// Marshal is how CPython writes compiled code (Python/marshal.c). An object is a type byte, whose highest bit says that the
// object can be referred to, and its content. Code objects differ between versions; the layout that consumes the input
// exactly is the one.

// codeObject is a code object as far as it matters: its instructions and names, and the code objects among its constants.
type codeObject struct {
	code   []byte
	names  []string
	locals []string
	nested []*codeObject
	layout codeLayout
}

// codeLayout is how a range of versions lays out code objects.
type codeLayout uint8

const (
	layout27  codeLayout = iota // 2.7: 4 numbers
	layout30                    // 3.0 to 3.7: 5 numbers
	layout38                    // 3.8 to 3.10: 6 numbers
	layout311                   // 3.11 and later: 5 numbers, names of locals in one tuple
)

// Bounds of marshal data.
const (
	marshalDepth   = 100
	marshalObjects = 1_000_000
	mostCode       = 4 << 20 // bytes that are read
)

var (
	errMarshal = errors.New("not marshal data of this layout")
	errDeep    = errors.New("marshal data nested too deep, or too many objects")
)

// object is a marshalled object: a string, a sequence, a code object, or something that nobody asks for.
type object struct {
	text  []byte
	items []*object
	code  *codeObject
}

// unmarshal reads data as a code object, in the layout that fits.
func unmarshal(data []byte) (*codeObject, error) {
	err := errMarshal
	for _, layout := range []codeLayout{layout311, layout38, layout30, layout27} {
		p := marshalParser{data: data, layout: layout}
		o, fault := p.object(0)
		if fault == nil && p.pos == len(data) && o.code != nil {
			return o.code, nil
		}
		if errors.Is(fault, errDeep) {
			err = fault
		}
	}
	return nil, err
}

type marshalParser struct {
	data    []byte
	pos     int
	layout  codeLayout
	refs    []*object
	strings []*object // interned strings of Python 2
	objects int
}

func (p *marshalParser) take(n int) ([]byte, error) {
	if n < 0 || n > len(p.data)-p.pos {
		return nil, errMarshal
	}
	p.pos += n
	return p.data[p.pos-n : p.pos], nil
}

func (p *marshalParser) u8() (int, error) {
	b, err := p.take(1)
	if err != nil {
		return 0, err
	}
	return int(b[0]), nil
}

func (p *marshalParser) i32() (int, error) {
	b, err := p.take(4)
	if err != nil {
		return 0, err
	}
	return int(int32(binary.LittleEndian.Uint32(b))), nil
}

// object reads one object; nil without an error is the end of a dict.
func (p *marshalParser) object(depth int) (*object, error) {
	if p.objects++; depth > marshalDepth || p.objects > marshalObjects {
		return nil, errDeep
	}
	tag, err := p.u8()
	if err != nil {
		return nil, err
	}
	o := &object{}
	if tag&0x80 != 0 {
		p.refs = append(p.refs, o)
	}
	switch tag & 0x7f {
	case '0':
		return nil, nil
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

// reference returns an object that was read before.
func (p *marshalParser) reference(tag int) (*object, error) {
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
func (p *marshalParser) scalar(o *object, tag int) (err error) {
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
	o.text, err = p.take(n)
	if tag == 't' {
		p.strings = append(p.strings, o)
	}
	return err
}

// sequence reads tuples, lists, sets, dicts and slices.
func (p *marshalParser) sequence(o *object, tag, depth int) (err error) {
	n := 0
	switch tag {
	case ')':
		n, err = p.u8()
	case ':':
		n = 3
	case '{':
		n = 2 * marshalObjects
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
func (p *marshalParser) code(depth int) (*codeObject, error) {
	if _, err := p.take(4 * map[codeLayout]int{layout27: 4, layout30: 5, layout38: 6, layout311: 5}[p.layout]); err != nil {
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
	if p.layout == layout311 {
		tables = 2
	}
	for range tables {
		if o, err := p.object(depth + 1); err != nil || o == nil {
			return nil, orMarshal(err)
		}
	}
	c := &codeObject{code: fields[0].text, names: stringsOf(fields[2]), locals: stringsOf(fields[3]), layout: p.layout}
	for _, o := range fields[1].items {
		if o.code != nil {
			c.nested = append(c.nested, o.code)
		}
	}
	return c, nil
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

// looksLikeCode tells whether bytes begin like a marshalled code object: small numbers of arguments and locals.
func looksLikeCode(head []byte) bool {
	if len(head) < 32 || head[0]&0x7f != 'c' {
		return false
	}
	for i := range 2 {
		if binary.LittleEndian.Uint32(head[1+4*i:]) > 255 {
			return false
		}
	}
	return binary.LittleEndian.Uint32(head[9:]) < 1<<16
}
