package keras

import (
	"context"
	"slices"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// Keras 3.10 and later save large weights in parts, with an index beside them or in the archive (keras/src/saving/saving_lib.py,
// ShardedH5IOStore):
//
//	model.weights.json    {"metadata": {"total_size": n}, "weight_map": {"/layers/dense/vars": ["model_00000.weights.h5"], …}}
//
// It differs from the index of safetensors in that each entry has a list of files.

// ProbeIndex accepts an object whose weight_map leads to lists.
func ProbeIndex(f *source.File) (bool, error) {
	keys, err := jsontree.ShapeOf(f)
	if err != nil || !keys.Has("weight_map") {
		return false, err
	}
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	doc, _ := jsontree.ParseFile(source.Bytes(head), source.HeadSize) // cut off where the head ends, which is no fault
	for _, m := range doc.All("weight_map") {
		for first := range m.Members() {
			if first.Value.Is(jsontree.List) {
				return true, nil
			}
			break
		}
	}
	return false, nil
}

// ScanIndex refers to every file that the index names.
func ScanIndex(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("keras_weights")
	doc, readErr := jsontree.ParseFile(f, maxSize)
	told := map[string]bool{}
	for _, list := range doc.All("weight_map") {
		for m := range list.Members() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if m.Twice {
				found := finding.New(threat.MGFMT403, m.At, "A layer stands twice in the index, and readers differ in which files they take.")
				found.Role, found.Evidence = finding.RoleStructure, source.Evidence(m.Key)
				s.Find(found)
			}
			for _, file := range append(slices.Collect(m.Value.Items()), m.Value) {
				name := file.Content()
				if name == "" || told[name] {
					continue
				}
				told[name] = true
				s.Refer(finding.Reference{Kind: finding.RefFile, Target: name, Offset: file.At()})
			}
		}
	}
	return readErr
}
