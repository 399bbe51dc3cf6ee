// Package lightgbm scans boosted trees of LightGBM: its text and the JSON that it dumps.
//
// The text (src/boosting/gbdt_model_text.cpp, src/io/tree.cpp) is lines of key=value in blocks:
//
//	tree
//	version=v4 … feature_names=a b … tree_sizes=…
//
//	Tree=0
//	num_leaves=2 … split_feature=0 … left_child=-1 right_child=-2 leaf_value=0.1 -0.1 …
//
//	end of trees
//	feature_importances: (lines name=count)  parameters: (lines [key: value]) end of parameters  pandas_categorical:JSON
//
// Nothing in it can carry code, and loading opens no file that parameters name. What can be wrong is what the loader
// believes: children that are no nodes of their tree, features beyond the last, and something else than the grammar.
package lightgbm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// ProbeText accepts texts whose first lines are those of a model.
func ProbeText(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	head = bytes.ReplaceAll(head[:min(len(head), 64)], []byte("\r\n"), []byte("\n"))
	return bytes.HasPrefix(head, []byte("tree\nversion=v")), nil
}

// ProbeJSON accepts objects with trees and a version.
func ProbeJSON(f *source.File) (bool, error) {
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("tree_info", "version"), err
}

// maxDepth bounds the nesting of a dump, whose trees are objects inside each other.
const maxDepth = 10_000

// ScanJSON reads a dump once. No loader takes one.
func ScanJSON(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("lightgbm")
	size, err := f.Size()
	if err != nil {
		return err
	}
	return jsontree.Check(source.NewForward(f, 0, size), maxDepth, func(key string, at int64, level int) {
		if level > 1 {
			return
		}
		found := finding.New(threat.MGFMT403, at, "A key stands twice in an object, and readers differ in which value they take.")
		found.Role, found.Evidence = finding.RoleStructure, source.Evidence(key)
		s.Find(found)
	})
}

// ScanText reads the lines of a model once.
func ScanText(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("lightgbm")
	size, err := f.Size()
	if err != nil {
		return err
	}
	m := &model{file: f, in: source.NewForward(f, 0, size), sink: s, part: inHeader}
	end, err := m.read()
	if err != nil {
		return err
	}
	if end >= size {
		return nil
	}
	found := finding.New(threat.MGFMT402, end, fmt.Sprintf("%d bytes that are no text follow the model.", size-end))
	found.Role = finding.RoleStructure
	s.Find(found)
	_, err = s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", end), Bytes: source.Section(f, end, size-end), Prose: true})
	return err
}

// read takes line after line, and returns where the text ends.
func (m *model) read() (int64, error) {
	for {
		at := m.in.Offset()
		err := m.line(at)
		switch {
		case errors.Is(err, errBinary):
			if m.part != behind {
				m.malformed(at, "", "The model breaks off in something that is no text.")
			}
			return at, nil
		case errors.Is(err, io.EOF):
			m.endTree()
			if m.part == inHeader || m.part == inTree {
				m.malformed(at, "", "The model ends before its trees do.")
			}
			return m.in.Offset(), m.in.Fault()
		case err != nil:
			return 0, err
		}
	}
}
