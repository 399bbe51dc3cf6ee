package pickle

import (
	"encoding/binary"
	"strings"
	"unicode"

	"modelgate/internal/finding"
)

// global is a name that the stream imports, as it is judged: names of Python 2 are mapped as the loader would.
type global struct {
	module, name string
	verdict
	offset int64 // of its first import
	hit    int   // index in found.hits, plus one
	// imports counts how often an indirection such as getattr was imported, calls how often it was seen to be called:
	// one that is imported and never called was handed to somebody.
	imports, calls int
}

// full is module and name as people write it.
func (g *global) full() string {
	if g.name == "" {
		return g.module
	}
	return g.module + "." + g.name
}

// Bounds of names: bytes of a name that a loader would take for one, different names of a file, all of them in bytes, and reads
// of operands that are not kept.
const (
	maxName     = 1000
	mostGlobals = 64 << 10
	mostNames   = 4 << 20
	mostFar     = 4096
)

// name executes the opcodes that import names.
func (m *machine) name(op byte, arg []byte) {
	switch op {
	case opStackGlobal:
		m.stackGlobal()
		return
	case opExt1:
		m.in.pos++
		m.extension(int64(arg[0]))
		return
	case opExt2:
		m.in.pos += 2
		m.extension(int64(binary.LittleEndian.Uint16(arg)))
		return
	case opExt4:
		m.in.pos += 4
		m.extension(int64(int32(binary.LittleEndian.Uint32(arg))))
		return
	}
	module, name, ended, ok := m.twoLines()
	if !ok {
		return
	}
	v := m.imported(module, name)
	if op == opInst {
		m.inst(v)
	} else {
		m.push(v)
	}
	if !ended && m.state == running {
		m.fail("the stream ends inside a name")
	}
}

// twoLines reads the argument of GLOBAL and INST. Where the stream ends inside it, Python's own unpickler takes what there is for
// the name, or looks for the empty name in the module.
func (m *machine) twoLines() (module, name string, ended, ok bool) {
	if m.claimLine(); m.state != running {
		return "", "", false, false
	}
	text, n, ended, err := m.in.line()
	if err != nil {
		m.abort(err)
		return "", "", false, false
	}
	module = string(text)
	if !ended {
		return module, "", false, true
	}
	long := n > maxText
	if m.claimLine(); m.state != running {
		return "", "", false, false
	}
	text, n, ended, err = m.in.line()
	if err != nil {
		m.abort(err)
		return "", "", false, false
	}
	if name = string(text); long || n > maxText {
		name += " " // too long for a name in any case
	}
	return module, name, ended, true
}

// stackGlobal executes STACK_GLOBAL.
func (m *machine) stackGlobal() {
	if !m.need(2) {
		return
	}
	name, module := m.pop(), m.pop()
	if !module.isText() || !name.isText() {
		if k := max(module.kind(), name.kind()); k != kUnknown && module.kind() != kUnknown && name.kind() != kUnknown {
			m.malformed(m.at, "a name is no string")
		}
		m.push(m.unresolved(module, name))
		return
	}
	mod, ok1 := m.content(module)
	attr, ok2 := m.content(name)
	if m.state != running {
		return
	}
	if !ok1 || !ok2 {
		m.push(m.unresolved(module, name))
		return
	}
	m.push(m.imported(mod, attr))
}

// unresolved notes a name that only the loader would know.
func (m *machine) unresolved(module, name value) value {
	m.nameless(hit{
		grade: unknownName, role: finding.RoleImport, offset: m.at, name: "STACK_GLOBAL",
		description: "The model may execute remote code since it imports a name that can't be told before it is loaded.",
	}, func() string { return m.render(module) + "." + m.render(name) })
	return unknown
}

// content returns a string of at most maxText bytes: from texts or, if it is not there, from the stream.
func (m *machine) content(v value) (string, bool) {
	switch v.kind() {
	case kText:
		return string(m.texts.get(v.payload())), true
	case kFarText, kBytes:
		n := int(v.payload() & maxText)
		at := int64(v.payload() >> textBits)
		if n == maxText || m.farReads >= mostFar {
			return "", false
		}
		if at < m.in.base || at+int64(n) > m.in.base+int64(len(m.in.buf)) {
			m.farReads++
		}
		text, err := m.in.peekAt(at, n)
		if err != nil {
			m.abort(err)
			return "", false
		}
		return string(text), len(text) == n
	default:
		return "", false
	}
}

// imported judges a name and returns its value.
func (m *machine) imported(module, name string) value {
	m.imports++
	if m.trace != nil {
		m.trace(event{module: module, name: name, offset: m.at})
	}
	if module == "" || name == "" {
		m.malformed(m.at, "a name is empty")
	}
	if len(module) > maxName || len(name) > maxName {
		m.malformed(m.at, "a name is too long")
		m.nameless(hit{
			grade: unknownName, role: finding.RoleImport, offset: m.at,
			description: "The model may execute remote code since it imports a name that is too long to be one.",
		}, func() string { return cut(module) + "." + cut(name) })
		return unknown
	}
	index, ok := m.intern(module, name, m.proto)
	if !ok {
		return unknown
	}
	g := &m.globals[index]
	m.onImport(g)
	return makeValue(kGlobal, uint64(index))
}

// intern returns the index of a name in globals; ok is false if there are too many.
func (m *machine) intern(module, name string, proto byte) (index uint32, ok bool) {
	table := m.byKey[0]
	if proto >= 3 {
		table = m.byKey[1]
	}
	m.key = binary.LittleEndian.AppendUint32(m.key[:0], uint32(len(module)))
	m.key = append(append(m.key, module...), name...)
	if index, ok := table[string(m.key)]; ok {
		return index, true
	}
	if m.nameBytes += len(module) + len(name); len(m.globals) >= mostGlobals || m.nameBytes > mostNames {
		m.nameless(hit{
			grade: unknownName, role: finding.RoleImport, offset: m.at,
			description: "The model may execute remote code since it imports more names than can be judged.",
		}, nil)
		return 0, false
	}
	g := m.newGlobal(module, name, proto)
	m.globals = append(m.globals, g)
	index = uint32(len(m.globals) - 1)
	table[string(m.key)] = index
	return index, true
}

// newGlobal judges a name. Line-based names keep a carriage return in the loader's eyes; it is trimmed here, so that the
// name is judged as what it means to be.
func (m *machine) newGlobal(module, name string, proto byte) global {
	g := global{module: strings.TrimRight(module, "\r"), name: strings.TrimRight(name, "\r"), offset: m.at}
	literal := g
	if proto < 3 {
		g.module, g.name = fromPython2(g.module, g.name)
	}
	g.verdict = judge(g.module, g.name, m.f.Family)
	if badName(module) || badName(name) {
		m.malformed(m.at, "a name holds control characters")
		if g.grade < unknownName {
			g.verdict = verdict{grade: unknownName}
		}
	}
	if proto < 3 && (literal.module != g.module || literal.name != g.name) {
		if v := judge(literal.module, literal.name, m.f.Family); v.grade == dangerous && g.grade != dangerous {
			g.verdict = v
		}
	}
	if head, _, _ := strings.Cut(g.module, "."); head == "keras" || head == "tf_keras" || strings.HasPrefix(g.module, "tensorflow.keras") ||
		strings.HasPrefix(g.module, "tensorflow.python.keras") {
		m.keras = true
	}
	return g
}

// badName tells whether no loader would take a string for a name.
func badName(s string) bool {
	return strings.ContainsFunc(s, unicode.IsControl)
}

// extension executes EXT1, EXT2 and EXT4: names by number, from a registry that is empty unless the stream filled it.
func (m *machine) extension(code int64) {
	if index, ok := m.extensions[code]; ok {
		m.onImport(&m.globals[index])
		m.push(makeValue(kGlobal, uint64(index)))
		return
	}
	m.nameless(hit{
		grade: unknownName, role: finding.RoleImport, offset: m.at, module: "copyreg", name: "EXT",
		description: "The model may execute remote code since it imports a name by an extension code that only its loader knows.",
	}, nil)
	m.push(unknown)
}

// onImport judges an import as such: what a name does when it is called is judged then.
func (m *machine) onImport(g *global) {
	g.imports++
	switch g.grade {
	case harmless, conditional:
		return
	case indirect: // see unused
		return
	default:
		if g.hit == 0 {
			m.hit(g, hit{grade: g.grade, role: finding.RoleImport, offset: m.at, evidence: g.evidence()})
		}
	}
}

// unused states an indirection that was imported and never called in a way that could be judged, or a function that is harmless
// for some arguments only: somebody else calls it.
func (s *scanner) unused(g *global) {
	if (g.grade == indirect || g.grade == conditional && g.check.acts()) && g.imports > 0 && g.calls == 0 && g.hit == 0 {
		s.hit(g, hit{grade: suspicious, role: finding.RoleImport, offset: g.offset, evidence: g.evidence()})
	}
}

// evidence says what was imported and, if only a part of it is dangerous, which.
func (g *global) evidence() string {
	if g.tail != "" && g.tail != g.full() {
		return g.full() + " reaches " + g.tail
	}
	return g.full()
}
