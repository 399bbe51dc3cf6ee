package litert

import (
	"encoding/binary"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
)

// maxOptions bounds the custom options that are read, in bytes: a serialized node is small.
const maxOptions = 4 << 20

// node is an operator of TensorFlow as the options of a Flex operator hold it: a FlexBuffer (FlatBuffers, "FlexBuffers") that is a
// vector of the operator's name and of a serialized NodeDef, which is what TensorFlow runs.
type node struct {
	name  string   // the first element
	op    string   // of the NodeDef
	texts []string // attributes that are strings
}

// parseNode reads the custom options of a Flex operator.
func parseNode(options []byte) (node, error) {
	texts, ok := flexStrings(options)
	if !ok || len(texts) != 2 {
		return node{}, source.Malformedf(0, "the options of the operator are no vector of a name and a node")
	}
	n := node{name: string(texts[0])}
	err := n.parse(texts[1])
	return n, err
}

// parse reads a NodeDef (tensorflow/core/framework/node_def.proto): 1 name, 2 operator, 3 inputs, 4 device, 5 attributes, each a key
// and an AttrValue, whose field 2 is a string.
func (n *node) parse(def []byte) error {
	w, err := wire.New(source.Bytes(def))
	if err != nil {
		return err
	}
	return w.Walk(wire.Message{Size: int64(len(def))}, func(f wire.Field) error {
		switch f.Num {
		case 2:
			n.op, err = f.Text(maxName)
			return err
		case 5:
			return f.Walk(n.attribute)
		}
		return nil
	})
}

// maxName bounds names and strings of attributes, in bytes; maxTexts how many of them are kept of one operator.
const (
	maxName  = 64 << 10
	maxTexts = 64
)

// attribute reads the value of an attribute, if it is a string.
func (n *node) attribute(entry wire.Field) error {
	if entry.Num != 2 {
		return nil
	}
	return entry.Walk(func(v wire.Field) error {
		if v.Num != 2 || !v.IsBytes() || v.Size > maxName || len(n.texts) >= maxTexts {
			return nil
		}
		s, err := v.Text(maxName)
		n.texts = append(n.texts, s)
		return err
	})
}

// flexStrings reads a FlexBuffer whose root is a vector, and returns the strings in it. A FlexBuffer ends in the root's value, its type
// and its width in bytes; a vector is its length, elements of one width and their types of one byte each, and an element that is a string
// is an offset backwards to it: length before it, in the width that the type states.
func flexStrings(b []byte) ([][]byte, bool) {
	if len(b) < 3 {
		return nil, false
	}
	width, kind := int(b[len(b)-1]), b[len(b)-2]
	const vector, text = 10, 5
	if kind>>2 != vector || width != 1 && width != 2 && width != 4 && width != 8 {
		return nil, false
	}
	at, ok := flexFollow(b, len(b)-2-width, width)
	elem := 1 << (kind & 3)
	if !ok || at < elem {
		return nil, false
	}
	n, ok := flexUint(b, at-elem, elem)
	if !ok || n > maxTexts || at+int(n)*(elem+1) > len(b) {
		return nil, false
	}
	var out [][]byte
	for i := range int(n) {
		kind := b[at+int(n)*elem+i]
		if kind>>2 != text {
			continue
		}
		wide := 1 << (kind & 3)
		start, ok := flexFollow(b, at+i*elem, elem)
		if !ok || start < wide {
			return nil, false
		}
		size, ok := flexUint(b, start-wide, wide)
		if !ok || size > uint64(len(b)-start) {
			return nil, false
		}
		out = append(out, b[start:start+int(size)])
	}
	return out, true
}

// flexFollow follows the offset at a place, which leads backwards.
func flexFollow(b []byte, at, width int) (int, bool) {
	off, ok := flexUint(b, at, width)
	if !ok || off > uint64(at) {
		return 0, false
	}
	return at - int(off), true
}

// flexUint reads a number of 1, 2, 4 or 8 bytes.
func flexUint(b []byte, at, width int) (uint64, bool) {
	if at < 0 || at+width > len(b) {
		return 0, false
	}
	var wide [8]byte
	copy(wide[:], b[at:at+width])
	return binary.LittleEndian.Uint64(wide[:]), true
}

// strings reads a constant tensor of strings (tensorflow/lite/string_util.h): their number, the offset of each and of the end, all of 32
// bits, then the bytes. What is none, or is too large to be names of files, gives none.
func stringsOf(b []byte) []string {
	if len(b) < 8 {
		return nil
	}
	n := binary.LittleEndian.Uint32(b)
	if n > maxTexts || len(b) < 8+4*int(n) {
		return nil
	}
	var out []string
	for i := range int(n) {
		from, to := binary.LittleEndian.Uint32(b[4+4*i:]), binary.LittleEndian.Uint32(b[8+4*i:])
		if from > to || int64(to) > int64(len(b)) {
			return out
		}
		out = append(out, string(b[from:to]))
	}
	return out
}
