package python

import "slices"

// maxFaults is how many statements that cannot be read are skipped before the rest of a source is given up.
const maxFaults = 20

// importNodes is for how many nodes a name that is imported counts by its size.
const importNodes = 2

// statementNodes is for how many nodes more than one a statement counts by its size.
const statementNodes = 2

// parse returns the tree of a source. Statements that cannot be read are skipped; the
// first fault is returned beside what was read.
func parse(text string) ([]*stmt, error) {
	p := &parser{in: newLexer(text), end: int64(len(text))}
	var first error
	faults := 0
	var out []*stmt
	for p.peek().kind != tokEnd && faults < maxFaults {
		list, err := p.statement()
		out = append(out, list...)
		if err != nil {
			if faults++; first == nil {
				first = err
			}
			p.depth = 0
			p.recover()
		}
	}
	if p.in.err != nil {
		first = p.in.err
	}
	return out, first
}

// recover goes past the rest of a logical line.
func (p *parser) recover() {
	for {
		switch t := p.next(); t.kind {
		case tokNewline, tokEnd:
			return
		}
	}
}

// statement reads a statement, or several on one line. On a fault it returns what it has.
func (p *parser) statement() ([]*stmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.nodes += statementNodes
	t := p.peek()
	switch t.kind {
	case tokNewline, tokIndent, tokDedent:
		p.pos++
		return nil, nil
	case tokName:
		if s, err, ok := p.compound(t); ok {
			if s == nil {
				return nil, err
			}
			return []*stmt{s}, err
		}
	case tokOp:
		if t.text == "@" {
			s, err := p.decorated()
			return []*stmt{s}, err
		}
	}
	return p.simpleLine()
}

// compound reads a statement with a block; ok is false if there is none.
func (p *parser) compound(t token) (s *stmt, err error, ok bool) {
	s = &stmt{kind: sBlock, at: t.at}
	switch t.text {
	case "if", "while", "elif":
		p.pos++
		if t.text != "while" {
			s.kind = sIf
		}
		return s, p.headed(s), true
	case "for":
		p.pos++
		return s, p.forLoop(s), true
	case "try", "else", "finally":
		p.pos++
		return s, p.suites(s), true
	case "except":
		p.pos++
		p.take("*")
		return s, p.except(s), true
	case "with":
		p.pos++
		return s, p.with(s), true
	case "def":
		p.pos++
		return s, p.def(s), true
	case "class":
		p.pos++
		return s, p.class(s), true
	case "async":
		if n := p.ahead(1); n.kind == tokName && (n.text == "def" || n.text == "for" || n.text == "with") {
			p.pos++
			return p.compound(p.peek())
		}
	case "match":
		if p.isMatch() {
			p.pos++
			return s, p.match(s), true
		}
	}
	return nil, nil, false
}

// headed reads what follows if and while.
func (p *parser) headed(s *stmt) error {
	test, err := p.expression()
	s.exprs = append(s.exprs, test)
	if err != nil {
		return err
	}
	return p.suites(s)
}

func (p *parser) forLoop(s *stmt) error {
	s.kind = sFor
	target, err := p.targetList()
	s.targets = []*node{target}
	if err != nil {
		return err
	}
	if err := p.expect("in"); err != nil {
		return err
	}
	iter, err := p.tuple()
	s.exprs = []*node{iter}
	if err != nil {
		return err
	}
	return p.suites(s)
}

// suites reads a block and the clauses that continue its statement, which count as its else.
func (p *parser) suites(s *stmt) error {
	body, err := p.suite()
	s.body = body
	if err != nil {
		return err
	}
	for p.is("else") || p.is("elif") || p.is("except") || p.is("finally") {
		more, err, _ := p.compound(p.peek())
		if more != nil {
			s.orelse = append(s.orelse, more)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) except(s *stmt) error {
	for !p.is(":") {
		e, err := p.tuple()
		s.exprs = append(s.exprs, e)
		if err != nil {
			return err
		}
		if p.take("as") {
			t := p.next()
			s.targets = append(s.targets, &node{kind: kName, at: t.at, name: t.text})
		}
	}
	body, err := p.suite()
	s.body = body
	return err
}

// with reads the managers, with or without parentheses around them.
func (p *parser) with(s *stmt) error {
	paren := p.is("(") && p.parenthesized()
	if paren {
		p.pos++
	}
	for {
		e, err := p.expression()
		s.exprs = append(s.exprs, e)
		if err != nil {
			return err
		}
		var target *node
		if p.take("as") {
			if target, err = p.binary(3); err != nil {
				return err
			}
		}
		s.targets = append(s.targets, target)
		if !p.take(",") || p.is(")") {
			break
		}
	}
	if paren {
		if err := p.expect(")"); err != nil {
			return err
		}
	}
	return p.suites(s)
}

// parenthesized tells whether the parenthesis that follows with holds managers: the one that closes it stands before the
// colon, and an "as" or a comma is directly in it.
func (p *parser) parenthesized() bool {
	depth, named := 0, false
	for i := 0; ; i++ {
		switch t := p.ahead(i); {
		case t.kind == tokEnd:
			return false
		case t.kind == tokOp && (t.text == "(" || t.text == "[" || t.text == "{"):
			depth++
		case t.kind == tokOp && (t.text == ")" || t.text == "]" || t.text == "}"):
			if depth--; depth == 0 {
				return named && p.ahead(i+1).text == ":"
			}
		case depth == 1 && (t.kind == tokName && t.text == "as" || t.kind == tokOp && t.text == ","):
			named = true
		}
	}
}

// suite reads a colon and the block behind it.
func (p *parser) suite() ([]*stmt, error) {
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	if p.peek().kind != tokNewline {
		return p.simpleLine()
	}
	p.pos++
	if p.peek().kind != tokIndent {
		return nil, p.fault("expected a block")
	}
	p.pos++
	var out []*stmt
	var first error
	for faults := 0; ; {
		switch p.peek().kind {
		case tokDedent:
			p.pos++
			return out, first
		case tokEnd:
			return out, first
		}
		depth := p.depth
		list, err := p.statement()
		out = append(out, list...)
		if err != nil {
			if first == nil {
				first = err
			}
			if faults++; faults > maxFaults {
				return out, first
			}
			p.depth = depth
			p.recover()
		}
	}
}

func (p *parser) decorated() (*stmt, error) {
	var decorators []*node
	for p.take("@") {
		e, err := p.expression()
		if err != nil {
			return &stmt{kind: sExpr, exprs: []*node{e}}, err
		}
		decorators = append(decorators, e)
		if p.peek().kind == tokNewline {
			p.pos++
		}
	}
	s, err, ok := p.compound(p.peek())
	if !ok || s == nil {
		s = &stmt{kind: sExpr, exprs: decorators}
		return s, p.fault("decorators of nothing")
	}
	if s.head == nil {
		s.head = &head{}
	}
	s.head.decorators = decorators
	return s, err
}

func (p *parser) def(s *stmt) error {
	s.kind, s.head = sDef, &head{}
	s.name = p.next().text
	if err := p.typeParams(); err != nil {
		return err
	}
	if err := p.expect("("); err != nil {
		return err
	}
	var err error
	if s.head.params, err = p.params(")"); err != nil {
		return err
	}
	if p.take("->") {
		e, err := p.expression()
		s.exprs = append(s.exprs, e)
		if err != nil {
			return err
		}
	}
	s.body, err = p.suite()
	return err
}

// typeParams goes past the parameters of a generic.
func (p *parser) typeParams() error {
	if !p.take("[") {
		return nil
	}
	for depth := 1; depth > 0; {
		switch t := p.next(); {
		case t.kind == tokEnd:
			return p.fault("a bracket is not closed")
		case t.kind == tokOp && t.text == "[":
			depth++
		case t.kind == tokOp && t.text == "]":
			depth--
		}
	}
	return nil
}

func (p *parser) class(s *stmt) error {
	s.kind, s.head = sClass, &head{}
	s.name = p.next().text
	if err := p.typeParams(); err != nil {
		return err
	}
	var err error
	if p.is("(") {
		if s.head.args, err = p.arguments(); err != nil {
			return err
		}
	}
	s.body, err = p.suite()
	return err
}

// params reads parameters up to the closing token, a parenthesis or the colon of a lambda.
func (p *parser) params(end string) ([]param, error) {
	var out []param
	star := false
	for !p.take(end) {
		if p.take("*") || p.take("**") {
			star = true
			continue
		}
		if p.take(",") || p.take("/") {
			star = false
			continue
		}
		t := p.next()
		if t.kind != tokName {
			p.pos--
			return out, p.fault("expected a parameter")
		}
		q := param{name: t.text, star: star}
		var err error
		if end == ")" && p.take(":") {
			if q.annotation, err = p.starred(); err != nil {
				return out, err
			}
		}
		if p.take("=") {
			if q.value, err = p.expression(); err != nil {
				return out, err
			}
		}
		out = append(out, q)
	}
	return out, nil
}

// isMatch tells whether a line that begins with match is a match statement: a block that begins with case follows.
func (p *parser) isMatch() bool {
	if n := p.ahead(1); n.kind == tokNewline || n.kind == tokOp && slices.Contains([]string{"=", ".", ",", ")", ":"}, n.text) {
		return false
	}
	for i := 1; ; i++ {
		switch p.ahead(i).kind {
		case tokEnd:
			return false
		case tokNewline:
			return p.ahead(i-1).text == ":" && p.ahead(i+1).kind == tokIndent && p.ahead(i+2).text == "case"
		}
	}
}

// match reads a match statement. Patterns hold no calls, so only the names that they capture and the guards are read.
func (p *parser) match(s *stmt) error {
	s.kind = sMatch
	subject, err := p.tuple()
	s.exprs = []*node{subject}
	if err == nil {
		err = p.expect(":")
	}
	if err != nil {
		return err
	}
	p.pos += 2 // newline and indentation
	for p.take("case") {
		c := &stmt{kind: sIf, at: p.peek().at}
		for depth := 0; depth > 0 || !p.is(":") && !p.is("if"); {
			switch t := p.next(); {
			case t.kind == tokEnd || t.kind == tokNewline:
				return p.fault("a pattern does not end")
			case t.kind == tokOp && (t.text == "(" || t.text == "[" || t.text == "{"):
				depth++
			case t.kind == tokOp && (t.text == ")" || t.text == "]" || t.text == "}"):
				depth--
			case t.kind == tokName && p.captures(t):
				c.names = append(c.names, alias{name: t.text, at: t.at})
			}
		}
		if p.take("if") {
			guard, err := p.expression()
			c.exprs = append(c.exprs, guard)
			if err != nil {
				return err
			}
		}
		c.body, err = p.suite()
		s.body = append(s.body, c)
		if err != nil {
			return err
		}
	}
	if p.peek().kind == tokDedent {
		p.pos++
	}
	return nil
}

// captures tells whether the name before the next token of a pattern takes what it is matched with.
func (p *parser) captures(t token) bool {
	if before := p.in.tokens[p.pos-2]; before.kind == tokOp && before.text == "." {
		return false
	}
	return t.text != "_" && !keywords[t.text] && !p.is(".") && !p.is("(") && !p.is("=")
}
