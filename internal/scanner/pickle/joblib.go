package pickle

import (
	"maps"
	"math/bits"
	"slices"
	"strconv"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
)

// dtype is what is known of a numpy.dtype: how many bytes an element takes, and whether elements are Python objects.
type dtype struct {
	size    int64 // -1 if not known
	objects bool
}

// mostDTypes is how many of them a file may hold: NumPy writes each once.
const mostDTypes = 64 << 10

// newDType makes the value of numpy.dtype(code, align, copy), or of NumPy's variable-length strings, which are objects.
func (m *machine) newDType(g *global, args value) value {
	if len(m.dtypes) >= mostDTypes {
		return unknown
	}
	d := dtype{size: -1, objects: g.name == "_convert_to_stringdtype_kwargs"}
	if items, ok := m.nodes.items(args); ok && len(items) > 0 {
		if code, ok := m.content(items[0]); ok && g.name == "dtype" {
			d = parseDType(code)
		}
	}
	m.dtypes = append(m.dtypes, d)
	return makeValue(kDType, uint64(len(m.dtypes)-1))
}

// parseDType reads a type code of the array interface: "f8", "U12", "O8", "M8", "V16".
func parseDType(code string) dtype {
	for len(code) > 0 && (code[0] == '<' || code[0] == '>' || code[0] == '|' || code[0] == '=') {
		code = code[1:]
	}
	if code == "" {
		return dtype{size: -1}
	}
	n, err := strconv.ParseUint(code[1:], 10, 31)
	switch c := code[0]; {
	case c == 'O':
		return dtype{size: 8, objects: true}
	case err != nil:
		return dtype{size: -1}
	case c == 'U':
		return dtype{size: 4 * int64(n)}
	case c == 'M' || c == 'm':
		return dtype{size: 8}
	default:
		return dtype{size: int64(n)}
	}
}

// setDType executes BUILD on a numpy.dtype: (version, byte order, subtype, names, fields, element size, alignment, flags).
// Sizes of -1 leave what the type code said.
func (m *machine) setDType(v, state value) {
	items, ok := m.nodes.items(state)
	d := &m.dtypes[v.payload()]
	if !ok || len(items) < 7 {
		d.size = -1
		return
	}
	if size, ok := items[5].int(); ok && size > 0 {
		d.size = size
	}
	if len(items) < 8 {
		return
	}
	flags, ok := items[7].int()
	flagged := ok && flags&1 != 0
	inside := d.objects || m.holdsObjects(items[2], items[4])
	if flagged != inside {
		m.differ(m.at, "a structured type hides that it holds Python objects")
	}
	d.objects = flagged || inside
}

// holdsObjects tells whether the subtype or a field of a structured type holds Python objects.
func (m *machine) holdsObjects(subtype, fields value) bool {
	found := false
	look := func(v value) {
		if items, _ := m.nodes.items(v); len(items) > 0 {
			v = items[0]
		}
		if v.kind() == kDType && m.dtypes[v.payload()].objects {
			found = true
		}
	}
	look(subtype)
	if !m.afford(m.nodes.pairs(fields)) {
		return true
	}
	m.nodes.each(fields, func(_, field value) bool {
		look(field)
		return !found
	})
	return found
}

// arrayWrapper handles BUILD on joblib's NumpyArrayWrapper. Its unpickler reads the array at once: raw bytes between the
// opcodes, behind one byte that tells the length of the padding, or a pickle of its own if the elements are objects.
func (m *machine) arrayWrapper(state value) {
	if m.plain {
		return
	}
	m.joblib = true
	if !m.afford(m.nodes.pairs(state)) {
		m.fail("the size of a joblib array can't be told")
		return
	}
	if parts, ok := m.nodes.items(state); ok && len(parts) == 2 && parts[0].kind() == kDict { // with attributes of slots
		state = parts[0]
	}
	var shape, kind, align value
	whole := m.nodes.each(state, func(key, val value) bool {
		name, _ := m.content(key)
		for at, field := range map[string]*value{"shape": &shape, "dtype": &kind, "numpy_array_alignment_bytes": &align} {
			if name == at && *field == 0 {
				*field = val
			}
		}
		return true
	})
	if m.state != running {
		return
	}
	objects := kind.kind() == kDType && m.dtypes[kind.payload()].objects
	n, ok := m.arraySize(shape, kind)
	if m.plainReading(objects, n); m.state != running {
		return
	}
	if objects {
		m.objectArray()
		return
	}
	if !whole || !ok {
		m.fail("the size of a joblib array can't be told")
		return
	}
	if align != 0 && align.kind() != kNone {
		pad, ok := m.take(1)
		if !ok || !m.skip(uint64(pad[0])) {
			return
		}
	}
	m.skip(n)
}

// freeForks is how many bytes may be read as opcodes beside four times what was read anyway. Arrays of numbers take a few.
const freeForks = 8 << 20

// plainReading reads what follows the first array wrapper of a stream as a loader does that knows nothing of joblib: as
// opcodes, to where they break. Numbers do that soon. Names in the first n bytes are the array's; what the two readings
// share behind it, or in the pickle of an array of objects, is told a second time only if it is dangerous.
func (m *machine) plainReading(objects bool, n uint64) {
	if m.forked {
		return
	}
	m.forked = true
	if m.forkBytes > freeForks+4*m.at {
		m.differ(m.at, "bytes of joblib arrays are opcodes for other loaders")
		return
	}
	at, imported, hits := m.in.offset(), m.imports, len(m.found.hits)
	fork := *m
	fork.stack, fork.marks, fork.memo, fork.plain = slices.Clone(m.stack), slices.Clone(m.marks), m.memo.clone(), true
	nodes, dtypes, extensions := m.nodes, m.dtypes, m.extensions // what the other reading changes is none of this one's
	m.nodes.ring, m.dtypes, m.extensions = slices.Clone(nodes.ring), slices.Clone(dtypes), maps.Clone(extensions)
	m.found.muted = objects
	fork.runTo(at + int64(n))
	within := !objects && m.imports > imported
	m.found.muted = true
	err := fork.run()
	m.found.muted = false
	m.nodes, m.dtypes, m.extensions = nodes, dtypes, extensions
	if err != nil {
		m.abort(err)
		return
	}
	m.forkBytes += m.in.offset() - at
	if within || len(m.found.hits) > hits {
		m.differ(m.at, "bytes of joblib arrays are opcodes for other loaders")
	}
	if _, err := m.in.seek(at); err != nil {
		m.abort(err)
	}
}

// arraySize is the number of bytes of an array.
func (m *machine) arraySize(shape, kind value) (uint64, bool) {
	dims, ok := m.nodes.items(shape)
	if !ok || kind.kind() != kDType || m.dtypes[kind.payload()].size < 0 {
		return 0, false
	}
	total := uint64(m.dtypes[kind.payload()].size)
	for _, dim := range dims {
		n, ok := dim.int()
		if !ok || n < 0 {
			return 0, false
		}
		over, low := bits.Mul64(total, uint64(n))
		if over != 0 || low > 1<<60 {
			return 0, false
		}
		total = low
	}
	return total, true
}

// objectArray reads the pickle that joblib keeps for an array of objects.
func (m *machine) objectArray() {
	if m.depth >= mostDepth {
		m.spent(m.at, "joblib arrays are nested too deep")
		m.fail("joblib arrays are nested too deep")
		return
	}
	m.streams++
	if m.streams > mostStreams {
		m.spent(m.at, "more than 10,000 streams")
		m.fail("more than 10,000 streams")
		return
	}
	m.depth++
	inner := m.machine()
	inner.memo.taken = m.memo.taken + len(m.memo.pages)
	inner.outer, inner.forked = m.outer+len(m.stack), true
	err := inner.run()
	m.depth--
	if err != nil {
		m.abort(err)
		return
	}
	if inner.state == broken {
		m.state, m.fault, m.at = broken, inner.fault, inner.at
	}
}

// fileWrapper handles BUILD on joblib's old NDArrayWrapper, whose array lies in a file of its own.
func (m *machine) fileWrapper(state value) {
	m.joblib = true
	if !m.afford(m.nodes.pairs(state)) {
		return
	}
	m.nodes.each(state, func(key, val value) bool {
		if name, _ := m.content(key); name != "filename" {
			return true
		}
		target, ok := m.content(val)
		if !ok {
			m.malformed(m.at, "the file name of a joblib array can't be told")
			return true
		}
		m.sink.Refer(finding.Reference{Kind: finding.RefFile, Target: target, Offset: m.at})
		return true
	})
}

// torchFamily tells whether persistent ids mean torch storages.
func (s *scanner) torchFamily() bool {
	return s.legacy.on || slices.Contains([]source.Family{source.FamilyTorch, source.FamilyTorchScript}, s.f.Family)
}
