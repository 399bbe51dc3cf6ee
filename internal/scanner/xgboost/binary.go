package xgboost

import (
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
)

// The binary form (src/learner.cc, src/gbm/gbtree_model.cc and src/tree/tree_model.cc of releases before 2.0), little-endian, with
// strings that have a u64 length before them:
//
//	"binf", parameters of the learner (136 bytes), objective, booster
//	gbtree: parameters (160 bytes, the first number is that of trees), trees, a number for each tree
//	dart:   the same, and the weights of trees      gblinear: parameters (136 bytes), weights
//	a tree: parameters (148 bytes, the second number is that of nodes), nodes (20 bytes), statistics (16 bytes)
//	attributes and metrics, if the parameters of the learner say so
const (
	learnerSize = 4 + 136
	forestSize  = 160
	linearSize  = 136
	treeSize    = 148
	nodeSize    = 20
	statSize    = 16

	maxWord = 1 << 20
)

// reader goes through the binary form.
type reader struct {
	in     *source.Cursor
	faults []fault
}

// walkBinary walks a model and returns where it ends.
func walkBinary(f *source.File, s source.Sink) (int64, error) {
	in, err := source.NewCursor(f, 4, binary.LittleEndian)
	if err != nil {
		return 0, err
	}
	r := &reader{in: in}
	extra, metrics, err := r.learner()
	if err != nil {
		return 0, err
	}
	if _, err := r.text(); err != nil {
		return 0, err
	}
	booster, err := r.text()
	if err != nil {
		return 0, err
	}
	switch booster {
	case "gbtree", "dart":
		err = r.forest(booster == "dart")
	case "gblinear":
		if err = in.Skip(linearSize); err == nil {
			err = r.vector(4)
		}
	default:
		err = source.Malformedf(in.Offset(), "the booster %s, which no release has", source.Evidence(booster))
	}
	if err == nil && extra {
		err = r.texts(2)
	}
	if err == nil && metrics {
		err = r.texts(1)
	}
	tell(s, r.faults)
	return in.Offset(), err
}

// learner reads the parameters of the learner: whether attributes and metrics follow the booster.
func (r *reader) learner() (extra, metrics bool, err error) {
	if err := r.in.Skip(12); err != nil {
		return false, false, err
	}
	e, err := r.in.U32()
	if err != nil {
		return false, false, err
	}
	m, err := r.in.U32()
	if err != nil {
		return false, false, err
	}
	return e != 0, m != 0, r.in.Skip(136 - 20)
}

// text reads a string.
func (r *reader) text() (string, error) {
	n, err := r.in.U64()
	if err != nil {
		return "", err
	}
	b, err := r.in.Bytes(n, maxWord)
	return string(b), err
}

// texts passes over a list of rows of strings.
func (r *reader) texts(each int) error {
	n, err := r.in.U64()
	if err != nil {
		return err
	}
	if n > uint64(r.in.Remaining())/8 {
		return source.Malformedf(r.in.Offset()-8, "%d strings in the %d bytes that remain", n, r.in.Remaining())
	}
	for range n * uint64(each) {
		size, err := r.in.U64()
		if err != nil {
			return err
		}
		if size > uint64(r.in.Remaining()) {
			return source.Malformedf(r.in.Offset()-8, "a string of %d bytes", size)
		}
		if err := r.in.Skip(int64(size)); err != nil {
			return err
		}
	}
	return nil
}

// vector passes over a list of numbers of a width.
func (r *reader) vector(width int64) error {
	n, err := r.in.U64()
	if err != nil {
		return err
	}
	if n > uint64(r.in.Remaining()/width) {
		return source.Malformedf(r.in.Offset()-8, "%d numbers in the %d bytes that remain", n, r.in.Remaining())
	}
	return r.in.Skip(int64(n) * width)
}

// forest reads trees.
func (r *reader) forest(weighted bool) error {
	n, err := r.in.U32()
	if err != nil {
		return err
	}
	if int64(n)*treeSize > r.in.Remaining() {
		return source.Malformedf(r.in.Offset()-4, "%d trees in the %d bytes that remain", n, r.in.Remaining())
	}
	if err := r.in.Skip(forestSize - 4); err != nil {
		return err
	}
	for range n {
		if err := r.tree(); err != nil {
			return err
		}
	}
	if err := r.in.Skip(4 * int64(n)); err != nil {
		return err
	}
	if weighted && n > 0 {
		return r.vector(4)
	}
	return nil
}

// tree reads a tree and checks that its children are nodes of it.
func (r *reader) tree() error {
	at := r.in.Offset()
	if err := r.in.Skip(4); err != nil {
		return err
	}
	nodes, err := r.in.U32()
	if err != nil {
		return err
	}
	if int64(nodes)*(nodeSize+statSize) > r.in.Remaining() {
		return source.Malformedf(at, "a tree of %d nodes in the %d bytes that remain", int32(nodes), r.in.Remaining())
	}
	if err := r.in.Skip(12); err != nil {
		return err
	}
	leaf, err := r.in.U32()
	if err != nil {
		return err
	}
	if err := r.in.Skip(treeSize - 24); err != nil {
		return err
	}
	outside := false
	for range nodes {
		if err := r.in.Skip(4); err != nil {
			return err
		}
		for range 2 {
			child, err := r.in.U32()
			if err != nil {
				return err
			}
			outside = outside || int32(child) < -1 || int64(int32(child)) >= int64(nodes)
		}
		if err := r.in.Skip(nodeSize - 12); err != nil {
			return err
		}
	}
	if outside && len(r.faults) < mostFaults {
		r.faults = append(r.faults, fault{at, fmt.Sprintf("A tree of %d nodes has a child that is none of them.", nodes)})
	}
	if err := r.in.Skip(statSize * int64(nodes)); err != nil || leaf == 0 {
		return err
	}
	return r.vector(4)
}
