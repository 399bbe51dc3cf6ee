package zipview

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"modelgate/internal/scanner/source"
)

// Kind says what an archive is to the loaders that know more than ZIP. One format claims each kind, so that members are
// scanned once.
type Kind int

// Kinds of archives.
const (
	None        Kind = iota // no archive at all
	Plain                   // claimed by package archive
	Checkpoint              // torch.save: data.pkl in a directory of its own
	TorchScript             // torch.jit.save: code and constants.pkl beside it
	Package                 // torch.package, torch.export, AOTInductor, TorchServe
	NumPy                   // npz: arrays
)

// KindOf tells the kind of the archive in a file. Names decide, as they do for the loaders; for npz also the content of the
// first array.
func KindOf(f *source.File) (Kind, error) {
	v, err := Of(f)
	if err != nil || v == nil {
		return None, err
	}
	type facts struct {
		data, code, constants, pack bool
		arrays, files               int
		array                       *Entry
	}
	var is facts
	for _, e := range v.Entries {
		if e.IsDir() {
			continue
		}
		is.files++
		for _, name := range e.names() {
			_, inner, nested := strings.Cut(name, "/")
			switch {
			case nested && inner == "data.pkl":
				is.data = true
			case nested && inner == "constants.pkl":
				is.constants = true
			case nested && strings.HasPrefix(inner, "code/"):
				is.code = true
			case isPackage(name, inner):
				is.pack = true
			case strings.HasSuffix(name, ".npy"):
				is.arrays++
				if is.array == nil {
					is.array = e
				}
			}
		}
	}
	switch {
	case is.constants && is.code:
		return TorchScript, nil
	case is.pack:
		return Package, nil
	case is.data:
		return Checkpoint, nil
	case 2*is.arrays > is.files:
		ok, err := v.isArray(is.array)
		if err != nil {
			return None, err
		}
		if ok {
			return NumPy, nil
		}
	}
	return Plain, nil
}

// isPackage tells whether a name is one by which torch.package, torch.export, AOTInductor or TorchServe know their archives.
func isPackage(name, inner string) bool {
	if name == "MAR-INF/MANIFEST.json" || inner == ".data/extern_modules" || name == ".data/extern_modules" {
		return true
	}
	for _, n := range []string{name, inner} {
		if n == "archive_format" || strings.HasPrefix(n, "data/aotinductor/") ||
			strings.HasPrefix(n, "serialized_") && (strings.HasSuffix(n, ".json") || strings.HasSuffix(n, ".pt")) {
			return true
		}
	}
	return false
}

// isArray tells whether an entry's bytes begin as an array of NumPy.
func (v *View) isArray(e *Entry) (bool, error) {
	const magic = "\x93NUMPY"
	if e.start < 0 || e.start >= v.size {
		return false, nil
	}
	if err := v.resolve(e); err != nil {
		return false, err
	}
	way := v.reading(e, e.Central.Method, e.taken, e.Central, true)
	if way == nil {
		return false, nil
	}
	buf := make([]byte, len(magic))
	n, err := way.bytes.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return bytes.Equal(buf[:n], []byte(magic)), nil
}
