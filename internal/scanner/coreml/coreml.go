// Package coreml scans models of Core ML: the protobuf of a model, the blobs that hold its weights, and the manifest of a package.
//
// A model (apple/coremltools, mlmodel/format/Model.proto) is a message:
//
//	1 specification version, 2 description, 10 updatable, and one of the fields from 200 that is the model itself:
//	200-202 pipelines (models inside), 303, 403 and 500 neural networks (1 layers), 502 ML program (2 functions: 3 blocks:
//	3 operations: 1 type, 2 inputs, 4 blocks, 5 attributes), 555 custom model, 556 linked model, 3000 serialized model
//
// The operating system runs layers and operators of its own. What it does not have is code of the application that loads the
// model: custom layers, custom models and operators of other names. Weights may lie in files that values name
// (@model_path/weights/weight.bin), and a linked model names another file. Tensors are passed over by their length.
package coreml

import (
	"context"
	_ "embed" // names.txt
	"fmt"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

//go:embed names.txt
var namesText string

// names are "model N", "layer N" and "operator NAME".
var names = registry.Parse(namesText)

// Fields of a model.
const (
	customModel     = 555
	linkedModel     = 556
	serializedModel = 3000
	mlProgram       = 502
)

// Probe accepts messages with a version, a description and one field that is a model.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 4 || head[0] != 1<<3 || head[1] == 0 || head[1] > 20 {
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
	var described, model, other int
	err = w.Walk(whole, func(f wire.Field) error {
		switch {
		case f.Num == 1, f.Num == 10:
		case f.Num == 2 && f.IsBytes():
			described++
		case f.Num >= 200 && f.Num <= serializedModel && f.IsBytes():
			model++
		default:
			other++
		}
		if described+model+other > 8 {
			return source.Malformedf(f.At, "too many fields")
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return described == 1 && model > 0 && other == 0, nil
}

// Scan walks a model.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("coreml")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	j := &judge{ctx: ctx, sink: s, walker: w, said: map[string]bool{}}
	return j.model(whole, 0)
}

// judge is the walk over a model.
type judge struct {
	ctx    context.Context
	sink   source.Sink
	walker *wire.Walker
	said   map[string]bool // what was reported or referred to
}

// Bounds: models inside each other, bytes of a name.
const (
	maxModels = 20
	maxName   = 4096
)

// model walks one model.
func (j *judge) model(m wire.Message, depth int) error {
	if depth > maxModels {
		return source.Malformedf(m.Offset, "models are nested more than %d deep", maxModels)
	}
	kinds := 0
	return j.walker.Walk(m, func(f wire.Field) error {
		if f.Num < 200 || !f.IsBytes() {
			return nil
		}
		if kinds++; kinds == 2 {
			found := finding.New(threat.MGFMT403, f.At, "A model is two at once, and readers differ in which they take.")
			found.Role = finding.RoleStructure
			j.sink.Find(found)
		}
		return j.kind(f, depth)
	})
}

// kind walks what a model is.
func (j *judge) kind(f wire.Field, depth int) error {
	if !names.Has(fmt.Sprintf("model %d", f.Num)) {
		j.operator(f.At, fmt.Sprintf("model %d", f.Num), "", "The model is of a kind that Core ML does not have.")
		return nil
	}
	switch f.Num {
	case 200, 201: // a pipeline in a message of its own
		return f.Walk(func(inner wire.Field) error {
			if inner.Num != 1 {
				return nil
			}
			return j.pipeline(inner, depth)
		})
	case 202:
		return j.pipeline(f, depth)
	case 303, 403, 500:
		return j.network(f, 0)
	case mlProgram:
		return j.program(f)
	case customModel:
		name, err := stringIn(f, 10)
		j.operator(f.At, "customModel", name, "The model is code of the application that loads it, which is no part of it.")
		return err
	case linkedModel:
		return j.linked(f)
	case serializedModel:
		j.sink.Opaque()
		return f.Walk(func(inner wire.Field) error {
			if inner.Num != 2 || !inner.IsBytes() {
				return nil
			}
			_, err := j.sink.Member(j.ctx, source.Member{Name: "#serializedModel", Bytes: inner.Reader(), Prose: true})
			return err
		})
	}
	return nil
}

// pipeline walks the models of a pipeline.
func (j *judge) pipeline(f wire.Field, depth int) error {
	return f.Walk(func(inner wire.Field) error {
		if inner.Num != 1 || !inner.IsBytes() {
			return nil
		}
		return j.model(inner.Message(), depth+1)
	})
}

// maxNetworks bounds networks inside each other, in branches and loops.
const maxNetworks = 40

// network walks the layers of a neural network.
func (j *judge) network(f wire.Field, depth int) error {
	if depth > maxNetworks {
		return source.Malformedf(f.At, "networks are nested more than %d deep", maxNetworks)
	}
	return f.Walk(func(layer wire.Field) error {
		if layer.Num != 1 || !layer.IsBytes() {
			return nil
		}
		name := ""
		return layer.Walk(func(kind wire.Field) error {
			if kind.Num == 1 && kind.IsBytes() {
				var err error
				name, err = kind.Text(maxName)
				return err
			}
			if kind.Num < 100 {
				return nil
			}
			return j.layer(kind, name, depth)
		})
	})
}

// layer judges what a layer is.
func (j *judge) layer(kind wire.Field, name string, depth int) error {
	columns, known := names.Lookup(fmt.Sprintf("layer %d", kind.Num))
	switch {
	case !known:
		j.operator(kind.At, fmt.Sprintf("layer %d", kind.Num), name, "The layer is of a kind that Core ML does not have.")
	case columns[0] == "custom":
		class, err := stringIn(kind, 10)
		j.operator(kind.At, "custom", class, "The layer "+source.Evidence(name)+" is code of the application that loads the model, which is no part of it.")
		return err
	case columns[0] == "branch" || columns[0] == "loop":
		return kind.Walk(func(inner wire.Field) error {
			if !inner.IsBytes() || columns[0] == "loop" && inner.Num < 3 {
				return nil
			}
			return j.network(inner, depth+1)
		})
	}
	return nil
}

// linked judges a model that is another file, and where it is looked for.
func (j *judge) linked(f wire.Field) error {
	return f.Walk(func(file wire.Field) error {
		if file.Num != 1 || !file.IsBytes() {
			return nil
		}
		return file.Walk(func(part wire.Field) error {
			if !part.IsBytes() {
				return nil
			}
			value, err := stringIn(part, 1)
			if err != nil {
				return err
			}
			if part.Num == 1 {
				j.sink.Refer(finding.Reference{Kind: finding.RefFile, Target: value, Offset: part.At})
				return nil
			}
			for _, dir := range strings.Split(value, ":") {
				j.path(dir, part.At)
			}
			return nil
		})
	})
}

// operator reports an operator, once.
func (j *judge) operator(at int64, op, name, description string) {
	key := op + "|" + name
	if j.said[key] || len(j.said) > 4*finding.MaxFindings {
		return
	}
	j.said[key] = true
	found := finding.New(threat.MGOP300, at, description)
	found.Role, found.Operator, found.Evidence = finding.RoleOperator, op, source.Evidence(name)
	j.sink.Find(found)
}

// file refers to a file of weights, which is named from the directory of the model.
func (j *judge) file(name string, at int64) {
	if j.said["file|"+name] {
		return
	}
	j.said["file|"+name] = true
	rest, _ := strings.CutPrefix(name, "@model_path/")
	j.sink.Refer(finding.Reference{Kind: finding.RefFile, Target: rest, Offset: at})
}

// stringIn reads a string of a message.
func stringIn(f wire.Field, num int32) (string, error) {
	value := ""
	err := f.Walk(func(inner wire.Field) error {
		if inner.Num != num || !inner.IsBytes() {
			return nil
		}
		var err error
		value, err = inner.Text(maxName)
		return err
	})
	return value, err
}

// isModelFile tells whether a path of a manifest is a model, and not a directory.
func isModelFile(name string) bool { return path.Ext(name) != "" }

// isPackageName tells whether a member's name is one of a package.
func isPackageName(name string) bool { return strings.Contains("/"+name, "/Data/com.apple.CoreML/") }
