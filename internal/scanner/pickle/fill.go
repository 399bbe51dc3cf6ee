package pickle

// makeTuple executes the opcodes that make tuples.
func (m *machine) makeTuple(op byte) {
	var items []value
	switch op {
	case opEmptyTuple:
	case opTuple:
		all, ok := m.items()
		if !ok {
			return
		}
		items = all
	default:
		n := int(op-opTuple1) + 1
		if !m.need(n) {
			return
		}
		items = m.stack[m.sp-n : m.sp]
		m.sp -= n
	}
	v := m.nodes.tuple(kTuple, items)
	m.watchExpansion(v)
	m.push(v)
}

// maxExpansion is how many objects one may meet who follows every reference of a value.
const maxExpansion = 1 << 32

func (m *machine) watchExpansion(v value) {
	if m.nodes.expand(v) > maxExpansion {
		m.bomb("the objects refer to each other so often that whoever walks them never ends")
	}
}

// fillOp executes APPEND, APPENDS, SETITEM and SETITEMS.
func (m *machine) fillOp(op byte) {
	var items []value
	switch op {
	case opAppend, opSetItem:
		n := 1
		if op == opSetItem {
			n = 2
		}
		if !m.need(n + 1) {
			return
		}
		items = m.stack[m.sp-n : m.sp]
		m.sp -= n
	default:
		all, ok := m.items()
		if !ok {
			return
		}
		items = all
		if !m.need(1) {
			return
		}
	}
	k := kList
	if op == opSetItem || op == opSetItems {
		k = kDict
		if len(items)%2 != 0 {
			m.fail("a key has no value")
			return
		}
	}
	m.fillTop(k, items)
}

// fillTop adds items to the container on top of the stack, which the opcode expects to be of kind k.
func (m *machine) fillTop(k kind, items []value) {
	target := m.stack[m.sp-1]
	if m.collect != nil && k == kList {
		m.collectKeys(items)
	}
	if target.kind() == k {
		if m.nodes.add(target, items) > maxExpansion {
			m.bomb("the objects refer to each other so often that whoever walks them never ends")
		}
		return
	}
	m.onFill(target, k, items)
}
