// Package mindspore scans models of MindSpore: MindSpore Lite (.ms), a FlatBuffer (mindspore/lite/schema/model.fbs and ops.fbs)
//
//	root offset u32, "MSL0" to "MSL2", MetaGraph { 0 name, 1 version, 2 framework, 3 inputs, 4 outputs, 5 memory, 6 nodes,
//	  7 tensors, 8 subgraphs, … }
//	CNode    { 0 name, 1 kind, 2 primitive, 3 inputs, 4 outputs, … }        Primitive { 0 code, 1 table of the primitive }
//	Custom   { 0 type, 1 attributes }                                       Attribute { 0 name, 1 data }
//	Tensor   { 0 kind, 1 type, 2 sizes, …, 6 data, …, 9 name, …, 12 external data }
//	ExternalData { 0 checksum, 1 location, 2 offset, 3 length }
//	SubGraph { 0 name, 1 inputs, 2 outputs, 3 nodes, 4 tensors }
//
// and MindIR (.mindir), a protobuf message (see ScanIR). Built-in primitives compute. A Custom one is code that whoever runs the model
// must bring, or a library or a compiled model that its attributes hold or name.
package mindspore

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/threat"
)

//go:embed primitives.txt
var primitivesText string

var primitives = registry.Parse(primitivesText)

// Bounds of one model: nodes, tensors, indices of all vectors together, attributes of one primitive, bytes of a name.
const (
	maxNodes      = 1 << 20
	maxTensors    = 1 << 20
	maxIndices    = 32 << 20
	maxAttributes = 256
	maxName       = 64 << 10
)

// Probe accepts FlatBuffers with the identifier of a release.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 8 || string(head[4:7]) != "MSL" || head[7] < '0' || head[7] > '2' {
		return false, err
	}
	size, err := f.Size()
	root := int64(binary.LittleEndian.Uint32(head))
	return err == nil && root >= 8 && root+4 <= size, err
}

// lite is what has been read of a model.
type lite struct {
	ctx     context.Context
	s       source.Sink
	b       *flatbuf.Buffer
	schema  string // whose codes the primitives have
	nodes   int
	tensors int
	indices int
	faults  int
	seen    map[string]bool
}

// Scan walks the whole model. Custom primitives have the same fields in all releases, but another code.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("ms_lite")
	head, err := f.Head()
	if err != nil {
		return err
	}
	b, err := flatbuf.New(f)
	if err != nil {
		return err
	}
	m := &lite{ctx: ctx, s: s, b: b, schema: "MSL2", seen: map[string]bool{}}
	if head[7] < '2' {
		m.schema = "MSL1"
	}
	root, err := b.Root()
	if err != nil {
		return b.Instead(ctx, s, err)
	}
	for _, part := range []struct {
		field, most int
		count       *int
		read        func(flatbuf.Table) error
	}{
		{7, maxTensors, &m.tensors, m.tensor},
		{6, maxNodes, &m.nodes, m.node},
		{8, maxNodes, nil, m.subgraph},
	} {
		v, err := root.Vector(part.field, 4)
		if err != nil {
			return err
		}
		if v.Len > part.most {
			return fmt.Errorf("%d entries in field %d: %w", v.Len, part.field, source.ErrBudget)
		}
		if part.count != nil {
			*part.count = v.Len
		}
		for i := range v.Len {
			t, err := v.Table(i)
			if err != nil {
				return err
			}
			if err := part.read(t); err != nil {
				return err
			}
		}
	}
	if err := m.inRange(root, "The model", m.tensors, 3, 4); err != nil {
		return err
	}
	if err := visit(root, map[int]int64{0: 1, 1: 1}); err != nil {
		return err
	}
	return b.Behind(ctx, s)
}

// visit follows vectors of which nothing matters but where they end: by field, the size of their elements.
func visit(t flatbuf.Table, fields map[int]int64) error {
	for field, size := range fields {
		if _, err := t.Vector(field, size); err != nil {
			return err
		}
	}
	return nil
}

// malformed reports a fault of the model without giving up.
func (m *lite) malformed(at int64, format string, args ...any) {
	if m.faults++; m.faults > finding.MaxFindings {
		return
	}
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role = finding.RoleStructure
	m.s.Find(f)
}

// inRange checks that the indices in some fields of a table are below a count.
func (m *lite) inRange(t flatbuf.Table, what string, count int, fields ...int) error {
	for _, field := range fields {
		v, err := t.Vector(field, 4)
		if err != nil {
			return err
		}
		if m.indices += v.Len; m.indices > maxIndices {
			return fmt.Errorf("more than %d indices: %w", maxIndices, source.ErrBudget)
		}
		for i := range v.Len {
			n, err := v.U32(i)
			if err != nil {
				return err
			}
			if int64(n) >= int64(count) {
				m.malformed(t.Offset(), "%s refers to %d of %d.", what, n, count)
				break
			}
		}
	}
	return nil
}

// tensor checks where the data of a tensor lies, and judges the file that holds what lies outside.
func (m *lite) tensor(t flatbuf.Table) error {
	if err := visit(t, map[int]int64{2: 4, 6: 1, 7: 4, 8: 4, 9: 1}); err != nil {
		return err
	}
	v, err := t.Vector(12, 4)
	if err != nil {
		return err
	}
	for i := range min(v.Len, maxAttributes) {
		external, err := v.Table(i)
		if err != nil {
			return err
		}
		location, err := external.Text(1)
		if err != nil {
			return err
		}
		m.refer(location, external.Offset())
	}
	return nil
}

// refer states that loading opens a file.
func (m *lite) refer(location string, at int64) { refer(m.s, m.seen, location, at) }

// refer judges a file that loading opens, once, and states it.
func refer(s source.Sink, seen map[string]bool, location string, at int64) {
	if location == "" || seen[location] {
		return
	}
	seen[location] = true
	if f, bad := paths.Reference(location, at); bad {
		s.Find(f)
		return
	}
	s.Refer(finding.Reference{Kind: finding.RefFile, Target: location, Offset: at})
}

// node judges the primitive of a node.
func (m *lite) node(t flatbuf.Table) error {
	if err := m.inRange(t, "A node", m.tensors, 3, 4); err != nil {
		return err
	}
	if err := visit(t, map[int]int64{0: 1}); err != nil {
		return err
	}
	primitive, err := t.Table(2)
	if err != nil {
		return err
	}
	code, err := primitive.U8(0, 0)
	if err != nil || code == 0 {
		return err // a node without primitive is a constant
	}
	columns, ok := primitives.Lookup(m.schema + "." + strconv.Itoa(int(code)))
	switch {
	case !ok:
		m.operator(threat.MGOP300, strconv.Itoa(int(code)), t.Offset(), "", "The code of the primitive is beyond those of the schema, so nothing is known of what it does.")
	case columns[0] == "Custom":
		value, err := primitive.Table(1)
		if err != nil {
			return err
		}
		return m.custom(value)
	}
	return nil
}

// operator reports a primitive, once for each type.
func (m *lite) operator(id threat.ID, name string, at int64, evidence, words string) {
	key := string(id) + name
	if m.seen[key] {
		return
	}
	m.seen[key] = true
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, name, "mindspore", source.Evidence(evidence)
	m.s.Find(f)
}

// library is a file that the system's loader takes.
var library = regexp.MustCompile(`(?i)[\w./\\:-]+\.(so(\.\d+)*|dll|dylib|ko)\b`)

// own are types of Custom primitives that MindSpore Lite's own converter writes: decoders of its compressed weights, fused computations.
func own() []string {
	return []string{"FSEDecode", "CastGatherReduceFusion", "GatherReduceFusion", "ReduceConcatFusion", "EncoderLayer", "DecoderLayer", "UsePastEmbedding"}
}

// custom judges a Custom primitive by its type and attributes.
func (m *lite) custom(t flatbuf.Table) error {
	kind, err := t.Text(0)
	if err != nil {
		return err
	}
	v, err := t.Vector(1, 4)
	if err != nil {
		return err
	}
	found := library.FindString(kind)
	for i := range min(v.Len, maxAttributes) {
		attribute, err := v.Table(i)
		if err != nil {
			return err
		}
		if err := visit(attribute, map[int]int64{0: 1}); err != nil {
			return err
		}
		data, err := attribute.Vector(1, 1)
		if err != nil {
			return err
		}
		text, err := data.Bytes(maxName)
		if err != nil { // longer than a name can be: a model of its own, or code
			if _, err := m.s.Member(m.ctx, source.Member{Name: fmt.Sprintf("#attribute@%d", data.Offset()), Bytes: data.Reader(), Prose: true}); err != nil {
				return err
			}
			m.s.Opaque()
			continue
		}
		if found == "" {
			found = library.FindString(string(text))
		}
		if _, err := m.s.Member(m.ctx, source.Member{Name: fmt.Sprintf("#attribute@%d", data.Offset()), Bytes: source.Bytes(text), Prose: true}); err != nil {
			return err
		}
	}
	switch {
	case found != "":
		m.operator(threat.MGOP301, kind, t.Offset(), found, "The custom primitive names a library, whose code runs with the model.")
	case !slices.Contains(own(), kind):
		m.operator(threat.MGOP300, kind, t.Offset(), kind, "The custom primitive is none of MindSpore Lite's own; whoever runs the model must bring its code.")
	}
	return nil
}

// subgraph checks that a subgraph refers to nodes and tensors that exist.
func (m *lite) subgraph(t flatbuf.Table) error {
	if err := m.inRange(t, "A subgraph", m.nodes, 3); err != nil {
		return err
	}
	if err := visit(t, map[int]int64{0: 1}); err != nil {
		return err
	}
	return m.inRange(t, "A subgraph", m.tensors, 1, 2, 4)
}
