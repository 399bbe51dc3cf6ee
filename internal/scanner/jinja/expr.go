package jinja

import "slices"

// tuple reads one expression, or several with commas between them, which are a tuple. Without conditional, an if that follows
// is left to the caller.
func (p *parser) tuple(conditional bool) (*expr, error) {
	t := p.peek()
	one := p.expression
	if !conditional {
		one = p.or
	}
	first, err := one()
	if err != nil || !p.is(tokOp, ",") {
		return first, err
	}
	list := &expr{kind: exList, at: t.at, kids: []*expr{first}}
	for p.take(tokOp, ",") {
		if k := p.peek().kind; k == tokClose || k == tokEnd {
			break
		}
		e, err := one()
		if e != nil {
			list.kids = append(list.kids, e)
		}
		if err != nil {
			return list, err
		}
	}
	return list, nil
}

// expression reads an expression, with a condition behind it if there is one.
func (p *parser) expression() (*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	e, err := p.or()
	for err == nil && p.is(tokName, "if") {
		c := &expr{kind: exCondition, at: p.next().at, kids: []*expr{nil, e, nil}}
		e = c
		if c.kids[0], err = p.or(); err != nil {
			break
		}
		if p.take(tokName, "else") {
			c.kids[2], err = p.expression()
		}
	}
	return e, err
}

// binary reads operands of the next level with operators between them, from left to right. On a fault it returns what it
// has.
func (p *parser) binary(next func() (*expr, error), kind exprKind, operator func() string) (*expr, error) {
	left, err := next()
	for err == nil {
		at := p.peek().at
		op := operator()
		if op == "" {
			break
		}
		p.nodes++
		var right *expr
		right, err = next()
		left = &expr{kind: kind, at: at, name: op, kids: []*expr{left, right}}
		if p.nodes > maxNodes {
			return left, p.fault("too many nodes")
		}
	}
	return left, err
}

// operator returns a function that goes past one of the given operators and returns it.
func (p *parser) operator(kind tokenKind, ops ...string) func() string {
	return func() string {
		if t := p.peek(); t.kind == kind && slices.Contains(ops, t.text) {
			p.pos++
			return t.text
		}
		return ""
	}
}

func (p *parser) or() (*expr, error) { return p.binary(p.and, exBinary, p.operator(tokName, "or")) }

func (p *parser) and() (*expr, error) { return p.binary(p.not, exBinary, p.operator(tokName, "and")) }

func (p *parser) not() (*expr, error) {
	if !p.is(tokName, "not") {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	at := p.next().at
	e, err := p.not()
	return &expr{kind: exUnary, at: at, name: "not", kids: []*expr{e}}, err
}

func (p *parser) compare() (*expr, error) {
	symbols := p.operator(tokOp, "==", "!=", "<", "<=", ">", ">=")
	return p.binary(p.sum, exCompare, func() string {
		if p.take(tokName, "in") {
			return "in"
		}
		if p.is(tokName, "not") && p.pos+1 < len(p.tokens) && p.tokens[p.pos+1].text == "in" && p.tokens[p.pos+1].kind == tokName {
			p.pos += 2
			return "not in"
		}
		return symbols()
	})
}

func (p *parser) sum() (*expr, error) {
	return p.binary(p.concat, exBinary, p.operator(tokOp, "+", "-"))
}

func (p *parser) concat() (*expr, error) {
	return p.binary(p.product, exBinary, p.operator(tokOp, "~"))
}

func (p *parser) product() (*expr, error) {
	return p.binary(p.power, exBinary, p.operator(tokOp, "*", "/", "//", "%"))
}

func (p *parser) power() (*expr, error) {
	return p.binary(func() (*expr, error) { return p.unary(true) }, exBinary, p.operator(tokOp, "**"))
}

// unary reads a sign, or an operand with what hangs on it.
func (p *parser) unary(filtered bool) (*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var e *expr
	var err error
	if sign := p.operator(tokOp, "-", "+"); p.is(tokOp, "-") || p.is(tokOp, "+") {
		at := p.peek().at
		op := sign()
		var inner *expr
		inner, err = p.unary(false)
		e = &expr{kind: exUnary, at: at, name: op, kids: []*expr{inner}}
	} else {
		e, err = p.primary()
	}
	if err != nil {
		return e, err
	}
	if e, err = p.postfix(e); err != nil || !filtered {
		return e, err
	}
	return p.filters(e, false)
}

func (p *parser) primary() (*expr, error) {
	t := p.next()
	e := &expr{at: t.at, name: t.text, text: t.text}
	switch {
	case t.kind == tokName:
		e.kind = exName
		return e, nil
	case t.kind == tokString:
		e.kind = exString
		for p.peek().kind == tokString { // adjacent literals are one
			e.text += p.next().text
		}
		return e, nil
	case t.kind == tokNumber:
		e.kind = exNumber
		return e, nil
	case t.kind == tokOp && t.text == "(":
		return p.list(e, ")")
	case t.kind == tokOp && t.text == "[":
		return p.list(e, "]")
	case t.kind == tokOp && t.text == "{":
		return p.dict(e)
	default:
		p.pos--
		return nil, p.fault("expected an expression")
	}
}

// list reads a list or a tuple behind its bracket. One expression in parentheses is itself.
func (p *parser) list(e *expr, end string) (*expr, error) {
	e.kind = exList
	comma := false
	for !p.take(tokOp, end) {
		if len(e.kids) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return e, err
			}
			comma = true
			if p.take(tokOp, end) {
				break
			}
		}
		kid, err := p.expression()
		if kid != nil {
			e.kids = append(e.kids, kid)
		}
		if err != nil {
			return e, err
		}
	}
	if end == ")" && len(e.kids) == 1 && !comma {
		return e.kids[0], nil
	}
	return e, nil
}

func (p *parser) dict(e *expr) (*expr, error) {
	e.kind = exDict
	for !p.take(tokOp, "}") {
		if len(e.kids) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return e, err
			}
			if p.take(tokOp, "}") {
				break
			}
		}
		key, err := p.expression()
		if err == nil {
			err = p.expect(tokOp, ":")
		}
		if err != nil {
			return e, err
		}
		value, err := p.expression()
		if value != nil {
			e.kids = append(e.kids, key, value)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// postfix reads attributes, subscripts and calls.
func (p *parser) postfix(e *expr) (*expr, error) {
	for {
		if p.nodes++; p.nodes > maxNodes {
			return e, p.fault("too many nodes")
		}
		at := p.peek().at
		var err error
		switch {
		case p.take(tokOp, "."):
			t := p.next()
			switch t.kind {
			case tokName:
				e = &expr{kind: exAttr, at: t.at, name: t.text, kids: []*expr{e}}
			case tokNumber:
				e = &expr{kind: exIndex, at: t.at, kids: []*expr{e, {kind: exNumber, at: t.at, text: t.text}}}
			default:
				p.pos--
				return e, p.fault("expected the name of an attribute")
			}
		case p.take(tokOp, "["):
			e = &expr{kind: exIndex, at: at, kids: []*expr{e, nil}}
			e.kids[1], err = p.subscripts()
		case p.is(tokOp, "("):
			e = &expr{kind: exCall, at: at, kids: []*expr{e}}
			e.args, err = p.arguments()
		default:
			return e, nil
		}
		if err != nil {
			return e, err
		}
	}
}

// subscripts reads what stands in the brackets of a subscript, and the closing one.
func (p *parser) subscripts() (*expr, error) {
	list := &expr{kind: exList, at: p.peek().at}
	for !p.take(tokOp, "]") {
		if len(list.kids) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return list, err
			}
		}
		kid, err := p.subscript()
		if kid != nil {
			list.kids = append(list.kids, kid)
		}
		if err != nil {
			return list, err
		}
	}
	if len(list.kids) == 1 {
		return list.kids[0], nil
	}
	return list, nil
}

// subscript reads an index or a slice.
func (p *parser) subscript() (*expr, error) {
	slice := &expr{kind: exSlice, at: p.peek().at, kids: make([]*expr, 3)}
	for i := 0; i < 3; i++ {
		if !p.is(tokOp, ":") && !p.is(tokOp, "]") && !p.is(tokOp, ",") {
			e, err := p.expression()
			if slice.kids[i] = e; err != nil {
				return slice, err
			}
		}
		if !p.take(tokOp, ":") {
			if i == 0 && slice.kids[0] == nil {
				return nil, p.fault("expected a subscript")
			}
			if i == 0 {
				return slice.kids[0], nil
			}
			break
		}
	}
	return slice, nil
}

// arguments reads the arguments of a call with their parentheses.
func (p *parser) arguments() ([]arg, error) {
	var out []arg
	if err := p.expect(tokOp, "("); err != nil {
		return nil, err
	}
	for !p.take(tokOp, ")") {
		if len(out) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return out, err
			}
			if p.take(tokOp, ")") {
				break
			}
		}
		var a arg
		if p.take(tokOp, "*") || p.take(tokOp, "**") {
			a.splat = true
		} else if p.peek().kind == tokName && p.pos+1 < len(p.tokens) && p.tokens[p.pos+1].kind == tokOp && p.tokens[p.pos+1].text == "=" {
			a.name = p.next().text
			p.pos++
		}
		var err error
		a.value, err = p.expression()
		if a.value != nil {
			out = append(out, a)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// dotted reads a name with dots in it, as those of filters and tests may have.
func (p *parser) dotted() (string, error) {
	name, err := p.name()
	for err == nil && p.take(tokOp, ".") {
		var more string
		more, err = p.name()
		name += "." + more
	}
	return name, err
}

// filters reads filters and tests behind an operand. A filter block begins with a name instead of a bar.
func (p *parser) filters(e *expr, begin bool) (*expr, error) {
	for {
		if p.nodes++; p.nodes > maxNodes {
			return e, p.fault("too many nodes")
		}
		at := p.peek().at
		switch {
		case begin || p.take(tokOp, "|"):
			begin = false
			name, err := p.dotted()
			if err != nil {
				return e, err
			}
			e = &expr{kind: exFilter, at: at, name: name, kids: []*expr{e}}
			if p.is(tokOp, "(") {
				if e.args, err = p.arguments(); err != nil {
					return e, err
				}
			}
		case e != nil && p.is(tokName, "is"):
			var err error
			if e, err = p.test(e); err != nil {
				return e, err
			}
		case e != nil && p.is(tokOp, "("):
			e = &expr{kind: exCall, at: at, kids: []*expr{e}}
			var err error
			if e.args, err = p.arguments(); err != nil {
				return e, err
			}
		default:
			return e, nil
		}
	}
}

// test reads a test behind its operand.
func (p *parser) test(e *expr) (*expr, error) {
	e = &expr{kind: exTest, at: p.next().at, kids: []*expr{e}}
	negated := p.take(tokName, "not")
	name, err := p.dotted()
	if e.name = name; err != nil {
		return e, err
	}
	t := p.peek()
	operand := t.kind == tokString || t.kind == tokNumber || t.kind == tokName || t.kind == tokOp && (t.text == "[" || t.text == "{")
	switch {
	case t.kind == tokOp && t.text == "(":
		e.args, err = p.arguments()
	case operand && !slices.Contains([]string{"else", "or", "and", "is", "if", "recursive", "not", "in"}, t.text) || t.kind == tokString:
		var v *expr
		if v, err = p.primary(); err == nil {
			v, err = p.postfix(v)
		}
		if v != nil {
			e.args = []arg{{value: v}}
		}
	}
	if negated {
		e = &expr{kind: exUnary, at: e.at, name: "not", kids: []*expr{e}}
	}
	return e, err
}
