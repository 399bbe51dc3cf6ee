package hdf5

import (
	"errors"
	"fmt"
	"io"
	"math"

	"modelgate/internal/scanner/source"
)

// ErrElsewhere is wrapped by errors on bytes that are not in the file, or not in a form that is read here.
var ErrElsewhere = errors.New("bytes that are not read here")

// DataSize is the size in bytes of all elements of a dataset; it stays at the largest number rather than overflow.
func (ds *Dataset) DataSize() uint64 { return mul(ds.Space.Count(), ds.Type.Size) }

// Data returns the elements of a dataset of at most limit bytes, as a program would see them, and where they lie in the stream as
// long as they are stored as they are. Chunks that were never written are zeros; a dataset of which nothing was is empty.
func (f *File) Data(ds *Dataset, limit uint64) (source.Reader, int64, error) {
	size := ds.DataSize()
	if size > limit {
		return nil, 0, ErrElsewhere
	}
	if size == 0 {
		return source.Bytes(nil), ds.Layout.Off, nil
	}
	switch l := ds.Layout; {
	case len(ds.External) > 0:
		return nil, 0, ErrElsewhere
	case l.Kind == LayoutCompact:
		return source.Bytes(l.Compact[:min(size, uint64(len(l.Compact)))]), l.Off, nil
	case l.Kind == LayoutContiguous && l.Addr == Undefined, l.Kind == LayoutChunked && l.Addr == Undefined:
		return source.Bytes(nil), l.Off, nil
	case l.Kind == LayoutContiguous:
		if _, err := f.within(l.Addr, size); err != nil {
			return nil, 0, err
		}
		r, err := f.section(l.Addr, size)
		return r, f.Offset(l.Addr), err
	case l.Kind == LayoutChunked:
		return f.assemble(ds, size)
	}
	return nil, 0, ErrElsewhere
}

// maxChunks is how many places of chunks are read of one dataset.
const maxChunks = 1 << 16

// assembly puts a dataset together from its chunks.
type assembly struct {
	*File
	ds    *Dataset
	out   []byte
	chunk uint64 // size of a chunk in bytes
	off   int64  // of the first chunk in the stream
}

// assemble reads all chunks of a small dataset.
func (f *File) assemble(ds *Dataset, size uint64) (source.Reader, int64, error) {
	dims := ds.Layout.Chunk.dims
	if len(dims) != len(ds.Space.Dims) {
		return nil, 0, source.Malformedf(ds.Layout.Off, "chunks of %d dimensions of a dataset of %d", len(dims), len(ds.Space.Dims))
	}
	a := &assembly{File: f, ds: ds, out: make([]byte, size), chunk: ds.Type.Size, off: -1}
	for _, n := range dims {
		a.chunk = mul(a.chunk, n)
	}
	if a.chunk > maxBlock {
		return nil, 0, ErrElsewhere
	}
	if err := a.index(); err != nil {
		return nil, 0, err
	}
	return source.Bytes(a.out), max(a.off, ds.Layout.Off), nil
}

// index reads the index of the chunks.
func (a *assembly) index() error {
	l := a.ds.Layout
	first := make([]uint64, len(l.Chunk.dims))
	switch l.Chunk.index {
	case indexTree1:
		return a.tree1()
	case indexSingle:
		stored := a.chunk
		if l.Chunk.filtered {
			stored = l.Chunk.size
		}
		return a.place(first, l.Addr, stored, l.Chunk.mask)
	case indexImplicit:
		n := uint64(1)
		for i := range first {
			n = mul(n, a.along(i))
		}
		if n > maxChunks {
			return ErrElsewhere
		}
		for i := range n {
			if err := a.place(a.position(i), l.Addr+i*a.chunk, a.chunk, 0); err != nil {
				return err
			}
		}
		return nil
	case indexFixed:
		return a.fixed()
	case indexExtensible:
		return a.extensible()
	case indexTree2:
		return a.tree2()
	}
	return ErrElsewhere
}

// along is how many chunks lie along a dimension, up to what it may grow to: arrays of chunks have a place for each of them.
func (a *assembly) along(i int) uint64 {
	n := a.ds.Space.Dims[i]
	if i < len(a.ds.Space.Max) {
		n = max(n, a.ds.Space.Max[i])
	}
	chunk := a.ds.Layout.Chunk.dims[i]
	return max(1, n/chunk+min(1, n%chunk))
}

// position is where the chunk of a number begins, in elements, when they are counted row by row.
func (a *assembly) position(number uint64) []uint64 {
	dims := a.ds.Layout.Chunk.dims
	at := make([]uint64, len(dims))
	for i := len(dims) - 1; i >= 0; i-- {
		n := a.along(i)
		at[i] = mul(number%n, dims[i])
		number /= n
	}
	return at
}

// tree1 reads chunks from a v1 B-tree, whose keys are the stored size u32, the mask u32, and the position in elements u64 with a
// last one for the bytes of an element.
func (a *assembly) tree1() error {
	rank := len(a.ds.Layout.Chunk.dims)
	return a.btree1(a.ds.Layout.Addr, treeOfChunks, 4+4+8*(rank+1), func(key *decoder, child uint64) error {
		size, mask := key.u32(), key.u32()
		at := make([]uint64, rank)
		for i := range at {
			at[i] = key.u64()
		}
		if key.err != nil {
			return key.err
		}
		return a.place(at, child, uint64(size), mask)
	})
}

// tree2 reads chunks from a v2 B-tree, whose records are an address, with filters the stored size and the mask u32, and the position
// in chunks u64.
func (a *assembly) tree2() error {
	kind := uint8(recordChunks)
	if len(a.ds.Filters) > 0 {
		kind = recordChunksFiltered
	}
	rank := len(a.ds.Layout.Chunk.dims)
	return a.btree2(a.ds.Layout.Addr, kind, func(r *decoder) error {
		sizes := len(r.b) - a.Super.AddrSize - 4 - 8*rank
		addr, size, mask := r.addr(), a.chunk, uint32(0)
		if kind == recordChunksFiltered {
			size, mask = r.num(sizes), r.u32()
		}
		at := make([]uint64, rank)
		for i := range at {
			at[i] = mul(r.u64(), a.ds.Layout.Chunk.dims[i])
		}
		if r.err != nil {
			return r.err
		}
		return a.place(at, addr, size, mask)
	})
}

// fixed reads chunks from a fixed array. Its header: FAHD, version, kind (1 for filtered chunks), size of entries, bits of a page,
// number of entries, address of the data block, a checksum. The data block: FADB, version, kind, address of the header; entries and
// a checksum, or if there are more than a page of them a bit for each page, a checksum, and pages of entries with a checksum each.
func (a *assembly) fixed() error {
	b, err := a.block(a.ds.Layout.Addr, uint64(4+1+1+1+1+a.Super.LengthSize+a.Super.AddrSize+4))
	if err != nil {
		return err
	}
	d := a.decode(b, a.Offset(a.ds.Layout.Addr))
	d.magic("FAHD")
	d.version("a fixed array", 0, 0)
	filtered := d.u8() == 1
	entry, pageBits, n, addr := uint64(d.u8()), d.u8(), d.length(), d.addr()
	d.sum("the header of a fixed array")
	if d.err != nil || addr == Undefined {
		return d.err
	}
	if n > maxChunks || pageBits > 62 {
		return ErrElsewhere
	}
	at, page := addr+uint64(4+1+1+a.Super.AddrSize), uint64(1)<<pageBits
	if n > page {
		at += ((n+page-1)/page+7)/8 + 4
	}
	for i := uint64(0); i < n; i += page {
		count := min(page, n-i)
		if err := a.entries(at, i, count, entry, filtered); err != nil {
			return err
		}
		at += count*entry + 4
	}
	return nil
}

// entries reads a run of entries of an array of chunks: address, and with filters the stored size and the mask u32.
func (a *assembly) entries(addr, first, count, entry uint64, filtered bool) error {
	b, err := a.block(addr, mul(count, entry))
	if err != nil {
		return err
	}
	for i := range count {
		d := a.decode(b[i*entry:(i+1)*entry], a.Offset(addr+i*entry))
		at, size, mask := d.addr(), a.chunk, uint32(0)
		if filtered {
			size, mask = d.num(len(d.b)-a.Super.AddrSize-4), d.u32()
		}
		if d.err != nil {
			return d.err
		}
		if err := a.place(a.position(first+i), at, size, mask); err != nil {
			return err
		}
	}
	return nil
}

// place reads a chunk and copies what of it lies in the dataset to where it belongs.
func (a *assembly) place(at []uint64, addr, stored uint64, mask uint32) error {
	if addr == Undefined {
		return nil
	}
	for i, n := range a.ds.Space.Dims {
		if at[i] >= n {
			return nil // left from when the dataset was larger
		}
	}
	for i, n := range a.ds.Layout.Chunk.dims {
		if a.ds.Layout.Chunk.bareEdges && at[i]+n > a.ds.Space.Dims[i] {
			mask = math.MaxUint32
		}
	}
	b, err := a.block(addr, stored)
	if err != nil {
		return err
	}
	off := a.Offset(addr)
	if b, err = unfilter(b, a.ds.Filters, mask, a.chunk, off); err != nil {
		return err
	}
	if a.off < 0 {
		a.off = off
	}
	a.copy(b, at)
	return nil
}

// copy copies a chunk row by row.
func (a *assembly) copy(chunk []byte, at []uint64) {
	dims, space, size := a.ds.Layout.Chunk.dims, a.ds.Space.Dims, a.ds.Type.Size
	last := len(dims) - 1
	row := make([]uint64, len(dims)) // in the chunk
	for from := uint64(0); from < uint64(len(chunk)); from += dims[last] * size {
		to, inside := uint64(0), true
		for i := range dims {
			to = to*space[i] + at[i] + row[i]
			inside = inside && at[i]+row[i] < space[i]
		}
		if inside {
			n := min(dims[last], space[last]-at[last]) * size
			copy(a.out[to*size:min((to*size+n), uint64(len(a.out)))], chunk[from:])
		}
		i := last - 1
		for ; i >= 0; i-- {
			if row[i]++; row[i] < dims[i] {
				break
			}
			row[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// ReadAll reads a small reader that Data or Values returned.
func ReadAll(r source.Reader, limit int64) ([]byte, error) {
	size, err := r.Size()
	if err != nil {
		return nil, fmt.Errorf("size: %w", err)
	}
	b := make([]byte, min(size, limit))
	if n, err := r.ReadAt(b, 0); err != nil && (n < len(b) || !errors.Is(err, io.EOF)) {
		return nil, fmt.Errorf("read: %w", err)
	}
	return b, nil
}
