package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"modelgate/internal/scanner/source"
)

// recentOps is how many instructions before a finding are remembered, a power of two, and shownOps how many of them are shown: those that
// only number values are left out. mostExcerpts is for how many findings of a file.
const (
	recentOps    = 16
	shownOps     = 10
	mostExcerpts = 200
	mostOperand  = 80 // bytes of an operand that are shown
)

// recent are the offsets of the last instructions, in a ring.
type recent struct {
	at   [recentOps]int64
	next uint
}

// excerpt disassembles the last instructions up to the present one, as far as they are still in the buffer.
func (s *scanner) excerpt() []string {
	if s.excerpts >= mostExcerpts {
		return nil
	}
	s.excerpts++
	var lines []string
	for i := range uint(recentOps) {
		if s.recent.next+i < recentOps {
			continue // fewer have been read
		}
		at := s.recent.at[(s.recent.next+i)%recentOps]
		if at < s.in.base || at >= s.in.base+int64(len(s.in.buf)) {
			continue
		}
		switch b := s.in.buf[at-s.in.base:]; b[0] {
		case opMemoize, opPut, opBinPut, opLongBinPut, opFrame:
		default:
			lines = append(lines, fmt.Sprintf("%d: %s", at, disassemble(b)))
		}
	}
	return lines[max(0, len(lines)-shownOps):]
}

// disassemble writes an instruction as Python's pickletools does: its name and its operand, shortened.
func disassemble(b []byte) string {
	name := opNames[b[0]]
	if name == "" {
		return fmt.Sprintf("0x%02x", b[0])
	}
	shape, rest := shapes[b[0]], b[1:]
	switch {
	case shape.kind == argLine || shape.kind == argLines:
		line, rest, _ := bytes.Cut(rest, []byte{'\n'})
		text := string(line[:min(len(line), mostOperand)])
		if shape.kind == argLines {
			second, _, _ := bytes.Cut(rest, []byte{'\n'})
			text += " " + string(second[:min(len(second), mostOperand)])
		}
		return name + " " + source.Evidence(text)
	case len(rest) < int(shape.fixed):
		return name
	case shape.kind == argFixed && shape.fixed == 0:
		return name
	case shape.kind == argFixed:
		var v [8]byte
		copy(v[:], rest[:shape.fixed])
		return fmt.Sprintf("%s %d", name, binary.LittleEndian.Uint64(v[:]))
	default:
		var v [8]byte
		copy(v[:], rest[:shape.fixed])
		n := binary.LittleEndian.Uint64(v[:])
		content := rest[shape.fixed:]
		cut := n > mostOperand
		content = content[:min(n, mostOperand, uint64(len(content)))]
		text := name + " '" + source.Evidence(string(content))
		if cut {
			text += "…"
		}
		return text + "'"
	}
}

// opNames are the names of the opcodes in Python's Lib/pickle.py.
var opNames = func() (t [256]string) {
	for op, name := range map[byte]string{
		opMark: "MARK", opStop: "STOP", opPop: "POP", opPopMark: "POP_MARK", opDup: "DUP", opFloat: "FLOAT", opInt: "INT", opBinInt: "BININT",
		opBinInt1: "BININT1", opLong: "LONG", opBinInt2: "BININT2", opNone: "NONE", opPersID: "PERSID", opBinPersID: "BINPERSID",
		opReduce: "REDUCE", opString: "STRING", opBinString: "BINSTRING", opShortBinString: "SHORT_BINSTRING", opUnicode: "UNICODE",
		opBinUnicode: "BINUNICODE", opAppend: "APPEND", opBuild: "BUILD", opGlobal: "GLOBAL", opDict: "DICT", opEmptyDict: "EMPTY_DICT",
		opAppends: "APPENDS", opGet: "GET", opBinGet: "BINGET", opInst: "INST", opLongBinGet: "LONG_BINGET", opList: "LIST",
		opEmptyList: "EMPTY_LIST", opObj: "OBJ", opPut: "PUT", opBinPut: "BINPUT", opLongBinPut: "LONG_BINPUT", opSetItem: "SETITEM",
		opTuple: "TUPLE", opEmptyTuple: "EMPTY_TUPLE", opSetItems: "SETITEMS", opBinFloat: "BINFLOAT", opProto: "PROTO", opNewObj: "NEWOBJ",
		opExt1: "EXT1", opExt2: "EXT2", opExt4: "EXT4", opTuple1: "TUPLE1", opTuple2: "TUPLE2", opTuple3: "TUPLE3", opNewTrue: "NEWTRUE",
		opNewFalse: "NEWFALSE", opLong1: "LONG1", opLong4: "LONG4", opBinBytes: "BINBYTES", opShortBinBytes: "SHORT_BINBYTES",
		opShortBinUnicode: "SHORT_BINUNICODE", opBinUnicode8: "BINUNICODE8", opBinBytes8: "BINBYTES8", opEmptySet: "EMPTY_SET",
		opAddItems: "ADDITEMS", opFrozenSet: "FROZENSET", opNewObjEx: "NEWOBJ_EX", opStackGlobal: "STACK_GLOBAL", opMemoize: "MEMOIZE",
		opFrame: "FRAME", opByteArray8: "BYTEARRAY8", opNextBuffer: "NEXT_BUFFER", opReadOnlyBuffer: "READONLY_BUFFER",
	} {
		t[op] = name
	}
	return t
}()
