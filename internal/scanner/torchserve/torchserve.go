// Package torchserve scans model archives of TorchServe: ZIP files (.mar), or directories in a compressed tar, around a manifest.
//
// The manifest, MAR-INF/MANIFEST.json (pytorch/serve, model-archiver/model_archiver/manifest_components), names what the server
// opens and imports:
//
//	{"createdOn": "…", "runtime": "python", "model": {"modelName": "m", "serializedFile": "w.pt", "modelFile": "model.py",
//	 "handler": "handler.py:Handler", "requirementsFile": "requirements.txt", "configFile": "c.yaml"}, "archiverVersion": "0.12.0"}
//
// A handler is the name of one that the server brings, or a file of the archive that is imported when the model is loaded
// (ts/model_loader.py); in truth any module of Python that can be imported. The files themselves, Python among them, are judged
// by their own scanners.
package torchserve

import (
	"context"
	"path"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/scanner/source/zipview"
	"modelgate/internal/threat"
)

// manifestName is the member that makes an archive one of TorchServe's.
const manifestName = "MAR-INF/MANIFEST.json"

// Bounds: bytes of a manifest, and members whose names are looked at.
const (
	maxManifest = 4 << 20
	maxNames    = 100_000
)

// Probe accepts ZIP archives with a manifest.
func Probe(f *source.File) (bool, error) {
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return false, err
	}
	return slices.ContainsFunc(view.Entries[:min(len(view.Entries), maxNames)], func(e *zipview.Entry) bool { return e.Name() == manifestName }), nil
}

// Scan checks that what manifests name is there, and scans every member. The manifest itself is one of them.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("torchserve")
	s.Format("pytorch_archive")
	view, err := zipview.Of(f)
	if err != nil || view == nil {
		return err
	}
	present := map[string]bool{}
	for _, e := range view.Entries {
		present[e.Name()] = true
	}
	for _, e := range view.Entries {
		if e.Name() != manifestName {
			continue
		}
		text, err := view.Content(e, maxManifest)
		if err != nil {
			return err
		}
		root, _ := jsontree.ParseFile(source.Bytes(text), maxManifest) // what is wrong with it, the scan of the member says
		for _, file := range files(root) {
			if !present[file.name] && !present[path.Base(file.name)] && !escapes(file.name) {
				absent(s, file)
			}
		}
	}
	return zipview.Scan(ctx, f, s, zipview.Plan{Family: func(*zipview.Entry) source.Family { return source.FamilyTorch }})
}

func absent(s source.Sink, file named) {
	f := finding.New(threat.MGFMT400, file.at, "The manifest names a file that the archive does not have.")
	f.Role, f.Member, f.Evidence = finding.RolePath, manifestName, source.Evidence(file.name)
	s.Find(f)
}

func escapes(name string) bool {
	_, bad := paths.Reference(name, 0)
	return bad
}

// named is a file that a manifest names.
type named struct {
	at   int64
	name string
}

// files are the files that a manifest names, the handler among them if it is one.
func files(root jsontree.Node) []named {
	var out []named
	for _, model := range root.All("model") {
		for _, key := range []string{"serializedFile", "modelFile", "requirementsFile", "configFile", "extraFiles"} {
			for _, v := range model.All(key) {
				for name := range strings.SplitSeq(v.Content(), ",") {
					if name = strings.TrimSpace(name); name != "" {
						out = append(out, named{v.At(), name})
					}
				}
			}
		}
		for _, v := range model.All("handler") {
			if module, _, _ := strings.Cut(v.Content(), ":"); strings.HasSuffix(module, ".py") {
				out = append(out, named{v.At(), module})
			}
		}
	}
	return out
}

// ProbeManifest accepts a manifest, by its place and its keys.
func ProbeManifest(f *source.File) (bool, error) {
	if !strings.HasSuffix("/"+strings.ReplaceAll(f.Path, `\`, "/"), "/"+manifestName) {
		return false, nil
	}
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("model"), err
}

// ScanManifest judges what a manifest makes the server open and import.
func ScanManifest(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("torchserve")
	root, err := jsontree.ParseFile(f, maxManifest)
	for _, file := range files(root) {
		if found, bad := paths.Reference(file.name, file.at); bad {
			s.Find(found)
		}
	}
	for _, model := range root.All("model") {
		handlers := model.All("handler")
		if len(handlers) > 1 {
			found := finding.New(threat.MGFMT403, handlers[1].At(), "The manifest has two handlers, and readers differ in which they take.")
			found.Role, found.Evidence = finding.RoleStructure, source.Evidence(handlers[1].Content())
			s.Find(found)
		}
		for _, h := range handlers {
			handler(s, h)
		}
	}
	return err
}

// builtIn are the handlers that TorchServe 0.12 brings (ts/torch_handler).
func builtIn(name string) bool {
	return slices.Contains([]string{
		"image_classifier", "image_segmenter", "object_detector", "text_classifier", "base_handler", "text_handler", "vision_handler",
		"densenet_handler", "dali_image_classifier", "dali_handler", "trt_llm_handler", "vllm_handler",
	}, name)
}

// handler judges a handler that is no file of the archive.
func handler(s source.Sink, n jsontree.Node) {
	module, function, _ := strings.Cut(n.Content(), ":")
	if module == "" || strings.HasSuffix(module, ".py") || builtIn(strings.TrimPrefix(module, "ts.torch_handler.")) {
		return
	}
	full := strings.Trim(strings.ReplaceAll(module, "/", ".")+"."+function, ".")
	id, text := threat.MGPY101, "The handler is a module that the server does not bring, and is imported when the model is loaded."
	if pynames.FamilyOf(full) != pynames.None || pynames.FamilyOf(module) != pynames.None {
		id, text = threat.MGPY100, "The handler is "+source.Evidence(full)+", which the server imports and calls with what it is sent."
	}
	f := finding.New(id, n.At(), text)
	f.Role, f.Module, f.Operator, f.Evidence = finding.RoleImport, module, function, source.Evidence(n.Content())
	s.Find(f)
}
