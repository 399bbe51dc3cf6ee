// Package onnx scans models in the format of ONNX, and in the one that ONNX Runtime makes of it (onnx-ml.proto, ort.fbs):
//
//	ModelProto    1 IR version, 7 GraphProto, 8 operator sets, 14 metadata, 20 TrainingInfoProto { 1, 2 graphs }, 25 FunctionProto
//	GraphProto    1 NodeProto, 5 TensorProto (initializers), 11 inputs, 12 outputs, 15 SparseTensorProto
//	NodeProto     1 inputs, 2 outputs, 3 name, 4 operator, 5 AttributeProto, 7 domain, 8 overload
//	Attribute     1 name, 3 number, 4 string, 5 tensor, 6 graph, 10 tensors, 11 graphs, 22 and 23 sparse tensors
//	TensorProto   1 dimensions, 2 type, 4 to 7, 9 to 11 data, 8 name, 13 external data { 1 key, 2 value }, 14 where the data is
//	Function      1 name, 4 inputs, 5 outputs, 7 NodeProto, 9 operator sets, 10 domain, 11 attributes, 13 overload
//
// Everything is a protobuf message; ".ort" files are FlatBuffers with the identifier ORTM and the same content. What a runtime acts on are
// the operators, the files that tensors name, and the way that data takes: operators that run code or that nobody knows, paths that
// lead out of the model, functions that stand in for standard operators, and gates that the input switches. The data of tensors is
// passed over by its length.
package onnx

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

// Probe accepts a ModelProto: a message of its fields alone, with a version of the format and a graph or sets of operators.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 2 {
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
	var p probe
	if err := unlessMalformed(w.Walk(whole, p.field)); err != nil {
		return false, err
	}
	return p.accepts(), nil
}

// unlessMalformed is an error that is not of the bytes.
func unlessMalformed(err error) error {
	var bad *source.Malformed
	if errors.Is(err, errStop) || errors.As(err, &bad) {
		return nil
	}
	return err
}

// errStop ends a walk that has seen enough.
var errStop = errors.New("stop")

// firstWithSets is the version of the format from which on models import sets of operators.
const firstWithSets = 3

// maxProbed is how many fields of a message a probe looks at.
const maxProbed = 64

// probe is what is known of a message that may be a ModelProto.
type probe struct {
	fields                     int
	version, graph, sets, none bool
}

// accepts tells whether the message is a ModelProto.
func (p *probe) accepts() bool {
	return !p.none && (p.version && (p.graph || p.sets) || p.graph && p.sets)
}

// field looks at a field of the message.
func (p *probe) field(f wire.Field) error {
	p.fields++
	varint := f.Type == protowire.VarintType
	switch f.Num {
	case 1:
		p.version = varint && f.Value > 0 && f.Value <= 1<<16
		p.none = p.none || !p.version
	case 5:
		p.none = p.none || !varint
	case 7:
		p.graph = f.IsBytes() && only(f, 1, 2, 5, 10, 11, 12, 13, 14, 15, 16)
		p.none = p.none || !p.graph
	case 8:
		p.sets = f.IsBytes() && isOperatorSet(f)
		p.none = p.none || !p.sets
	case 2, 3, 4, 6, 14, 20, 25, 26:
		p.none = p.none || !f.IsBytes()
	default: // a field that readers pass over; what stands behind a model is judged with it
		if p.graph || p.sets {
			return errStop
		}
	}
	if p.none || p.version && p.graph || p.fields >= maxProbed {
		return errStop
	}
	return nil
}

// only tells whether the first fields of a message are length-delimited and among the given ones.
func only(f wire.Field, nums ...int32) bool {
	seen, ok := 0, true
	err := f.Walk(func(f wire.Field) error {
		found := false
		for _, n := range nums {
			found = found || n == f.Num
		}
		ok = ok && found && f.IsBytes()
		if seen++; !ok || seen >= maxProbed/4 {
			return errStop
		}
		return nil
	})
	return ok && seen > 0 && (err == nil || errors.Is(err, errStop))
}

// isOperatorSet tells whether a message is an OperatorSetIdProto: 1 domain, 2 version.
func isOperatorSet(f wire.Field) bool {
	versioned, ok := false, true
	err := f.Walk(func(f wire.Field) error {
		versioned = versioned || f.Num == 2 && f.Type == protowire.VarintType
		ok = ok && (f.Num == 2 && f.Type == protowire.VarintType || f.Num == 1 && f.IsBytes())
		return nil
	})
	return ok && versioned && err == nil
}

// ProbeORT accepts FlatBuffers with the identifier of ONNX Runtime.
func ProbeORT(f *source.File) (bool, error) {
	head, err := f.Head()
	return err == nil && len(head) >= 8 && string(head[4:8]) == "ORTM", err
}

// Scan reads a ModelProto and judges it.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
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
	err = r.model(whole)
	if err == nil && r.m.graph != nil && len(r.m.sets) == 0 && r.m.version >= firstWithSets {
		r.malformed(whole.Size, "", "The model imports no set of operators, without which no loader takes it.")
	}
	return r.finish(err)
}

// ScanORT reads a model of ONNX Runtime and judges it.
func ScanORT(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("onnx")
	b, err := flatbuf.New(f)
	if err != nil {
		return err
	}
	r, err := newReader(ctx, f, s)
	if err != nil {
		return err
	}
	err = r.session(b)
	return r.finish(err)
}

// Bounds of what a model may hold, beside that of its memory.
const (
	maxNodes    = 1 << 18
	maxTensors  = 1 << 18
	maxDepth    = 24 // graphs in each other
	maxName     = 64 << 10
	maxFound    = 50 // findings of one kind
	maxExternal = 10_000
)

// reader is the reading of one file.
type reader struct {
	ctx  context.Context
	f    *source.File
	s    source.Sink
	wire *wire.Walker

	m         *model
	interned  map[string]string
	used      int64 // bytes of memory
	most      int64 // that may be
	nodes     int
	tensors   int
	depth     int // of graphs
	external  map[string]*external
	locations []string // keys of external, in order
	looked    int64    // bytes of tensors that were handed on
	sampled   int64    // bytes of weights that were looked at
	found     map[threat.ID]int
}

func newReader(ctx context.Context, f *source.File, s source.Sink) (*reader, error) {
	size, err := f.Size()
	return &reader{
		most: source.Kept(size),
		ctx:  ctx, f: f, s: s, m: &model{sets: map[string]int64{}}, interned: map[string]string{}, external: map[string]*external{}, found: map[threat.ID]int{},
	}, err
}

// finish judges what was read, also if the reading broke off, whose error is given.
func (r *reader) finish(err error) error {
	var bad *source.Malformed
	if err != nil && !errors.As(err, &bad) && !errors.Is(err, source.ErrBudget) {
		return err
	}
	r.refer()
	if judged := r.judge(); judged != nil {
		return judged
	}
	return err
}

// find adds a finding, a bounded number of each kind.
func (r *reader) find(id threat.ID, role finding.Role, at int64, module, operator, evidence, description string) {
	if r.found[id]++; r.found[id] > maxFound {
		return
	}
	f := finding.New(id, at, description)
	f.Role, f.Module, f.Operator, f.Evidence = role, module, operator, source.Evidence(evidence)
	r.s.Find(f)
}

// malformed adds a finding of a structure that breaks the rules.
func (r *reader) malformed(at int64, evidence, description string) {
	r.find(threat.MGFMT400, finding.RoleStructure, at, "", "", evidence, description)
}

// twofold adds a finding of a structure that readers see differently.
func (r *reader) twofold(at int64, evidence, description string) {
	r.find(threat.MGFMT403, finding.RoleStructure, at, "", "", evidence, description)
}

// What things take in memory, in bytes, with their places in lists and tables.
const (
	sizeNode      = 224 // also as an operator that is judged
	sizeGraph     = 400 // with the scope in which its names are looked up
	sizeFunction  = 240
	sizeAttribute = 112
	sizeTensor    = 96
	sizeEntry     = 64
	sizeName      = 48 // without its letters
	sizeUse       = 24 // of a name
)

// use takes memory from the bound.
func (r *reader) use(n int) error {
	if r.used += int64(n); r.used > r.most {
		return fmt.Errorf("a model that takes more than %d bytes of memory: %w", r.most, source.ErrBudget)
	}
	return nil
}

// intern keeps one copy of every name, within the bound.
func (r *reader) intern(name string) (string, error) {
	if err := r.use(sizeUse); err != nil {
		return "", err
	}
	if kept, ok := r.interned[name]; ok {
		return kept, nil
	}
	if err := r.use(sizeName + len(name)); err != nil {
		return "", err
	}
	r.interned[name] = name
	return name, nil
}
