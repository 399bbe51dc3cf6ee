package hdf5

import (
	"bytes"
	"fmt"
	"math"

	"modelgate/internal/scanner/source"
)

// Attribute is a named value of an object.
type Attribute struct {
	Name  string
	Type  Type
	Space Space
	Data  []byte // the elements, or references to them if they are of variable length
	Off   int64  // in the stream, of Data
}

// Attributes hands every attribute of an object to yield, those in its header and those in a heap. An error of yield ends it and is
// returned.
func (f *File) Attributes(o *Object, yield func(Attribute) error) error {
	for _, m := range o.Messages {
		if m.Type != MsgAttribute && m.Type != MsgAttributeInfo {
			continue
		}
		m, err := f.Resolve(m)
		if err != nil {
			return err
		}
		if m.Type == MsgAttributeInfo {
			err = f.denseAttributes(m, yield)
		} else {
			var a Attribute
			if a, err = f.attribute(m.Data, m.Off); err == nil {
				err = yield(a)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// attribute reads an attribute message: version, flags (reserved in version 1), sizes u16 of name, datatype and dataspace, in
// version 3 the character set of the name; name, datatype, dataspace (each padded to eight bytes in version 1), data. Flags say
// whether datatype and dataspace are shared.
func (f *File) attribute(b []byte, off int64) (Attribute, error) {
	d := f.decode(b, off)
	version := d.version("an attribute", 1, 3)
	flags := d.u8()
	sizes := [3]uint64{uint64(d.u16()), uint64(d.u16()), uint64(d.u16())}
	if version == 3 {
		d.skip(1)
	}
	var parts [3]Message
	for i, kind := range []uint16{MsgAttribute, MsgDatatype, MsgDataspace} {
		parts[i] = Message{Type: kind, Off: d.here(), Data: d.take(sizes[i])}
		if version == 1 {
			d.skip((8 - sizes[i]%8) % 8)
		}
	}
	a := Attribute{Off: d.here()}
	if d.err != nil {
		return a, d.err
	}
	a.Name = f.attributeName(parts[0])
	if version > 1 {
		parts[1].Flags, parts[2].Flags = flags&1<<1, flags&2
	}
	kind, err := f.Resolve(parts[1])
	if err != nil {
		return a, err
	}
	if a.Type, err = f.datatype(kind.Data, kind.Off); err != nil {
		return a, err
	}
	space, err := f.Resolve(parts[2])
	if err != nil {
		return a, err
	}
	if a.Space, err = f.dataspace(space.Data, space.Off); err != nil {
		return a, err
	}
	size := mul(a.Space.Count(), a.Type.Size)
	if size > uint64(d.left()) {
		f.fault(a.Off, "an attribute of %d bytes of which %d are there", size, d.left())
	}
	a.Data = d.take(min(size, uint64(d.left())))
	return a, d.err
}

// attributeName is the name of an attribute as the library takes it: all but the last byte, whatever that is, up to a NUL.
func (f *File) attributeName(m Message) string {
	if len(m.Data) == 0 {
		return ""
	}
	last := len(m.Data) - 1
	name, rest, _ := bytes.Cut(m.Data[:last], []byte{0})
	if m.Data[last] != 0 || len(bytes.Trim(rest, "\x00")) > 0 {
		f.contradict(m.Off, "the name of an attribute does not end where it should")
	}
	return string(name)
}

// denseAttributes reads the attributes of an object that keeps them in a fractal heap: version, flags, largest order of creation u16
// if flags say so, address of the heap, of the index by name, and of that by order of creation if flags say so.
func (f *File) denseAttributes(m Message, yield func(Attribute) error) error {
	d := f.decode(m.Data, m.Off)
	d.version("the message on attributes", 0, 0)
	flags := d.u8()
	if flags&1 != 0 {
		d.skip(2)
	}
	dense := dense{
		what: "attributes", heap: d.addr(), byName: d.addr(), byOrder: Undefined, nameRecord: recordAttributeName, orderRecord: recordAttributeOrder, off: m.Off,
	}
	if flags&2 != 0 {
		dense.byOrder = d.addr()
	}
	if d.err != nil {
		return d.err
	}
	return f.dense(dense, func(r *decoder, _ uint8) denseRecord {
		out := denseRecord{id: r.take(8)}
		out.shared = r.u8()&2 != 0
		return out
	}, func(b []byte, off int64, r denseRecord) error {
		if r.shared {
			m, err := f.fromSharedHeap(MsgAttribute, r.id, off)
			if err != nil {
				return err
			}
			b, off = m.Data, m.Off
		}
		a, err := f.attribute(b, off)
		if err != nil {
			return err
		}
		return yield(a)
	})
}

// Value is one element of an attribute or dataset, as bytes.
type Value struct {
	Bytes source.Reader
	Size  int64
	Off   int64 // in the stream
}

// Values hands the elements of data of a type to yield, up to most of them: fixed ones as they stand, those of variable length from
// the global heap. Elements that are no bytes come in one piece.
func (f *File) Values(t Type, data []byte, off int64, most int, yield func(Value) error) error {
	if t.Class != ClassString && t.Class != ClassVariable && t.Class != ClassOpaque || t.Size == 0 {
		return yield(Value{source.Bytes(data), int64(len(data)), off})
	}
	for i := 0; len(data) > 0 && i < most; i++ {
		n := min(t.Size, uint64(len(data)))
		element := data[:n]
		v := Value{source.Bytes(element), int64(n), off}
		if t.Class == ClassVariable {
			var there bool
			var err error
			if v, there, err = f.variable(t, element, off); err != nil {
				return err
			}
			if !there {
				v = Value{source.Bytes(nil), 0, off}
			}
		}
		if err := yield(v); err != nil {
			return err
		}
		data, off = data[n:], off+int64(n)
	}
	return nil
}

// variable finds a value of variable length: number of elements u32, id in the global heap. There is none behind address 0.
func (f *File) variable(t Type, b []byte, off int64) (Value, bool, error) {
	d := f.decode(b, off)
	n := mul(uint64(d.u32()), max(1, t.BaseSize))
	id := d.heapID()
	if d.err != nil {
		return Value{}, false, d.err
	}
	if n == 0 || id.Addr == 0 || id.Addr == Undefined {
		return Value{}, false, nil
	}
	r, at, err := f.HeapObject(id)
	if err != nil {
		return Value{}, false, err
	}
	size, err := r.Size()
	if err != nil {
		return Value{}, false, fmt.Errorf("size of a value: %w", err)
	}
	n = min(n, math.MaxInt64)
	if int64(n) > size {
		f.fault(off, "a value of %d bytes of which the heap has %d", n, size)
	}
	size = min(size, int64(n))
	return Value{source.Section(r, 0, size), size, at}, true, nil
}
