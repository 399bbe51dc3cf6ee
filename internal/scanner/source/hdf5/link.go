package hdf5

import (
	"fmt"

	"modelgate/internal/scanner/source"
)

// LinkKind says where a link leads.
type LinkKind uint8

// Kinds of links. Those from 65 on are of classes that a program registers itself.
const (
	LinkHard     LinkKind = 0
	LinkSoft     LinkKind = 1
	LinkExternal LinkKind = 64
)

// Link is an entry of a group.
type Link struct {
	Name string
	Kind LinkKind
	// Addr is the object header that a hard link leads to.
	Addr uint64
	// Target is the path that a soft link leads to in this file, and an external one in File.
	Target, File string
	Off          int64 // in the stream
}

// IsGroup tells whether an object has links, in any of the ways to store them.
func (o *Object) IsGroup() bool {
	return o.Has(MsgSymbolTable) || o.Has(MsgLinkInfo) || o.Has(MsgLink) || o.Has(MsgGroupInfo)
}

// Links hands every link of a group to yield, however it is stored. An error of yield ends it and is returned.
func (f *File) Links(o *Object, yield func(Link) error) error {
	for _, m := range o.Messages {
		m, err := f.Resolve(m)
		if err != nil {
			return err
		}
		switch m.Type {
		case MsgLink:
			var l Link
			if l, err = f.link(m.Data, m.Off); err == nil {
				err = yield(l)
			}
		case MsgSymbolTable:
			err = f.symbolTable(m, yield)
		case MsgLinkInfo:
			err = f.denseLinks(m, yield)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link reads a link message: version, flags, kind if flags say so (else hard), order of creation u64 if they say so, character set
// if they say so, length of the name in 1, 2, 4 or 8 bytes, name; an address, or a length u16 and a path, or a length u16 and what
// the class of the link makes of it: for external ones a version, a file and a path, each ended by NUL.
func (f *File) link(b []byte, off int64) (Link, error) {
	d := f.decode(b, off)
	d.version("a link", 1, 1)
	flags := d.u8()
	l := Link{Off: off}
	if flags&0x08 != 0 {
		l.Kind = LinkKind(d.u8())
	}
	if flags&0x04 != 0 {
		d.skip(8)
	}
	if flags&0x10 != 0 {
		d.skip(1)
	}
	l.Name = string(d.take(d.num(1 << (flags & 3))))
	switch {
	case l.Kind == LinkHard:
		l.Addr = d.addr()
	case l.Kind == LinkSoft:
		l.Target = string(d.take(uint64(d.u16())))
	case l.Kind == LinkExternal:
		rest := d.take(uint64(d.u16()))
		if d.err != nil {
			break
		}
		e := f.decode(rest, d.here()-int64(len(rest)))
		e.skip(1)
		l.File, l.Target = e.text(), e.text()
		d.err = e.err
	case l.Kind < LinkExternal:
		d.fail("a link of the unknown kind %d", l.Kind)
	}
	return l, d.err
}

// symbolTable reads the links of an old group: the message has the addresses of a B-tree and of a local heap. The leaves of the tree
// lead to SNOD, version, a reserved byte, number of entries u16; an entry has the offset of the name in the heap, the address of an
// object header, the kind of what follows u32, four reserved bytes, 16 bytes: those of kind 2 begin with the offset of the path of a
// soft link u32.
func (f *File) symbolTable(m Message, yield func(Link) error) error {
	d := f.decode(m.Data, m.Off)
	tree, heapAt := d.addr(), d.addr()
	if d.err != nil {
		return d.err
	}
	heap, err := f.localHeap(heapAt)
	if err != nil {
		return err
	}
	seen := addresses{}
	before, ordered := "", true
	err = f.btree1(tree, treeOfGroup, f.Super.LengthSize, func(_ *decoder, child uint64) error {
		if err := f.add(seen, "a node of a group", child); err != nil {
			return err
		}
		return f.symbols(child, heap, func(l Link) error {
			ordered = ordered && before <= l.Name
			before = l.Name
			return yield(l)
		})
	})
	if !ordered { // who looks a name up does not find all of them
		f.contradict(m.Off, "the names of a group are not in their order")
	}
	return err
}

// symbols reads one node of an old group.
func (f *File) symbols(addr uint64, heap *localHeap, yield func(Link) error) error {
	const prefix, soft = 8, 2
	b, err := f.block(addr, prefix)
	if err != nil {
		return err
	}
	d := f.decode(b, f.Offset(addr))
	d.magic("SNOD")
	d.version("a node of a group", 1, 1)
	d.skip(1)
	n := uint64(d.u16())
	if d.err != nil {
		return d.err
	}
	each := uint64(f.Super.LengthSize + f.Super.AddrSize + 4 + 4 + 16)
	if b, err = f.block(addr+prefix, n*each); err != nil {
		return err
	}
	d = f.decode(b, f.Offset(addr+prefix))
	for range n {
		l := Link{Off: d.here()}
		name := d.length()
		l.Addr = d.addr()
		kind := d.u32()
		d.skip(4)
		value := d.u32()
		d.skip(12)
		if d.err != nil {
			return d.err
		}
		if l.Name, err = heap.text(f, name); err != nil {
			return err
		}
		if kind == soft {
			l.Kind = LinkSoft
			if l.Target, err = heap.text(f, uint64(value)); err != nil {
				return err
			}
		}
		if err := yield(l); err != nil {
			return err
		}
	}
	return nil
}

// denseLinks reads the links of a group that keeps them in a fractal heap: version, flags, largest order of creation u64 if flags say
// so, address of the heap, of the index by name, and of that by order of creation if flags say so.
func (f *File) denseLinks(m Message, yield func(Link) error) error {
	d := f.decode(m.Data, m.Off)
	d.version("the message on links", 0, 0)
	flags := d.u8()
	if flags&1 != 0 {
		d.skip(8)
	}
	dense := dense{what: "links", heap: d.addr(), byName: d.addr(), byOrder: Undefined, nameRecord: recordLinkName, orderRecord: recordLinkOrder, off: m.Off}
	if flags&2 != 0 {
		dense.byOrder = d.addr()
	}
	if d.err != nil {
		return d.err
	}
	return f.dense(dense, func(r *decoder, kind uint8) denseRecord {
		if kind == recordLinkName {
			r.skip(4)
		} else {
			r.skip(8)
		}
		return denseRecord{id: r.take(7)}
	}, func(b []byte, off int64, _ denseRecord) error {
		l, err := f.link(b, off)
		if err != nil {
			return err
		}
		return yield(l)
	})
}

// dense is storage in a fractal heap, with an index by name and perhaps one by order of creation. Readers that look a name up use the
// first, those that list may use the second: what either leads to counts.
type dense struct {
	what                    string
	heap, byName, byOrder   uint64
	nameRecord, orderRecord uint8
	off                     int64
}

// denseRecord is what a record of an index leads to.
type denseRecord struct {
	id     []byte
	shared bool // the id is one of the heap of shared messages
}

// dense reads everything that the indexes lead to, each once.
func (f *File) dense(s dense, read func(r *decoder, kind uint8) denseRecord, yield func(b []byte, off int64, r denseRecord) error) error {
	if s.heap == Undefined {
		return nil
	}
	heap, err := f.fractalHeap(s.heap)
	if err != nil {
		return err
	}
	seen := map[string]int{} // by id: bit 0 for the index by name, bit 1 for that by order
	for bit, index := range []struct {
		addr uint64
		kind uint8
	}{{s.byName, s.nameRecord}, {s.byOrder, s.orderRecord}} {
		if index.addr == Undefined {
			continue
		}
		err := f.btree2(index.addr, index.kind, func(d *decoder) error {
			r := read(d, index.kind)
			if d.err != nil {
				return d.err
			}
			before := seen[string(r.id)]
			if before>>bit&1 != 0 {
				return source.Malformedf(d.off, "an index of %s that leads to the same one twice", s.what)
			}
			if len(seen) >= maxParts {
				return fmt.Errorf("%d %s of one object: %w", len(seen), s.what, source.ErrBudget)
			}
			seen[string(r.id)] = before | 1<<bit
			if before != 0 {
				return nil
			}
			if r.shared {
				return yield(nil, d.off, r)
			}
			b, off, err := heap.object(r.id)
			if err != nil {
				return err
			}
			return yield(b, off, r)
		})
		if err != nil {
			return err
		}
	}
	for _, bits := range seen {
		if s.byName != Undefined && s.byOrder != Undefined && bits != 3 {
			f.contradict(s.off, "the two indexes of "+s.what+" do not lead to the same ones")
			break
		}
	}
	return nil
}
