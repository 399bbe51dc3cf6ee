package tensorflow

import (
	"encoding/base64"
	"strconv"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
)

// jsonField is a field in the JSON encoding (Protocol Buffers, "ProtoJSON Format"), in which TensorFlow.js keeps graphs: names in either
// spelling, numbers also as strings, bytes in base64, tables as objects.
type jsonField struct {
	spec spec
	n    jsontree.Node
	text string // of the value, or the key of an entry of a table
	here int64
}

func (j jsonField) num() int32 { return j.spec.num }
func (j jsonField) at() int64  { return j.here }

func (j jsonField) integer() int64 {
	if v, err := strconv.ParseInt(j.text, 10, 64); err == nil {
		return v
	}
	return enum(j.text)
}

func (j jsonField) str(limit int64) (s string, whole bool, err error) {
	s = j.text
	if j.spec.raw {
		s = fromBase64(s)
	}
	if int64(len(s)) > limit {
		return s[:limit], false, nil
	}
	return s, true, nil
}

// fromBase64 decodes a string; one that is no base64 is returned as it is.
func fromBase64(s string) string {
	clean := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	if b, err := base64.RawStdEncoding.DecodeString(clean); err == nil {
		return string(b)
	}
	return s
}

func (j jsonField) bytes() (source.Reader, error) {
	s, _, err := j.str(maxNested)
	return source.Bytes(s), err
}

func (j jsonField) walk(visit func(field) error) error {
	if j.spec.kind == table { // an entry
		entry := entries[j.spec.of]
		key := jsonField{spec: entry.byNum[1], text: j.text, here: j.here}
		if err := visit(key); err != nil {
			return err
		}
		return visit(jsonField{entry.byNum[2], j.n, j.n.Text(), j.n.At()})
	}
	return walkJSON(j.n, j.spec.inner(), visit)
}

// walkJSON reads an object as a message of the given type.
func walkJSON(n jsontree.Node, s *schema, visit func(field) error) error {
	if !n.Is(jsontree.Object) || s == nil {
		return nil
	}
	for m := range n.Members() {
		f := s.byName[snake(m.Key)]
		if f.num == 0 {
			continue
		}
		if err := walkMember(f, m, visit); err != nil {
			return err
		}
	}
	return nil
}

// walkMember visits the values of a member whose form is that of the schema: those of a list, the entries of a table, or the one.
func walkMember(f spec, m jsontree.Member, visit func(field) error) error {
	switch {
	case f.kind == table && m.Value.Is(jsontree.Object):
		for e := range m.Value.Members() {
			if err := visit(jsonField{f, e.Value, e.Key, e.At}); err != nil {
				return err
			}
		}
	case m.Value.Is(jsontree.List):
		for item := range m.Value.Items() {
			if !fits(f, item) {
				continue
			}
			if err := visit(jsonField{f, item, item.Text(), item.At()}); err != nil {
				return err
			}
		}
	case fits(f, m.Value):
		return visit(jsonField{f, m.Value, m.Value.Text(), m.At})
	}
	return nil
}

// fits tells whether a value has the form of the schema.
func fits(f spec, n jsontree.Node) bool {
	switch f.kind {
	case text:
		return n.Is(jsontree.String)
	case message:
		return n.Is(jsontree.Object)
	default:
		return true
	}
}

// snake is a name in the spelling of the schema: tensorShape is tensor_shape.
func snake(name string) string {
	var b strings.Builder
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('_')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}
