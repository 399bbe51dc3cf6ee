package hdf5

import (
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// Bits of a mapping's flags since version 1 of the list.
const (
	sameFile      = 0x04
	sharedFile    = 0x01
	sharedDataset = 0x02
)

// mappings reads the list of a virtual dataset from the global heap: version, number of mappings; for each the file, the dataset, the
// part of that dataset, and the part of this one; a checksum. Since version 1 flags say that a name is that of this file, or that of
// an earlier mapping, which is then given by its number.
func (f *File) mappings(l Layout) ([]Mapping, error) {
	if l.Virtual.Addr == Undefined || l.Virtual.Addr == 0 {
		return nil, nil // nothing is mapped yet
	}
	r, off, err := f.HeapObject(l.Virtual)
	if err != nil {
		return nil, err
	}
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	if err := f.spend(uint64(size)); err != nil {
		return nil, err
	}
	if size > maxBlock {
		return nil, source.Malformedf(off, "a list of a virtual dataset of %d bytes", size)
	}
	b := make([]byte, size)
	if n, err := r.ReadAt(b, 0); err != nil && (n < len(b) || !errors.Is(err, io.EOF)) {
		return nil, err
	}
	d := f.decode(b, off)
	version := d.version("the list of a virtual dataset", 0, 1)
	count := d.length()
	var out []Mapping
	for range count {
		if d.err != nil {
			break
		}
		m := Mapping{Off: d.here()}
		flags := uint8(0)
		if version > 0 {
			flags = d.u8()
		}
		earlier := func(bit uint8, name func(Mapping) string) string {
			if flags&bit == 0 {
				return d.text()
			}
			i := d.length()
			if d.err == nil && i >= uint64(len(out)) {
				d.fail("a name that no earlier mapping has")
			}
			if d.err != nil {
				return ""
			}
			return name(out[i])
		}
		if m.File = "."; flags&sameFile == 0 {
			m.File = earlier(sharedFile, func(m Mapping) string { return m.File })
		}
		m.Dataset = earlier(sharedDataset, func(m Mapping) string { return m.Dataset })
		if d.err != nil {
			break
		}
		out = append(out, m)
		d.selection()
		d.selection()
	}
	d.sum("the list of a virtual dataset")
	return out, d.err
}

// selection goes past the serialised form of a selection: kind u32 (0 none, 1 points, 2 blocks, 3 all), version u32, then what
// depends on both.
func (d *decoder) selection() {
	kind, version := d.u32(), d.u32()
	each := 4
	switch {
	case kind == 0 || kind == 3:
		d.skip(8)
		return
	case version == 1:
		d.skip(8)
	case kind == 2 && version == 2:
		flags := d.u8()
		d.skip(4)
		rank := uint64(d.u32())
		d.regular(flags, rank, 8)
		return
	case kind == 2 && version == 3:
		flags := d.u8()
		each = int(d.u8())
		d.regular(flags, uint64(d.u32()), each)
		return
	case kind == 1 && version == 2:
		each = int(d.u8())
	default:
		d.fail("a selection of kind %d in version %d", kind, version)
		return
	}
	rank := uint64(d.u32())
	n := d.num(each)
	if kind == 2 {
		n = mul(n, 2)
	}
	d.skip(mul(mul(n, rank), uint64(each)))
}

// regular goes past the blocks of a selection: start, stride, count and size of a regular one, or the corners of each block.
func (d *decoder) regular(flags uint8, rank uint64, each int) {
	if each < 1 || each > 8 {
		d.fail("a selection with numbers of %d bytes", each)
		return
	}
	if flags&1 != 0 {
		d.skip(mul(4*rank, uint64(each)))
		return
	}
	d.skip(mul(mul(d.num(each), 2*rank), uint64(each)))
}
