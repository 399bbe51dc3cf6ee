package scantest

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"

	"modelgate/internal/threat"
)

// CNTK1 writes the frame of a model of version 1, and what follows it.
func CNTK1(rest []byte) []byte {
	var out []byte
	mark := func(s string) {
		for _, u := range append(utf16.Encode([]rune(s)), 0) {
			out = binary.LittleEndian.AppendUint16(out, u)
		}
	}
	mark("BCN")
	mark("BVersion")
	out = binary.LittleEndian.AppendUint64(out, 28)
	mark("EVersion")
	out = binary.LittleEndian.AppendUint64(out, 0)
	for _, s := range []string{"BNodeList", "ENodeList", "BRelation", "ERelation", "BRootNodes", "ERootNodes", "ECN"} {
		mark(s)
	}
	return append(out, rest...)
}

// CNTKText and CNTKDict are an entry of a dictionary: a key with a string, or with the entries of another.
func CNTKText(key, value string) []byte {
	return Message(2, Message(1, key, 2, Message(1, 1, 2, 6, 8, value)))
}

// CNTKDict is an entry with a dictionary.
func CNTKDict(key string, entries ...[]byte) []byte {
	return Message(2, Message(1, key, 2, Message(1, 1, 2, 10, 12, append(Message(1, 1), slices.Concat(entries...)...))))
}

// CNTK2 writes a model of version 2 with one primitive function of an operator, whose dictionary has further entries.
func CNTK2(operator int, entries ...[]byte) []byte {
	op := Message(2, Message(1, "op", 2, Message(1, 1, 2, 3, 5, operator)))
	function := append(Message(1, 1), slices.Concat(CNTKText("uid", "Plus1"), op, slices.Concat(entries...))...)
	list := Message(1, Message(1, 1, 2, 10, 12, function))
	return slices.Concat(
		Message(1, 1), CNTKText("type", "CompositeFunction"), CNTKText("uid", "C1"), CNTKText("root", "Plus1"),
		Message(2, Message(1, "primitive_functions", 2, Message(1, 1, 2, 9, 11, list))),
	)
}

// CNTKCases are the cases that the format begins to fuzz with.
func CNTKCases() []Case { return cntkCases() }

func cntkCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return deviceCase("cntk: "+name, "model.dnn", id, threat.Get(id).Level, content)
	}
	user := func(entries ...[]byte) []byte {
		return CNTK2(19, CNTKDict("user", append([][]byte{CNTKText("type", "UserDefinedFunction")}, entries...)...))
	}
	state := Message(2, Message(1, "state", 2, Message(1, 1, 2, 11, 13, Message(1, 5, 6, Message(1, pk4(pkSystem()))))))
	return []Case{
		of("a user's function", threat.MGOP300, user(CNTKText("module", "my_layers"), CNTKText("deserialize_method", "MyPlus"))),
		of("a user's function that runs commands", threat.MGOP301, user(CNTKText("module", "os"), CNTKText("deserialize_method", "system"))),
		of("a user's function with a library", threat.MGOP301, user(CNTKText("module", "./libevil.so"))),
		of("a user's function with a file of code", threat.MGOP301, user(CNTKText("module", "/tmp/evil"))),
		of("a native function", threat.MGOP300, CNTK2(19, CNTKText("native_user_function", "MyNative"))),
		of("an operator beyond the table", threat.MGOP300, CNTK2(9999)),
		of("a pickle in the state of a function", threat.PKL100, CNTK2(19, state)),
		of("cut in the middle, which no reader of messages takes", threat.MGFMT404, CNTK2(19, CNTKText("name", "a layer"))[:60]),
		of("version 1 without an end", threat.MGFMT400, CNTK1(nil)[:100]),
		of("a pickle behind version 1", threat.PKL100, CNTK1(pk4(pkSystem()))),
		of("anything behind version 1", threat.MGFMT402, CNTK1(noise(64))),
		{Name: "cntk twin: version 1", Path: "model.dnn", Bytes: CNTK1(nil), Twin: true},
		{Name: "cntk twin: version 2", Path: "model.dnn", Bytes: CNTK2(19, CNTKDict("attributes", CNTKText("axis", "x"))), Twin: true},
		{Name: "cntk twin: a uid that sounds dangerous", Path: "model.dnn", Bytes: CNTK2(19, CNTKText("name", "os.system('./libevil.so')")), Twin: true},
	}
}
