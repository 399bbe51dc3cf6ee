package scantest

import (
	"encoding/binary"
	"fmt"

	"modelgate/internal/threat"
)

// pdProgram writes a ProgramDesc of two blocks, in the second of which stands an operator with an attribute.
func pdProgram(op, key, value string) []byte {
	attribute := Message(1, key, 2, 2, 5, value)
	feed := Message(3, "feed", 4, Message(1, "op_callstack", 2, 5, 8, `File "/home/a/model.py", line 1, os.system`))
	loop := Message(3, "while", 4, Message(1, "sub_block", 2, 8, 12, 1))
	// A parent of -1 is a varint of ten bytes in the first block of every program.
	first := append([]byte("\x08\x00\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Message(3, Message(1, "x"), 4, feed, 4, loop)...)
	second := Message(1, 1, 2, 0, 4, Message(3, op, 4, attribute))
	return Message(1, first, 1, second, 4, Message(1, 0))
}

// pdJSON writes a program of the intermediate representation with an operator in the body of another.
func pdJSON(op, attributes string) []byte {
	return fmt.Appendf(nil, `{"base_code": {"magic": "pir", "version": 4}, "program": {"regions": [{"#": "region_0", "blocks": [{"#": "block_0", "args": [], "ops": [`+
		`{"#": "p", "A": [0, 1, 1, "w"], "O": {"%%": 1}}, {"#": "1.while", "A": [], "I": [], "regions": [{"blocks": [{"ops": [{"#": %q, "A": [%s], "I": []}]}]}]}]}]}]}}`, op, attributes)
}

// pdParams writes tensors of two floats each.
func pdParams(n int, behind string) []byte {
	var out []byte
	for range n {
		out = append(append(out, make([]byte, 16)...), words(4)...)
		out = append(append(out, Message(1, 5, 2, 2)...), make([]byte, 8)...)
	}
	return append(out, behind...)
}

// paddleCases are programs that do more than compute.
func paddleCases() []Case {
	one := func(name, path string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: name, Path: path, Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	program := func(name string, id threat.ID, op, key, value string) Case {
		return one("paddle: "+name, "model.pdmodel", id, threat.Get(id).Level, pdProgram(op, key, value))
	}
	lying := pdParams(1, "")
	binary.LittleEndian.PutUint32(lying[16:], 900)
	long := pdParams(1, "")
	long[23] = 120 // elements
	return []Case{
		program("a function of Python", threat.MGOP301, "py_func", "forward_callable_id", "0"),
		program("an operator that serves", threat.MGOP301, "listen_and_serv", "endpoint", "0.0.0.0:80"),
		program("an operator that sends", threat.MGOP301, "send", "epmap", "192.0.2.1:80"),
		program("an operator that writes a file", threat.MGOP301, "save_combine", "file_path", "out"),
		one("paddle: an operator that writes a file of the machine", "model.pdmodel", threat.MGPATH100, threat.Malicious, pdProgram("save", "file_path", "/root/.bashrc")),
		program("an operator that reads a file", threat.MGOP302, "load_combine", "file_path", "params"),
		one("paddle: an operator that reads a file of the machine", "model.pdmodel", threat.MGPATH100, threat.Malicious, pdProgram("load", "file_path", "/etc/passwd")),
		program("an engine of another library", threat.MGOP302, "tensorrt_engine", "engine_serialized_data", "x"),
		program("an operator that prints", threat.MGOP300, "print", "message", "x"),
		program("an operator that nobody knows", threat.MGOP300, "evil_op", "x", "y"),
		program("an operator of a library", threat.MGOP301, "evil_op", "lib", "./libevil.so"),
		one("twin: paddle: a program with a loop", "model.pdmodel", "", threat.Clean, pdProgram("relu", "op_device", "libevil.so")),
		one("twin: paddle: a program in JSON", "model.json", "", threat.Clean, pdJSON("1.relu", `{"N": "struct_name", "AT": {"#": "0.a_str", "D": "/os.system/"}}`)),
		one("paddle: a function of Python in JSON", "model.json", threat.MGOP301, threat.Malicious, pdJSON("1.py_func", "")),
		one("paddle: a function of Python in JSON, spelt out", "model.json", threat.MGOP301, threat.Malicious, pdJSON("pd_op.py_func", "")),
		one("paddle: an operator that writes, in JSON", "model.json", threat.MGOP301, threat.Malicious, pdJSON("1.save_combine", "")),
		one("paddle: an operator that reads a file of the machine, in JSON", "model.json", threat.MGPATH100, threat.Malicious, pdJSON("1.load_combine", `{"N": "file_path", "AT": {"#": "0.a_str", "D": "/etc/passwd"}}`)),
		one("paddle: a custom operator in JSON", "model.json", threat.MGOP300, threat.Suspicious, pdJSON("3.my_op", "")),
		one("twin: paddle: parameters", "model.pdiparams", "", threat.Clean, pdParams(2, "")),
		one("paddle: a pickle behind the parameters", "model.pdiparams", threat.PKL100, threat.Malicious, pdParams(2, string(pk4(pkSystem())))),
		one("paddle: a description longer than its file", "model.pdiparams", threat.MGFMT400, threat.Suspicious, lying),
		one("paddle: a tensor longer than its file", "model.pdiparams", threat.MGFMT400, threat.Suspicious, long),
		one("paddle: a dangerous pickle of parameters", "model.pdparams", threat.PKL100, threat.Malicious, pk4(pkSystem())),
	}
}
