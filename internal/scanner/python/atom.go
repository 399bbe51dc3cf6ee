package python

import "strings"

func (p *parser) atom() (*node, error) {
	t := p.peek()
	e := &node{at: t.at, name: t.text}
	switch t.kind {
	case tokName:
		if keywords[t.text] {
			return nil, p.fault("expected an expression")
		}
		p.pos++
		e.kind = kName
		return e, nil
	case tokNumber:
		p.pos++
		e.kind = kNumber
		return e, nil
	case tokString, tokBytes, tokFormat:
		return p.literals()
	case tokOp:
		switch t.text {
		case "(", "[":
			p.pos++
			return p.list(e, map[string]string{"(": ")", "[": "]"}[t.text])
		case "{":
			p.pos++
			return p.braces(e)
		case "...":
			p.pos++
			e.kind = kOther
			return e, nil
		}
	}
	return nil, p.fault("expected an expression")
}

// literals reads adjacent strings, which are one.
func (p *parser) literals() (*node, error) {
	first := p.peek()
	e := &node{kind: kString, at: first.at}
	if first.kind == tokBytes {
		e.kind = kBytes
	}
	var text strings.Builder
	long := false // a text that is not kept
	for {
		t := p.peek()
		switch t.kind {
		case tokString, tokBytes:
			p.pos++
			if e.kind == kFormat {
				e.kids = append(e.kids, &node{kind: kString, at: t.at, name: t.text})
			} else {
				text.WriteString(t.text)
			}
		case tokFormat:
			p.pos++
			if e.kind != kFormat {
				e.kind, e.kids = kFormat, []*node{{kind: kString, at: t.at, name: text.String()}}
			}
			if err := p.formatted(e, t.format.parts); err != nil {
				return e, err
			}
		default:
			switch {
			case long:
				return &node{kind: kSpared, at: e.at}, nil
			case e.kind != kFormat:
				e.name = text.String()
			}
			return e, nil
		}
		if text.Len() > maxFolded*4 {
			long = true
			text.Reset()
		}
	}
}

// formatted adds the parts of an f-string.
func (p *parser) formatted(e *node, parts []part) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	for _, part := range parts {
		if part.tokens == nil {
			e.kids = append(e.kids, &node{kind: kString, at: e.at, name: part.text})
			continue
		}
		inner := &parser{in: &lexer{tokens: part.tokens, done: true}, end: e.at, depth: p.depth, nodes: p.nodes, constants: p.constants}
		field, err := inner.tuple()
		p.nodes, p.constants = inner.nodes, inner.constants
		inner.take("=")
		if err == nil && inner.peek().kind != tokEnd {
			err = inner.fault("a field holds more than an expression")
		}
		if field != nil {
			e.kids = append(e.kids, field)
		}
		if err != nil {
			return err
		}
		if len(part.spec) > 0 {
			spec := &node{kind: kFormat, at: e.at}
			if err := p.formatted(spec, part.spec); err != nil {
				return err
			}
			e.args = append(e.args, arg{value: spec}) // a field with a specification is not folded
		}
	}
	return nil
}

// list reads a list, a tuple, a set or a comprehension behind its bracket. One expression in parentheses is itself.
func (p *parser) list(e *node, end string) (*node, error) {
	e.kind = kList
	comma := false
	for !p.take(end) {
		if len(e.kids) > 0 {
			if err := p.expect(","); err != nil {
				return e, err
			}
			comma = true
			if p.take(end) {
				break
			}
		}
		nodes := p.nodes
		kid, err := p.starred()
		switch {
		case p.spares(kid):
			p.nodes = nodes
			e.kids = spared(e.kids, kid.at)
		case kid != nil:
			e.kids = append(e.kids, kid)
		}
		if err == nil && p.comprehends() && len(e.kids) == 1 {
			e.kind = kComp
			if e, err = p.comprehension(e); err == nil {
				err = p.expect(end)
			}
			return e, err
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

// spares tells whether an element of a list is a constant that is not kept, since the source has so many: tables of numbers and
// texts are as long as they come, and nothing is made of all of them.
func (p *parser) spares(e *node) bool {
	if e == nil {
		return false
	}
	switch e.kind {
	case kNumber, kString, kBytes:
		p.constants++
		return p.constants > maxConstants
	case kList: // of which nothing is kept
		return len(e.kids) == 1 && e.kids[0] != nil && e.kids[0].kind == kSpared
	case kSpared:
		return true
	}
	return false
}

// spared adds the element that stands for constants that are not kept, and follow one another.
func spared(kids []*node, at int64) []*node {
	if n := len(kids); n > 0 && kids[n-1] != nil && kids[n-1].kind == kSpared {
		return kids
	}
	return append(kids, &node{kind: kSpared, at: at})
}

// braces reads a dict, a set or a comprehension behind its brace.
func (p *parser) braces(e *node) (*node, error) {
	e.kind = kDict
	for n := 0; !p.take("}"); n++ {
		if n > 0 {
			if err := p.expect(","); err != nil {
				return e, err
			}
			if p.take("}") {
				break
			}
		}
		var key *node
		var err error
		nodes := p.nodes
		if p.take("**") {
			key = nil
		} else if key, err = p.starred(); err != nil {
			return e, err
		} else if !p.take(":") {
			e.kids = append(e.kids, key)
			if n == 0 && !p.comprehends() {
				if p.is(",") {
					p.pos++
				}
				e.kids = nil
				set, err := p.list(e, "}")
				set.kind = kList
				set.kids = append([]*node{key}, set.kids...)
				return set, err
			}
			return p.closeComprehension(e)
		}
		value, err := p.expression()
		if p.spares(key) && p.spares(value) {
			p.nodes = nodes
			key, value = nil, &node{kind: kSpared, at: key.at}
		}
		e.pair(key, value)
		if err == nil && p.comprehends() {
			return p.closeComprehension(e)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}

// pair adds a key and its value to a dict. One value stands for those that are not kept, and follow one another.
func (n *node) pair(key, value *node) {
	last := n.kid(len(n.kids) - 1)
	if value != nil && (value.kind != kSpared || last == nil || last.kind != kSpared) {
		n.kids = append(n.kids, key, value)
	}
}

// closeComprehension reads what makes a comprehension of the elements so far, and its closing brace.
func (p *parser) closeComprehension(e *node) (*node, error) {
	e.kind = kComp
	e, err := p.comprehension(e)
	if err == nil {
		err = p.expect("}")
	}
	return e, err
}
