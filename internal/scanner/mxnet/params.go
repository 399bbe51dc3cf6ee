package mxnet

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Parameters (src/ndarray/ndarray.cc, NDArray::Save and Load) are a list of arrays and a list of their names, little-endian:
//
//	u64 0x112, u64 0, u64 count, arrays, u64 count, names: u64 length, bytes
//
// and an array is, since release 1.0,
//
//	u32 0xf993fac9 (or …ca, whose shapes may be scalar), i32 storage, [shape of the stored values], shape,
//	i32 device, i32 number, i32 type, [types and shapes of the indexes], values, [indexes]
//
// where what stands in brackets is there for sparse arrays (storage 1 and 2) alone. A shape is an i32 and as many i64. Releases
// before had 0xf993fac8, without storage, and before that no magic at all: the number of dimensions, and those as u32.
const (
	listMagic = 0x112
	v1Magic   = 0xf993fac8
	v2Magic   = 0xf993fac9
	v3Magic   = 0xf993faca

	maxRank   = 64
	maxName   = 1 << 16
	maxArrays = 1 << 20
)

// ProbeParams accepts files that begin with the list's magic and a count that the file has room for.
func ProbeParams(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 24 {
		return false, err
	}
	size, err := f.Size()
	le := binary.LittleEndian
	return le.Uint64(head) == listMagic && le.Uint64(head[8:]) == 0 && le.Uint64(head[16:]) < uint64(size), err
}

// ScanParams goes from array to array, and past their values.
func ScanParams(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("mxnet")
	in, err := source.NewCursor(f, 16, binary.LittleEndian)
	if err != nil {
		return err
	}
	p := &params{in: in}
	count, err := p.count(4)
	if err != nil {
		return err
	}
	for range count {
		if err := p.array(); err != nil {
			return err
		}
	}
	names, err := p.count(8)
	if err != nil {
		return err
	}
	if names != 0 && names != count {
		f := finding.New(threat.MGFMT400, in.Offset()-8, fmt.Sprintf("There are %d arrays and %d names.", count, names))
		f.Role = finding.RoleStructure
		s.Find(f)
	}
	for range names {
		n, err := in.U64()
		if err != nil {
			return err
		}
		if n > maxName {
			return source.Malformedf(in.Offset()-8, "a name of %d bytes", n)
		}
		if err := in.Skip(int64(n)); err != nil {
			return err
		}
	}
	left := in.Remaining()
	if left == 0 {
		return nil
	}
	found := finding.New(threat.MGFMT402, in.Offset(), fmt.Sprintf("%d bytes follow the last name.", left))
	found.Role = finding.RoleStructure
	s.Find(found)
	_, err = s.Member(ctx, source.Member{
		Name: fmt.Sprintf("#bytes@%d", in.Offset()), Bytes: source.Section(f, in.Offset(), left), Prose: true,
	})
	return err
}

type params struct{ in *source.Cursor }

// count reads the number of parts that follow, each of at least a few bytes.
func (p *params) count(least int64) (uint64, error) {
	n, err := p.in.U64()
	if err != nil {
		return 0, err
	}
	if n > maxArrays || int64(n)*least > p.in.Remaining() {
		return 0, source.Malformedf(p.in.Offset()-8, "%d parts in the %d bytes that remain", n, p.in.Remaining())
	}
	return n, nil
}

// array reads the header of an array and goes past its values.
func (p *params) array() error {
	at := p.in.Offset()
	magic, err := p.in.U32()
	if err != nil {
		return err
	}
	switch magic {
	case v2Magic, v3Magic:
		return p.current(at, magic == v3Magic)
	case v1Magic:
		elements, rank, err := p.shape()
		if err != nil || rank == 0 {
			return err
		}
		return p.dense(elements)
	default:
		return p.old(at, magic)
	}
}

// old reads an array of the first releases, whose number of dimensions was read.
func (p *params) old(at int64, rank uint32) error {
	if rank > maxRank {
		return source.Malformedf(at, "an array begins with %#x, which is no magic and no number of dimensions", rank)
	}
	elements := uint64(1)
	for range rank {
		d, err := p.in.U32()
		if err != nil {
			return err
		}
		if elements, err = p.product(elements, uint64(d)); err != nil {
			return err
		}
	}
	if rank == 0 {
		return nil
	}
	return p.dense(elements)
}

// dense reads context, type and values.
func (p *params) dense(elements uint64) error {
	if err := p.in.Skip(8); err != nil {
		return err
	}
	return p.values(elements)
}

// values reads a type, and goes past so many values of it.
func (p *params) values(elements uint64) error {
	width, err := p.width()
	if err != nil {
		return err
	}
	return p.skip(elements, width)
}

func (p *params) skip(elements, width uint64) error {
	size, err := p.product(elements, width)
	if err != nil {
		return err
	}
	return p.in.Skip(int64(size))
}

// current reads an array since release 1.0.
func (p *params) current(at int64, scalars bool) error {
	storage, err := p.in.U32()
	if err != nil {
		return err
	}
	if storage > 2 {
		return source.Malformedf(at, "an array of storage type %d", int32(storage))
	}
	stored := uint64(0)
	if storage > 0 {
		if stored, _, err = p.shape(); err != nil {
			return err
		}
	}
	elements, rank, err := p.shape()
	if err != nil {
		return err
	}
	if rank == 0 && !scalars || rank < 0 {
		return nil // an array that was never filled
	}
	if err := p.in.Skip(8); err != nil {
		return err
	}
	if storage == 0 {
		return p.values(elements)
	}
	return p.sparse(stored, int(storage))
}

// sparse reads what follows the context of a sparse array: one list of indexes, or two.
func (p *params) sparse(stored uint64, lists int) error {
	width, err := p.width()
	if err != nil {
		return err
	}
	type index struct{ elements, width uint64 }
	indexes := make([]index, lists)
	for i := range indexes {
		if indexes[i].width, err = p.width(); err != nil {
			return err
		}
		if indexes[i].elements, _, err = p.shape(); err != nil {
			return err
		}
	}
	if err := p.skip(stored, width); err != nil {
		return err
	}
	for _, i := range indexes {
		if err := p.skip(i.elements, i.width); err != nil {
			return err
		}
	}
	return nil
}

// shape reads a shape and returns how many elements it has.
func (p *params) shape() (elements uint64, rank int, err error) {
	n, err := p.in.U32()
	if err != nil {
		return 0, 0, err
	}
	if n == 1<<32-1 {
		return 0, -1, nil
	}
	if n > maxRank {
		return 0, 0, source.Malformedf(p.in.Offset()-4, "a shape of %d dimensions", n)
	}
	elements = 1
	for range n {
		d, err := p.in.U64()
		if err != nil {
			return 0, 0, err
		}
		if elements, err = p.product(elements, d); err != nil {
			return 0, 0, err
		}
	}
	return elements, int(n), nil
}

// product multiplies, if the result may be a number of bytes in a file.
func (p *params) product(a, b uint64) (uint64, error) {
	over, c := bits.Mul64(a, b)
	if over > 0 || c > 1<<62 {
		return 0, source.Malformedf(p.in.Offset(), "an array of more elements than any file has")
	}
	return c, nil
}

// width reads a type and returns its size in bytes (mshadow/base.h, TypeFlag).
func (p *params) width() (uint64, error) {
	t, err := p.in.U32()
	if err != nil {
		return 0, err
	}
	widths := []uint64{4, 8, 2, 1, 4, 1, 8, 1, 2, 2, 4, 8, 2}
	if t >= uint32(len(widths)) {
		return 0, source.Malformedf(p.in.Offset()-4, "an array of type %d", int32(t))
	}
	return widths[t], nil
}
