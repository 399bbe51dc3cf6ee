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
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// Limits of a document.
const (
	maxDepth      = 1_000
	maxAttributes = 10_000
	maxType       = 64 << 10 // bytes of a document type that are judged
	maxName       = 1_000
)

// Probe accepts files that begin as XML does, and those whose name says that they are.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	text := strings.TrimLeft(start(head), " \t\r\n")
	for _, begin := range []string{"<?xml", "<!DOCTYPE", "<!doctype", "<!ENTITY"} {
		if strings.HasPrefix(text, begin) {
			return true, nil
		}
	}
	if !strings.HasPrefix(text, "<") || len(text) < 2 {
		return false, nil
	}
	name, _, _ := strings.Cut(text[1:], ">")
	name, _, _ = strings.Cut(name, " ")
	return source.Role(f.Path) == source.RoleXML || name == "net" || name == "PMML", nil
}

// start is the beginning of a text as UTF-8, enough to see what it is.
func start(head []byte) string {
	const enough = 512
	d := newDecoder(bytes.NewReader(head[:min(len(head), 2*enough)]), head)
	var b strings.Builder
	for b.Len() < enough {
		c, err := d.ReadByte()
		if err != nil {
			break
		}
		b.WriteByte(c)
	}
	return b.String()
}

// Scan reads a document to its end, or to its document type.
func Scan(ctx context.Context, f *source.File, s source.Sink) error {
	s.Format("xml")
	size, err := f.Size()
	if err != nil {
		return err
	}
	head, err := f.Head()
	if err != nil {
		return err
	}
	in := source.NewForward(f, 0, size)
	p := &parser{ctx: ctx, in: newDecoder(in, head), sink: s, page: strings.Contains(strings.ToLower(path.Ext(f.Path)), "html")}
	err = p.document()
	if fault := in.Fault(); fault != nil {
		return fault
	}
	switch {
	case errors.Is(err, errStop):
		return nil
	case errors.Is(err, io.EOF) && p.page:
		return nil // HTML need not close what it opens
	case errors.Is(err, io.EOF) && (p.depth > 0 || p.inside):
		return source.Malformedf(p.in.at, "the document ends inside an element")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

// errStop ends the reading of a document.
var errStop = errors.New("stop")

// parser reads tokens.
type parser struct {
	ctx    context.Context
	in     *decoder
	sink   source.Sink
	depth  int
	inside bool // a token has begun and not ended
	page   bool // of HTML, whose grammar is another
	steps  int
}

// document reads tokens until the end.
func (p *parser) document() error {
	for {
		p.inside = false
		c, err := p.in.ReadByte()
		if err != nil {
			return err
		}
		if c != '<' {
			continue
		}
		if p.steps++; p.steps%4096 == 0 && p.ctx.Err() != nil {
			return p.ctx.Err()
		}
		p.inside = true
		if err := p.token(); err != nil {
			return err
		}
	}
}

// token reads what follows a "<".
func (p *parser) token() error {
	c, err := p.in.ReadByte()
	if err != nil {
		return err
	}
	switch c {
	case '?':
		return p.instruction()
	case '!':
		return p.declaration()
	case '/':
		p.depth--
		return p.until(">")
	default:
		return p.element(c)
	}
}

// until skips to behind the given text.
func (p *parser) until(text string) error {
	matched := 0
	for matched < len(text) {
		c, err := p.in.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case text[matched]:
			matched++
		case text[0]: // "-->" may follow more dashes
			if matched != 2 || text[1] != c {
				matched = 1
			}
		default:
			matched = 0
		}
	}
	return nil
}

// element reads a start tag, whose first byte is given.
func (p *parser) element(first byte) error {
	quote, last := byte(0), first
	attributes := 0
	name := []byte{first}
	named := false
	for c := first; ; {
		var err error
		last = c
		if c, err = p.in.ReadByte(); err != nil {
			return err
		}
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
			continue
		case c == '"' || c == '\'':
			quote, named = c, true
		case c == '=':
			if attributes++; attributes > maxAttributes {
				return fmt.Errorf("an element of more than %d attributes: %w", maxAttributes, source.ErrBudget)
			}
		case c == '>':
			p.page = p.page || p.depth == 0 && strings.EqualFold(string(name), "html")
			if last != '/' {
				p.depth++
			}
			if p.depth > maxDepth && !p.page {
				return fmt.Errorf("elements nested deeper than %d: %w", maxDepth, source.ErrBudget)
			}
			return nil
		case c <= ' ' || c == '/':
			named = true
		}
		if !named && len(name) < maxName {
			name = append(name, c)
		}
	}
}

// instruction reads a processing instruction; that of the document itself states an encoding.
func (p *parser) instruction() error {
	var text []byte
	for {
		c, err := p.in.ReadByte()
		if err != nil {
			return err
		}
		if c == '>' && len(text) > 0 && text[len(text)-1] == '?' {
			break
		}
		if len(text) < maxName {
			text = append(text, c)
		} else {
			text[len(text)-1] = c
		}
	}
	if !bytes.HasPrefix(text, []byte("xml")) {
		return nil
	}
	if name := encoding(string(text)); name != "" && !plainEncoding(name) {
		f := finding.New(threat.MGXML101, 0, "The document is in an encoding that hides what it declares.")
		f.Role, f.Operator, f.Evidence = finding.RoleStructure, name, source.Evidence(string(text))
		p.sink.Find(f)
	}
	return nil
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

// declaration reads what follows "<!": a comment, character data, or a document type.
func (p *parser) declaration() error {
	at := p.in.at - 2
	var begin []byte
	for len(begin) < 7 {
		c, err := p.in.ReadByte()
		if err != nil {
			return err
		}
		begin = append(begin, c)
		switch {
		case string(begin) == "--":
			return p.until("-->")
		case string(begin) == "[CDATA[":
			return p.until("]]>")
		}
	}
	if !strings.EqualFold(string(begin), "doctype") {
		f := finding.New(threat.MGXML101, at, "The document declares something outside a document type.")
		f.Role, f.Evidence = finding.RoleStructure, source.Evidence("<!"+string(begin))
		p.sink.Find(f)
		return errStop
	}
	return p.doctype(at)
}

// doctype judges a document type, and stops unless it is one of those that declare nothing.
func (p *parser) doctype(at int64) error {
	text, subset, err := p.doctypeText()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if subset == "" && err == nil && harmless(text) {
		p.page = p.page || strings.HasPrefix(strings.ToLower(strings.TrimSpace(text)), "html")
		return nil
	}
	id, what := threat.MGXML101, "The document has a document type, which no model needs."
	switch upper := strings.ToUpper(subset); {
	case external(upper):
		id, what = threat.MGXML100, "The document declares an external or parameter entity, which a parser would fetch."
	case strings.Contains(upper, "<!ENTITY"):
		what = "The document declares entities, which a parser would expand."
	}
	f := finding.New(id, at, what)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence("<!DOCTYPE"+text+subset)
	p.sink.Find(f)
	return errStop
}

// doctypeText reads a document type up to its end: what stands in front of the brackets, and what within.
func (p *parser) doctypeText() (text, subset string, err error) {
	var out, in strings.Builder
	brackets, quote := 0, byte(0)
	for out.Len()+in.Len() < maxType {
		c, err := p.in.ReadByte()
		if err != nil {
			return out.String(), in.String(), err
		}
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			brackets++
		case c == '>' && brackets == 0:
			return out.String(), in.String(), nil
		}
		if brackets == 0 {
			out.WriteByte(c)
		} else {
			in.WriteByte(c)
		}
		if c == ']' && quote == 0 {
			brackets--
		}
	}
	return out.String(), in.String(), nil
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
