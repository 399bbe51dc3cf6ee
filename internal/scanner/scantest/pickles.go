package scantest

import (
	"encoding/binary"
	"strings"

	"modelgate/internal/threat"
)

// PickleCases are evil pickles and their twins. The command that payloads name is "id", and no test runs it.
func PickleCases() []Case {
	var all []Case
	for _, cases := range [][]Case{
		pickleOpcodes(), pickleGadgets(), pickleChains(), pickleHanded(), pickleLibraryTwins(), pickleEvasions(), pickleNested(), pickleStreams(), pickleCode(), pickleBombs(), pickleAdvisories(),
		pickleTwins(), pickleKeras(),
	} {
		all = append(all, cases...)
	}
	return all
}

// The pieces that pickles are put together from. Each returns instructions.

func pkProto(n byte) string { return "\x80" + string([]byte{n}) }

// pkGlobal names something by GLOBAL.
func pkGlobal(module, name string) string { return "c" + module + "\n" + name + "\n" }

// pkStack names something by STACK_GLOBAL.
func pkStack(module, name string) string { return pkStr(module) + pkStr(name) + "\x93" }

// pkStr is a string, as SHORT_BINUNICODE or BINUNICODE.
func pkStr(s string) string {
	if len(s) < 256 {
		return "\x8c" + string([]byte{byte(len(s))}) + s
	}
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

// pkBytes is a bytes object.
func pkBytes(b []byte) string {
	return "B" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(b)))) + string(b)
}

// pkCall calls fn with arguments.
func pkCall(fn string, args ...string) string { return fn + "(" + strings.Join(args, "") + "tR" }

func pkTuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }

// pkSystem is the payload: posix.system("id").
func pkSystem() string { return pkCall(pkStack("posix", "system"), pkStr("id")) }

// pkSystem0 is the same in opcodes of protocol 0.
const pkSystem0 = "cposix\nsystem\n(S'id'\ntR"

// pk4 is a whole pickle of protocol 4.
func pk4(parts ...string) []byte { return []byte(pkProto(4) + strings.Join(parts, "") + ".") }

func evilPickle(name string, content []byte) Case {
	return Case{Name: "pickle: " + name, Path: "model.pkl", Bytes: content, Want: threat.PKL100, Level: threat.Malicious}
}

func oddPickle(name string, content []byte) Case {
	return Case{Name: "pickle: " + name, Path: "model.pkl", Bytes: content, Want: threat.PKL101, Level: threat.Suspicious}
}

func brokenPickle(name string, id threat.ID, content []byte) Case {
	return Case{Name: "pickle: " + name, Path: "model.pkl", Bytes: content, Want: id, Level: threat.Suspicious}
}

func twinPickle(name string, content []byte) Case {
	return Case{Name: "pickle twin: " + name, Path: "model.pkl", Bytes: content, Level: threat.Clean, Twin: true}
}
