package python

import (
	"maps"
	"slices"
	"strings"
)

// arguments evaluates the arguments of a call.
func (w *walker) arguments(args []arg) arguments {
	out := arguments{}
	for _, a := range args {
		v := w.eval(a.value)
		switch {
		case a.name != "":
			if out.named == nil {
				out.named = map[string]value{}
			}
			out.named[a.name] = v
		case a.star:
			if list, ok := v.one(); ok && list.kind == aList {
				out.positional = append(out.positional, list.items...)
				continue
			}
			out.positional = append(out.positional, v.contents())
		default:
			out.positional = append(out.positional, v)
		}
	}
	return out
}

// call notes a call and returns what it may give.
func (w *walker) call(e *node) value {
	w.charge(1)
	callee := w.eval(e.kid(0))
	args := w.arguments(e.args)
	var out value
	for _, c := range callee {
		switch c.kind {
		case aRef:
			if !runsText(c.s) {
				w.event(event{at: e.at, name: c.s, args: args})
			}
			out = out.plus(w.result(e, c, args))
		case aObject:
			w.event(event{at: e.at, name: c.s, args: args})
		case aHidden:
			w.event(event{at: e.at, name: "", role: isHidden})
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
	case "getattr":
		return w.getattr(e, args)
	case "globals", "locals", "vars":
		if len(args.positional) > 0 {
			return args.positional[0]
		}
		return value{{kind: aObject, s: "builtins.globals"}}
	case "exec", "eval":
		return w.execute(e, name, args)
	case "functools.partial", "staticmethod", "classmethod", "functools.wraps":
		return args.at(0, "")
	case "operator.attrgetter", "operator.methodcaller":
		attr, ok := args.at(0, "").text()
		if !ok {
			w.event(event{at: e.at, name: name, dynamic: true})
			return nil
		}
		return value{{kind: aRef, s: "operator.attrgetter:" + attr}}
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
	if attr, ok := strings.CutPrefix(name, "operator.attrgetter:"); ok {
		return w.member(args.at(0, ""), attr)
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
	case ".values":
		return value{of}, true
	case ".get", ".pop", ".setdefault":
		return elements(of).plus(args.at(1, "")), true
	}
	return nil, false
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

// execute follows code in a string.
func (w *walker) execute(e *node, name string, args arguments) value {
	code := args.at(0, "source")
	text, known := code.text()
	switch {
	case known:
		return w.nested(text, e.at, strings.HasSuffix(name, "eval"))
	case code.has(aHidden):
		w.event(event{at: e.at, name: name, role: isHidden})
	default:
		w.event(event{at: e.at, name: name, args: args})
	}
	return nil
}

// nested walks code that stands in a string as if it stood in its place.
func (w *walker) nested(text string, at int64, expression bool) value {
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
