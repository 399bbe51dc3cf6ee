// Package catboost scans models of CatBoost. The binary form (catboost/libs/model/model.cpp and flatbuffers/model.fbs) is
//
//	"CBM1", size u32, FlatBuffer of that size, parts
//	TModelCore { 0 version, 1 trees, 2 information { 0 key, 1 value }, 3 ids of the parts }
//	TObliviousTrees { 0 dimension, 1 splits, 2 sizes, 3 offsets, 4 to 7 features, 8 leaf values, 9 leaf weights, 10 and 11 nodes of
//	  asymmetric trees, 12 text features, 13 estimated features, … }
//
// and the parts are tables of statistics, written one after the other. The JSON form has the same trees. Nothing in either is code: what
// matters is that there is nothing but the model.
package catboost

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/flatbuf"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// header is how many bytes precede the FlatBuffer.
const header = 8

// Probe accepts files with the magic whose core fits.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < header+4 || string(head[:4]) != "CBM1" {
		return false, err
	}
	size, err := f.Size()
	return err == nil && int64(binary.LittleEndian.Uint32(head[4:])) <= size-header, err
}

// Scan walks the core, and looks at what follows it.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("catboost")
	head, err := f.Head()
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err != nil {
		return err
	}
	core := int64(binary.LittleEndian.Uint32(head[4:]))
	parts, err := walk(source.Section(f, header, core))
	if err != nil {
		return err
	}
	rest := size - header - core
	if rest <= 0 {
		return nil
	}
	at := header + core
	out, err := s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", at), Bytes: source.Section(f, at, rest), Prose: true})
	if err != nil || parts > 0 && len(out.Formats) == 0 {
		return err
	}
	what := "the model names no part that they could be"
	if len(out.Formats) > 0 {
		what = "they are " + strings.Join(out.Formats, ", ")
	}
	found := finding.New(threat.MGFMT402, at, fmt.Sprintf("%d bytes follow the core of the model, and %s.", rest, what))
	found.Role = finding.RoleStructure
	s.Find(found)
	return nil
}

// walk checks the tables and vectors of a core, and tells how many parts follow it.
func walk(core source.Reader) (parts int, err error) {
	b, err := flatbuf.New(core)
	if err != nil {
		return 0, err
	}
	root, err := b.Root()
	if err != nil {
		return 0, err
	}
	if _, err := root.Text(0); err != nil {
		return 0, err
	}
	trees, err := root.Table(1)
	if err != nil {
		return 0, err
	}
	for field, size := range []int64{0, 4, 4, 4, 4, 4, 4, 4, 8, 8, 4, 4, 4, 4} {
		if size == 0 {
			continue
		}
		v, err := trees.Vector(field, size)
		if err != nil {
			return 0, err
		}
		if field >= 4 && field <= 7 || field >= 12 {
			if err := tables(v); err != nil {
				return 0, err
			}
		}
	}
	information, err := root.Vector(2, 4)
	if err != nil {
		return 0, err
	}
	if err := tables(information); err != nil {
		return 0, err
	}
	ids, err := root.Vector(3, 4)
	return ids.Len, err
}

// tables checks that the elements of a vector are tables.
func tables(v flatbuf.Vector) error {
	for i := range v.Len {
		if _, err := v.Table(i); err != nil {
			return err
		}
	}
	return nil
}

// ProbeJSON accepts objects with trees and what is known of their features.
func ProbeJSON(f *source.File) (bool, error) {
	s, err := jsontree.ShapeOf(f)
	return err == nil && s.Has("features_info") && (s.Has("oblivious_trees") || s.Has("trees")), err
}

// maxDepth bounds the nesting of a document, whose asymmetric trees are objects inside each other.
const maxDepth = 500

// ScanJSON reads the whole document, so that it is known to be one, and reports keys of its outermost object that stand twice.
func ScanJSON(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("catboost")
	size, err := f.Size()
	if err != nil {
		return err
	}
	return jsontree.Check(source.NewForward(f, 0, size), maxDepth, func(key string, at int64, level int) {
		if level > 0 {
			return
		}
		found := finding.New(threat.MGFMT403, at, "A key stands twice, and readers differ in which value they take.")
		found.Role, found.Evidence = finding.RoleStructure, source.Evidence(key)
		s.Find(found)
	})
}
