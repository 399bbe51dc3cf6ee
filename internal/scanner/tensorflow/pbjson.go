package tensorflow

import (
	"encoding/base64"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
)

// jsonField is a field in the JSON encoding (Protocol Buffers, "ProtoJSON Format"), in which TensorFlow.js keeps graphs: names in either
// spelling, numbers also as strings, bytes in base64, tables as objects.
type jsonField struct {
	spec spec
	n    *jsontree.Node
	key  string // of an entry of a table
	here int64
}

func (j jsonField) num() int32 { return j.spec.num }
func (j jsonField) at() int64  { return j.here }

func (j jsonField) integer() int64 {
	if v, ok := j.n.Int(); ok {
		return v
	}
	if v, ok := (&jsontree.Node{Kind: jsontree.Number, Text: j.n.Text}).Int(); ok {
		return v
	}
	return enum(j.n.Text)
}

func (j jsonField) str(limit int64) (s string, whole bool, err error) {
	s = j.n.Text
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
		key := jsonField{spec: entry.byNum[1], n: &jsontree.Node{At: j.here, Kind: jsontree.String, Text: j.key}, here: j.here}
		if err := visit(key); err != nil {
			return err
		}
		return visit(jsonField{spec: entry.byNum[2], n: j.n, here: j.n.At})
	}
	return walkJSON(j.n, j.spec.inner(), visit)
}

// walkJSON reads an object as a message of the given type.
func walkJSON(n *jsontree.Node, s *schema, visit func(field) error) error {
	if !n.Is(jsontree.Object) || s == nil {
		return nil
	}
	for _, m := range n.Members {
		f := s.byName[snake(m.Key)]
		if f.num == 0 || m.Value == nil {
			continue
		}
		for _, v := range valuesOf(f, m) {
			if err := visit(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// valuesOf are the values of a member: those of a list, the entries of a table, or the one.
func valuesOf(f spec, m jsontree.Member) []jsonField {
	var out []jsonField
	switch {
	case f.kind == table && m.Value.Is(jsontree.Object):
		for _, e := range m.Value.Members {
			if e.Value != nil {
				out = append(out, jsonField{spec: f, n: e.Value, key: e.Key, here: e.At})
			}
		}
	case m.Value.Is(jsontree.List):
		for _, item := range m.Value.Items {
			out = append(out, jsonField{spec: f, n: item, here: item.At})
		}
	default:
		out = append(out, jsonField{spec: f, n: m.Value, here: m.At})
	}
	return fitting(f, out)
}

// fitting leaves those of the values whose form is that of the schema.
func fitting(f spec, values []jsonField) []jsonField {
	out := values[:0]
	for _, v := range values {
		switch f.kind {
		case text:
			if v.n.Is(jsontree.String) {
				out = append(out, v)
			}
		case message:
			if v.n.Is(jsontree.Object) {
				out = append(out, v)
			}
		case table, number:
			out = append(out, v)
		}
	}
	return out
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
