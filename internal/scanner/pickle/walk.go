package pickle

import (
	"bytes"
	"encoding/binary"
)

// walk steps over opcodes and keeps no more than the depth of the stack.
type walk struct {
	head  []byte // a window of the stream
	base  int64  // its offset
	whole bool   // the stream ends with it
	fetch func(at int64) []byte
	jumps int

	pos     int
	depth   int
	marks   []int
	steps   int // opcodes that were executed
	met     [256]bool
	kinds   int  // different ones among them
	left    int  // bytes after STOP
	named   bool // met a name
	acted   bool // called, built or instantiated, with a name before
	rich    bool // met more than constants
	stopped bool
	broken  bool
	cut     bool // the head ends inside an instruction
}

func (w *walk) accepts() bool {
	first := w.head
	w.run()
	if len(first) >= 3 && first[0] == opProto && first[1] >= 2 && first[1] <= maxProtocol {
		return w.steps >= 2 || w.steps == 1 && w.cut
	}
	switch {
	case w.acted:
		return true
	case w.broken:
		return false
	case w.stopped:
		return w.steps >= 2 && (w.rich || w.named || w.left == 0)
	default: // the head ends first
		return w.steps >= 2 && w.named || w.steps >= probeSteps && w.kinds > 1
	}
}

func (w *walk) run() {
	for !w.stopped && !w.broken && !w.cut && (w.steps < probeSteps || w.fetch == nil) {
		if w.pos >= len(w.head) && !w.advance(w.base+int64(w.pos)) {
			w.short()
			return
		}
		op := w.head[w.pos]
		arg, ok := w.argument(op)
		if !ok {
			continue
		}
		w.effect(op, arg)
		if w.broken {
			return
		}
		w.steps++
		if !w.met[op] {
			w.met[op] = true
			w.kinds++
		}
	}
}

// advance moves the window to an absolute offset.
func (w *walk) advance(to int64) bool {
	if w.fetch == nil || w.jumps == 0 || (w.whole && to >= w.base+int64(len(w.head))) {
		return false
	}
	w.jumps--
	next := w.fetch(to)
	if len(next) == 0 {
		w.whole = true
		return false
	}
	w.head, w.base, w.pos, w.whole = next, to, 0, len(next) < probeSize
	return true
}

// argument passes over one instruction and returns its argument, of which only the length is returned if it is sized. It is
// not ok if the instruction is none, or goes on behind the window: then the window was moved, or the walk is at its end.
func (w *walk) argument(op byte) (arg []byte, ok bool) {
	s := shapes[op]
	rest := w.head[w.pos+1:]
	fixed := int(s.fixed)
	switch {
	case s.kind == argInvalid:
		w.broken = true
		return nil, false
	case s.kind == argLine || s.kind == argLines:
		return w.lines(rest, s.kind == argLines)
	case len(rest) < fixed:
		w.again()
		return nil, false
	case s.kind == argFixed:
		w.pos += 1 + fixed
		return rest[:fixed], true
	}
	var n [8]byte
	copy(n[:], rest[:fixed])
	size := int64(min(binary.LittleEndian.Uint64(n[:]), 1<<40))
	if int64(len(rest)-fixed) >= size {
		w.pos += 1 + fixed + int(size)
		return rest[:fixed], true
	}
	if !w.advance(w.base + int64(w.pos+1+fixed) + size) {
		w.short()
		return nil, false
	}
	return rest[:fixed], true
}

// again reads the window anew from the current instruction on.
func (w *walk) again() {
	if w.pos == 0 || !w.advance(w.base+int64(w.pos)) {
		w.short()
	}
}

// short notes that an instruction goes on behind the head.
func (w *walk) short() {
	w.cut = true
	w.broken = w.whole
}

func (w *walk) lines(rest []byte, two bool) ([]byte, bool) {
	i := bytes.IndexByte(rest, '\n')
	if i >= 0 && two {
		if j := bytes.IndexByte(rest[i+1:], '\n'); j >= 0 {
			i += 1 + j
		} else {
			i = -1
		}
	}
	if i < 0 {
		w.again()
		return nil, false
	}
	w.pos += 2 + i
	return rest[:i], true
}

// effect applies what an opcode does to the depth of the stack.
func (w *walk) effect(op byte, arg []byte) {
	switch op {
	case opMark:
		w.marks = append(w.marks, w.depth)
	case opPop:
		if n := len(w.marks); n > 0 && w.marks[n-1] == w.depth {
			w.marks = w.marks[:n-1]
			return
		}
		w.take(1, 0)
	case opPopMark:
		w.takeMark(0, 0)
	case opStop:
		w.take(1, 0)
		w.stopped, w.left = !w.broken, len(bytes.TrimRight(w.head[w.pos:], "\x00 \n\r\t"))
	case opPut:
		w.take(1, 1)
		w.broken = w.broken || !plausibleLine(op, arg)
	case opBinPut, opLongBinPut, opMemoize, opReadOnlyBuffer:
		w.take(1, 1)
	case opDup:
		w.take(1, 2)
	case opProto, opFrame:
	case opTuple, opList, opDict, opFrozenSet:
		w.rich = true
		w.takeMark(0, 1)
	case opAppends, opSetItems, opAddItems:
		w.takeMark(1, 1)
	case opTuple1, opTuple2, opTuple3:
		w.rich = true
		w.take(int(op-opTuple1)+1, 1)
	case opAppend:
		w.take(2, 1)
	case opSetItem:
		w.take(3, 1)
	case opBinPersID:
		w.take(1, 1)
	default:
		w.objects(op, arg)
	}
}

// objects applies the opcodes of names, calls and constants.
func (w *walk) objects(op byte, arg []byte) {
	switch op {
	case opGlobal, opInst:
		if !plausibleName(arg) {
			w.broken = true
			return
		}
		w.named = true
		if op == opGlobal {
			w.depth++
			w.acted = w.acted || knownName(arg)
			return
		}
		w.takeMark(0, 1)
		w.acted = !w.broken
	case opStackGlobal:
		w.take(2, 1)
		w.named = !w.broken
	case opExt1, opExt2, opExt4:
		w.depth++
		w.named = true
	case opReduce, opNewObj, opBuild:
		w.take(2, 1)
		w.acted = w.acted || (w.named && !w.broken)
	case opNewObjEx:
		w.take(3, 1)
		w.acted = w.acted || (w.named && !w.broken)
	case opObj:
		w.takeMark(0, 1)
		w.acted = w.acted || (w.named && !w.broken)
	case opInt, opLong, opFloat, opGet, opPersID, opString:
		w.broken = !plausibleLine(op, arg)
		w.depth++
	case opEmptyList, opEmptyDict, opEmptySet, opEmptyTuple:
		w.rich = true
		w.depth++
	default:
		w.depth++
	}
}

// take pops and pushes so many values.
func (w *walk) take(pop, push int) {
	fence := 0
	if n := len(w.marks); n > 0 {
		fence = w.marks[n-1]
	}
	if w.depth-fence < pop {
		w.broken = true
		return
	}
	w.depth += push - pop
}

// takeMark pops to the newest mark, and then so many values.
func (w *walk) takeMark(pop, push int) {
	n := len(w.marks)
	if n == 0 {
		w.broken = true
		return
	}
	w.depth = w.marks[n-1]
	w.marks = w.marks[:n-1]
	w.take(pop, push)
}
