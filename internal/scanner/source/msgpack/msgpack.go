// Package msgpack reads MessagePack without building values: one header after the other, contents passed over by their length.
// (github.com/msgpack/msgpack, spec.md.)
//
//	value = tag [length or number] [content]
//	0x00-0x7f, 0xe0-0xff  integer        0x80-0x8f map    0x90-0x9f array    0xa0-0xbf string
//	c0 nil  c2 c3 boolean  c4-c6 binary  c7-c9 extension  ca cb float        cc-cf d0-d3 integer
//	d4-d8 extension of 1, 2, 4, 8, 16 bytes  d9-db string  dc dd array       de df map    c1 nothing
//
// Lengths and numbers are big-endian. A container is followed by as many values as it states, a map by twice as many. A count
// that exceeds the bytes that are left is refused before anybody loops over it.
package msgpack

import (
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
)

// maxValues bounds the values of one walk.
const maxValues = 64 << 20

// Kind is what a value is.
type Kind uint8

// Kinds of values.
const (
	Nil Kind = iota
	Bool
	Int
	Float
	String
	Binary
	Array
	Map
	Extension
)

// Value is the header of a value.
type Value struct {
	Kind Kind
	// At is where the value begins. Offset and Size are where the content of a string, binary or extension lies.
	At, Offset, Size int64
	// Count is how many values an array holds, or how many pairs a map.
	Count int64
	// Type is that of an extension, -128 to 127.
	Type int8
	// Int is an integer; one above the largest int64 is negative.
	Int int64
}

// IsContainer tells whether values follow that belong to this one, and how many.
func (v Value) IsContainer() (values int64, ok bool) {
	switch v.Kind {
	case Array:
		return v.Count, true
	case Map:
		return 2 * v.Count, true
	default:
		return 0, false
	}
}

// Reader reads the values of a part of a file.
type Reader struct {
	in     *source.Cursor
	r      source.Reader
	end    int64
	values int
}

// New returns a reader over the n bytes of r from off.
func New(r source.Reader, off, n int64) (*Reader, error) {
	in, err := source.NewCursor(r, off, binary.BigEndian)
	if err != nil {
		return nil, err
	}
	return &Reader{in: in, r: r, end: off + min(n, in.Remaining())}, nil
}

// Offset is where the next value begins.
func (r *Reader) Offset() int64 { return r.in.Offset() }

// Left is how many bytes are left.
func (r *Reader) Left() int64 { return max(0, r.end-r.in.Offset()) }

// Next reads the header of a value and goes behind its content, or in front of the first value of a container.
func (r *Reader) Next() (Value, error) {
	v := Value{At: r.in.Offset()}
	if r.values++; r.values > maxValues {
		return v, fmt.Errorf("more than %d values: %w", maxValues, source.ErrBudget)
	}
	tag, err := r.number(1)
	if err != nil {
		return v, err
	}
	c := byte(tag)
	switch {
	case c < 0x80:
		v.Kind, v.Int = Int, int64(c)
	case c >= 0xe0:
		v.Kind, v.Int = Int, int64(int8(c))
	case c < 0x90:
		v.Kind, v.Count = Map, int64(c&0xf)
	case c < 0xa0:
		v.Kind, v.Count = Array, int64(c&0xf)
	case c < 0xc0:
		v.Kind, v.Size = String, int64(c&0x1f)
	default:
		err = r.tagged(&v, c)
	}
	if err != nil {
		return v, err
	}
	return v, r.content(&v)
}

// tagged reads what follows a tag from 0xc0 to 0xdf.
func (r *Reader) tagged(v *Value, c byte) (err error) {
	switch c {
	case 0xc0:
		v.Kind = Nil
	case 0xc1:
		return source.Malformedf(v.At, "a tag that means nothing")
	case 0xc2, 0xc3:
		v.Kind, v.Int = Bool, int64(c&1)
	case 0xc4, 0xc5, 0xc6:
		v.Kind = Binary
		v.Size, err = r.number(1 << (c - 0xc4))
	case 0xc7, 0xc8, 0xc9:
		v.Kind = Extension
		v.Size, err = r.number(1 << (c - 0xc7))
	case 0xca, 0xcb:
		v.Kind = Float
		_, err = r.number(4 << (c - 0xca))
	case 0xcc, 0xcd, 0xce, 0xcf:
		v.Kind = Int
		v.Int, err = r.number(1 << (c - 0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3:
		v.Kind = Int
		width := 1 << (c - 0xd0)
		v.Int, err = r.number(width)
		shift := 64 - 8*width
		v.Int = v.Int << shift >> shift
	case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
		v.Kind, v.Size = Extension, 1<<(c-0xd4)
	case 0xd9, 0xda, 0xdb:
		v.Kind = String
		v.Size, err = r.number(1 << (c - 0xd9))
	case 0xdc, 0xdd:
		v.Kind = Array
		v.Count, err = r.number(2 << (c - 0xdc))
	default:
		v.Kind = Map
		v.Count, err = r.number(2 << (c - 0xde))
	}
	return err
}

// content checks the length of a value, and passes over its content.
func (r *Reader) content(v *Value) error {
	if v.Kind == Extension {
		kind, err := r.number(1)
		if err != nil {
			return err
		}
		v.Type = int8(kind)
	}
	v.Offset = r.in.Offset()
	left := r.end - v.Offset
	if values, ok := v.IsContainer(); ok && values > left {
		return source.Malformedf(v.At, "%d values in the %d bytes that remain", values, left)
	}
	if v.Size > left {
		return source.Malformedf(v.At, "a value of %d bytes in the %d that remain", v.Size, left)
	}
	r.in.MoveTo(v.Offset + v.Size)
	return nil
}

// number reads a big-endian number of 1, 2, 4 or 8 bytes.
func (r *Reader) number(width int) (int64, error) {
	at := r.in.Offset()
	if int64(width) > r.end-at {
		return 0, source.Malformedf(at, "%d bytes wanted, %d remain", width, max(0, r.end-at))
	}
	switch width {
	case 1:
		v, err := r.in.U8()
		return int64(v), err
	case 2:
		v, err := r.in.U16()
		return int64(v), err
	case 4:
		v, err := r.in.U32()
		return int64(v), err
	default:
		v, err := r.in.U64()
		return int64(v), err
	}
}

// Text reads the content of a value, at most limit bytes of it; the reader stays where it is.
func (r *Reader) Text(v Value, limit int64) (string, error) {
	at := r.in.Offset()
	r.in.MoveTo(v.Offset)
	b, err := r.in.Bytes(uint64(min(v.Size, limit)), limit)
	r.in.MoveTo(at)
	return string(b), err
}

// Content is the content of a value, to be handed on without being read.
func (r *Reader) Content(v Value) source.Reader { return source.Section(r.r, v.Offset, v.Size) }

// Skip passes over the values that belong to a container, which Next just returned. Nesting costs nothing but the bytes.
func (r *Reader) Skip(v Value) error {
	left, _ := v.IsContainer()
	for left > 0 {
		next, err := r.Next()
		if err != nil {
			return err
		}
		values, _ := next.IsContainer()
		left += values - 1
	}
	return nil
}
