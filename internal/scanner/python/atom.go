package python

import "strings"

func (p *parser) atom() (*node, error) {
	t := p.peek()
	e := &node{at: t.at, name: t.text, text: t.text}
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
	for {
		t := p.peek()
		switch t.kind {
		case tokString, tokBytes:
			p.pos++
			if e.kind == kFormat {
				e.kids = append(e.kids, &node{kind: kString, at: t.at, text: t.text})
			} else {
				text.WriteString(t.text)
			}
		case tokFormat:
			p.pos++
			if e.kind != kFormat {
				e.kind, e.kids = kFormat, []*node{{kind: kString, at: t.at, text: text.String()}}
			}
			if err := p.formatted(e, t.parts); err != nil {
				return e, err
			}
		default:
			if e.kind != kFormat {
				e.text = text.String()
			}
			return e, nil
		}
		if text.Len() > maxFolded*4 {
			return e, p.fault("a string too long")
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
			e.kids = append(e.kids, &node{kind: kString, at: e.at, text: part.text})
			continue
		}
		inner := &parser{tokens: part.tokens, end: e.at, depth: p.depth, nodes: p.nodes}
		field, err := inner.tuple()
		p.nodes = inner.nodes
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
		kid, err := p.starred()
		if kid != nil {
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
		if value != nil {
			e.kids = append(e.kids, key, value)
		}
		if err == nil && p.comprehends() {
			return p.closeComprehension(e)
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
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
