package litert

import (
	"strings"

	"modelgate/internal/scanner/source/flatbuf"
)

// typeString is the type of tensors that hold strings.
const typeString = 5

// subgraph is a subgraph whose operators are being read.
type subgraph struct {
	at      int64
	tensors flatbuf.Vector
	inputs  map[uint32]bool // that the host hands in; nil if operators of other subgraphs may run this one
	count   int             // of tensors
}

// calls notes which subgraphs the operators of another one run, and checks that they exist.
func (m *model) calls(_ int, t flatbuf.Table) error {
	return m.operators(t, func(op flatbuf.Table, c code) error {
		var options flatbuf.Table
		var fields []int
		var err error
		switch c.builtin {
		case opIf, opWhile:
			fields = []int{0, 1}
			options, err = op.Table(4)
		case opCallOnce:
			fields = []int{0}
			options, err = op.Table(4)
		case opSHLOWhile:
			fields = []int{0, 1}
			options, err = op.Table(12)
		case opComposite:
			fields = []int{1}
			options, err = op.Table(12)
		case opCustomCall:
			return m.customCall(op)
		}
		if err != nil {
			return err
		}
		for _, field := range fields {
			index, err := options.I32(field, 0)
			if err != nil {
				return err
			}
			if index < 0 || int(index) >= len(m.graphs) {
				m.malformed(op.Offset(), "%s names subgraph %d of %d.", builtinName(c.builtin), index, len(m.graphs))
				continue
			}
			m.graphs[index].called = true
		}
		return nil
	})
}

// customCall judges a call of a function that the runtime must have registered under a name.
func (m *model) customCall(op flatbuf.Table) error {
	options, err := op.Table(12)
	if err != nil {
		return err
	}
	name, err := m.text(options, 0)
	if err != nil {
		return err
	}
	m.ops.custom(name, op.Offset())
	return nil
}

// operators visits the operators of a subgraph whose code is in the table.
func (m *model) operators(t flatbuf.Table, visit func(op flatbuf.Table, c code) error) error {
	v, err := t.Vector(3, 4)
	if err != nil {
		return err
	}
	for i := range v.Len {
		op, err := v.Table(i)
		if err != nil {
			return err
		}
		index, err := op.U32(0, 0)
		if err != nil {
			return err
		}
		if int64(index) >= int64(len(m.codes)) {
			continue // stated by graph
		}
		if err := visit(op, m.codes[index]); err != nil {
			return err
		}
	}
	return nil
}

// graph reads the tensors and operators of a subgraph.
func (m *model) graph(i int, t flatbuf.Table) error {
	g := subgraph{at: t.Offset(), count: m.graphs[i].tensors}
	var err error
	if g.tensors, err = t.Vector(0, 4); err != nil {
		return err
	}
	m.cover(g.tensors.Offset(), 4*int64(g.tensors.Len))
	for i := range g.tensors.Len {
		if err := m.tensor(g, i); err != nil {
			return err
		}
	}
	inputs, err := m.indices(g, t, 1, "an input")
	if err != nil {
		return err
	}
	if _, err := m.indices(g, t, 2, "an output"); err != nil {
		return err
	}
	if m.graphs[i].entry && !m.graphs[i].called {
		g.inputs = map[uint32]bool{}
		for _, n := range inputs {
			g.inputs[n] = true
		}
	}
	v, err := t.Vector(3, 4)
	if err != nil {
		return err
	}
	m.cover(v.Offset(), 4*int64(v.Len))
	for i := range v.Len {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		op, err := v.Table(i)
		if err != nil {
			return err
		}
		if err := m.operator(g, op); err != nil {
			return err
		}
	}
	return m.coverTexts(t, 4)
}

// tensor checks that a tensor has a buffer.
func (m *model) tensor(g subgraph, i int) error {
	t, err := g.tensors.Table(i)
	if err != nil {
		return err
	}
	index, err := t.U32(2, 0)
	if err != nil {
		return err
	}
	if int64(index) < int64(len(m.buffers)) {
		m.buffers[index].used = true
	} else if index != 0 {
		m.malformed(t.Offset(), "Tensor %d has buffer %d of %d.", i, index, len(m.buffers))
	}
	for _, field := range []int{0, 7} {
		v, err := t.Vector(field, 4)
		if err != nil {
			return err
		}
		m.cover(v.Offset(), 4*int64(v.Len))
	}
	quantization, err := t.Table(4)
	if err != nil {
		return err
	}
	for field, size := range []int64{4, 4, 4, 8} { // min, max, scale, zero point
		v, err := quantization.Vector(field, size)
		if err != nil {
			return err
		}
		m.cover(v.Offset(), size*int64(v.Len))
	}
	return m.coverTexts(t, 3)
}

// maxIndices is how many inputs of one operator or subgraph are kept.
const maxIndices = 1 << 16

// indices reads a vector of tensors, each of which must exist or be -1, which stands for none.
func (m *model) indices(g subgraph, t flatbuf.Table, field int, what string) ([]uint32, error) {
	v, err := t.Vector(field, 4)
	if err != nil {
		return nil, err
	}
	if err := m.spend(4 * int64(v.Len)); err != nil {
		return nil, err
	}
	m.cover(v.Offset(), 4*int64(v.Len))
	var out []uint32
	for i := range v.Len {
		n, err := v.U32(i)
		if err != nil {
			return nil, err
		}
		if int32(n) != -1 && int64(n) >= int64(g.count) {
			m.malformed(t.Offset(), "%s is tensor %d of %d.", strings.ToUpper(what[:1])+what[1:], int32(n), g.count)
			break
		}
		if len(out) < maxIndices {
			out = append(out, n)
		}
	}
	return out, nil
}

// operator checks what an operator refers to, and judges those of TensorFlow.
func (m *model) operator(g subgraph, op flatbuf.Table) error {
	index, err := op.U32(0, 0)
	if err != nil {
		return err
	}
	inputs, err := m.indices(g, op, 1, "an input of an operator")
	if err != nil {
		return err
	}
	if _, err := m.indices(g, op, 2, "an output of an operator"); err != nil {
		return err
	}
	if _, err := m.indices(g, op, 8, "an intermediate of an operator"); err != nil {
		return err
	}
	options, size, err := m.options(op)
	if err != nil {
		return err
	}
	if int64(index) >= int64(len(m.codes)) {
		m.malformed(op.Offset(), "An operator has code %d of %d.", index, len(m.codes))
		return nil
	}
	c := m.codes[index]
	if c.builtin != opCustom || !strings.HasPrefix(c.custom, flexPrefix) {
		return nil
	}
	return m.flex(g, op, c, inputs, options, size)
}

// options returns where the custom options of an operator lie: in the table or, if they are large, behind the FlatBuffer.
func (m *model) options(op flatbuf.Table) (at, size int64, err error) {
	v, err := op.Vector(5, 1)
	if err != nil {
		return 0, 0, err
	}
	m.cover(v.Offset(), int64(v.Len))
	from, err := op.U64(9, 0)
	if err != nil {
		return 0, 0, err
	}
	large, err := op.U64(10, 0)
	if err != nil || from <= 1 {
		return v.Offset(), int64(v.Len), err
	}
	if from > uint64(m.b.Size()) || large > uint64(m.b.Size())-from {
		m.malformed(op.Offset(), "An operator has options of %d bytes at %d, which the file does not have.", large, from)
		return v.Offset(), int64(v.Len), nil
	}
	m.cover(int64(from), int64(large))
	return int64(from), int64(large), nil
}

// flex judges an operator of TensorFlow under each of the names that it has: that of its code, by which it is told to be one, and that of
// the node in its options, which TensorFlow runs.
func (m *model) flex(g subgraph, op flatbuf.Table, c code, inputs []uint32, at, size int64) error {
	use := call{op: strings.TrimPrefix(c.custom, flexPrefix), at: op.Offset()}
	if len(inputs) > 0 {
		use.given = g.inputs[inputs[0]]
	}
	for _, n := range inputs[:min(len(inputs), maxTexts)] {
		texts, err := m.constant(g, n)
		if err != nil {
			return err
		}
		use.places = append(use.places, texts...)
	}
	names := []string{use.op}
	if size > 0 {
		if size > maxOptions {
			m.malformed(op.Offset(), "The node of %s has %d bytes.", c.custom, size)
			size = maxOptions
		}
		if err := m.spend(size); err != nil {
			return err
		}
		r, err := m.b.Reader(at, size)
		if err != nil {
			return err
		}
		buf := make([]byte, size)
		if _, err := r.ReadAt(buf, 0); err != nil {
			return err
		}
		n, err := parseNode(buf)
		if err != nil {
			m.malformed(op.Offset(), "The options of %s hold no node of TensorFlow.", c.custom)
		}
		use.places = append(use.places, n.texts...)
		names = append(names, n.name, n.op)
	}
	m.ops.agree(c, names, op.Offset())
	m.ops.each(use, names)
	return nil
}

// constant returns the strings of a constant tensor, none if it is not one.
func (m *model) constant(g subgraph, n uint32) ([]string, error) {
	if int64(n) >= int64(g.tensors.Len) {
		return nil, nil
	}
	t, err := g.tensors.Table(int(n))
	if err != nil {
		return nil, err
	}
	kind, err := t.U8(1, 0)
	if err != nil || kind != typeString {
		return nil, err
	}
	index, err := t.U32(2, 0)
	if err != nil || index == 0 || int64(index) >= int64(len(m.buffers)) {
		return nil, err
	}
	b := m.buffers[index]
	if b.size > maxName {
		return nil, nil
	}
	if err := m.spend(b.size); err != nil {
		return nil, err
	}
	r, err := m.b.Reader(b.at, b.size)
	if err != nil {
		return nil, err
	}
	buf := make([]byte, b.size)
	if _, err := r.ReadAt(buf, 0); err != nil && b.size > 0 {
		return nil, err
	}
	return stringsOf(buf), nil
}
