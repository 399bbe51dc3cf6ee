package onnx

import (
	"errors"
	"io"
	"slices"

	"modelgate/internal/scanner/source/backdoor"
)

// find finds the gates of the graph that its inputs switch. Learned operators whose weights are a pattern, so that they match and do not
// learn, are taken for what they are first, one after the other from the inputs on.
func (t *translation) find() ([]backdoor.Hit, error) {
	t.dequantise()
	for range maxRounds {
		firsts, err := backdoor.Firsts(t.g)
		if err != nil {
			return nil, err
		}
		changed := false
		for _, f := range firsts {
			patterned, err := t.patterned(f)
			if err != nil {
				return nil, err
			}
			if patterned {
				kind := backdoor.Reduce | backdoor.Local
				if t.g.Nodes[f.Node].Op == "Gather" {
					kind = backdoor.Pick | backdoor.Local
				}
				t.g.Nodes[f.Node].Kind = kind
				changed = true
			}
		}
		if !changed {
			break
		}
	}
	return backdoor.Find(t.g)
}

// dequantise takes the products by which ONNX Runtime undoes a quantisation for parts of the learned operator in front of them. The scale is the
// largest number of the input, so it would pass for a way beside that operator:
//
//	q, scale, zero = DynamicQuantizeLinear x
//	y = Mul (Cast (MatMulInteger q W zero)) (Mul scale S)
func (t *translation) dequantise() {
	for i := range t.g.Nodes {
		n := &t.g.Nodes[i]
		if n.Op != "Mul" || len(n.Inputs) != 2 {
			continue
		}
		for side, v := range n.Inputs {
			scale := t.quantiser(v, 1, "Mul")
			if scale >= 0 && scale == t.quantiser(n.Inputs[1-side], 0, "Cast", "MatMulInteger", "ConvInteger") {
				n.Kind = backdoor.Learned
			}
		}
	}
}

// quantiser follows a value back through the given operators to an output of a DynamicQuantizeLinear, and returns the index of that node; -1
// if it comes from elsewhere.
func (t *translation) quantiser(v backdoor.Value, output int, through ...string) int {
	for range fewSteps {
		i, ok := t.madeBy(v)
		if !ok {
			return -1
		}
		n := t.g.Nodes[i]
		if n.Op == "DynamicQuantizeLinear" {
			if output < len(n.Outputs) && n.Outputs[output] == v {
				return i
			}
			return -1
		}
		if !slices.Contains(through, n.Op) || len(n.Inputs) == 0 {
			return -1
		}
		v = n.Inputs[0]
		if n.Op == "Mul" && len(n.Inputs) == 2 && t.constant(v) != nil {
			v = n.Inputs[1]
		}
	}
	return -1
}

// fewSteps is how many operators lie between a quantisation and what undoes it.
const fewSteps = 4

// maxRounds is how many learned operators behind each other may turn out to be none.
const maxRounds = 8

// patterned tells whether none of the weights of a learned operator is one that was learned.
func (t *translation) patterned(f backdoor.First) (bool, error) {
	if f.Learned || !hasWeights(t.origin[f.Node].op) {
		return false, nil
	}
	for _, v := range f.Weights {
		proper, err := t.proper(v, maxBack)
		if proper || err != nil {
			return false, err
		}
	}
	return true, nil
}

// maxBack is how many operators a constant is followed back through.
const maxBack = 64

// constant returns the tensor that a value is, in whatever form; nil if it is none.
func (t *translation) constant(v backdoor.Value) *tensor {
	for range maxBack {
		if x := t.tensors[v]; x != nil || v < 0 {
			return x
		}
		i, ok := t.madeBy(v)
		if !ok || !passes(t.g.Nodes[i].Op) || len(t.g.Nodes[i].Inputs) == 0 {
			return nil
		}
		v = t.g.Nodes[i].Inputs[0]
	}
	return nil
}

// proper tells whether learned weights have a part in a constant value. Steps bounds the operators that are followed.
func (t *translation) proper(v backdoor.Value, steps int) (bool, error) {
	next := []backdoor.Value{v}
	for ; len(next) > 0 && steps > 0; steps-- {
		v := next[len(next)-1]
		next = next[:len(next)-1]
		if x := t.tensors[v]; x != nil {
			pattern, err := t.r.pattern(x)
			if err != nil || !pattern {
				return !pattern, err
			}
			continue
		}
		if i, ok := t.madeBy(v); ok {
			next = append(next, t.g.Nodes[i].Inputs...)
		}
	}
	return steps == 0, nil
}

// Bounds of a look at weights: fewer elements than are learned, parts of a tensor that are read, and bytes of each.
const (
	fewElements = 16
	sampleParts = 3
	sampleBytes = 4 << 10
	maxSampled  = 2 << 20 // bytes of all tensors
	fewValues   = 4
)

// pattern tells whether a tensor holds a pattern and no learned weights: few elements, few different values, or zeros for the most part.
// A tensor in another file cannot be looked at and is taken for learned.
func (r *reader) pattern(x *tensor) (bool, error) {
	width := x.width()
	if x.packed {
		width = 1
	}
	switch {
	case x.outside:
		return false, nil
	case x.sparse || x.size/width < fewElements:
		return true, nil
	case r.sampled >= maxSampled:
		return false, nil
	}
	values := map[string]int{}
	count, zeros := 0, 0
	buf := make([]byte, sampleBytes)
	for part := range int64(sampleParts) {
		at := (x.size - min(x.size, sampleBytes)) / (sampleParts - 1) * part / width * width
		n, err := r.f.ReadAt(buf[:min(sampleBytes, x.size-at)], x.offset+at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		r.sampled += int64(n)
		for b := buf[:n]; int64(len(b)) >= width; b = b[width:] {
			count++
			if isZero(b[:width]) {
				zeros++
			}
			if len(values) <= fewValues {
				values[string(b[:width])]++
			}
		}
		if x.size <= sampleBytes {
			break
		}
	}
	return len(values) <= fewValues || zeros*10 >= count*9, nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
