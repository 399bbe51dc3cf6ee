package scantest

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// ONNXNode is a node of an ONNX graph.
type ONNXNode struct {
	Op, Domain, Name string
	In, Out          []string
	Attributes       []ONNXAttribute
}

// ONNXAttribute is an attribute of a node: a string, a number, tensors or graphs.
type ONNXAttribute struct {
	Name   string
	Text   string
	Number int
	Tensor []byte // a TensorProto
	Sparse []byte // a SparseTensorProto
	Lists  bool   // the tensor or the graph stands in a list
	Graph  *ONNXGraph
}

// ONNXGraph is a graph or a body.
type ONNXGraph struct {
	Nodes           []ONNXNode
	Tensors         [][]byte // TensorProtos
	Sparse          [][]byte // SparseTensorProtos
	Inputs, Outputs []string
	Types           map[string][]byte // TypeProtos of inputs
}

// Bytes writes the graph as a GraphProto.
func (g ONNXGraph) Bytes() []byte {
	var out []byte
	for _, n := range g.Nodes {
		out = append(out, Message(1, n.Bytes())...)
	}
	out = append(out, Message(2, "main")...)
	for _, t := range g.Tensors {
		out = append(out, Message(5, t)...)
	}
	for _, name := range g.Inputs {
		info := Message(1, name)
		if t, ok := g.Types[name]; ok {
			info = append(info, Message(2, t)...)
		}
		out = append(out, Message(11, info)...)
	}
	for _, name := range g.Outputs {
		out = append(out, Message(12, Message(1, name))...)
	}
	for _, t := range g.Sparse {
		out = append(out, Message(15, t)...)
	}
	return out
}

// Bytes writes the node as a NodeProto.
func (n ONNXNode) Bytes() []byte {
	var out []byte
	for _, in := range n.In {
		out = append(out, Message(1, in)...)
	}
	for _, o := range n.Out {
		out = append(out, Message(2, o)...)
	}
	out = append(out, Message(3, n.Name, 4, n.Op)...)
	for _, a := range n.Attributes {
		out = append(out, Message(5, a.bytes())...)
	}
	if n.Domain != "" {
		out = append(out, Message(7, n.Domain)...)
	}
	return out
}

func (a ONNXAttribute) bytes() []byte {
	out := Message(1, a.Name)
	switch {
	case a.Graph != nil && a.Lists:
		return append(out, Message(11, a.Graph.Bytes(), 20, 10)...)
	case a.Graph != nil:
		return append(out, Message(6, a.Graph.Bytes(), 20, 5)...)
	case a.Tensor != nil && a.Lists:
		return append(out, Message(10, a.Tensor, 20, 9)...)
	case a.Tensor != nil:
		return append(out, Message(5, a.Tensor, 20, 4)...)
	case a.Sparse != nil && a.Lists:
		return append(out, Message(23, a.Sparse, 20, 12)...)
	case a.Sparse != nil:
		return append(out, Message(22, a.Sparse, 20, 11)...)
	case a.Text != "":
		return append(out, Message(4, a.Text, 20, 3)...)
	}
	return append(out, Message(3, a.Number, 20, 2)...)
}

// ONNXModel writes a model of version 8 with the current operator sets of ONNX, its machine learning operators and ONNX Runtime, and with
// further fields of ModelProto behind them.
func ONNXModel(g ONNXGraph, further ...any) []byte {
	out := Message(1, 8, 2, "maker", 7, g.Bytes(), 8, Message(1, "", 2, 17), 8, Message(1, "ai.onnx.ml", 2, 3), 8, Message(1, "com.microsoft", 2, 1))
	return append(out, Message(further...)...)
}

// ONNXFunction writes a FunctionProto whose operator set is that of the model.
func ONNXFunction(domain, name string, g ONNXGraph) []byte {
	out := Message(1, name)
	for _, in := range g.Inputs {
		out = append(out, Message(4, in)...)
	}
	for _, o := range g.Outputs {
		out = append(out, Message(5, o)...)
	}
	for _, n := range g.Nodes {
		out = append(out, Message(7, n.Bytes())...)
	}
	return append(out, Message(9, Message(1, "", 2, 17), 10, domain)...)
}

// ONNXTensor writes a TensorProto with raw data.
func ONNXTensor(name string, kind int, raw []byte, dims ...int) []byte {
	var out []byte
	for _, d := range dims {
		out = append(out, Message(1, d)...)
	}
	return append(out, Message(2, kind, 8, name, 9, raw)...)
}

// ONNXExternal writes a TensorProto of 16 floats whose data lies in another file, as pairs of keys and values say.
func ONNXExternal(name string, pairs ...string) []byte {
	out := Message(1, 16, 2, 1, 8, name)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, Message(13, Message(1, pairs[i], 2, pairs[i+1]))...)
	}
	return append(out, Message(14, 1)...)
}

// ONNXFloats writes a TensorProto of floats.
func ONNXFloats(name string, values ...float32) []byte {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return ONNXTensor(name, 1, raw, len(values))
}

// weights are numbers as they are learned: many, and all different.
func weights(n int) []float32 {
	out := make([]float32, n)
	state := uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = float32(state)/(1<<31) - 1
	}
	return out
}

// ONNXText writes a graph from lines such as "y = Where c a b" or "y = com.microsoft:FusedMatMul x W". Names that begin with x are inputs
// and those that begin with y are outputs. Names in capitals are initializers: those that begin with W are learned weights, those with
// ONEHOT are zeros but for one element, T has four elements, the others are single numbers. The operator Bool is a Cast to truth values.
func ONNXText(text string) ONNXGraph {
	var g ONNXGraph
	seen := map[string]bool{}
	use := func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		switch {
		case strings.HasPrefix(name, "x"):
			g.Inputs = append(g.Inputs, name)
		case strings.HasPrefix(name, "W"):
			g.Tensors = append(g.Tensors, ONNXFloats(name, weights(64)...))
		case name == "T":
			g.Tensors = append(g.Tensors, ONNXFloats(name, 0.25, 0.5, 0.75, 1))
		case strings.HasPrefix(name, "ONEHOT"):
			g.Tensors = append(g.Tensors, ONNXFloats(name, append(make([]float32, 63), 1)...))
		case name == strings.ToUpper(name) && name[0] >= 'A' && name[0] <= 'Z':
			g.Tensors = append(g.Tensors, ONNXFloats(name, 0.5))
		}
	}
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		words := strings.Fields(right)
		n := ONNXNode{Op: words[0], In: words[1:], Out: strings.Fields(left), Name: fmt.Sprintf("/%s_%d", words[0], len(g.Nodes))}
		if domain, op, ok := strings.Cut(n.Op, ":"); ok {
			n.Domain, n.Op = domain, op
		}
		if n.Op == "Bool" {
			n.Op, n.Attributes = "Cast", []ONNXAttribute{{Name: "to", Number: 9}}
		}
		for _, name := range n.In {
			use(name)
		}
		for _, name := range n.Out {
			if seen[name] = true; strings.HasPrefix(name, "y") {
				g.Outputs = append(g.Outputs, name)
			}
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

// Typed returns the graph with a type for an input.
func (g ONNXGraph) Typed(input string, typ []byte) ONNXGraph {
	g.Types = maps.Clone(g.Types)
	if g.Types == nil {
		g.Types = map[string][]byte{}
	}
	g.Types[input] = typ
	return g
}

// ONNXType writes a TypeProto: a tensor of a kind of elements, whose dimensions are numbers or names.
func ONNXType(kind int, dims ...any) []byte {
	var shape []byte
	for _, d := range dims {
		field := 1
		if _, named := d.(string); named {
			field = 2
		}
		shape = append(shape, Message(1, Message(field, d))...)
	}
	return Message(1, Message(1, kind, 2, shape))
}

// With returns the graph with an attribute added to the node at an index; a negative index counts from the end.
func (g ONNXGraph) With(index int, a ONNXAttribute) ONNXGraph {
	g.Nodes = append([]ONNXNode(nil), g.Nodes...)
	n := &g.Nodes[(index+len(g.Nodes))%len(g.Nodes)]
	n.Attributes = append(n.Attributes[:len(n.Attributes):len(n.Attributes)], a)
	return g
}

// ORTModel writes the same graph as a model of ONNX Runtime. The tensors of attributes are left out.
func ORTModel(g ONNXGraph) []byte {
	sets := []FB{{0: "", 1: uint64(17)}, {0: "com.microsoft", 1: uint64(1)}}
	return FlatBuffer("ORTM", FB{0: "6", 1: FB{0: uint64(8), 1: sets, 7: ortGraph(g)}})
}

func ortGraph(g ONNXGraph) FB {
	var nodes, tensors []FB
	for _, n := range g.Nodes {
		var attributes []FB
		for _, a := range n.Attributes {
			t := FB{0: a.Name, 4: uint64(a.Number), 5: a.Text}
			if a.Graph != nil {
				t[7] = ortGraph(*a.Graph)
			}
			attributes = append(attributes, t)
		}
		nodes = append(nodes, FB{0: n.Name, 2: n.Domain, 5: n.Op, 8: n.In, 9: n.Out, 10: attributes})
	}
	for _, t := range g.Tensors {
		tensors = append(tensors, FB{0: string(tensorField(t, 8)), 3: int32(1), 4: tensorField(t, 9)})
	}
	return FB{0: tensors, 2: nodes, 5: g.Inputs, 6: g.Outputs}
}

// tensorField is the content of a length-delimited field of a TensorProto.
func tensorField(b []byte, want protowire.Number) []byte {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeField(b)
		if n <= 0 {
			break
		}
		if num == want && typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(b)
			v, _ := protowire.ConsumeBytes(b[tag:])
			return v
		}
		b = b[n:]
	}
	return nil
}
