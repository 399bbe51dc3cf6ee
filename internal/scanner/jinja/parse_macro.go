package jinja

func (p *parser) macro(s *stmt) error {
	s.kind = stMacro
	name, err := p.name()
	if err != nil {
		return err
	}
	s.name = name
	if s.params, err = p.params(); err != nil {
		return err
	}
	return p.block(s, "endmacro")
}

// params reads the parameters of a macro or of the caller of a call block.
func (p *parser) params() ([]param, error) {
	var out []param
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
		name, err := p.name()
		if err != nil {
			return out, err
		}
		q := param{name: name}
		if p.take(tokOp, "=") {
			if q.value, err = p.expression(); err != nil {
				return out, err
			}
		}
		out = append(out, q)
	}
	return out, nil
}

func (p *parser) call(s *stmt) error {
	s.kind = stCall
	if p.is(tokOp, "(") {
		params, err := p.params()
		s.params = params
		if err != nil {
			return err
		}
	}
	e, err := p.expression()
	s.exprs = []*expr{e}
	if err != nil {
		return err
	}
	return p.block(s, "endcall")
}

func (p *parser) with(s *stmt) error {
	s.kind = stBody
	for !p.is(tokClose, "%}") {
		if len(s.targets) > 0 {
			if err := p.expect(tokOp, ","); err != nil {
				return err
			}
		}
		t := p.peek()
		name, err := p.name()
		if err == nil {
			err = p.expect(tokOp, "=")
		}
		if err != nil {
			return err
		}
		e, err := p.expression()
		s.targets = append(s.targets, &expr{kind: exName, at: t.at, name: name})
		s.exprs = append(s.exprs, e)
		if err != nil {
			return err
		}
	}
	return p.block(s, "endwith")
}

// load reads the tags that take in other templates. What follows the template's name matters to nobody here.
func (p *parser) load(s *stmt) error {
	s.kind = stLoad
	e, err := p.expression()
	s.exprs = []*expr{e}
	if err != nil {
		return err
	}
	for !p.is(tokClose, "%}") {
		if p.peek().kind == tokEnd {
			return p.fault("a tag does not end")
		}
		p.pos++
	}
	return p.closing()
}
