package xgboost

import (
	"context"
	"strconv"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// maxDepth bounds the nesting of both forms: a model has ten levels.
const maxDepth = 100

// ScanJSON reads the document once.
func ScanJSON(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("xgboost")
	size, err := f.Size()
	if err != nil {
		return err
	}
	w := &document{lex: jsontree.NewLexer(source.NewForward(f, 0, size)), sink: s}
	err = w.value(0, nil, "")
	tell(s, w.faults)
	if err != nil {
		return err
	}
	if c, err := w.lex.Next(); err == nil {
		return source.Malformedf(w.lex.Offset(), "%q follows the model", c)
	} else if !isEnd(err) {
		return err
	}
	return nil
}

type document struct {
	lex    *jsontree.Lexer
	sink   source.Sink
	faults []fault
}

// value reads a value that stands under a key of an object.
func (w *document) value(depth int, of *tree, key string) error {
	c, err := w.lex.Next()
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return source.Malformedf(w.lex.Offset(), "nested more than %d deep", maxDepth)
	}
	switch c {
	case '{':
		return w.object(depth)
	case '[':
		return w.list(depth, of, key)
	case '"':
		_, err := w.lex.Text(false)
		return err
	default:
		_, err := w.lex.Scalar()
		return err
	}
}

// object reads an object, which may be a tree.
func (w *document) object(depth int) error {
	t := tree{at: w.lex.Offset()}
	if err := w.lex.Take('{'); err != nil {
		return err
	}
	seen := map[string]bool{}
	for first := true; ; first = false {
		c, err := w.lex.Next()
		if err != nil {
			return err
		}
		if c == '}' {
			if f, ok := t.judge(); !ok && len(w.faults) < mostFaults {
				w.faults = append(w.faults, f)
			}
			return w.lex.Take('}')
		}
		if !first {
			if err := w.lex.Take(','); err != nil {
				return err
			}
			if c, err = w.lex.Next(); err != nil {
				return err
			}
		}
		at := w.lex.Offset()
		if c != '"' {
			return source.Malformedf(at, "%q instead of a key", c)
		}
		key, err := w.lex.Text(true)
		if err != nil {
			return err
		}
		w.once(seen, key, at, depth)
		if err := w.lex.Take(':'); err != nil {
			return err
		}
		if err := w.value(depth+1, &t, key); err != nil {
			return err
		}
	}
}

// maxKeys is of how many keys of an object it is remembered that they were there.
const maxKeys = 4096

// once reports a key that stands twice.
func (w *document) once(seen map[string]bool, key string, at int64, depth int) {
	if seen[key] && depth < 8 {
		f := finding.New(threat.MGFMT403, at, "A key stands twice in an object, and readers differ in which value they take.")
		f.Role, f.Evidence = finding.RoleStructure, source.Evidence(key)
		w.sink.Find(f)
	}
	if len(seen) < maxKeys {
		seen[key] = true
	}
}

// list reads a list, and notes the numbers of one that holds children.
func (w *document) list(depth int, of *tree, key string) error {
	if err := w.lex.Take('['); err != nil {
		return err
	}
	which := -1
	if of != nil {
		which = side(key)
	}
	for n := int64(0); ; n++ {
		c, err := w.lex.Next()
		if err != nil {
			return err
		}
		if c == ']' {
			if which >= 0 {
				of.arrays++
				of.lengths[which] = n
			}
			return w.lex.Take(']')
		}
		if n > 0 {
			if err := w.lex.Take(','); err != nil {
				return err
			}
			if c, err = w.lex.Next(); err != nil {
				return err
			}
		}
		if which < 0 || c == '{' || c == '[' || c == '"' {
			if err := w.value(depth+1, nil, ""); err != nil {
				return err
			}
			continue
		}
		word, err := w.lex.Scalar()
		if err != nil {
			return err
		}
		child, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return source.Malformedf(w.lex.Offset(), "a child that is no number")
		}
		of.add(child)
	}
}
