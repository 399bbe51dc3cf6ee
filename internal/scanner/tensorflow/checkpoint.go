package tensorflow

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// The index of a checkpoint (tensorflow/core/lib/io/format.cc, tensorflow/core/util/tensor_bundle) is a sorted table of strings:
//
//	blocks of entries, a block of other blocks, a block of where the blocks are, footer
//	block  = { shared varint, rest varint, length varint, rest of the key, value } restarts u32 … count u32, type u8, CRC-32C u32
//	footer = handle of the block of other blocks, handle of the index, zeros up to 40 bytes, magic u64
//	handle = offset varint, size varint                                         without the type and the CRC
//
// The value of the key "" is a BundleHeaderProto { 1 shards, 2 endianness, 3 version }, all others are BundleEntryProtos { 1 type,
// 2 shape, 3 shard, 4 offset, 5 size, 6 CRC, 7 slices } of a tensor in a file *.data-…. In checkpoints of version 1 they are
// SavedTensorSlices, which hold the tensors themselves. Nothing in a checkpoint is run: it is held to its structure, so that nothing
// else hides in it.

const (
	tableMagic  = 0xdb4775248b80fb57
	footerSize  = 48
	trailerSize = 5
	maxBlock    = 8 << 20  // bytes of a block that is read
	maxBlocks   = 64 << 20 // bytes of all of them
	maxHandles  = 1 << 20
	maxShards   = 1 << 16
)

// ProbeCheckpoint accepts files that end in the footer of a table.
func ProbeCheckpoint(f *source.File) (bool, error) {
	size, err := f.Size()
	if err != nil || size < footerSize {
		return false, err
	}
	tail, err := f.Tail()
	if err != nil || len(tail) < footerSize {
		return false, err
	}
	return binary.LittleEndian.Uint64(tail[len(tail)-8:]) == tableMagic, nil
}

// handle is where a block lies, without its trailer.
type handle struct{ offset, size uint64 }

// checkpoint reads a table.
type checkpoint struct {
	f      *source.File
	sink   source.Sink
	size   uint64
	read   uint64 // bytes of blocks
	shards uint64
	header bool // its value was read
	data   bool // tensors lie in the table itself: version 1
}

// ScanCheckpoint holds a table to its structure.
func ScanCheckpoint(ctx context.Context, f *source.File, sink source.Sink) error {
	sink.Format("tensorflow")
	size, err := f.Size()
	if err != nil {
		return err
	}
	tail, err := f.Tail()
	if err != nil {
		return err
	}
	c := &checkpoint{f: f, sink: sink, size: uint64(size)}
	footer := tail[len(tail)-footerSize:]
	others, n, err := takeHandle(footer[:40])
	if err != nil {
		return err
	}
	index, _, err := takeHandle(footer[n:40])
	if err != nil {
		return err
	}
	blocks := []handle{others, index}
	entries, err := c.block(index)
	if err != nil {
		return err
	}
	err = walkBlock(entries, func(_, value []byte) error {
		if len(blocks) >= maxHandles {
			return fmt.Errorf("a table of more than %d blocks: %w", maxHandles, source.ErrBudget)
		}
		h, _, err := takeHandle(value)
		blocks = append(blocks, h)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.cover(blocks); err != nil {
		return err
	}
	for _, h := range blocks[2:] {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.data {
			break // tensors, which nobody runs
		}
		if err := c.entries(h); err != nil {
			return err
		}
	}
	if !c.header && !c.data {
		f := finding.New(threat.MGFMT404, 0, "The table is no checkpoint, so nothing can be said of what it is for.")
		f.Role = finding.RoleStructure
		sink.Find(f)
	}
	return nil
}

// takeHandle reads a handle and tells how long it is.
func takeHandle(b []byte) (handle, int, error) {
	offset, n := binary.Uvarint(b)
	if n <= 0 {
		return handle{}, 0, source.Malformedf(-1, "a table without the place of a block")
	}
	size, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return handle{}, 0, source.Malformedf(-1, "a table without the size of a block")
	}
	return handle{offset, size}, n + m, nil
}

// fits tells whether a block with its trailer lies in front of the footer.
func (c *checkpoint) fits(h handle) bool {
	room := c.size - footerSize
	return h.offset <= room && h.size <= room-h.offset && trailerSize <= room-h.offset-h.size
}

// block reads a block and holds it to its checksum.
func (c *checkpoint) block(h handle) ([]byte, error) {
	at := int64(min(h.offset, c.size))
	if !c.fits(h) {
		return nil, source.Malformedf(at, "a block of %d bytes at %d in a table of %d", h.size, h.offset, c.size)
	}
	if c.read += h.size; h.size > maxBlock || c.read > maxBlocks {
		return nil, fmt.Errorf("a block of %d bytes, %d of all: %w", h.size, c.read, source.ErrBudget)
	}
	b := make([]byte, h.size+trailerSize)
	if n, err := c.f.ReadAt(b, at); n < len(b) {
		return nil, err
	}
	crc := crc32.Checksum(b[:h.size+1], crc32.MakeTable(crc32.Castagnoli))
	if masked := (crc>>15 | crc<<17) + 0xa282ead8; masked != binary.LittleEndian.Uint32(b[h.size+1:]) {
		return nil, source.Malformedf(at, "the checksum of a block is wrong")
	}
	if b[h.size] != 0 {
		f := finding.New(threat.MGFMT404, at, "A block of the checkpoint is compressed, so it was not read.")
		f.Role = finding.RoleStructure
		c.sink.Find(f)
		return nil, nil
	}
	return b[:h.size], nil
}

// cover reports bytes that belong to no block: blocks lie one behind the other.
func (c *checkpoint) cover(blocks []handle) error {
	sorted := slices.Clone(blocks)
	slices.SortFunc(sorted, func(a, b handle) int {
		switch {
		case a.offset < b.offset:
			return -1
		case a.offset > b.offset:
			return 1
		}
		return 0
	})
	end := uint64(0)
	for _, h := range sorted {
		if !c.fits(h) {
			return source.Malformedf(int64(min(h.offset, c.size)), "a block of %d bytes at %d in a table of %d", h.size, h.offset, c.size)
		}
		if h.offset != end {
			c.outside(end, h.offset)
		}
		end = h.offset + h.size + trailerSize
	}
	if end != c.size-footerSize {
		c.outside(end, c.size-footerSize)
	}
	return nil
}

// outside reports bytes between blocks, or blocks that overlap.
func (c *checkpoint) outside(end, next uint64) {
	f := finding.New(threat.MGFMT402, int64(end), fmt.Sprintf("A block of the checkpoint ends at %d and the next begins at %d.", end, next))
	f.Role = finding.RoleStructure
	c.sink.Find(f)
}

// walkBlock reads the entries of a block.
func walkBlock(b []byte, visit func(key, value []byte) error) error {
	if b == nil {
		return nil
	}
	if len(b) < 4 {
		return source.Malformedf(-1, "a block of %d bytes", len(b))
	}
	restarts := uint64(binary.LittleEndian.Uint32(b[len(b)-4:]))
	if restarts > uint64(len(b)-4)/4 {
		return source.Malformedf(-1, "a block of %d bytes with %d restarts", len(b), restarts)
	}
	b = b[:uint64(len(b))-4-4*restarts]
	var key []byte
	for len(b) > 0 {
		var sizes [3]uint64
		for i := range sizes {
			v, n := binary.Uvarint(b)
			if n <= 0 || v > uint64(len(b)-n)+uint64(len(key)) {
				return source.Malformedf(-1, "an entry of a block that does not fit")
			}
			sizes[i], b = v, b[n:]
		}
		if sizes[0] > uint64(len(key)) || sizes[1] > uint64(len(b)) || sizes[2] > uint64(len(b))-sizes[1] {
			return source.Malformedf(-1, "an entry of a block that does not fit")
		}
		key = append(key[:sizes[0]:sizes[0]], b[:sizes[1]]...)
		if err := visit(key, b[sizes[1]:sizes[1]+sizes[2]]); err != nil {
			return err
		}
		b = b[sizes[1]+sizes[2]:]
	}
	return nil
}

// entries reads a block of entries.
func (c *checkpoint) entries(h handle) error {
	b, err := c.block(h)
	if err != nil {
		return err
	}
	at := int64(h.offset)
	return walkBlock(b, func(key, value []byte) error {
		switch {
		case !c.header && len(key) == 0:
			return c.first(value, at)
		case c.header:
			return c.entry(key, value, at)
		}
		return nil
	})
}

// first reads the value of the key "", which tells what the table is.
func (c *checkpoint) first(value []byte, at int64) error {
	m, ok := fieldsOf(value)
	if !ok {
		return source.Malformedf(at, "the header of a checkpoint is no message")
	}
	if m.bytes[1] || m.bytes[2] {
		c.data = true
		return nil
	}
	c.header, c.shards = true, m.ints[1]
	if c.shards > maxShards {
		return source.Malformedf(at, "a checkpoint of %d files", c.shards)
	}
	return nil
}

// entry holds the description of a tensor to the number of files.
func (c *checkpoint) entry(key, value []byte, at int64) error {
	m, ok := fieldsOf(value)
	if !ok || m.ints[3] >= max(1, c.shards) || int64(m.ints[4]) < 0 || int64(m.ints[5]) < 0 || int64(m.ints[4]+m.ints[5]) < 0 {
		f := finding.New(threat.MGFMT400, at, "A tensor of the checkpoint lies where no file is.")
		f.Role, f.Evidence = finding.RoleStructure, source.Evidence(string(key))
		c.sink.Find(f)
	}
	return nil
}

// flat is the fields of a short message: the last value of each number, and which of them are length-delimited.
type flat struct {
	ints  [8]uint64
	bytes [8]bool
}

// fieldsOf reads a short message.
func fieldsOf(b []byte) (m flat, ok bool) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return m, false
		}
		b = b[n:]
		v := uint64(0)
		if typ == protowire.VarintType {
			v, _ = protowire.ConsumeVarint(b)
		}
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return m, false
		}
		b = b[n:]
		if num < 8 {
			m.ints[num], m.bytes[num] = v, typ == protowire.BytesType
		}
	}
	return m, true
}
