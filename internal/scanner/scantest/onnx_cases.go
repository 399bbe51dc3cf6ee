package scantest

import (
	"modelgate/internal/threat"
)

// onnxCases are ONNX and OpenVINO models.
func onnxCases() []Case {
	var cases []Case
	for _, list := range [][]Case{onnxOperatorCases(), onnxFileCases(), onnxStructureCases(), onnxBackdoorCases(), openVINOCases()} {
		cases = append(cases, list...)
	}
	return cases
}

// ONNXCases are the evil models of ONNX and their twins, for the tests of its scanner.
func ONNXCases() []Case { return onnxCases() }

// onnxSimple is the smallest sensible model.
func onnxSimple() ONNXGraph { return ONNXText("h = MatMul x W\ny = Relu h") }

func onnxCase(name string, id threat.ID, content []byte) Case {
	c := Case{Name: "onnx: " + name, Path: "model.onnx", Bytes: content, Want: id, Level: threat.Suspicious}
	if id != "" {
		c.Level = threat.Get(id).Level
	}
	return c
}

func onnxTwin(name string, content []byte) Case {
	return Case{Name: "onnx twin: " + name, Path: "model.onnx", Bytes: content, Twin: true}
}

// onnxString is an attribute that is a string.
func onnxString(name, value string) ONNXAttribute { return ONNXAttribute{Name: name, Text: value} }

func onnxOperatorCases() []Case {
	simple := onnxSimple()
	python := ONNXText("y = com.microsoft:PythonOp x").With(0, onnxString("func_name", "posix.system"))
	pyop := ONNXText("y = pyopmulti_1:PyOp x").With(0, onnxString("module", "payload")).With(0, onnxString("class_name", "Run")).With(0, onnxString("compute", "run"))
	context := func(mode int, value string) ONNXGraph {
		return ONNXText("y = com.microsoft:EPContext x").With(0, ONNXAttribute{Name: "embed_mode", Number: mode}).With(0, onnxString("ep_cache_context", value))
	}
	inner := ONNXText("y = com.microsoft:PythonOp h").With(0, onnxString("func_name", "posix.system"))
	inner.Inputs, inner.Outputs = nil, []string{"y"}
	nested := ONNXText("h = MatMul x W\nc = Greater h A\nz = If c").With(-1, ONNXAttribute{Name: "then_branch", Graph: &inner}).With(-1, ONNXAttribute{Name: "else_branch", Graph: &inner})
	nested.Outputs = []string{"z"}
	return []Case{
		onnxCase("an operator that calls Python", threat.MGOP301, ONNXModel(python)),
		onnxCase("an operator of the language bindings that imports a module", threat.MGOP301, ONNXModel(pyop, 8, Message(1, "pyopmulti_1", 2, 1))),
		onnxCase("an operator that calls Python behind a field that nobody knows", threat.MGOP301, append(Message(1999, "words"), ONNXModel(python)...)),
		onnxCase("an operator that calls Python and says nothing", threat.MGOP300, ONNXModel(ONNXText("y = com.microsoft:PythonOp x"))),
		onnxCase("an operator that calls Python in a branch", threat.MGOP301, ONNXModel(nested)),
		onnxCase("an operator that calls Python in a function", threat.MGOP301, ONNXModel(ONNXText("y = local:Step x"), 25, ONNXFunction("local", "Step", python), 8, Message(1, "local", 2, 1))),
		onnxCase("an operator that calls Python in the training graph", threat.MGOP301, ONNXModel(simple, 20, Message(2, python.Bytes()))),
		onnxCase("an operator that sends its input away", threat.MGOP301, ONNXModel(ONNXText("y = com.microsoft.extensions:AzureTextToText x").With(0, onnxString("model_uri", "https://host/x")))),
		onnxCase("an operator of a domain that nobody knows", threat.MGOP300, ONNXModel(ONNXText("a = evil:Op x\nb = evil:Op a\ny = evil:Op b"), 8, Message(1, "evil", 2, 1))),
		onnxCase("an operator that ONNX does not have", threat.MGOP300, ONNXModel(ONNXText("y = Reluu x"))),
		onnxCase("an operator whose name stands twice", threat.MGFMT403, ONNXModel(ONNXGraph{
			Nodes: []ONNXNode{{Op: "Relu", In: []string{"x"}, Out: []string{"y"}}}, Inputs: []string{"x"}, Outputs: []string{"y"},
		}, 7, Message(1, Message(1, "y", 2, "z", 4, "PyOp", 4, "Relu")))),
		onnxCase("a program for a device in a file outside", threat.MGPATH100, ONNXModel(context(0, "../ctx.bin"))),
		onnxCase("a program for a device", threat.MGOP300, ONNXModel(context(1, "blob"))),
		onnxCase("an operator of PyTorch that writes a file", threat.MGOP301, ONNXModel(ONNXText("y = com.microsoft:ATen x").With(0, onnxString("operator", "aten::save")))),
		onnxCase("an operator of PyTorch that maps a file", threat.MGOP302, ONNXModel(ONNXText("y = com.microsoft:ATen x").With(0, onnxString("operator", "aten::from_file")))),
		{Name: "onnx: an operator that calls Python in a model of ONNX Runtime", Path: "model.ort", Bytes: ORTModel(python), Want: threat.MGOP301, Level: threat.Malicious},
		{Name: "onnx: an operator that nobody knows in a branch of a model of ONNX Runtime", Path: "model.ort", Bytes: ORTModel(ortNested()), Want: threat.MGOP300, Level: threat.Suspicious},
		{Name: "onnx: a tensor by itself in a file outside", Path: "input_0.pb", Bytes: ONNXExternal("E", "location", "../../etc/passwd"), Want: threat.MGPATH100, Level: threat.Malicious},
		{Name: "onnx twin: a tensor by itself", Path: "input_0.pb", Bytes: ONNXFloats("E", 1, 2, 3), Twin: true},
		onnxTwin("operators of ONNX", ONNXModel(simple)),
		onnxTwin("operators of ONNX Runtime, of trees and of text", ONNXModel(ONNXText("h = com.microsoft:FusedMatMul x W\nt = ai.onnx.ml:TreeEnsembleRegressor x\nv = TfIdfVectorizer x\nz = ai.onnx.contrib:BertTokenizer x_text\ny = Concat h t v z"), 8, Message(1, "ai.onnx.contrib", 2, 1))),
		onnxTwin("a function of the model's own", ONNXModel(ONNXText("y = local:Step x"), 25, ONNXFunction("local", "Step", ONNXText("y = Relu x")), 8, Message(1, "local", 2, 1))),
		onnxTwin("an operator of a later version", ONNXModel(ONNXText("y = Gelu x"), 6, "words about it")),
		onnxTwin("a field that nobody knows in front", append(Message(1999, "words"), ONNXModel(simple)...)),
		onnxTwin("words of Python in names and remarks", ONNXModel(ONNXText("y = Relu x"), 6, "PyOp os.system", 14, Message(1, "PyOp", 2, "../../etc/passwd"))),
		{Name: "onnx twin: a model of ONNX Runtime", Path: "model.ort", Bytes: ORTModel(simple), Twin: true},
	}
}

// ortNested is a graph with an unknown operator in a branch.
func ortNested() ONNXGraph {
	inner := ONNXGraph{Nodes: []ONNXNode{{Op: "Op", Domain: "evil", In: []string{"h"}, Out: []string{"b"}}}, Outputs: []string{"b"}}
	g := ONNXText("h = MatMul x W\nc = Greater h A\ny = If c")
	return g.With(-1, ONNXAttribute{Name: "then_branch", Graph: &inner}).With(-1, ONNXAttribute{Name: "else_branch", Graph: &inner})
}

func onnxFileCases() []Case {
	with := func(t []byte) ONNXGraph {
		g := onnxSimple()
		g.Tensors = append(g.Tensors, t)
		return g
	}
	away := ONNXExternal("E", "location", "../../etc/passwd")
	constant := func(a ONNXAttribute) ONNXGraph {
		g := onnxSimple()
		g.Nodes = append(g.Nodes, ONNXNode{Op: "Constant", Out: []string{"k"}, Attributes: []ONNXAttribute{a}})
		return g
	}
	sparse := onnxSimple()
	sparse.Sparse = [][]byte{Message(1, ONNXExternal("S", "location", "/etc/passwd"), 2, ONNXTensor("", 7, make([]byte, 8), 1), 3, 16)}
	indices := onnxSimple()
	indices.Sparse = [][]byte{Message(1, ONNXFloats("S", 1), 2, ONNXExternal("", "location", "/etc/passwd"), 3, 16)}
	body := ONNXText("y = Relu x")
	body.Tensors = [][]byte{away}
	cases := []Case{
		onnxCase("external data of a sparse initializer's values", threat.MGPATH100, ONNXModel(sparse)),
		onnxCase("external data of a sparse initializer's indices", threat.MGPATH100, ONNXModel(indices)),
		onnxCase("external data of a constant", threat.MGPATH100, ONNXModel(constant(ONNXAttribute{Name: "value", Tensor: away}))),
		onnxCase("external data of a sparse constant", threat.MGPATH100, ONNXModel(constant(ONNXAttribute{Name: "sparse_value", Sparse: Message(1, away)}))),
		onnxCase("external data in a list of tensors", threat.MGPATH100, ONNXModel(constant(ONNXAttribute{Name: "values", Tensor: away, Lists: true}))),
		onnxCase("external data in a list of sparse tensors", threat.MGPATH100, ONNXModel(constant(ONNXAttribute{Name: "values", Sparse: Message(2, away), Lists: true}))),
		onnxCase("external data in a body", threat.MGPATH100, ONNXModel(onnxSimple().With(-1, ONNXAttribute{Name: "body", Graph: &body}))),
		onnxCase("external data in a list of bodies", threat.MGPATH100, ONNXModel(onnxSimple().With(-1, ONNXAttribute{Name: "bodies", Graph: &body, Lists: true}))),
		onnxCase("external data in a function", threat.MGPATH100, ONNXModel(ONNXText("y = local:F x"), 25, ONNXFunction("local", "F", constant(ONNXAttribute{Name: "value", Tensor: away})))),
		onnxCase("external data in the default of a function's attribute", threat.MGPATH100, ONNXModel(ONNXText("y = local:F x"), 25, append(ONNXFunction("local", "F", ONNXText("y = Relu x")), Message(11, ONNXAttribute{Name: "value", Tensor: away}.bytes())...))),
		onnxCase("external data in the graph that training begins with", threat.MGPATH100, ONNXModel(onnxSimple(), 20, Message(1, body.Bytes()))),
		onnxCase("external data in the graph of training", threat.MGPATH100, ONNXModel(onnxSimple(), 20, Message(2, body.Bytes()))),
		onnxCase("external data in the memory of the process", threat.MGPATH100, ONNXModel(with(ONNXExternal("E", "location", "*/_ORT_MEM_ADDR_/*", "offset", "4096")))),
		onnxCase("external data that no reader opens", threat.MGPATH100, ONNXModel(with(append(ONNXExternal("E", "location", "/etc/passwd"), Message(14, 0)...)))),
		onnxCase("external data with two locations", threat.MGFMT403, ONNXModel(with(ONNXExternal("E", "location", "w.bin", "location", "../w.bin")))).malicious(),
		onnxCase("external data without a location", threat.MGFMT400, ONNXModel(with(ONNXExternal("E", "offset", "0")))),
		onnxCase("external data at a place that is no number", threat.MGFMT400, ONNXModel(with(ONNXExternal("E", "location", "w.bin", "offset", "-1")))),
		onnxCase("external data in a file that is not there", threat.MGFMT400, ONNXModel(with(ONNXExternal("E", "location", "w.bin")))),
	}
	for _, spelling := range []struct{ name, location string }{
		{"CVE-2022-25882: external data one directory up", "../w.bin"},
		{"CVE-2024-27318: external data down and up again", "a/../../w.bin"},
		{"CVE-2026-27489: external data up where cleaning hides it", "a/../b/../../w.bin"},
		{"CVE-2025-51480: external data at an absolute path, which saving writes to", "/etc/passwd"},
		{"external data at a backslash", `..\w.bin`},
		{"external data at a URL", "file:///etc/passwd"},
		{"external data at percent signs", "%2e%2e/w.bin"},
		{"external data on a drive", `C:\w.bin`},
		{"external data on a share", `\\host\share\w.bin`},
		{"external data behind a NUL byte", "w.bin\x00.txt"},
		{"external data in the home directory", "~/w.bin"},
	} {
		cases = append(cases, onnxCase(spelling.name, threat.MGPATH100, ONNXModel(with(ONNXExternal("E", "location", spelling.location)))))
	}
	data := append([]byte("\xee\x01\xdd\x02"), make([]byte, 60)...)
	return append(cases,
		Case{
			Name: "onnx: external data behind the end of its file", Want: threat.MGFMT400, Level: threat.Suspicious,
			Files: map[string][]byte{"m/model.onnx": ONNXModel(with(ONNXExternal("E", "location", "w.bin", "offset", "32", "length", "64"))), "m/w.bin": data},
		},
		Case{
			Name: "onnx twin: external data in a file of the model", Twin: true,
			Files: map[string][]byte{"m/model.onnx": ONNXModel(with(ONNXExternal("E", "location", "w.bin", "offset", "0", "length", "64", "checksum", "aa"))), "m/w.bin": data},
		},
		Case{
			Name: "onnx twin: two tensors in one file in a directory", Twin: true,
			Files: map[string][]byte{"model.onnx": ONNXModel(with(ONNXExternal("E", "location", "w/w.data", "offset", "0", "length", "64"))), "w/w.data": data},
		},
	)
}

// malicious raises the level that a case is to have.
func (c Case) malicious() Case {
	c.Level = threat.Malicious
	return c
}

func onnxStructureCases() []Case {
	simple := onnxSimple()
	initial := func(t []byte) ONNXGraph {
		g := onnxSimple()
		g.Tensors = append(g.Tensors, t)
		return g
	}
	evil := []byte("cposix\nsystem\n(S'true'\ntR.")
	shadow := func(domain, name string) []byte {
		return ONNXModel(simple, 25, ONNXFunction(domain, name, ONNXText("y = Relu x")))
	}
	recursive := ONNXFunction("local", "F", ONNXText("y = local:F x"))
	return []Case{
		onnxCase("a function in the place of a standard operator", threat.MGFMT403, shadow("", "Relu")),
		onnxCase("a function in the place of a standard operator, by the domain's other name", threat.MGFMT403, shadow("ai.onnx", "MatMul")),
		onnxCase("a function in the place of an operator of ONNX Runtime", threat.MGFMT403, shadow("com.microsoft", "FusedMatMul")),
		onnxCase("a function that is there twice", threat.MGFMT403, ONNXModel(ONNXText("y = local:F x"), 25, ONNXFunction("local", "F", ONNXText("y = Relu x")), 25, ONNXFunction("local", "F", ONNXText("y = Tanh x")))),
		onnxCase("a function that calls itself", threat.MGFMT400, ONNXModel(ONNXText("y = local:F x"), 25, recursive)),
		onnxCase("two graphs", threat.MGFMT403, ONNXModel(simple, 7, ONNXText("y2 = Tanh x").Bytes())),
		onnxCase("two graphs, of which the first calls Python", threat.MGOP301, ONNXModel(ONNXText("z = PyOp x").With(0, onnxString("module", "m")), 7, simple.Bytes())),
		onnxCase("an operator set in two versions", threat.MGFMT403, ONNXModel(simple, 8, Message(1, "", 2, 7))),
		onnxCase("a value that is made twice", threat.MGFMT400, ONNXModel(ONNXText("h = Relu x\nh = Tanh x\ny = Relu h"))),
		onnxCase("a cycle", threat.MGFMT400, ONNXModel(ONNXText("a = Add x b\nb = Relu a\ny = Relu b"))),
		onnxCase("a value that nothing makes", threat.MGFMT400, ONNXModel(ONNXText("y = Add x nothing"))),
		onnxCase("an output that nothing makes", threat.MGFMT400, ONNXModel(ONNXGraph{Nodes: simple.Nodes, Tensors: simple.Tensors, Inputs: []string{"x"}, Outputs: []string{"nothing"}})),
		onnxCase("bytes that no reader looks at", threat.MGFMT402, ONNXModel(simple, 99, make([]byte, 4096))),
		onnxCase("a pickle in a tensor of bytes", threat.MGFMT402, ONNXModel(initial(ONNXTensor("P", 2, evil, len(evil))))).malicious(),
		onnxCase("a pickle in a tensor of strings", threat.MGFMT402, ONNXModel(initial(Message(1, 1, 2, 8, 6, evil, 8, "P")))).malicious(),
		onnxCase("a model that breaks off", threat.MGFMT400, ONNXModel(simple)[:len(ONNXModel(simple))-3]),
		onnxCase("a pickle behind the model", "", append(ONNXModel(simple), evil...)),
		{Name: "onnx: a model of ONNX Runtime without a model", Path: "model.ort", Bytes: FlatBuffer("ORTM", FB{0: "6"}), Want: threat.MGFMT400, Level: threat.Suspicious},
		onnxTwin("a pickle of numbers in a tensor of bytes", ONNXModel(initial(ONNXTensor("P", 2, []byte("\x80\x04K\x01."), 5)))),
		onnxTwin("text in a tensor of strings", ONNXModel(initial(Message(1, 1, 2, 8, 6, "(c) by os.system.", 8, "P")))),
		onnxTwin("nodes in another order than data takes", ONNXModel(ONNXText("y = Relu h\nh = MatMul x W"))),
		onnxTwin("an initializer that is an input too", ONNXModel(ONNXGraph{Nodes: simple.Nodes, Tensors: simple.Tensors, Inputs: []string{"x", "W"}, Outputs: []string{"y"}})),
		onnxTwin("bodies that use values around them", ONNXModel(onnxCaptures())),
	}
}

// onnxCaptures is a graph whose branches use values of the graph around them.
func onnxCaptures() ONNXGraph {
	then := ONNXGraph{Nodes: []ONNXNode{{Op: "Relu", In: []string{"h"}, Out: []string{"a"}}}, Outputs: []string{"a"}}
	otherwise := ONNXGraph{Nodes: []ONNXNode{{Op: "Tanh", In: []string{"x"}, Out: []string{"b"}}}, Outputs: []string{"b"}}
	g := ONNXText("h = MatMul x W\nc = Greater x_rate A\ny = If c")
	return g.With(-1, ONNXAttribute{Name: "then_branch", Graph: &then}).With(-1, ONNXAttribute{Name: "else_branch", Graph: &otherwise})
}
