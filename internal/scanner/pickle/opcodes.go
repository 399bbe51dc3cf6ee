package pickle

// The opcodes, named as in Python's Lib/pickle.py.
const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opDup            = '2'
	opFloat          = 'F'
	opInt            = 'I'
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opLong           = 'L'
	opBinInt2        = 'M'
	opNone           = 'N'
	opPersID         = 'P'
	opBinPersID      = 'Q'
	opReduce         = 'R'
	opString         = 'S'
	opBinString      = 'T'
	opShortBinString = 'U'
	opUnicode        = 'V'
	opBinUnicode     = 'X'
	opAppend         = 'a'
	opBuild          = 'b'
	opGlobal         = 'c'
	opDict           = 'd'
	opEmptyDict      = '}'
	opAppends        = 'e'
	opGet            = 'g'
	opBinGet         = 'h'
	opInst           = 'i'
	opLongBinGet     = 'j'
	opList           = 'l'
	opEmptyList      = ']'
	opObj            = 'o'
	opPut            = 'p'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opSetItem        = 's'
	opTuple          = 't'
	opEmptyTuple     = ')'
	opSetItems       = 'u'
	opBinFloat       = 'G'

	// Protocol 2.
	opProto    = 0x80
	opNewObj   = 0x81
	opExt1     = 0x82
	opExt2     = 0x83
	opExt4     = 0x84
	opTuple1   = 0x85
	opTuple2   = 0x86
	opTuple3   = 0x87
	opNewTrue  = 0x88
	opNewFalse = 0x89
	opLong1    = 0x8a
	opLong4    = 0x8b

	// Protocol 3.
	opBinBytes      = 'B'
	opShortBinBytes = 'C'

	// Protocol 4.
	opShortBinUnicode = 0x8c
	opBinUnicode8     = 0x8d
	opBinBytes8       = 0x8e
	opEmptySet        = 0x8f
	opAddItems        = 0x90
	opFrozenSet       = 0x91
	opNewObjEx        = 0x92
	opStackGlobal     = 0x93
	opMemoize         = 0x94
	opFrame           = 0x95

	// Protocol 5.
	opByteArray8     = 0x96
	opNextBuffer     = 0x97
	opReadOnlyBuffer = 0x98
)

// maxProtocol is the highest protocol that loaders take.
const maxProtocol = 5

// argKind says how the argument of an opcode is laid out.
type argKind uint8

const (
	argInvalid argKind = iota // not an opcode
	argFixed                  // so many bytes
	argSized1                 // a length of 1 byte, and so many bytes
	argSized4                 // a length of 4 bytes, little-endian
	argSized8                 // a length of 8 bytes, little-endian
	argLine                   // up to a newline
	argLines                  // two lines
)

// shape is the layout of an opcode: fixed counts the bytes after the opcode that are always there, lengths included.
type shape struct {
	kind  argKind
	fixed uint8
}

// maxFixed is the longest fixed part of an instruction, the opcode included.
const maxFixed = 9

// shapes is indexed by opcode.
var shapes = func() (t [256]shape) {
	for _, op := range []byte{
		opMark, opStop, opPop, opPopMark, opDup, opNone, opBinPersID, opReduce, opAppend, opBuild, opDict, opEmptyDict,
		opAppends, opList, opEmptyList, opObj, opSetItem, opTuple, opEmptyTuple, opSetItems, opNewObj, opTuple1, opTuple2,
		opTuple3, opNewTrue, opNewFalse, opEmptySet, opAddItems, opFrozenSet, opNewObjEx, opStackGlobal, opMemoize,
		opNextBuffer, opReadOnlyBuffer,
	} {
		t[op] = shape{kind: argFixed}
	}
	for op, n := range map[byte]uint8{
		opBinInt: 4, opBinInt1: 1, opBinInt2: 2, opBinFloat: 8, opProto: 1, opFrame: 8, opExt1: 1, opExt2: 2, opExt4: 4,
		opBinGet: 1, opBinPut: 1, opLongBinGet: 4, opLongBinPut: 4,
	} {
		t[op] = shape{kind: argFixed, fixed: n}
	}
	for _, op := range []byte{opShortBinString, opShortBinBytes, opShortBinUnicode, opLong1} {
		t[op] = shape{kind: argSized1, fixed: 1}
	}
	for _, op := range []byte{opBinString, opBinBytes, opBinUnicode, opLong4} {
		t[op] = shape{kind: argSized4, fixed: 4}
	}
	for _, op := range []byte{opBinUnicode8, opBinBytes8, opByteArray8} {
		t[op] = shape{kind: argSized8, fixed: 8}
	}
	for _, op := range []byte{opFloat, opInt, opLong, opPersID, opString, opUnicode, opGet, opPut} {
		t[op] = shape{kind: argLine}
	}
	for _, op := range []byte{opGlobal, opInst} {
		t[op] = shape{kind: argLines}
	}
	return t
}()
