package mindspore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

// ProbeIR accepts messages that begin as MindIR: its version as a text, then MindSpore as producer.
func ProbeIR(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 4 || head[0] != 1<<3|2 || head[1] == 0 || head[1] > 32 {
		return false, err
	}
	rest := head[min(len(head), 2+int(head[1])):]
	const producer = "MindSpore"
	return len(rest) > 2 && rest[0] == 2<<3|2 && int(rest[1]) == len(producer) && strings.HasPrefix(string(rest[2:]), producer), nil
}

// ir is what has been read of a MindIR model.
type ir struct {
	s    source.Sink
	seen map[string]bool
}

// ScanIR walks a model in MindIR (mindspore/core/proto/mind_ir.proto):
//
//	ModelProto     { 1 version, 2 producer, …, 7 graph, 8 functions, 9 preprocessing, …, 12 primitives }
//	GraphProto     { 1 nodes, 2 name, 3 parameters, …, 9 file of the gradient }
//	NodeProto      { 1 inputs, 2 outputs, 3 name, 4 operator, 5 attributes, …, 8 and 9 further attributes }
//	PrimitiveProto { 1 name, 2 operator, 3 attributes }
//	AttributeProto { 1 name, …, 5 text, 6 tensor, 7 graph, …, 11 texts, 12 tensors, 13 graphs, …, 17 values }
//	TensorProto    { …, 12 external data { 1 location } }
//
// Most operators compute. Some run functions of Python or of a library that an attribute names.
func ScanIR(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("mindir")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	m := &ir{s: s, seen: map[string]bool{}}
	return w.Walk(whole, func(field wire.Field) error {
		if !field.IsBytes() {
			return nil
		}
		switch field.Num {
		case 7, 8:
			return m.graph(field)
		case 12:
			return m.operation(field, 2, 3)
		}
		return nil
	})
}

func (m *ir) graph(field wire.Field) error {
	return field.Walk(func(f wire.Field) error {
		if !f.IsBytes() {
			return nil
		}
		switch f.Num {
		case 1:
			return m.operation(f, 4, 5, 8, 9)
		case 3:
			return m.tensor(f)
		case 8:
			_, err := m.attribute(f)
			return err
		case 9:
			location, err := f.Text(maxName)
			if err == nil {
				refer(m.s, m.seen, location, f.Offset)
			}
			return err
		}
		return nil
	})
}

// tensor judges the file that a tensor's data lies in.
func (m *ir) tensor(field wire.Field) error {
	return field.Walk(func(f wire.Field) error {
		if f.Num != 12 || !f.IsBytes() {
			return nil
		}
		return f.Walk(func(external wire.Field) error {
			if external.Num != 1 {
				return nil
			}
			location, err := external.Text(maxName)
			if err == nil {
				refer(m.s, m.seen, location, external.Offset)
			}
			return err
		})
	})
}

// operation judges a node or a primitive, whose operator and attributes stand in the given fields.
func (m *ir) operation(field wire.Field, operator int32, attributes ...int32) error {
	var name string
	var texts []string
	err := field.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == operator && f.IsBytes():
			name, err = f.Text(maxName)
		case slices.Contains(attributes, f.Num) && f.IsBytes():
			var more []string
			more, err = m.attribute(f)
			texts = append(texts, more[:min(len(more), maxAttributes)]...)
		}
		return err
	})
	m.judge(strings.TrimPrefix(name, "REF::"), texts, field.At)
	return err
}

// attribute reads the texts of an attribute, and judges the tensors and graphs in it.
func (m *ir) attribute(field wire.Field) (texts []string, err error) {
	err = field.Walk(func(f wire.Field) error {
		if !f.IsBytes() {
			return nil
		}
		switch f.Num {
		case 5, 11:
			if f.Size > maxName || len(texts) > maxAttributes {
				return nil
			}
			s, err := f.Text(maxName)
			texts = append(texts, s)
			return err
		case 6, 12:
			return m.tensor(f)
		case 7, 13:
			return m.graph(f)
		case 17:
			more, err := m.attribute(f)
			texts = append(texts, more...)
			return err
		}
		return nil
	})
	return texts, err
}

// python are operators that run functions or statements of Python in the host.
func python() []string {
	return []string{"PyFunc", "PyFuncWithAutograd", "PyExecute", "PyInterpret"}
}

// judge judges an operator by its name and the texts of its attributes.
func (m *ir) judge(name string, texts []string, at int64) {
	bare := name[strings.LastIndex(name, "::")+1:]
	bare = strings.TrimPrefix(bare, ":")
	id, words, evidence := threat.ID(""), "", strings.Join(texts, ", ")
	switch {
	case slices.Contains(python(), bare):
		id, words = threat.MGOP301, "The operator runs Python in the program that loads the model."
	case bare == "Custom":
		id, words = threat.MGOP300, "The custom operator is code that whoever runs the model must bring."
		for _, t := range texts {
			if l := library.FindString(t); l != "" {
				id, words, evidence = threat.MGOP301, "The custom operator names a library, whose code runs with the model.", l
			}
			if t == "pyfunc" || t == "julia" {
				id, words = threat.MGOP301, fmt.Sprintf("The custom operator runs a function of the host, of type %s.", t)
			}
		}
	default:
		return
	}
	key := string(id) + bare + evidence
	if m.seen[key] || len(m.seen) > finding.MaxFindings {
		return
	}
	m.seen[key] = true
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, bare, "mindspore", source.Evidence(evidence)
	m.s.Find(f)
}
