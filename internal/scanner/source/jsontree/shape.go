package jsontree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"modelgate/internal/scanner/source"
)

// Shape is what the outermost object of a document has of the keys by which formats are recognised: each with the beginning of its
// value, which is the content of a string, and the first byte of anything else.
type Shape map[string]string

// telling are the keys by which formats are recognised.
var telling = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range strings.Fields(`arg_nodes backend base_code class_name config features_info format generatedBy heads itemInfoEntries keras_version
		learner model modelTopology module nodes oblivious_trees operator_codes program registered_name rootModelIdentifier subgraphs tree_info trees
		version weight_map weightsManifest`) {
		set[name] = true
	}
	return set
}()

// Bounds of the search for keys, in bytes: of the document, of a key with its escapes, and of what is kept of a value.
const (
	maxDocument  = 256 << 20
	maxKeyBytes  = 256
	maxValueHead = 64
)

type shapeKey struct{}

// ShapeOf returns the telling keys of the object that a document is, nil if it begins as anything else. The document is read once,
// whoever asks, and without recursion; where it breaks its grammar the keys so far count.
func ShapeOf(f *source.File) (Shape, error) {
	head, err := f.Head()
	if err != nil {
		return nil, err
	}
	start := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) == 0 || start[0] != '{' {
		return nil, nil
	}
	v, err := f.View(shapeKey{}, func() (any, error) {
		size, err := f.Size()
		if err != nil {
			return nil, err
		}
		w := shapeWalk{in: source.NewForward(f, 0, min(size, maxDocument)), keys: Shape{}}
		if err := w.walk(); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return w.keys, nil
	})
	if err != nil {
		return nil, err
	}
	keys, _ := v.(Shape)
	return keys, nil
}

// Has tells whether the object has all of the keys, which must be among those that are looked for.
func (s Shape) Has(keys ...string) bool {
	for _, k := range keys {
		if !telling[k] {
			panic("no shape is asked for " + k)
		}
		if _, ok := s[k]; !ok {
			return false
		}
	}
	return true
}

// shapeWalk reads a document as a stream of brackets and strings.
type shapeWalk struct {
	in    *source.Forward
	keys  Shape
	depth int
	key   string // of the value that is being read, if it is a telling one
	named bool   // a colon followed the key
}

// walk reads to the end of the outermost object.
func (w *shapeWalk) walk() error {
	for {
		window, err := w.in.Window()
		if err != nil {
			return err
		}
		for i, c := range window {
			if c == '"' {
				w.in.Skip(int64(i))
				if err := w.str(); err != nil {
					return err
				}
				window = nil
				break
			}
			if w.structure(c); w.depth <= 0 && (c == '}' || c == ']') {
				return nil
			}
		}
		w.in.Skip(int64(len(window)))
	}
}

// structure takes a byte outside of strings.
func (w *shapeWalk) structure(c byte) {
	switch c {
	case '{', '[':
		w.note(string(rune(c)))
		w.depth++
	case '}', ']':
		w.depth--
	case ',':
		if w.depth == 1 {
			w.key, w.named = "", false
		}
	case ':':
		if w.depth == 1 && !w.named {
			w.named = true
			delete(w.keys, w.key) // of those that stand twice the last counts
			w.note("")
		}
	case ' ', '\t', '\r', '\n':
	default:
		w.note(string(rune(c)))
	}
}

// note keeps the beginning of the value of a telling key.
func (w *shapeWalk) note(begin string) {
	if w.depth == 1 && w.named && w.key != "" && w.keys[w.key] == "" {
		w.keys[w.key] = begin
	}
}

// str reads a string from its quote on: a key, or a value.
func (w *shapeWalk) str() error {
	w.in.Skip(1)
	kept := []byte{'"'}
	for escaped := false; ; {
		window, err := w.in.Window()
		if err != nil {
			return err
		}
		end := -1
		for i, c := range window {
			if c == '"' && !escaped {
				end = i
				break
			}
			escaped = c == '\\' && !escaped
		}
		read := window[:end+1]
		if end < 0 {
			read = window
		}
		if w.depth == 1 {
			kept = append(kept, read[:min(len(read), max(0, maxKeyBytes-len(kept)))]...)
		}
		w.in.Skip(int64(len(read)))
		if end >= 0 {
			w.text(kept)
			return nil
		}
	}
}

// text takes a string of the outermost object. One that was cut off is none.
func (w *shapeWalk) text(quoted []byte) {
	s, ok := unquote(quoted)
	switch {
	case ok && w.named:
		w.note(s[:min(len(s), maxValueHead)])
	case ok && telling[s]:
		w.key = s
	}
}

// unquote decodes a string of JSON.
func unquote(quoted []byte) (s string, ok bool) {
	ok = json.Unmarshal(quoted, &s) == nil
	return s, ok
}
