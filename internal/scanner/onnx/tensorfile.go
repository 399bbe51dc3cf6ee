package onnx

import (
	"context"
	"math/bits"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
)

// maxTensorFields is how many fields of a file that may be a tensor are looked at: dimensions, and the strings of one of strings.
const maxTensorFields = 1 << 16

// ProbeTensor accepts a TensorProto that is a file by itself, as models have them beside them for tests: its fields alone, a type, and as much
// data as its dimensions say, or a place in another file.
func ProbeTensor(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 4 {
		return false, err
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	p := tensorProbe{elements: 1}
	if err := w.Walk(whole, p.field); err != nil {
		return false, unlessMalformed(err)
	}
	return p.accepts(), nil
}

// tensorProbe is what is known of a message that may be a TensorProto.
type tensorProbe struct {
	fields   int
	kind     int64
	elements uint64
	raw      int64  // bytes of raw data, -1 if there is none
	data     bool   // there is data, raw or not
	values   uint64 // elements in lists of their own
	outside  bool
}

// field looks at a field of the message; errStop means that it is no tensor.
func (p *tensorProbe) field(f wire.Field) error {
	p.fields++
	ok := p.fields <= maxTensorFields
	switch f.Num {
	case 1:
		dims, err := f.Packed(1 << 10)
		ok = ok && err == nil
		for _, d := range dims {
			hi, lo := bits.Mul64(p.elements, d)
			p.elements = lo
			ok = ok && hi == 0 && d < 1<<40
		}
	case 2:
		p.kind = f.Int()
		ok = ok && f.Type == protowire.VarintType && p.kind > 0 && p.kind <= 64
	case 4, 10: // floats and doubles
		p.data = true
		width := int64(4)
		if f.Num == 10 {
			width = 8
		}
		if p.values++; f.IsBytes() {
			p.values += uint64(f.Size/width) - 1
			ok = ok && f.Size%width == 0
		}
	case 5, 7, 11: // of varints, which are not counted
		p.data, p.values = true, p.elements
	case 6:
		p.data = true
		p.values++
		ok = ok && f.IsBytes()
	case 9:
		p.data, p.raw = true, f.Size
		ok = ok && f.IsBytes()
	case 13:
		p.outside = true
		ok = ok && f.IsBytes()
	case 8, 12, 16:
		ok = ok && f.IsBytes()
	case 14:
		ok = ok && f.Type == protowire.VarintType && f.Value <= 1
	default:
		ok = false
	}
	if !ok {
		return errStop
	}
	return nil
}

// accepts tells whether the message is a TensorProto.
func (p *tensorProbe) accepts() bool {
	if p.kind == 0 || !p.data && !p.outside {
		return false
	}
	if p.outside {
		return true
	}
	t := tensor{kind: p.kind}
	return p.values == p.elements || p.raw > 0 && uint64(p.raw) == p.elements*uint64(t.width())
}

// ScanTensor reads a TensorProto that is a file by itself.
func ScanTensor(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("onnx")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	r, err := newReader(ctx, f, s)
	if err != nil {
		return err
	}
	r.wire = w
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	_, err = r.tensorMessage(0, func(visit func(wire.Field) error) error { return w.Walk(whole, visit) })
	r.refer()
	return err
}
