package python

import (
	"maps"
	"slices"
	"strings"

	"modelgate/internal/scanner/source/pycode"
)

// arguments evaluates the arguments of a call.
func (w *walker) arguments(args []arg) arguments {
	out := arguments{}
	for _, a := range args {
		v := w.eval(a.value)
		switch {
		case a.name != "":
			out.name(a.name, v)
		case a.star:
			list, ok := v.one()
			switch {
			case ok && list.isDict() && len(list.keys) == len(list.items):
				for i, k := range list.keys {
					out.name(k, list.items[i])
				}
			case ok && list.kind == aList && !list.isDict():
				out.positional = append(out.positional, list.items...)
			default:
				out.rest = true
				out.positional = append(out.positional, v.contents())
			}
		default:
			out.positional = append(out.positional, v)
		}
	}
	return out
}

// name adds a keyword argument.
func (a *arguments) name(keyword string, v value) {
	if a.named == nil {
		a.named = map[string]value{}
	}
	a.named[keyword] = v
}

// call notes a call and returns what it may give.
func (w *walker) call(e *node) value {
	callee := w.eval(e.kid(0))
	w.charge(len(callee) * len(callee))
	args := w.arguments(e.args)
	var out value
	for _, c := range callee {
		switch c.kind {
		case aRef:
			if !runsText(c.s) {
				w.event(event{at: e.at, name: c.s, args: args, of: first(c.items)})
			}
			w.trusted(e, c.s, args)
			out = out.plus(w.result(e, c, args))
		case aObject:
			w.event(event{at: e.at, name: c.s, args: args})
		case aFunc:
			out = out.plus(w.local(e, c, args))
		case aLambda:
			out = out.plus(w.lambda(c.node, args))
		case aHidden:
			if c.s == hiddenObject {
				w.event(event{at: e.at, name: "", role: isHidden})
			}
		}
	}
	for _, v := range args.positional {
		w.handed(e.at, v)
	}
	for _, name := range slices.Sorted(maps.Keys(args.named)) {
		w.handed(e.at, args.named[name])
	}
	return out
}

// handed notes the names that are handed to a function, which may call them.
func (w *walker) handed(at int64, v value) {
	for _, a := range v {
		if a.kind == aRef {
			w.event(event{at: at, name: a.s, role: isArgument})
		}
	}
}

// result is what the call of a named object gives.
func (w *walker) result(e *node, c atom, args arguments) value {
	name := c.s
	switch strings.TrimPrefix(name, "builtins.") {
	case "__import__", "importlib.import_module", "importlib.__import__":
		module, ok := args.at(0, "name").text()
		if !ok {
			w.event(event{at: e.at, name: name, dynamic: true})
			return nil
		}
		if top, _, dotted := strings.Cut(module, "."); dotted && strings.HasSuffix(name, "__import__") && len(args.at(3, "fromlist")) == 0 {
			module = top
		}
		return ref(short(module))
	case "getattr", "inspect.getattr_static":
		return w.getattr(e, args)
	case "type":
		if len(args.positional) == 1 {
			return w.typeOf(args.positional[0])
		}
	case "marshal.loads":
		if text, ok := args.at(0, "").text(); ok && w.compiled(e, text) {
			return nil
		}
	case "functools.reduce":
		return w.reduce(e, args)
	case "globals", "locals", "vars":
		if len(args.positional) > 0 {
			return args.positional[0]
		}
		return value{{kind: aObject, s: "builtins.globals"}}
	case "exec", "eval":
		return w.execute(e, name, args)
	case "functools.partial", "staticmethod", "classmethod", "functools.wraps":
		return args.at(0, "")
	case "operator.attrgetter", "operator.methodcaller", "operator.itemgetter":
		attr, ok := args.at(0, "").text()
		switch {
		case ok:
			return value{{kind: aRef, s: name + ":" + attr, items: args.positional}}
		case name != "operator.itemgetter":
			w.event(event{at: e.at, name: name, dynamic: true})
		}
		return nil
	case "pkgutil.resolve_name", "pydoc.locate":
		target, ok := args.at(0, "name").text()
		if !ok {
			w.event(event{at: e.at, name: name, dynamic: true})
			return nil
		}
		return ref(short(strings.ReplaceAll(target, ":", ".")))
	}
	if v, ok := w.looked(name, args); ok {
		return v
	}
	if v, ok := w.getter(e, name, c.items, args); ok {
		return v
	}
	if v, ok := ofDict(name, c.items, args); ok {
		return v
	}
	if name == "builtins.object.__subclasses__" || strings.HasPrefix(name, ".__") && strings.HasSuffix(name, ".__subclasses__") {
		// From a constant to all classes there are: nobody needs that but to find one that acts.
		w.event(event{at: e.at, name: "builtins.getattr", dynamic: true})
	}
	if v, ok := w.foldCall(name, c.items, args); ok {
		return v
	}
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "builtins.") {
		return nil
	}
	return value{{kind: aObject, s: name}}
}

// looked is what a method finds by a name that is its argument: in a namespace, or among the attributes of an object.
func (w *walker) looked(name string, args arguments) (value, bool) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 {
		return nil, false
	}
	space, method := name[:i], name[i+1:]
	key, ok := args.at(0, "").text()
	switch method {
	case "get", "pop", "setdefault", "__getitem__":
		if ok && namespaces[space] {
			return w.lookup(space, key), true
		}
	case "__getattribute__":
		if ok {
			return w.member(ref(space), key), true
		}
		if key, ok = args.at(1, "").text(); ok { // object.__getattribute__(of, key)
			return w.member(args.at(0, ""), key), true
		}
	}
	return nil, false
}

// ofDict is what a method of a dict returns.
func ofDict(name string, items []value, args arguments) (value, bool) {
	of, ok := first(items).one()
	if !ok || !of.isDict() {
		return nil, false
	}
	switch name {
	case ".values", ".copy":
		return value{of}, true
	case ".items":
		return value{{kind: aList, items: []value{{{kind: aList, items: []value{nil, elements(of)}}}}}}, true
	case ".get", ".pop", ".setdefault", ".popitem":
		return elements(of).plus(args.at(1, "")), true
	}
	return nil, false
}

// typeOf is the type of a value: that of an object of the source is its class.
func (w *walker) typeOf(v value) value {
	var out value
	for _, a := range v {
		if a.kind == aFunc {
			out = out.plus(value{a})
		}
	}
	return out.plus(ref("builtins.object"))
}

// getter calls what attrgetter, methodcaller and itemgetter return.
func (w *walker) getter(e *node, name string, bound []value, args arguments) (value, bool) {
	kind, attr, ok := strings.Cut(name, ":")
	if !ok {
		return nil, false
	}
	of := args.at(0, "")
	switch kind {
	case "operator.attrgetter":
		return w.member(of, attr), true
	case "operator.itemgetter":
		var out value
		for _, space := range of.refs() {
			if namespaces[space] {
				out = out.plus(w.lookup(space, attr))
			}
		}
		return out, true
	case "operator.methodcaller":
		var out value
		for _, c := range w.member(of, attr) {
			rest := arguments{positional: bound[min(1, len(bound)):]}
			if c.kind == aRef || c.kind == aObject {
				w.event(event{at: e.at, name: c.s, args: rest})
			}
			if c.kind == aRef {
				out = out.plus(w.result(e, c, rest))
			}
		}
		return out, true
	}
	return nil, false
}

// reduce folds the look-up of one name after the other.
func (w *walker) reduce(e *node, args arguments) value {
	f, _ := args.at(0, "").one()
	if f.kind != aRef || f.s != "builtins.getattr" {
		return nil
	}
	of := args.at(2, "initial")
	names, ok := args.at(1, "").one()
	list := names.elements()
	if len(of) == 0 && len(list) > 0 {
		of, list = list[0], list[1:]
	}
	for _, name := range list[:min(len(list), maxFrames*maxFrames)] {
		var text string
		if text, ok = name.text(); !ok {
			break
		}
		of = w.member(of, text)
	}
	if !ok {
		for _, name := range of.refs() {
			w.event(event{at: e.at, name: name + ".", dynamic: true})
		}
		return nil
	}
	return of
}

// trusted notes a call that is given leave to import the code of a repository.
func (w *walker) trusted(e *node, name string, args arguments) {
	for _, a := range args.at(-1, "trust_remote_code") {
		if a.isTrue() {
			w.event(event{at: e.at, name: name, role: isTrusted, args: args})
		}
	}
}

// first is the first of the values, nothing if there is none.
func first(items []value) value {
	if len(items) == 0 {
		return nil
	}
	return items[0]
}

// getattr is an attribute by a name that may be folded.
func (w *walker) getattr(e *node, args arguments) value {
	of := args.at(0, "")
	name, ok := args.at(1, "").text()
	if ok {
		if strings.Trim(name, "_") != "" {
			w.uses(name)
		}
		return w.member(of, name).plus(args.at(2, ""))
	}
	for _, a := range of {
		if a.kind == aRef {
			w.event(event{at: e.at, name: a.s + ".", dynamic: true})
		}
	}
	return args.at(2, "")
}

// runsText tells whether a function runs the text that it is given, which is then judged instead of the call.
func runsText(name string) bool { return name == "builtins.exec" || name == "builtins.eval" }

// execute follows code in a string. Of what may be code, everything that can be read as code is.
func (w *walker) execute(e *node, name string, args arguments) value {
	code := args.at(0, "source")
	if text, known := code.text(); known {
		return w.nestedCode(text, e.at, strings.HasSuffix(name, "eval"))
	}
	var out value
	for _, a := range code {
		if a.kind != aStr && a.kind != aBytes || w.inString > 0 {
			continue
		}
		if _, err := parse(strings.TrimLeft(a.s, " \t")); err == nil {
			out = out.plus(w.nestedCode(a.s, e.at, strings.HasSuffix(name, "eval")))
		}
	}
	if code.has(aHidden) {
		w.event(event{at: e.at, name: name, role: isHidden})
		return out
	}
	w.event(event{at: e.at, name: name, args: args})
	return out
}

// compiled notes the names that marshalled code uses as if the code stood in its place; ok is false if it cannot be read.
func (w *walker) compiled(e *node, data string) (ok bool) {
	w.charge(len(data) * 8)
	c, err := pycode.Parse([]byte(data))
	if err != nil {
		return false
	}
	chains, read := pycode.Chains(c)
	for _, ch := range chains {
		name := ch.Name()
		if ch.Module == "" && !strings.Contains(name, ".") {
			name = "builtins." + name
		}
		var args arguments
		for _, s := range ch.Args {
			args.positional = append(args.positional, str(s))
		}
		switch {
		case ch.Called:
			w.event(event{at: e.at, name: name, args: args})
		case ch.Path != "":
			w.event(event{at: e.at, name: name, role: isArgument})
		}
	}
	return read
}

// nestedCode walks code that stands in a string as if it stood in its place.
func (w *walker) nestedCode(text string, at int64, expression bool) value {
	if w.inString >= maxNested || w.spent() {
		w.event(event{at: at, role: isHidden})
		return nil
	}
	w.charge(len(text) * 8)
	tree, err := parse(strings.TrimLeft(text, " \t"))
	if err != nil {
		w.event(event{at: at, role: isHidden})
	}
	outer := w.override
	if w.override < 0 {
		w.override = at
	}
	w.inString++
	var out value
	if expression && len(tree) == 1 && tree[0].kind == sExpr && len(tree[0].exprs) == 1 {
		out = w.eval(tree[0].exprs[0])
	} else {
		w.body(tree)
	}
	w.inString--
	w.override = outer
	return out
}
