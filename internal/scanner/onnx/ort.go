package onnx

import (
	"fmt"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
)

// Fields of the tables of ort.fbs, by their place in it.
const (
	sessionModel = 1

	modelSets  = 1
	modelGraph = 7

	graphTensors = 0
	graphNodes   = 2
	graphInputs  = 5
	graphOutputs = 6
	graphSparse  = 7

	nodeName       = 0
	nodeDomain     = 2
	nodeOp         = 5
	nodeInputs     = 8
	nodeOutputs    = 9
	nodeAttributes = 10

	attrName    = 0
	attrNumber  = 4
	attrText    = 5
	attrTensor  = 6
	attrGraph   = 7
	attrTensors = 11
	attrGraphs  = 12

	tensorName = 0
	tensorKind = 3
	tensorRaw  = 4
	tensorText = 5

	sparseValues  = 0
	sparseIndices = 1
)

// session reads an InferenceSession, the root of a model of ONNX Runtime.
func (r *reader) session(b *flatbuf.Buffer) error {
	root, err := b.Root()
	if err != nil {
		return err
	}
	m, err := root.Table(sessionModel)
	if err != nil {
		return err
	}
	if !m.Present() {
		return source.Malformedf(root.Offset(), "the session has no model")
	}
	sets, err := m.Vector(modelSets, 4)
	if err != nil {
		return err
	}
	err = each(sets, func(t flatbuf.Table) error {
		domain, err := r.flatText(t, 0)
		if err != nil {
			return err
		}
		version, err := t.U64(1, 0)
		r.m.sets[canonical(domain)] = int64(version)
		return err
	})
	if err != nil {
		return err
	}
	g, err := m.Table(modelGraph)
	if err != nil || !g.Present() {
		return err
	}
	r.m.graph, err = r.flatGraph(g)
	return err
}

// each visits the tables of a vector.
func each(v flatbuf.Vector, visit func(flatbuf.Table) error) error {
	for i := range v.Len {
		t, err := v.Table(i)
		if err != nil {
			return err
		}
		if err := visit(t); err != nil {
			return err
		}
	}
	return nil
}

// flatText reads a name.
func (r *reader) flatText(t flatbuf.Table, field int) (string, error) {
	s, err := t.Text(field)
	if err != nil {
		return "", err
	}
	if len(s) > maxName {
		return "", source.Malformedf(t.Offset(), "a name of %d bytes", len(s))
	}
	return r.intern(s)
}

// flatTexts reads a list of names.
func (r *reader) flatTexts(t flatbuf.Table, field int) ([]string, error) {
	v, err := t.Vector(field, 4)
	if err != nil {
		return nil, err
	}
	var out []string
	for i := range v.Len {
		s, err := v.Text(i)
		if err != nil {
			return out, err
		}
		if s, err = r.intern(s); err != nil {
			return out, err
		}
		out = append(out, s)
	}
	return out, nil
}

// flatGraph reads a Graph.
func (r *reader) flatGraph(t flatbuf.Table) (*graph, error) {
	g := &graph{at: t.Offset()}
	if err := r.use(sizeGraph); err != nil {
		return g, err
	}
	if r.depth++; r.depth > maxDepth {
		return g, source.Malformedf(t.Offset(), "graphs are nested more than %d deep", maxDepth)
	}
	defer func() { r.depth-- }()
	var err error
	if g.inputs, err = r.flatTexts(t, graphInputs); err != nil {
		return g, err
	}
	if g.outputs, err = r.flatTexts(t, graphOutputs); err != nil {
		return g, err
	}
	lists := []struct {
		field int
		visit func(flatbuf.Table) error
	}{
		{graphTensors, func(t flatbuf.Table) error {
			x, err := r.flatTensor(t)
			g.tensors = append(g.tensors, x)
			return err
		}},
		{graphSparse, func(t flatbuf.Table) error {
			x, err := r.flatSparse(t)
			g.tensors = append(g.tensors, x)
			return err
		}},
		{graphNodes, func(t flatbuf.Table) error { return r.flatNode(t, &g.nodes) }},
	}
	for _, l := range lists {
		v, err := t.Vector(l.field, 4)
		if err != nil {
			return g, err
		}
		if err := each(v, l.visit); err != nil {
			return g, err
		}
	}
	return g, nil
}

// flatNode reads a Node.
func (r *reader) flatNode(t flatbuf.Table, list *[]*node) error {
	n := &node{at: t.Offset()}
	if err := r.count(n, list); err != nil {
		return err
	}
	for field, to := range map[int]*string{nodeName: &n.name, nodeDomain: &n.domain, nodeOp: &n.op} {
		s, err := r.flatText(t, field)
		if err != nil {
			return err
		}
		*to = s
	}
	var err error
	if n.inputs, err = r.flatTexts(t, nodeInputs); err != nil {
		return err
	}
	if n.outputs, err = r.flatTexts(t, nodeOutputs); err != nil {
		return err
	}
	attributes, err := t.Vector(nodeAttributes, 4)
	if err != nil {
		return err
	}
	return each(attributes, func(t flatbuf.Table) error {
		a, err := r.flatAttribute(t)
		if keeps(a.name) || len(a.graphs) > 0 || a.tensor != nil {
			n.attributes = append(n.attributes, a)
		}
		return err
	})
}

// flatAttribute reads an Attribute.
func (r *reader) flatAttribute(t flatbuf.Table) (attribute, error) {
	a := attribute{at: t.Offset()}
	var err error
	if a.name, err = r.flatText(t, attrName); err != nil {
		return a, err
	}
	if keeps(a.name) {
		number, err := t.U64(attrNumber, 0)
		if err != nil {
			return a, err
		}
		a.number = int64(number)
		v, err := t.Vector(attrText, 1)
		if err != nil {
			return a, err
		}
		v.Len = min(v.Len, maxAttribute)
		text, err := v.Bytes(maxAttribute)
		if err != nil {
			return a, err
		}
		a.text = string(text)
	}
	return a, r.flatParts(t, &a)
}

// flatParts reads the tensors and graphs of an Attribute.
func (r *reader) flatParts(t flatbuf.Table, a *attribute) error {
	tensor := func(t flatbuf.Table) (err error) {
		a.tensor, err = r.flatTensor(t)
		return err
	}
	graph := func(t flatbuf.Table) error {
		g, err := r.flatGraph(t)
		a.graphs = append(a.graphs, g)
		return err
	}
	for _, part := range []struct {
		one, many int
		visit     func(flatbuf.Table) error
	}{{attrTensor, attrTensors, tensor}, {attrGraph, attrGraphs, graph}} {
		single, err := t.Table(part.one)
		if err != nil {
			return err
		}
		if single.Present() {
			if err := part.visit(single); err != nil {
				return err
			}
		}
		v, err := t.Vector(part.many, 4)
		if err != nil {
			return err
		}
		if err := each(v, part.visit); err != nil {
			return err
		}
	}
	return nil
}

// flatSparse reads a SparseTensor.
func (r *reader) flatSparse(t flatbuf.Table) (*tensor, error) {
	out := &tensor{at: t.Offset(), sparse: true}
	for _, field := range []int{sparseValues, sparseIndices} {
		part, err := t.Table(field)
		if err != nil {
			return out, err
		}
		if !part.Present() {
			continue
		}
		x, err := r.flatTensor(part)
		if err != nil {
			return out, err
		}
		if field == sparseValues {
			out.name, out.kind = x.name, x.kind
		}
	}
	return out, nil
}

// flatTensor reads a Tensor.
func (r *reader) flatTensor(t flatbuf.Table) (*tensor, error) {
	x := &tensor{at: t.Offset()}
	if r.tensors++; r.tensors > maxTensors {
		return x, fmt.Errorf("more than %d tensors: %w", maxTensors, source.ErrBudget)
	}
	var err error
	if x.name, err = r.flatText(t, tensorName); err != nil {
		return x, err
	}
	kind, err := t.I32(tensorKind, 0)
	if err != nil {
		return x, err
	}
	x.kind = int64(kind)
	raw, err := t.Vector(tensorRaw, 1)
	if err != nil {
		return x, err
	}
	x.offset, x.size = raw.Offset(), int64(raw.Len)
	if x.kind == typeUint8 || x.kind == typeInt8 {
		if err := r.flatPickled(x.name, raw); err != nil {
			return x, err
		}
	}
	return x, r.flatStrings(x, t)
}

// flatStrings looks at the strings of a Tensor.
func (r *reader) flatStrings(x *tensor, t flatbuf.Table) error {
	v, err := t.Vector(tensorText, 4)
	if err != nil {
		return err
	}
	for i := range v.Len {
		s, err := v.Text(i)
		if err != nil {
			return err
		}
		if len(s) < minPickle || !pickleBegins([]byte(s[:2])) || !pickleEnds(s[len(s)-1]) || !r.look(int64(len(s))) {
			continue
		}
		if err := r.hand(source.Bytes(s), x.at, x.name); err != nil {
			return err
		}
	}
	return nil
}

// flatPickled looks at the beginning of a tensor's bytes.
func (r *reader) flatPickled(name string, v flatbuf.Vector) error {
	if v.Len < minPickle {
		return nil
	}
	head := v
	head.Len = 2
	begin, err := head.Bytes(2)
	if err != nil {
		return err
	}
	return r.pickled(name, begin, v.Offset(), int64(v.Len))
}
