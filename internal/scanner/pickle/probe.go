package pickle

import (
	"bytes"
	"errors"
	"io"
	"unicode"

	"modelgate/internal/scanner/source"
)

// probeSize is how much of a stream the probe walks at most.
const probeSize = 4096

// Bounds of the probe: instructions that are proof enough, and windows that are read beyond the first.
const (
	probeSteps = 128
	probeJumps = 32
)

// Probe tells whether the bytes are a pickle. With a PROTO of a known protocol in front, an opcode that can follow it is
// enough; without one, the walk must meet a name, a call, a clean STOP or so many instructions in order that no other
// format has them by chance, since text begins with opcodes.
func Probe(f *source.File) (bool, error) {
	head, err := f.Head()
	if err != nil {
		return false, err
	}
	w := walk{head: head[:min(len(head), probeSize)], whole: len(head) <= probeSize, jumps: probeJumps}
	var fault error
	w.fetch = func(at int64) []byte {
		buf := make([]byte, probeSize)
		n, err := f.ReadAt(buf, at)
		if err != nil && !errors.Is(err, io.EOF) {
			fault = err
		}
		return buf[:n]
	}
	ok := w.accepts()
	return ok, fault
}

// probe is Probe over the head of a stream; whole tells whether that is all of it.
func probe(head []byte, whole bool) bool {
	w := walk{head: head, whole: whole}
	return w.accepts()
}

// plausibleLine tells whether a textual argument is of its opcode's kind.
func plausibleLine(op byte, arg []byte) bool {
	switch op {
	case opInt, opLong:
		_, ok := parseInt(arg, op == opLong, true)
		return ok
	case opGet, opPut:
		_, ok := decimal(arg)
		return ok
	case opString:
		_, ok := unquote(arg, true)
		return ok
	case opFloat:
		return len(arg) > 0 && bytes.Trim(arg, "0123456789.eE+-infaINFA_ \t") == nil
	case opPersID: // a ZIP archive begins with the letter too
		return bytes.IndexFunc(arg, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	default:
		return true
	}
}

// plausibleName tells whether two lines can be a module and a name: printable, without blanks.
func plausibleName(arg []byte) bool {
	module, name, _ := bytes.Cut(arg, []byte("\n"))
	for _, s := range [][]byte{module, name} {
		s = bytes.TrimRight(s, "\r")
		if len(s) == 0 || len(s) > maxName {
			return false
		}
		for _, c := range s {
			if c <= ' ' || c == 0x7f || c == '(' || c == '{' || c == ',' || c == '=' {
				return false
			}
		}
	}
	return true
}

// knownName tells whether two lines are a name that the tables of dangerous names know: importing it is act enough.
func knownName(arg []byte) bool {
	module, name, _ := bytes.Cut(bytes.TrimRight(arg, "\r"), []byte("\n"))
	return judge(string(bytes.TrimRight(module, "\r")), string(name), source.FamilyNone).grade == dangerous
}
