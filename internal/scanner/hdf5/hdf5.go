// Package hdf5 scans HDF5 files, and tells which of them are models or weights of Keras. Package source/hdf5 has the layout of the
// format and reads it; this one says what a loader would do with what a file names.
//
// Nothing in HDF5 is code, but a file can make its reader open others: external links and external storage read any file of the
// machine that loads the model (CVE-2026-1669), virtual datasets read other HDF5 files, filters load plug-ins. The configuration of
// a Keras model, an attribute, goes back to the engine, as do all attributes and small datasets that are bytes or texts, since
// programs keep pickles in them. Numbers are never read.
package hdf5

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/scanner/source"
	h5 "modelgate/internal/scanner/source/hdf5"
)

// kind is what of HDF5 a file is.
type kind int

const (
	plain kind = iota
	weights
	legacyModel // with model_config, written by Keras 1 or 2
	model       // with model_config, written by Keras 3
)

// names are those under which a file of a kind is known; findings carry the last one.
func (k kind) names() []string {
	switch k {
	case weights:
		return []string{"keras_weights"}
	case legacyModel:
		return []string{"keras_legacy", "keras_legacy_h5"}
	case model:
		return []string{"keras3_h5"}
	}
	return []string{"hdf5"}
}

// view is what a probe leaves for the other probes and the scan.
type view struct {
	kind kind
	at   int64 // of the superblock; -1 if the file is no HDF5
}

type viewKey struct{}

// ProbePlain accepts HDF5 files that are not of Keras.
func ProbePlain(f *source.File) (bool, error) { return probe(f, plain) }

// ProbeWeights accepts weights of Keras: HDF5 files with the attribute layer_names, or with a group vars in which variables are
// numbered, and no model_config.
func ProbeWeights(f *source.File) (bool, error) { return probe(f, weights) }

// ProbeLegacy accepts models of Keras 1 and 2: HDF5 files with the attribute model_config.
func ProbeLegacy(f *source.File) (bool, error) { return probe(f, legacyModel) }

// ProbeKeras3 accepts models of Keras 3 in HDF5: those with model_config whose keras_version says so.
func ProbeKeras3(f *source.File) (bool, error) { return probe(f, model) }

func probe(f *source.File, want kind) (bool, error) {
	v, err := look(f)
	return err == nil && v.at >= 0 && v.kind == want, err
}

// look finds the superblock and what kind of file it is.
func look(f *source.File) (*view, error) {
	v, err := f.View(viewKey{}, func() (any, error) {
		at, err := find(f)
		if err != nil || at < 0 {
			return &view{at: at}, err
		}
		k, err := classify(f, at)
		return &view{kind: k, at: at}, err
	})
	if err != nil {
		return nil, err
	}
	found, _ := v.(*view)
	return found, nil
}

// smallFile is the size up to which a look at any place costs nothing.
const smallFile = 1 << 20

// find looks for the superblock as the library does. Beyond the head it looks where that costs nothing, where the name promises a
// file that is loaded as HDF5, and behind text or zeros, which is what honest user blocks are.
func find(f *source.File) (int64, error) {
	head, err := f.Head()
	if err != nil {
		return -1, err
	}
	if at, err := h5.Find(source.Bytes(head), math.MaxInt64); at >= 0 || err != nil || len(head) < source.HeadSize {
		return at, err
	}
	size, err := f.Size()
	if err != nil {
		return -1, fmt.Errorf("size of %s: %w", f.Path, err)
	}
	if size > smallFile && !named(f.Path) && !blank(head) {
		return -1, nil
	}
	return h5.Find(f, size)
}

// named tells whether loaders take a file of the name for HDF5.
func named(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".h5", ".hdf5", ".he5", ".hdf", ".keras":
		return true
	}
	return false
}

// maxLooked bounds the groups that a probe looks into.
const maxLooked = 100

// errEnough ends a walk whose answer is known.
var errEnough = errors.New("enough")

// classify tells what kind of file it is. One that cannot be read is plain: its scan says why.
func classify(f *source.File, at int64) (kind, error) {
	file, err := h5.Open(f, at)
	if err != nil {
		return plain, readable(err)
	}
	root, err := object(file, file.Super.Root)
	if err != nil {
		return plain, err
	}
	k, version := plain, ""
	err = file.Attributes(root, func(a h5.Attribute) error {
		switch a.Name {
		case "model_config":
			k = legacyModel
		case "layer_names", "layer_names0":
			k = max(k, weights)
		case "keras_version":
			version = firstText(file, a)
		}
		return nil
	})
	if err = readable(err); err != nil || k != plain {
		return newer(k, version), err
	}
	return hasVariables(file, root)
}

// newer tells models of Keras 3 from older ones by the version that wrote them.
func newer(k kind, version string) kind {
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); k == legacyModel && err == nil && n >= 3 {
		return model
	}
	return k
}

// hasVariables looks for a group vars that is empty or whose variables are numbered from 0, as Keras 3 writes weights. Groups whose
// names are those of lists of layers come first.
func hasVariables(file *h5.File, root *h5.Object) (kind, error) {
	todo := []*h5.Object{root}
	seen := map[uint64]bool{root.Addr: true}
	for looked := 0; len(todo) > 0 && looked < maxLooked; looked++ {
		o := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		vars, children, err := lookedAt(file, o)
		if err != nil {
			return plain, err
		}
		if vars != nil {
			return numbered(file, vars)
		}
		slices.Reverse(children)
		for _, addr := range children {
			if seen[addr] {
				continue
			}
			seen[addr] = true
			child, err := object(file, addr)
			if err != nil {
				return plain, err
			}
			if child.IsGroup() {
				todo = append(todo, child)
			}
		}
	}
	return plain, nil
}

// maxChildren bounds the links of one group that a probe follows.
const maxChildren = 16

// lookedAt returns the group vars of a group, or the objects that lie in it.
func lookedAt(file *h5.File, o *h5.Object) (vars *h5.Object, children []uint64, err error) {
	var others []uint64
	err = file.Links(o, func(l h5.Link) error {
		switch {
		case l.Kind != h5.LinkHard:
		case l.Name == "vars":
			child, err := object(file, l.Addr)
			if err != nil {
				return err
			}
			if child.IsGroup() {
				vars = child
				return errEnough
			}
		case strings.HasPrefix(l.Name, "layers") || strings.HasPrefix(l.Name, "_layer_checkpoint_dependencies"):
			children = append(children, l.Addr)
		case len(others) < maxChildren:
			others = append(others, l.Addr)
		}
		return nil
	})
	children = append(children[:min(len(children), maxChildren)], others...)
	return vars, children, readable(err)
}

// object reads an object as far as it can be read.
func object(file *h5.File, addr uint64) (*h5.Object, error) {
	o, err := file.Object(addr)
	return o, readable(err)
}

// readable drops errors of the bytes, which the scan will find again, and the one that ends a walk.
func readable(err error) error {
	var bad *source.Malformed
	if errors.As(err, &bad) || errors.Is(err, errEnough) || errors.Is(err, h5.ErrElsewhere) || errors.Is(err, source.ErrBudget) {
		return nil
	}
	return err
}

// numbered tells whether a group is empty or has a link of the name 0.
func numbered(file *h5.File, o *h5.Object) (kind, error) {
	k := weights
	err := file.Links(o, func(l h5.Link) error {
		k = plain
		if l.Name == "0" {
			k = weights
			return errEnough
		}
		return nil
	})
	return k, readable(err)
}

// Scan walks over every object of a file.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	v, err := look(f)
	if err != nil {
		return err
	}
	for _, name := range v.kind.names() {
		s.Format(name)
	}
	if v.at < 0 {
		return nil
	}
	size, err := f.Size()
	if err != nil {
		return fmt.Errorf("size of %s: %w", f.Path, err)
	}
	w := &walk{ctx: ctx, f: f, s: s, size: size}
	if err := w.before(v.at); err != nil {
		return err
	}
	if w.h, err = h5.Open(f, v.at); err != nil {
		return err
	}
	if err := w.superblock(); err != nil {
		return err
	}
	err = w.objects()
	w.faults()
	if err != nil {
		return err
	}
	if err := w.datasets(); err != nil {
		return err
	}
	return w.behind()
}
