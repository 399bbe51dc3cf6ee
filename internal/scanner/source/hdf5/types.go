package hdf5

import (
	"math"
	"math/bits"

	"modelgate/internal/scanner/source"
)

// Class is the class of a datatype.
type Class uint8

// Classes of datatypes.
const (
	ClassInteger   Class = 0
	ClassFloat     Class = 1
	ClassTime      Class = 2
	ClassString    Class = 3
	ClassBits      Class = 4
	ClassOpaque    Class = 5
	ClassCompound  Class = 6
	ClassReference Class = 7
	ClassEnum      Class = 8
	ClassVariable  Class = 9
	ClassArray     Class = 10
	ClassComplex   Class = 11 // of version 5, HDF5 2.0
)

// Padding is how strings that are shorter than their field end.
type Padding uint8

// Ways to end a string.
const (
	PadNUL   Padding = 0 // the first NUL ends it
	PadNULs  Padding = 1 // NULs fill it up
	PadBlank Padding = 2
)

// Type is a datatype, as far as it says what bytes may be.
type Type struct {
	Class   Class
	Size    uint64 // of an element in bytes; of variable-length ones the size of the reference
	Padding Padding
	// Text tells of a variable-length type that it is a string; Base is the class of its elements otherwise, BaseSize their size.
	Text     bool
	Base     Class
	BaseSize uint64
}

// Bytes tells whether elements of the type are bytes: those that are no numbers of any other size.
func (t Type) Bytes() bool {
	switch t.Class {
	case ClassString, ClassOpaque:
		return true
	case ClassInteger, ClassBits:
		return t.Size == 1
	case ClassVariable:
		return t.Text || t.BaseSize == 1 || t.Base == ClassString || t.Base == ClassOpaque
	}
	return false
}

// datatype reads a datatype message: class and version in one byte, 24 bits of the class, size u32, properties. Those of a
// variable-length type are another such message.
func (f *File) datatype(b []byte, off int64) (Type, error) {
	d := f.decode(b, off)
	first := d.u8()
	bits := d.u8()
	d.skip(2)
	t := Type{Class: Class(first & 0x0f), Size: uint64(d.u32())}
	if d.err == nil && (first>>4 < 1 || first>>4 > 5 || t.Class > ClassComplex) {
		return t, source.Malformedf(off, "a datatype of class %d in version %d", first&0x0f, first>>4)
	}
	switch t.Class {
	case ClassString:
		t.Padding = Padding(bits & 0x0f)
	case ClassVariable:
		t.Text, t.Padding = bits&0x0f == 1, Padding(bits>>4)
		base := d.u8()
		d.skip(3)
		t.Base, t.BaseSize = Class(base&0x0f), uint64(d.u32())
		t.Size = uint64(4 + f.Super.AddrSize + 4)
	}
	return t, d.err
}

// maxRank is how many dimensions the library allows.
const maxRank = 32

// Space is a dataspace.
type Space struct {
	Null bool // no element at all
	Dims []uint64
	Max  []uint64 // what Dims may grow to; nil if they may not
}

// Count is the number of elements; it stays at the largest number rather than overflow.
func (s Space) Count() uint64 {
	if s.Null {
		return 0
	}
	n := uint64(1)
	for _, d := range s.Dims {
		n = mul(n, d)
	}
	return n
}

// mul multiplies without overflow.
func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	if hi != 0 {
		return math.MaxUint64
	}
	return lo
}

// dataspace reads a dataspace message: version, rank, flags, then in version 1 five reserved bytes, in version 2 the kind (0 one
// element, 1 an array, 2 none); sizes, and largest sizes if flags say so.
func (f *File) dataspace(b []byte, off int64) (Space, error) {
	d := f.decode(b, off)
	version := d.version("a dataspace", 1, 2)
	rank := d.u8()
	flags := d.u8()
	var s Space
	if version == 1 {
		d.skip(5)
	} else {
		s.Null = d.u8() == 2
	}
	if rank > maxRank {
		d.fail("%d dimensions", rank)
	}
	for range rank {
		if d.err != nil {
			break
		}
		s.Dims = append(s.Dims, d.length())
	}
	for range rank {
		if d.err != nil || flags&1 == 0 {
			break
		}
		s.Max = append(s.Max, d.length())
	}
	return s, d.err
}
