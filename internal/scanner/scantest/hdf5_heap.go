package scantest

import (
	"encoding/binary"

	"modelgate/internal/scanner/source/hdf5"
)

// dense writes items into a fractal heap, and a B-tree of their ids: of links if ids have 7 bytes, of attributes if they have 8. It is
// laid out as the library does it: objects over 4096 bytes lie by themselves, the rest in one block.
func (w *h5Writer) dense(items [][]byte, idSize int) (heap, tree uint64) {
	const block, largest = 65536, 4096
	offsetSize := idSize - 3 // of a first byte and a length of two
	header := uint64(5 + 8 + offsetSize + 4)
	var ids, huge [][]byte
	var body []byte
	for _, item := range items {
		if len(item) > largest {
			n := uint64(len(huge) + 1)
			huge = append(huge, le(w.add(item), uint64(len(item)), n))
			ids = append(ids, append([]byte{0x10}, le(n)[:idSize-1]...))
			continue
		}
		at := header + uint64(len(body))
		ids = append(ids, append(append([]byte{0}, le(at)[:offsetSize]...), le(uint16(len(item)))...))
		body = append(body, item...)
	}
	heap = w.add(make([]byte, 146)) // written once its parts have addresses
	direct := le([]byte("FHDB"), uint8(0), heap, make([]byte, offsetSize), uint32(0), body)
	direct = append(direct, make([]byte, max(0, block-len(direct)))...)
	binary.LittleEndian.PutUint32(direct[header-4:], hdf5.Checksum(direct))
	root, hugeTree := w.add(direct), uint64(h5None)
	if len(huge) > 0 {
		hugeTree = w.tree2(1, huge)
	}
	head := le([]byte("FRHP"), uint8(0), uint16(idSize), uint16(0), uint8(2), uint32(largest), uint64(len(huge)+1), hugeTree, uint64(block-len(body)), uint64(h5None),
		uint64(block), uint64(block), uint64(0), uint64(len(items)-len(huge)), uint64(0), uint64(len(huge)), uint64(0), uint64(0),
		uint16(4), uint64(block), uint64(block), uint16(8*offsetSize), uint16(1), root, uint16(0))
	copy(w.buf[heap:], sum(head))
	var records [][]byte
	for i, id := range ids {
		if idSize == 7 {
			records = append(records, le(nameHash(items[i], 7), id))
			continue
		}
		records = append(records, le(id, uint8(0), uint32(i), nameHash(items[i], 8)))
	}
	kind := uint8(5)
	if idSize == 8 {
		kind = 8
	}
	return heap, w.tree2(kind, sorted(records, idSize))
}

// nameHash is the hash of the name in a link or attribute message of a new file.
func nameHash(item []byte, idSize int) uint32 {
	if idSize == 7 {
		at := 2
		if item[1]&8 != 0 {
			at++
		}
		n := int(binary.LittleEndian.Uint16(item[at:]))
		return hdf5.Checksum(item[at+2 : at+2+n])
	}
	n := int(binary.LittleEndian.Uint16(item[2:]))
	at := 9
	if item[0] == 1 {
		at = 8
	}
	return hdf5.Checksum(item[at : at+n-1])
}

// sorted orders records by their hash, as the tree has them.
func sorted(records [][]byte, idSize int) [][]byte {
	hash := func(r []byte) uint32 {
		if idSize == 7 {
			return binary.LittleEndian.Uint32(r)
		}
		return binary.LittleEndian.Uint32(r[len(r)-4:])
	}
	for i := range records {
		for j := i; j > 0 && hash(records[j]) < hash(records[j-1]); j-- {
			records[j], records[j-1] = records[j-1], records[j]
		}
	}
	return records
}

// tree2 writes a v2 B-tree of one leaf.
func (w *h5Writer) tree2(kind uint8, records [][]byte) uint64 {
	const node = 4096
	leaf := le([]byte("BTLF"), uint8(0), kind)
	for _, r := range records {
		leaf = append(leaf, r...)
	}
	leaf = sum(leaf)
	leaf = append(leaf, make([]byte, max(0, node-len(leaf)))...)
	return w.add(sum(le([]byte("BTHD"), uint8(0), kind, uint32(node), uint16(len(records[0])), uint16(0), uint8(100), uint8(40),
		w.add(leaf), uint16(len(records)), uint64(len(records)))))
}

// sharedTable writes the attributes of the root group that are shared, the table of shared messages, and the extension of the
// superblock that leads to it. It returns the messages that lead to the attributes.
func (w *h5Writer) sharedTable(f *HDF5, extension *uint64) []H5Message {
	var items [][]byte
	for _, a := range f.Root.Attributes {
		if a.Shared {
			items = append(items, w.attribute(a))
		}
	}
	if len(items) == 0 {
		return nil
	}
	heap, _ := w.dense(items, 8)
	list := w.add(make([]byte, 64)) // an index that no reader of this file needs
	table := w.add(sum(le([]byte("SMTB"), uint8(0), uint8(0), uint16(1<<hdf5.MsgAttribute), uint32(1), uint16(50), uint16(40), uint16(len(items)), list, heap)))
	*extension = w.header([]H5Message{{Type: hdf5.MsgSharedTable, Data: le(uint8(0), table, uint8(1))}}, false)
	var out []H5Message
	at := uint64(5 + 8 + 5 + 4)
	for _, item := range items {
		id := append(append([]byte{0}, le(at)[:5]...), le(uint16(len(item)))...)
		out = append(out, H5Message{Type: hdf5.MsgAttribute, Flags: 2, Data: le(uint8(3), uint8(1), id)})
		at += uint64(len(item))
	}
	return out
}
