package scantest

import (
	"encoding/binary"
	"maps"
	"slices"
)

// FB is a table of a FlatBuffer by field number. A value is a uint8, int8, int32, uint32, uint64, a string, []byte, []int32, []string, an FB or
// []FB.
type FB map[int]any

// FlatBuffer writes a buffer with an identifier. Each object stands behind those that lead to it, so all offsets lead forward.
func FlatBuffer(identifier string, root FB) []byte {
	w := &fbWriter{out: append(words(0), identifier...)}
	w.link(0, root)
	return w.out
}

type fbWriter struct{ out []byte }

// link writes a value behind everything else, and its offset at a place.
func (w *fbWriter) link(at int, value any) {
	var children []func()
	for len(w.out)%8 != 0 {
		w.out = append(w.out, 0)
	}
	start := len(w.out)
	switch v := value.(type) {
	case FB:
		start, children = w.table(v)
	case string:
		w.out = append(w.out, words(uint32(len(v)))...)
		w.out = append(w.out, v+"\x00"...)
	case []byte:
		w.out = append(w.out, words(uint32(len(v)))...)
		w.out = append(w.out, v...)
	case []int32:
		w.out = append(w.out, words(uint32(len(v)))...)
		for _, n := range v {
			w.out = append(w.out, words(uint32(n))...)
		}
	case []string:
		children = fbVector(w, v)
	case []FB:
		children = fbVector(w, v)
	}
	binary.LittleEndian.PutUint32(w.out[at:], uint32(start-at))
	for _, child := range children {
		child()
	}
}

// fbVector writes a vector of offsets and returns what writes its elements.
func fbVector[T any](w *fbWriter, v []T) (children []func()) {
	w.out = append(w.out, words(uint32(len(v)))...)
	for _, e := range v {
		place := len(w.out)
		w.out = append(w.out, words(0)...)
		children = append(children, func() { w.link(place, e) })
	}
	return children
}

// table writes a vtable and a table, and returns what writes the values that its fields lead to.
func (w *fbWriter) table(t FB) (start int, children []func()) {
	fields := slices.Sorted(maps.Keys(t))
	n := 0
	if len(fields) > 0 {
		n = fields[len(fields)-1] + 1
	}
	vtable := len(w.out)
	w.out = append(w.out, make([]byte, 4+2*n)...)
	for len(w.out)%8 != 4 {
		w.out = append(w.out, 0)
	}
	start = len(w.out)
	w.out = append(w.out, words(uint32(start-vtable))...)
	for _, field := range fields {
		binary.LittleEndian.PutUint16(w.out[vtable+4+2*field:], uint16(len(w.out)-start))
		place := len(w.out)
		switch v := t[field].(type) {
		case uint8:
			w.out = append(w.out, v, 0, 0, 0)
		case int8:
			w.out = append(w.out, byte(v), 0, 0, 0)
		case int32:
			w.out = append(w.out, words(uint32(v))...)
		case uint32:
			w.out = append(w.out, words(v)...)
		case uint64:
			w.out = binary.LittleEndian.AppendUint64(w.out, v)
		default:
			w.out = append(w.out, words(0)...)
			children = append(children, func() { w.link(place, v) })
		}
	}
	binary.LittleEndian.PutUint16(w.out[vtable:], uint16(4+2*n))
	binary.LittleEndian.PutUint16(w.out[vtable+2:], uint16(len(w.out)-start))
	return start, children
}
