package scantest

import (
	"encoding/binary"
	"slices"
)

// KModel3 writes a model of nncase's version 3 with one layer of a type and a body, and what follows it.
func KModel3(layer uint32, body, rest []byte) []byte {
	return slices.Concat(words(3, 1, 0, 1, 0, 1<<16, 1, 0, 4, layer, uint32(len(body))), body, rest)
}

// KModel4 writes a model of version 4 with one input, one output and one node.
func KModel4(operator uint32, body, rest []byte) []byte {
	ranges := words(0, 0, 0, 4, 1, 1, 1, 1, 1, 0, 0, 4)
	return slices.Concat([]byte("LDMK"), words(4, 0, 1, 8, 1<<16, 1, 1, 1, 0), ranges, make([]byte, 8), words(operator, uint32(len(body))), body, rest)
}

// KModel5 writes a model of version 5 with one module of a type that has one section.
func KModel5(module, section string, body, rest []byte) []byte {
	name := func(s string) []byte { return append([]byte(s), make([]byte, 16-len(s))...) }
	padded := append(slices.Clone(body), make([]byte, (8-len(body)%8)%8)...)
	size := uint32(48 + 32 + len(padded))
	return slices.Concat(
		[]byte("LDMK"), words(5, 32, 0, 8, 1, 0, 0), name(module), words(1, 48, size, 0, 0, 1, 0, 0),
		name(section), words(0, 0, uint32(len(body)), 0), padded, rest,
	)
}

// OM writes a model of Ascend with the given partitions by type, whose first is the definition.
func OM(definition []byte, parts ...OMPart) []byte {
	head := append([]byte("IMOD"), make([]byte, 252)...)
	binary.LittleEndian.PutUint32(head[4:], 256)
	parts = append([]OMPart{{0, definition}}, parts...)
	table := words(uint32(len(parts)))
	var data []byte
	for _, p := range parts {
		table = append(table, words(p.Type, uint32(len(data)), uint32(len(p.Content)))...)
		data = append(data, p.Content...)
	}
	return slices.Concat(head, table, data)
}

// OMPart is a partition.
type OMPart struct {
	Type    uint32
	Content []byte
}

// RKNN writes a container of version 2 with a model and its description.
func RKNN(model []byte, description string) []byte {
	out := binary.LittleEndian.AppendUint64([]byte("RKNN\x00\x00\x00\x00"), 2)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(model)))
	out = slices.Concat(out, make([]byte, 40), model)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(description)))
	return append(out, description...)
}
