package pypackage

import (
	"strings"

	"modelgate/internal/scanner/source/pytokens"
)

// value is what is known of an expression.
type value struct {
	name  string // dotted, of what an import or an assignment gave it
	text  string // of a constant
	known bool   // text is the constant
	list  []value
	// from is how a constant came out of a literal or an answer, such as "base64!zlib". It is kept where the constant itself is not known.
	from string
	// fetched says that it came over the network.
	fetched bool
}

// call is one call of a source.
type call struct {
	name string
	at   int
	args []value
	// open and close are the tokens of its brackets.
	open, close int
	// inside is the outermost function or class around the call, "" at the top level.
	inside string
	// command says that inside is a class that is a step of the build.
	command bool
}

// Bounds of what is followed in one source.
const (
	maxNested = 40
	maxNames  = 20_000
	maxCalls  = 40_000
	maxFolded = 8 << 20 // bytes of constants that are put together
)

// code follows the expressions of a source, statement by statement: names through imports and assignments, constants that are put together.
// Names are not kept apart by scope.
type code struct {
	tokens []pytokens.Token
	pos    int
	vars   map[string]value
	calls  []call
	short  bool // there are more calls than are kept
	folded int  // bytes of constants made so far
	nested int
	blocks []block
	peel   func(how string, v value) value
}

// mainBlock is the name of what runs only if the file is the program.
const mainBlock = "__main__"

// block is a function or a class that the reader is in.
type block struct {
	indent  int
	name    string
	command bool
}

// follow reads all statements.
func follow(tokens []pytokens.Token, peel func(how string, v value) value) *code {
	c := &code{tokens: tokens, vars: map[string]value{}, peel: peel}
	for c.pos < len(c.tokens) {
		c.statement()
	}
	return c
}

// at is the token of a number; where there is none it is an empty one.
func (c *code) at(i int) *pytokens.Token {
	if i < 0 || i >= len(c.tokens) {
		return &pytokens.Token{}
	}
	return &c.tokens[i]
}

// is tells whether the next token is a certain operator or word.
func (c *code) is(text string) bool {
	k := c.at(c.pos)
	return k.Text == text && (k.Kind == pytokens.Op || k.Kind == pytokens.Name)
}

func (c *code) take(text string) bool {
	if c.is(text) {
		c.pos++
		return true
	}
	return false
}

// statement reads a statement as far as the end of its line, or its semicolon or colon.
func (c *code) statement() {
	first := c.at(c.pos)
	for n := len(c.blocks); n > 0 && first.Kind != pytokens.Newline && c.blocks[n-1].indent >= first.Indent; n-- {
		if c.at(c.pos-1).Kind != pytokens.Newline && c.pos > 0 {
			break // behind the colon of the block itself
		}
		c.blocks = c.blocks[:n-1]
	}
	c.take("async")
	switch {
	case c.take("import"):
		c.importing("")
		return
	case c.is("from") && c.at(c.pos+1).Kind == pytokens.Name:
		c.pos++
		module := c.dotted()
		if c.take("import") {
			c.importing(module + ".")
			return
		}
	case c.is("def") || c.is("class"):
		c.opens(first.Indent)
	case c.is("if") && c.at(c.pos+1).Text == "__name__" && len(c.blocks) < maxNested:
		c.blocks = append(c.blocks, block{indent: first.Indent, name: mainBlock})
	case first.Kind == pytokens.Name && c.at(c.pos+1).Kind == pytokens.Op && c.at(c.pos+1).Text == "=":
		c.pos += 2
		v := c.expression()
		if len(c.vars) < maxNames {
			c.vars[first.Text] = v
		}
	}
	for c.pos < len(c.tokens) {
		k := c.at(c.pos)
		if k.Kind == pytokens.Newline || k.Depth == 0 && (k.Text == ";" || k.Text == ":") && k.Kind == pytokens.Op {
			c.pos++
			return
		}
		before := c.pos
		if c.expression(); c.pos == before {
			c.pos++
		}
	}
}

// opens notes a function or class; its bases tell whether it is a step of the build.
func (c *code) opens(indent int) {
	b := block{indent: indent, name: c.at(c.pos + 1).Text}
	if c.is("class") {
		for i := c.pos + 2; i < min(c.pos+20, len(c.tokens)) && c.tokens[i].Text != ":"; i++ {
			switch strings.ToLower(c.tokens[i].Text) {
			case "install", "develop", "egg_info", "build", "build_py", "build_ext", "sdist", "bdist_wheel", "bdist_egg", "command", "install_lib", "install_scripts":
				b.command = true
			}
		}
	}
	c.pos += 2
	if len(c.blocks) < maxNested {
		c.blocks = append(c.blocks, b)
	}
}

// dotted reads a name with dots.
func (c *code) dotted() string {
	var parts []string
	for c.at(c.pos).Kind == pytokens.Name && !c.is("import") {
		parts = append(parts, c.at(c.pos).Text)
		c.pos++
		if !c.take(".") {
			break
		}
	}
	return strings.Join(parts, ".")
}

// importing reads the names behind import, to the end of the line.
func (c *code) importing(prefix string) {
	c.take("(")
	for c.at(c.pos).Kind == pytokens.Name {
		name := c.dotted()
		as, _, _ := strings.Cut(name, ".")
		full := prefix + name
		if prefix == "" {
			full = as
		}
		if c.take("as") && c.at(c.pos).Kind == pytokens.Name {
			as, full = c.at(c.pos).Text, prefix+name
			c.pos++
		}
		if len(c.vars) < maxNames {
			c.vars[as] = value{name: strings.TrimPrefix(full, "builtins.")}
		}
		if !c.take(",") {
			break
		}
	}
	c.take(")")
}

// expression reads operands and the signs between them. Only + is followed.
func (c *code) expression() value {
	if c.nested++; c.nested > maxNested {
		c.nested--
		return value{}
	}
	v := c.operand()
	for c.is("+") {
		c.pos++
		w := c.operand()
		from := v.from
		if from == "" {
			from = w.from
		}
		if v.known && w.known {
			v = c.constant(v.text+w.text, from)
		} else {
			v = value{from: from, fetched: v.fetched || w.fetched}
		}
	}
	c.nested--
	return v
}

// constant is a value of which the text is known, as long as such texts stay within bounds.
func (c *code) constant(text, from string) value {
	if c.folded += len(text); c.folded > maxFolded {
		return value{from: from}
	}
	return value{text: text, known: true, from: from}
}

// operand reads an operand and what is done with it: attributes, calls, subscripts.
func (c *code) operand() value {
	k := c.at(c.pos)
	var v value
	switch {
	case k.Kind == pytokens.String || k.Kind == pytokens.Bytes:
		v = c.literal()
	case k.Kind == pytokens.Number:
		c.pos++
		v = value{text: k.Text, list: []value{}}
	case k.Kind == pytokens.Name && !keyword(k.Text):
		c.pos++
		var ok bool
		if v, ok = c.vars[k.Text]; !ok {
			v = value{name: k.Text}
		}
	case c.take("("):
		v = c.expression()
		if !c.take(")") {
			v = value{}
		}
	case c.take("["):
		v = c.sequence()
	default:
		return value{}
	}
	for {
		switch {
		case c.is(".") && c.at(c.pos+1).Kind == pytokens.Name:
			v = attribute(v, c.at(c.pos+1).Text)
			c.pos += 2
		case c.is("("):
			v = c.calling(v)
		case c.is("["):
			v = c.subscript(v)
		default:
			return v
		}
	}
}

// keyword tells whether a name is none, so that no operand begins with it.
func keyword(name string) bool {
	switch name {
	case "and", "or", "not", "if", "else", "in", "is", "for", "lambda", "await", "yield", "return", "assert", "del", "raise", "from", "import",
		"with", "while", "elif", "except", "try", "finally", "as", "pass", "def", "class", "global", "nonlocal", "True", "False", "None":
		return true
	default:
		return false
	}
}

// literal reads strings that stand beside each other.
func (c *code) literal() value {
	var b strings.Builder
	for k := c.at(c.pos); k.Kind == pytokens.String || k.Kind == pytokens.Bytes; k = c.at(c.pos) {
		b.WriteString(k.Text)
		c.pos++
	}
	return c.constant(b.String(), "")
}

// sequence reads the elements of a list.
func (c *code) sequence() value {
	out := value{list: []value{}}
	for c.pos < len(c.tokens) && !c.is("]") {
		before := c.pos
		out.list = append(out.list, c.expression())
		if c.pos == before {
			return out
		}
		if !c.take(",") {
			break
		}
	}
	c.take("]")
	return out
}

// attribute is the attribute of a value: a dotted name, or a method of a constant.
func attribute(v value, name string) value {
	out := value{name: name, text: v.text, known: v.known, list: v.list, from: v.from, fetched: v.fetched}
	switch {
	case v.name != "":
		out.name = strings.TrimPrefix(v.name+"."+name, "builtins.")
		out.known, out.list = false, nil
	case v.known || v.from != "" || v.fetched || v.list != nil:
		out.name = "." + name
	}
	return out
}

// subscript reads a subscript. [::-1] turns a constant around, and __builtins__["exec"] is a name.
func (c *code) subscript(v value) value {
	at := c.pos
	c.pos++
	reversed := c.is(":") && c.at(at+2).Text == ":" && c.at(at+3).Text == "-" && c.at(at+4).Text == "1" && c.at(at+5).Text == "]"
	if reversed {
		c.pos = at + 6
		if v.known {
			return c.constant(reverse(v.text), join(v.from, "reversed"))
		}
		return value{from: v.from, fetched: v.fetched}
	}
	var index value
	for c.pos < len(c.tokens) && !c.is("]") && c.at(c.pos).Kind != pytokens.Newline {
		before := c.pos
		if index = c.expression(); c.pos == before {
			c.pos++
		}
	}
	c.take("]")
	if index.known && (v.name == "__builtins__" || v.name == "globals" || v.name == "__builtins__.__dict__") {
		return value{name: index.text}
	}
	return value{from: v.from, fetched: v.fetched}
}

// calling reads the arguments of a call, notes it, and returns what it gives.
func (c *code) calling(fn value) value {
	at := c.pos
	c.pos++
	made := call{name: fn.name, at: c.at(at).At}
	if n := len(c.blocks); n > 0 {
		made.inside = c.blocks[0].name
		for _, b := range c.blocks {
			made.command = made.command || b.command
		}
	}
	for i := at; i > 0 && (c.at(i-1).Kind == pytokens.Name || c.at(i-1).Text == "."); i-- {
		made.at = c.at(i - 1).At
	}
	for c.pos < len(c.tokens) && !c.is(")") {
		before := c.pos
		if k := c.at(c.pos); k.Kind == pytokens.Name && c.at(c.pos+1).Text == "=" && c.at(c.pos+1).Kind == pytokens.Op {
			c.pos += 2
			c.expression()
		} else if v := c.expression(); c.pos > before {
			made.args = append(made.args, v)
		}
		if c.pos == before {
			c.pos++
		}
	}
	c.take(")")
	made.open, made.close = at, c.pos
	if made.name != "" && made.name[0] != '.' {
		if len(c.calls) < maxCalls {
			c.calls = append(c.calls, made)
		} else {
			c.short = true
		}
	}
	return c.result(fn, made)
}

func reverse(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func join(from, how string) string {
	if from == "" {
		return how
	}
	return from + "!" + how
}
