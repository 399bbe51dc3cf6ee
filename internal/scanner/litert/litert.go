// Package litert scans models of TensorFlow Lite, now called LiteRT: a FlatBuffer (tensorflow/compiler/mlir/lite/schema/schema.fbs)
//
//	root offset u32, "TFL3", Model {
//	  0 version, 1 operator codes, 2 subgraphs, 3 description, 4 buffers, 5 metadata buffers, 6 metadata, 7 signatures,
//	  8 groups of external buffers, 9 external buffers }
//	OperatorCode { 0 code of old i8, 1 custom name, 2 version, 3 code i32 }: the greater code counts, 32 is a custom operator
//	SubGraph     { 0 tensors, 1 inputs, 2 outputs, 3 operators, 4 name }
//	Tensor       { 0 shape, 1 type, 2 buffer, 3 name, … }
//	Operator     { 0 operator code, 1 inputs, 2 outputs, 3 and 4 options, 5 custom options, …, 9 and 10 where large ones lie,
//	  11 and 12 further options }
//	Buffer       { 0 data, or 1 offset and 2 size of data behind the FlatBuffer }
//	Metadata     { 0 name, 1 buffer }
//	SignatureDef { 0 inputs, 1 outputs, 2 key, 4 subgraph }
//
// and its form in JSON, as flatc writes it. Built-in operators compute. Custom ones are code of the program that runs the model; those
// whose name begins with Flex are operators of TensorFlow, which may write files, read them and call out, and are classed by package
// tfops. What the tensors hold is never read, but for the file names of such operators.
package litert

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// Bounds of one model: codes, buffers, and tensors and operators of all subgraphs together.
const (
	maxCodes   = 1 << 16
	maxBuffers = 4 << 20
	maxTensors = 4 << 20
	maxGraphs  = 1 << 16
)

// Probe accepts FlatBuffers with the identifier of TFLite.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 8 || string(head[4:8]) != "TFL3" {
		return false, err
	}
	size, err := f.Size()
	root := int64(binary.LittleEndian.Uint32(head))
	return err == nil && root >= 8 && root+4 <= size, err
}

// Scan walks the whole model.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("litert")
	b, err := flatbuf.New(f)
	if err != nil {
		return err
	}
	m := &model{ctx: ctx, f: f, s: s, b: b, ops: newJudge(s)}
	err = m.read()
	m.ops.report() // what was seen before an error counts
	if err != nil {
		return err
	}
	return m.behind()
}

// model is what has been read of a model.
type model struct {
	ctx     context.Context
	f       *source.File
	s       source.Sink
	b       *flatbuf.Buffer
	ops     *judge
	codes   []code
	buffers []buffer
	graphs  []graph
	tensors int   // of all subgraphs
	device  bool  // an operator is code for an accelerator, which lies in its options or behind the model
	faults  int   // that were found
	spent   int64 // bytes that were read of vectors and strings, several of which may be the same ones
	looked  int64 // bytes that were handed on
	end     int64 // of the last byte that something in the model accounts for
}

// maxSpent bounds what is read of vectors and strings: a small file can have many tables that share one large vector.
const maxSpent = 256 << 20

// spend takes n bytes from that bound.
func (m *model) spend(n int64) error {
	if m.spent += n; m.spent > maxSpent {
		return fmt.Errorf("vectors and strings of more than %d bytes: %w", int64(maxSpent), source.ErrBudget)
	}
	return nil
}

// text reads a string of a table.
func (m *model) text(t flatbuf.Table, field int) (string, error) {
	v, err := t.Vector(field, 1)
	if err != nil {
		return "", err
	}
	if err := m.spend(int64(v.Len)); err != nil {
		return "", err
	}
	b, err := v.Bytes(maxName)
	return string(b), err
}

// code is an entry of the table of operator codes.
type code struct {
	builtin int32
	custom  string
	at      int64
}

// buffer is the content of a constant tensor or of metadata.
type buffer struct {
	at, size int64
	used     bool
}

// graph is a subgraph, as far as others refer to it.
type graph struct {
	tensors int
	entry   bool // the host runs it, by itself or by a signature
	called  bool // an operator of another subgraph runs it
}

// malformed reports a fault of the model without giving up.
func (m *model) malformed(at int64, format string, args ...any) {
	if m.faults++; m.faults > finding.MaxFindings {
		return
	}
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role = finding.RoleStructure
	m.s.Find(f)
}

// read walks the root table: what others refer to first.
func (m *model) read() error {
	root, err := m.b.Root()
	if err != nil {
		return m.b.Instead(m.ctx, m.s, err)
	}
	if version, err := root.U32(0, 0); err != nil {
		return err
	} else if version > 3 {
		m.malformed(root.Offset(), "Version %d of the schema is not known.", version)
	}
	for _, part := range []struct {
		field int
		most  int
		read  func(i int, t flatbuf.Table) error
		begin func(n int)
	}{
		{field: 1, most: maxCodes, read: m.code},
		{field: 4, most: maxBuffers, read: m.buffer},
		{field: 2, most: maxGraphs, read: m.shape, begin: func(n int) { m.graphs = make([]graph, n) }},
		{field: 7, most: maxGraphs, read: m.signature},
		{field: 2, most: maxGraphs, read: m.calls},
		{field: 2, most: maxGraphs, read: m.graph},
		{field: 6, most: maxGraphs, read: m.metadata},
		{field: 8, most: maxGraphs, read: m.external},
	} {
		v, err := root.Vector(part.field, 4)
		if err != nil {
			return err
		}
		if v.Len > part.most {
			return fmt.Errorf("%d entries in field %d: %w", v.Len, part.field, source.ErrBudget)
		}
		m.cover(v.Offset(), 4*int64(v.Len))
		if part.begin != nil {
			part.begin(v.Len)
		}
		for i := range v.Len {
			if err := m.ctx.Err(); err != nil {
				return err
			}
			t, err := v.Table(i)
			if err != nil {
				return err
			}
			if err := part.read(i, t); err != nil {
				return err
			}
		}
	}
	return m.coverTexts(root, 3)
}

// cover notes that n bytes at an offset belong to the model.
func (m *model) cover(at, n int64) { m.end = max(m.end, at+n) }

// coverTexts notes the strings and vectors of bytes in fields of a table, and the table itself.
func (m *model) coverTexts(t flatbuf.Table, fields ...int) error {
	m.cover(t.Offset(), t.Size())
	for _, field := range fields {
		v, err := t.Vector(field, 1)
		if err != nil {
			return err
		}
		m.cover(v.Offset(), int64(v.Len))
	}
	return nil
}

// code reads an entry of the table of operator codes. Readers of old know the field of 8 bits alone.
func (m *model) code(_ int, t flatbuf.Table) error {
	old, err := t.U8(0, 0)
	if err != nil {
		return err
	}
	c := code{at: t.Offset()}
	if c.builtin, err = t.I32(3, 0); err != nil {
		return err
	}
	const placeholder = 127
	narrow := int32(int8(old))
	if narrow != 0 && c.builtin != 0 && narrow != min(c.builtin, placeholder) {
		f := finding.New(threat.MGFMT403, c.at, fmt.Sprintf(
			"The operator code is %s in one field and %s in the other, and readers of different age take different ones.", builtinName(narrow), builtinName(c.builtin)))
		f.Role = finding.RoleStructure
		m.s.Find(f)
	}
	c.builtin = max(c.builtin, narrow)
	if c.custom, err = m.text(t, 1); err != nil {
		return err
	}
	m.codes = append(m.codes, c)
	m.ops.code(c)
	if c.builtin == opCustom && isDeviceCode(c.custom) {
		m.device = true
		m.s.Opaque()
	}
	return m.coverTexts(t, 1)
}

// buffer reads where the content of a buffer lies.
func (m *model) buffer(i int, t flatbuf.Table) error {
	v, err := t.Vector(0, 1)
	if err != nil {
		return err
	}
	at, err := t.U64(1, 0)
	if err != nil {
		return err
	}
	size, err := t.U64(2, 0)
	if err != nil {
		return err
	}
	out := buffer{at: v.Offset(), size: int64(v.Len)}
	if at > 1 { // smaller offsets are placeholders
		if at > uint64(m.b.Size()) || size > uint64(m.b.Size())-at {
			m.malformed(t.Offset(), "Buffer %d has %d bytes at %d, which the file does not have.", i, size, at)
			at, size = 0, 0
		}
		out = buffer{at: int64(at), size: int64(size)}
	}
	m.cover(out.at, out.size)
	m.buffers = append(m.buffers, out)
	return nil
}

// shape notes how many tensors a subgraph has.
func (m *model) shape(i int, t flatbuf.Table) error {
	v, err := t.Vector(0, 4)
	m.graphs[i] = graph{tensors: v.Len, entry: i == 0}
	if m.tensors += v.Len; m.tensors > maxTensors {
		return fmt.Errorf("more than %d tensors: %w", maxTensors, source.ErrBudget)
	}
	return err
}

// signature checks that a signature names tensors of a subgraph.
func (m *model) signature(_ int, t flatbuf.Table) error {
	index, err := t.U32(4, 0)
	if err != nil {
		return err
	}
	if int64(index) >= int64(len(m.graphs)) {
		m.malformed(t.Offset(), "A signature names subgraph %d of %d.", index, len(m.graphs))
		return nil
	}
	g := &m.graphs[index]
	g.entry = true
	for field := range 2 {
		v, err := t.Vector(field, 4)
		if err != nil {
			return err
		}
		for i := range v.Len {
			named, err := v.Table(i)
			if err != nil {
				return err
			}
			tensor, err := named.U32(1, 0)
			if err != nil {
				return err
			}
			if int64(tensor) >= int64(g.tensors) {
				m.malformed(named.Offset(), "A signature names tensor %d of %d.", tensor, g.tensors)
			}
			if err := m.coverTexts(named, 0); err != nil {
				return err
			}
		}
	}
	return m.coverTexts(t, 2)
}

// maxLooked bounds the entries of metadata and the buffers without owner that are looked into.
const maxLooked = 256

// metadata hands on what a buffer of metadata holds: it is the exporters' own, and nothing that a runtime executes.
func (m *model) metadata(i int, t flatbuf.Table) error {
	name, err := m.text(t, 0)
	if err != nil {
		return err
	}
	index, err := t.U32(1, 0)
	if err != nil {
		return err
	}
	if int64(index) >= int64(len(m.buffers)) {
		m.malformed(t.Offset(), "The metadata %q names buffer %d of %d.", source.Evidence(name), index, len(m.buffers))
		return nil
	}
	b := &m.buffers[index]
	b.used = true
	if b.size > 0 && i < maxLooked {
		return m.look(fmt.Sprintf("#metadata@%d", b.at), b.at, b.size)
	}
	return m.coverTexts(t, 0)
}

// external judges the file that a group of external buffers lies in.
func (m *model) external(_ int, t flatbuf.Table) error {
	name, err := m.text(t, 0)
	if err != nil || name == "" {
		return err
	}
	if f, bad := paths.Reference(name, t.Offset()); bad {
		m.s.Find(f)
		return nil
	}
	m.s.Refer(finding.Reference{Kind: finding.RefFile, Target: name, Offset: t.Offset()})
	return nil
}

// look hands bytes to the engine that nobody would run, and that are no business of a model if they are anything.
func (m *model) look(name string, at, size int64) error {
	r, err := m.b.Reader(at, size)
	if err != nil {
		return err
	}
	if m.looked += size; m.looked > m.b.Size() {
		return source.Malformedf(at, "buffers overlap each other")
	}
	_, err = m.s.Member(m.ctx, source.Member{Name: name, Bytes: r, Prose: true})
	return err
}

// behind looks at buffers that no tensor has, and at what follows the model. An archive of metadata may follow it, which the scanner of
// archives reads.
func (m *model) behind() error {
	looked := 0
	for _, b := range m.buffers {
		if b.used || b.size < 16 || looked >= maxLooked {
			continue
		}
		looked++
		if err := m.look(fmt.Sprintf("#buffer@%d", b.at), b.at, b.size); err != nil {
			return err
		}
	}
	return m.trailing()
}

// trailing looks at what follows the model: a loader of something else may find its own file there. Code for accelerators is left to
// them.
func (m *model) trailing() error {
	m.cover(0, m.b.End())
	rest := m.b.Size() - m.end
	archive, err := zipview.Of(m.f)
	if err != nil {
		return err
	}
	if archive != nil {
		if rest, err = m.archive(rest); err != nil {
			return err
		}
	}
	if rest < minTrailing {
		return nil
	}
	r, err := m.b.Reader(m.end, rest)
	if err != nil {
		return err
	}
	out, err := m.s.Member(m.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", m.end), Bytes: r, Prose: true})
	if err != nil {
		return err
	}
	what := "they are of no format that is known"
	switch {
	case slices.Equal(out.Formats, []string{"zip"}): // an empty one, which has nothing to say
		return nil
	case len(out.Formats) > 0:
		what = "they are " + strings.Join(out.Formats, ", ")
	case m.device:
		return nil
	default:
		head := make([]byte, min(rest, maxLooked))
		if n, err := r.ReadAt(head, 0); err != nil && n < len(head) {
			return err
		}
		if rest < unaccounted || len(bytes.Trim(head, "\x00")) == 0 {
			return nil
		}
	}
	f := finding.New(threat.MGFMT402, m.end, fmt.Sprintf("%d bytes follow the model, and %s.", rest, what))
	f.Role = finding.RoleStructure
	m.s.Find(f)
	return nil
}

// minTrailing is how many bytes behind a model are worth a look, unaccounted how many are too many to be alignment, or a field of a schema
// that is newer than this scanner.
const (
	minTrailing = 4
	unaccounted = 16
)

// archive returns how many of the bytes behind the model lie in front of the archive that is appended to it.
func (m *model) archive(rest int64) (int64, error) {
	buf := make([]byte, max(0, min(rest, source.HeadSize)))
	n, err := m.f.ReadAt(buf, m.end)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if at := bytes.Index(buf[:n], []byte("PK\x03\x04")); at >= 0 {
		return int64(at), nil
	}
	return rest, nil
}
