package hdf5

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	h5 "modelgate/internal/scanner/source/hdf5"
	"modelgate/internal/threat"
)

// Bounds of what is read of datasets.
const (
	smallDataset = 4 << 20  // bytes up to which one is looked into
	maxLooking   = 64 << 20 // bytes of all that are looked into
	maxMembers   = 20_000   // values that are handed on
	bombFloor    = 4 << 30  // bytes from which a dataset must be backed by the file ...
	bombRatio    = 1000     // ... by a byte for so many; Keras draws the same line
)

// candidate is a dataset that is small and of bytes or texts.
type candidate struct {
	ds   *h5.Dataset
	path string
}

// dataset judges what a dataset says of itself.
func (w *walk) dataset(o *h5.Object, path string) error {
	ds, err := w.h.Dataset(o)
	if err := w.tolerate(err, at(path)); err != nil {
		return err
	}
	for _, x := range ds.External {
		w.outside(x.Off, path, "external storage", x.Name, "The values of a dataset are those of another file, which whoever loads the model opens and reads (CVE-2026-1669).")
	}
	for _, m := range ds.Mappings {
		if m.File != "." {
			w.outside(m.Off, path, "virtual dataset", m.File, "A virtual dataset is put together from "+source.Evidence(m.Dataset)+" in another file, which whoever loads the model opens and reads.")
		}
	}
	for _, x := range ds.Filters {
		w.filter(x, path)
	}
	if len(ds.External) > 0 || ds.Layout.Kind == h5.LayoutVirtual {
		return nil
	}
	size := ds.DataSize()
	if size > bombFloor && size/bombRatio > uint64(max(1, w.size)) {
		w.find(threat.MGFMT405, ds.Layout.Off, at(path), fmt.Sprintf("%d bytes", size), "A dataset says that it has %d bytes, in a file of %d: whoever loads it runs out of memory.", size, w.size)
	}
	if ds.Type.Bytes() && !table(ds) && size >= minValue && size <= smallDataset && len(w.small) < maxWaiting {
		w.small = append(w.small, candidate{ds, path})
	}
	return nil
}

// table tells whether a dataset is a table of small integers: weights or pictures.
func table(ds *h5.Dataset) bool {
	return (ds.Type.Class == h5.ClassInteger || ds.Type.Class == h5.ClassBits) && len(ds.Space.Dims) > 1
}

// filter judges a step through which values are stored.
func (w *walk) filter(x h5.Filter, path string) {
	switch x.ID {
	case h5.FilterDeflate, h5.FilterShuffle, h5.FilterFletcher32, h5.FilterSzip, h5.FilterNBit, h5.FilterScaleOffset, h5.FilterLZF:
		return
	}
	f := finding.New(threat.MGFMT404, x.Off, fmt.Sprintf("The values of a dataset are stored through filter %d, for which the library loads a plug-in.", x.ID))
	f.Role, f.Member, f.Operator, f.Evidence = finding.RoleOperator, at(path), fmt.Sprintf("filter %d", x.ID), source.Evidence(x.Name)
	w.s.Find(f)
}

// datasets looks into the small ones: those of variable length first, since they are what programs keep objects in, then the smallest.
func (w *walk) datasets() error {
	variable := func(c candidate) int {
		if c.ds.Type.Class == h5.ClassVariable {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(w.small, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(variable(a), variable(b)), cmp.Compare(a.ds.DataSize(), b.ds.DataSize()))
	})
	for _, c := range w.small {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if w.bytes > maxLooking || w.members > maxMembers {
			w.s.Opaque()
			return nil
		}
		err := w.content(c)
		if errors.Is(err, h5.ErrElsewhere) {
			w.s.Opaque()
			continue
		}
		if err := w.tolerate(err, at(c.path)); err != nil {
			return err
		}
	}
	return nil
}

// content hands on what a small dataset holds.
func (w *walk) content(c candidate) error {
	r, off, err := w.h.Data(c.ds, smallDataset)
	if err != nil {
		return err
	}
	size, err := r.Size()
	if err != nil {
		return err
	}
	member := at(c.path)
	if t := c.ds.Type; t.Class != h5.ClassVariable && t.Class != h5.ClassString && t.Class != h5.ClassOpaque || c.ds.Space.Count() == 1 && t.Class != h5.ClassVariable {
		w.bytes += size
		return w.value(h5.Value{Bytes: r, Size: size, Off: off}, member, window(t))
	}
	b, err := h5.ReadAll(r, smallDataset)
	if err != nil {
		return err
	}
	w.bytes += size
	i := 0
	return w.h.Values(c.ds.Type, b, off, maxElements, func(v h5.Value) error {
		i++
		if w.bytes > maxLooking || w.members > maxMembers {
			return nil
		}
		w.bytes += v.Size
		return w.value(v, fmt.Sprintf("%s[%d]", member, i-1), window(c.ds.Type))
	})
}

// take hands bytes to the engine that might be something.
func (w *walk) take(r source.Reader, size int64, member string) error {
	if w.members++; size > maxValue || w.members > maxMembers {
		w.s.Opaque()
		return nil
	}
	return w.member(member, r, source.FamilyHDF5, true)
}

// member hands bytes to the engine.
func (w *walk) member(name string, r source.Reader, family source.Family, prose bool) error {
	_, err := w.s.Member(w.ctx, source.Member{Name: name, Bytes: r, Family: family, Prose: prose})
	return err
}
