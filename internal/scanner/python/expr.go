package python

import "slices"

// Bounds of a tree.
const (
	maxDepth = 150
	maxNodes = 1 << 21
	maxChain = 5000 // operators or trailers in one row
)

// parser builds the tree of a source. It is lenient: what CPython refuses it may take, since what it takes is judged.
type parser struct {
	tokens []token
	pos    int
	end    int64
	depth  int
	nodes  int
}

func (p *parser) fault(reason string) error { return &syntaxError{p.peek().at, reason} }

func (p *parser) peek() token { return p.ahead(0) }

func (p *parser) ahead(n int) token {
	if p.pos+n < len(p.tokens) {
		return p.tokens[p.pos+n]
	}
	return token{kind: tokEnd, at: p.end}
}

func (p *parser) next() token {
	t := p.peek()
	p.pos++
	return t
}

// is tells whether the next token is the given operator or keyword.
func (p *parser) is(text string) bool {
	t := p.peek()
	return (t.kind == tokOp || t.kind == tokName) && t.text == text
}

func (p *parser) take(text string) bool {
	if p.is(text) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expect(text string) error {
	if !p.take(text) {
		return p.fault("expected " + text)
	}
	return nil
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

// keywords end an expression.
var keywords = map[string]bool{
	"and": true, "as": true, "assert": true, "break": true, "class": true, "continue": true, "def": true, "del": true, "elif": true,
	"else": true, "except": true, "finally": true, "for": true, "from": true, "global": true, "if": true, "import": true, "in": true,
	"is": true, "nonlocal": true, "or": true, "pass": true, "raise": true, "return": true, "try": true, "while": true, "with": true,
}

// tuple reads expressions with commas between them; one without a comma is itself.
func (p *parser) tuple() (*node, error) {
	t := p.peek()
	first, err := p.starred()
	if err != nil || !p.is(",") {
		return first, err
	}
	list := &node{kind: kList, at: t.at, kids: []*node{first}}
	for p.take(",") {
		if !p.starts() {
			break
		}
		e, err := p.starred()
		if err != nil {
			return list, err
		}
		list.kids = append(list.kids, e)
	}
	return list, nil
}

// starts tells whether the next token may begin an expression.
func (p *parser) starts() bool {
	t := p.peek()
	switch t.kind {
	case tokName:
		return !keywords[t.text]
	case tokNumber, tokString, tokBytes, tokFormat:
		return true
	case tokOp:
		return slices.Contains([]string{"(", "[", "{", "-", "+", "~", "*", "**", "..."}, t.text)
	}
	return false
}

func (p *parser) starred() (*node, error) {
	if p.is("*") || p.is("**") {
		at := p.next().at
		e, err := p.starred2()
		return &node{kind: kStar, at: at, kids: []*node{e}}, err
	}
	return p.expression()
}

func (p *parser) starred2() (*node, error) { return p.binary(2) }

// expression reads an expression with everything that may hang on it.
func (p *parser) expression() (*node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := p.peek()
	switch {
	case t.kind == tokName && t.text == "lambda":
		return p.lambda()
	case t.kind == tokName && t.text == "yield":
		p.pos++
		p.take("from")
		y := &node{kind: kYield, at: t.at}
		if p.starts() {
			e, err := p.tuple()
			y.kids = []*node{e}
			return y, err
		}
		return y, nil
	case t.kind == tokName && p.ahead(1).kind == tokOp && p.ahead(1).text == ":=":
		p.pos += 2
		e, err := p.expression()
		return &node{kind: kAssign, at: t.at, name: t.text, kids: []*node{e}}, err
	}
	e, err := p.binary(0)
	if err != nil || !p.is("if") {
		return e, err
	}
	c := &node{kind: kIf, at: p.next().at, kids: []*node{nil, e, nil}}
	if c.kids[0], err = p.binary(0); err != nil {
		return c, err
	}
	if !p.is("else") { // the condition of a comprehension, which is read by whoever called
		p.pos = p.backTo(c.at)
		return e, nil
	}
	p.pos++
	c.kids[2], err = p.expression()
	return c, err
}

// backTo returns the index of the token at an offset, not beyond the next one.
func (p *parser) backTo(at int64) int {
	i := min(p.pos, len(p.tokens)-1)
	for i > 0 && p.tokens[i].at > at {
		i--
	}
	return i
}

func (p *parser) lambda() (*node, error) {
	e := &node{kind: kLambda, at: p.next().at}
	var err error
	if e.params, err = p.params(":"); err != nil {
		return e, err
	}
	body, err := p.expression()
	e.kids = []*node{body}
	return e, err
}

// levels are the binary operators from the loosest to the tightest.
var levels = [][]string{
	{"or"},
	{"and"},
	{"in", "is", "not", "<", ">", "<=", ">=", "==", "!=", "<>"},
	{"|"},
	{"^"},
	{"&"},
	{"<<", ">>"},
	{"+", "-"},
	{"*", "/", "//", "%", "@"},
}

// binary reads operands and the operators of a level and of those above.
func (p *parser) binary(level int) (*node, error) {
	if level == len(levels) {
		return p.unary()
	}
	if level == 2 && p.is("not") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		at := p.next().at
		e, err := p.binary(level)
		return &node{kind: kUnary, at: at, name: "not", kids: []*node{e}}, err
	}
	left, err := p.binary(level + 1)
	for chain := 0; err == nil; chain++ {
		t := p.peek()
		if t.kind != tokOp && t.kind != tokName || !slices.Contains(levels[level], t.text) {
			break
		}
		if chain > maxChain {
			return left, p.fault("too many operators")
		}
		p.pos++
		if t.text == "not" && !p.take("in") {
			return left, p.fault("expected in")
		}
		if t.text == "is" {
			p.take("not")
		}
		var right *node
		if right, err = p.binary(level + 1); err == nil || right != nil {
			left = &node{kind: kBinary, at: t.at, name: t.text, kids: []*node{left, right}}
		}
	}
	return left, err
}

// unary reads signs, await and powers.
func (p *parser) unary() (*node, error) {
	t := p.peek()
	if t.kind == tokOp && (t.text == "-" || t.text == "+" || t.text == "~") {
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		p.pos++
		e, err := p.unary()
		return &node{kind: kUnary, at: t.at, name: t.text, kids: []*node{e}}, err
	}
	awaits := t.kind == tokName && t.text == "await" && p.ahead(1).kind != tokOp
	if awaits || t.kind == tokName && t.text == "await" && p.ahead(1).text == "(" {
		p.pos++
	}
	e, err := p.primary()
	if err != nil || !p.is("**") {
		return e, err
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	at := p.next().at
	right, err := p.unary()
	return &node{kind: kBinary, at: at, name: "**", kids: []*node{e, right}}, err
}

// primary reads an atom with attributes, subscripts and calls.
func (p *parser) primary() (*node, error) {
	e, err := p.atom()
	for chain := 0; err == nil; chain++ {
		if chain > maxChain {
			return e, p.fault("too many trailers")
		}
		p.nodes++
		switch at := p.peek().at; {
		case p.take("."):
			t := p.next()
			if t.kind != tokName {
				p.pos--
				return e, p.fault("expected the name of an attribute")
			}
			e = &node{kind: kAttr, at: t.at, name: t.text, kids: []*node{e}}
		case p.is("("):
			e = &node{kind: kCall, at: e.at, kids: []*node{e}}
			e.args, err = p.arguments()
		case p.take("["):
			var key *node
			key, err = p.subscripts()
			e = &node{kind: kIndex, at: at, kids: []*node{e, key}}
		default:
			return e, nil
		}
	}
	return e, err
}

func (p *parser) subscripts() (*node, error) {
	list := &node{kind: kList, at: p.peek().at}
	for !p.take("]") {
		if len(list.kids) > 0 {
			if err := p.expect(","); err != nil {
				return list, err
			}
			if p.take("]") {
				return list, nil
			}
		}
		e, err := p.subscript()
		if e != nil {
			list.kids = append(list.kids, e)
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

func (p *parser) subscript() (*node, error) {
	slice := &node{kind: kSlice, at: p.peek().at, kids: make([]*node, 3)}
	for i := 0; i < 3; i++ {
		if !p.is(":") && !p.is("]") && !p.is(",") {
			e, err := p.starred()
			if slice.kids[i] = e; err != nil {
				return slice, err
			}
		}
		if !p.take(":") {
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
	for i := p.pos + 1; i < len(p.tokens); i++ {
		switch t := p.tokens[i]; {
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
	return false
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
	for {
		t := p.peek()
		switch t.kind {
		case tokString, tokBytes:
			p.pos++
			if e.kind == kFormat {
				e.kids = append(e.kids, &node{kind: kString, at: t.at, text: t.text})
			} else {
				e.text += t.text
			}
		case tokFormat:
			p.pos++
			if e.kind != kFormat {
				e.kind, e.kids = kFormat, []*node{{kind: kString, at: t.at, text: e.text}}
			}
			if err := p.formatted(e, t.parts); err != nil {
				return e, err
			}
		default:
			return e, nil
		}
		if len(e.text) > maxFolded*4 {
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
			e.kind = kComp
			if e, err = p.comprehension(e); err == nil {
				err = p.expect("}")
			}
			return e, err
		}
		value, err := p.expression()
		if value != nil {
			e.kids = append(e.kids, key, value)
		}
		if err == nil && p.comprehends() {
			e.kind = kComp
			if e, err = p.comprehension(e); err == nil {
				err = p.expect("}")
			}
			return e, err
		}
		if err != nil {
			return e, err
		}
	}
	return e, nil
}
