package jinja

import (
	"maps"
	"slices"
	"strings"
)

// evaluated are the arguments of a call.
type evaluated struct {
	positional []value
	named      map[string]value
	splat      value // what *args or **kwargs may bring
}

// arguments evaluates the arguments of a call.
func (j *judge) arguments(args []arg) evaluated {
	out := evaluated{named: map[string]value{}}
	for _, a := range args {
		v := j.eval(a.value)
		switch {
		case a.splat:
			out.splat = out.splat.plus(v.contents())
			for _, atom := range v {
				if atom.kind == aBox && atom.box.isDict {
					for i, k := range atom.box.keys {
						out.named[k] = out.named[k].plus(atom.box.items[i])
					}
				}
			}
		case a.name != "":
			out.named[a.name] = v
		default:
			out.positional = append(out.positional, v)
		}
	}
	return out
}

// at returns an argument by position or keyword; nil if it is not given.
func (e evaluated) at(position int, keyword string) value {
	if v, ok := e.named[keyword]; ok && keyword != "" {
		return v
	}
	if position >= 0 && position < len(e.positional) {
		return e.positional[position]
	}
	return e.splat
}

// call judges a call and returns what it may give.
func (j *judge) call(e *expr) value {
	callee := j.eval(e.kids[0])
	args := j.arguments(e.args)
	var out value
	for _, c := range callee {
		switch c.kind {
		case aMember:
			if actions[c.s] {
				j.out.dangerous(e.at, c.s, c.s+"(…)")
			}
			out = out.plus(j.method(e, c, args))
		case aMacro:
			out = out.plus(j.callMacro(c.macro, args))
		case aGlobal:
			out = out.plus(j.callGlobal(e, c.s, args))
		default:
			out = out.plus(unknown())
		}
	}
	return out
}

// callMacro gives a macro its arguments and returns the text that it made when its body was walked.
func (j *judge) callMacro(m *stmt, args evaluated) value {
	constant := true
	for i, p := range m.params {
		v := args.at(i, p.name)
		j.vars[p.name] = j.grow(j.vars[p.name], v)
	}
	for _, v := range args.positional {
		constant = constant && v.constant()
		j.vars["varargs"] = j.grow(j.vars["varargs"], value{{kind: aUnknown}})
	}
	for _, v := range args.named {
		constant = constant && v.constant()
	}
	if j.macro != nil && constant && len(args.splat) == 0 && !slices.Contains(j.calls[j.macro], m) {
		j.calls[j.macro] = append(j.calls[j.macro], m)
	}
	if v, ok := j.results[m]; ok {
		return v
	}
	return value{{kind: aText}}
}

// callGlobal folds the calls of Jinja's own functions.
func (j *judge) callGlobal(e *expr, name string, args evaluated) value {
	switch name {
	case "namespace":
		s, ok := j.spaces[e]
		if !ok {
			s = &space{fields: map[string]value{}}
			j.spaces[e] = s
		}
		for _, k := range slices.Sorted(maps.Keys(args.named)) {
			s.fields[k] = j.grow(s.fields[k], args.named[k])
		}
		return value{{kind: aSpace, space: s}}
	case "dict":
		b := &box{isDict: true}
		for _, a := range e.args {
			if a.name != "" {
				b.keys, b.items = append(b.keys, a.name), append(b.items, args.named[a.name])
			}
		}
		for _, v := range args.positional {
			b.any = b.any.plus(v.contents()).plus(inner(v.contents()))
		}
		return value{{kind: aBox, box: j.keep(e, b)}}
	case "range":
		return value{{kind: aBox, box: j.keep(e, &box{size: span(args.positional)})}}
	case "caller":
		return j.vars["caller()"].plus(value{{kind: aText}})
	case "lipsum":
		return value{{kind: aText}}
	case "cycler":
		var out value
		for _, v := range args.positional {
			out = out.plus(v)
		}
		return value{{kind: aBox, box: j.keep(e, &box{any: out.plus(args.splat)})}}
	case "joiner":
		return value{{kind: aText}}
	}
	return unknown()
}

// span is how many numbers a range over constants has, at least 1.
func span(args []value) int64 {
	bounds := []int64{0, 0, 1}
	for i, v := range args {
		if i >= len(bounds) || len(v) != 1 || v[0].kind != aNum {
			return 1
		}
		bounds[i] = v[0].n
	}
	if len(args) == 1 {
		bounds[0], bounds[1] = 0, bounds[0]
	}
	if bounds[2] == 0 {
		return 1
	}
	return max(1, (bounds[1]-bounds[0])/bounds[2])
}

// method folds the methods of strings, lists, dicts and namespaces.
func (j *judge) method(e *expr, m atom, args evaluated) value {
	of := *m.of
	if m.s == "format" || m.s == "format_map" {
		return j.format(e, of, args)
	}
	switch of.kind {
	case aStr:
		return stringMethod(of.s, m.s, args)
	case aBuilt:
		return built()
	case aText:
		return value{of}
	case aBox:
		return j.boxMethod(e, of.box, m.s, args)
	}
	return unknown()
}

// stringMethod folds a method of a string.
func stringMethod(s, method string, args evaluated) value {
	text := func(i int) (string, bool) {
		v := args.at(i, "")
		if len(v) == 1 && v[0].kind == aStr {
			return v[0].s, true
		}
		return "", false
	}
	switch method {
	case "lower", "casefold":
		return str(strings.ToLower(s))
	case "upper":
		return str(strings.ToUpper(s))
	case "title":
		return str(title(s))
	case "capitalize":
		return str(capitalize(s))
	case "swapcase":
		return str(swapCase(s))
	case "strip", "lstrip", "rstrip":
		cut, given := text(0)
		if len(args.positional) > 0 && !given {
			return built()
		}
		return str(strip(s, method, cut))
	case "replace":
		return replaced(s, args)
	case "join":
		return joined(str(s), args.at(0, ""))
	case "split", "rsplit", "splitlines":
		sep, given := text(0)
		var parts []string
		switch {
		case method == "splitlines":
			parts = strings.Split(s, "\n")
		case given && sep != "" && len(args.positional) == 1:
			parts = strings.Split(s, sep)
		case len(args.positional) == 0 && len(args.named) == 0:
			parts = strings.Fields(s)
		default:
			return value{{kind: aBox, box: &box{any: built()}}}
		}
		b := &box{}
		for _, p := range parts[:min(len(parts), maxItems)] {
			b.items = append(b.items, str(p))
		}
		return value{{kind: aBox, box: b}}
	case "startswith", "endswith", "find", "rfind", "index", "rindex", "count", "isdigit", "isalpha", "isalnum", "isupper", "islower", "isspace":
		return unknown()
	case "removeprefix", "removesuffix":
		cut, given := text(0)
		if !given {
			return built()
		}
		if method == "removeprefix" {
			return str(strings.TrimPrefix(s, cut))
		}
		return str(strings.TrimSuffix(s, cut))
	}
	return built()
}

func strip(s, method, cut string) string {
	if cut == "" {
		cut = " \t\r\n\f\v"
	}
	switch method {
	case "lstrip":
		return strings.TrimLeft(s, cut)
	case "rstrip":
		return strings.TrimRight(s, cut)
	default:
		return strings.Trim(s, cut)
	}
}

// replaced folds replace with constant arguments.
func replaced(s string, args evaluated) value {
	var out value
	for _, from := range args.at(0, "s") {
		for _, to := range args.at(1, "new") {
			if from.kind != aStr || to.kind != aStr || len(s)*(len(to.s)+1) > maxFolded {
				return built()
			}
			out = out.plus(str(strings.ReplaceAll(s, from.s, to.s)))
			if n := args.at(2, "count"); len(n) == 1 && n[0].kind == aNum {
				out = out.plus(str(strings.Replace(s, from.s, to.s, int(max(-1, min(n[0].n, maxFolded))))))
			}
		}
	}
	if len(out) == 0 {
		return built()
	}
	return out
}

// joined folds join: separator between the elements of a list, of a dict's keys or of a string.
func joined(separator, list value) value {
	var out value
	for _, a := range list {
		var items []value
		switch {
		case a.kind == aBox && a.box.isDict && len(a.box.any) == 0:
			for _, k := range a.box.keys {
				items = append(items, str(k))
			}
		case a.kind == aBox && len(a.box.any) == 0 && a.box.size == 0:
			items = a.box.items
		case a.kind == aStr:
			for _, r := range a.s {
				items = append(items, str(string(r)))
			}
		default:
			out = out.plus(built())
			continue
		}
		text := str("")
		for i, item := range items {
			if i > 0 {
				text = concat(text, separator)
			}
			text = concat(text, item)
		}
		out = out.plus(text)
	}
	return out
}

// boxMethod folds the methods of lists and dicts. What is put in stays in.
func (j *judge) boxMethod(e *expr, b *box, method string, args evaluated) value {
	add := func(v value) {
		b.any = j.grow(b.any, v)
	}
	switch method {
	case "append", "insert", "add", "setdefault", "update", "extend":
		for _, v := range args.positional {
			add(v)
			if method == "extend" || method == "update" {
				add(inner(v))
				add(v.contents())
			}
		}
		for _, name := range slices.Sorted(maps.Keys(args.named)) {
			add(args.named[name])
		}
		return b.all().plus(unknown())
	case "items":
		pair := &box{any: value{{kind: aBox, box: b}}.contents().plus(b.all())}
		return value{{kind: aBox, box: j.keep(e, &box{any: value{{kind: aBox, box: pair}}})}}
	case "keys", "copy":
		return value{{kind: aBox, box: b}}
	case "values", "pop", "popitem", "get", "next":
		if key := args.at(0, ""); method == "get" && len(key) == 1 && key[0].kind == aStr {
			v, _ := atom{kind: aBox, box: b}.key(key[0].s)
			return v.plus(args.at(1, "default")).plus(unknown())
		}
		if method == "values" {
			return value{{kind: aBox, box: j.keep(e, &box{any: b.all()})}}
		}
		return b.all().plus(args.at(1, "")).plus(value{{kind: aBox, box: b}}.contents()).plus(unknown())
	}
	return unknown()
}
