package litert

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// Bounds of a document in JSON: its bytes, and the values of a key that stands several times, of which each is taken for a reader's.
const (
	maxDocument = 256 << 20
	maxReadings = 4
)

// ProbeJSON accepts objects with a table of operator codes and subgraphs.
func ProbeJSON(f *source.File) (bool, error) {
	s, err := jsontree.ShapeOf(f)
	return err == nil && s.Has("operator_codes", "subgraphs"), err
}

// ScanJSON judges the operators of the form in JSON. A key that stands twice counts each time.
func ScanJSON(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("litert_json")
	root, err := jsontree.ParseFile(f, maxDocument) // what was read before an error counts
	d := &document{s: s, ops: newJudge(s)}
	d.once(root)
	d.buffers = slices.Collect(root.Get("buffers").Items())
	for _, list := range root.Some("operator_codes", maxReadings) {
		d.codes = nil
		for c := range list.Items() {
			d.code(c)
		}
		for _, graphs := range root.Some("subgraphs", maxReadings) {
			for g := range graphs.Items() {
				d.graph(g)
			}
		}
	}
	d.ops.report()
	return err
}

// document is a model in JSON.
type document struct {
	s       source.Sink
	ops     *judge
	codes   []code
	buffers []jsontree.Node
}

// once reports keys that stand twice where it matters.
func (d *document) once(n jsontree.Node) {
	for m := range n.Members() {
		if m.Twice {
			f := finding.New(threat.MGFMT403, m.At, "A key stands twice, and readers differ in which value they take.")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(m.Key)
			d.s.Find(f)
		}
	}
}

// code reads an entry of the table of operator codes. Codes are names, or numbers.
func (d *document) code(n jsontree.Node) {
	d.once(n)
	now, old := number(n.Get("builtin_code")), number(n.Get("deprecated_builtin_code"))
	c := code{at: n.At(), builtin: max(now, old), custom: n.Str("custom_code")}
	if now < 0 || old < 0 {
		c.builtin = -1
	}
	d.codes = append(d.codes, c)
	d.ops.code(c)
}

// number is the code that a value stands for: 0 if it is absent, as in the binary form, and -1 if it is no operator.
func number(n jsontree.Node) int32 {
	switch {
	case n.IsNone():
		return 0
	case n.Is(jsontree.String):
		if v, ok := byName[n.Text()]; ok {
			return v
		}
		if v, err := strconv.ParseInt(n.Text(), 10, 32); err == nil {
			return int32(v)
		}
		return -1
	}
	v, ok := n.Int()
	if !ok || v != int64(int32(v)) {
		return -1
	}
	return int32(v)
}

// graph judges the operators of TensorFlow in a subgraph.
func (d *document) graph(g jsontree.Node) {
	tensors := slices.Collect(g.Get("tensors").Items())
	for op := range g.Get("operators").Items() {
		index, _ := op.Get("opcode_index").Int()
		if index < 0 || index >= int64(len(d.codes)) {
			f := finding.New(threat.MGFMT400, op.At(), fmt.Sprintf("An operator has code %d of %d.", index, len(d.codes)))
			f.Role = finding.RoleStructure
			d.s.Find(f)
			continue
		}
		c := d.codes[index]
		if c.builtin != opCustom || !strings.HasPrefix(c.custom, flexPrefix) {
			continue
		}
		use := call{op: strings.TrimPrefix(c.custom, flexPrefix), at: op.At()}
		for in := range op.Get("inputs").Items() {
			if i, ok := in.Int(); ok && i >= 0 && i < int64(len(tensors)) && len(use.places) < maxTexts {
				use.places = append(use.places, constantOf(tensors[i], d.buffers)...)
			}
		}
		options := octets(op.Get("custom_options"))
		names := []string{use.op}
		if n, err := parseNode(options); err == nil {
			use.places = append(use.places, n.texts...)
			names = append(names, n.name, n.op)
		}
		d.ops.agree(c, names, op.At())
		d.ops.each(use, names)
	}
}

// constantOf returns the strings of a constant tensor.
func constantOf(t jsontree.Node, buffers []jsontree.Node) []string {
	if kind := t.Str("type"); kind != "STRING" {
		return nil
	}
	i, ok := t.Get("buffer").Int()
	if !ok || i <= 0 || i >= int64(len(buffers)) {
		return nil
	}
	return stringsOf(octets(buffers[i].Get("data")))
}

// octets are the bytes that a list of numbers is, as far as the tree keeps them.
func octets(n jsontree.Node) []byte {
	var out []byte
	for item := range n.Items() {
		v, ok := item.Int()
		if !ok || v < 0 || v > 255 {
			return nil
		}
		out = append(out, byte(v))
	}
	return out
}
