package pypackage

import (
	"slices"
	"strings"

	"modelgate/internal/scanner/source/pytokens"
)

// pymodule is a source split into logical lines, with what its top level imports and how often each class stands there.
type pymodule struct {
	name    string
	text    string
	tokens  []pytokens.Token
	lines   []pyline
	imports map[string]string // full dotted names, by the names that they are bound to
	classes map[string]int
	loose   bool // its names may be bound to anything: it changes its own namespace, or was not read to its end
	star    int  // the line of its last import of everything, -1 if there is none
}

// pyline is a logical line: tokens from from to to, without its end.
type pyline struct{ from, to, indent int }

// pyclass is a class statement at the top level of a module.
type pyclass struct {
	module     *pymodule
	name       string
	head, last int // its line, and the one behind its body
	decorators int // the line of the first decorator
}

// parseModule splits a source and notes what the names at its top level are bound to.
func parseModule(name string, isPackage bool, text string) *pymodule {
	tokens, whole := pytokens.Split(nil, text)
	m := &pymodule{name: name, text: text, tokens: tokens, imports: map[string]string{}, classes: map[string]int{}, loose: !whole, star: -1}
	from := 0
	for i, k := range tokens {
		switch {
		case k.Kind == pytokens.Newline:
			if i > from {
				m.lines = append(m.lines, pyline{from, i, tokens[from].Indent})
			}
			from = i + 1
		case k.Kind == pytokens.Name && (looseWords[k.Text] || (k.Text == "exec" || k.Text == "eval") && !spaced(tokens, i+1)):
			m.loose = true
		case k.Kind == pytokens.Bad:
			m.loose = true
		}
	}
	base := name
	if !isPackage {
		base = name[:max(0, strings.LastIndexByte(name, '.'))]
	}
	for i, l := range m.lines {
		if l.indent > 0 {
			continue
		}
		switch m.word(l, 0) {
		case "import", "from":
			m.importLine(i, l, base)
		case "class":
			m.classes[m.word(l, 1)]++
		}
	}
	return m
}

// looseWords are names by which a module can bind its names without an assignment that shows them.
var looseWords = setOf("globals", "vars", "modules", "__builtins__", "__import__")

// spaced tells whether a call, of which the token at i is the bracket, has a second argument: the namespace in which exec and eval run.
func spaced(tokens []pytokens.Token, i int) bool {
	if i >= len(tokens) || tokens[i].Text != "(" || tokens[i].Kind != pytokens.Op {
		return false
	}
	for _, k := range tokens[i+1:] {
		switch {
		case k.Depth <= tokens[i].Depth:
			return false
		case k.Depth == tokens[i].Depth+1 && k.Kind == pytokens.Op && k.Text == ",":
			return true
		}
	}
	return false
}

// word is the text of a line's nth token, "" if it has none or that is a string.
func (m *pymodule) word(l pyline, n int) string {
	if l.from+n >= l.to || m.tokens[l.from+n].Kind == pytokens.String || m.tokens[l.from+n].Kind == pytokens.Bytes {
		return ""
	}
	return m.tokens[l.from+n].Text
}

// importLine notes the names that an import binds. base is the package that relative imports begin at.
func (m *pymodule) importLine(number int, l pyline, base string) {
	i, prefix := l.from+1, ""
	if m.tokens[l.from].Text == "from" {
		dots := 0
		for ; i < l.to && strings.Trim(m.tokens[i].Text, ".") == "" && m.tokens[i].Kind == pytokens.Op; i++ {
			dots += len(m.tokens[i].Text)
		}
		for ; dots > 1; dots-- {
			base = base[:max(0, strings.LastIndexByte(base, '.'))]
		}
		if dots == 1 {
			prefix = base + "."
		}
		for ; i < l.to && m.tokens[i].Text != "import"; i++ {
			prefix += m.tokens[i].Text
		}
		prefix = strings.TrimSuffix(prefix, ".") + "."
		i++
	}
	for i < l.to {
		if m.tokens[i].Text == "*" {
			m.star = number
		}
		if m.tokens[i].Kind != pytokens.Name {
			i++
			continue
		}
		full := m.tokens[i].Text
		bound := full
		for i++; i+1 < l.to && m.tokens[i].Text == "."; i += 2 {
			full += "." + m.tokens[i+1].Text
		}
		if i+1 < l.to && m.tokens[i].Text == "as" {
			bound = m.tokens[i+1].Text
			i += 2
		} else if prefix == "" {
			full = bound
		}
		if _, twice := m.imports[bound]; twice {
			full = "" // one of the two, and nobody knows which
		}
		m.imports[bound] = prefix + full
	}
}

// class returns the class of a name, if nothing else can be bound to it.
func (m *pymodule) class(name string) *pyclass {
	if m.loose || m.classes[name] != 1 {
		return nil
	}
	if _, imported := m.imports[name]; imported {
		return nil
	}
	var c *pyclass
	for i, l := range m.lines {
		if l.indent == 0 && m.word(l, 0) == "class" && m.word(l, 1) == name {
			c = &pyclass{module: m, name: name, head: i, last: i + 1, decorators: i}
			break
		}
	}
	if c == nil || m.star > c.head {
		return nil
	}
	for c.last < len(m.lines) && m.lines[c.last].indent > 0 {
		c.last++
	}
	for c.decorators > 0 && m.lines[c.decorators-1].indent == 0 && m.word(m.lines[c.decorators-1], 0) == "@" {
		c.decorators--
	}
	for i, l := range m.lines {
		if i != c.head && m.binds(l, name) {
			return nil
		}
	}
	return c
}

// binds tells whether a line may bind a name to something, or set one of its attributes. It rather says so once too often.
func (m *pymodule) binds(l pyline, name string) bool {
	first := m.word(l, 0)
	assigned := l.from // behind the last = of the line itself
	for i := l.from; i < l.to; i++ {
		if m.tokens[i].Kind == pytokens.Op && m.tokens[i].Text == "=" && m.tokens[i].Depth == 0 {
			assigned = i
		}
	}
	annotation := false
	for i := l.from; i < l.to; i++ {
		k := m.tokens[i]
		if k.Kind == pytokens.Op && k.Text == ":" && k.Depth == 0 && !keyword(first) {
			annotation = true
		}
		if k.Kind != pytokens.Name || k.Text != name || i > l.from && m.tokens[i-1].Text == "." {
			continue
		}
		before, after := "", ""
		if i > l.from {
			before = m.tokens[i-1].Text
		}
		if i+1 < l.to {
			after = m.tokens[i+1].Text
		}
		switch before {
		case "as", "import", "def", "class", "global", "nonlocal", "del", "for", "case":
			return true
		}
		switch {
		case first == "import" || first == "from", after == ":=", before == "(" && i > l.from+1 && (m.tokens[i-2].Text == "setattr" || m.tokens[i-2].Text == "as"):
			return true
		case i < assigned && !annotation:
			return true
		case first == "for" && i < m.position(l, "in"):
			return true
		}
	}
	return false
}

// position is where a word stands in a line, or the line's end.
func (m *pymodule) position(l pyline, word string) int {
	for i := l.from; i < l.to; i++ {
		if m.tokens[i].Text == word && m.tokens[i].Depth == 0 {
			return i
		}
	}
	return l.to
}

// resolve makes a full dotted name of one that stands in the module.
func (m *pymodule) resolve(dotted string) string {
	first, rest, more := strings.Cut(dotted, ".")
	full, ok := m.imports[first]
	switch {
	case !ok && m.classes[first] > 0:
		full = m.name + "." + first
	case !ok:
		full = first
	}
	if more {
		full += "." + rest
	}
	return full
}

// split cuts the tokens between two brackets at the commas of their own depth.
func split(tokens []pytokens.Token) [][]pytokens.Token {
	var out [][]pytokens.Token
	if len(tokens) == 0 {
		return nil
	}
	depth, from := tokens[0].Depth, 0
	for i, k := range tokens {
		if k.Text == "," && k.Kind == pytokens.Op && k.Depth == depth {
			out = append(out, tokens[from:i])
			from = i + 1
		}
	}
	out = append(out, tokens[from:])
	return slices.DeleteFunc(out, func(e []pytokens.Token) bool { return len(e) == 0 })
}

// dottedPrefix is the dotted name that tokens begin with, and what follows it.
func dottedPrefix(tokens []pytokens.Token) (string, []pytokens.Token) {
	name, i := "", 0
	for i < len(tokens) && tokens[i].Kind == pytokens.Name {
		name += tokens[i].Text
		if i++; i+1 < len(tokens) && tokens[i].Text == "." {
			name += "."
			i++
			continue
		}
		break
	}
	return name, tokens[i:]
}
