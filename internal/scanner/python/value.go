package python

import "modelgate/internal/scanner/source/pynames"

// Bounds of folding: bytes of a string, alternatives of a value, elements of a list.
const (
	maxFolded       = 1 << 20
	maxAlternatives = 16
	maxRefs         = 64  // alternatives that are names
	maxDangerous    = 512 // alternatives that are names of which something is known
	maxItems        = 32 << 10
)

// atomKind tells atoms apart.
type atomKind int

const (
	aUnknown atomKind = iota
	aRef              // the object of a dotted name: s
	aObject           // what calling the object of the dotted name s gives
	aStr              // the string s
	aBytes            // the bytes s
	aNum              // the integer n
	aList             // a list or tuple of items, or the values of a dict
	aFunc             // a function or class of this source, or an object of that class: s
	aLambda           // a lambda of this source: node
	aPrefix           // a string that begins with s
	aHidden           // what comes out of a decoder or cipher that was not followed
)

// atom is what a value may be.
type atom struct {
	kind  atomKind
	s     string
	n     int64
	items []value
	keys  []string // of a dict, those that are constant
	node  *node
}

// dictMark is the text of a list that holds the values of a dict.
const dictMark = "dict"

func (a atom) isDict() bool { return a.kind == aList && a.s == dictMark }

// isTrue tells whether an atom is a constant that counts as true.
func (a atom) isTrue() bool { return a.kind == aNum && a.n != 0 }

// value is what an expression may be: one of the atoms. Nothing means that it is not known yet.
type value []atom

func ref(name string) value { return value{{kind: aRef, s: name}} }
func str(s string) value    { return value{{kind: aStr, s: s}} }
func bytesOf(s string) value {
	return value{{kind: aBytes, s: s}}
}
func hidden() value { return value{{kind: aHidden}} }

// hiddenObject marks what comes out of marshal and the like, which may be called.
const hiddenObject = "object"

// plus returns what is one of both.
func (v value) plus(more value) value {
	if len(v) == 0 {
		return more
	}
	own := false // v was copied, so that nobody else sees what is appended
	for _, a := range more {
		if v.knows(a) || !v.room(a) {
			continue
		}
		if !own {
			own = true
			v = append(make(value, 0, len(v)+len(more)), v...)
		}
		v = append(v, a)
	}
	return v
}

// knows tells whether an atom is among the alternatives already.
func (v value) knows(a atom) bool {
	for i := range v {
		b := &v[i]
		if a.kind == b.kind && a.s == b.s && a.n == b.n && a.node == b.node && len(a.items) == 0 && len(b.items) == 0 {
			return true
		}
	}
	return false
}

// room tells whether an atom may be one more alternative: of names there may be many, the more so of those that do harm.
func (v value) room(a atom) bool {
	switch {
	case len(v) < maxAlternatives:
		return true
	case a.kind != aRef:
		return false
	default:
		return len(v) < maxRefs || len(v) < maxDangerous && pynames.FamilyOf(a.s) != pynames.None
	}
}

// one returns the only thing that a value can be.
func (v value) one() (atom, bool) {
	if len(v) != 1 {
		return atom{}, false
	}
	return v[0], true
}

// text is the only string or bytes that a value can be.
func (v value) text() (string, bool) {
	a, ok := v.one()
	if ok && (a.kind == aStr || a.kind == aBytes) {
		return a.s, true
	}
	return "", false
}

// begins is the text that a value begins with, if it can be but one: a string, bytes, or the beginning of a string that is
// put together with what is not known.
func (v value) begins() (string, bool) {
	a, ok := v.one()
	if ok && (a.kind == aStr || a.kind == aBytes || a.kind == aPrefix) {
		return a.s, true
	}
	return "", false
}

// has tells whether a value may be of a kind.
func (v value) has(k atomKind) bool {
	for _, a := range v {
		if a.kind == k {
			return true
		}
	}
	return false
}

// refs are the dotted names that a value may stand for.
func (v value) refs() []string {
	var out []string
	for _, a := range v {
		if a.kind == aRef || a.kind == aObject {
			out = append(out, a.s)
		}
	}
	return out
}

// names tells whether a value may be the object of a dotted name.
func (v value) names(name string) bool {
	for _, a := range v {
		if (a.kind == aRef || a.kind == aObject) && a.s == name {
			return true
		}
	}
	return false
}

// size bounds what one expression may hold in all.
func (v value) size() int {
	n := 0
	for _, a := range v {
		n += len(a.s) + len(a.items)
	}
	return n
}
