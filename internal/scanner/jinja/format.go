package jinja

import (
	"fmt"
	"strconv"
	"strings"
)

// text is what an atom looks like in a string; ok is false if that is not known.
func (a atom) text() (s string, ok bool) {
	switch a.kind {
	case aStr:
		return a.s, true
	case aNum:
		return strconv.FormatInt(a.n, 10), true
	default:
		return "", false
	}
}

// one is the text of a value that can be one thing only.
func (v value) one() (string, bool) {
	if len(v) != 1 {
		return "", false
	}
	return v[0].text()
}

// percent folds Python's % of a string, and the filter format, with one argument or a tuple of them.
func percent(format, args value) value {
	var list []value
	dict := map[string]value{}
	for _, a := range args {
		if a.kind != aBox || len(a.box.any) > 0 {
			list = []value{args}
			break
		}
		if list = a.box.items; a.box.isDict {
			for i, k := range a.box.keys {
				dict[k] = a.box.items[i]
			}
		}
	}
	return format.each(func(s string) value {
		if text, ok := percentString(s, list, dict); ok {
			return str(text)
		}
		return built()
	})
}

// percentString formats with constants; ok is false if something is not known.
func percentString(format string, args []value, dict map[string]value) (out string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i >= len(format) {
			return "", false
		}
		if format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		var arg value
		if format[i] == '(' {
			end := strings.IndexByte(format[i:], ')')
			if end < 0 {
				return "", false
			}
			arg = dict[format[i+1:i+end]]
			i += end + 1
		} else if len(args) > 0 {
			arg, args = args[0], args[1:]
		}
		if len(arg) != 1 || i >= len(format) {
			return "", false
		}
		text, known := convert(format[i], arg[0])
		if !known || b.Len()+len(text) > maxFolded {
			return "", false
		}
		b.WriteString(text)
	}
	return b.String(), true
}

// convert formats one constant by the letter of a conversion.
func convert(verb byte, a atom) (string, bool) {
	switch verb {
	case 'c':
		if a.kind == aNum {
			return string(rune(a.n)), true
		}
		return a.text()
	case 's':
		return a.text()
	case 'd', 'i':
		return strconv.FormatInt(a.n, 10), a.kind == aNum
	case 'x':
		return fmt.Sprintf("%x", a.n), a.kind == aNum
	case 'X':
		return fmt.Sprintf("%X", a.n), a.kind == aNum
	case 'o':
		return fmt.Sprintf("%o", a.n), a.kind == aNum
	default:
		return "", false
	}
}

// format judges the fields of a string that format is called on, and folds it.
func (j *judge) format(e *expr, of atom, args evaluated) value {
	switch of.kind {
	case aBuilt:
		j.dynamic(e.at, "format")
		return built()
	case aStr:
	default:
		return value{{kind: aText}}
	}
	var b strings.Builder
	known, auto := true, 0
	walkFields(of.s, 0, func(literal string, field *replacement) {
		b.WriteString(literal)
		if field == nil {
			return
		}
		for _, name := range field.attributes {
			j.attribute(name, e.at, false)
		}
		text, ok := "", false
		if len(field.attributes) == 0 && !field.indexed {
			text, ok = field.fold(args, &auto)
		}
		known = known && ok && b.Len() <= maxFolded
		b.WriteString(text)
	})
	if !known || b.Len() > maxFolded {
		return built()
	}
	return str(b.String())
}

// replacement is a field of a format string: {name.attribute[index]!conversion:spec}.
type replacement struct {
	name       string
	attributes []string
	indexed    bool
	conversion string
	spec       string
}

// fold returns what a field without attributes becomes.
func (r *replacement) fold(args evaluated, auto *int) (string, bool) {
	var v value
	if n, err := strconv.Atoi(r.name); err == nil {
		v = args.at(n, "")
	} else if r.name == "" {
		v = args.at(*auto, "")
		*auto++
	} else {
		v = args.at(-1, r.name)
	}
	if len(v) != 1 || r.conversion != "" && r.conversion != "s" {
		return "", false
	}
	switch r.spec {
	case "", "s", "d":
		return v[0].text()
	case "c", "x", "X", "o":
		if v[0].kind == aNum {
			return convert(r.spec[0], v[0])
		}
	}
	return "", false
}

// walkFields calls f with each literal of a format string and the field behind it. Specifications may hold fields too.
func walkFields(s string, depth int, f func(literal string, field *replacement)) {
	const deepest = 3
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 || i+1 >= len(s) {
			f(s, nil)
			return
		}
		if s[i] == s[i+1] || s[i] == '}' {
			f(s[:i+1], nil)
			s = s[i+2-btoi(s[i] != s[i+1]):]
			continue
		}
		end := fieldEnd(s[i:])
		if end < 0 {
			f(s, nil)
			return
		}
		field := parseField(s[i+1 : i+end])
		f(s[:i], field)
		if strings.Contains(field.spec, "{") && depth < deepest {
			walkFields(field.spec, depth+1, func(_ string, inner *replacement) {
				if inner != nil {
					f("", inner)
				}
			})
		}
		s = s[i+end+1:]
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// fieldEnd returns where the field that s begins with ends, or -1.
func fieldEnd(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func parseField(s string) *replacement {
	r := &replacement{}
	if i := strings.IndexAny(s, "!:"); i >= 0 {
		rest := s[i:]
		s = s[:i]
		if rest[0] == '!' {
			r.conversion, r.spec, _ = strings.Cut(rest[1:], ":")
		} else {
			r.spec = rest[1:]
		}
	}
	i := strings.IndexAny(s, ".[")
	if i < 0 {
		r.name = s
		return r
	}
	r.name = s[:i]
	for s = s[i:]; s != ""; {
		stop := 1
		for stop < len(s) && s[stop] != '.' && s[stop] != '[' {
			stop++
		}
		if s[0] == '.' {
			r.attributes = append(r.attributes, s[1:stop])
		} else {
			r.indexed = true
		}
		s = s[stop:]
	}
	return r
}
