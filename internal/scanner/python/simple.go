package python

import "slices"

// simpleLine reads statements without blocks up to the end of the line.
func (p *parser) simpleLine() ([]*stmt, error) {
	var out []*stmt
	for {
		if p.peek().kind == tokNewline {
			p.pos++
			return out, nil
		}
		s, err := p.simple()
		if s != nil {
			out = append(out, s)
		}
		if err != nil {
			return out, err
		}
		if !p.take(";") {
			if k := p.peek().kind; k != tokNewline && k != tokEnd {
				return out, p.fault("more than a statement on a line")
			}
		}
		if p.peek().kind == tokEnd {
			return out, nil
		}
	}
}

// simple reads one statement without a block.
func (p *parser) simple() (*stmt, error) {
	t := p.peek()
	s := &stmt{kind: sExpr, at: t.at}
	if t.kind == tokName {
		switch t.text {
		case "import":
			p.pos++
			return s, p.imports(s)
		case "from":
			p.pos++
			return s, p.fromImport(s)
		case "pass", "break", "continue":
			p.pos++
			return s, nil
		case "global", "nonlocal":
			for k := p.peek().kind; k != tokNewline && k != tokEnd && !p.is(";"); k = p.peek().kind {
				p.pos++
			}
			return s, nil
		case "return", "raise", "del", "assert":
			if p.pos++; t.text == "return" {
				s.kind = sReturn
			}
			return s, p.values(s)
		case "type":
			if p.ahead(1).kind == tokName && (p.ahead(2).text == "=" || p.ahead(2).text == "[") {
				p.pos += 2
				if err := p.typeParams(); err != nil {
					return s, err
				}
				p.pos++
				return s, p.values(s)
			}
		}
	}
	return s, p.assignment(s)
}

// values reads expressions up to the end of the statement.
func (p *parser) values(s *stmt) error {
	for p.starts() || p.is("not") || p.is("lambda") {
		e, err := p.tuple()
		s.exprs = append(s.exprs, e)
		if err != nil {
			return err
		}
		if !p.take(",") && !p.take("from") {
			break
		}
	}
	return nil
}

// augmented are the operators that assign.
var augmented = []string{"+=", "-=", "*=", "/=", "//=", "%=", "@=", "&=", "|=", "^=", ">>=", "<<=", "**="}

// assignment reads an expression, and what is assigned to it if anything is.
func (p *parser) assignment(s *stmt) error {
	e, err := p.tuple()
	if err != nil {
		s.exprs = append(s.exprs, e)
		return err
	}
	if p.take(":") {
		annotation, err := p.expression()
		if err != nil {
			return err
		}
		s.kind, s.targets = sAssign, []*node{e}
		s.exprs = []*node{{kind: kOther, at: s.at}}
		if p.take("=") {
			v, err := p.tuple()
			s.exprs = []*node{v}
			if err != nil {
				return err
			}
		}
		s.exprs = append(s.exprs, annotation)
		return nil
	}
	if t := p.peek(); t.kind == tokOp && slices.Contains(augmented, t.text) {
		p.pos++
		v, err := p.tuple()
		s.kind, s.targets = sAssign, []*node{e}
		s.exprs = []*node{{kind: kBinary, at: t.at, name: t.text[:len(t.text)-1], kids: []*node{e, v}}}
		return err
	}
	for p.take("=") {
		s.kind = sAssign
		s.targets = append(s.targets, e)
		if e, err = p.tuple(); err != nil {
			s.exprs = append(s.exprs, e)
			return err
		}
	}
	s.exprs = append(s.exprs, e)
	return nil
}

// dotted reads a module's name.
func (p *parser) dotted() (string, error) {
	t := p.next()
	if t.kind != tokName {
		p.pos--
		return "", p.fault("expected a name")
	}
	name := t.text
	for p.take(".") {
		name += "." + p.next().text
		if len(name) > maxFolded {
			return "", p.fault("a name too long")
		}
	}
	return name, nil
}

func (p *parser) imports(s *stmt) error {
	s.kind = sImport
	for {
		a := alias{at: p.peek().at}
		var err error
		if a.name, err = p.dotted(); err != nil {
			return err
		}
		if p.take("as") {
			a.as = p.next().text
		}
		p.nodes += importNodes
		s.names = append(s.names, a)
		if !p.take(",") {
			return nil
		}
	}
}

func (p *parser) fromImport(s *stmt) error {
	s.kind = sFrom
	for p.is(".") || p.is("...") {
		for range p.next().text {
			s.level = min(s.level+1, distant)
		}
	}
	if !p.is("import") {
		var err error
		if s.name, err = p.dotted(); err != nil {
			return err
		}
	}
	if err := p.expect("import"); err != nil {
		return err
	}
	paren := p.take("(")
	for !p.is(")") {
		t := p.next()
		if t.kind != tokName && t.text != "*" {
			p.pos--
			return p.fault("expected a name")
		}
		a := alias{name: t.text, at: t.at}
		if p.take("as") {
			a.as = p.next().text
		}
		p.nodes += importNodes
		s.names = append(s.names, a)
		if !p.take(",") {
			break
		}
	}
	if paren {
		return p.expect(")")
	}
	return nil
}
