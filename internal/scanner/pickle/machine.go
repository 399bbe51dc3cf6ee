package pickle

import (
	"encoding/binary"
	"errors"
	"math"
)

// state says whether a machine goes on.
type state uint8

const (
	running state = iota
	stopped       // at STOP
	broken        // where a real loader would stop with an error
	aborted       // by an error of our own infrastructure or budget, in machine.err
)

// machine runs one stream. What streams of a file share is in the scanner.
type machine struct {
	*scanner
	proto    byte
	stack    []value
	sp       int   // the stack is stack[:sp]
	fence    int   // what lies below the newest mark cannot be reached
	marks    []int // positions in the stack, ascending
	lost     bool  // lower parts of the stack or of the marks were dropped
	memo     memo
	state    state
	err      error // why aborted
	fault    error // why broken, a *fault
	start    int64 // offset of the stream
	at       int64 // offset of the current opcode
	ops      int64
	frameEnd int64
	result   value
	plain    bool // reads as a loader that knows nothing of joblib
	forked   bool // such a reading was followed
	outer    int  // values on the stacks of outer streams, which count, too
	rebuilds int  // calls of torch's _rebuild_from_type_v2 that are being followed
}

// fault is how a stream breaks the rules of pickles.
type fault struct {
	offset int64
	reason string
}

func (f *fault) Error() string { return f.reason }

// Bounds of the stack: values and marks that are kept. Deeper ones are dropped and become unknown.
const (
	firstStack = 256
	mostStack  = 1 << 20
	mostMarks  = 1 << 18
)

func (s *scanner) machine() *machine {
	return &machine{scanner: s, stack: make([]value, firstStack), start: s.in.offset()}
}

// run executes the stream from the position of the input to its STOP or to where it breaks. The error is one of our own
// infrastructure or budget.
func (m *machine) run() error {
	m.runTo(math.MaxInt64)
	if m.state == aborted {
		return m.err
	}
	return nil
}

// runTo executes the stream up to an offset.
func (m *machine) runTo(end int64) {
	in := m.in
	for m.state == running && in.base+int64(in.pos) < end {
		if in.have() < maxFixed {
			m.refill()
			if m.state != running {
				break
			}
		}
		if rest := m.frameEnd - in.base - int64(in.pos); rest > 1 && rest <= maxFixed {
			m.border()
			if m.state != running {
				break
			}
		}
		m.step()
	}
}

// refill makes the fixed part of the next instruction available, or breaks the machine.
func (m *machine) refill() {
	whole, err := m.in.fill(maxFixed)
	if err != nil {
		m.abort(err)
		return
	}
	if whole {
		return
	}
	m.at = m.in.offset()
	if m.in.have() == 0 {
		m.fail("the stream ends without STOP")
		return
	}
	if s := shapes[m.in.buf[m.in.pos]]; m.in.have() < 1+int(s.fixed) {
		m.fail("the stream ends inside an instruction")
	}
}

// abort ends the scan with an error of our own.
func (m *machine) abort(err error) {
	m.state, m.err = aborted, err
}

// fail stops the machine where a real loader would.
func (m *machine) fail(reason string) {
	if m.state == running {
		m.state, m.fault = broken, &fault{m.at, reason}
	}
}

var errUnderflow = errors.New("stack underflow")

// step executes one instruction, whose fixed part is in the buffer. The opcodes that object-heavy streams consist of are
// here; the others are in rest.
func (m *machine) step() {
	in := m.in
	op, arg := in.buf[in.pos], in.buf[in.pos+1:]
	m.at = in.base + int64(in.pos)
	m.recent.at[m.recent.next%recentOps] = m.at
	m.recent.next++
	m.ops++
	in.pos++
	switch op {
	case opBinInt1:
		in.pos++
		m.push(makeValue(kInt, uint64(arg[0])))
	case opBinInt2:
		in.pos += 2
		m.push(makeValue(kInt, uint64(binary.LittleEndian.Uint16(arg))))
	case opBinInt:
		in.pos += 4
		m.push(intValue(int64(int32(binary.LittleEndian.Uint32(arg)))))
	case opBinFloat:
		in.pos += 8
		m.push(vFloat)
	case opNone:
		m.push(vNone)
	case opNewTrue:
		m.push(vTrue)
	case opNewFalse:
		m.push(vFalse)
	case opMark:
		m.mark()
	case opMemoize:
		m.put(m.memo.count)
	case opBinPut:
		in.pos++
		m.put(uint64(arg[0]))
	case opLongBinPut:
		in.pos += 4
		m.put(uint64(binary.LittleEndian.Uint32(arg)))
	case opBinGet:
		in.pos++
		m.get(uint64(arg[0]))
	case opLongBinGet:
		in.pos += 4
		m.get(uint64(binary.LittleEndian.Uint32(arg)))
	case opShortBinUnicode:
		in.pos++
		m.text(uint64(arg[0]), true)
	case opBinUnicode:
		in.pos += 4
		m.text(uint64(binary.LittleEndian.Uint32(arg)), true)
	case opEmptyTuple, opTuple1, opTuple2, opTuple3, opTuple:
		m.makeTuple(op)
	case opEmptyList:
		m.push(m.nodes.empty(kList))
	case opEmptyDict:
		m.push(m.nodes.empty(kDict))
	case opAppend, opAppends, opSetItem, opSetItems:
		m.fillOp(op)
	default:
		m.rest(op, arg)
	}
}

// push puts a value on the stack.
func (m *machine) push(v value) {
	if m.sp == len(m.stack) {
		m.grow()
	}
	m.stack[m.sp] = v
	m.sp++
}

// grow makes room on the stack: by more memory or, when it is as deep as is kept, by dropping its lower half.
func (m *machine) grow() {
	if m.outer+4*len(m.stack) <= mostStack {
		grown := make([]value, 4*len(m.stack))
		copy(grown, m.stack)
		m.stack = grown
		return
	}
	m.bomb("the stack grows beyond a million values")
	drop := len(m.stack) / 2
	m.lost = true
	m.sp = copy(m.stack, m.stack[drop:])
	for i := range m.marks {
		m.marks[i] = max(0, m.marks[i]-drop)
	}
	m.fence = max(0, m.fence-drop)
}

// mark fences the stack.
func (m *machine) mark() {
	if len(m.marks) == mostMarks {
		m.bomb("more than 262,144 marks are open")
		m.lost = true
		m.marks = m.marks[:copy(m.marks, m.marks[mostMarks/2:])]
	}
	m.marks = append(m.marks, m.sp)
	m.fence = m.sp
}

// unmark removes the newest mark and returns its position; what lies above it stays on the stack.
func (m *machine) unmark() (int, bool) {
	if len(m.marks) == 0 {
		if m.lost {
			return 0, true
		}
		m.fail("a mark is wanted and there is none")
		return 0, false
	}
	at := m.marks[len(m.marks)-1]
	m.marks = m.marks[:len(m.marks)-1]
	m.fence = 0
	if n := len(m.marks); n > 0 {
		m.fence = m.marks[n-1]
	}
	return at, true
}

// need tells whether n values lie above the newest mark, and breaks the machine if not.
func (m *machine) need(n int) bool {
	if m.sp-m.fence >= n {
		return true
	}
	if m.lost && m.fence == 0 { // they were dropped
		missing := n - m.sp
		items := append([]value(nil), m.stack[:m.sp]...)
		for i := range missing {
			m.stack[i] = unknown
		}
		m.sp = missing + copy(m.stack[missing:], items)
		return true
	}
	m.fail(errUnderflow.Error())
	return false
}

// pop takes the top of the stack, which must be there.
func (m *machine) pop() value {
	m.sp--
	return m.stack[m.sp]
}

// items takes everything above the newest mark, and the mark. The result is valid until the next push.
func (m *machine) items() ([]value, bool) {
	at, ok := m.unmark()
	if !ok {
		return nil, false
	}
	at = min(at, m.sp)
	items := m.stack[at:m.sp]
	m.sp = at
	return items, true
}

// put stores the top of the stack in the memo.
func (m *machine) put(index uint64) {
	if m.sp <= m.fence {
		m.malformed(m.at, "the memo is to keep a value, and there is none")
		m.memo.put(index, unknown)
		return
	}
	m.memo.put(index, m.stack[m.sp-1])
}

// get pushes a value of the memo.
func (m *machine) get(index uint64) {
	v := m.memo.get(index)
	if v == 0 {
		m.malformed(m.at, "the memo has no such entry")
		v = unknown
	}
	m.push(v)
}
