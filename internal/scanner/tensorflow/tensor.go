package tensorflow

import (
	"encoding/binary"
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// tensor reads a TensorProto as far as it is strings. The numbers of all others stay where they are.
func (d *decoder) tensor(n *node, key string, f field) error {
	var v value
	var content source.Reader
	err := f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			v.dtype = f.integer()
		case 2:
			v.dims, err = d.dims(f)
		case 4:
			if v.dtype == dtString || v.dtype == 0 {
				content, err = f.bytes()
			}
		case 8:
			err = d.element(n, key, &v, f)
		case 15:
			err = d.variant(n, key, f)
		}
		return err
	})
	if err != nil {
		return err
	}
	if content != nil && v.dtype == dtString {
		b, err := head(content, maxStrings*maxString)
		if err != nil {
			return err
		}
		v.unpack(b)
	}
	if key != "value" && n.details().value.dtype != 0 {
		return nil
	}
	more, err := d.detail(n)
	if err == nil {
		more.value = v
	}
	return err
}

// dims reads a TensorShapeProto.
func (d *decoder) dims(f field) (dims []int64, err error) {
	err = f.walk(func(f field) error {
		if f.num() != 2 || len(dims) >= maxDims {
			return nil
		}
		dims = append(dims, 0)
		return f.walk(func(f field) error {
			if f.num() == 1 {
				dims[len(dims)-1] = f.integer()
			}
			return nil
		})
	})
	return dims, err
}

// element reads a string of a tensor.
func (d *decoder) element(n *node, key string, v *value, f field) error {
	if err := d.holds(n.name+"."+key, f); err != nil {
		return err
	}
	if len(v.strings) >= maxStrings {
		v.more = true
		return nil
	}
	s, whole, err := f.str(maxString)
	if err != nil {
		return err
	}
	v.strings, v.more = append(v.strings, s), v.more || !whole
	return d.count(len(s) + 16)
}

// variant reads a VariantTensorDataProto, whose metadata and tensors may hold graphs of data sets.
func (d *decoder) variant(n *node, key string, f field) error {
	return f.walk(func(f field) error {
		switch f.num() {
		case 2:
			return d.holds(n.name+"."+key, f)
		case 3:
			return d.tensor(n, key, f)
		}
		return nil
	})
}

// head reads the first bytes of a string.
func head(r source.Reader, limit int64) ([]byte, error) {
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	b := make([]byte, min(size, limit))
	n, err := r.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}

// unpack reads strings that stand in tensor_content: the lengths of all as varints, then their bytes. (tensor.cc, port::DecodeStringList)
func (v *value) unpack(content []byte) {
	count := int64(1)
	for _, dim := range v.dims {
		if dim < 0 || dim > 1<<20 || count > 1<<20 {
			v.more = true
			return
		}
		count *= dim
	}
	var lengths []uint64
	for range count {
		n, size := binary.Uvarint(content)
		if size <= 0 {
			v.more = true
			return
		}
		lengths, content = append(lengths, n), content[size:]
	}
	for _, n := range lengths {
		if len(v.strings) >= maxStrings || n > uint64(len(content)) {
			v.more = true
			return
		}
		v.strings, content = append(v.strings, string(content[:min(n, maxString)])), content[n:]
		v.more = v.more || n > maxString
	}
}
