package python

import (
	"strconv"
	"strings"
)

// builtinNames are the functions that every source has and that matter here. A source that gives one of them to something
// else still has it elsewhere, so both are looked at.
var builtinNames = func() map[string]bool {
	t := map[string]bool{}
	for _, n := range strings.Fields(`eval exec compile open __import__ getattr setattr delattr globals locals vars breakpoint map filter chr ord
		bytes bytearray str int list tuple dict set reversed sorted input __builtins__ print type super range join hex iter next zip
		enumerate format memoryview object execfile __loader__ __spec__`) {
		t[n] = true
	}
	return t
}()

// eval returns what an expression may be, and notes the calls in it.
func (w *walker) eval(e *node) value {
	if e == nil {
		return nil
	}
	w.depth++
	defer func() { w.depth-- }()
	w.charge(evalCost)
	if e.kind == kSpared || w.depth > maxWalk || w.spent() {
		return hidden()
	}
	switch e.kind {
	case kName:
		return w.name(e.name)
	case kString:
		return str(e.name)
	case kBytes:
		return bytesOf(e.name)
	case kNumber:
		if n, err := strconv.ParseInt(strings.ReplaceAll(e.name, "_", ""), 0, 64); err == nil {
			return value{{kind: aNum, n: n}}
		}
		return nil
	case kFormat:
		return w.formatted(e)
	case kAttr:
		return w.attribute(e)
	case kIndex:
		return w.index(e)
	case kCall:
		return w.call(e)
	case kBinary:
		return w.operator(e, w.eval(e.kid(0)), w.eval(e.kid(1)))
	case kList:
		return w.list(e)
	case kDict:
		return w.dict(e)
	case kComp:
		return w.comprehension(e)
	case kIf:
		w.eval(e.kid(0))
		return w.eval(e.kid(1)).plus(w.eval(e.kid(2)))
	case kAssign:
		v := w.eval(e.kid(0))
		w.bind(e.name, v)
		return v
	case kUnary:
		v := w.eval(e.kid(0))
		if a, ok := v.one(); ok && a.kind == aNum && e.name == "-" {
			return value{{kind: aNum, n: -a.n}}
		}
		return nil
	case kLambda:
		for _, p := range e.params {
			if p.value != nil {
				w.bind(p.name, w.eval(p.value))
			}
		}
		return w.eval(e.kid(0)).plus(value{{kind: aLambda, node: e}})
	case kYield:
		v := w.eval(e.kid(0))
		w.gives(value{{kind: aList, items: []value{v}}})
		return v
	default:
		for _, k := range e.kids {
			w.eval(k)
		}
		return nil
	}
}

// name returns what a variable may be.
func (w *walker) name(name string) value {
	switch name {
	case "True":
		return value{{kind: aNum, n: 1}}
	case "False":
		return value{{kind: aNum}}
	}
	v := w.vars[name]
	if _, ok := w.functions[name]; ok {
		w.uses(name)
		v = v.plus(value{{kind: aFunc, s: name}})
	}
	if builtinNames[name] {
		v = v.plus(ref("builtins." + name))
	}
	return v
}

// attribute returns what an attribute may be: of a module, the name behind a dot.
func (w *walker) attribute(e *node) value {
	base := e.kid(0)
	if base == nil {
		return nil
	}
	of := w.eval(base)
	if base.kind == kName {
		if base.name == "self" || base.name == "cls" {
			w.uses(e.name)
		}
		if bound, ok := w.vars[base.name+"."+e.name]; ok {
			return bound.plus(w.member(of, e.name))
		}
	} else if of.has(aFunc) || base.kind == kCall {
		w.uses(e.name)
	}
	return w.member(of, e.name)
}

// member is an attribute of a value.
func (w *walker) member(of value, name string) value {
	w.charge(len(of) * len(of))
	var out value
	switch name { // of whatever they are: namespaces of others, and the built-in functions
	case "__globals__", "f_globals", "f_locals":
		return ref("sys.modules")
	case "f_builtins":
		return ref("builtins")
	}
	for _, a := range of {
		switch a.kind {
		case aRef:
			if name == "__self__" && strings.HasPrefix(a.s, "builtins.") {
				out = out.plus(ref("builtins"))
				continue
			}
			if name == "__dict__" || name == "__class__" && a.s == "builtins" {
				out = out.plus(value{a})
				continue
			}
			out = out.plus(ref(short(strings.TrimSuffix(a.s, ".__builtins__") + "." + name)))
		case aObject:
			if strings.Count(a.s, "()") < 4 { // what more calls give is not told apart
				a.s = strings.TrimSuffix(a.s, "()") + "()." + name
			}
			out = out.plus(ref(short(a.s)))
		case aFunc:
			w.uses(name)
			out = out.plus(w.vars["."+name]) // as its body may have assigned
			if name == "__doc__" {
				out = out.plus(w.vars[a.s+".__doc__"])
			}
			if len(w.functions[name]) > 0 {
				out = out.plus(value{{kind: aFunc, s: name}})
			}
			for _, f := range w.functions[name] {
				if f.isProperty() {
					out = out.plus(f.gives)
				}
			}
		case aStr, aBytes, aList, aHidden, aPrefix:
			out = out.plus(value{{kind: aRef, s: "." + name, items: []value{{a}}}})
		}
	}
	return out
}

// short keeps dotted names within bounds.
func short(name string) string { return name[max(0, len(name)-256):] }

// index returns an element: of a list or string by number, of a namespace by name.
func (w *walker) index(e *node) value {
	of := w.eval(e.kid(0))
	if s := e.kid(1); s != nil && s.kind == kSlice {
		return w.slice(of, s)
	}
	key := w.eval(e.kid(1))
	k, single := key.one()
	if !single {
		k = atom{}
	}
	if s := e.kid(1); len(key) == 0 && s != nil && s.kind == kName && s.name == "__name__" && of.names("sys.modules") {
		return nil // the module itself
	}
	var out value
	for _, a := range of {
		if strings.HasSuffix(a.s, ".sys.modules") {
			a.s = "sys.modules"
		}
		switch {
		case (a.kind == aRef || a.kind == aObject) && k.kind == aStr && single && namespaces[a.s]:
			out = out.plus(w.lookup(a.s, k.s))
		case a.kind == aRef && namespaces[a.s]:
			w.event(event{at: e.at, name: "builtins.getattr", dynamic: true})
		case a.kind == aRef && strings.HasPrefix(a.s, ".__"): // such as the order in which a class looks things up
			out = out.plus(value{a})
		case single && k.kind == aNum && !a.isDict():
			out = out.plus(element(a, k.n))
		case a.kind == aList:
			out = out.plus(elements(a))
		}
	}
	return out
}

// element returns the n-th element of a list or string, counted from its end if n is negative.
func element(a atom, n int64) value {
	size := int64(len(a.s))
	if a.kind == aList {
		size = int64(len(a.items))
	}
	if n < 0 {
		n += size
	}
	switch {
	case n < 0 || n >= size:
		return nil
	case a.kind == aList:
		return a.items[n]
	case a.kind == aBytes:
		return value{{kind: aNum, n: int64(a.s[n])}}
	case a.kind == aStr:
		return str(a.s[n : n+1])
	default:
		return nil
	}
}

// elements returns what any element of a list may be.
func elements(a atom) value {
	var out value
	for _, item := range a.items[:min(len(a.items), maxRefs)] {
		out = out.plus(item)
	}
	return out
}

// namespaces are dicts of names: what a subscript finds there is what the name stands for.
var namespaces = map[string]bool{
	"builtins": true, "builtins.__builtins__": true, "builtins.globals": true, "builtins.locals": true, "builtins.vars": true,
	"sys.modules": true, "os": true, "os.__dict__": true, "subprocess": true, "importlib": true, "sys": true,
}

// lookup returns what a name stands for in a namespace.
func (w *walker) lookup(space, name string) value {
	switch space {
	case "sys.modules":
		if name == "__builtins__" {
			return ref("builtins")
		}
		return ref(name)
	case "builtins", "builtins.__builtins__":
		return ref("builtins." + name)
	case "builtins.globals", "builtins.locals", "builtins.vars":
		if name == "__builtins__" {
			return ref("builtins")
		}
		return w.name(name)
	}
	return ref(space + "." + name)
}

// slice folds a slice of strings, bytes and lists.
func (w *walker) slice(of value, s *node) value {
	var bounds [3]*int64
	for i, k := range s.kids {
		if k == nil {
			continue
		}
		a, ok := w.eval(k).one()
		if !ok || a.kind != aNum {
			if of.has(aStr) || of.has(aBytes) || of.has(aHidden) {
				return hidden()
			}
			return nil
		}
		bounds[i] = &a.n
	}
	var out value
	for _, a := range of {
		switch a.kind {
		case aStr, aBytes:
			var b strings.Builder
			for _, i := range sliced(len(a.s), bounds) {
				b.WriteByte(a.s[i])
			}
			out = out.plus(value{{kind: a.kind, s: b.String()}})
		case aList:
			n := atom{kind: aList}
			for _, i := range sliced(len(a.items), bounds) {
				n.items = append(n.items, a.items[i])
			}
			out = out.plus(value{n})
		case aHidden:
			out = out.plus(value{a})
		}
	}
	return out
}

// sliced returns the indices that Python's slice of a sequence of n elements takes.
func sliced(n int, bounds [3]*int64) []int {
	size, step := int64(n), int64(1)
	if bounds[2] != nil && *bounds[2] != 0 {
		step = *bounds[2]
	}
	low, high := int64(0), size
	if step < 0 {
		low, high = -1, size-1
	}
	clamp := func(b *int64, standard int64) int64 {
		if b == nil {
			return standard
		}
		v := *b
		if v < 0 {
			v += size
		}
		return min(max(v, low), high)
	}
	start, stop := clamp(bounds[0], 0), clamp(bounds[1], size)
	if step < 0 {
		start, stop = clamp(bounds[0], size-1), clamp(bounds[1], -1)
		if bounds[1] == nil {
			stop = -1
		}
	}
	var out []int
	for i := start; (step > 0 && i < stop || step < 0 && i > stop) && len(out) < n; i += step {
		out = append(out, int(i))
	}
	return out
}

// dict returns the values of a dict: which of them a key has is not followed.
func (w *walker) dict(e *node) value {
	out := atom{kind: aList, s: dictMark}
	for i, k := range e.kids {
		v := w.eval(k)
		if a, ok := v.one(); ok && i%2 == 1 && e.kids[i-1] == nil && a.isDict() { // **v
			out.items = append(out.items, a.items[:min(len(a.items), max(0, maxItems-len(out.items)))]...)
			continue
		}
		switch text, ok := v.text(); {
		case len(out.items) >= maxItems:
		case i%2 == 1:
			out.items = append(out.items, v)
		case ok:
			out.keys = append(out.keys, text)
		}
	}
	w.charge(len(out.items))
	return value{out}
}

func (w *walker) list(e *node) value {
	out := atom{kind: aList}
	for _, k := range e.kids {
		v := w.eval(k)
		if len(out.items) < maxItems {
			out.items = append(out.items, v)
		}
	}
	w.charge(len(out.items))
	return value{out}
}

// comprehension folds a comprehension with one clause over a constant, and walks any other once.
func (w *walker) comprehension(e *node) value {
	simple := w.folding < 2 && len(e.clauses) == 1 && len(e.clauses[0].ifs) == 0 && e.clauses[0].target.kind == kName && len(e.kids) == 1
	for i, c := range e.clauses {
		iter := w.eval(c.iter)
		if a, ok := iter.one(); ok && simple && i == 0 && (a.kind == aStr || a.kind == aBytes || a.kind == aList) {
			return w.folded(e, c.target.name, a)
		}
		w.assign(c.target, iter.contents())
		for _, test := range c.ifs {
			w.eval(test)
		}
	}
	var out value
	for _, k := range e.kids {
		out = out.plus(w.eval(k))
	}
	if out.has(aHidden) || out.has(aStr) {
		return hidden()
	}
	return nil
}

// folded evaluates the element of a comprehension for each element of a constant.
func (w *walker) folded(e *node, name string, over atom) value {
	outer, bound := w.vars[name]
	out := atom{kind: aList}
	w.folding++
	defer func() { w.folding-- }()
	for _, item := range over.elements() {
		if w.spent() {
			break
		}
		w.vars[name] = item
		out.items = append(out.items, w.eval(e.kid(0)))
	}
	delete(w.vars, name)
	if bound {
		w.vars[name] = outer
	}
	return value{out}
}

// elements are the elements of a constant.
func (a atom) elements() []value {
	var out []value
	switch a.kind {
	case aList:
		return a.items[:min(len(a.items), maxItems)]
	case aStr:
		for _, r := range a.s {
			if out = append(out, str(string(r))); len(out) >= maxItems {
				break
			}
		}
	case aBytes:
		for i := range min(len(a.s), maxItems) {
			out = append(out, value{{kind: aNum, n: int64(a.s[i])}})
		}
	}
	return out
}

// contents is what an element may be.
func (v value) contents() value {
	var out value
	for _, a := range v {
		if a.kind == aHidden {
			out = out.plus(value{a})
		}
		for _, item := range a.elements() {
			if len(out) >= maxRefs {
				break
			}
			out = out.plus(item)
		}
	}
	return out
}
