package jinja

import "slices"

// Bounds of a tree: how deep statements and expressions are nested, and how many nodes it has.
const (
	maxDepth = 200
	maxNodes = 1 << 20
)

// parser builds the tree of a template.
type parser struct {
	tokens []token
	pos    int
	end    int64
	depth  int
	nodes  int
}

// parse returns the tree of a template. If the template breaks the grammar, it returns what was parsed before and a
// *syntaxError.
func parse(text string) ([]*stmt, error) {
	tokens, lexErr := lex(text)
	p := &parser{tokens: tokens, end: int64(len(text))}
	body, stop, err := p.body()
	if err == nil && stop != "" {
		err = p.fault("a tag ends what was not begun")
	}
	if lexErr != nil {
		err = lexErr
	}
	return body, err
}

func (p *parser) fault(reason string) error { return &syntaxError{p.peek().at, reason} }

func (p *parser) peek() token {
	if p.pos < len(p.tokens) {
		return p.tokens[p.pos]
	}
	return token{kind: tokEnd, at: p.end}
}

func (p *parser) next() token {
	t := p.peek()
	p.pos++
	return t
}

// is tells whether the next token is the given operator or name.
func (p *parser) is(kind tokenKind, text string) bool {
	t := p.peek()
	return t.kind == kind && t.text == text
}

// take goes past the next token if it is the given one.
func (p *parser) take(kind tokenKind, text string) bool {
	if p.is(kind, text) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(kind tokenKind, text string) error {
	if !p.take(kind, text) {
		return p.fault("expected " + text)
	}
	return nil
}

// name reads a name.
func (p *parser) name() (string, error) {
	if p.peek().kind != tokName {
		return "", p.fault("expected a name")
	}
	return p.next().text, nil
}

// enter counts a level of nesting and a node.
func (p *parser) enter() error {
	p.depth++
	p.nodes++
	if p.depth > maxDepth {
		return p.fault("nested too deeply")
	}
	if p.nodes > maxNodes {
		return p.fault("too many nodes")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// body reads statements up to one of the given tags, whose name it returns and goes past, or to the end of the template.
// On a fault it returns what it has.
func (p *parser) body(stops ...string) (out []*stmt, stop string, err error) {
	if err := p.enter(); err != nil {
		return nil, "", err
	}
	defer p.leave()
	for {
		t := p.next()
		switch {
		case t.kind == tokEnd:
			if len(stops) > 0 {
				return out, "", p.fault("a block does not end")
			}
			return out, "", nil
		case t.kind == tokText:
			out = append(out, &stmt{kind: stText, at: t.at, text: t.text})
		case t.kind == tokOpen && t.text == "{{":
			e, err := p.tuple(true)
			if e != nil {
				out = append(out, &stmt{kind: stOutput, at: t.at, exprs: []*expr{e}})
			}
			if err == nil {
				err = p.expect(tokClose, "}}")
			}
			if err != nil {
				return out, "", err
			}
		case t.kind == tokOpen:
			name, err := p.name()
			if err != nil {
				return out, "", err
			}
			if slices.Contains(stops, name) {
				return out, name, nil
			}
			s, err := p.statement(name, t.at)
			if s != nil {
				out = append(out, s)
			}
			if err != nil {
				return out, "", err
			}
		default:
			return out, "", &syntaxError{t.at, "a token outside of tags"}
		}
	}
}

// closing reads the end of a tag.
func (p *parser) closing() error { return p.expect(tokClose, "%}") }

// block reads the end of the opening tag, the body and the closing tag.
func (p *parser) block(s *stmt, end string) error {
	if err := p.closing(); err != nil {
		return err
	}
	body, _, err := p.body(end)
	s.body = body
	if err != nil {
		return err
	}
	if p.peek().kind == tokName { // {% endblock name %}
		p.pos++
	}
	return p.closing()
}

// statement reads what follows the name of a tag. On a fault it may return what it has.
func (p *parser) statement(name string, at int64) (*stmt, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	s := &stmt{at: at, name: name}
	switch name {
	case "for":
		return s, p.forLoop(s)
	case "if":
		return s, p.condition(s)
	case "set":
		return s, p.set(s)
	case "macro":
		return s, p.macro(s)
	case "call":
		return s, p.call(s)
	case "filter":
		s.kind = stFilter
		f, err := p.filters(nil, true)
		s.exprs = []*expr{f}
		if err != nil {
			return s, err
		}
		return s, p.block(s, "endfilter")
	case "block":
		s.kind = stBody
		block, err := p.name()
		if err != nil {
			return s, err
		}
		s.name = block
		for p.take(tokName, "scoped") || p.take(tokName, "required") {
		}
		return s, p.block(s, "endblock")
	case "with":
		return s, p.with(s)
	case "autoescape", "generation":
		s.kind = stBody
		if !p.is(tokClose, "%}") {
			e, err := p.expression()
			s.exprs = []*expr{e}
			if err != nil {
				return s, err
			}
		}
		return s, p.block(s, "end"+name)
	case "break", "continue":
		s.kind = stDo
		return s, p.closing()
	case "do", "print":
		s.kind = stDo
		e, err := p.tuple(true)
		s.exprs = []*expr{e}
		if err != nil {
			return s, err
		}
		return s, p.closing()
	case "include", "import", "from", "extends":
		return s, p.load(s)
	default:
		return s, p.unknownTag(s)
	}
}

// unknownTag goes past a tag that is none of ours.
func (p *parser) unknownTag(s *stmt) error {
	s.kind = stUnknown
	for {
		switch t := p.next(); t.kind {
		case tokClose:
			return nil
		case tokEnd:
			return p.fault("a tag does not end")
		}
	}
}

func (p *parser) forLoop(s *stmt) error {
	s.kind = stFor
	target, err := p.targets()
	s.targets = target
	if err != nil {
		return err
	}
	if err := p.expect(tokName, "in"); err != nil {
		return err
	}
	iter, err := p.tuple(false)
	s.exprs = []*expr{iter, nil}
	if err != nil {
		return err
	}
	if p.take(tokName, "if") {
		if s.exprs[1], err = p.expression(); err != nil {
			return err
		}
	}
	p.take(tokName, "recursive")
	if err := p.closing(); err != nil {
		return err
	}
	body, stop, err := p.body("else", "endfor")
	s.body = body
	if err == nil && stop == "else" {
		if err = p.closing(); err == nil {
			s.orelse, _, err = p.body("endfor")
		}
	}
	if err != nil {
		return err
	}
	return p.closing()
}

// condition reads an if with its elifs, each of which becomes an if in the else of the one before.
func (p *parser) condition(s *stmt) error {
	s.kind = stIf
	for {
		test, err := p.tuple(false)
		s.exprs = []*expr{test}
		if err == nil {
			err = p.closing()
		}
		if err != nil {
			return err
		}
		body, stop, err := p.body("elif", "else", "endif")
		s.body = body
		if err != nil {
			return err
		}
		switch stop {
		case "elif":
			inner := &stmt{kind: stIf, at: p.peek().at}
			s.orelse = []*stmt{inner}
			s = inner
			continue
		case "else":
			if err := p.closing(); err != nil {
				return err
			}
			if s.orelse, _, err = p.body("endif"); err != nil {
				return err
			}
		}
		return p.closing()
	}
}

func (p *parser) set(s *stmt) error {
	s.kind = stSet
	targets, err := p.targets()
	s.targets = targets
	if err != nil {
		return err
	}
	if p.take(tokOp, "=") {
		e, err := p.tuple(true)
		s.exprs = []*expr{e}
		if err != nil {
			return err
		}
		return p.closing()
	}
	s.kind = stBlockSet
	filter, err := p.filters(nil, false)
	s.exprs = []*expr{filter}
	if err != nil {
		return err
	}
	return p.block(s, "endset")
}

// targets reads what is assigned to: names, attributes of a namespace, tuples of those.
func (p *parser) targets() ([]*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var out []*expr
	for {
		if p.take(tokOp, "(") {
			inner, err := p.targets()
			out = append(out, inner...)
			if err == nil {
				err = p.expect(tokOp, ")")
			}
			if err != nil {
				return out, err
			}
		} else {
			t := p.peek()
			name, err := p.name()
			if err != nil {
				return out, err
			}
			e := &expr{kind: exName, at: t.at, name: name}
			if p.take(tokOp, ".") {
				attr, err := p.name()
				if err != nil {
					return out, err
				}
				e = &expr{kind: exAttr, at: t.at, name: attr, kids: []*expr{e}}
			}
			out = append(out, e)
		}
		if !p.take(tokOp, ",") || p.peek().kind != tokName && !p.is(tokOp, "(") || p.is(tokName, "in") {
			return out, nil
		}
	}
}
