package python

import "slices"

// Bounds of a tree.
const (
	maxDepth     = 150
	maxNodes     = 3 << 17 // but for constants in lists; programs write five megabytes of classes with 200,000
	maxConstants = 1 << 16 // in lists
	maxChain     = 5000    // operators or trailers in one row
)

// parser builds the tree of a source. It is lenient: what CPython refuses it may take, since what it takes is judged.
type parser struct {
	in        *lexer
	pos       int // of the next token among those that are there
	keep      int // the token to which the parser may come back, and 1 more; 0 if there is none
	end       int64
	depth     int // of nesting
	nodes     int
	constants int // in lists
}

func (p *parser) fault(reason string) error { return &syntaxError{at: p.peek().at, reason: reason} }

func (p *parser) peek() token { return p.ahead(0) }

func (p *parser) ahead(n int) token {
	for p.pos+n >= len(p.in.tokens) {
		if !p.more() {
			return token{kind: tokEnd, at: p.end}
		}
	}
	return p.in.tokens[p.pos+n]
}

// more has the lexer go on, and drops the tokens to which nobody comes back: all but two before the next one.
func (p *parser) more() bool {
	from := min(max(0, p.pos-2), len(p.in.tokens))
	if p.keep > 0 {
		from = min(from, p.keep-1)
	}
	if from > 0 && !p.in.done {
		p.in.forget(from)
		p.pos -= from
		p.keep = max(0, p.keep-from)
	}
	return p.in.more()
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
		return &syntaxError{at: p.peek().at, reason: "too many nodes", spent: true}
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
	if p.keep == 0 {
		p.keep = p.pos + 1
		defer func() { p.keep = 0 }()
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
	i := min(p.pos, len(p.in.tokens)-1)
	for i > 0 && p.in.tokens[i].at > at {
		i--
	}
	return i
}

func (p *parser) lambda() (*node, error) {
	e := &node{kind: kLambda, at: p.next().at, scope: &scope{}}
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
