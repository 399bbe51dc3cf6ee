package scantest

import (
	"bytes"
	"encoding/binary"
)

// GGUF describes a file that BuildGGUF writes.
type GGUF struct {
	Order   binary.ByteOrder // little-endian if nil
	Version uint32           // 3 if zero
	Pairs   []GGUFPair
	Tensors []GGUFTensor
	Data    []byte // behind the padding
	// PairCount and TensorCount are stated instead of the true numbers if not zero.
	PairCount, TensorCount uint64
}

// GGUFPair is a key and a value: a string, uint32, float32, bool, []string, []uint32, [][]string, or raw bytes with a type.
type GGUFPair struct {
	Key   string
	Value any
	Type  uint32 // of raw bytes
}

// GGUFTensor describes a tensor.
type GGUFTensor struct {
	Name   string
	Dims   []uint64
	Type   uint32
	Offset uint64
}

// ggufWriter writes integers in one order.
type ggufWriter struct {
	bytes.Buffer
	order binary.ByteOrder
	old   bool // version 1
}

// num writes an integer. A bytes.Buffer takes everything.
func (w *ggufWriter) num(v any) { _ = binary.Write(w, w.order, v) }

func (w *ggufWriter) count(n uint64) {
	if w.old {
		w.num(uint32(n))
		return
	}
	w.num(n)
}

func (w *ggufWriter) str(s string) {
	w.count(uint64(len(s)))
	w.WriteString(s)
}

func (w *ggufWriter) value(p GGUFPair) {
	switch v := p.Value.(type) {
	case string:
		w.num(uint32(8))
		w.str(v)
	case uint32:
		w.num(uint32(4))
		w.num(v)
	case float32:
		w.num(uint32(6))
		w.num(v)
	case bool:
		w.num(uint32(7))
		w.num(v)
	case []string:
		w.num(uint32(9))
		w.strings(v)
	case [][]string:
		w.num(uint32(9))
		w.num(uint32(9))
		w.count(uint64(len(v)))
		for _, inner := range v {
			w.strings(inner)
		}
	case []uint32:
		w.num(uint32(9))
		w.num(uint32(4))
		w.count(uint64(len(v)))
		w.num(v)
	case []byte:
		w.num(p.Type)
		w.Write(v)
	}
}

func (w *ggufWriter) strings(all []string) {
	w.num(uint32(8))
	w.count(uint64(len(all)))
	for _, s := range all {
		w.str(s)
	}
}

// BuildGGUF writes a file with an alignment of 32.
func BuildGGUF(g GGUF) []byte {
	w := &ggufWriter{order: g.Order, old: g.Version == 1}
	if w.order == nil {
		w.order = binary.LittleEndian
	}
	version := g.Version
	if version == 0 {
		version = 3
	}
	pairs, tensors := uint64(len(g.Pairs)), uint64(len(g.Tensors))
	if g.PairCount != 0 {
		pairs = g.PairCount
	}
	if g.TensorCount != 0 {
		tensors = g.TensorCount
	}
	w.WriteString("GGUF")
	w.num(version)
	w.count(tensors)
	w.count(pairs)
	for _, p := range g.Pairs {
		w.str(p.Key)
		w.value(p)
	}
	for _, t := range g.Tensors {
		w.str(t.Name)
		w.num(uint32(len(t.Dims)))
		for _, d := range t.Dims {
			w.count(d)
		}
		w.num(t.Type)
		w.num(t.Offset)
	}
	if len(g.Tensors) > 0 || len(g.Data) > 0 {
		w.Write(make([]byte, (32-w.Len()%32)%32))
	}
	w.Write(g.Data)
	return w.Bytes()
}
