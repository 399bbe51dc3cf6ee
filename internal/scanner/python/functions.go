package python

import (
	"strings"

	"modelgate/internal/scanner/source/pynames"
)

// Bounds of calls that are followed with their arguments: statements of the function, calls in calls, and work in all.
const (
	maxInline   = 64
	maxFrames   = 3
	maxInlining = 2 << 20
)

// frame is a call of a function of the source that is followed with its arguments.
type frame struct {
	saved map[string]value // what names stood for before
	gives value
	nest  int // branches and loops around the call
}

// bind gives a name a value until the call is over. In a straight line a value replaces the one before.
func (f *frame) bind(w *walker, name string, v value) {
	if _, known := f.saved[name]; !known {
		f.saved[name] = w.vars[name]
		w.vars[name] = v
		return
	}
	if w.nested == f.nest {
		w.vars[name] = v
		return
	}
	w.vars[name] = w.vars[name].plus(v)
}

// gives notes what the function around returns or yields.
func (w *walker) gives(v value) {
	if n := len(w.frames); n > 0 {
		w.frames[n-1].gives = w.frames[n-1].gives.plus(v)
		return
	}
	if now := w.fn.gives.plus(v); now.size() <= 4*maxFolded {
		w.changed = w.changed || len(now) != len(w.fn.gives)
		w.fn.gives = now
	}
}

// derive notes what a class is derived from, and what makes it.
func (w *walker) derive(s *stmt) {
	args := w.arguments(s.top().args)
	for _, name := range args.at(-1, "metaclass").refs() {
		w.event(event{at: s.at, name: name})
	}
	w.bases[s.name] = w.bases[s.name].plus(nil)
	for _, base := range args.positional {
		for _, name := range base.refs() {
			w.event(event{at: s.at, name: name, role: isBase})
		}
		w.bases[s.name] = w.bases[s.name].plus(base)
	}
}

// local is what the call of a function of the source gives, or of a class: an object of it.
func (w *walker) local(e *node, c atom, args arguments) value {
	var out value
	for _, f := range w.functions[c.s] {
		if f.name == c.s {
			out = out.plus(f.gives).plus(w.inline(f, args))
		}
	}
	if _, class := w.bases[c.s]; class {
		out = out.plus(value{c}).plus(w.object(e, c.s, args, 0))
	}
	return out
}

// object is what an object of a class of the source is by what the class is derived from.
func (w *walker) object(e *node, class string, args arguments, depth int) value {
	var out value
	if depth > 8 {
		return nil
	}
	for _, base := range w.bases[class] {
		switch base.kind {
		case aRef:
			w.event(event{at: e.at, name: base.s, args: args})
			out = out.plus(value{{kind: aObject, s: base.s}})
		case aFunc:
			out = out.plus(w.object(e, base.s, args, depth+1))
		}
	}
	return out
}

// inline follows a call of a small function with its arguments, if something is known of them.
func (w *walker) inline(f *function, args arguments) value {
	if f.stmt == nil || f.size > maxInline || !w.worth(args) {
		return nil
	}
	params := f.stmt.top().params
	if f.class != "" && len(params) > 0 && (params[0].name == "self" || params[0].name == "cls") {
		params = params[1:]
	}
	return w.framed(f, params, args, func() value {
		w.body(f.stmt.body)
		return nil
	})
}

// lambda follows the call of a lambda with its arguments.
func (w *walker) lambda(e *node, args arguments) value {
	if !w.worth(args) {
		return nil
	}
	return w.framed(w.fn, e.params, args, func() value { return w.eval(e.kid(0)) })
}

// worth tells whether a call may be followed, and whether its arguments are worth it.
func (w *walker) worth(args arguments) bool {
	if len(w.frames) >= maxFrames || w.inlined > maxInlining {
		return false
	}
	for _, v := range args.positional {
		if v.telling() {
			return true
		}
	}
	for _, v := range args.named {
		if v.telling() {
			return true
		}
	}
	return false
}

// telling tells whether a value may be text, a list, a function or a name.
func (v value) telling() bool {
	for _, a := range v {
		switch a.kind {
		case aStr, aBytes, aList, aRef, aLambda:
			return true
		}
	}
	return false
}

// framed walks a body with its parameters bound to arguments, and undoes what it bound.
func (w *walker) framed(fn *function, params []param, args arguments, body func() value) value {
	fr := &frame{saved: map[string]value{}, nest: w.nested}
	outer, work := w.fn, w.work
	w.frames = append(w.frames, fr)
	w.fn = fn
	for i, p := range params {
		switch v := args.at(i, p.name); {
		case p.star && i < len(args.positional):
			w.bind(p.name, value{{kind: aList, items: args.positional[i:]}})
		case len(v) > 0:
			w.bind(p.name, v)
		case p.value != nil:
			w.bind(p.name, w.eval(p.value))
		}
	}
	out := body().plus(fr.gives)
	w.fn = outer
	w.frames = w.frames[:len(w.frames)-1]
	for name, v := range fr.saved {
		w.vars[name] = v
	}
	w.inlined += w.work - work
	w.work = work
	return out
}

// assignMember gives a value to an attribute of objects.
func (w *walker) assignMember(t *node, of, v value) {
	for _, a := range of {
		switch a.kind {
		case aRef:
			if a.s == "builtins" {
				w.bind(t.name, v)
			}
			w.event(event{at: t.at, name: a.s + "." + t.name, role: isArgument, note: "assigned"})
			if pynames.FamilyOf(a.s+"."+t.name) == pynames.None {
				w.handed(t.at, v) // whoever uses the module calls it
			}
		case aObject:
			w.event(event{at: t.at, name: a.s + "." + t.name, role: isArgument, note: "assigned"})
		case aFunc:
			if t.name == "__code__" {
				w.bind(a.s, v)
			}
		}
	}
}

// assignItem gives a value to an element of a dict or list, to a name of a module, or to an environment variable.
func (w *walker) assignItem(t *node, v value) {
	of, key := w.eval(t.kid(0)), w.eval(t.kid(1))
	k, known := key.text()
	for _, name := range of.refs() {
		switch name {
		case "builtins.globals", "builtins.locals", "builtins.vars", "builtins", "builtins.__builtins__":
			if known {
				w.bind(k, v)
			}
		default:
			switch {
			case environments[name]:
				w.event(event{at: t.at, name: name, role: isSetting, note: k, args: arguments{positional: []value{v}}})
			case namespaces[name]:
				w.handed(t.at, v)
			}
		}
	}
	if base := t.kid(0); base != nil && base.kind == kName && (len(v.refs()) > 0 || v.has(aFunc) || v.has(aLambda)) {
		w.bind(base.name, value{{kind: aList, s: dictMark, items: []value{v}}})
	}
}

// environments are the dicts of environment variables.
var environments = map[string]bool{"os.environ": true, "os.environb": true, "posix.environ": true}

// isProperty tells whether a method is one that looks like an attribute.
func (f *function) isProperty() bool {
	if f.stmt == nil {
		return false
	}
	for _, d := range f.stmt.top().decorators {
		if d != nil && (strings.HasSuffix(d.name, "property") || strings.HasSuffix(d.name, "reify")) {
			return true
		}
	}
	return false
}
