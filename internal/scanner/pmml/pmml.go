// Package pmml scans models in the Predictive Model Markup Language (Data Mining Group, PMML 4.4).
//
// A model is an XML document with the root PMML: a header, a data dictionary, transformations and models, all of which a
// scoring engine computes by itself. Two places lead out of the language: Extension elements, in which some engines keep
// scripts that they run, and functions that are defined outside of the document. What the document itself declares, such as
// entities, is for the scanner of XML to judge.
package pmml

import (
	"context"
	"errors"
	"io"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/xmltokens"
	"modelgate/internal/threat"
)

// maxFound is how many findings are made of one model.
const maxFound = 50

// Probe accepts documents whose root is PMML.
func Probe(f *source.File) (bool, error) {
	root, err := xmltokens.RootOf(f)
	return local(root) == "PMML", err
}

// Scan reads the document once.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("pmml")
	r, err := xmltokens.New(f)
	if err != nil {
		return err
	}
	m := &model{sink: s}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		m.token(t)
	}
}

// model is what is known of a document while it is read.
type model struct {
	sink   source.Sink
	inside int // elements that are open in an Extension, itself among them
	found  int
}

// token judges one part of the document.
func (m *model) token(t xmltokens.Token) {
	switch t.Kind {
	case xmltokens.Start:
		if m.inside > 0 || local(t.Name) == "Extension" {
			m.extension(t)
			if !t.Empty {
				m.inside++
			}
		}
	case xmltokens.End:
		m.inside = max(0, m.inside-1)
	case xmltokens.Text:
		if m.inside > 0 && isScript(t.Text) {
			m.script(t.At, "", t.Text)
		}
	default:
	}
}

// extension judges an element in an Extension by its attributes.
func (m *model) extension(t xmltokens.Token) {
	for _, a := range t.Attributes {
		if isScript(a.Value) {
			m.script(a.At, a.Name, a.Value)
		}
	}
	if name := strings.ToLower(local(t.Name)); m.inside > 0 && (name == "script" || name == "javascript" || name == "groovy" || name == "python") {
		m.script(t.At, t.Name, t.Name)
	}
}

// isScript tells whether a value is code of a language that engines run. A name of a class or a word alone is none.
func isScript(value string) bool {
	for _, mark := range []string{
		"Runtime.getRuntime", "java.lang.Runtime", "ProcessBuilder", "javax.script", "java.net.URLClassLoader", "Class.forName(",
		"__import__(", "os.system(", "subprocess.", "eval(", "exec(", "function(", "<script", "javascript:", "#!/", "Java.type(", "system(",
	} {
		if strings.Contains(value, mark) {
			return true
		}
	}
	return false
}

func (m *model) script(at int64, name, value string) {
	if m.found++; m.found > maxFound {
		return
	}
	f := finding.New(threat.MGXML101, at, "An extension of the model holds a script, which some engines run.")
	f.Role, f.Operator, f.Evidence = finding.RoleStructure, name, source.Evidence(value)
	m.sink.Find(f)
}

// local is the name of an element without its prefix.
func local(name string) string { return name[strings.LastIndexByte(name, ':')+1:] }
