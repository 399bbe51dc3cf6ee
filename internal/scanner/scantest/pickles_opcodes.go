package scantest

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// pickleOpcodes has the payload in every spelling that the instruction set allows.
func pickleOpcodes() []Case {
	cases := []Case{
		evilPickle("protocol 0", []byte(pkSystem0+".")),
		evilPickle("protocol 1", []byte("cposix\nsystem\nq\x00(U\x02idtR.")),
		evilPickle("protocol 2", []byte("\x80\x02cposix\nsystem\n\x8c\x02id\x85R.")),
		evilPickle("protocol 3", []byte("\x80\x03cposix\nsystem\nX\x02\x00\x00\x00id\x85q\x01R.")),
		evilPickle("protocol 4 with a frame", []byte("\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.")),
		evilPickle("protocol 5", []byte("\x80\x05"+pkSystem()+".")),
		evilPickle("INST", []byte("(S'id'\niposix\nsystem\n.")),
		evilPickle("OBJ", []byte("("+pkGlobal("posix", "system")+"S'id'\no.")),
		evilPickle("NEWOBJ of a class that acts", pk4(pkStack("subprocess", "Popen")+pkStr("id")+"\x85\x81")),
		evilPickle("NEWOBJ_EX of a class that acts", pk4(pkStack("subprocess", "Popen")+pkStr("id")+"\x85}\x92")),
		evilPickle("an import and nothing else", pk4(pkStack("posix", "system"))),
		evilPickle("arguments as a list, which Python's own unpickler takes", pk4(pkStack("posix", "system")+"]"+pkStr("id")+"aR")),
		evilPickle("BUILD behind REDUCE", pk4(pkSystem()+"}b")),
		evilPickle("an extension that the stream registered", pk4(pkCall(pkStack("copyreg", "add_extension"), pkStr("posix"), pkStr("system"), "K\x01")+"0\x82\x01"+pkStr("id")+"\x85R")),
		oddPickle("EXT1 of nobody", []byte("\x80\x02\x82\x07)R.")),
		oddPickle("EXT2 of nobody", []byte("\x80\x02\x83\x07\x00)R.")),
		oddPickle("EXT4 of nobody", []byte("\x80\x02\x84\x07\x00\x00\x00)R.")),
		evilPickle("long form of PUT and GET", []byte("\x80\x02cposix\nsystem\nr\x39\x30\x00\x000j\x39\x30\x00\x00\x8c\x02id\x85R.")),
		evilPickle("memo index 2^28", []byte("\x80\x02cposix\nsystem\nr\x00\x00\x00\x100j\x00\x00\x00\x10\x8c\x02id\x85R.")),
		evilPickle("PUT with underscores and blanks in its number", []byte("\x80\x04\x8c\x05posixp 1_0 \n0g10\n\x8c\x06system\x93\x8c\x02id\x85R.")),
	}
	for _, s := range []struct{ name, module, function string }{
		{"SHORT_BINUNICODE", "\x8c\x05posix", "\x8c\x06system"},
		{"BINUNICODE", "X\x05\x00\x00\x00posix", "X\x06\x00\x00\x00system"},
		{"BINUNICODE8", "\x8d\x05\x00\x00\x00\x00\x00\x00\x00posix", "\x8d\x06\x00\x00\x00\x00\x00\x00\x00system"},
		{"BINSTRING", "T\x05\x00\x00\x00posix", "T\x06\x00\x00\x00system"},
		{"SHORT_BINSTRING", "U\x05posix", "U\x06system"},
		{"STRING", "S'posix'\n", "S\"system\"\n"},
		{"STRING with hexadecimal escapes", "S'\\x70osix'\n", "S'\\x73ystem'\n"},
		{"STRING with octal escapes", "S'\\160osix'\n", "S'syst\\145m'\n"},
		{"STRING with a blank behind its quote, which old loaders take", "S'posix' \n", "S'system' \n"},
		{"UNICODE", "Vposix\n", "Vsystem\n"},
		{"UNICODE with escapes", "V\\u0070osix\n", "V\\U00000073ystem\n"},
	} {
		cases = append(cases, evilPickle("names by "+s.name, []byte("\x80\x04"+s.module+s.function+"\x93\x8c\x02id\x85R.")))
	}
	for proto := range byte(6) {
		cases = append(cases, evilPickle(fmt.Sprintf("opcodes of protocol 0 under PROTO %d", proto), []byte(pkProto(proto)+pkSystem0+".")))
	}
	return cases
}

// pickleEvasions are streams that mislead whoever follows them less closely than a loader.
func pickleEvasions() []Case {
	long := pkStr(string(make([]byte, 300)))
	return []Case{
		evilPickle("PUT stores the top of the stack, not what was read last", pk4("\x8c\x05posix\x8c\x04math0p0\n0h\x00\x8c\x06system\x93\x8c\x02id\x85R")),
		evilPickle("MEMOIZE counts entries, not indices", pk4("\x8c\x04mathr\x64\x00\x00\x000\x8c\x05posix\x940h\x01\x8c\x06system\x93\x8c\x02id\x85R")),
		evilPickle("an entry of the memo is overwritten", pk4("\x8c\x04mathq\x000\x8c\x05posixq\x000h\x00\x8c\x06system\x93\x8c\x02id\x85R")),
		evilPickle("DUP and POP between the operands", pk4("\x8c\x05posix20\x8c\x06system\x8c\x04sqrt0\x93\x8c\x02id\x85R")),
		evilPickle("POP_MARK drops decoys", pk4("\x8c\x05posix(\x8c\x04math\x8c\x04sqrt1\x8c\x06system\x93\x8c\x02id\x85R")),
		evilPickle("POP removes a mark", pk4("\x8c\x05posix(0\x8c\x06system\x93\x8c\x02id\x85R")),
		evilPickle("PROTO repeated, and changed on the way", []byte("\x80\x04\x80\x02\x80\x04"+pkSystem()+"\x80\x00.")),
		evilPickle("PROTO of a protocol that nobody knows", []byte("\x80\x09"+pkSystem()+".")),
		evilPickle("no PROTO, and stack no-ops in front", append(pickleNoops(200), pkSystem0+"."...)),
		evilPickle("no PROTO, and thousands of stack no-ops in front", append(pickleNoops(20_000), pkSystem0+"."...)),
		evilPickle("long strings in front of a payload without PROTO", []byte(long+"0"+long+"0"+pkSystem0+".")),
		evilPickle("a frame longer than the file", []byte("\x80\x04\x95\xff\xff\x00\x00\x00\x00\x00\x00"+pkSystem()+".")),
		evilPickle("a frame that ends inside an instruction", []byte("\x80\x04\x95\x04\x00\x00\x00\x00\x00\x00\x00"+pkSystem()+".")),
		evilPickle("indices that begin in a frame and end behind it", splitIndices("g1", "0\n")),
		evilPickle("lengths that begin in a frame and end behind it", []byte("\x80\x04\x8c\x0bcollections"+frame(2)+"X\x00"+"\x05\x00\x00\x00posix"+
			"\x8c\x06system\x93\x8c\x02id\x85R.")),
		evilPickle("a name that begins in a frame and ends behind it", []byte("\x80\x04"+frame(5)+"ccoll"+"posix\nsystem\n\x8c\x02id\x85R.")),
		twinPickle("indices behind a frame", splitIndices("", "g10\n")),
		evilPickle("a broken tail", []byte("\x80\x04"+pkSystem()+"\xff\xff\xff")),
		evilPickle("a missing tail", []byte("\x80\x04"+pkSystem())),
		evilPickle("a stack that runs dry behind the payload", []byte(pkSystem0+"0000.")),
		evilPickle("carriage returns in names", []byte("cposix\r\nsystem\r\n(S'id'\r\ntR.")),
		evilPickle("a name of Python 2", []byte("c__builtin__\neval\n(S'1'\ntR.")),
		evilPickle("a module of Python 2", []byte("ccommands\ngetoutput\n(S'id'\ntR.")),
		oddPickle("a name of Python 2 under a protocol that never had it", pk4(pkStack("__builtin__", "eval"))),
		evilPickle("attributes of a class are overwritten", pk4(pkStack("collections", "OrderedDict")+"}"+pkStr("__reduce__")+pkStack("collections", "Counter")+"sb")),
		evilPickle("tampering with a scanner", pk4(pkStack("picklescan.scanner", "_unsafe_globals")+"}b")),
		evilPickle("a special attribute by a state of slots", pk4(pkStack("collections", "OrderedDict")+")\x81N}"+pkStr("__class__")+pkStack("collections", "Counter")+"s\x86b")),
		oddPickle("a name that comes out of a call", pk4(pkCall(pkStack("collections", "OrderedDict"))+pkStr("x")+"\x93")),
		oddPickle("a callee that is missing from the memo", pk4("h\x09)R")),
		oddPickle("an unknown class", pk4(pkStack("somewhere.models", "Net")+")\x81")),
		oddPickle("a class of a library in a module that the library does not have", pk4(pkStack("sklearn.plugins.loader", "LinearRegression")+")\x81}b")),
		oddPickle("a class of __main__", pk4(pkStack("__main__", "Net")+")\x81}b")),
		oddPickle("an item is set on an object of an unknown class", pk4(pkStack("somewhere", "Map")+")\x81"+pkStr("a")+"K\x01s")),
	}
}

// frame begins a frame of n bytes.
func frame(n byte) string { return "\x95" + string([]byte{n, 0, 0, 0, 0, 0, 0, 0}) }

// splitIndices reads a module and a name by GET, whose index begins in a frame with in and ends behind it. Whoever takes it as a
// whole sees a class of collections, others a function of posix.
func splitIndices(in, behind string) []byte {
	get := func(last string) string { return frame(byte(len(in))) + in + strings.Replace(behind, "0", last, 1) }
	return []byte("\x80\x04\x8c\x05posixq\x000\x8c\x06systemq\x010\x8c\x0bcollectionsq\x0a0\x8c\x0bOrderedDictq\x0b0" + get("0") + get("1") + "\x93)R.")
}

// pickleNoops is n instructions that leave the stack as it was.
func pickleNoops(n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = append(out, "N0"...)
	}
	return out
}

// pickleBombs cost a loader more than they weigh.
func pickleBombs() []Case {
	laughs := "\x80\x04]\x94(K\x01K\x01e0"
	for i := range 40 {
		laughs += "]\x94(h" + string([]byte{byte(i)}) + "h" + string([]byte{byte(i)}) + "e0"
	}
	deep := append([]byte("\x80\x04"), make([]byte, 0, 3<<20)...)
	for range 3 << 20 {
		deep = append(deep, 'N')
	}
	return []Case{
		brokenPickle("billion laughs", "MG-FMT-405", []byte(laughs+"h\x28.")),
		brokenPickle("three million values on the stack", "MG-FMT-405", append(deep, '.')),
		evilPickle("three million values on the stack and a payload", append(deep[:len(deep):len(deep)], pkSystem()+"."...)),
		brokenPickle("bytes made of an enormous number", "MG-FMT-405", pk4(pkCall(pkStack("builtins", "bytearray"), "\x8a\x06\x00\x00\x00\x00\x00\x10"))),
		oddPickle("a list of an enormous range", pk4(pkCall(pkStack("builtins", "list"), pkCall(pkStack("builtins", "range"), "J\xff\xff\xff\x7f")))),
		brokenPickle("a decimal number of a billion digits", "MG-FMT-405", pk4(pkCall(pkStack("decimal", "Decimal"), pkStr("1E999999999")))),
		brokenPickle("a fraction of a billion digits", "MG-FMT-405", pk4(pkCall(pkStack("fractions", "Fraction"), pkStr("1e-999999999")))),
		brokenPickle("an exponent that fits nowhere", "MG-FMT-405", pk4(pkCall(pkStack("decimal", "Decimal"), pkStr("1E99999999999999999999999")))),
		twinPickle("decimal numbers", pk4("]("+pkCall(pkStack("decimal", "Decimal"), pkStr("-1.50E-30"))+pkCall(pkStack("decimal", "Decimal"), pkStr("Infinity"))+
			pkCall(pkStack("fractions", "Fraction"), pkStr("1/3"))+"e")),
		brokenPickle("an array of a petabyte", "MG-FMT-405", pk4(pkCall(pkStack("numpy._core.multiarray", "_reconstruct"), pkStack("numpy", "ndarray"),
			pkTuple("\x8a\x07\x00\x00\x00\x00\x00\x00\x04"), pkBytes([]byte("b"))))),
		brokenPickle("an array of many dimensions", "MG-FMT-405", pk4(pkStack("numpy", "ndarray")+pkTuple(pkTuple("M\xff\xff", "M\xff\xff", "M\xff\xff"))+"\x81")),
		brokenPickle("a tensor of a terabyte", "MG-FMT-405", pk4(pkCall(pkStack("torch", "FloatTensor"), "M\xff\xff", "J\xff\xff\xff\x00"))),
		brokenPickle("a storage of a terabyte", "MG-FMT-405", pk4(pkCall(pkStack("torch", "UntypedStorage"), "\x8a\x06\x00\x00\x00\x00\x00\x01"))),
		twinPickle("an array that is empty at first", pk4(pkCall(pkStack("numpy._core.multiarray", "_reconstruct"), pkStack("numpy", "ndarray"), pkTuple("K\x00"), pkBytes([]byte("b"))))),
		brokenPickle("a length beyond the file", "MG-FMT-400", append([]byte("\x80\x04\x8e"), binary.LittleEndian.AppendUint64(nil, 1<<62)...)),
		brokenPickle("a negative length", "MG-FMT-400", []byte("\x80\x02\x8b\xff\xff\xff\xff.")),
		brokenPickle("a negative memo index", "MG-FMT-400", []byte("\x80\x02Np-1\n.")),
		brokenPickle("a memo entry that is missing", "MG-FMT-400", []byte("\x80\x02h\x05.")),
		brokenPickle("PUT right after a mark", "MG-FMT-400", []byte("\x80\x02(q\x00t.")),
		brokenPickle("a persistent id outside torch", "MG-FMT-400", []byte("\x80\x02K\x01Q.")),
	}
}
