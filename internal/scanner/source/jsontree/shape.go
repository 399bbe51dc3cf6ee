package jsontree

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// Shape is the outermost object of a document: its keys, each with the beginning of its value.
type Shape map[string]string

// Bounds of the search for keys: bytes of the document, keys of the object, bytes kept of a key and of a value.
const (
	maxDocument  = 256 << 20
	maxKeys      = 1 << 16
	maxKeyBytes  = 256
	maxValueHead = 64
)

type shapeKey struct{}

// ShapeOf returns the keys of the object that a document is, nil if it begins as anything else. The document is read once, whoever
// asks, and without recursion; where it breaks its grammar the keys so far count.
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

// Has tells whether the object has all of the keys.
func (s Shape) Has(keys ...string) bool {
	for _, k := range keys {
		if _, ok := s[k]; !ok {
			return false
		}
	}
	return true
}

// shapeWalk reads a document byte by byte.
type shapeWalk struct {
	in    *source.Forward
	keys  Shape
	depth int
	key   string // of the value that is being read
	named bool   // a colon followed the key
}

// walk reads to the end of the outermost object.
func (w *shapeWalk) walk() error {
	for {
		c, err := w.in.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case '{', '[':
			w.note(c)
			w.depth++
		case '}', ']':
			w.depth--
			if w.depth <= 0 || len(w.keys) > maxKeys {
				return nil
			}
		case ',':
			if w.depth == 1 {
				w.key, w.named = "", false
			}
		case ':':
			if w.depth == 1 && !w.named {
				w.keys[w.key], w.named = "", true
			}
		case '"':
			if err := w.str(); err != nil {
				return err
			}
		case ' ', '\t', '\r', '\n':
		default:
			w.note(c)
		}
	}
}

// note adds a byte to what is kept of the value of a key.
func (w *shapeWalk) note(c byte) {
	if w.depth == 1 && w.named && len(w.keys[w.key]) < maxValueHead {
		w.keys[w.key] += string(rune(c))
	}
}

// str reads a string behind its quote: a key, or a value.
func (w *shapeWalk) str() error {
	kept := []byte{'"'}
	limit := 0
	if w.depth == 1 {
		limit = maxKeyBytes
	}
	for escaped := false; ; {
		c, err := w.in.ReadByte()
		if err != nil {
			return err
		}
		if len(kept) < limit {
			kept = append(kept, c)
		}
		if c == '"' && !escaped {
			break
		}
		escaped = c == '\\' && !escaped
	}
	s, ok := unquote(kept)
	if !ok {
		return nil
	}
	if !w.named {
		w.key = s
	} else if w.keys[w.key] == "" {
		w.keys[w.key] = s[:min(len(s), maxValueHead)]
	}
	return nil
}

// unquote decodes a string of JSON.
func unquote(quoted []byte) (s string, ok bool) {
	ok = json.Unmarshal(quoted, &s) == nil
	return s, ok
}
