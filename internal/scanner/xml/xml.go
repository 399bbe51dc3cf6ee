// Package xml judges what an XML parser would do beyond reading: fetch entities and expand them (XML 1.0, sections 2.8, 4.1 and
// 4.2). Models in XML are OpenVINO's and PMML; none needs a document type.
//
//	<?xml version="1.0"?>
//	<!DOCTYPE name PUBLIC "id" "address" [ <!ENTITY name "text"> <!ENTITY name SYSTEM "address"> <!ENTITY % name "…"> ]>
//	<root> … </root>
//
// The text is read as a stream of tokens, in UTF-8 or UTF-16 as its first bytes say. A document type ends the reading: what
// follows depends on it. Two are let pass, since they come with pictures, pages and settings that are no models: those of HTML,
// SVG and property lists, if they declare nothing.
package xml

import (
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/xmltokens"
	"modelgate/internal/threat"
)

// Probe accepts files that begin as XML does, those whose root element is that of a model, and those whose name says that they are XML.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	beginning := xmltokens.Beginning(head)
	text := strings.TrimLeft(beginning, " \t\r\n")
	for _, begin := range []string{"<?xml", "<!DOCTYPE", "<!doctype", "<!ENTITY"} {
		if strings.HasPrefix(text, begin) {
			return true, nil
		}
	}
	if !strings.HasPrefix(text, "<") || len(text) < 2 {
		return false, nil
	}
	root := xmltokens.Root(beginning)
	return source.Role(f.Path) == source.RoleXML || root == "net" || root == "PMML", nil
}

// Scan reads a document to its end, or to its document type.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("xml")
	in, err := xmltokens.New(f)
	if err != nil {
		return err
	}
	in.Page = strings.Contains(strings.ToLower(path.Ext(f.Path)), "html")
	for steps := 1; ; steps++ {
		if steps%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch t.Kind {
		case xmltokens.Instruction:
			instruction(s, t)
		case xmltokens.Declaration:
			find(s, threat.MGXML101, t.At, "<!"+t.Text, "The document declares something outside a document type.")
			return nil
		case xmltokens.Doctype:
			if !doctype(s, t) {
				return nil
			}
			in.Page = in.Page || strings.HasPrefix(strings.ToLower(strings.TrimSpace(t.Text)), "html")
		case xmltokens.Start, xmltokens.End, xmltokens.Text:
		}
	}
}

func find(s source.Sink, id threat.ID, at int64, evidence, description string) {
	f := finding.New(id, at, description)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	s.Find(f)
}

// instruction judges the encoding that a document states for itself.
func instruction(s source.Sink, t xmltokens.Token) {
	if !strings.HasPrefix(t.Text, "xml") {
		return
	}
	if name := encoding(t.Text); name != "" && !plainEncoding(name) {
		f := finding.New(threat.MGXML101, t.At, "The document is in an encoding that hides what it declares.")
		f.Role, f.Operator, f.Evidence = finding.RoleStructure, name, source.Evidence("<?"+t.Text+"?>")
		s.Find(f)
	}
}

// encoding is the one that a declaration states, in lower case.
func encoding(text string) string {
	_, rest, ok := strings.Cut(text, "encoding")
	if !ok {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t\r\n=")
	if rest == "" {
		return ""
	}
	name, _, _ := strings.Cut(rest[1:], rest[:1])
	return strings.ToLower(name)
}

// plainEncoding tells whether letters of ASCII are themselves in an encoding, or it is UTF-16, which is read as what it is.
func plainEncoding(name string) bool {
	for _, prefix := range []string{"utf-8", "utf8", "utf-16", "us-ascii", "ascii", "iso-8859-", "windows-125", "koi8", "gb", "big5", "euc-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// doctype judges a document type, and tells whether it is one of those that declare nothing, so that reading may go on.
func doctype(s source.Sink, t xmltokens.Token) bool {
	if t.Subset == "" && harmless(t.Text) {
		return true
	}
	id, what := threat.MGXML101, "The document has a document type, which no model needs."
	switch upper := strings.ToUpper(t.Subset); {
	case external(upper):
		id, what = threat.MGXML100, "The document declares an external or parameter entity, which a parser would fetch."
	case strings.Contains(upper, "<!ENTITY"):
		what = "The document declares entities, which a parser would expand."
	}
	find(s, id, t.At, "<!DOCTYPE"+t.Text+t.Subset, what)
	return false
}

// external tells whether a subset, in capitals, has an entity whose text lies elsewhere, or a parameter entity.
func external(subset string) bool {
	for _, decl := range strings.Split(subset, "<!")[1:] {
		fields := strings.Fields(decl)
		if len(fields) < 3 || fields[0] != "ENTITY" {
			continue
		}
		if strings.HasPrefix(fields[1], "%") || strings.HasPrefix(fields[2], "SYSTEM") || strings.HasPrefix(fields[2], "PUBLIC") {
			return true
		}
	}
	return strings.Contains(subset, "<!ENTITY%")
}

// harmless tells whether a document type without brackets is one of pages, pictures and settings.
func harmless(text string) bool {
	fields := strings.Fields(text)
	if len(fields) == 0 {
		return false
	}
	lower := strings.ToLower(strings.Join(fields, " "))
	switch strings.ToLower(fields[0]) {
	case "html":
		return len(fields) == 1 || strings.Contains(lower, "//w3c//dtd ") || strings.Contains(lower, "about:legacy-compat")
	case "svg":
		return strings.Contains(lower, "//w3c//dtd svg") && strings.Contains(lower, "://www.w3.org/")
	case "plist":
		return strings.Contains(lower, "//apple") && strings.Contains(lower, "://www.apple.com/dtds/")
	}
	return false
}
