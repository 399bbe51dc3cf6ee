// Package tensorflow scans models of TensorFlow: SavedModels, meta graphs, graphs and checkpoints, and the JSON of TensorFlow.js.
// (tensorflow/core/protobuf: saved_model.proto, meta_graph.proto; tensorflow/core/framework: graph.proto, function.proto,
// node_def.proto, attr_value.proto.)
//
//	saved_model.pb = SavedModel { 1 schema version, 2 MetaGraphDef … }     also as text, saved_model.pbtxt
//	*.meta         = MetaGraphDef { 1 tags, 2 GraphDef, 3 saver, 4 collections, 5 signatures, 6 assets, 7 objects }
//	frozen graphs  = GraphDef { 1 NodeDef …, 2 library of functions }
//	NodeDef        = { 1 name, 2 operator, 3 inputs …, 5 attributes: numbers, strings, tensors, functions }
//	*.index        = a table of what lies where in *.data-…                see checkpoint.go
//	model.json     = GraphDef or a configuration of Keras, and the weights' files      see tfjs.go
//
// A graph is a program: its operators write and read files, call the host and open connections, whenever it is run, and some of
// it runs as soon as it is loaded. So every operator of the main graph and of every function is looked up among those that TensorFlow
// and the libraries around it register, by what it does (package tfops). Tensors are passed over by their length; constants of
// strings are read, since they name files.
package tensorflow

import (
	"context"
	"errors"

	"modelgate/internal/scanner/source"
)

// root is a message that a file may be.
type root struct {
	of     string // its type
	format string // machine name
}

func savedModel() root { return root{"SavedModel", "tensorflow"} }
func metaGraph() root  { return root{"MetaGraphDef", "tf_meta_graph"} }
func graphDef() root   { return root{"GraphDef", "tensorflow"} }

// ProbeSavedModel accepts SavedModels in the binary encoding.
func ProbeSavedModel(f *source.File) (bool, error) { return probeWire(f, savedModel()) }

// ProbeMetaGraph accepts MetaGraphDefs in the binary encoding.
func ProbeMetaGraph(f *source.File) (bool, error) { return probeWire(f, metaGraph()) }

// ProbeGraph accepts GraphDefs in the binary encoding.
func ProbeGraph(f *source.File) (bool, error) { return probeWire(f, graphDef()) }

// ScanSavedModel judges every meta graph of a SavedModel.
func ScanSavedModel(ctx context.Context, f *source.File, sink source.Sink) error {
	return scan(ctx, f, sink, savedModel(), inBinary(f))
}

// ScanMetaGraph judges a meta graph.
func ScanMetaGraph(ctx context.Context, f *source.File, sink source.Sink) error {
	return scan(ctx, f, sink, metaGraph(), inBinary(f))
}

// ScanGraph judges a graph with its functions.
func ScanGraph(ctx context.Context, f *source.File, sink source.Sink) error {
	return scan(ctx, f, sink, graphDef(), inBinary(f))
}

// ProbeText accepts SavedModels, meta graphs and graphs in the text encoding.
func ProbeText(f *source.File) (bool, error) {
	r, err := probeText(f)
	return r.of != "", err
}

// ScanText judges what ProbeText accepted.
func ScanText(ctx context.Context, f *source.File, sink source.Sink) error {
	r, err := probeText(f)
	if err != nil {
		return err
	}
	return scan(ctx, f, sink, r, func(of string, visit func(field) error) error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		return walkText(source.NewForward(f, 0, size), of, visit)
	})
}

// walk reads a document as a message of a type.
type walk func(of string, visit func(field) error) error

func inBinary(f *source.File) walk {
	return func(of string, visit func(field) error) error { return walkWire(f, of, visit) }
}

// scan reads a document and judges its models. What was read of a document that breaks its encoding is judged too: a loader may be
// more lenient, or read another part.
func scan(ctx context.Context, f *source.File, sink source.Sink, r root, document walk) error {
	sink.Format(r.format)
	size, err := f.Size()
	if err != nil {
		return err
	}
	d := &decoder{most: source.Kept(size), extra: func(what held) error { return nested(ctx, f, sink, what) }}
	var models []*model
	add := func() *model {
		m := &model{}
		models = append(models, m)
		return m
	}
	var visit func(field) error
	switch r.of {
	case "SavedModel":
		visit = func(f field) error {
			if f.num() != 2 {
				return nil
			}
			if err := d.fits(len(models)); err != nil {
				return err
			}
			m := add()
			return f.walk(func(f field) error { return d.metaGraph(m, f) })
		}
	case "MetaGraphDef":
		m := add()
		visit = func(f field) error { return d.metaGraph(m, f) }
	default:
		m := add()
		visit = func(f field) error { return d.graphDef(m, f) }
	}
	err = document(r.of, visit)
	var malformed *source.Malformed
	if err != nil && !errors.As(err, &malformed) {
		return err
	}
	for _, m := range models {
		if ctxErr := ctx.Err(); ctxErr != nil {
			return ctxErr
		}
		if judgeErr := judgeModel(m, sink); judgeErr != nil {
			return judgeErr
		}
		if r.of == "SavedModel" {
			assets(m, sink)
		}
	}
	return err
}

// nested hands a string back to the engine in which a model lies, or a configuration of Keras.
func nested(ctx context.Context, f *source.File, sink source.Sink, what held) error {
	m := source.Member{Name: "#" + what.name, Bytes: what.bytes, Prose: true}
	if what.keras {
		m.Name, m.Family = what.name, source.FamilyKeras
	} else {
		ok, err := holdsModel(&source.File{Reader: what.bytes, Path: what.name, Budget: f.Budget})
		if err != nil || !ok {
			return err
		}
	}
	_, err := sink.Member(ctx, m)
	return err
}

// minModel is the smallest string that is looked into, in bytes.
const minModel = 24

// holdsModel tells whether a string is a model of its own. Bytes that break the encoding are none.
func holdsModel(f *source.File) (bool, error) {
	size, err := f.Size()
	if err != nil || size < minModel {
		return false, err
	}
	for _, r := range []root{savedModel(), metaGraph(), graphDef()} {
		ok, err := probeWire(f, r)
		var malformed *source.Malformed
		if errors.As(err, &malformed) {
			continue
		}
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// assets refers to the files that a SavedModel lists.
func assets(m *model, sink source.Sink) {
	for _, a := range m.sortedAssets() {
		sink.Refer(reference(a))
	}
}
