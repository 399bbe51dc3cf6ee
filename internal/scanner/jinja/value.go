package jinja

import "unicode/utf8"

// Bounds of folding: bytes of a string and of all alternatives of a value together, alternatives of a value, entries of a
// list. What exceeds them counts as put together in a way that was not followed.
const (
	maxFolded       = 64 << 10
	maxAlternatives = 64
	maxItems        = 4096
)

// atomKind tells atoms apart.
type atomKind int

const (
	aUnknown atomKind = iota // anything: data
	aText                    // a string that is made from data alone
	aBuilt                   // a string that the template puts together in a way that was not followed
	aStr                     // the string s
	aNum                     // the integer n
	aBox                     // a list or dict
	aSpace                   // a namespace
	aGlobal                  // one of Jinja's own globals: s
	aMember                  // the attribute s of of
	aMacro                   // the macro
)

// atom is what a value may be. Boxes and spaces are shared, as they are in the template.
type atom struct {
	kind  atomKind
	s     string
	n     int64
	box   *box
	space *space
	of    *atom
	macro *stmt
}

// box is a list, or a dict if it has keys.
type box struct {
	isDict bool
	keys   []string // of the items, "" where not known
	items  []value
	any    value // what may be anywhere in it
	size   int64 // of a range, whose items are numbers
}

// space is a namespace: attributes that can be assigned.
type space struct {
	fields map[string]value
}

// value is what an expression may be: one of the atoms. No atom at all is a value that was not met yet.
type value []atom

func unknown() value         { return value{{kind: aUnknown}} }
func built() value           { return value{{kind: aBuilt}} }
func str(s string) value     { return value{{kind: aStr, s: s}} }
func number64(n int64) value { return value{{kind: aNum, n: n}} }

// same tells whether two atoms stand for the same.
func same(a, b atom) bool {
	if a.kind != b.kind || a.s != b.s || a.n != b.n || a.box != b.box || a.space != b.space || a.macro != b.macro {
		return false
	}
	return (a.of == nil) == (b.of == nil) && (a.of == nil || a.of == b.of || a.of.kind == b.of.kind && a.of.s == b.of.s && a.of.box == b.of.box)
}

// has tells whether a value may be of a kind.
func (v value) has(kind atomKind) bool {
	for _, a := range v {
		if a.kind == kind {
			return true
		}
	}
	return false
}

// constant tells whether all that a value may be is known; of nested containers two levels are looked at.
func (v value) constant() bool { return v.constantTo(2) }

func (v value) constantTo(depth int) bool {
	for _, a := range v {
		switch a.kind {
		case aUnknown, aText, aBuilt, aMember:
			return false
		case aBox:
			if depth == 0 || len(a.box.any) > 0 || a.box.size > 0 {
				return false
			}
			for _, item := range a.box.items {
				if !item.constantTo(depth - 1) {
					return false
				}
			}
		}
	}
	return len(v) > 0
}

// plus returns what is one of both. Too many alternatives become one that was not followed.
func (v value) plus(more value) value {
	if len(v) == 0 {
		return more[:len(more):len(more)]
	}
	bytes := 0
	for _, a := range v {
		bytes += len(a.s)
	}
	for _, a := range more {
		known := false
		for _, b := range v {
			if known = same(a, b); known {
				break
			}
		}
		if known {
			continue
		}
		bytes += len(a.s)
		if (len(v) >= maxAlternatives || bytes > maxFolded) && a.kind == aStr {
			a = atom{kind: aBuilt}
			if v.has(aBuilt) {
				continue
			}
		}
		if len(v) >= 2*maxAlternatives {
			return append(v[:2*maxAlternatives-1:2*maxAlternatives-1], atom{kind: aBuilt})
		}
		v = append(v[:len(v):len(v)], a)
	}
	return v
}

// each applies a function to each string that a value may be. What is put together from constants but cannot be followed
// stays marked as such; data that goes through becomes text.
func (v value) each(f func(s string) value) value {
	var out value
	for _, a := range v {
		switch a.kind {
		case aStr:
			out = out.plus(f(a.s))
		case aBuilt:
			out = out.plus(built())
		default:
			out = out.plus(value{{kind: aText}})
		}
	}
	return out
}

// concat joins strings end to end.
func concat(a, b value) value {
	if len(a)*len(b) > 4*maxAlternatives {
		return built()
	}
	var out value
	for _, x := range a {
		for _, y := range b {
			s, ok1 := x.text()
			t, ok2 := y.text()
			if !ok1 || !ok2 || len(s)+len(t) > maxFolded {
				out = out.plus(built())
				continue
			}
			out = out.plus(str(s + t))
		}
		if len(out) >= maxAlternatives {
			return out
		}
	}
	return out
}

// contents is what an element of a value may be when it is iterated over.
func (v value) contents() value {
	var out value
	for _, a := range v {
		switch {
		case a.kind == aStr:
			for _, r := range a.s {
				out = out.plus(str(string(r)))
			}
		case a.kind == aBox && a.box.isDict:
			for _, k := range a.box.keys {
				if k != "" {
					out = out.plus(str(k))
				}
			}
		case a.kind == aBox:
			for _, item := range a.box.items {
				out = out.plus(item)
			}
			out = out.plus(a.box.any)
			if a.box.size > 0 {
				out = out.plus(unknown())
			}
		case a.kind == aBuilt:
			out = out.plus(built())
		case a.kind == aText:
			out = out.plus(value{a})
		default:
			out = out.plus(unknown())
		}
	}
	return out
}

// all is what any element of a box may be.
func (b *box) all() value {
	var out value
	for _, item := range b.items {
		out = out.plus(item)
	}
	return out.plus(b.any)
}

// index returns the element at an index, which counts from the end if it is negative.
func (a atom) index(n int64) value {
	switch a.kind {
	case aStr:
		runes := []rune(a.s)
		if n < 0 {
			n += int64(len(runes))
		}
		if n >= 0 && n < int64(len(runes)) {
			return str(string(runes[n]))
		}
		return nil
	case aBox:
		if len(a.box.any) > 0 || a.box.isDict {
			return a.box.all().plus(unknown())
		}
		if n < 0 {
			n += int64(len(a.box.items))
		}
		if n >= 0 && n < int64(len(a.box.items)) {
			return a.box.items[n]
		}
		return unknown()
	case aBuilt, aText:
		return value{a}
	default:
		return unknown()
	}
}

// key returns the element of a dict or namespace under a key; ok is false if it has none.
func (a atom) key(k string) (value, bool) {
	switch a.kind {
	case aSpace:
		v, ok := a.space.fields[k]
		return v, ok
	case aBox:
		if !a.box.isDict {
			return nil, false
		}
		var out value
		for i, known := range a.box.keys {
			if known == k || known == "" {
				out = out.plus(a.box.items[i])
			}
		}
		out = out.plus(a.box.any)
		return out, len(out) > 0
	}
	return nil, false
}

// reversed returns a string backwards.
func reversed(s string) string {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		_, n := utf8.DecodeLastRuneInString(s)
		out = append(out, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return string(out)
}
