package scantest

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"

	"modelgate/internal/scanner/source/hdf5"
)

// HDF5 describes a file that BuildHDF5 writes.
type HDF5 struct {
	// Old writes what the library wrote before 1.8: superblock 0, object headers of version 1, groups with symbol tables (but for
	// those that have external links). Otherwise it is superblock 3, headers of version 2 and links as messages.
	Old       bool
	UserBlock []byte // filled up with zeros to 512, 1024, 2048 ...
	Root      H5Group
	// Extension are messages of the superblock's extension; of new files alone.
	Extension []H5Message
	Behind    []byte // the end of the file
}

// H5Group is a group.
type H5Group struct {
	Attributes []H5Attribute
	Links      []H5Link
	// DenseAttributes and DenseLinks put them into fractal heaps.
	DenseAttributes, DenseLinks bool
	// Split puts all messages but the first into a continuation of the header.
	Split    bool
	Messages []H5Message
}

// H5Link is an entry of a group: one of its fields says where it leads.
type H5Link struct {
	Name    string
	Group   *H5Group
	Dataset *H5Dataset
	Up      bool // to the root group
	Soft    string
	// File and Object are those of an external link; Class, if not 0, makes it a link of that class with Object as its value.
	File, Object string
	Class        uint8
	Addr         uint64 // any place
}

// H5Attribute is an attribute that is a text.
type H5Attribute struct {
	Name  string
	Value string
	// Variable keeps the value in the global heap, Pad is how fixed ones end (hdf5.PadNUL and so on), Type is another type's message.
	Variable bool
	Pad      hdf5.Padding
	Type     []byte
	Dims     []uint64
	// Shared puts the whole message into the heap of shared messages.
	Shared bool
	// End is the byte behind the name.
	End byte
}

// H5Dataset is a dataset: of bytes, unless Type says otherwise.
type H5Dataset struct {
	Data       []byte
	Type       []byte
	Dims       []uint64
	Filters    []uint16
	Compact    bool
	Chunked    bool // in one chunk, that passes the filters that Go can write
	External   []string
	Virtual    []H5Mapping
	Attributes []H5Attribute
	Variable   [][]byte // values of variable length instead of Data
	Messages   []H5Message
}

// H5Mapping is a part of a virtual dataset.
type H5Mapping struct{ File, Dataset string }

// H5Message is a message as it stands.
type H5Message struct {
	Type  uint16
	Flags uint8
	Data  []byte
}

// h5Writer writes one file. Addresses count from the superblock.
type h5Writer struct {
	buf  []byte
	old  bool
	root uint64
}

const h5None = math.MaxUint64

func le(values ...any) []byte {
	var b bytes.Buffer
	put(&b, values...)
	return b.Bytes()
}

// BuildHDF5 writes a file.
func BuildHDF5(f HDF5) []byte {
	w := &h5Writer{old: f.Old}
	w.buf = make([]byte, 96)
	var extension uint64 = h5None
	if len(f.Extension) > 0 {
		extension = w.header(f.Extension, false)
	}
	f.Root.Messages = append(f.Root.Messages, w.sharedTable(&f, &extension)...)
	saved := w.buf
	w.buf = bytes.Clone(saved)
	w.group(&f.Root, &w.root) // a first try tells where the root comes to lie
	w.buf = saved
	w.group(&f.Root, &w.root)
	end := uint64(len(w.buf))
	base := uint64(0)
	if len(f.UserBlock) > 0 {
		for base = 512; base < uint64(len(f.UserBlock)); base *= 2 {
		}
	}
	var super []byte
	if f.Old {
		super = le([]byte(hdf5.Signature), []byte{0, 0, 0, 0, 0, 8, 8, 0}, uint16(4), uint16(16), uint32(0), base, uint64(h5None), base+end, uint64(h5None),
			uint64(0), w.root, uint32(0), uint32(0), make([]byte, 16))
	} else {
		super = le([]byte(hdf5.Signature), []byte{3, 8, 8, 0}, base, extension, base+end, w.root)
		super = append(super, le(hdf5.Checksum(super))...)
	}
	copy(w.buf, super)
	out := append(bytes.Clone(f.UserBlock), make([]byte, int(base)-len(f.UserBlock))...)
	return append(append(out, w.buf...), f.Behind...)
}

// add writes bytes at the end, aligned to eight, and returns their address.
func (w *h5Writer) add(b []byte) uint64 {
	w.buf = append(w.buf, make([]byte, (8-len(w.buf)%8)%8)...)
	at := uint64(len(w.buf))
	w.buf = append(w.buf, b...)
	return at
}

// sum adds the checksum of everything before it.
func sum(b []byte) []byte { return append(b, le(hdf5.Checksum(b))...) }

// pad8 fills up to eight bytes.
func pad8(b []byte) []byte { return append(bytes.Clone(b), make([]byte, (8-len(b)%8)%8)...) }

// messages writes messages one after the other.
func (w *h5Writer) messages(all []H5Message) []byte {
	var out []byte
	for _, m := range all {
		if w.old {
			data := pad8(m.Data)
			out = append(append(out, le(m.Type, uint16(len(data)), m.Flags, uint8(0), uint16(0))...), data...)
			continue
		}
		out = append(append(out, le(uint8(m.Type), uint16(len(m.Data)), m.Flags)...), m.Data...)
	}
	return out
}

// header writes an object header. A split one has all but its first message in a continuation.
func (w *h5Writer) header(all []H5Message, split bool) uint64 {
	if split && len(all) > 1 {
		rest := w.messages(all[1:])
		if !w.old {
			rest = sum(append([]byte("OCHK"), rest...))
		}
		all = []H5Message{all[0], {Type: hdf5.MsgContinuation, Data: le(w.add(rest), uint64(len(rest)))}}
	}
	body := w.messages(all)
	if w.old {
		return w.add(append(le(uint8(1), uint8(0), uint16(len(all)), uint32(1), uint32(len(body)), uint32(0)), body...))
	}
	return w.add(sum(append(le([]byte("OHDR"), uint8(2), uint8(2), uint32(len(body))), body...)))
}

// group writes a group.
func (w *h5Writer) group(g *H5Group, at *uint64) {
	symbols := w.old && !g.DenseLinks
	for _, l := range g.Links {
		symbols = symbols && l.File == "" && l.Class == 0
	}
	var all []H5Message
	addrs := make([]uint64, len(g.Links))
	for i, l := range g.Links {
		addrs[i] = w.target(l)
	}
	switch {
	case symbols:
		all = append(all, H5Message{Type: hdf5.MsgSymbolTable, Data: w.symbolTable(g.Links, addrs)})
	case g.DenseLinks:
		var items [][]byte
		for i, l := range g.Links {
			items = append(items, linkMessage(l, addrs[i]))
		}
		heap, tree := w.dense(items, 7)
		all = append(all, H5Message{Type: hdf5.MsgLinkInfo, Data: le(uint8(0), uint8(0), heap, tree)})
	default:
		all = append(all, H5Message{Type: hdf5.MsgLinkInfo, Data: le(uint8(0), uint8(0), uint64(h5None), uint64(h5None))})
		for i, l := range g.Links {
			all = append(all, H5Message{Type: hdf5.MsgLink, Data: linkMessage(l, addrs[i])})
		}
	}
	if g.DenseAttributes {
		var items [][]byte
		for _, a := range g.Attributes {
			items = append(items, w.attribute(a))
		}
		heap, tree := w.dense(items, 8)
		all = append(all, H5Message{Type: hdf5.MsgAttributeInfo, Data: le(uint8(0), uint8(0), heap, tree)})
	} else {
		all = append(all, w.attributes(g.Attributes)...)
	}
	*at = w.header(append(all, g.Messages...), g.Split)
}

func (w *h5Writer) attributes(list []H5Attribute) []H5Message {
	var out []H5Message
	for _, a := range list {
		if !a.Shared {
			out = append(out, H5Message{Type: hdf5.MsgAttribute, Data: w.attribute(a)})
		}
	}
	return out
}

// target writes what a link leads to.
func (w *h5Writer) target(l H5Link) uint64 {
	var at uint64
	switch {
	case l.Group != nil:
		w.group(l.Group, &at)
	case l.Dataset != nil:
		return w.dataset(l.Dataset)
	case l.Up:
		return w.root
	}
	return max(at, l.Addr)
}

// linkMessage writes a link.
func linkMessage(l H5Link, addr uint64) []byte {
	flags, kind, value := uint8(0x01), []byte(nil), le(addr)
	switch {
	case l.Soft != "":
		flags, kind, value = 0x09, []byte{1}, le(uint16(len(l.Soft)), []byte(l.Soft))
	case l.File != "":
		text := "\x00" + l.File + "\x00" + l.Object + "\x00"
		flags, kind, value = 0x09, []byte{64}, le(uint16(len(text)), []byte(text))
	case l.Class != 0:
		flags, kind, value = 0x09, []byte{l.Class}, le(uint16(len(l.Object)), []byte(l.Object))
	}
	return le(uint8(1), flags, kind, uint16(len(l.Name)), []byte(l.Name), value)
}

// symbolTable writes the links of an old group into one node.
func (w *h5Writer) symbolTable(links []H5Link, addrs []uint64) []byte {
	heap := make([]byte, 8)
	text := func(s string) uint64 {
		at := uint64(len(heap))
		heap = append(heap, pad8(append([]byte(s), 0))...)
		return at
	}
	order := make([]int, len(links))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(links[a].Name, links[b].Name) })
	var entries []byte
	last := uint64(0) // the name after which none comes
	for _, i := range order {
		l := links[i]
		name := text(l.Name)
		last = name
		if l.Soft != "" {
			entries = append(entries, le(name, uint64(h5None), uint32(2), uint32(0), uint32(text(l.Soft)), make([]byte, 12))...)
			continue
		}
		entries = append(entries, le(name, addrs[i], uint32(0), uint32(0), make([]byte, 16))...)
	}
	entries = append(entries, make([]byte, max(0, 8-len(links))*40)...)
	node := w.add(append(le([]byte("SNOD"), uint8(1), uint8(0), uint16(len(links))), entries...))
	tree := w.add(append(le([]byte("TREE"), uint8(0), uint8(0), uint16(1), uint64(h5None), uint64(h5None), uint64(0), node, last), make([]byte, 31*16)...))
	data := w.add(heap)
	return le(tree, w.add(le([]byte("HEAP"), uint32(0), uint64(len(heap)), uint64(1), data)))
}

// textType is the message of a fixed text's type.
func textType(size int, pad hdf5.Padding) []byte {
	return le(uint8(0x13), uint8(pad), uint16(0), uint32(size))
}

// variableType is that of a text of variable length, or of bytes.
func variableType(text bool) []byte {
	if text {
		return append(le(uint8(0x19), uint8(1), uint16(0), uint32(16)), textType(1, 0)...)
	}
	return append(le(uint8(0x19), uint8(0), uint16(0), uint32(16)), byteType()...)
}

// byteType is that of unsigned bytes.
func byteType() []byte {
	return le(uint8(0x10), uint8(0), uint16(0), uint32(1), uint16(0), uint16(8))
}

// OpaqueType is that of opaque elements.
func OpaqueType(size int) []byte {
	return le(uint8(0x15), uint8(8), uint16(0), uint32(size), []byte("opaque\x00\x00"))
}

// FloatType is that of floats of 32 bits.
func FloatType() []byte {
	return le(uint8(0x11), uint8(0x20), uint8(31), uint8(0), uint32(4), uint16(0), uint16(32), uint8(23), uint8(8), uint8(0), uint8(23), uint32(127))
}

func (w *h5Writer) space(dims []uint64) []byte {
	if w.old {
		return le(uint8(1), uint8(len(dims)), uint8(0), uint8(0), uint32(0), dims)
	}
	kind := uint8(0)
	if len(dims) > 0 {
		kind = 1
	}
	return le(uint8(2), uint8(len(dims)), uint8(0), kind, dims)
}

// attribute writes an attribute message.
func (w *h5Writer) attribute(a H5Attribute) []byte {
	kind, data := textType(len(a.Value), a.Pad), []byte(a.Value)
	if a.Variable {
		kind, data = variableType(true), w.variable([]byte(a.Value))
	}
	if a.Type != nil {
		kind = a.Type
	}
	name, space := append([]byte(a.Name), a.End), w.space(a.Dims)
	if w.old {
		return le(uint8(1), uint8(0), uint16(len(name)), uint16(len(kind)), uint16(len(space)), pad8(name), pad8(kind), pad8(space), data)
	}
	return le(uint8(3), uint8(0), uint16(len(name)), uint16(len(kind)), uint16(len(space)), uint8(0), name, kind, space, data)
}

// variable writes values into a collection of the global heap, and returns the references to them.
func (w *h5Writer) variable(values ...[]byte) []byte {
	var objects []byte
	for i, v := range values {
		objects = append(objects, le(uint16(i+1), uint16(0), uint32(0), uint64(len(v)), pad8(v))...)
	}
	size := max(4096, (16+len(objects)+16+7)&^7)
	free := size - 16 - len(objects)
	objects = append(objects, le(uint16(0), uint16(0), uint32(0), uint64(free))...)
	at := w.add(append(le([]byte("GCOL"), uint32(1), uint64(size), objects), make([]byte, free-16)...))
	var refs []byte
	for i, v := range values {
		refs = append(refs, le(uint32(len(v)), at, uint32(i+1))...)
	}
	return refs
}

// dataset writes a dataset.
func (w *h5Writer) dataset(d *H5Dataset) uint64 {
	kind, dims, data := d.Type, d.Dims, d.Data
	if kind == nil {
		kind = byteType()
	}
	if d.Variable != nil {
		kind, data, dims = variableType(false), w.variable(d.Variable...), []uint64{uint64(len(d.Variable))}
	}
	if dims == nil {
		dims = []uint64{uint64(len(data))}
	}
	all := []H5Message{
		{Type: hdf5.MsgDataspace, Data: w.space(dims)},
		{Type: hdf5.MsgDatatype, Flags: 1, Data: kind},
		{Type: hdf5.MsgFill, Flags: 1, Data: []byte{2, 2, 2, 0}},
	}
	if d.Filters != nil {
		list := le(uint8(1), uint8(len(d.Filters)), uint16(0), uint32(0))
		for _, id := range d.Filters {
			list = append(list, le(id, uint16(8), uint16(1), uint16(1), []byte("plug-in\x00"), uint32(1), uint32(0))...)
		}
		all = append(all, H5Message{Type: hdf5.MsgFilters, Data: list})
	}
	all = append(all, w.layout(d, kind, data, dims)...)
	return w.header(append(append(all, w.attributes(d.Attributes)...), d.Messages...), false)
}

// layout writes where the bytes of a dataset are, and the bytes.
func (w *h5Writer) layout(d *H5Dataset, kind, data []byte, dims []uint64) []H5Message {
	message := func(values ...any) H5Message { return H5Message{Type: hdf5.MsgLayout, Data: le(values...)} }
	switch {
	case d.External != nil:
		heap := make([]byte, 8)
		var slots []byte
		for _, name := range d.External {
			slots = append(slots, le(uint64(len(heap)), uint64(0), uint64(len(data)))...)
			heap = append(heap, pad8(append([]byte(name), 0))...)
		}
		at := w.add(heap)
		at = w.add(le([]byte("HEAP"), uint32(0), uint64(len(heap)), uint64(1), at))
		return []H5Message{
			message(uint8(3), uint8(1), uint64(h5None), uint64(len(data))),
			{Type: hdf5.MsgExternal, Data: le(uint8(1), uint8(0), uint16(0), uint16(len(d.External)), uint16(len(d.External)), at, slots)},
		}
	case d.Virtual != nil:
		list := le(uint8(0), uint64(len(d.Virtual)))
		everything := le(uint32(3), uint32(1), uint64(0))
		for _, m := range d.Virtual {
			list = append(list, le([]byte(m.File+"\x00"+m.Dataset+"\x00"), everything, everything)...)
		}
		ref := w.variable(sum(list))
		return []H5Message{message(uint8(4), uint8(3), ref[4:])}
	case d.Compact:
		return []H5Message{message(uint8(3), uint8(0), uint16(len(data)), data)}
	case d.Chunked:
		cut := dims
		if size := int(binary.LittleEndian.Uint32(kind[4:])); len(dims) == 1 {
			cut = []uint64{uint64(len(data) / size)} // a larger dataset has chunks that were never written
		}
		for _, id := range d.Filters {
			if id == hdf5.FilterDeflate {
				data = Zlib(data)
			}
		}
		chunk, tree := w.add(data), []byte(nil)
		tree = le([]byte("TREE"), uint8(1), uint8(0), uint16(1), uint64(h5None), uint64(h5None), uint32(len(data)), uint32(0))
		for range len(dims) + 1 {
			tree = append(tree, le(uint64(0))...)
		}
		tree = append(tree, le(chunk, uint32(0), uint32(0), dims, uint64(0))...)
		tree = append(tree, make([]byte, 64*(16+8*len(dims)+8))...)
		layout := le(uint8(3), uint8(2), uint8(len(dims)+1), w.add(tree))
		for _, n := range cut {
			layout = append(layout, le(uint32(n))...)
		}
		return []H5Message{message(layout, kind[4:8])}
	}
	return []H5Message{message(uint8(3), uint8(1), w.add(data), uint64(len(data)))}
}
