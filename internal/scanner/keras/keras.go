// Package keras judges what Keras builds models from: configurations in JSON, and the archives and files that hold them. The weights
// beside them, and configurations in the attributes of HDF5 files, go by way of the engine.
//
// A configuration is a tree of objects (keras/src/saving/serialization_lib.py):
//
//	{"module": "keras.layers", "class_name": "Dense", "config": {…}, "registered_name": null, "build_config": {…}}
//	{"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "relu"}
//	{"class_name": "__lambda__", "config": {"code": base64 of marshal data, "defaults": null, "closure": null}}
//
// Loading imports each module and calls each class with its config, which may hold further objects. Before version 3 there is no
// module: {"class_name": "Dense", "config": {…}}, and functions are named by a string where one is expected.
//
// What holds configurations:
//
//	.keras                  ZIP: config.json, metadata.json, model.weights.h5 or .npz, assets/…
//	model.to_json           one object, with keras_version and backend or with module
//	keras_metadata.pb       protobuf of TensorFlow's SavedModel: repeated 1 = {2 node, 3 path, 4 identifier, 5 JSON}
//	model.weights.json      index of weights in parts: weight_map of layers to lists of files
//	attributes of HDF5      model_config and training_config, handed here as members
//	TensorFlow.js           modelTopology, handed here as a member
//
// Every name is looked up in tables made from the sources of Keras; what loading does with it decides the grade. Whether a loader
// would run in safe mode has no part in it: most of them can be told not to, some cannot be told to.
package keras

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// maxSize is the longest configuration that is read, in bytes: inlined vocabularies make them long.
const maxSize = 128 << 20

// Probe accepts a configuration that a file holds, and all JSON that another format hands on as one.
func Probe(f *source.File) (bool, error) {
	if f.Family == source.FamilyKeras {
		head, err := f.Head()
		if encoding(head) != nil {
			return true, err
		}
		start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
		return len(start) > 0 && strings.IndexByte(`{["`, start[0]) >= 0, err
	}
	keys, err := jsontree.ShapeOf(f)
	if err != nil || !keys.Has("class_name", "config") {
		return false, err
	}
	switch keys["class_name"] {
	case "Sequential", "Functional", "Model", "Graph":
		return true, nil
	}
	return keys.Has("keras_version") || keys.Has("backend") || keys.Has("module") || keys.Has("registered_name"), nil
}

// Scan judges a configuration.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("keras_model_json")
	// The attributes of HDF5 lie in no directory whose files could be meant.
	attribute := f.Family == source.FamilyKeras && strings.HasPrefix(f.Path, "#")
	j := &scanner{ctx: ctx, sink: s, alone: attribute, revived: attribute && strings.HasPrefix(f.Path, "#object_graph/")}
	text, coded, err := recoded(f)
	if err != nil {
		return err
	}
	if !coded {
		return j.read(f, 0)
	}
	found := finding.New(threat.MGFMT403, 0, "The configuration is not in UTF-8: Keras reads it, and other readers of JSON do not.")
	found.Role = finding.RoleStructure
	s.Find(found)
	return j.read(text, 0)
}

// read judges the configuration that r holds, which begins at an offset of the file. What was read before it breaks is judged too.
func (j *scanner) read(r source.Reader, at int64) error {
	doc, readErr := jsontree.ParseFile(r, maxSize)
	j.at = at
	if !doc.IsNone() {
		if err := j.document(doc); err != nil {
			return err
		}
	}
	return readErr
}

// ProbeArchive accepts ZIP archives with the members that Keras 3 writes: a configuration, and beside it metadata or weights. A
// configuration alone will do if it is one, since it is read before anything else is missed.
func ProbeArchive(f *source.File) (bool, error) {
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return false, err
	}
	var configs []*zipview.Entry
	other := false
	for _, e := range view.Entries {
		switch name := e.Name(); {
		case named(e, configName):
			configs = append(configs, e)
		case name == "metadata.json", strings.HasPrefix(name, "model.weights."):
			other = true
		}
	}
	if other || len(configs) == 0 {
		return other && len(configs) > 0, nil
	}
	for _, e := range configs[:min(len(configs), maxReadings)] {
		content, err := view.Content(e, probedConfig)
		if err != nil {
			return false, err
		}
		doc, _ := jsontree.ParseFile(source.Bytes(content), probedConfig) // what precedes an error is there
		if isConfig(doc, 0) {
			return true, nil
		}
	}
	return false, nil
}

// named tells whether either header gives an entry a name, in any of the ways in which names are read.
func named(e *zipview.Entry, name string) bool {
	return e.Central != nil && slices.Contains(e.Central.Names(), name) || e.Local != nil && slices.Contains(e.Local.Names(), name)
}

// probedConfig is the longest configuration that is read to tell whether it is one.
const probedConfig = 4 << 20

// isConfig tells whether a class and its configuration stand anywhere in a document.
func isConfig(n jsontree.Node, depth int) bool {
	if n.IsNone() || depth > maxDepth {
		return false
	}
	if !n.Get("class_name").IsNone() && (!n.Get("config").IsNone() || !n.Get("module").IsNone()) {
		return true
	}
	for item := range n.Items() {
		if isConfig(item, depth+1) {
			return true
		}
	}
	for m := range n.Members() {
		if isConfig(m.Value, depth+1) {
			return true
		}
	}
	return false
}

// configName is the member with the configuration.
const configName = "config.json"

// ScanArchive scans every member, the configuration as one, and looks up the files that it names among the assets.
func ScanArchive(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("keras3")
	err := zipview.Scan(ctx, f, s, zipview.Plan{
		Family: func(e *zipview.Entry) source.Family {
			if named(e, configName) {
				return source.FamilyKeras
			}
			return source.FamilyNone
		},
	})
	if err != nil {
		return err
	}
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return err
	}
	for _, e := range view.Entries {
		if !named(e, configName) {
			continue
		}
		if err := assets(ctx, view, e, s); err != nil {
			return err
		}
	}
	return nil
}
