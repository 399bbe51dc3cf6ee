// Package flatbuf reads FlatBuffers without a schema compiler and without trust: every offset, every vtable and every length is
// checked where it is followed, and how many tables are visited is bounded. (FlatBuffers, "Internals".)
//
//	buffer = root offset (u32), identifier (4 bytes), …
//	table  = offset back to its vtable (i32), fields
//	vtable = its size (u16), size of the table (u16), offset of each field in the table (u16 each, 0: absent)
//	string, vector = at an offset (u32) from the field: length (u32), elements
//
// All integers are little-endian. A [Buffer] reads from a source.Reader through a cursor, so tensors are never read unless asked for.
package flatbuf

import (
	"encoding/binary"
	"fmt"
	"math"

	"modelgate/internal/scanner/source"
)

// Bounds of one buffer: tables that are visited, bytes of a string, bytes that count as visited.
const (
	maxTables = 16 << 20
	maxString = 1 << 20
	maxSeen   = 1 << 10 // of a table or vtable, so that wide ones hide nothing of what follows the buffer
)

// Buffer is a FlatBuffer. It is for one goroutine.
type Buffer struct {
	r      source.Reader
	in     *source.Cursor // for what is longer than a number
	pages  [pages]page
	size   int64
	tables int
	end    int64 // of the last table or vector that was visited
}

// New returns the buffer that r holds.
func New(r source.Reader) (*Buffer, error) {
	in, err := source.NewCursor(r, 0, binary.LittleEndian)
	if err != nil {
		return nil, err
	}
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	return &Buffer{r: r, in: in, size: size}, nil
}

// Size is that of the buffer in bytes.
func (b *Buffer) Size() int64 { return b.size }

// Reader is a part of the buffer, to be handed on without being read. It is Malformed if it does not lie in the buffer.
func (b *Buffer) Reader(off, n int64) (source.Reader, error) {
	if off < 0 || n < 0 || off > b.size || n > b.size-off {
		return nil, source.Malformedf(max(0, off), "%d bytes at %d do not lie in the %d bytes of the buffer", n, off, b.size)
	}
	return source.Section(b.r, off, n), nil
}

// Root is the root table. A size-prefixed buffer is read from behind its prefix by its owner.
func (b *Buffer) Root() (Table, error) {
	off, err := b.u32(0)
	if err != nil {
		return Table{}, err
	}
	return b.table(int64(off))
}

// Table is a table in a buffer. The zero value is an absent table: all its fields are absent.
type Table struct {
	b      *Buffer
	at     int64 // of the table
	vtable int64
	fields int   // entries of the vtable
	size   int64 // of the table, as its vtable states
}

// Present tells whether the table is there.
func (t Table) Present() bool { return t.b != nil }

// Offset is where the table lies in the buffer.
func (t Table) Offset() int64 { return t.at }

// Size is how many bytes the table has, without what its fields lead to.
func (t Table) Size() int64 { return t.size }

// Fields is how many fields the table's vtable knows of.
func (t Table) Fields() int { return t.fields }

// table checks the table at an offset, and its vtable.
func (b *Buffer) table(at int64) (Table, error) {
	if b.tables++; b.tables > maxTables {
		return Table{}, fmt.Errorf("more than %d tables are visited: %w", maxTables, source.ErrBudget)
	}
	back, err := b.u32(at)
	if err != nil {
		return Table{}, err
	}
	t := Table{b: b, at: at, vtable: at - int64(int32(back))}
	size, err := b.u16(t.vtable)
	if err != nil {
		return Table{}, err
	}
	length, err := b.u16(t.vtable + 2)
	if err != nil {
		return Table{}, err
	}
	t.size, t.fields = int64(length), (int(size)-4)/2
	if size < 4 || size%2 != 0 || t.vtable+int64(size) > b.size {
		return Table{}, source.Malformedf(max(0, t.vtable), "a vtable of %d bytes", size)
	}
	if length < 4 || at+t.size > b.size {
		return Table{}, source.Malformedf(at, "a table of %d bytes, of which %d remain", length, b.size-at)
	}
	b.visit(at, min(t.size, maxSeen))
	b.visit(t.vtable, min(int64(size), maxSeen))
	return t, nil
}

// place is the offset in the buffer of a field of n bytes, 0 if it is absent.
func (t Table) place(field int, n int64) (int64, error) {
	if t.b == nil || field < 0 || field >= t.fields {
		return 0, nil
	}
	off, err := t.b.u16(t.vtable + 4 + 2*int64(field))
	if err != nil || off == 0 {
		return 0, err
	}
	if int64(off)+n > t.size || off < 4 {
		return 0, source.Malformedf(t.at, "field %d lies outside of its table", field)
	}
	return t.at + int64(off), nil
}

// Has tells whether a field is there.
func (t Table) Has(field int) bool {
	at, err := t.place(field, 0)
	return err == nil && at != 0
}

// U8 returns a field of one byte: a number, a boolean or a small enum. It and its kin return the default if the field is absent.
func (t Table) U8(field int, absent uint8) (uint8, error) {
	at, err := t.place(field, 1)
	if err != nil || at == 0 {
		return absent, err
	}
	p, err := t.b.number(at, 1)
	if err != nil {
		return 0, err
	}
	return p[0], nil
}

// U32 returns an unsigned field of 32 bits.
func (t Table) U32(field int, absent uint32) (uint32, error) {
	at, err := t.place(field, 4)
	if err != nil || at == 0 {
		return absent, err
	}
	return t.b.u32(at)
}

// I32 returns a signed field of 32 bits.
func (t Table) I32(field int, absent int32) (int32, error) {
	v, err := t.U32(field, uint32(absent))
	return int32(v), err
}

// U64 returns an unsigned field of 64 bits.
func (t Table) U64(field int, absent uint64) (uint64, error) {
	at, err := t.place(field, 8)
	if err != nil || at == 0 {
		return absent, err
	}
	p, err := t.b.number(at, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(p), nil
}

// F32 returns a field that is a float of 32 bits.
func (t Table) F32(field int, absent float32) (float32, error) {
	v, err := t.U32(field, math.Float32bits(absent))
	return math.Float32frombits(v), err
}

// Table returns the table that a field leads to; an absent one if the field is absent.
func (t Table) Table(field int) (Table, error) {
	at, err := t.follow(field)
	if err != nil || at == 0 {
		return Table{}, err
	}
	return t.b.table(at)
}

// follow is where the offset in a field leads, 0 if the field is absent.
func (t Table) follow(field int) (int64, error) {
	at, err := t.place(field, 4)
	if err != nil || at == 0 {
		return 0, err
	}
	return t.b.follow(at)
}

// follow reads the offset at a place and checks that it leads on within the buffer.
func (b *Buffer) follow(at int64) (int64, error) {
	off, err := b.u32(at)
	if err != nil {
		return 0, err
	}
	if off == 0 || int64(off) > b.size-at-4 {
		return 0, source.Malformedf(at, "an offset of %d leads out of the buffer", off)
	}
	return at + int64(off), nil
}

// Text returns the string that a field leads to, "" if it is absent.
func (t Table) Text(field int) (string, error) {
	v, err := t.Vector(field, 1)
	if err != nil {
		return "", err
	}
	return v.text()
}

// Vector returns the vector that a field leads to, whose elements are size bytes each; an empty one if the field is absent.
func (t Table) Vector(field int, size int64) (Vector, error) {
	at, err := t.follow(field)
	if err != nil || at == 0 {
		return Vector{}, err
	}
	return t.b.vector(at, size)
}

// Vector is a vector in a buffer: Len elements.
type Vector struct {
	b    *Buffer
	at   int64 // of the first element
	size int64 // of an element
	Len  int
}

func (b *Buffer) vector(at, size int64) (Vector, error) {
	n, err := b.u32(at)
	if err != nil {
		return Vector{}, err
	}
	if int64(n) > (b.size-at-4)/size {
		return Vector{}, source.Malformedf(at, "a vector of %d elements of %d bytes, of which %d bytes remain", n, size, b.size-at-4)
	}
	b.visit(at+4, int64(n)*size)
	return Vector{b: b, at: at + 4, size: size, Len: int(n)}, nil
}

// Offset is where the first element lies in the buffer.
func (v Vector) Offset() int64 { return v.at }

// Bytes reads the whole vector; more than limit bytes are Malformed.
func (v Vector) Bytes(limit int64) ([]byte, error) {
	if v.Len == 0 {
		return nil, nil
	}
	v.b.in.MoveTo(v.at)
	return v.b.in.Bytes(uint64(v.Len)*uint64(v.size), limit)
}

// Reader is the content of the vector, to be handed on without being read.
func (v Vector) Reader() source.Reader {
	if v.Len == 0 {
		return source.Bytes(nil)
	}
	return source.Section(v.b.r, v.at, int64(v.Len)*v.size)
}

// Table returns the i-th element of a vector of tables, whose elements are offsets of 4 bytes.
func (v Vector) Table(i int) (Table, error) {
	at, err := v.element(i)
	if err != nil {
		return Table{}, err
	}
	return v.b.table(at)
}

// Text returns the i-th element of a vector of strings.
func (v Vector) Text(i int) (string, error) {
	at, err := v.element(i)
	if err != nil {
		return "", err
	}
	s, err := v.b.vector(at, 1)
	if err != nil {
		return "", err
	}
	return s.text()
}

// U32 returns the i-th element of a vector of integers of 32 bits.
func (v Vector) U32(i int) (uint32, error) {
	if i < 0 || i >= v.Len || v.size != 4 {
		return 0, source.Malformedf(v.at, "element %d of a vector of %d", i, v.Len)
	}
	return v.b.u32(v.at + 4*int64(i))
}

// element is where the offset that is the i-th element leads.
func (v Vector) element(i int) (int64, error) {
	if i < 0 || i >= v.Len || v.size != 4 {
		return 0, source.Malformedf(v.at, "element %d of a vector of %d", i, v.Len)
	}
	return v.b.follow(v.at + 4*int64(i))
}

// text reads a vector of bytes as a string.
func (v Vector) text() (string, error) {
	b, err := v.Bytes(maxString)
	return string(b), err
}

func (b *Buffer) u16(at int64) (uint16, error) {
	p, err := b.number(at, 2)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint16(p), nil
}

func (b *Buffer) u32(at int64) (uint32, error) {
	p, err := b.number(at, 4)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(p), nil
}
