package scantest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// T7 writes objects of Torch7, in the binary or the text form.
type T7 struct {
	out   bytes.Buffer
	text  bool
	index int32
}

// NewT7 returns a writer of one form.
func NewT7(text bool) *T7 { return &T7{text: text} }

// Bytes are what was written.
func (w *T7) Bytes() []byte { return w.out.Bytes() }

func (w *T7) int(v int32) *T7 {
	if w.text {
		fmt.Fprintf(&w.out, "%d\n", v)
		return w
	}
	w.out.Write(binary.LittleEndian.AppendUint32(nil, uint32(v)))
	return w
}

func (w *T7) long(v int64) *T7 {
	if w.text {
		fmt.Fprintf(&w.out, "%d\n", v)
		return w
	}
	w.out.Write(binary.LittleEndian.AppendUint64(nil, uint64(v)))
	return w
}

func (w *T7) chars(s string) *T7 {
	w.int(int32(len(s)))
	w.out.WriteString(s)
	if w.text {
		w.out.WriteByte('\n')
	}
	return w
}

func (w *T7) next() *T7 {
	w.index++
	return w.int(w.index)
}

// Nil writes nothing as an object.
func (w *T7) Nil() *T7 { return w.int(0) }

// Number writes a number.
func (w *T7) Number(v float64) *T7 {
	w.int(1)
	if w.text {
		fmt.Fprintf(&w.out, "%.17g\n", v)
		return w
	}
	w.out.Write(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
	return w
}

// String writes a string.
func (w *T7) String(s string) *T7 { return w.int(2).chars(s) }

// Table writes a table of n keys, which the caller writes with their values.
func (w *T7) Table(n int32) *T7 { return w.int(3).next().int(n) }

// Class writes an object of a class up to its content.
func (w *T7) Class(name string) *T7 { return w.int(4).next().chars("V 1").chars(name) }

// Reference writes an object of a type that was written before.
func (w *T7) Reference(kind, index int32) *T7 { return w.int(kind).int(index) }

// Tensor writes the content of a tensor of floats of one dimension, with its storage.
func (w *T7) Tensor(n int64) *T7 {
	w.int(1).long(n).long(1).long(1).Class("torch.FloatStorage").long(n)
	for i := range n {
		if w.text {
			fmt.Fprintf(&w.out, "%d ", i)
			continue
		}
		w.out.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(i))))
	}
	if w.text {
		w.out.WriteByte('\n')
	}
	return w
}

// Function writes a function of a type with its byte code; its upvalues are for the caller to write.
func (w *T7) Function(kind int32, code string) *T7 {
	w.int(kind)
	if kind != 6 {
		w.next()
	}
	return w.chars(code)
}
