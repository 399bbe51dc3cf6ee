package hdf5

import (
	"modelgate/internal/scanner/source"
)

// globalHeaps keeps where the objects of a few collections lie.
type globalHeaps struct {
	recent []*collection // the one used last comes first
}

// collection is a part of the global heap: GCOL, version, three reserved bytes, size with this header; objects of index u16,
// references u16, four reserved bytes, size, bytes; headers and bytes are padded to eight. Index 0 is what is free.
type collection struct {
	addr    uint64
	objects map[uint16]span
}

// span is bytes of the file.
type span struct{ addr, size uint64 }

// Bounds of the global heap.
const (
	keptCollections = 64
	wholeCollection = 1 << 20 // bytes up to which one is read whole
)

// HeapID is where a value of variable length lies.
type HeapID struct {
	Addr  uint64 // of the collection
	Index uint32
}

// heapID reads one.
func (d *decoder) heapID() HeapID { return HeapID{d.addr(), d.u32()} }

// HeapObject returns an object of the global heap, and its offset in the stream. Its bytes are not read.
func (f *File) HeapObject(id HeapID) (source.Reader, int64, error) {
	c, err := f.collection(id.Addr)
	if err != nil {
		return nil, 0, err
	}
	s, ok := c.objects[uint16(id.Index)]
	if !ok || id.Index > 0xffff {
		return nil, 0, source.Malformedf(f.Offset(id.Addr), "no object %d in a collection of the global heap", id.Index)
	}
	r, err := f.section(s.addr, s.size)
	return r, f.Offset(s.addr), err
}

// collection reads where the objects of a collection lie.
func (f *File) collection(addr uint64) (*collection, error) {
	for i, c := range f.heaps.recent {
		if c.addr == addr {
			copy(f.heaps.recent[1:i+1], f.heaps.recent[:i])
			f.heaps.recent[0] = c
			return c, nil
		}
	}
	prefix := uint64(8 + f.Super.LengthSize)
	b, err := f.block(addr, prefix)
	if err != nil {
		return nil, err
	}
	d := f.decode(b, f.Offset(addr))
	d.magic("GCOL")
	d.version("a collection of the global heap", 1, 1)
	d.skip(3)
	size := d.length()
	if d.err != nil {
		return nil, d.err
	}
	if _, err := f.within(addr, size); err != nil {
		return nil, err
	}
	c := &collection{addr: addr, objects: map[uint16]span{}}
	prefix = (prefix + 7) &^ 7
	if err := f.objects(c, span{addr + prefix, size - min(size, prefix)}); err != nil {
		return nil, err
	}
	if len(f.heaps.recent) < keptCollections {
		f.heaps.recent = append(f.heaps.recent, nil)
	}
	copy(f.heaps.recent[1:], f.heaps.recent)
	f.heaps.recent[0] = c
	return c, nil
}

// objects reads the headers of a collection's objects. Small collections are read whole, of large ones the headers alone.
func (f *File) objects(c *collection, s span) error {
	prefix := (uint64(8+f.Super.LengthSize) + 7) &^ 7
	var whole []byte
	if s.size <= wholeCollection {
		var err error
		if whole, err = f.block(s.addr, s.size); err != nil {
			return err
		}
	}
	for at := uint64(0); s.size-at >= prefix; {
		b := whole
		if whole != nil {
			b = whole[at : at+prefix]
		} else {
			var err error
			if b, err = f.block(s.addr+at, prefix); err != nil {
				return err
			}
		}
		d := f.decode(b, f.Offset(s.addr+at))
		index := d.u16()
		d.skip(6)
		size := d.length()
		if d.err != nil {
			return d.err
		}
		if index == 0 {
			return nil // what is free is last
		}
		if size > s.size-at-prefix {
			return source.Malformedf(d.off, "an object of %d bytes in a collection of %d", size, s.size)
		}
		if _, twice := c.objects[index]; twice {
			f.fault(d.off, "an index of the global heap occurs twice")
		} else {
			c.objects[index] = span{s.addr + at + prefix, size}
		}
		at += prefix + size
		at = min((at+7)&^7, s.size)
	}
	return nil
}
