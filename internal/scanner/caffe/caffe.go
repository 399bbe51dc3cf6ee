// Package caffe scans nets of Caffe (src/caffe/proto/caffe.proto), in the text form, of which a loader makes layers, and in the binary form,
// of which it takes the weights alone:
//
//	NetParameter     { 1 name, 2 layers of old, 3 inputs, …, 100 layers }
//	LayerParameter   { 1 name, 2 type, 3 and 4 blobs, …, data_param { source }, python_param { module, layer }, … }
//
// A layer is code of the program, chosen by its type. Those of type Python import a module and call a class in it; some read and write
// files.
package caffe

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/wire"
	"modelgate/internal/threat"
)

//go:embed layers.txt
var layersText string

// layers are the types of Caffe and of the forks that its models are of.
var layers = registry.Parse(layersText)

// maxName bounds names, in bytes.
const maxName = 4 << 10

// errDone ends a walk early.
var errDone = errors.New("done")

// Probe accepts messages with the fields of a net, whose first layer has a name and a type.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil || len(head) < 4 || head[0] != 1<<3|2 {
		return false, err
	}
	w, err := wire.New(f)
	if err != nil {
		return false, err
	}
	whole, err := w.Whole()
	if err != nil {
		return false, err
	}
	known := false
	err = w.Walk(whole, func(field wire.Field) error {
		switch field.Num {
		case 100, 2:
			if !field.IsBytes() {
				return source.Malformedf(field.At, "no layer")
			}
			if known, err = isLayer(field); err != nil {
				return err
			}
			return errDone
		case 1, 3, 4, 5, 6, 7, 8:
			return nil
		}
		return source.Malformedf(field.At, "no field of a net")
	})
	if errors.Is(err, errDone) {
		err = nil
	}
	return err == nil && known, err
}

// isLayer tells whether a message is a layer: its name, and its type as a known text, or as the number that it was of old.
func isLayer(field wire.Field) (bool, error) {
	var name, kind string
	old := false
	err := field.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == 1 && f.IsBytes() && f.Size < 256, f.Num == 4 && f.IsBytes() && f.Size < 256 && name == "":
			name, err = f.Text(256)
		case f.Num == 2 && f.IsBytes() && f.Size < 64 && kind == "":
			kind, err = f.Text(64)
		case f.Num == 5 && !f.IsBytes() && f.Value < 64:
			old = true
		}
		return err
	})
	return name != "" && (layers.Has(kind) || old && field.Num == 2), err
}

// Scan walks a net in the binary form to its end. Its layers are not made, so their types do not matter.
func Scan(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("caffe")
	w, err := wire.New(f)
	if err != nil {
		return err
	}
	whole, err := w.Whole()
	if err != nil {
		return err
	}
	return w.Walk(whole, func(field wire.Field) error {
		if field.IsBytes() && (field.Num == 2 || field.Num == 100) {
			return field.Walk(func(wire.Field) error { return nil })
		}
		return nil
	})
}

// maxProbed is how much of a text is looked at for its first layer, in bytes: comments may stand before it.
const maxProbed = 16 << 20

// ProbeText accepts text that begins as a net (a name, inputs or layers) and has a layer with a type, whatever it is.
func ProbeText(f *source.File) (bool, error) {
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	t := newTokens(source.NewForward(f, 0, min(size, maxProbed)))
	first, err := t.next()
	if err != nil || first.kind != word || !t.names() {
		return false, ignoreEnd(err)
	}
	switch first.text {
	case "name", "input", "input_dim", "input_shape", "layer", "layers", "state", "force_backward", "debug_info":
	default:
		return false, nil
	}
	for tok, inLayer := first, false; ; {
		if tok.kind == word && (tok.text == "layer" || tok.text == "layers") {
			inLayer = true
		} else if tok.kind == word && tok.text == "type" && inLayer && t.names() {
			value, err := t.next()
			return err == nil && (value.kind == text || value.kind == word && strings.ToUpper(value.text) == value.text), ignoreEnd(err)
		}
		if tok, err = t.next(); err != nil {
			return false, ignoreEnd(err)
		}
	}
}

// ignoreEnd turns the end of what is looked at into no error.
func ignoreEnd(err error) error {
	var bad *source.Malformed
	if errors.Is(err, io.EOF) || errors.As(err, &bad) {
		return nil
	}
	return err
}

// layer is what of a layer in the text form matters.
type layer struct {
	at                   int64
	kind                 string
	module, class        string
	places               []string // files that it opens
	placesAt             int64
	hasPython, hasOutput bool
}

// net is a net in the text form that is being read.
type net struct {
	s    source.Sink
	t    *tokens
	seen map[string]bool
	cur  layer
}

// maxNesting bounds messages inside each other.
const maxNesting = 64

// ScanText reads a net in the text form, and judges every layer.
func ScanText(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("caffe")
	size, err := f.Size()
	if err != nil {
		return err
	}
	n := &net{s: s, t: newTokens(source.NewForward(f, 0, size)), seen: map[string]bool{}}
	if err := n.message(0, ""); !errors.Is(err, io.EOF) {
		if err == nil {
			err = source.Malformedf(n.t.at, "a message ends that did not begin")
		}
		n.judge()
		return err
	}
	return nil
}

// message reads fields up to the brace that ends the message, or to the end of the text.
func (n *net) message(depth int, within string) error {
	if depth > maxNesting {
		return source.Malformedf(n.t.at, "messages are nested more than %d deep", maxNesting)
	}
	field := ""
	for {
		tok, err := n.t.next()
		if err != nil {
			if errors.Is(err, io.EOF) && depth > 0 {
				return source.Malformedf(n.t.at, "the text ends within a message")
			}
			return err
		}
		switch {
		case tok.kind == sign && (tok.text == "{" || tok.text == "<"):
			if err := n.inner(depth, field, tok.at); err != nil {
				return err
			}
		case tok.kind == sign && (tok.text == "}" || tok.text == ">"):
			return nil
		case tok.kind == word && n.t.names():
			field = tok.text
		case tok.kind == word || tok.kind == text:
			n.value(within, field, tok)
		}
	}
}

// inner reads the message of a field; a layer is judged at its end.
func (n *net) inner(depth int, field string, at int64) error {
	isLayer := depth == 0 && (field == "layer" || field == "layers")
	if isLayer {
		n.cur = layer{at: at}
	}
	if depth == 1 {
		n.cur.hasPython = n.cur.hasPython || field == "python_param"
		n.cur.hasOutput = n.cur.hasOutput || field == "hdf5_output_param"
	}
	err := n.message(depth+1, field)
	if isLayer && err == nil {
		n.judge()
	}
	return err
}

// value notes a value of a field of a layer, or of a message in it.
func (n *net) value(within, field string, tok token) {
	switch {
	case (within == "layer" || within == "layers") && field == "type":
		n.cur.kind = tok.text
	case within == "python_param" && field == "module":
		n.cur.module = tok.text
	case within == "python_param" && field == "layer":
		n.cur.class = tok.text
	case strings.HasSuffix(within, "_param") && (field == "source" || field == "mean_file" || field == "root_folder" || field == "file_name"):
		n.cur.places, n.cur.placesAt = append(n.cur.places, tok.text), tok.at
	}
}

// judge judges the layer that was read last.
func (n *net) judge() {
	c := n.cur
	n.cur = layer{}
	switch {
	case c.hasPython || c.kind == "Python":
		n.find(threat.MGOP301, c.class, c.module, c.at, strings.Trim(c.module+"."+c.class, "."), "The layer imports a module of Python and calls a class in it while the net is made.")
	case c.hasOutput || c.kind == "HDF5Output" || c.kind == "HDF5_OUTPUT":
		n.find(threat.MGOP301, c.kind, "caffe", c.at, strings.Join(c.places, ", "), "The layer writes a file.")
	case c.kind != "" && !layers.Has(c.kind) && strings.ToUpper(c.kind) != c.kind:
		n.find(threat.MGOP300, c.kind, "caffe", c.at, c.kind, "The layer is of a type that neither Caffe nor its well-known forks have.")
	}
	for _, p := range c.places {
		if fault, ok := paths.Judge(p); !ok && fault.Escapes {
			n.find(threat.MGOP302, c.kind, "caffe", c.placesAt, p, "The layer opens a file outside of the model.")
		}
	}
}

// find reports a layer, once for each cause.
func (n *net) find(id threat.ID, operator, module string, at int64, evidence, words string) {
	key := fmt.Sprintf("%s %s %s %s", id, operator, module, evidence)
	if n.seen[key] || len(n.seen) > finding.MaxFindings {
		return
	}
	n.seen[key] = true
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, operator, module, source.Evidence(evidence)
	n.s.Find(f)
}
