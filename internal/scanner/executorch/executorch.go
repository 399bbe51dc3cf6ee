// Package executorch scans programs of ExecuTorch (.pte): a FlatBuffer (schema/program.fbs), an extended header inside it, and segments of
// data behind it.
//
//	root offset u32, "ET12", "eh00", length of the header u32, size of the FlatBuffer u64, where segments begin u64, their size u64
//	Program { 0 version, 1 plans, 2 constants, 3 data of delegates, 4 segments, 5 and 6 constants in segments, 7 named data }
//	ExecutionPlan { 0 name, …, 2 values, 3 inputs, 4 outputs, 5 chains, 6 operators, 7 delegates, … }
//	Operator { 0 name, 1 overload }      Chain { 0 inputs, 1 outputs, 2 instructions, … }      Instruction { 0 kind, 1 arguments }
//	BackendDelegate { 0 id, 1 where its data lies, 2 settings }      DataSegment { 0 offset, 1 size }      NamedData { 0 key, 1 segment }
//
// Operators are kernels of the program that runs the model, chosen by name. Delegates get their data as it is: a graph or code for an
// accelerator, and with some of them a library that is loaded into the host.
package executorch

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/threat"
)

//go:embed operators.txt
var operatorsText string

// operators are the kernels that ExecuTorch's own libraries register, as namespace::name without overload.
var operators = registry.Parse(operatorsText)

// Bounds of one program: entries of a table, segments that are looked into, bytes of a name.
const (
	maxEntries = 1 << 20
	maxLooked  = 256
	maxName    = 4 << 10
)

// Probe accepts FlatBuffers with the identifier of a release.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 8 || string(head[4:7]) != "ET1" || head[7] < '0' || head[7] > '9' {
		return false, err
	}
	size, err := f.Size()
	root := int64(binary.LittleEndian.Uint32(head))
	return err == nil && root >= 8 && root+4 <= size, err
}

// program is what has been read of a program.
type program struct {
	ctx      context.Context
	f        *source.File
	s        source.Sink
	b        *flatbuf.Buffer
	inner    int64 // size of the FlatBuffer, 0 if no header states it
	base     int64 // where segments begin
	segments []segment
	inline   int // data of delegates inside the FlatBuffer
	seen     map[string]bool
	faults   int
}

// segment is a piece of data behind the FlatBuffer.
type segment struct{ at, size int64 }

// Scan walks the whole program, and looks at what its segments begin as.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("executorch")
	p := &program{ctx: ctx, f: f, s: s, seen: map[string]bool{}}
	inner, err := p.header()
	if err != nil {
		return err
	}
	if p.b, err = flatbuf.New(inner); err != nil {
		return err
	}
	root, err := p.b.Root()
	if err != nil {
		return p.b.Instead(ctx, s, err)
	}
	for _, part := range []struct {
		field int
		read  func(flatbuf.Table) error
	}{{4, p.segment}, {3, p.data}, {7, p.named}, {1, p.plan}, {2, p.constant}, {6, p.offsets}} {
		if err := each(root, part.field, part.read); err != nil {
			return err
		}
	}
	constants, err := root.Table(5)
	if err != nil {
		return err
	}
	if err := p.offsets(constants); err != nil {
		return err
	}
	return p.behind()
}

// each reads the tables of a vector.
func each(t flatbuf.Table, field int, read func(flatbuf.Table) error) error {
	v, err := t.Vector(field, 4)
	if err != nil {
		return err
	}
	if v.Len > maxEntries {
		return fmt.Errorf("%d entries in field %d: %w", v.Len, field, source.ErrBudget)
	}
	for i := range v.Len {
		entry, err := v.Table(i)
		if err != nil {
			return err
		}
		if err := read(entry); err != nil {
			return err
		}
	}
	return nil
}

// header reads the extended header, which programs with segments have, and returns the FlatBuffer.
func (p *program) header() (source.Reader, error) {
	head, err := p.f.Head()
	if err != nil {
		return nil, err
	}
	size, err := p.f.Size()
	if err != nil {
		return nil, err
	}
	if len(head) < 32 || string(head[8:12]) != "eh00" || binary.LittleEndian.Uint32(head[12:]) < 24 {
		return p.f, nil
	}
	inner, base := binary.LittleEndian.Uint64(head[16:]), binary.LittleEndian.Uint64(head[24:])
	if inner > uint64(size) || base > uint64(size) || base != 0 && base < inner {
		return nil, source.Malformedf(16, "a program of %d bytes with segments at %d in a file of %d", inner, base, size)
	}
	p.inner, p.base = int64(inner), int64(base)
	return source.Section(p.f, 0, int64(inner)), nil
}

// malformed reports a fault of the program without giving up.
func (p *program) malformed(at int64, format string, args ...any) {
	if p.faults++; p.faults > finding.MaxFindings {
		return
	}
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role = finding.RoleStructure
	p.s.Find(f)
}

// segment notes where a segment lies.
func (p *program) segment(t flatbuf.Table) error {
	off, err := t.U64(0, 0)
	if err != nil {
		return err
	}
	n, err := t.U64(1, 0)
	if err != nil {
		return err
	}
	size, err := p.f.Size()
	if err != nil {
		return err
	}
	rest := uint64(max(0, size-p.base))
	if off > rest || n > rest-off {
		p.malformed(t.Offset(), "Segment %d has %d bytes at %d, which the file does not have.", len(p.segments), n, off)
		off, n = 0, 0
	}
	p.segments = append(p.segments, segment{p.base + int64(off), int64(n)})
	return nil
}

// data looks at the data of a delegate inside the FlatBuffer.
func (p *program) data(t flatbuf.Table) error {
	v, err := t.Vector(0, 1)
	if err != nil {
		return err
	}
	if p.inline++; p.inline > maxLooked || v.Len == 0 {
		return nil
	}
	return p.look(v.Reader(), v.Offset())
}

// look hands on data that a delegate or a kernel gets. What nobody knows is theirs.
func (p *program) look(r source.Reader, at int64) error {
	_, err := p.s.Member(p.ctx, source.Member{Name: fmt.Sprintf("#data@%d", at), Bytes: r, Prose: true})
	return err
}

// constant visits the data of a constant.
func (p *program) constant(t flatbuf.Table) error {
	_, err := t.Vector(0, 1)
	return err
}

// named checks that named data lies in a segment.
func (p *program) named(t flatbuf.Table) error {
	if _, err := t.Vector(0, 1); err != nil {
		return err
	}
	return p.segmentOf(t, 1)
}

// offsets checks that constants lie in a segment.
func (p *program) offsets(t flatbuf.Table) error {
	v, err := t.Vector(1, 8)
	if err != nil || v.Len == 0 {
		return err
	}
	return p.segmentOf(t, 0)
}

func (p *program) segmentOf(t flatbuf.Table, field int) error {
	index, err := t.U32(field, 0)
	if err == nil && int64(index) >= int64(len(p.segments)) {
		p.malformed(t.Offset(), "Data lies in segment %d of %d.", index, len(p.segments))
	}
	return err
}

// plan reads a method of the model.
func (p *program) plan(t flatbuf.Table) error {
	if _, err := t.Vector(0, 1); err != nil {
		return err
	}
	ops, err := t.Vector(6, 4)
	if err != nil {
		return err
	}
	delegates, err := t.Vector(7, 4)
	if err != nil {
		return err
	}
	if err := each(t, 6, p.operator); err != nil {
		return err
	}
	if err := each(t, 7, p.delegate); err != nil {
		return err
	}
	return each(t, 5, func(chain flatbuf.Table) error {
		return each(chain, 2, func(instruction flatbuf.Table) error {
			return p.instruction(instruction, ops.Len, delegates.Len)
		})
	})
}

// instruction checks that a call of a kernel or delegate names one that is there.
func (p *program) instruction(t flatbuf.Table, operators, delegates int) error {
	kind, err := t.U8(0, 0)
	if err != nil {
		return err
	}
	arguments, err := t.Table(1)
	if err != nil {
		return err
	}
	const kernelCall, delegateCall = 1, 2
	count, what := operators, "operator"
	switch kind {
	case kernelCall:
	case delegateCall:
		count, what = delegates, "delegate"
	default:
		return nil
	}
	index, err := arguments.I32(0, 0)
	if err == nil && (index < 0 || int(index) >= count) {
		p.malformed(t.Offset(), "An instruction calls %s %d of %d.", what, index, count)
	}
	return err
}

// files are kernels of PyTorch that read or write files by a name in the program.
func files() []string { return []string{"aten::from_file", "aten::save", "aten::load"} }

// operator judges a kernel by its name. Those of PyTorch itself compute, but for a few.
func (p *program) operator(t flatbuf.Table) error {
	name, err := p.text(t, 0)
	if err != nil {
		return err
	}
	if _, err := t.Vector(1, 1); err != nil {
		return err
	}
	switch {
	case slices.Contains(files(), name):
		p.report(threat.MGOP302, name, t.Offset(), "The kernel opens a file that the program names.")
	case operators.Has(name), strings.HasPrefix(name, "aten::"), strings.HasPrefix(name, "executorch_prim::"):
	default:
		p.report(threat.MGOP300, name, t.Offset(), "The kernel is none of PyTorch's or ExecuTorch's own; whoever runs the program must bring its code.")
	}
	return nil
}

// text reads a short string of a table.
func (p *program) text(t flatbuf.Table, field int) (string, error) {
	v, err := t.Vector(field, 1)
	if err != nil {
		return "", err
	}
	b, err := v.Bytes(maxName)
	return string(b), err
}

// report makes a finding of a kernel or delegate, once for each name.
func (p *program) report(id threat.ID, name string, at int64, words string) {
	if p.seen[name] || len(p.seen) > finding.MaxFindings {
		return
	}
	p.seen[name] = true
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, name, "executorch", source.Evidence(name)
	p.s.Find(f)
}

// Delegates of ExecuTorch: those whose data is a graph or code of an accelerator, and those that write a library out of their data and
// load it.
func delegates() []string {
	return []string{
		"CadenceExecutorchBackend", "CoreAIBackend", "CoreMLBackend", "EnnBackend", "EthosUBackend", "MLXBackend", "MPSBackend", "NativeBackend",
		"NeuropilotBackend", "NeutronBackend", "OpenvinoBackend", "QnnBackend", "TOSABackend", "TensorRTBackend", "VgfBackend",
		"VulkanBackend", "XnnpackBackend",
	}
}

func libraryDelegates() []string { return []string{"CudaBackend", "MetalBackend"} }

// delegate judges a delegate by its id, and checks where its data lies.
func (p *program) delegate(t flatbuf.Table) error {
	id, err := p.text(t, 0)
	if err != nil {
		return err
	}
	switch {
	case slices.Contains(libraryDelegates(), id):
		p.report(threat.MGOP301, id, t.Offset(), "The delegate loads a library out of the program's data into the host.")
	case slices.Contains(delegates(), id):
		p.s.Opaque()
	default:
		p.report(threat.MGOP300, id, t.Offset(), "The delegate is none of ExecuTorch's own; whoever runs the program must bring its code.")
	}
	processed, err := t.Table(1)
	if err != nil {
		return err
	}
	location, err := processed.U8(0, 0)
	if err != nil {
		return err
	}
	index, err := processed.U32(1, 0)
	if err != nil {
		return err
	}
	if count := map[uint8]int{0: p.inline, 1: len(p.segments)}[location]; int64(index) >= int64(count) {
		p.malformed(t.Offset(), "The data of %s is number %d of %d.", source.Evidence(id), index, count)
	}
	return each(t, 2, func(setting flatbuf.Table) error {
		for field := range 2 {
			if _, err := setting.Vector(field, 1); err != nil {
				return err
			}
		}
		return nil
	})
}

// behind looks at the segments, and at what follows them.
func (p *program) behind() error {
	size, err := p.f.Size()
	if err != nil {
		return err
	}
	end := max(p.base, p.inner)
	if p.inner == 0 {
		end = p.b.End()
	}
	for i, g := range p.segments {
		end = max(end, g.at+g.size)
		if i >= maxLooked || g.size == 0 {
			continue
		}
		if err := p.look(source.Section(p.f, g.at, g.size), g.at); err != nil {
			return err
		}
	}
	if size-end < 4 {
		return nil
	}
	out, err := p.s.Member(p.ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", end), Bytes: source.Section(p.f, end, size-end), Prose: true})
	if err != nil || len(out.Formats) == 0 {
		return err
	}
	f := finding.New(threat.MGFMT402, end, fmt.Sprintf("%d bytes follow the last segment, and they are %s.", size-end, strings.Join(out.Formats, ", ")))
	f.Role = finding.RoleStructure
	p.s.Find(f)
	return nil
}
