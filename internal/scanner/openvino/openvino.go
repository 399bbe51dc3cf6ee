// Package openvino scans models in OpenVINO's intermediate representation (OpenVINO documentation, "OpenVINO IR format"):
//
//	<net name="…" version="11">
//	  <layers> <layer id="…" name="…" type="…" version="opset1"> <data …/> … </layer> … </layers>
//	  <edges> <edge from-layer="…" to-layer="…" …/> … </edges>
//	  <rt_info> … </rt_info>
//	</net>
//
// The bodies of If, Loop and TensorIterator are elements of their layer with layers and edges of their own. Constants lie in the file of
// the same name that ends in .bin, at the offset and with the size that their data states. What a runtime acts on are the types of the
// layers, the libraries and files that they name, and these places. What the document itself declares, such as entities, is for the
// scanner of XML to judge; rt_info is prose.
package openvino

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/xmltokens"
	"modelgate/internal/threat"
)

// Bounds of a model.
const (
	maxLayers = 1 << 20
	maxFound  = 50 // findings of one kind
	maxProbed = 64 // tokens
)

// Probe accepts documents whose root is net with a version or with layers.
func Probe(f *source.File) (bool, error) {
	root, err := xmltokens.RootOf(f)
	if err != nil || root != "net" {
		return false, err
	}
	in, err := xmltokens.New(f)
	if err != nil {
		return false, err
	}
	for probed := 0; probed < maxProbed; {
		t, err := in.Next()
		if err != nil {
			return false, unlessOver(err)
		}
		if t.Kind == xmltokens.Start && (t.Name == "layers" || t.Name == "net" && t.Attr("version") != "") {
			return true, nil
		}
		if t.Kind == xmltokens.Start {
			probed++
		}
	}
	return false, nil
}

// Scan reads the layers of a model. A document that breaks off, or has a document type, is read up to there: the scanner of XML says so.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("openvino_xml")
	in, err := xmltokens.New(f)
	if err != nil {
		return err
	}
	m := &model{s: s, unknown: map[string]*unknown{}, found: map[threat.ID]int{}}
	for steps := 1; ; steps++ {
		if steps%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t, err := in.Next()
		if err != nil || t.Kind == xmltokens.Doctype || t.Kind == xmltokens.Declaration {
			m.finish(f.Path)
			return unlessOver(err)
		}
		if err := m.token(t); err != nil {
			m.finish(f.Path)
			return err
		}
	}
}

// unlessOver is an error that is none of the document: its end and its faults are for the scanner of XML.
func unlessOver(err error) error {
	var bad *source.Malformed
	if errors.Is(err, io.EOF) || errors.As(err, &bad) || errors.Is(err, source.ErrBudget) {
		return nil
	}
	return err
}

// model is what is known of a model while it is read.
type model struct {
	s       source.Sink
	open    []element
	version int // of the format
	roots   int
	prose   int // depth at which rt_info began, 0 outside of it
	blocks  []*block
	layers  int
	layer   *layer // the innermost that is open
	end     int64  // where the last constant ends
	endAt   int64  // of that constant
	unknown map[string]*unknown
	order   []string
	found   map[threat.ID]int
}

// element is an element that is open.
type element struct {
	name string
	// begun says that it is a layer; outer is then the layer around it, if there is one.
	begun bool
	outer *layer
}

// block is a network or the body of a layer.
type block struct {
	ids map[string]bool
}

// layer is the layer that is being read.
type layer struct {
	at         int64
	name, kind string
}

// unknown is a type of layers that OpenVINO does not have.
type unknown struct {
	at                  int64
	kind, version, name string
	count               int
}

func (m *model) find(id threat.ID, role finding.Role, at int64, module, operator, evidence, description string) {
	if m.found[id]++; m.found[id] > maxFound {
		return
	}
	f := finding.New(id, at, description)
	f.Role, f.Module, f.Operator, f.Evidence = role, module, operator, source.Evidence(evidence)
	m.s.Find(f)
}

// token follows one token.
func (m *model) token(t xmltokens.Token) error {
	switch t.Kind {
	case xmltokens.Start:
		e := element{name: t.Name, outer: m.layer}
		if m.prose == 0 {
			var err error
			if e.begun, err = m.start(t); err != nil {
				return err
			}
		}
		m.open = append(m.open, e)
		if t.Name == "rt_info" && m.prose == 0 {
			m.prose = len(m.open)
		}
		if t.Empty {
			m.close()
		}
	case xmltokens.End:
		m.close()
	case xmltokens.Text, xmltokens.Instruction, xmltokens.Doctype, xmltokens.Declaration:
	}
	return nil
}

// close follows the end of an element.
func (m *model) close() {
	if len(m.open) == 0 {
		return
	}
	e := m.open[len(m.open)-1]
	if m.prose == len(m.open) {
		m.prose = 0
	}
	m.open = m.open[:len(m.open)-1]
	switch {
	case m.prose > 0:
	case e.begun:
		m.layer = e.outer
	case (e.name == "net" || isBody(e.name)) && len(m.blocks) > 0:
		m.blocks = m.blocks[:len(m.blocks)-1]
	}
}

// within tells whether the innermost element that is open has the name.
func (m *model) within(name string) bool {
	return len(m.open) > 0 && m.open[len(m.open)-1].name == name
}

// isBody tells whether an element is a network within a layer.
func isBody(name string) bool { return name == "body" || name == "then_body" || name == "else_body" }

// start follows the beginning of an element outside of prose, and tells whether it is a layer.
func (m *model) start(t xmltokens.Token) (begun bool, err error) {
	m.twice(t)
	if len(m.open) == 0 {
		m.root(t)
	}
	switch {
	case t.Name == "net" || isBody(t.Name):
		m.blocks = append(m.blocks, &block{ids: map[string]bool{}})
	case t.Name == "layer" && m.within("layers"):
		return true, m.begin(t)
	case t.Name == "edge" && m.within("edges"): // those within back_edges lead between layers of a body
		m.edge(t)
	case m.layer != nil:
		m.attributes(t)
		m.data(t)
	}
	return false, nil
}

// root judges the root element: one of a model, and the only one.
func (m *model) root(t xmltokens.Token) {
	if m.roots++; m.roots > 1 {
		m.find(threat.MGFMT403, finding.RoleStructure, t.At, "", "", t.Name, "The document has a second root, which some readers take and others do not.")
		return
	}
	version, err := strconv.Atoi(t.Attr("version"))
	if m.version = version; err != nil || version < 1 {
		m.find(threat.MGFMT400, finding.RoleStructure, t.At, "", "", t.Attr("version"), "The version of the format is no number.")
	}
}

// twice finds attributes that stand twice in one element. Readers differ in which they take.
func (m *model) twice(t xmltokens.Token) {
	for i, a := range t.Attributes {
		for _, b := range t.Attributes[:i] {
			if a.Name == b.Name {
				m.find(threat.MGFMT403, finding.RoleStructure, a.At, "", "", a.Name+"="+a.Value, "An attribute stands twice in one element, and readers differ in which they take.")
				return
			}
		}
		if i > 64 {
			return // nothing that matters has that many
		}
	}
}

// finish makes the findings of what was counted, and names the file that the constants lie in.
func (m *model) finish(name string) {
	for _, key := range m.order {
		u := m.unknown[key]
		what := "The layer is of a type that OpenVINO does not have, so an extension that comes from elsewhere runs it"
		if !knownSet(u.version) {
			what = "The layer is of an operation set that is not OpenVINO's, so an extension that comes from elsewhere runs it"
		}
		if u.count > 1 {
			what += fmt.Sprintf("; the model uses it %d times", u.count)
		}
		f := finding.New(threat.MGOP300, u.at, what+".")
		f.Role, f.Module, f.Operator, f.Evidence = finding.RoleOperator, u.version, u.kind, source.Evidence(u.name)
		m.s.Find(f)
	}
	if base := path.Base(name); m.end > 0 && base != "." {
		m.s.Refer(finding.Reference{Kind: finding.RefFile, Target: strings.TrimSuffix(base, path.Ext(base)) + ".bin", Offset: m.endAt, Need: m.end})
	}
}
