// Package wire walks protobuf messages by their encoding alone, without a schema and without reading what nobody asks for: the
// tensors of a model are passed over by their length. (Protocol Buffers, "Encoding".)
//
//	message = { tag value }       tag = varint of field number << 3 | type
//	value   = varint (type 0) | 8 bytes (1) | length, bytes (2) | start group … end group (3, 4) | 4 bytes (5)
//
// A [Walker] belongs to one file and one goroutine. Every length is checked against the message around it, groups are passed
// over within a depth, and the number of fields of all messages together is bounded.
package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
)

// Bounds of a walk: fields of all messages, messages inside each other, and groups inside each other.
const (
	maxFields = 64 << 20
	maxDepth  = 100
	maxGroups = 100
)

// Walker reads the messages of one file.
type Walker struct {
	r      source.Reader
	in     *source.Cursor
	fields int
	depth  int
}

// New returns a walker over r.
func New(r source.Reader) (*Walker, error) {
	in, err := source.NewCursor(r, 0, binary.LittleEndian)
	if err != nil {
		return nil, err
	}
	return &Walker{r: r, in: in}, nil
}

// Message is where a message lies: Size bytes from Offset of the file.
type Message struct {
	Offset, Size int64
}

// Whole is the file as one message.
func (w *Walker) Whole() (Message, error) {
	size, err := w.r.Size()
	return Message{Size: size}, err
}

// Field is a field of a message. Its content, if it is length-delimited, has not been read.
type Field struct {
	Num  int32
	Type protowire.Type
	// Value is that of a varint, or the bits of a fixed field.
	Value uint64
	// At is where the field's tag stands. Offset and Size are where its content lies.
	At, Offset, Size int64

	w *Walker
}

// Int is the value of a varint as the signed integer that int32, int64 and enum fields hold.
func (f Field) Int() int64 { return int64(f.Value) }

// Float is the value of a 32-bit field as a float.
func (f Field) Float() float32 { return math.Float32frombits(uint32(f.Value)) }

// IsBytes tells whether the field is length-delimited: a string, bytes, a message or packed numbers.
func (f Field) IsBytes() bool { return f.Type == protowire.BytesType }

// Message is the content of a length-delimited field as a message.
func (f Field) Message() Message { return Message{Offset: f.Offset, Size: f.Size} }

// Bytes reads the content of a length-delimited field. More than limit bytes are Malformed; any other field is too.
func (f Field) Bytes(limit int64) ([]byte, error) {
	if !f.IsBytes() {
		return nil, source.Malformedf(f.At, "field %d is not length-delimited", f.Num)
	}
	f.w.in.MoveTo(f.Offset)
	return f.w.in.Bytes(uint64(f.Size), limit)
}

// Text reads the content of a length-delimited field as a string; bytes that are not UTF-8 stay as they are.
func (f Field) Text(limit int64) (string, error) {
	b, err := f.Bytes(limit)
	return string(b), err
}

// Reader is the content of a length-delimited field, to be handed on without being read.
func (f Field) Reader() source.Reader { return source.Section(f.w.r, f.Offset, f.Size) }

// Walk reads the message of a length-delimited field.
func (f Field) Walk(visit func(Field) error) error {
	if !f.IsBytes() {
		return source.Malformedf(f.At, "field %d is not a message", f.Num)
	}
	return f.w.Walk(f.Message(), visit)
}

// Packed reads a length-delimited field as packed varints, at most limit of them; a plain varint is one of itself.
func (f Field) Packed(limit int) ([]uint64, error) {
	if f.Type == protowire.VarintType {
		return []uint64{f.Value}, nil
	}
	b, err := f.Bytes(int64(limit) * binary.MaxVarintLen64)
	if err != nil {
		return nil, err
	}
	var out []uint64
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 || len(out) >= limit {
			return out, source.Malformedf(f.Offset, "field %d does not hold packed numbers, or more than %d", f.Num, limit)
		}
		out, b = append(out, v), b[n:]
	}
	return out, nil
}

// Walk reads a message from front to back. Visit may read the content of a field, or walk into it; what it does not touch is not
// read. An error of visit ends the walk and is returned. Fields of the deprecated group type are passed over.
func (w *Walker) Walk(m Message, visit func(Field) error) error {
	if w.depth >= maxDepth {
		return source.Malformedf(m.Offset, "messages are nested more than %d deep", maxDepth)
	}
	w.depth++
	defer func() { w.depth-- }()
	for at, end := m.Offset, m.Offset+m.Size; at < end; {
		w.in.MoveTo(at)
		f, err := w.field(end)
		if err != nil {
			return err
		}
		at = f.Offset + f.Size
		if f.Type == protowire.StartGroupType {
			continue
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// field reads the tag at the cursor and what tells where the field ends.
func (w *Walker) field(end int64) (Field, error) {
	f := Field{At: w.in.Offset(), w: w}
	if w.fields++; w.fields > maxFields {
		return f, fmt.Errorf("more than %d fields: %w", maxFields, source.ErrBudget)
	}
	tag, err := w.varint(end)
	if err != nil {
		return f, err
	}
	num, typ := protowire.DecodeTag(tag)
	if num < protowire.MinValidNumber || num > protowire.MaxValidNumber {
		return f, source.Malformedf(f.At, "field number %d", num)
	}
	f.Num, f.Type = int32(num), typ
	switch typ {
	case protowire.VarintType:
		f.Value, err = w.varint(end)
		f.Offset = w.in.Offset()
	case protowire.Fixed32Type:
		var v uint32
		v, err = w.in.U32()
		f.Value, f.Offset = uint64(v), w.in.Offset()
	case protowire.Fixed64Type:
		f.Value, err = w.in.U64()
		f.Offset = w.in.Offset()
	case protowire.BytesType:
		var size uint64
		size, err = w.varint(end)
		f.Offset = w.in.Offset()
		if err == nil && size > uint64(end-f.Offset) {
			return f, source.Malformedf(f.At, "field %d has %d bytes, %d remain", f.Num, size, end-f.Offset)
		}
		f.Size = int64(size)
	case protowire.StartGroupType:
		err = w.group(num, end, 0)
		f.Offset = w.in.Offset()
	default:
		return f, source.Malformedf(f.At, "field %d of type %d", f.Num, typ)
	}
	if err == nil && f.Offset > end {
		err = source.Malformedf(f.At, "field %d passes the end of its message", f.Num)
	}
	return f, err
}

// group passes over a group, whose start was read, up to its end.
func (w *Walker) group(num protowire.Number, end int64, depth int) error {
	if depth >= maxGroups {
		return source.Malformedf(w.in.Offset(), "groups are nested more than %d deep", maxGroups)
	}
	for {
		at := w.in.Offset()
		if w.fields++; w.fields > maxFields {
			return fmt.Errorf("more than %d fields: %w", maxFields, source.ErrBudget)
		}
		tag, err := w.varint(end)
		if err != nil {
			return err
		}
		n, typ := protowire.DecodeTag(tag)
		switch typ {
		case protowire.EndGroupType:
			if n != num {
				return source.Malformedf(at, "group %d ends as %d", num, n)
			}
			return nil
		case protowire.StartGroupType:
			err = w.group(n, end, depth+1)
		case protowire.VarintType:
			_, err = w.varint(end)
		case protowire.Fixed32Type:
			err = w.in.Skip(4)
		case protowire.Fixed64Type:
			err = w.in.Skip(8)
		case protowire.BytesType:
			var size uint64
			if size, err = w.varint(end); err == nil && size > uint64(end-w.in.Offset()) {
				return source.Malformedf(at, "field %d of a group passes its end", n)
			}
			if err == nil {
				err = w.in.Skip(int64(size))
			}
		default:
			return source.Malformedf(at, "field %d of type %d", n, typ)
		}
		if err != nil {
			return err
		}
	}
}

// varint reads a varint that ends before end.
func (w *Walker) varint(end int64) (uint64, error) {
	at := w.in.Offset()
	if at < end {
		window, err := w.in.Window()
		if err != nil {
			return 0, err
		}
		if v, n := protowire.ConsumeVarint(window); n > 0 && at+int64(n) <= end {
			return v, w.in.Skip(int64(n))
		}
	}
	var v uint64 // of a number that the window does not have to its end, or that no writer would write so
	for shift := 0; shift < 70; shift += 7 {
		if w.in.Offset() >= end {
			return 0, source.Malformedf(at, "the message ends inside a number")
		}
		b, err := w.in.U8()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, source.Malformedf(at, "a number of more than ten bytes")
}
