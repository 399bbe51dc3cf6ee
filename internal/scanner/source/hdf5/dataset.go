package hdf5

import (
	"errors"

	"modelgate/internal/scanner/source"
)

// Dataset says what a dataset is and where its bytes are.
type Dataset struct {
	Type    Type
	Space   Space
	Filters []Filter
	Layout  Layout
	// External are the files that have the bytes instead of this one.
	External []ExternalFile
	// Mappings are the datasets that a virtual dataset is put together from.
	Mappings []Mapping
}

// Kinds of layouts.
const (
	LayoutCompact    = 0 // in the header
	LayoutContiguous = 1
	LayoutChunked    = 2
	LayoutVirtual    = 3
)

// Layout says where the bytes of a dataset are.
type Layout struct {
	Kind    uint8
	Version uint8
	Addr    uint64 // of the bytes, or of the index of chunks; Undefined if nothing was written yet
	Size    uint64 // of contiguous bytes, as far as the message says
	Compact []byte
	Off     int64 // in the stream, of Compact, or of the message
	Chunk   chunking
	Virtual HeapID
}

// chunking is how chunks are cut and found.
type chunking struct {
	dims     []uint64 // of a chunk in elements; without the size of an element
	index    uint8
	pageBits uint8
	size     uint64 // of the single chunk, if it is filtered
	mask     uint32
	filtered bool
	// bareEdges says that chunks which reach beyond the dataset pass no filter.
	bareEdges bool
}

// ExternalFile is a file that has bytes of a dataset.
type ExternalFile struct {
	Name         string
	Offset, Size uint64
	Off          int64 // in the stream
}

// Mapping is a part of a virtual dataset. A File of "." is this one.
type Mapping struct {
	File, Dataset string
	Off           int64 // in the stream
}

// IsDataset tells whether an object is a dataset.
func (o *Object) IsDataset() bool { return o.Has(MsgLayout) }

// Dataset reads what the header of a dataset says, of all messages if there are several of a type. What could be read is returned with the first error; only errors that are none of
// the bytes end it early.
func (f *File) Dataset(o *Object) (*Dataset, error) {
	ds := &Dataset{Layout: Layout{Addr: Undefined}}
	var first error
	for _, m := range o.Messages {
		err := f.property(ds, m)
		var bad *source.Malformed
		if err != nil && !errors.As(err, &bad) {
			return ds, err
		}
		if first == nil {
			first = err
		}
	}
	return ds, first
}

// property reads one message of a dataset.
func (f *File) property(ds *Dataset, m Message) error {
	switch m.Type {
	case MsgDatatype, MsgDataspace, MsgFilters, MsgLayout, MsgExternal:
	default:
		return nil
	}
	m, err := f.Resolve(m)
	if err != nil {
		return err
	}
	switch m.Type {
	case MsgDatatype:
		ds.Type, err = f.datatype(m.Data, m.Off)
	case MsgDataspace:
		ds.Space, err = f.dataspace(m.Data, m.Off)
	case MsgFilters:
		var list []Filter
		list, err = f.filters(m.Data, m.Off)
		ds.Filters = append(ds.Filters, list...)
	case MsgLayout:
		if ds.Layout, err = f.layout(m.Data, m.Off); err == nil && ds.Layout.Kind == LayoutVirtual {
			var list []Mapping
			list, err = f.mappings(ds.Layout)
			ds.Mappings = append(ds.Mappings, list...)
		}
	case MsgExternal:
		var list []ExternalFile
		list, err = f.externalFiles(m)
		ds.External = append(ds.External, list...)
	}
	return err
}

// layout reads a layout message. Version 1 and 2: rank, kind, five reserved bytes, address unless it is compact, sizes u32 (of
// chunks, and of an element as the last), and for compact ones the length u32 and the bytes. Later versions: kind, then length u16
// and bytes; or address and length; or in version 3 rank, address, sizes u32, and from 4 on what chunked reads; or the place of the
// list of a virtual dataset.
func (f *File) layout(b []byte, off int64) (Layout, error) {
	d := f.decode(b, off)
	l := Layout{Addr: Undefined, Off: off}
	l.Version = d.version("a layout", 1, 5)
	if l.Version < 3 {
		f.oldLayout(&l, d)
		return l, d.err
	}
	l.Kind = d.u8()
	switch l.Kind {
	case LayoutCompact:
		n := uint64(d.u16())
		l.Off, l.Compact = d.here(), d.take(n)
	case LayoutContiguous:
		l.Addr, l.Size = d.addr(), d.length()
	case LayoutChunked:
		if l.Version == 3 {
			rank := d.u8()
			l.Addr = d.addr()
			l.Chunk.dims = chunkDims(d, rank, 4)
		} else {
			f.chunked(&l, d)
		}
	case LayoutVirtual:
		l.Virtual = d.heapID()
	default:
		d.fail("a layout of the unknown kind %d", l.Kind)
	}
	return l, d.err
}

// oldLayout reads a layout of version 1 or 2.
func (f *File) oldLayout(l *Layout, d *decoder) {
	rank := d.u8()
	l.Kind = d.u8()
	d.skip(5)
	if l.Kind > LayoutChunked {
		d.fail("a layout of the unknown kind %d", l.Kind)
	}
	if l.Kind != LayoutCompact {
		l.Addr = d.addr()
	}
	if l.Kind == LayoutChunked {
		l.Chunk.dims = chunkDims(d, rank, 4)
		return
	}
	d.skip(4 * uint64(rank))
	if l.Kind == LayoutCompact {
		n := uint64(d.u32())
		l.Off, l.Compact = d.here(), d.take(n)
	}
}

// chunkDims reads the sizes of a chunk; the last one, that of an element, is left out.
func chunkDims(d *decoder, rank uint8, each int) []uint64 {
	if d.err == nil && (rank < 2 || rank > maxRank+1 || each < 1 || each > 8) {
		d.fail("chunks of %d dimensions, in %d bytes each", rank, each)
	}
	var dims []uint64
	for range rank {
		n := d.num(each)
		if d.err == nil && n == 0 {
			d.fail("a chunk without extent")
		}
		if d.err != nil {
			return nil
		}
		dims = append(dims, n)
	}
	if len(dims) == 0 {
		return nil
	}
	return dims[:len(dims)-1]
}

// Indexes of chunks.
const (
	indexTree1      = 0 // before version 4 of the layout
	indexSingle     = 1
	indexImplicit   = 2
	indexFixed      = 3
	indexExtensible = 4
	indexTree2      = 5
)

// chunked reads a layout of chunks since version 4: flags, rank, size of sizes, sizes, kind of the index, what that kind needs, the
// address.
func (f *File) chunked(l *Layout, d *decoder) {
	flags := d.u8()
	l.Chunk.bareEdges = flags&1 != 0
	rank := d.u8()
	l.Chunk.dims = chunkDims(d, rank, int(d.u8()))
	l.Chunk.index = d.u8()
	switch l.Chunk.index {
	case indexSingle:
		if l.Chunk.filtered = flags&2 != 0; l.Chunk.filtered {
			l.Chunk.size, l.Chunk.mask = d.length(), d.u32()
		}
	case indexImplicit:
	case indexFixed:
		l.Chunk.pageBits = d.u8()
	case indexExtensible:
		d.skip(5)
	case indexTree2:
		d.skip(6)
	default:
		d.fail("an index of chunks of the unknown kind %d", l.Chunk.index)
	}
	l.Addr = d.addr()
}

// externalFiles reads the list of external files: version, three reserved bytes, slots u16, slots in use u16, address of a local heap;
// for each slot the offset of the name in the heap, the offset in the file and the size.
func (f *File) externalFiles(m Message) ([]ExternalFile, error) {
	d := f.decode(m.Data, m.Off)
	d.version("the list of external files", 1, 1)
	d.skip(3 + 2)
	n := d.u16()
	heapAt := d.addr()
	if d.err != nil {
		return nil, d.err
	}
	heap, err := f.localHeap(heapAt)
	if err != nil {
		return []ExternalFile{{Off: m.Off}}, err // whatever its name is
	}
	var out []ExternalFile
	for range n {
		x := ExternalFile{Off: d.here()}
		name := d.length()
		x.Offset, x.Size = d.length(), d.length()
		if d.err != nil {
			return append(out, x), d.err
		}
		if x.Name, err = heap.text(f, name); err != nil {
			return append(out, x), err
		}
		out = append(out, x)
	}
	return out, nil
}
