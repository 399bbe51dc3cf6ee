package scanner

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"modelgate/internal/scanner/source"
)

// shape is the outermost object of a JSON document: its keys, each with the beginning of its value.
type shape map[string]string

// Bounds of the search for keys: bytes of the document, keys of the object, bytes kept of a key and of a value.
const (
	maxDocument  = 256 << 20
	maxKeys      = 256
	maxKeyBytes  = 256
	maxValueHead = 64
)

type shapeKey struct{}

// shapeOf returns the keys of the object that a document is, nil if it begins as anything else. The document is read once,
// without recursion; where it breaks its grammar the keys so far count.
func (h *header) shapeOf() (shape, error) {
	start := bytes.TrimLeft(bytes.TrimPrefix(h.head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(start) == 0 || start[0] != '{' {
		return nil, nil
	}
	v, err := h.file.View(shapeKey{}, func() (any, error) {
		w := shapeWalk{in: source.NewForward(h.file, 0, min(h.size, maxDocument)), keys: shape{}}
		err := w.walk()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return w.keys, nil
	})
	if err != nil {
		return nil, err
	}
	keys, _ := v.(shape)
	return keys, nil
}

// has tells whether the object has all of the keys.
func (s shape) has(keys ...string) bool {
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
	keys  shape
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

// jsonFormats are known by the keys of their outermost object.
func jsonFormats() []recogniser {
	is := func(matches func(s shape) bool) func(*header) (bool, error) {
		return func(h *header) (bool, error) {
			s, err := h.shapeOf()
			return s != nil && matches(s), err
		}
	}
	return []recogniser{
		{name: "keras_model_json", title: "Keras model in JSON", text: true, by: "class_name and config, with keras_version, backend or module", matches: is(func(s shape) bool {
			return s.has("class_name", "config") && (s.has("keras_version") || s.has("backend") || s.has("module"))
		})},
		{name: "tf_js", title: "TensorFlow.js model", text: true, by: "modelTopology or weightsManifest", matches: is(func(s shape) bool {
			return s.has("modelTopology", "weightsManifest") || s["format"] == "graph-model" || s["format"] == "layers-model"
		})},
		{name: "litert_json", title: "TFLite in JSON", text: true, by: "operator_codes and subgraphs", matches: is(func(s shape) bool {
			return s.has("operator_codes", "subgraphs")
		})},
		{name: "mxnet", title: "MXNet symbol", text: true, by: "nodes, arg_nodes and heads", matches: is(func(s shape) bool {
			return s.has("nodes", "arg_nodes", "heads")
		})},
		{name: "lightgbm", title: "LightGBM model in JSON", text: true, by: "tree_info", matches: is(func(s shape) bool {
			return s.has("tree_info", "version")
		})},
		{name: "xgboost", title: "XGBoost model in JSON", text: true, by: "learner and version", matches: is(func(s shape) bool {
			return s.has("learner", "version")
		})},
		{name: "catboost", title: "CatBoost model in JSON", text: true, by: "oblivious_trees or trees, with features_info", matches: is(func(s shape) bool {
			return s.has("features_info") && (s.has("oblivious_trees") || s.has("trees"))
		})},
		{name: "paddle", title: "PaddlePaddle program in JSON", text: true, by: "base_code and program", matches: is(func(s shape) bool {
			return s.has("base_code", "program")
		})},
		{name: "coreml", title: "CoreML package manifest", text: true, by: "itemInfoEntries and rootModelIdentifier", matches: is(func(s shape) bool {
			return s.has("itemInfoEntries", "rootModelIdentifier")
		})},
	}
}
