package pickle

import "encoding/binary"

// rest executes the opcodes that are not in step.
func (m *machine) rest(op byte, arg []byte) {
	switch op {
	case opStop:
		if m.need(1) {
			m.result = m.pop()
			m.state = stopped
		}
	case opPop:
		m.popTop()
	case opPopMark:
		m.items()
	case opDup:
		if m.need(1) {
			m.push(m.stack[m.sp-1])
		}
	case opProto:
		m.in.pos++
		m.proto = arg[0]
		if m.proto > maxProtocol {
			m.malformed(m.at, "no loader knows the protocol")
		}
	case opFrame:
		m.frame(binary.LittleEndian.Uint64(arg))
	case opList, opDict, opEmptySet, opAddItems, opFrozenSet:
		m.container(op)
	case opGlobal, opInst, opStackGlobal, opExt1, opExt2, opExt4:
		m.name(op, arg)
	case opReduce, opObj, opNewObj, opNewObjEx, opBuild:
		m.construct(op)
	case opPersID, opBinPersID:
		m.persistent(op)
	case opInt, opLong, opLong1, opLong4, opFloat, opPut, opGet:
		m.number(op, arg)
	default:
		m.strings(op, arg)
	}
}

// popTop executes POP: above a mark it removes the mark.
func (m *machine) popTop() {
	if m.sp > m.fence {
		m.sp--
		return
	}
	if len(m.marks) > 0 {
		m.unmark()
		return
	}
	m.need(1)
}

// frame notes a FRAME. It is transport only: what lies in it is executed in any case.
func (m *machine) frame(n uint64) {
	m.in.pos += 8
	n = min(n, 1<<62) // longer than any file
	if rest := m.frameEnd - m.in.offset(); rest > 0 {
		m.malformed(m.at, "a frame begins inside a frame")
		if uint64(rest) >= n { // for C, the outer one goes on
			return
		}
		m.claim(n)
	}
	m.frameEnd = m.in.offset() + int64(n)
	m.frames.note(m.at, m.frameEnd)
}

// container executes the opcodes of lists, dicts and sets that are not in step.
func (m *machine) container(op byte) {
	if op == opEmptySet {
		m.push(m.nodes.empty(kSet))
		return
	}
	items, ok := m.items()
	if !ok {
		return
	}
	switch op {
	case opAddItems:
		if m.need(1) {
			m.fillTop(kSet, items)
		}
	case opFrozenSet:
		m.push(m.nodes.tuple(kFrozenSet, items))
	case opList:
		v := m.nodes.empty(kList)
		if m.collect != nil {
			m.collectKeys(items)
		}
		m.nodes.add(v, items)
		m.push(v)
	case opDict:
		if len(items)%2 != 0 {
			m.fail("a key has no value")
			return
		}
		v := m.nodes.empty(kDict)
		m.nodes.add(v, items)
		m.push(v)
	}
}

// number executes the opcodes of numbers that are not in step, and the textual opcodes of the memo.
func (m *machine) number(op byte, arg []byte) {
	switch op {
	case opLong1:
		m.in.pos++
		m.long(uint64(arg[0]))
		return
	case opLong4:
		m.in.pos += 4
		n := binary.LittleEndian.Uint32(arg)
		if int32(n) < 0 {
			m.fail("a number has a negative length")
			return
		}
		m.long(uint64(n))
		return
	}
	text, whole, ok := m.line()
	if !ok {
		return
	}
	switch op {
	case opFloat:
		m.push(vFloat)
	case opPut, opGet:
		m.textIndex(op, text)
	default:
		v, valid := parseInt(text, op == opLong, whole)
		if !valid {
			m.fail("a number has no digits of its base")
			return
		}
		m.push(v)
	}
}

// line reads the argument of a textual opcode, of which at most maxText bytes are kept; whole tells whether that is all.
func (m *machine) line() (text []byte, whole, ok bool) {
	if m.claimLine(); m.state != running {
		return nil, false, false
	}
	text, n, ended, err := m.in.line()
	if err != nil {
		m.abort(err)
		return nil, false, false
	}
	if !ended {
		m.fail("the stream ends inside a line")
		return nil, false, false
	}
	return text, n == int64(len(text)), true
}

// textIndex executes PUT and GET, whose index is a decimal number in Python's grammar.
func (m *machine) textIndex(op byte, text []byte) {
	v, ok := decimal(text)
	n, small := v.int()
	switch {
	case !ok || (small && n < 0):
		m.fail("an index of the memo is no natural number")
	case !small && op == opPut:
		m.memo.lost = true // beyond what any loader in C takes
	case !small:
		m.malformed(m.at, "the memo has no such entry")
		m.push(unknown)
	case op == opPut:
		m.put(uint64(n))
	default:
		m.get(uint64(n))
	}
}

// long executes LONG1 and LONG4: an integer of n bytes, little-endian, two's complement.
func (m *machine) long(n uint64) {
	if m.claim(n); m.state != running {
		return
	}
	if n > maxText {
		m.push(vBig)
		m.skip(n)
		return
	}
	raw, ok := m.take(int(n))
	if !ok {
		return
	}
	if m.ops <= 3 && string(raw) == torchMagic { // behind PROTO and, since protocol 4, FRAME
		m.torchMagicSeen = true
	}
	if n > 7 {
		m.push(vBig)
		return
	}
	var x int64
	for i, b := range raw {
		x |= int64(b) << (8 * i)
	}
	if n > 0 && raw[n-1]&0x80 != 0 {
		x -= 1 << (8 * n)
	}
	m.push(intValue(x))
}

// take reads n bytes, at most maxText. The result is valid until the next read.
func (m *machine) take(n int) ([]byte, bool) {
	if m.in.have() < n {
		whole, err := m.in.fill(n)
		if err != nil {
			m.abort(err)
			return nil, false
		}
		if !whole {
			m.in.pos = len(m.in.buf)
			m.fail("the stream ends inside an instruction")
			return nil, false
		}
	}
	at := m.in.pos
	m.in.pos += n
	return m.in.buf[at:m.in.pos], true
}

// skip passes over n bytes.
func (m *machine) skip(n uint64) bool {
	whole, err := m.in.skip(n)
	if err != nil {
		m.abort(err)
		return false
	}
	if !whole {
		m.fail("a length exceeds what remains")
	}
	return whole
}
