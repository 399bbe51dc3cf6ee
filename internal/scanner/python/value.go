package python

// Bounds of folding: bytes of a string, alternatives of a value, elements of a list.
const (
	maxFolded       = 1 << 20
	maxAlternatives = 16
	maxRefs         = 512 // alternatives that are names
	maxItems        = 64 << 10
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
	aFunc             // a function or class of this source: s
	aHidden           // what comes out of a decoder or cipher that was not followed
)

// atom is what a value may be.
type atom struct {
	kind  atomKind
	s     string
	n     int64
	items []value
}

// dictMark is the text of a list that holds the values of a dict.
const dictMark = "dict"

func (a atom) isDict() bool { return a.kind == aList && a.s == dictMark }

// value is what an expression may be: one of the atoms. Nothing means that it is not known yet.
type value []atom

func ref(name string) value { return value{{kind: aRef, s: name}} }
func str(s string) value    { return value{{kind: aStr, s: s}} }
func bytesOf(s string) value {
	return value{{kind: aBytes, s: s}}
}
func hidden() value { return value{{kind: aHidden}} }

// plus returns what is one of both.
func (v value) plus(more value) value {
	if len(v) == 0 {
		return more
	}
	for _, a := range more {
		known := false
		for _, b := range v {
			if known = a.kind == b.kind && a.s == b.s && a.n == b.n && len(a.items) == 0 && len(b.items) == 0; known {
				break
			}
		}
		if !known && (len(v) < maxAlternatives || a.kind == aRef && len(v) < maxRefs) {
			v = append(v[:len(v):len(v)], a)
		}
	}
	return v
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

// size bounds what one expression may hold in all.
func (v value) size() int {
	n := 0
	for _, a := range v {
		n += len(a.s) + len(a.items)
	}
	return n
}
