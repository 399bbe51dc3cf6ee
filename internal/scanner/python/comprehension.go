package python

// arguments reads the arguments of a call with their parentheses.
func (p *parser) arguments() ([]arg, error) {
	var out []arg
	if err := p.expect("("); err != nil {
		return nil, err
	}
	for !p.take(")") {
		if len(out) > 0 {
			if err := p.expect(","); err != nil {
				return out, err
			}
			if p.take(")") {
				break
			}
		}
		var a arg
		if p.take("*") || p.take("**") {
			a.star = true
		} else if p.peek().kind == tokName && p.ahead(1).kind == tokOp && p.ahead(1).text == "=" {
			a.name = p.next().text
			p.pos++
		}
		e, err := p.expression()
		if err == nil && p.comprehends() {
			e, err = p.comprehension(&node{kind: kComp, at: e.at, kids: []*node{e}})
		}
		if e != nil {
			a.value = e
			out = append(out, a)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

func (p *parser) comprehends() bool {
	return p.is("for") || p.is("async") && p.ahead(1).text == "for"
}

// comprehension reads the clauses behind the element.
func (p *parser) comprehension(e *node) (*node, error) {
	e.scope = &scope{}
	for p.comprehends() {
		p.take("async")
		p.pos++
		var c clause
		var err error
		if c.target, err = p.targetList(); err != nil {
			return e, err
		}
		if err := p.expect("in"); err != nil {
			return e, err
		}
		if c.iter, err = p.binary(0); err != nil {
			return e, err
		}
		if p.is("if") && p.conditional() {
			// "for x in a if b else c" is one iterable
			if c.iter, err = p.ternary(c.iter); err != nil {
				return e, err
			}
		}
		for p.take("if") {
			test, err := p.binaryOrNamed()
			c.ifs = append(c.ifs, test)
			if err != nil {
				return e, err
			}
		}
		e.clauses = append(e.clauses, c)
	}
	return e, nil
}

// conditional tells whether an if that follows has an else before the brackets around it close.
func (p *parser) conditional() bool {
	depth := 0
	for i := 1; ; i++ {
		switch t := p.ahead(i); {
		case t.kind == tokEnd:
			return false
		case t.kind == tokOp && (t.text == "(" || t.text == "[" || t.text == "{"):
			depth++
		case t.kind == tokOp && (t.text == ")" || t.text == "]" || t.text == "}"):
			if depth--; depth < 0 {
				return false
			}
		case depth == 0 && t.kind == tokName && t.text == "else":
			return true
		case depth == 0 && t.kind == tokName && (t.text == "if" || t.text == "for"):
			return false
		}
	}
}

func (p *parser) ternary(then *node) (*node, error) {
	c := &node{kind: kIf, at: p.next().at, kids: []*node{nil, then, nil}}
	var err error
	if c.kids[0], err = p.binary(0); err != nil {
		return c, err
	}
	if err := p.expect("else"); err != nil {
		return c, err
	}
	c.kids[2], err = p.expression()
	return c, err
}

func (p *parser) binaryOrNamed() (*node, error) {
	if p.ahead(1).text == ":=" || p.is("lambda") {
		return p.expression()
	}
	return p.binary(0)
}

// targetList reads what a for assigns to.
func (p *parser) targetList() (*node, error) {
	list := &node{kind: kList, at: p.peek().at}
	for {
		star := p.take("*")
		e, err := p.binary(3)
		if err != nil {
			return list, err
		}
		if star {
			e = &node{kind: kStar, at: e.at, kids: []*node{e}}
		}
		list.kids = append(list.kids, e)
		if !p.take(",") || p.is("in") {
			break
		}
	}
	if len(list.kids) == 1 {
		return list.kids[0], nil
	}
	return list, nil
}
