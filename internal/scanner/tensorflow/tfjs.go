package tensorflow

import (
	"context"
	"fmt"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// A model of TensorFlow.js (tfjs-core, io/types.ts) is model.json and the files with its weights:
//
//	{"format": "graph-model", "modelTopology": GraphDef, "modelInitializer": GraphDef,
//	 "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": [{"name": …, "shape": …, "dtype": …}]}]}
//	{"format": "layers-model", "modelTopology": {"keras_version": …, "model_config": {"class_name": …, "config": …}}, "weightsManifest": …}
//
// Old releases write the manifest to a file of its own.

// maxJSON is the largest document that is read, in bytes.
const maxJSON = 256 << 20

// ProbeJS accepts objects with the keys of a model, and lists that are manifests.
func ProbeJS(f *source.File) (bool, error) {
	keys, err := jsontree.ShapeOf(f)
	if err != nil {
		return false, err
	}
	if keys != nil {
		return keys.Has("modelTopology") && (keys.Has("weightsManifest") || keys.Has("format") || keys.Has("generatedBy")) ||
			keys["format"] == "graph-model" || keys["format"] == "layers-model" || keys.Has("weightsManifest"), nil
	}
	return probeManifest(f)
}

// probeManifest accepts lists of objects whose first key is one of a manifest's.
func probeManifest(f *source.File) (bool, error) {
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	in := source.NewForward(f, 0, min(size, source.HeadSize))
	lex := jsontree.NewLexer(in)
	if lex.Take('[') != nil || lex.Take('{') != nil {
		return false, in.Fault()
	}
	if c, err := lex.Next(); err != nil || c != '"' {
		return false, in.Fault()
	}
	key, err := lex.Text(true)
	if err != nil {
		return false, in.Fault()
	}
	if key != "paths" && key != "weights" {
		return false, nil
	}
	return lex.Take(':') == nil && lex.Take('[') == nil, in.Fault()
}

// ScanJS judges the graph or the layers of a model, and refers to the files with its weights.
func ScanJS(ctx context.Context, f *source.File, sink source.Sink) error {
	sink.Format("tf_js")
	doc, readErr := jsontree.ParseFile(f, maxJSON) // what was read before an error counts
	if doc.IsNone() {
		return readErr
	}
	js := &script{ctx: ctx, f: f, sink: sink}
	if doc.Is(jsontree.List) {
		js.manifest(doc)
		return readErr
	}
	js.once(doc)
	for m := range doc.Members() {
		var err error
		switch m.Key {
		case "modelTopology", "modelInitializer":
			err = js.topology(m, doc)
		case "trainingConfig":
			err = js.keras(m)
		case "weightsManifest":
			js.manifest(m.Value)
		}
		if err != nil {
			return err
		}
	}
	return readErr
}

// script reads a model.json.
type script struct {
	ctx  context.Context
	f    *source.File
	sink source.Sink
}

// once reports keys that stand twice where it matters.
func (js *script) once(n jsontree.Node) {
	for m := range n.Members() {
		if m.Twice {
			f := finding.New(threat.MGFMT403, m.At, "A key stands twice, and readers differ in which value they take.")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(m.Key)
			js.sink.Find(f)
		}
	}
}

// topology judges a graph, or hands a configuration of Keras on.
func (js *script) topology(m jsontree.Member, doc jsontree.Node) error {
	n := m.Value
	if !n.Is(jsontree.Object) {
		return nil
	}
	js.once(n)
	if n.Get("node").IsNone() && n.Get("library").IsNone() || !n.Get("class_name").IsNone() || !n.Get("model_config").IsNone() {
		if err := js.keras(m); err != nil {
			return err
		}
	}
	size, err := js.f.Size()
	if err != nil {
		return err
	}
	// What is made of the graph stands beside the document, in which it takes twice as much as in a message.
	d := &decoder{most: source.Kept(size / 2), extra: func(what held) error { return nested(js.ctx, js.f, js.sink, what) }}
	g := &model{}
	if err := walkJSON(n, schemas["GraphDef"], func(f field) error { return d.graphDef(g, f) }); err != nil {
		return err
	}
	for _, signature := range append(doc.All("signature"), doc.Get("userDefinedMetadata").All("signature")...) {
		if err := walkJSON(signature, schemas["SignatureDef"], js.signature(d, g)); err != nil {
			return err
		}
	}
	return judgeModel(g, js.sink)
}

// signature reads the tensors that callers give and ask for.
func (js *script) signature(d *decoder, g *model) func(field) error {
	return func(f field) error {
		switch f.num() {
		case 1:
			return d.tensors(&g.inputs, f)
		case 2:
			return d.tensors(&g.outputs, f)
		}
		return nil
	}
}

// keras hands the value of a member on as a configuration of Keras.
func (js *script) keras(m jsontree.Member) error {
	if !m.Value.Is(jsontree.Object) {
		return nil
	}
	size, err := js.f.Size()
	if err != nil {
		return err
	}
	in := source.NewForward(js.f, m.Value.At(), size-m.Value.At())
	end, err := endOf(jsontree.NewLexer(in))
	if err != nil {
		return err
	}
	_, err = js.sink.Member(js.ctx, source.Member{
		Name: "#" + m.Key, Bytes: source.Section(js.f, m.Value.At(), end-m.Value.At()), Family: source.FamilyKeras,
	})
	return err
}

// endOf finds where the value ends that a lexer stands in front of.
func endOf(lex *jsontree.Lexer) (int64, error) {
	for depth := 0; ; {
		c, err := lex.Next()
		if err != nil {
			return lex.Offset(), err
		}
		switch c {
		case '{', '[':
			depth++
			err = lex.Take(c)
		case '}', ']':
			depth--
			err = lex.Take(c)
		case ',', ':':
			err = lex.Take(c)
		case '"':
			_, err = lex.Text(false)
		default:
			_, err = lex.Scalar()
		}
		if err != nil || depth <= 0 {
			return lex.Offset(), err
		}
	}
}

// maxPaths is how many files one model names.
const maxPaths = 100_000

// manifest refers to the files of all groups of weights.
func (js *script) manifest(n jsontree.Node) {
	if !n.Is(jsontree.List) {
		return
	}
	count := 0
	for group := range n.Items() {
		js.once(group)
		for _, list := range group.All("paths") {
			if !list.Is(jsontree.List) {
				continue
			}
			for item := range list.Items() {
				if count++; item.Is(jsontree.String) && count <= maxPaths {
					js.sink.Refer(finding.Reference{Kind: finding.RefFile, Target: item.Content(), Offset: item.At()})
				}
			}
		}
	}
	if count > maxPaths {
		f := finding.New(threat.MGFMT400, n.At(), fmt.Sprintf("The manifest names %d files.", count))
		f.Role = finding.RoleStructure
		js.sink.Find(f)
	}
}
