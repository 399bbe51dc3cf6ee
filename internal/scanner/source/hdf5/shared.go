package hdf5

import "modelgate/internal/scanner/source"

// maxIndirections bounds how often a message may say that it is elsewhere.
const maxIndirections = 4

// Resolve returns the message itself if m merely says where it is: in the header of a committed datatype, or in the heap of
// messages that objects share.
func (f *File) Resolve(m Message) (Message, error) {
	for range maxIndirections {
		if !m.shared() {
			return m, nil
		}
		next, err := f.elsewhere(m)
		if err != nil {
			return m, err
		}
		m = next
	}
	return m, source.Malformedf(m.Off, "a shared message that only leads to others")
}

// elsewhere follows a shared message: version, type; in version 1 six reserved bytes and the address of an object header; in 2 the
// address; in 3 an id of the shared heap if the type is 1, else the address.
func (f *File) elsewhere(m Message) (Message, error) {
	d := f.decode(m.Data, m.Off)
	version := d.version("a shared message", 1, 3)
	kind := d.u8()
	if version == 1 {
		d.skip(6)
	}
	if version == 3 && kind == 1 {
		id := d.take(8)
		if d.err != nil {
			return m, d.err
		}
		return f.fromSharedHeap(m.Type, id, m.Off)
	}
	addr := d.addr()
	if d.err != nil {
		return m, d.err
	}
	o, known := f.types[addr]
	if !known {
		var err error
		if o, err = f.Object(addr); err != nil {
			return m, err
		}
		f.types[addr] = o
	}
	for _, there := range o.Messages {
		if there.Type == m.Type {
			return there, nil
		}
	}
	return m, source.Malformedf(m.Off, "a shared message that is not where it is said to be")
}

// sharedTable says in which heap shared messages of each type lie.
type sharedTable struct {
	heaps []sharedHeap
}

type sharedHeap struct {
	types uint16 // bit n stands for messages of type n
	addr  uint64
	heap  *fractalHeap // nil until it is needed
}

// fromSharedHeap reads a message by its id in the heap for its type.
func (f *File) fromSharedHeap(kind uint16, id []byte, off int64) (Message, error) {
	none := Message{Type: kind, Off: off}
	if f.shared == nil {
		table, err := f.readSharedTable(off)
		if err != nil {
			return none, err
		}
		f.shared = table
	}
	for i := range f.shared.heaps {
		h := &f.shared.heaps[i]
		if kind > 15 || h.types>>kind&1 == 0 || h.addr == Undefined {
			continue
		}
		if h.heap == nil {
			heap, err := f.fractalHeap(h.addr)
			if err != nil {
				return none, err
			}
			h.heap = heap
		}
		b, at, err := h.heap.object(id)
		return Message{Type: kind, Data: b, Off: at}, err
	}
	return none, source.Malformedf(off, "a shared message, and no heap for its type")
}

// readSharedTable reads the table of shared messages, to which a message in the superblock's extension leads. The message: version,
// address, number of indexes. The table: SMTB; for each index version, kind, types u16, least size u32, limits u16 and u16, number of
// messages u16, address of the index, address of the heap; a checksum.
func (f *File) readSharedTable(off int64) (*sharedTable, error) {
	if f.Super.Extension == Undefined {
		return nil, source.Malformedf(off, "a shared message in a file without a table of them")
	}
	ext, err := f.Object(f.Super.Extension)
	if err != nil {
		return nil, err
	}
	for _, m := range ext.Messages {
		if m.Type != MsgSharedTable {
			continue
		}
		d := f.decode(m.Data, m.Off)
		d.version("the message of the table of shared messages", 0, 0)
		addr, n := d.addr(), int(d.u8())
		if d.err != nil {
			return nil, d.err
		}
		each := 1 + 1 + 2 + 4 + 2 + 2 + 2 + 2*f.Super.AddrSize
		b, err := f.block(addr, uint64(4+n*each+4))
		if err != nil {
			return nil, err
		}
		d = f.decode(b, f.Offset(addr))
		d.magic("SMTB")
		t := &sharedTable{}
		for range n {
			d.skip(2)
			h := sharedHeap{types: d.u16()}
			d.skip(4 + 2 + 2 + 2)
			d.addr()
			h.addr = d.addr()
			t.heaps = append(t.heaps, h)
		}
		d.sum("the table of shared messages")
		return t, d.err
	}
	return nil, source.Malformedf(off, "a shared message in a file without a table of them")
}
