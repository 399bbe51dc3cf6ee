package numpy

import (
	"math/bits"
	"strconv"
	"strings"
)

// kind says what elements are made of.
type kind int

const (
	kindPlain   kind = iota // raw bytes of a known size
	kindUnknown             // a name that NumPy may know and never writes
	kindObject              // Python objects: the elements are pickled
)

// dtype is the type of an array's elements; size in bytes is of plain ones only.
type dtype struct {
	kind kind
	size uint64
}

// maxDepth is how deep structured types may be nested.
const maxDepth = 32

// parseDtype reads a descr as numpy.lib.format.descr_to_dtype does: a string; a tuple of a type and a shape; or a list of
// fields, each a tuple of a name, a type and perhaps a shape. The worst kind among the parts counts.
func parseDtype(v value, depth int) dtype {
	if depth > maxDepth {
		return dtype{kind: kindUnknown}
	}
	switch v := v.(type) {
	case string:
		return parseTypeString(v)
	case tuple:
		if len(v) != 2 {
			return worst(v, depth)
		}
		return repeated(parseDtype(v[0], depth+1), v[1], depth)
	case list:
		sum := dtype{}
		for _, f := range v {
			field, ok := f.(tuple)
			if !ok || len(field) < 2 || len(field) > 3 {
				sum = add(sum, worst(tuple{f}, depth))
				continue
			}
			t := parseDtype(field[1], depth+1)
			if len(field) == 3 {
				t = repeated(t, field[2], depth)
			}
			sum = add(sum, t)
		}
		return sum
	}
	return worst(tuple{v}, depth)
}

// worst looks for objects in something that is no type as NumPy writes it.
func worst(parts tuple, depth int) dtype {
	out := dtype{kind: kindUnknown}
	for _, p := range parts {
		var t dtype
		switch p := p.(type) {
		case string, tuple, list:
			if depth < maxDepth {
				t = parseDtype(p, depth+1)
			}
		case dict:
			for _, kv := range p {
				t = add(t, worst(tuple{kv.value}, depth+1))
			}
		}
		out.kind = max(out.kind, t.kind)
	}
	return out
}

// add joins two fields.
func add(a, b dtype) dtype {
	size, carry := bits.Add64(a.size, b.size, 0)
	if carry != 0 {
		return dtype{kind: max(a.kind, b.kind, kindUnknown)}
	}
	return dtype{max(a.kind, b.kind), size}
}

// repeated is a sub-array of a type: a shape, or one size.
func repeated(t dtype, shape value, depth int) dtype {
	sizes, ok := shape.(tuple)
	if !ok {
		if _, one := shape.(integer); !one {
			return dtype{kind: max(t.kind, worst(tuple{shape}, depth).kind)}
		}
		sizes = tuple{shape}
	}
	for _, n := range sizes {
		size, ok := n.(integer)
		if !ok || size < 0 {
			return dtype{kind: max(t.kind, kindUnknown)}
		}
		hi, lo := bits.Mul64(t.size, uint64(size))
		if hi != 0 {
			return dtype{kind: max(t.kind, kindUnknown)}
		}
		t.size = lo
	}
	return t
}

// parseTypeString reads a type string of the array interface: byte order, kind, size. Anything that names objects is of
// objects, also the spellings that NumPy reads and does not write: "object", "O8", "i4,O", "(2,)O".
func parseTypeString(s string) dtype {
	if strings.Contains(s, ",") || strings.Contains(s, "(") {
		t := dtype{kind: kindUnknown}
		for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune(",() ", r) }) {
			t.kind = max(t.kind, parseTypeString(strings.TrimLeft(part, "0123456789")).kind)
		}
		return t
	}
	bare := strings.TrimLeft(strings.TrimSpace(s), "<>=|")
	if strings.HasPrefix(bare, "O") || strings.HasPrefix(strings.ToLower(bare), "object") {
		return dtype{kind: kindObject}
	}
	if bare == "" {
		return dtype{kind: kindUnknown}
	}
	letter, rest := bare[0], bare[1:]
	if letter == '?' && rest == "" {
		return dtype{size: 1}
	}
	unit := ""
	if i := strings.IndexByte(rest, '['); i >= 0 {
		rest, unit = rest[:i], rest[i:]
	}
	if dated := letter == 'M' || letter == 'm'; unit != "" && (!dated || !strings.HasSuffix(unit, "]")) {
		return dtype{kind: kindUnknown}
	}
	n, err := strconv.ParseUint(rest, 10, 40)
	if err != nil {
		return dtype{kind: kindUnknown}
	}
	switch letter {
	case 'b', 'i', 'u', 'f', 'c', 'M', 'm', 'S', 'a', 'V':
		return dtype{size: n}
	case 'U':
		return dtype{size: 4 * n}
	}
	return dtype{kind: kindUnknown}
}
