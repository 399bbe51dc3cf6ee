package pickle

import (
	"math/bits"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
)

// persistent executes PERSID and BINPERSID. Python's own loader refuses them; torch's reads storages by them.
func (m *machine) persistent(op byte) {
	var id value
	if op == opPersID {
		text, whole, ok := m.line()
		if !ok {
			return
		}
		id = unknown
		if payload, ok := m.texts.put(text); ok && whole {
			id = makeValue(kText, payload)
		}
	} else {
		if !m.need(1) {
			return
		}
		id = m.pop()
	}
	if !m.torchFamily() {
		m.malformed(m.at, "a persistent id, which a plain loader refuses")
		m.push(makeValue(kPersistent, 0))
		return
	}
	m.push(m.torchID(id))
}

// torchID judges a persistent id of torch: the tuple ("storage", class, key, location, count) with a view as sixth part in old
// files, ("module", class, file, source) in old files, or the number of an object in files of the tar format.
func (m *machine) torchID(id value) value {
	if id.kind() == kInt || m.number10(id) {
		return makeValue(kPersistent, 0)
	}
	items, ok := m.nodes.items(id)
	what := ""
	if ok && len(items) > 1 {
		what, _ = m.content(items[0])
	}
	switch {
	case what == "module" && len(items) == 4:
		return m.meaning(items[1])
	case what == "storage" && (len(items) == 5 || len(items) == 6) && m.storage(items):
		return makeValue(kPersistent, 1)
	case ok && len(items) == 3 && m.gradeOf(items[0], roleNew) == harmless: // the tar format's class with its source
		return m.meaning(items[0])
	}
	m.nameless(hit{
		grade: unknownName, role: finding.RoleImport, offset: m.at, module: "torch", name: "persistent_load",
		description: "The model may execute remote code since it holds a persistent id that is no tensor storage.",
	}, func() string { return m.render(id) })
	return makeValue(kPersistent, 0)
}

// number10 tells whether a value is a string of digits.
func (m *machine) number10(v value) bool {
	text, ok := m.content(v)
	return ok && v.isText() && text != "" && strings.Trim(text, "0123456789") == ""
}

// storage judges the parts of a storage's id and reports it.
func (m *machine) storage(items []value) bool {
	class := m.global(items[1])
	key, ok := m.content(items[2])
	if !ok && items[2].kind() == kInt {
		key, ok = m.render(items[2]), true
	}
	count, counted := items[4].int()
	if class == nil || !ok || !counted || count < 0 || !plainKey(key) {
		return false
	}
	size := elementSize(class)
	if size == 0 {
		return class.grade > conditional // judged by its name already
	}
	over, total := bits.Mul64(uint64(count), size)
	if over != 0 || total > 1<<62 {
		return false
	}
	m.legacy.note(key, int64(size))
	m.sink.Storage(source.Storage{Key: key, Size: int64(total)})
	return true
}

// plainKey tells whether a key is the name of a file and nothing else.
func plainKey(key string) bool {
	if key == "" || len(key) > 255 || key == "." || key == ".." {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == '/' || r == '\\' || r == ':' || r == 0x7f })
}

// elementSize is the size of an element of a storage class, 0 if it is none.
func elementSize(class *global) uint64 {
	switch class.module {
	case "torch", "torch.cuda", "torch.storage", "torch.sparse", "torch.xpu":
	default:
		return 0
	}
	switch strings.TrimSuffix(class.name, "Storage") {
	case class.name:
		return 0
	case "Double", "Long", "ComplexFloat":
		return 8
	case "ComplexDouble":
		return 16
	case "Float", "Int", "QInt32":
		return 4
	case "Half", "BFloat16", "Short":
		return 2
	case "Char", "Byte", "Bool", "QInt8", "QUInt8", "QUInt4x2", "QUInt2x4", "Untyped", "_":
		return 1
	default:
		return 0
	}
}
