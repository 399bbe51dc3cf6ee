package tensorflow

import (
	"errors"
	"fmt"
	"strings"

	"modelgate/internal/scanner/source"
)

// maxFacts is how many savers, assets, inputs and the like are kept of one model.
const maxFacts = 1 << 16

// fits counts something that is kept beside the graph.
func (d *decoder) fits(have int) error {
	if have >= maxFacts {
		return fmt.Errorf("more than %d entries beside a graph: %w", maxFacts, source.ErrBudget)
	}
	return d.count(64)
}

// saver reads a SaverDef.
func (d *decoder) saver(m *model, f field) error {
	var s saver
	if err := f.walk(d.saverInto(&s)); err != nil {
		return err
	}
	m.meta, m.savers = true, append(m.savers, s)
	return d.fits(len(m.savers))
}

// saverInto reads the fields of a SaverDef.
func (d *decoder) saverInto(s *saver) func(field) error {
	return func(f field) (err error) {
		switch f.num() {
		case 1:
			s.filename, err = d.name(f)
		case 2:
			s.save, err = d.name(f)
		case 3:
			s.restore, err = d.name(f)
		}
		return err
	}
}

// collection reads an entry of the collections: names of nodes, of which some run at load, and bytes, of which some are messages.
func (d *decoder) collection(m *model, f field) error {
	var key string
	return f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			key, err = d.name(f)
		case 2:
			err = f.walk(func(f field) error { return d.collectionDef(m, key, f) })
		}
		return err
	})
}

func (d *decoder) collectionDef(m *model, key string, f field) error {
	kind := f.num()
	if kind == 0 {
		return nil
	}
	return f.walk(func(f field) error {
		switch {
		case kind == 1 && (key == "saved_model_main_op" || key == "legacy_init_op"):
			if err := d.fits(len(m.inits)); err != nil {
				return err
			}
			return d.into(&m.inits, f)
		case kind == 2 && key == "savers":
			return d.nestedSaver(m, f)
		case kind == 2:
			return d.holds("collection "+key, f)
		case kind == 5:
			return f.walk(func(f field) error {
				switch {
				case f.num() == 2 && key == "saved_model_assets":
					return d.nestedAsset(m, f)
				case f.num() == 2:
					return d.holds("collection "+key, f)
				}
				return nil
			})
		}
		return nil
	})
}

// maxBeside is the longest message in a collection that is read, in bytes.
const maxBeside = 64 << 10

// beside reads a message that stands as bytes in a collection. Bytes that break the encoding are read up to there.
func beside(f field, of string, visit func(field) error) error {
	r, err := f.bytes()
	if err != nil {
		return err
	}
	b, err := head(r, maxBeside)
	if err != nil {
		return err
	}
	err = walkWire(source.Bytes(b), of, visit)
	var malformed *source.Malformed
	if errors.As(err, &malformed) {
		return nil
	}
	return err
}

// nestedSaver reads a SaverDef that stands as bytes in a collection. What is none is no saver.
func (d *decoder) nestedSaver(m *model, f field) error {
	var s saver
	if err := beside(f, "SaverDef", d.saverInto(&s)); err != nil {
		return err
	}
	if s.filename == "" {
		return d.holds("collection savers", f)
	}
	m.savers = append(m.savers, s)
	return d.fits(len(m.savers))
}

// nestedAsset reads an AssetFileDef that stands as bytes in a collection, as TensorFlow 1 writes it.
func (d *decoder) nestedAsset(m *model, f field) error {
	var a asset
	if err := beside(f, "AssetFileDef", d.assetInto(&a)); err != nil {
		return err
	}
	return d.add(m, a)
}

// signature reads an entry of the signatures: which tensors callers give, and which node runs at load.
func (d *decoder) signature(m *model, f field) error {
	var key string
	return f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			key, err = d.name(f)
		case 2:
			err = f.walk(func(f field) error {
				switch {
				case f.num() == 1:
					return d.tensors(&m.inputs, f)
				case f.num() == 2 && key == "__saved_model_init_op":
					return d.tensors(&m.inits, f)
				case f.num() == 2:
					return d.tensors(&m.outputs, f)
				}
				return nil
			})
		}
		return err
	})
}

// tensors reads an entry of the inputs or outputs of a signature into a list.
func (d *decoder) tensors(list *[]string, f field) error {
	return f.walk(func(f field) error {
		if f.num() != 2 {
			return nil
		}
		return f.walk(func(f field) error {
			if f.num() != 1 {
				return nil
			}
			if err := d.fits(len(*list)); err != nil {
				return err
			}
			return d.into(list, f)
		})
	})
}

// asset is an AssetFileDef: a tensor of the main graph and the file whose name it is given.
type asset struct{ tensor, file string }

// asset reads an AssetFileDef.
func (d *decoder) asset(m *model, f field) error {
	var a asset
	if err := f.walk(d.assetInto(&a)); err != nil {
		return err
	}
	return d.add(m, a)
}

// assetInto reads the fields of an AssetFileDef.
func (d *decoder) assetInto(a *asset) func(field) error {
	return func(f field) (err error) {
		switch f.num() {
		case 1:
			err = f.walk(func(f field) (err error) {
				if f.num() == 1 {
					a.tensor, err = d.name(f)
				}
				return err
			})
		case 2:
			a.file, err = d.name(f)
		}
		return err
	}
}

// add keeps an asset.
func (d *decoder) add(m *model, a asset) error {
	if m.assets == nil {
		m.assets = map[string]string{}
	}
	name, _ := sourceOf(a.tensor)
	m.assets[name] = a.file
	return d.fits(len(m.assets))
}

// object is what is known of one object of a SavedObjectGraph.
type object struct {
	functions []string
	saves     []int64 // objects whose functions save or restore it
}

// objects reads a SavedObjectGraph: functions that save and restore objects, and what old releases of Keras keep there.
func (d *decoder) objects(m *model, f field) error {
	var all []object
	err := f.walk(func(f field) error {
		if f.num() != 1 {
			return nil
		}
		if err := d.fits(0); err != nil {
			return err
		}
		var o object
		at := len(all)
		err := f.walk(func(f field) error { return d.object(&o, at, f) })
		all = append(all, o)
		return err
	})
	saves := map[int64]bool{}
	for _, o := range all {
		for _, i := range o.saves {
			saves[i] = true
		}
	}
	for i, o := range all {
		if saves[int64(i)] {
			m.saves = append(m.saves, o.functions...)
		} else {
			m.callable = append(m.callable, o.functions...)
		}
	}
	return err
}

// object reads a SavedObject.
func (d *decoder) object(o *object, at int, f field) error {
	switch f.num() {
	case 4:
		return d.userObject(at, f)
	case 6, 8:
		return f.walk(func(f field) error {
			if f.num() != 1 {
				return nil
			}
			return d.into(&o.functions, f)
		})
	case 11:
		return f.walk(func(f field) error {
			if f.num() != 2 {
				return nil
			}
			return f.walk(func(f field) error {
				if f.num() == 2 || f.num() == 3 {
					o.saves = append(o.saves, f.integer())
				}
				return d.fits(len(o.saves))
			})
		})
	}
	return nil
}

// userObject reads a SavedUserObject. Releases of Keras before 2.5 keep the configuration of a layer in it, from which loading makes
// the layer again.
func (d *decoder) userObject(at int, f field) error {
	keras, what := false, held{name: fmt.Sprintf("#object_graph/%d", at), keras: true}
	err := f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			var id string
			id, err = d.name(f)
			keras = strings.HasPrefix(id, "_tf_keras_")
		case 3:
			what.bytes, err = f.bytes()
		}
		return err
	})
	if err != nil || !keras || what.bytes == nil || d.extra == nil {
		return err
	}
	return d.extra(what)
}
