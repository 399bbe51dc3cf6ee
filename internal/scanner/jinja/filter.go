package jinja

import (
	"html"
	"strings"
	"unicode"
)

// filtered judges a chain of filters whose first operand is the text of a block.
func (j *judge) filtered(e *expr, text value) value {
	if e == nil {
		return text
	}
	if e.kind != exFilter {
		return j.eval(e)
	}
	if e.kids[0] != nil {
		text = j.filtered(e.kids[0], text)
	}
	return j.filter(e, text)
}

// filter judges a filter and folds it.
func (j *judge) filter(e *expr, in value) value {
	args := j.arguments(e.args)
	name := e.name
	if name == "map" || name == "select" || name == "reject" {
		return j.mapped(e, in, args)
	}
	return j.apply(e, name, in, args)
}

// mapped judges the filter that applies another one, whose name is its first argument, to each element.
func (j *judge) mapped(e *expr, in value, args evaluated) value {
	elements := in.contents()
	if e.name != "map" {
		return j.listOf(e, elements)
	}
	if _, ok := args.named["attribute"]; ok {
		return j.listOf(e, j.byAttribute(e, "map", elements, args))
	}
	if len(args.positional) == 0 {
		return j.listOf(e, elements.plus(args.splat))
	}
	rest := evaluated{positional: args.positional[1:], named: args.named, splat: args.splat}
	var out value
	for _, f := range args.positional[0] {
		if f.kind != aStr {
			j.dynamic(e.at, "map")
			out = out.plus(unknown())
			continue
		}
		if f.s != "map" {
			out = out.plus(j.apply(e, f.s, elements, rest))
		} else {
			j.dynamic(e.at, "map")
		}
	}
	return j.listOf(e, out)
}

// listOf is a list of which every element may be the given value.
func (j *judge) listOf(e *expr, v value) value {
	return value{{kind: aBox, box: j.keep(e, &box{any: v.plus(unknown())})}}
}

// byAttribute judges the name of the attribute that a filter looks up, and returns what the attribute may be.
func (j *judge) byAttribute(e *expr, filter string, of value, args evaluated) value {
	place, ok := attributeFilters[filter]
	if !ok {
		return nil
	}
	var out value
	for _, a := range args.at(place.position, place.keyword) {
		switch a.kind {
		case aStr:
			names := []string{a.s}
			if filter != "attr" {
				names = strings.FieldsFunc(a.s, func(r rune) bool { return r == '.' || r == ',' })
			}
			for _, n := range names {
				out = out.plus(j.lookup(of, n, e.at, filter != "attr"))
			}
		case aNum:
		case aUnknown, aMember:
			// A missing argument of these is None; only attr needs one. What data names is still not known.
			if filter == "attr" || a.kind == aUnknown || a.s != "none" && a.s != "None" {
				j.dynamic(e.at, filter)
			}
		default:
			j.dynamic(e.at, filter)
		}
	}
	return out.plus(unknown())
}

// apply judges and folds one filter by name.
func (j *judge) apply(e *expr, name string, in value, args evaluated) value {
	if _, ok := attributeFilters[name]; ok && name != "map" {
		of := in
		if name != "attr" {
			of = in.contents()
		}
		found := j.byAttribute(e, name, of, args)
		if name == "attr" {
			return found
		}
	}
	switch name {
	case "lower":
		return in.each(func(s string) value { return str(strings.ToLower(s)) })
	case "upper":
		return in.each(func(s string) value { return str(strings.ToUpper(s)) })
	case "title":
		return in.each(func(s string) value { return str(title(s)) })
	case "capitalize":
		return in.each(func(s string) value { return str(capitalize(s)) })
	case "trim":
		return in.each(func(s string) value { return stringMethod(s, "strip", args) })
	case "replace":
		return in.each(func(s string) value { return replaced(s, args) })
	case "striptags":
		return in.each(func(s string) value { return str(html.UnescapeString(s)).plus(built()) })
	case "string", "escape", "e", "safe", "forceescape", "d", "default":
		return j.passed(name, in, args)
	case "format":
		tuple := &box{items: args.positional}
		if len(args.splat) > 0 {
			tuple.any = args.splat
		}
		return percent(in, value{{kind: aBox, box: tuple}})
	case "join":
		separator := args.at(0, "d")
		if len(separator) == 0 {
			separator = str("")
		}
		return joined(separator, in)
	case "reverse":
		return j.reverse(e, in)
	case "first", "last", "random", "min", "max":
		return j.picked(name, in)
	case "list", "sort", "unique", "selectattr", "rejectattr", "items", "dictsort", "batch", "slice", "groupby":
		return j.listed(e, name, in)
	case "length", "count", "int", "float", "abs", "round", "wordcount", "sum":
		return unknown()
	case "tojson", "pprint", "urlencode", "indent", "wordwrap", "truncate", "center", "xmlattr", "urlize", "filesizeformat":
		return in.each(func(string) value { return built() })
	}
	if in.has(aStr) || in.has(aBuilt) {
		return built()
	}
	return unknown()
}

// passed folds the filters that give back what they get, as a string or not.
func (j *judge) passed(name string, in value, args evaluated) value {
	if name == "default" || name == "d" {
		return in.plus(args.at(0, "default_value"))
	}
	var out value
	for _, a := range in {
		switch a.kind {
		case aStr, aBuilt:
			out = out.plus(value{a})
		case aNum:
			s, _ := a.text()
			out = out.plus(str(s))
		case aBox, aMacro, aGlobal, aSpace:
			out = out.plus(built()) // the text of an object of the template's own: letters to pick from
		default:
			out = out.plus(value{{kind: aText}})
		}
	}
	return out
}

func (j *judge) reverse(e *expr, in value) value {
	var out value
	for _, a := range in {
		switch {
		case a.kind == aStr:
			out = out.plus(str(reversed(a.s)))
		case a.kind == aBox && !a.box.isDict && len(a.box.any) == 0 && a.box.size == 0:
			n := &box{}
			for i := range a.box.items {
				n.items = append(n.items, a.box.items[len(a.box.items)-1-i])
			}
			out = out.plus(value{{kind: aBox, box: j.keep(e, n)}})
		case a.kind == aBuilt, a.kind == aText:
			out = out.plus(value{a})
		default:
			out = out.plus(value{a}.contents())
		}
	}
	return out
}

// picked folds the filters that take one element.
func (j *judge) picked(name string, in value) value {
	var out value
	for _, a := range in {
		exact := a.kind == aStr || a.kind == aBox && !a.box.isDict && len(a.box.any) == 0 && len(a.box.items) > 0
		switch {
		case exact && name == "first":
			out = out.plus(a.index(0))
		case exact && name == "last":
			out = out.plus(a.index(-1))
		case a.kind == aBox && a.box.isDict && len(a.box.keys) > 0 && name != "last":
			out = out.plus(value{a}.contents())
		default:
			out = out.plus(value{a}.contents())
		}
	}
	return out
}

// listed folds the filters that make a list of the elements.
func (j *judge) listed(e *expr, name string, in value) value {
	n := &box{}
	for _, a := range in {
		switch {
		case name == "list" && len(in) == 1 && a.kind == aStr:
			for _, r := range a.s {
				if len(n.items) >= maxItems {
					n.any = built()
					break
				}
				n.items = append(n.items, str(string(r)))
			}
		case name == "list" && len(in) == 1 && a.kind == aBox && a.box.isDict && len(a.box.any) == 0:
			for _, k := range a.box.keys {
				n.items = append(n.items, str(k))
			}
		case name == "list" && len(in) == 1 && a.kind == aBox:
			n.items, n.any, n.size = a.box.items, a.box.any, a.box.size
		case a.kind == aBox:
			n.any = n.any.plus(a.box.all()).plus(value{a}.contents())
			n.any = n.any.plus(value{{kind: aBox, box: &box{any: value{a}.contents().plus(a.box.all())}}})
		default:
			n.any = n.any.plus(value{a}.contents())
		}
	}
	if len(n.items) == 0 {
		n.any = n.any.plus(unknown())
	}
	return value{{kind: aBox, box: j.keep(e, n)}}
}

// title makes the first letter of each word upper case, as Python does.
func title(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		letter := unicode.IsLetter(r)
		defer func() { inWord = letter }()
		if letter && !inWord {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func capitalize(s string) string {
	for i, r := range s {
		if i == 0 {
			return string(unicode.ToUpper(r)) + strings.ToLower(s[len(string(r)):])
		}
	}
	return s
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, s)
}
