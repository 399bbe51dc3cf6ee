// Package pycode reads compiled Python code without running it: the code objects of marshal data, and the names that their
// instructions use. It judges nothing; each format has lists of its own.
//
// Marshal is how CPython writes compiled code (Python/marshal.c). An object is a type byte, whose highest bit says that the
// object can be referred to, and its content:
//
//	N F T S .           None, False, True, StopIteration, Ellipsis
//	i I l f g x y       numbers
//	s t u a A z Z       strings, of which t are interned (Python 2)
//	( ) [ { < > :       sequences, dicts, sets, slices
//	r R                 an object that was read before, an interned string
//	c                   a code object
//
// A code object is some numbers, then instructions, constants, names, names of locals, of free variables and cells, the
// file, the name, and tables of line numbers and exceptions. That layout differs between versions, and the one that
// consumes the input exactly is the one (see [Layout]). The numbers of instructions differ too (Include/opcode.h and
// opcode_ids.h of each version).
package pycode

import (
	"encoding/binary"
	"errors"
)

// Code is a code object as far as it matters: its instructions, what they refer to by index, and the code objects among
// its constants.
type Code struct {
	Layout       Layout
	Instructions []byte
	Consts       []Const
	Names        []string // globals, attributes and modules
	Locals       []string // since 3.11 with cells and free variables behind them
	Cells        []string // cells, then free variables; since 3.11 the same as Locals
	Nested       []*Code
}

// Layout is how a range of versions lays out code objects.
type Layout uint8

// The layouts of marshalled code.
const (
	Layout27  Layout = iota // 2.7: 4 numbers
	Layout30                // 3.0 to 3.7: 5 numbers
	Layout38                // 3.8 to 3.10: 6 numbers
	Layout311               // 3.11 and later: 5 numbers, names of locals, cells and free variables in one tuple
)

// Const is a constant of code.
type Const struct {
	Kind ConstKind
	Text string // of strings and bytes
}

// ConstKind says what a constant is.
type ConstKind uint8

// The kinds of constants that are told apart.
const (
	ConstOther ConstKind = iota
	ConstNone
	ConstText // str and bytes
)

// Bounds of what is read.
const (
	maxDepth   = 100
	maxObjects = 1_000_000
)

// ErrTooDeep says that marshal data is nested too deep, or has too many objects.
var ErrTooDeep = errors.New("marshal data nested too deep, or too many objects")

var errMarshal = errors.New("not marshal data of this layout")

// headSize is how many bytes LooksLike needs.
const headSize = 32

// LooksLike tells whether bytes begin like a marshalled code object: small numbers of arguments and locals. It needs 32 of them.
func LooksLike(head []byte) bool {
	if len(head) < headSize || head[0]&0x7f != 'c' {
		return false
	}
	for i := range 2 {
		if binary.LittleEndian.Uint32(head[1+4*i:]) > 255 {
			return false
		}
	}
	return binary.LittleEndian.Uint32(head[9:]) < 1<<16
}

// Parse reads data as one marshalled code object, in the layout that consumes it exactly. The error is ErrTooDeep if a
// bound was reached in each layout that fits so far.
func Parse(data []byte) (*Code, error) {
	err := errMarshal
	for _, layout := range []Layout{Layout311, Layout38, Layout30, Layout27} {
		p := parser{data: data, layout: layout}
		o, fault := p.object(0)
		if fault == nil && p.pos == len(data) && o != nil && o.code != nil {
			return o.code, nil
		}
		if errors.Is(fault, ErrTooDeep) {
			err = fault
		}
	}
	return nil, err
}
