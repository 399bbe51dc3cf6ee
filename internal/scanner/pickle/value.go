package pickle

// value is what the machine knows of one object: a kind in the upper 8 bits and, below it, a payload whose meaning hangs on
// the kind. It has no pointer, so that millions of them cost the collector nothing. The zero value is absent: an empty
// place of the memo.
type value uint64

// kind is the kind of a value.
type kind uint8

const (
	kAbsent     kind = iota
	kUnknown         // could be anything
	kNone            //
	kBool            // payload 0 or 1
	kInt             // payload: 56 bits, signed
	kBigInt          // an integer that does not fit, or of a form that nobody needs
	kFloat           //
	kText            // str, content in texts: offset<<textBits | length
	kFarText         // str, not kept: offset in the stream <<textBits | length
	kLongText        // str longer than maxText: index in scanner.longs
	kBytes           // bytes that nothing was seen in: offset<<textBits | length, the length cut at maxText
	kNested          // bytes that the engine took: index in scanner.nested
	kByteArray       //
	kBuffer          // out-of-band buffer
	kList            // node: sizes
	kDict            // node: sizes, items
	kSet             // node: sizes
	kFrozenSet       // node: sizes
	kTuple           // node: sizes, items
	kGlobal          // index in scanner.globals
	kModule          // index in scanner.globals, of which only the module counts
	kCall            // index in scanner.calls: the result of a call that is not known to be harmless
	kInstance        // index in scanner.globals: made by that class or function, which is known to be harmless
	kPersistent      // what a persistent id stands for
	kDType           // index in scanner.dtypes: numpy.dtype
)

// Payload sizes. textBits bits hold the length of a string, which is maxText at most.
const (
	payloadBits = 56
	payloadMask = 1<<payloadBits - 1
	textBits    = 12
	maxText     = 1<<textBits - 1
)

func makeValue(k kind, payload uint64) value {
	return value(uint64(k)<<payloadBits | payload&payloadMask)
}

func (v value) kind() kind      { return kind(v >> payloadBits) }
func (v value) payload() uint64 { return uint64(v) & payloadMask }

// unknown is a value that could be anything.
const unknown = value(uint64(kUnknown) << payloadBits)

// Constants that need no payload.
const (
	vNone  = value(uint64(kNone) << payloadBits)
	vFalse = value(uint64(kBool) << payloadBits)
	vTrue  = vFalse | 1
	vFloat = value(uint64(kFloat) << payloadBits)
	vBig   = value(uint64(kBigInt) << payloadBits)
)

// intValue returns the value of an integer.
func intValue(n int64) value {
	if n<<8>>8 != n {
		return vBig
	}
	return makeValue(kInt, uint64(n))
}

// int returns the integer of a kInt, or a boolean as 0 or 1.
func (v value) int() (int64, bool) {
	switch v.kind() {
	case kInt:
		return int64(v.payload()<<8) >> 8, true
	case kBool:
		return int64(v.payload()), true
	default:
		return 0, false
	}
}

// isText tells whether the value is a str.
func (v value) isText() bool {
	switch v.kind() {
	case kText, kFarText, kLongText:
		return true
	default:
		return false
	}
}

// isNode tells whether the value has a node in the store.
func (v value) isNode() bool {
	switch v.kind() {
	case kList, kDict, kSet, kFrozenSet, kTuple:
		return true
	default:
		return false
	}
}

// lasting tells whether a value is kept in the memo even when that is full: names and what came of them. Honest picklers
// import each once and come back to it much later.
func (v value) lasting() bool {
	switch v.kind() {
	case kGlobal, kModule, kCall, kDType:
		return true
	default:
		return false
	}
}
