package xmltokens

import (
	"bytes"
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// Bounds of the search for the first element: bytes that may stand in front of it, and those that are searched at once.
const (
	maxPreamble = 16 << 20
	chunk       = 64 << 10
)

type rootKey struct{}

// RootOf returns the name of the first element of a file, "" if there is none in the first 16 MiB. Comments and instructions of any length
// are passed over, and text too, as lenient parsers do (pugixml drops what no element holds). A file is searched once, whoever asks.
func RootOf(f *source.File) (string, error) {
	v, err := f.View(rootKey{}, func() (any, error) { return rootOf(f) })
	name, _ := v.(string)
	return name, err
}

func rootOf(f *source.File) (string, error) {
	head, err := f.Head()
	if err != nil {
		return "", err
	}
	if name := Root(Beginning(head)); name != "" {
		return name, nil
	}
	wide := bytes.HasPrefix(head, []byte{0xff, 0xfe}) || bytes.HasPrefix(head, []byte{0xfe, 0xff})
	if !wide && bytes.IndexByte(head, 0) >= 0 { // the text ends there
		return "", nil
	}
	return search(f, wide)
}

// search looks for the first element behind whatever else there is.
func search(f *source.File, wide bool) (string, error) {
	if !wide {
		if some, err := marked(f); err != nil || !some {
			return "", err
		}
	}
	r, err := New(f)
	if err != nil {
		return "", err
	}
	for r.Offset() < maxPreamble {
		t, err := r.next()
		switch {
		case t.Kind == Start && t.Name != "": // whose end may be missing
			return t.Name, nil
		case err != nil:
			return "", r.fw.Fault() // what is no XML has no element
		case t.Kind == End:
			return "", nil
		}
	}
	return "", nil
}

// marked tells whether a text has a "<", in front of which it does not end.
func marked(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	if i := bytes.IndexAny(head, "<\x00"); i >= 0 || len(head) < source.HeadSize {
		return i >= 0 && head[i] == '<', nil
	}
	buf := make([]byte, chunk)
	for at := int64(len(head)); at < maxPreamble; at += chunk {
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if i := bytes.IndexAny(buf[:n], "<\x00"); i >= 0 {
			return buf[i] == '<', nil
		}
		if n < chunk {
			return false, nil
		}
	}
	return false, nil
}
