package scanner

import (
	"bytes"
	"path"
	"strings"
)

const hdf5Signature = "\x89HDF\r\n\x1a\n"

// kerasFormats are HDF5 files and what of them is Keras. They are told apart by names of attributes in the first and last bytes,
// which is a guess: all of them are unscannable alike.
func kerasFormats() []recogniser {
	kind := func(h *header) (string, error) {
		at, err := isHDF5(h)
		if err != nil || !at {
			return "", err
		}
		tail, err := h.file.Tail()
		if err != nil {
			return "", err
		}
		says := func(s string) bool { return bytes.Contains(h.head, []byte(s)) || bytes.Contains(tail, []byte(s)) }
		switch {
		case says("model_config") && (says(`"keras.src`) || says(`"registered_name"`)):
			return "keras3_h5", nil
		case says("model_config"):
			return "keras_legacy_h5", nil
		case says("layer_names"), says("weight_names"), says("vars"):
			return "keras_weights", nil
		default:
			return "hdf5", nil
		}
	}
	is := func(name string) func(*header) (bool, error) {
		return func(h *header) (bool, error) {
			k, err := kind(h)
			return k == name, err
		}
	}
	return []recogniser{
		{name: "keras_legacy_h5", title: "Keras 2 model in HDF5", by: "HDF5 with model_config", matches: is("keras_legacy_h5")},
		{name: "keras3_h5", title: "Keras 3 model in HDF5", by: "HDF5 with model_config that names registered classes", matches: is("keras3_h5")},
		{name: "keras_weights", title: "Keras weights in HDF5", by: "HDF5 with names of layers or weights", matches: is("keras_weights")},
		{name: "hdf5", title: "HDF5", by: "signature at 0, 512, 1024 and so on", matches: is("hdf5")},
	}
}

// isHDF5 looks for the signature at 0 and at powers of two from 512 on, as the library does (HDF5 file format specification,
// superblock). Beyond the head it does so only where a look costs nothing, or if the name says HDF5.
func isHDF5(h *header) (bool, error) {
	if h.has(0, hdf5Signature) {
		return true, nil
	}
	for at := 512; at < len(h.head); at *= 2 {
		if h.has(at, hdf5Signature) {
			return true, nil
		}
	}
	named := strings.EqualFold(path.Ext(h.file.Path), ".h5") || strings.EqualFold(path.Ext(h.file.Path), ".hdf5")
	if h.size > wholeSize && !named {
		return false, nil
	}
	for at := int64(len(h.head)); at < h.size; at *= 2 {
		if at&(at-1) != 0 || at < 512 {
			return false, nil
		}
		var b [len(hdf5Signature)]byte
		n, err := h.file.ReadAt(b[:], at)
		if n == len(b) && string(b[:]) == hdf5Signature {
			return true, nil
		}
		if err != nil && n < len(b) {
			return false, err
		}
	}
	return false, nil
}
