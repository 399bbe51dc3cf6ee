package hdf5

import (
	"math/bits"

	"modelgate/internal/scanner/source"
)

// Types of records of v2 B-trees.
const (
	recordHuge             = 1 // address, length, id: objects of a fractal heap that are too large for its blocks
	recordHugeFiltered     = 2 // address, length, mask u32, length in memory, id
	recordHugeDirect       = 3
	recordLinkName         = 5 // hash u32, heap id of 7 bytes
	recordLinkOrder        = 6 // order u64, heap id of 7 bytes
	recordAttributeName    = 8 // heap id of 8 bytes, flags, order u32, hash u32
	recordAttributeOrder   = 9 // heap id of 8 bytes, flags, order u32
	recordChunks           = 10
	recordChunksFiltered   = 11
	sizeOfNodePrefix       = 4 + 1 + 1 // of nodes of v2 B-trees
	sizeOfNodePrefixAndSum = sizeOfNodePrefix + 4
)

// tree2 is the header of a v2 B-tree: BTHD, version, type, size of nodes u32, of records u16, depth u16, two percentages, address
// of the root, records in it u16, records in all, a checksum.
type tree2 struct {
	f          *File
	kind       uint8
	nodeSize   uint64
	recordSize uint64
	depth      int
	countSize  int   // of the number of records in a child
	totalSize  []int // of the number of records below a child of each depth
}

// btree2 walks a v2 B-tree and hands every record to yield. Record sizes are for the caller to check.
func (f *File) btree2(addr uint64, kind uint8, yield func(record *decoder) error) error {
	b, err := f.block(addr, uint64(4+1+1+4+2+2+1+1+f.Super.AddrSize+2+f.Super.LengthSize+4))
	if err != nil {
		return err
	}
	d := f.decode(b, f.Offset(addr))
	d.magic("BTHD")
	d.version("a B-tree", 0, 0)
	t := tree2{f: f, kind: d.u8(), nodeSize: uint64(d.u32()), recordSize: uint64(d.u16()), depth: int(d.u16())}
	d.skip(2)
	root, inRoot := d.addr(), uint64(d.u16())
	d.length()
	d.sum("the header of a B-tree")
	if d.err != nil {
		return d.err
	}
	switch {
	case t.kind != kind:
		return source.Malformedf(f.Offset(addr), "a B-tree of kind %d where %d is due", t.kind, kind)
	case t.recordSize == 0 || t.nodeSize < sizeOfNodePrefixAndSum+t.recordSize || t.depth > maxLevels:
		return source.Malformedf(f.Offset(addr), "a B-tree of nodes of %d bytes, records of %d and depth %d", t.nodeSize, t.recordSize, t.depth)
	case root == Undefined:
		return nil
	}
	t.measure()
	return t.walk(root, inRoot, yield)
}

// measure computes the sizes of numbers of records, which depend on how many fit.
func (t *tree2) measure() {
	fits := (t.nodeSize - sizeOfNodePrefixAndSum) / t.recordSize
	t.countSize = bytesFor(fits)
	t.totalSize = []int{0}
	total := fits
	for range t.depth {
		pointer := uint64(t.f.Super.AddrSize + t.countSize + t.totalSize[len(t.totalSize)-1])
		room := uint64(0)
		if t.nodeSize > sizeOfNodePrefixAndSum+pointer {
			room = (t.nodeSize - sizeOfNodePrefixAndSum - pointer) / (t.recordSize + pointer)
		}
		hi, below := bits.Mul64(room+1, total)
		if hi > 0 || below > 1<<62 {
			below = 1 << 62 // 8 bytes either way
		}
		total = below + room
		t.totalSize = append(t.totalSize, bytesFor(total))
	}
}

// bytesFor is how many bytes a number up to n takes.
func bytesFor(n uint64) int { return (bits.Len64(n|1)-1)/8 + 1 }

// walk reads the nodes from the root on. Internal nodes: BTIN, version, type, records, then for each child its address, its records,
// and the records below it unless it is a leaf; a checksum. Leaves: BTLF, version, type, records, a checksum.
func (t *tree2) walk(root, inRoot uint64, yield func(*decoder) error) error {
	type node struct {
		addr, records uint64
		depth         int
	}
	seen := addresses{}
	todo := []node{{root, inRoot, t.depth}}
	for len(todo) > 0 {
		n := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if err := t.f.add(seen, "a node of a B-tree", n.addr); err != nil {
			return err
		}
		size := sizeOfNodePrefixAndSum + n.records*t.recordSize
		pointer := uint64(0)
		if n.depth > 0 {
			pointer = uint64(t.f.Super.AddrSize + t.countSize)
			pointer += uint64(t.totalSize[n.depth-1])
			size += (n.records + 1) * pointer
		}
		if size > t.nodeSize {
			return source.Malformedf(t.f.Offset(n.addr), "%d records in a node of %d bytes", n.records, t.nodeSize)
		}
		b, err := t.f.block(n.addr, size)
		if err != nil {
			return err
		}
		d := t.f.decode(b, t.f.Offset(n.addr))
		if n.depth > 0 {
			d.magic("BTIN")
		} else {
			d.magic("BTLF")
		}
		d.version("a node of a B-tree", 0, 0)
		if kind := d.u8(); d.err == nil && kind != t.kind {
			d.fail("a node of kind %d in a B-tree of kind %d", kind, t.kind)
		}
		for range n.records {
			here := d.here()
			record := t.f.decode(d.take(t.recordSize), here)
			if d.err != nil {
				return d.err
			}
			if err := yield(record); err != nil {
				return err
			}
		}
		first := len(todo)
		for i := uint64(0); n.depth > 0 && i <= n.records; i++ {
			child := node{addr: d.addr(), records: d.num(t.countSize), depth: n.depth - 1}
			d.num(t.totalSize[n.depth-1])
			todo = append(todo, child)
		}
		reverse(todo[first:])
		d.sum("a node of a B-tree")
		if d.err != nil {
			return d.err
		}
	}
	return nil
}
