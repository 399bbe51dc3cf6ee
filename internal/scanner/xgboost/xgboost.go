// Package xgboost scans boosted trees as XGBoost writes them: JSON, UBJSON, the binary form of releases before 2.0, and that form
// in base64.
//
// JSON and UBJSON (doc/model.schema of dmlc/xgboost) are the same tree of objects:
//
//	{"learner": {"attributes": {…}, "gradient_booster": {"model": {"trees": [{"left_children": [1, -1, -1],
//	 "right_children": [2, -1, -1], "split_conditions": […], …}], …}, "name": "gbtree"}, "objective": {…}}, "version": [3, 2, 0]}
//
// None of the forms can carry code. What can be wrong is the structure: children that are no nodes of their tree, which a
// loader that trusts them reads outside of its memory, lengths that lie, and something behind the end. Models of gigabytes are
// read as a stream, and arrays of numbers passed over.
package xgboost

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// Beginnings of the forms that are not JSON.
const (
	binaryMagic = "binf"
	base64Magic = "bs64\t"
)

// maxBase64 is the largest model in base64 that is decoded, in bytes.
const maxBase64 = 64 << 20

// ProbeJSON accepts an object with a learner and a version.
func ProbeJSON(f *source.File) (bool, error) {
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("learner", "version"), err
}

// ProbeBinary accepts the other forms.
func ProbeBinary(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	return bytes.HasPrefix(head, []byte(binaryMagic)) && size > learnerSize+8 && bytes.IndexByte(head[:min(len(head), 64)], 0) > 0 ||
		bytes.HasPrefix(head, []byte(base64Magic)) || isUBJSON(head), nil
}

// isUBJSON tells whether bytes begin as an object of UBJSON whose first key is learner or version.
func isUBJSON(head []byte) bool {
	for _, begin := range []string{
		"{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "{L\x00\x00\x00\x00\x00\x00\x00\x07version",
		"{i\x07learner", "{i\x07version", "{U\x07learner", "{U\x07version",
	} {
		if bytes.HasPrefix(head, []byte(begin)) {
			return true
		}
	}
	return false
}

// ScanBinary scans what ProbeBinary accepted.
func ScanBinary(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("xgboost")
	head, err := f.Head()
	if err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte(base64Magic)):
		return inBase64(ctx, f, s)
	case head[0] == '{':
		u, err := newUBJSON(f)
		if err != nil {
			return err
		}
		if err := u.document(); err != nil {
			return err
		}
		tell(s, u.faults)
		return behind(ctx, f, s, u.in.Offset())
	default:
		end, err := walkBinary(f, s)
		if err != nil {
			return err
		}
		return behind(ctx, f, s, end)
	}
}

// behind scans what follows the model.
func behind(ctx context.Context, f *source.File, s source.Sink, end int64) error {
	size, err := f.Size()
	if err != nil || end >= size {
		return err
	}
	found := finding.New(threat.MGFMT402, end, fmt.Sprintf("%d bytes follow the model.", size-end))
	found.Role = finding.RoleStructure
	s.Find(found)
	_, err = s.Member(ctx, source.Member{Name: fmt.Sprintf("#bytes@%d", end), Bytes: source.Section(f, end, size-end), Prose: true})
	return err
}

// inBase64 hands the decoded model back.
func inBase64(ctx context.Context, f *source.File, s source.Sink) error {
	text, err := f.Text(maxBase64)
	if err != nil {
		return err
	}
	coded := bytes.Trim([]byte(text[len(base64Magic):]), " \r\n\t\x00")
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(coded)))
	n, err := base64.StdEncoding.Decode(decoded, coded)
	var corrupt base64.CorruptInputError
	if errors.As(err, &corrupt) {
		return source.Malformedf(int64(len(base64Magic))+int64(corrupt), "the model is no base64")
	}
	if err != nil {
		return err
	}
	_, err = s.Member(ctx, source.Member{Name: "#base64", Bytes: source.Bytes(append([]byte(binaryMagic), decoded[:n]...))})
	return err
}

// fault is a place at which a model is not as it should be.
type fault struct {
	at   int64
	text string
}

// tell reports faults.
func tell(s source.Sink, faults []fault) {
	for _, f := range faults {
		found := finding.New(threat.MGFMT400, f.at, f.text)
		found.Role = finding.RoleStructure
		s.Find(found)
	}
}

// tree gathers the children of the nodes of a tree, which are two arrays.
type tree struct {
	at       int64
	arrays   int
	lengths  [2]int64
	from, to int64 // smallest and largest child
}

// add notes a child of one of the arrays.
func (t *tree) add(child int64) { t.from, t.to = min(t.from, child), max(t.to, child) }

// side is which of the arrays a key names, -1 if none.
func side(key string) int {
	switch key {
	case "left_children":
		return 0
	case "right_children":
		return 1
	}
	return -1
}

// judge tells whether the children are nodes of the tree.
func (t *tree) judge() (fault, bool) {
	switch {
	case t.arrays == 0:
		return fault{}, true
	case t.arrays != 2 || t.lengths[0] != t.lengths[1]:
		return fault{t.at, fmt.Sprintf("A tree has %d left and %d right children.", t.lengths[0], t.lengths[1])}, false
	case t.from < -1 || t.to >= t.lengths[0]:
		return fault{t.at, fmt.Sprintf("A tree of %d nodes has a child numbered %d to %d, which is none of them.", t.lengths[0], t.from, t.to)}, false
	}
	return fault{}, true
}

// mostFaults is how many faults are kept.
const mostFaults = finding.MaxFindings

func isEnd(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) }
