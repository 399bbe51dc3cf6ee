package hdf5

import (
	"fmt"
	"math"
	"math/bits"

	"modelgate/internal/scanner/source"
)

// fractalHeap holds the links of a group or the attributes of an object. Small objects lie in direct blocks, which lie in a table
// of rows of equal width: the first two rows have blocks of the starting size, each further row blocks twice as large. Rows whose
// blocks are larger than the largest direct block have indirect blocks, which are such tables again. Large objects lie by
// themselves, tiny ones inside their ids.
//
// The header: FRHP, version, length of ids u16, length of filters u16, flags, largest object in a block u32, next id of a large
// object, address of the B-tree of large objects, free space, address of it, four sizes of the space, four of large and tiny
// objects, width of the table u16, starting size, size of the largest direct block, bits of an offset u16, rows of the root u16,
// address of the root, its rows now u16; size of the root, filter mask u32 and filters if there are any; a checksum.
type fractalHeap struct {
	f          *File
	off        int64 // in the stream
	idSize     int
	flags      uint8
	hugeTree   uint64
	width      uint64
	start, max uint64 // sizes of direct blocks
	offsetSize int    // of an offset in ids and blocks
	lengthSize int    // of a length in ids
	root       uint64
	rows       int // of the root; 0 if it is a direct block
	rootSize   uint64
	rootMask   uint32
	filters    []Filter
	huge       map[uint64]hugeObject // nil until it is needed
	blocks     map[uint64]*heapBlock
	held       int // bytes in blocks
}

// hugeObject is a large object by itself.
type hugeObject struct {
	addr, length uint64
	mask         uint32
	filtered     bool
	full         uint64 // length in memory, if filtered
}

// heapBlock is a direct or an indirect block that is kept.
type heapBlock struct {
	data     []byte
	off      int64 // in the stream; of filtered blocks, where their stored bytes begin
	children []heapChild
}

// heapChild is an entry of an indirect block.
type heapChild struct {
	addr, size uint64 // size as stored, if there are filters
	mask       uint32
}

// maxHeld bounds the blocks that one heap keeps, in bytes.
const maxHeld = 32 << 20

func (f *File) fractalHeap(addr uint64) (*fractalHeap, error) {
	fixed := uint64(4 + 1 + 2 + 2 + 1 + 4 + 12*f.Super.LengthSize + 3*f.Super.AddrSize + 2 + 2 + 2 + 2)
	head, err := f.block(addr, fixed)
	if err != nil {
		return nil, err
	}
	h := &fractalHeap{f: f, off: f.Offset(addr), blocks: map[uint64]*heapBlock{}}
	d := f.decode(head, h.off)
	d.magic("FRHP")
	d.version("a fractal heap", 0, 0)
	h.idSize = int(d.u16())
	filters := uint64(d.u16())
	whole := fixed + 4
	if filters > 0 {
		whole += uint64(f.Super.LengthSize) + 4 + filters
	}
	if d.err == nil {
		if head, err = f.block(addr, whole); err != nil {
			return nil, err
		}
		d.b = head
	}
	h.flags = d.u8()
	largest := uint64(d.u32())
	d.length() // next id
	h.hugeTree = d.addr()
	d.length()
	d.addr() // free space
	d.skip(uint64(8 * f.Super.LengthSize))
	h.width, h.start, h.max = uint64(d.u16()), d.length(), d.length()
	offsetBits := int(d.u16())
	d.skip(2)
	h.root, h.rows = d.addr(), int(d.u16())
	if filters > 0 {
		h.rootSize, h.rootMask = d.length(), d.u32()
		list := d.take(filters)
		if d.err == nil {
			h.filters, d.err = f.filters(list, d.here()-int64(filters))
		}
	}
	d.sum("the header of a fractal heap")
	if d.err != nil {
		return nil, d.err
	}
	return h, h.check(largest, offsetBits)
}

// check refuses geometries that make no sense, and computes the sizes of numbers.
func (h *fractalHeap) check(largest uint64, offsetBits int) error {
	power := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	switch {
	case h.idSize < 2 || h.idSize > 4096:
		return source.Malformedf(h.off, "a heap with ids of %d bytes", h.idSize)
	case !power(h.width) || !power(h.start) || !power(h.max) || h.start > h.max || offsetBits < 1 || offsetBits > 64:
		return source.Malformedf(h.off, "a heap of width %d with blocks of %d to %d bytes and offsets of %d bits", h.width, h.start, h.max, offsetBits)
	case h.max > 1<<40 || h.rows > 64:
		return source.Malformedf(h.off, "a heap of %d rows with blocks of up to %d bytes", h.rows, h.max)
	}
	h.offsetSize = (offsetBits + 7) / 8
	h.lengthSize = min((bits.Len64(h.max)-1+7)/8, (max(bits.Len64(largest), 1)-1+7)/8)
	return nil
}

// object returns the object with an id, and where it lies in the stream.
func (h *fractalHeap) object(id []byte) ([]byte, int64, error) {
	d := h.f.decode(id, h.off)
	first := d.u8()
	switch kind := first >> 4 & 3; {
	case first>>6 != 0:
		return nil, h.off, source.Malformedf(h.off, "an id of a heap of the unknown version %d", first>>6)
	case kind == 0:
		at, n := d.num(h.offsetSize), d.num(h.lengthSize)
		if d.err != nil {
			return nil, h.off, d.err
		}
		return h.managed(at, n)
	case kind == 1:
		return h.large(d)
	case kind == 2:
		n := uint64(first&0x0f) + 1
		if h.idSize-1 > 17 { // lengths of 12 bits
			n = uint64(first&0x0f)<<8 + uint64(d.u8()) + 1
		}
		b := d.take(n)
		return b, h.off, d.err
	}
	return nil, h.off, source.Malformedf(h.off, "an id of a heap of an unknown kind")
}

// managed returns n bytes at an offset of the heap's blocks.
func (h *fractalHeap) managed(at, n uint64) ([]byte, int64, error) {
	addr, size, mask, rows := h.root, h.start, h.rootMask, h.rows
	stored := h.rootSize
	for range maxLevels {
		if rows == 0 {
			return h.fromBlock(heapChild{addr, stored, mask}, size, at, n)
		}
		b, err := h.indirect(addr, rows)
		if err != nil {
			return nil, h.off, err
		}
		row, col, below, blockSize := h.place(at)
		i := uint64(row)*h.width + col
		if row >= rows || i >= uint64(len(b.children)) || b.children[i].addr == Undefined {
			return nil, h.off, source.Malformedf(b.off, "an object at %d of a heap, where no block is", at)
		}
		child := b.children[i]
		addr, stored, mask, at, size = child.addr, child.size, child.mask, below, blockSize
		if rows = 0; blockSize > h.max {
			rows = bits.Len64(blockSize) - bits.Len64(h.start*h.width) + 1
		}
	}
	return nil, h.off, source.Malformedf(h.off, "a heap of more than %d levels", maxLevels)
}

// place finds the block of a table in which an offset lies: its row and column, the offset in it, and its size.
func (h *fractalHeap) place(at uint64) (row int, col, below, size uint64) {
	first := h.start * h.width
	size = h.start
	begin := uint64(0)
	if at >= first {
		row = bits.Len64(at / first)
		if row > 62-bits.Len64(first) {
			return math.MaxInt32, 0, 0, size
		}
		size = h.start << (row - 1)
		begin = first << (row - 1)
	}
	return row, (at - begin) / size, (at - begin) % size, size
}

// directRows is how many rows of a table have direct blocks.
func (h *fractalHeap) directRows() int { return bits.Len64(h.max) - bits.Len64(h.start) + 2 }

// indirect reads an indirect block: FHIB, version, address of the header, offset in the heap, for each direct block its address, and
// with filters its size and mask u32; the addresses of indirect blocks; a checksum.
func (h *fractalHeap) indirect(addr uint64, rows int) (*heapBlock, error) {
	if b, ok := h.blocks[addr]; ok {
		if b.children == nil {
			return nil, source.Malformedf(b.off, "a block of a heap that is direct and indirect")
		}
		return b, nil
	}
	direct := uint64(min(rows, h.directRows())) * h.width
	further := uint64(max(0, rows-h.directRows())) * h.width
	each := uint64(h.f.Super.AddrSize)
	if h.filters != nil {
		each += uint64(h.f.Super.LengthSize) + 4
	}
	size := uint64(4+1+h.f.Super.AddrSize+h.offsetSize+4) + direct*each + further*uint64(h.f.Super.AddrSize)
	data, err := h.f.block(addr, size)
	if err != nil {
		return nil, err
	}
	b := &heapBlock{off: h.f.Offset(addr), children: make([]heapChild, 0, direct+further)}
	d := h.f.decode(data, b.off)
	d.magic("FHIB")
	d.version("a block of a heap", 0, 0)
	d.addr()
	d.skip(uint64(h.offsetSize))
	for i := range direct + further {
		c := heapChild{addr: d.addr()}
		if h.filters != nil && i < direct {
			c.size, c.mask = d.length(), d.u32()
		}
		b.children = append(b.children, c)
	}
	d.sum("a block of a heap")
	if d.err != nil {
		return nil, d.err
	}
	h.keep(addr, b, len(b.children)*24)
	return b, nil
}

// keep remembers a block, and forgets all others if they are too many.
func (h *fractalHeap) keep(addr uint64, b *heapBlock, n int) {
	if h.held += n; h.held > maxHeld {
		clear(h.blocks)
		h.held = n
	}
	h.blocks[addr] = b
}

// fromBlock returns n bytes at an offset of a direct block: FHDB, version, address of the header, offset in the heap, a checksum if
// the flags say so, objects. Offsets count from the beginning of the block.
func (h *fractalHeap) fromBlock(c heapChild, size, at, n uint64) ([]byte, int64, error) {
	if at > size || n > size-at {
		return nil, h.off, source.Malformedf(h.f.Offset(c.addr), "an object of %d bytes at %d in a block of %d", n, at, size)
	}
	if size > maxBlock && h.filters == nil { // only what is asked for
		b, err := h.f.block(c.addr+at, n)
		return b, h.f.Offset(c.addr + at), err
	}
	b, err := h.direct(c, size)
	if err != nil {
		return nil, h.off, err
	}
	if at+n > uint64(len(b.data)) {
		return nil, b.off, source.Malformedf(b.off, "an object at %d in a block of %d bytes", at, len(b.data))
	}
	off := b.off
	if h.filters == nil {
		off += int64(at)
	}
	return b.data[at : at+n : at+n], off, nil
}

// direct reads a direct block.
func (h *fractalHeap) direct(c heapChild, size uint64) (*heapBlock, error) {
	if b, ok := h.blocks[c.addr]; ok {
		if b.children != nil {
			return nil, source.Malformedf(b.off, "a block of a heap that is direct and indirect")
		}
		return b, nil
	}
	stored := size
	if h.filters != nil {
		stored = c.size
	}
	data, err := h.f.block(c.addr, stored)
	if err != nil {
		return nil, err
	}
	b := &heapBlock{data: data, off: h.f.Offset(c.addr)}
	if h.filters != nil {
		if b.data, err = h.unfilter(data, c.mask, size, b.off); err != nil {
			return nil, err
		}
	}
	h.verify(b)
	h.keep(c.addr, b, len(b.data))
	return b, nil
}

// unfilter undoes the filters of the heap, which costs as if the bytes had been read.
func (h *fractalHeap) unfilter(b []byte, mask uint32, size uint64, off int64) ([]byte, error) {
	if err := h.f.spend(size); err != nil {
		return nil, err
	}
	return unfilter(b, h.filters, mask, size, off)
}

// verify checks the signature and the checksum of a direct block, which is made with zeros in its own place.
func (h *fractalHeap) verify(b *heapBlock) {
	at := 5 + h.f.Super.AddrSize + h.offsetSize
	switch {
	case len(b.data) < at+4 || string(b.data[:4]) != "FHDB":
		h.f.fault(b.off, "a block of a heap without its signature")
	case h.flags&2 != 0:
		d := h.f.decode(b.data[at:at+4], b.off)
		want := d.u32()
		clean := append([]byte(nil), b.data...)
		clear(clean[at : at+4])
		if Checksum(clean) != want {
			h.f.fault(b.off+int64(at), "the checksum of a block of a heap is wrong")
		}
	}
}

// large returns an object that lies by itself. Its id has the address and length, if they fit, or else a number that a B-tree leads
// from.
func (h *fractalHeap) large(d *decoder) ([]byte, int64, error) {
	need := h.f.Super.AddrSize + h.f.Super.LengthSize
	if h.filters != nil {
		need += 4 + h.f.Super.LengthSize
	}
	var o hugeObject
	if h.idSize-1 >= need {
		o = h.hugeAt(d, h.filters != nil)
		if d.err != nil {
			return nil, h.off, d.err
		}
	} else {
		id := d.num(min(h.idSize-1, 8))
		if d.err != nil {
			return nil, h.off, d.err
		}
		if err := h.readHuge(); err != nil {
			return nil, h.off, err
		}
		var ok bool
		if o, ok = h.huge[id]; !ok {
			return nil, h.off, source.Malformedf(h.off, "a large object %d that the heap does not have", id)
		}
	}
	b, err := h.f.block(o.addr, o.length)
	if err == nil && o.filtered {
		b, err = h.unfilter(b, o.mask, o.full, h.f.Offset(o.addr))
	}
	return b, h.f.Offset(o.addr), err
}

// hugeAt reads where a large object lies.
func (h *fractalHeap) hugeAt(d *decoder, filtered bool) hugeObject {
	o := hugeObject{addr: d.addr(), length: d.length(), filtered: filtered}
	if filtered {
		o.mask, o.full = d.u32(), d.length()
	}
	return o
}

// readHuge reads the B-tree of large objects.
func (h *fractalHeap) readHuge() error {
	if h.huge != nil {
		return nil
	}
	if h.hugeTree == Undefined {
		return source.Malformedf(h.off, "a large object in a heap without a tree of them")
	}
	huge := map[uint64]hugeObject{}
	kind := uint8(recordHuge)
	if h.filters != nil {
		kind = recordHugeFiltered
	}
	err := h.f.btree2(h.hugeTree, kind, func(record *decoder) error {
		o := h.hugeAt(record, h.filters != nil)
		id := record.length()
		if len(huge) >= maxParts {
			return fmt.Errorf("%d large objects in a heap: %w", len(huge), source.ErrBudget)
		}
		huge[id] = o
		return record.err
	})
	h.huge = huge
	return err
}
