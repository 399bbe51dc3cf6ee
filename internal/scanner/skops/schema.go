package skops

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
)

// Bounds of what is kept of a node: nesting of the document, bytes of a value, texts below a node, generations of nodes.
const (
	maxDepth = 500
	maxText  = 1 << 10
	maxTexts = 16
	maxKept  = 4
)

// node is an object of the schema, with what judging it takes.
type node struct {
	at int64
	// text are the strings under the keys of nodes.
	text map[string]string
	// kids are the objects under the keys by which nodes hold each other; of a key that stands twice the last, as loaders
	// take it.
	kids map[string]*node
	// texts are the strings that JsonNodes below hold, as far as they are few.
	texts []string
	list  bool // the value under content is a list, whose objects' texts are in texts
}

// isText tells whether a key's string is kept.
func isText(key string) bool {
	switch key {
	case "__class__", "__module__", "__loader__", "file", "type", "func", "function", "module_path", "content":
		return true
	}
	return false
}

// isKid tells whether a key's object is kept.
func isKid(key string) bool {
	switch key {
	case "content", "obj", "attrs", "bit_generator", "func":
		return true
	}
	return false
}

// readSchema reads a document and calls visit for every object in it that states a loader, inner ones first. Twice is called
// for every key that stands in an object for the second time. The root is nil if the document is no object; what there is of
// it comes with an error.
func readSchema(r source.Reader, visit func(*node), twice func(key string, at int64)) (*node, error) {
	size, err := r.Size()
	if err != nil {
		return nil, err
	}
	w := &schemaWalk{lex: jsontree.NewLexer(source.NewForward(r, 0, size)), visit: visit, twice: twice}
	root, _, err := w.value(0, false)
	if err != nil {
		return root, err
	}
	if c, err := w.lex.Next(); err == nil {
		return root, source.Malformedf(w.lex.Offset(), "%q follows the document", c)
	}
	return root, nil
}

type schemaWalk struct {
	lex   *jsontree.Lexer
	visit func(*node)
	twice func(key string, at int64)
}

// value reads a value: an object as a node, a list as a node that has the texts of its items, a string as text if it is to be
// kept.
func (w *schemaWalk) value(depth int, keep bool) (*node, string, error) {
	c, err := w.lex.Next()
	if err != nil {
		return nil, "", err
	}
	if depth > maxDepth {
		return nil, "", source.Malformedf(w.lex.Offset(), "nested more than %d deep", maxDepth)
	}
	switch c {
	case '{':
		n, err := w.object(depth)
		return n, "", err
	case '[':
		n, err := w.items(depth)
		return n, "", err
	case '"':
		text, err := w.lex.Text(keep)
		return nil, text[:min(len(text), maxText)], err
	default:
		_, err := w.lex.Scalar()
		return nil, "", err
	}
}

// object reads an object.
func (w *schemaWalk) object(depth int) (*node, error) {
	n := &node{at: w.lex.Offset(), text: map[string]string{}}
	defer func() {
		if n.text["__loader__"] == "JsonNode" {
			n.texts = []string{n.text["content"]}
		}
		if n.text["__loader__"] != "" {
			w.visit(n)
		}
		n.trim(maxKept)
	}()
	if err := w.lex.Take('{'); err != nil {
		return n, err
	}
	seen := map[string]bool{}
	for first := true; ; first = false {
		done, err := w.separator('}', first)
		if done || err != nil {
			return n, err
		}
		at := w.lex.Offset()
		if c, err := w.lex.Next(); err != nil || c != '"' {
			return n, orElse(err, source.Malformedf(at, "%q instead of a key", c))
		}
		key, err := w.lex.Text(true)
		if err != nil {
			return n, err
		}
		if seen[key] {
			w.twice(key, at)
		}
		seen[key] = true
		if err := w.lex.Take(':'); err != nil {
			return n, err
		}
		kid, text, err := w.value(depth+1, isText(key))
		n.keep(key, kid, text)
		if err != nil {
			return n, err
		}
	}
}

// items reads a list.
func (w *schemaWalk) items(depth int) (*node, error) {
	n := &node{at: w.lex.Offset(), list: true}
	if err := w.lex.Take('['); err != nil {
		return n, err
	}
	for first := true; ; first = false {
		done, err := w.separator(']', first)
		if done || err != nil {
			return n, err
		}
		kid, _, err := w.value(depth+1, false)
		if kid != nil {
			n.addTexts(kid.texts)
		}
		if err != nil {
			return n, err
		}
	}
}

// separator reads what stands between members, and tells whether it was the end.
func (w *schemaWalk) separator(end byte, first bool) (done bool, err error) {
	c, err := w.lex.Next()
	if err != nil {
		return false, err
	}
	if c == end {
		return true, w.lex.Take(end)
	}
	if first {
		return false, nil
	}
	if err := w.lex.Take(','); err != nil {
		return false, err
	}
	_, err = w.lex.Next()
	return false, err
}

// keep notes a member of an object.
func (n *node) keep(key string, kid *node, text string) {
	switch {
	case kid == nil && isText(key):
		n.text[key] = text
	case kid == nil:
	default:
		n.addTexts(kid.texts)
		if isKid(key) {
			if n.kids == nil {
				n.kids = map[string]*node{}
			}
			n.kids[key] = kid
		}
	}
}

func (n *node) addTexts(texts []string) {
	n.texts = append(n.texts, texts[:min(len(texts), maxTexts-len(n.texts))]...)
}

// trim forgets what lies deeper than some generations, so that memory does not grow with the document.
func (n *node) trim(generations int) {
	for _, kid := range n.kids {
		if generations == 0 {
			kid.kids = nil
			continue
		}
		kid.trim(generations - 1)
	}
}

// kid returns the object under a path of keys, nil if there is none.
func (n *node) kid(path ...string) *node {
	for _, key := range path {
		if n == nil {
			return nil
		}
		n = n.kids[key]
	}
	return n
}

// str is the string under a key.
func (n *node) str(key string) string {
	if n == nil {
		return ""
	}
	return n.text[key]
}

// plain decodes the JSON in the text of a JsonNode, if it is a string.
func plain(text string) string {
	var s string
	if json.Unmarshal([]byte(text), &s) == nil {
		return s
	}
	return ""
}

// isNumber tells whether the JSON in the text of a JsonNode is a number.
func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// dunder tells whether a dotted name has a part that begins and ends with two underscores, or is one of the attributes by which
// functions, frames and modules are reached from one another.
func dunder(name string) bool {
	for _, part := range strings.Split(name, ".") {
		if len(part) > 4 && strings.HasPrefix(part, "__") && strings.HasSuffix(part, "__") {
			return true
		}
		if slices.Contains([]string{"func_globals", "f_globals", "f_builtins", "gi_frame", "cr_frame", "tb_frame", "mro"}, part) {
			return true
		}
	}
	return false
}

// orElse returns the first error that there is.
func orElse(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
