package pypackage

import (
	"maps"
	"slices"
	"strings"

	"modelgate/internal/scanner/source/pytokens"
)

// question is what is asked of a class: whether unpickling it runs nothing but moves of data, if it is made by __new__ or, if called, by
// a call of the class itself.
type question struct {
	module, class string
	called        bool
}

// Bounds of one question: classes among the bases, and methods that are read.
const (
	maxBases   = 50
	maxMethods = 500
)

// hooks are the methods that unpickling runs by itself when an object is made, given a state, filled, compared as a key and dropped, and
// those that built-in types run which are made of the object. How it is shown nobody asks: see package pickle, of str.
var hooks = setOf(strings.Fields(`__new__ __setstate__ __setattr__ __getattr__ __getattribute__ __setitem__ append extend add update __hash__ __eq__ __lt__ __gt__
	__del__ __iter__ __next__ __len__ __length_hint__ __getitem__ __missing__ keys __bool__ __bytes__ __int__ __index__
	__float__ __complex__ __trunc__ __round__ __fspath__ __array__ __array_interface__ __array_struct__ __buffer__ __torch_function__`)...)

// calledHooks are those that a call of the class runs besides.
var calledHooks = setOf(strings.Fields(`__init__ __post_init__ __call__ __attrs_post_init__ __attrs_pre_init__ _missing_`)...)

// quietBases are classes of others whose methods only move data.
var quietBases = setOf(strings.Fields(`object dict list set frozenset tuple str bytes int float complex Exception ValueError TypeError KeyError RuntimeError
	LookupError AttributeError abc.ABC enum.Enum enum.IntEnum enum.Flag enum.IntFlag enum.StrEnum typing.Generic typing.NamedTuple typing.Protocol
	typing_extensions.Protocol typing_extensions.NamedTuple collections.OrderedDict collections.UserDict collections.UserList
	collections.UserString collections.Counter collections.deque collections.namedtuple collections.abc.Mapping
	collections.abc.MutableMapping collections.abc.Sequence collections.abc.MutableSequence collections.abc.Set collections.abc.MutableSet
	collections.abc.Iterable collections.abc.Iterator collections.abc.Sized collections.abc.Container collections.abc.Hashable
	typing.Dict typing.List typing.Tuple typing.Mapping typing.MutableMapping typing.Sequence`)...)

// quietDecorators do no more to a class or method than is said here of both.
var quietDecorators = setOf(strings.Fields(`dataclasses.dataclass functools.total_ordering attr.s attr.attrs attr.define attr.frozen attrs.define attrs.frozen
	typing.final typing_extensions.final enum.unique staticmethod classmethod property typing.override typing_extensions.override
	abc.abstractmethod typing.overload`)...)

// quietCalls are the functions that a hook may call, and a class body.
var quietCalls = setOf(strings.Fields(`dict list set frozenset tuple int float str bool bytes bytearray len isinstance issubclass range enumerate zip sorted
	reversed min max sum abs any all repr hash id iter next super hasattr setattr getattr type object ValueError TypeError KeyError AttributeError
	RuntimeError IndexError NotImplementedError StopIteration Exception slice round divmod callable`)...)

// quietBody are the functions that a class body may call besides: they make attributes that run nothing when they are set.
var quietBody = setOf(strings.Fields(`dataclasses.field enum.auto re.compile collections.namedtuple typing.TypeVar attr.ib attrs.field`)...)

// quietMethods are methods of plain data, which may be called on arguments and on what was made of them.
var quietMethods = setOf(strings.Fields(`items keys values get pop copy setdefault split rsplit strip lstrip rstrip lower upper startswith endswith format join replace
	encode decode index count sort reverse insert remove clear union intersection difference append extend add update popitem discard`)...)

// quiet tells whether unpickling a class of the package runs nothing but moves of data, as far as its source shows. Everything that is not
// plainly so is a no: a base that is not known, a decorator, a call of anything but built-in functions and methods of data.
func (s *sources) quiet(q question) bool {
	if known, ok := s.judged[q]; ok {
		return known
	}
	f := &family{s: s, methods: map[string][]method{}, names: map[string]bool{}}
	ok := f.class(s.find(q.module, q.class)) && f.run(q.called)
	s.judged[q] = ok
	return ok
}

// family is a class with those of its bases that the package brings.
type family struct {
	s       *sources
	classes []*pyclass
	names   map[string]bool // by which methods may name the classes and their bases
	methods map[string][]method
}

// method is a function in a class body: the tokens of its parameters and of what it does.
type method struct {
	module       *pymodule
	params, body []pytokens.Token
	hook         bool // setting an attribute runs it
}

// class takes a class and its bases into the family; false if one of them is not what it must be.
func (f *family) class(c *pyclass) bool {
	if c == nil || len(f.classes) >= maxBases {
		return false
	}
	for _, known := range f.classes {
		if known.module == c.module && known.name == c.name {
			return true
		}
	}
	f.classes = append(f.classes, c)
	f.names[c.name] = true
	m := c.module
	for _, l := range m.lines[c.decorators:c.head] {
		if !quietDecorator(m, m.tokens[l.from+1:l.to]) {
			return false
		}
	}
	head := m.lines[c.head]
	inline := head.from + 2 // behind the colon
	for inline < head.to && (m.tokens[inline].Text != ":" || m.tokens[inline].Depth > 0) {
		inline++
	}
	if inline == head.to {
		return false
	}
	if m.tokens[head.from+2].Text == "(" {
		for _, base := range split(m.tokens[head.from+3 : max(head.from+3, inline-1)]) {
			if !f.base(m, base) {
				return false
			}
		}
	}
	return f.body(c, inline+1)
}

// base takes a base of a class.
func (f *family) base(m *pymodule, tokens []pytokens.Token) bool {
	if len(tokens) > 1 && tokens[1].Text == "=" {
		name, rest := dottedPrefix(tokens[2:])
		return tokens[0].Text == "metaclass" && len(rest) == 0 && m.resolve(name) == "abc.ABCMeta"
	}
	name, rest := dottedPrefix(tokens)
	full := m.resolve(name)
	if len(rest) > 0 && rest[0].Text != "[" && full != "collections.namedtuple" {
		return false
	}
	f.names[name] = true
	if quietBases[full] {
		return true
	}
	i := strings.LastIndexByte(full, '.')
	return i > 0 && f.class(f.s.find(full[:i], full[i+1:]))
}

// quietDecorator tells whether a decorator is one of those that are known, with arguments that are constants.
func quietDecorator(m *pymodule, tokens []pytokens.Token) bool {
	name, rest := dottedPrefix(tokens)
	for i, k := range rest {
		if k.Kind == pytokens.Name && !constant(k.Text) && (i+1 >= len(rest) || rest[i+1].Text != "=") {
			return false
		}
	}
	if property, ok := strings.CutSuffix(name, ".setter"); ok && !strings.Contains(property, ".") {
		return true
	}
	return quietDecorators[m.resolve(name)]
}

func constant(name string) bool { return name == "True" || name == "False" || name == "None" }

// body reads the statements of a class, of which inline is the first token behind its colon: its methods are noted, the others must do
// nothing that unpickling could run later.
func (f *family) body(c *pyclass, inline int) bool {
	m := c.module
	if !f.statement(m, m.tokens[inline:m.lines[c.head].to]) {
		return false
	}
	for i := c.head + 1; i < c.last; {
		next, ok := f.member(c, i)
		if !ok {
			return false
		}
		i = next
	}
	return true
}

// member reads one statement of a class body with what is indented below it, and returns the line behind it.
func (f *family) member(c *pyclass, i int) (next int, ok bool) {
	m := c.module
	l := m.lines[i]
	hook := false
	for ; m.word(l, 0) == "@" && i+1 < c.last; i++ {
		if !quietDecorator(m, m.tokens[l.from+1:l.to]) {
			return 0, false
		}
		hook = hook || l.to-l.from >= 3 && m.tokens[l.to-1].Text == "setter"
		l = m.lines[i+1]
	}
	next = i + 1
	for next < c.last && m.lines[next].indent > l.indent {
		next++
	}
	from := l.from
	if m.tokens[from].Text == "async" {
		from++
	}
	end := m.lines[next-1].to
	if from+2 >= l.to || m.tokens[from].Text != "def" {
		if m.word(l, 0) == "class" {
			return next, !hooks[m.word(l, 1)] && !calledHooks[m.word(l, 1)]
		}
		return next, f.statement(m, m.tokens[l.from:end])
	}
	colon := from + 2
	for colon < l.to && (m.tokens[colon].Text != ":" || m.tokens[colon].Depth > 0) {
		colon++
	}
	name := m.tokens[from+1].Text
	f.methods[name] = append(f.methods[name], method{m, m.tokens[from+2 : colon], m.tokens[min(colon+1, l.to):end], hook})
	return next, len(f.methods) < maxMethods
}

// statement tells whether a statement in a class body that is no method makes nothing that unpickling runs: it binds no hook, and calls
// nothing but what makes plain values.
func (f *family) statement(m *pymodule, tokens []pytokens.Token) bool {
	for i, k := range tokens {
		if k.Kind == pytokens.Name && (hooks[k.Text] || calledHooks[k.Text]) && (i == 0 || tokens[i-1].Text != ".") {
			return false
		}
		if k.Kind == pytokens.Op && k.Text == "(" && i > 0 && tokens[i-1].Kind == pytokens.Name && !keyword(tokens[i-1].Text) {
			from := i - 1
			for from > 1 && tokens[from-1].Text == "." && tokens[from-2].Kind == pytokens.Name {
				from -= 2
			}
			name, _ := dottedPrefix(tokens[from:i])
			ofData := strings.Contains(name, ".") && quietMethods[tokens[i-1].Text] && m.imports[tokens[from].Text] == ""
			if full := m.resolve(name); !ofData && !quietCalls[full] && !quietBody[full] {
				return false
			}
		}
	}
	return true
}

// run reads the hooks of the family, and every method that they use.
func (f *family) run(called bool) bool {
	todo := slices.Collect(maps.Keys(hooks))
	if called {
		todo = slices.AppendSeq(todo, maps.Keys(calledHooks))
	}
	for name, ms := range f.methods {
		if slices.ContainsFunc(ms, func(m method) bool { return m.hook }) {
			todo = append(todo, name)
		}
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[name] {
			continue
		}
		seen[name] = true
		for _, m := range f.methods[name] {
			b := &hookBody{family: f, module: m.module, tokens: m.body, locals: map[string]bool{}}
			if !b.parameters(m.params) || !b.quiet() {
				return false
			}
			todo = append(todo, b.uses...)
		}
	}
	return true
}

// hookBody is what a method does.
type hookBody struct {
	family *family
	module *pymodule
	tokens []pytokens.Token
	locals map[string]bool
	uses   []string // methods of the family that it calls or reads
}

// parameters notes the names of parameters. A default must be a constant: it would be a way to reach anything.
func (b *hookBody) parameters(tokens []pytokens.Token) bool {
	for i, k := range tokens {
		switch {
		case k.Kind != pytokens.Name || k.Depth != 1:
		case tokens[i-1].Text == "(" || tokens[i-1].Text == "," || tokens[i-1].Text == "*" || tokens[i-1].Text == "**":
			b.locals[k.Text] = true
		}
		if k.Kind == pytokens.Op && k.Text == "=" && i+1 < len(tokens) && tokens[i+1].Kind == pytokens.Name && !constant(tokens[i+1].Text) {
			return false
		}
	}
	return true
}

func (b *hookBody) at(i int) pytokens.Token {
	if i < 0 || i >= len(b.tokens) {
		return pytokens.Token{}
	}
	return b.tokens[i]
}

// quiet tells whether the method names nothing but its arguments, what it made of them and built-in functions, and calls no others.
func (b *hookBody) quiet() bool {
	b.bind()
	for i, k := range b.tokens {
		switch {
		case k.Kind == pytokens.Name && b.at(i-1).Text == ".":
			if !b.attribute(i) {
				return false
			}
		case k.Kind == pytokens.Name:
			if !b.name(i) {
				return false
			}
		case k.Kind == pytokens.String && b.formatted(k) && !b.fields(k.Text):
			return false
		case k.Kind == pytokens.Op && k.Text == "(" && (b.at(i-1).Text == ")" || b.at(i-1).Text == "]") && b.at(i-1).Kind == pytokens.Op:
			return false
		case k.Kind == pytokens.Bad:
			return false
		}
	}
	return true
}

// formatted tells whether a string has fields, by its prefix.
func (b *hookBody) formatted(k pytokens.Token) bool {
	if k.End > len(b.module.text) {
		return true // a field of a string, whose places are its own
	}
	prefix := b.module.text[k.At:k.End]
	if i := strings.IndexAny(prefix, `"'`); i >= 0 {
		prefix = prefix[:i]
	}
	return strings.ContainsAny(prefix, "fFtT")
}

// fields judges the expressions in the fields of a formatted string.
func (b *hookBody) fields(text string) bool {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "{{", ""), "}}", "")
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			return true
		}
		field, rest, closed := strings.Cut(rest, "}")
		tokens, whole := pytokens.Split(nil, field)
		if !closed || !whole || strings.ContainsAny(field, "\"{\\'") { // strings and fields in fields
			return false
		}
		for i, k := range tokens { // what follows says how the value is written
			if k.Kind == pytokens.Op && k.Depth == 0 && (k.Text == "!" || k.Text == ":") {
				tokens = tokens[:i]
				break
			}
		}
		inner := &hookBody{family: b.family, module: b.module, tokens: tokens, locals: b.locals}
		if !inner.quiet() {
			return false
		}
		b.uses = append(b.uses, inner.uses...)
		text = rest
	}
}

// bind notes the names that the method binds itself. What they are bound to is made of names that are looked at.
func (b *hookBody) bind() {
	for i, k := range b.tokens {
		if k.Kind != pytokens.Name || b.at(i-1).Text == "." || keyword(k.Text) {
			continue
		}
		after := b.at(i + 1).Text
		start := i == 0 || b.at(i-1).Kind == pytokens.Newline || b.at(i-1).Text == ":" && b.at(i-1).Depth == 0
		if start && (after == "=" || after == ",") || after == ":=" || b.at(i-1).Text == "as" {
			b.locals[k.Text] = true
		}
		if b.at(i-1).Text == "for" || b.at(i-1).Text == "," && (after == "in" || after == "=") && k.Depth == b.at(i-1).Depth {
			b.locals[k.Text] = true
		}
	}
}

// name judges a name that is no attribute.
func (b *hookBody) name(i int) bool {
	k, after := b.at(i), b.at(i+1)
	switch {
	case k.Text == "import" || k.Text == "global" || k.Text == "nonlocal" || k.Text == "key" && after.Text == "=":
		return false
	case keyword(k.Text) || softKeyword(k.Text):
		return true
	case after.Kind == pytokens.Op && after.Text == "=" && k.Depth > 0:
		return true // the name of an argument
	case after.Text == "(":
		return quietCalls[k.Text] && !b.locals[k.Text] && b.module.imports[k.Text] == "" && b.module.classes[k.Text] == 0
	case b.family.names[k.Text]:
		return after.Text != "(" && (after.Text != "." || hooks[b.at(i+2).Text] || calledHooks[b.at(i+2).Text] || b.at(i+3).Text != "(")
	default:
		return b.locals[k.Text] || quietCalls[k.Text] && b.module.imports[k.Text] == ""
	}
}

// softKeyword tells whether a name is a keyword of statements that the others do not have.
func softKeyword(name string) bool { return name == "try" || name == "continue" || name == "break" }

// attribute judges a name behind a dot.
func (b *hookBody) attribute(i int) bool {
	name, of := b.at(i).Text, b.at(i-2)
	own := of.Text == "self" || of.Text == "cls"
	if b.family.methods[name] != nil {
		b.uses = append(b.uses, name)
	}
	special := strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__")
	if b.at(i+1).Text != "(" {
		switch {
		case name == "__class__":
			return b.at(i+1).Text == "."
		case special:
			return name == "__dict__" || name == "__name__" || name == "__slots__" || name == "__qualname__" || name == "__doc__"
		default:
			return true
		}
	}
	switch {
	case hooks[name] && special || calledHooks[name] && special:
		return own || quietBases[of.Text] || b.family.names[of.Text] || of.Text == ")" && b.at(i-4).Text == "super" || of.Text == ")" && b.superBefore(i)
	case quietMethods[name]:
		return true
	default:
		return own && b.family.methods[name] != nil
	}
}

// superBefore tells whether the call before a dot is one of super with arguments.
func (b *hookBody) superBefore(i int) bool {
	for j := i - 3; j > i-12 && j > 0; j-- {
		if b.at(j).Text == "(" && b.at(j).Depth == b.at(i-2).Depth {
			return b.at(j-1).Text == "super"
		}
	}
	return false
}
