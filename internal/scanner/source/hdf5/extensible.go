package hdf5

import "math/bits"

// array is an extensible array, which indexes chunks of datasets that grow along one dimension. Its elements are those of the index
// block, then those of data blocks. Data blocks come in groups: group n has 2^(n/2) blocks of 2^((n+1)/2) times the least number of
// elements. The index block has the addresses of the blocks of the first groups, and of secondary blocks that have those of one
// further group each.
//
// The header: EAHD, version, kind (1 for filtered chunks), size of an element, bits of the number of elements, elements of the index
// block, least elements of a data block, least addresses of a secondary block, bits of a page; six lengths of what is in use, the
// address of the index block, a checksum.
type array struct {
	*assembly
	filtered   bool
	entry      uint64
	maxBits    uint8
	inIndex    uint64
	least      uint64 // elements of a data block
	leastAddrs uint64
	pageBits   uint8
	next       uint64 // number of the element that comes next
	last       uint64 // how many there are
}

// extensible reads chunks from an extensible array. That of a dataset of several dimensions counts chunks in another order, which is
// not followed.
func (a *assembly) extensible() error {
	if len(a.ds.Layout.Chunk.dims) != 1 {
		return ErrElsewhere
	}
	b, err := a.block(a.ds.Layout.Addr, uint64(4+8+6*a.Super.LengthSize+a.Super.AddrSize+4))
	if err != nil {
		return err
	}
	d := a.decode(b, a.Offset(a.ds.Layout.Addr))
	d.magic("EAHD")
	d.version("an extensible array", 0, 0)
	x := array{assembly: a, filtered: d.u8() == 1, entry: uint64(d.u8()), maxBits: d.u8(), inIndex: uint64(d.u8()), least: uint64(d.u8())}
	x.leastAddrs, x.pageBits = uint64(d.u8()), d.u8()
	d.skip(uint64(4 * a.Super.LengthSize))
	x.last = d.length() // those that were ever set
	d.length()
	index := d.addr()
	d.sum("the header of an extensible array")
	if d.err != nil || index == Undefined {
		return d.err
	}
	power := func(n uint64) bool { return n > 0 && n&(n-1) == 0 }
	if !power(x.least) || !power(x.leastAddrs) || x.maxBits > 64 || x.pageBits > 32 || x.entry < uint64(a.Super.AddrSize) {
		d.fail("an extensible array of blocks of %d elements and groups of %d", x.least, x.leastAddrs)
		return d.err
	}
	if x.last > maxChunks {
		return ErrElsewhere
	}
	return x.index(index)
}

// index reads the index block: EAIB, version, kind, address of the header; elements, addresses of data blocks, addresses of secondary
// blocks, a checksum.
func (x *array) index(addr uint64) error {
	prefix, each := uint64(4+1+1+x.Super.AddrSize), uint64(x.Super.AddrSize)
	groups := uint64(1 + int(x.maxBits) - (bits.Len64(x.least) - 1)) // all of them
	direct := uint64(2 * (bits.Len64(x.leastAddrs) - 1))             // groups whose blocks are named here
	blocks := 2 * (x.leastAddrs - 1)
	if groups > 128 || groups < direct {
		groups = direct
	}
	at := addr + prefix + x.inIndex*x.entry
	b, err := x.block(at, (blocks+groups-direct)*each)
	if err != nil {
		return err
	}
	d := x.decode(b, x.Offset(at))
	if err := x.run(addr+prefix, x.inIndex); err != nil {
		return err
	}
	for group := range groups {
		if x.next >= x.last || d.err != nil {
			break
		}
		count, elements := uint64(1)<<(group/2), x.least<<((group+1)/2)
		if group >= direct {
			if err := x.secondary(d.addr(), count, elements); err != nil {
				return err
			}
			continue
		}
		for range count {
			if err := x.data(d.addr(), elements); err != nil {
				return err
			}
		}
	}
	return d.err
}

// secondary reads a secondary block: EASB, version, kind, address of the header, offset in the array; a bit for each page of each
// block, if they have pages; addresses of data blocks, a checksum.
func (x *array) secondary(addr, count, elements uint64) error {
	if addr == Undefined {
		x.next += count * elements
		return nil
	}
	at := addr + uint64(4+1+1+x.Super.AddrSize+(int(x.maxBits)+7)/8)
	if page := uint64(1) << x.pageBits; elements > page {
		at += count * ((elements/page + 7) / 8)
	}
	b, err := x.block(at, count*uint64(x.Super.AddrSize))
	if err != nil {
		return err
	}
	d := x.decode(b, x.Offset(at))
	for range count {
		if x.next >= x.last || d.err != nil {
			break
		}
		if err := x.data(d.addr(), elements); err != nil {
			return err
		}
	}
	return d.err
}

// data reads a data block: EADB, version, kind, address of the header, offset in the array; elements and a checksum, or if there are
// more than a page of them a checksum, and pages of elements with a checksum each.
func (x *array) data(addr, elements uint64) error {
	if addr == Undefined || x.next >= x.last {
		x.next += elements
		return nil
	}
	at := addr + uint64(4+1+1+x.Super.AddrSize+(int(x.maxBits)+7)/8)
	page := uint64(1) << x.pageBits
	if elements <= page {
		return x.run(at, elements)
	}
	at += 4
	for range elements / page {
		if err := x.run(at, page); err != nil {
			return err
		}
		at += page*x.entry + 4
	}
	return nil
}

// run reads elements that lie one after the other.
func (x *array) run(at, count uint64) error {
	n := min(count, x.last-min(x.last, x.next))
	err := x.entries(at, x.next, n, x.entry, x.filtered)
	x.next += count
	return err
}
