package scantest

import (
	"bytes"
	"slices"

	"modelgate/internal/threat"
)

// LuaCases are the cases that the formats of Torch7 begin to fuzz with.
func LuaCases() []Case { return luaCases() }

// luaCases are objects of Torch7, and Lua in their place.
func luaCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return Case{Name: "torch7: " + name, Path: "model.t7", Bytes: content, Want: id, Level: threat.Get(id).Level}
	}
	twin := func(name string, content []byte) Case {
		return Case{Name: "torch7 twin: " + name, Path: "model.t7", Bytes: content, Twin: true}
	}
	binary := func() *T7 { return NewT7(false) }
	jit := "\x1bLJ\x02\x0a\x00\x00\x00"
	tensor := binary().Class("torch.FloatTensor").Tensor(4).Bytes()
	return []Case{
		of("a function", threat.MGLUA100, binary().Function(8, jit).Table(0).Bytes()),
		of("a function of old", threat.MGLUA100, binary().Function(7, jit).Table(0).Bytes()),
		of("a function without an index", threat.MGLUA100, binary().Function(6, jit).Table(0).Bytes()),
		of("a function among tensors", threat.MGLUA100, binary().Table(2).String("weight").Class("torch.FloatTensor").Tensor(4).String("forward").Function(8, jit).Table(0).Bytes()),
		of("a function in an upvalue of a layer", threat.MGLUA100, binary().Class("nn.Linear").Table(1).String("f").Function(8, jit).Table(1).Number(1).Nil().Bytes()),
		of("a function in the text form", threat.MGLUA100, NewT7(true).Table(1).String("f").Function(8, jit).Table(0).Bytes()),
		of("a function that is cut behind its code", threat.MGLUA100, binary().Function(8, jit).Bytes()).at(threat.Malicious),
		of("a class of nobody", threat.MGOBJ101, binary().Class("evil.Loader").Table(1).String("a").Number(1).Bytes()),
		of("a class of nobody in the text form", threat.MGOBJ101, NewT7(true).Class("evil.Loader").Nil().Bytes()),
		of("a storage longer than the file", threat.MGFMT400, tensor[:len(tensor)-6]),
		of("an object of no type", threat.MGFMT400, binary().Table(1).String("a").Reference(99, 1).Bytes()),
		of("a pickle behind the object", threat.PKL100, append(slices.Clone(tensor), pk4(pkSystem())...)),
		of("anything behind the object", threat.MGFMT402, append(slices.Clone(tensor), noise(64)...)),
		of("byte code of LuaJIT in place of an object", threat.MGLUA100, []byte(jit+"\x00\x00")),
		of("byte code of Lua 5.1 in place of an object", threat.MGLUA100, []byte("\x1bLua\x51\x00\x01\x04")),
		of("source of Lua in place of an object", threat.MGLUA100, []byte("local os = require 'os'\nos.execute('id')\nreturn {}\n")),
		twin("a tensor", tensor),
		twin("a tensor and a text in the text form", bytes.TrimSpace(
			NewT7(true).Table(2).Number(1).Class("torch.FloatTensor").Tensor(3).Number(2).String("a text").Bytes(),
		)),
		twin("layers with tensors, strings and references", binary().Class("nn.Sequential").Table(2).
			String("modules").Table(2).Number(1).Class("nn.Linear").Table(1).String("weight").Class("torch.FloatTensor").Tensor(4).
			Number(2).Class("cudnn.ReLU").Table(1).String("note").String("os.execute('id') \x1bLJ").
			String("first").Reference(4, 3).Bytes()),
		twin("prose under the name of a model", []byte("The local function of the model ends here.\nWe return to it later.\n")),
	}
}
