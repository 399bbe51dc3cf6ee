package scantest

import (
	"encoding/binary"
	"slices"
	"strings"

	"modelgate/internal/threat"
)

// flatbufferCases are the cases of TFLite and the other formats that are FlatBuffers.
func flatbufferCases() []Case {
	return slices.Concat(liteRTCases(), liteRTStructureCases(), liteRTJSONCases(), mediaPipeCases(), mindSporeCases(), catBoostCases(), execuTorchCases())
}

// LiteOp is an operator of a TFLite model.
type LiteOp struct {
	Builtin int32  // 32 is a custom one
	Custom  string // its name
	Options []byte // custom options
	Texts   []string
	// Given says that the texts are no constants, but come from the host.
	Given bool
}

// LiteModel writes a TFLite model of one subgraph. Texts of an operator are a constant tensor of strings that it takes as input; change,
// if it is not nil, changes the root table.
func LiteModel(change func(root FB), ops ...LiteOp) []byte {
	var codes, nodes, tensors []FB
	buffers := []FB{{}}
	var inputs []int32
	for i, op := range ops {
		codes = append(codes, FB{0: int8(min(op.Builtin, 127)), 1: op.Custom, 2: int32(1), 3: op.Builtin})
		tensor := int32(len(tensors))
		if op.Given {
			tensors = append(tensors, FB{0: []int32{1}, 1: uint8(5), 2: uint32(0), 3: "given"})
			inputs = append(inputs, tensor)
		} else {
			tensors = append(tensors, FB{0: []int32{1}, 1: uint8(5), 2: uint32(len(buffers)), 3: "constant"})
			buffers = append(buffers, FB{0: stringTensor(op.Texts...)})
		}
		node := FB{0: uint32(i), 1: []int32{tensor}, 2: []int32{tensor}}
		if op.Options != nil {
			node[5] = op.Options
		}
		nodes = append(nodes, node)
	}
	root := FB{
		0: uint32(3), 1: codes, 2: []FB{{0: tensors, 1: inputs, 2: []int32{0}, 3: nodes, 4: "main"}}, 3: "made by a test", 4: buffers,
	}
	if change != nil {
		change(root)
	}
	return FlatBuffer("TFL3", root)
}

// stringTensor writes a tensor of strings as TFLite does.
func stringTensor(texts ...string) []byte {
	out := words(uint32(len(texts)))
	at := 4 + 4*(len(texts)+1)
	for _, t := range texts {
		out = append(out, words(uint32(at))...)
		at += len(t)
	}
	out = append(out, words(uint32(at))...)
	for _, t := range texts {
		out = append(out, t...)
	}
	return out
}

// FlexNode writes the options of an operator of TensorFlow: a FlexBuffer that is a vector of a name and a serialized NodeDef.
func FlexNode(name, op string, attributes ...string) []byte {
	node := Message(1, "node", 2, op)
	for i := 0; i+1 < len(attributes); i += 2 {
		node = append(node, Message(5, Message(1, attributes[i], 2, Message(2, attributes[i+1])))...)
	}
	var out []byte
	var places []int
	for _, s := range []string{name, string(node)} {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(s)))
		places = append(places, len(out))
		out = append(out, s+"\x00"...)
	}
	out = binary.LittleEndian.AppendUint32(out, 2)
	vector := len(out)
	for _, p := range places {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(out)-p))
	}
	const text, list, width4 = 5 << 2, 10 << 2, 2
	out = append(out, text|width4, text|width4)
	return append(out, byte(len(out)-vector), list|width4, 1)
}

// flexOp is an operator of TensorFlow whose names agree.
func flexOp(op string, texts ...string) LiteOp {
	return LiteOp{Builtin: 32, Custom: "Flex" + op, Options: FlexNode(op, op), Texts: texts}
}

func liteCase(name string, id threat.ID, content []byte) Case {
	return Case{Name: "tflite: " + name, Path: "model.tflite", Bytes: content, Want: id, Level: threat.Get(id).Level}
}

func liteTwin(name string, content []byte) Case {
	return Case{Name: "tflite twin: " + name, Path: "model.tflite", Bytes: content, Twin: true}
}

// liteRTCases are operators: those of TensorFlow by class, and custom ones.
func liteRTCases() []Case {
	caseOf := func(name string, id threat.ID, ops ...LiteOp) Case { return liteCase(name, id, LiteModel(nil, ops...)) }
	twinOf := func(name string, ops ...LiteOp) Case { return liteTwin(name, LiteModel(nil, ops...)) }
	given := func(op LiteOp) LiteOp {
		op.Given = true
		return op
	}
	return []Case{
		caseOf("Flex WriteFile with a constant path", threat.LITERT301, flexOp("WriteFile", "/home/user/.bashrc")),
		caseOf("Flex WriteFile with a path of the host's", threat.LITERT301, given(flexOp("WriteFile"))),
		caseOf("Flex PyFunc", threat.LITERT301, flexOp("PyFunc")),
		caseOf("Flex EagerPyFunc", threat.LITERT301, flexOp("EagerPyFunc")),
		caseOf("Flex DebugIdentityV3 to an address", threat.LITERT301, LiteOp{
			Builtin: 32, Custom: "FlexDebugIdentityV3", Options: FlexNode("DebugIdentityV3", "DebugIdentityV3", "debug_urls", "grpc://example.com:1"),
		}),
		caseOf("Flex SaveV2 at a constant path", threat.LITERT301, flexOp("SaveV2", "model/ckpt")),
		caseOf("Flex SaveV2 where the host says, as models that learn on the device do", threat.LITERT302, given(flexOp("SaveV2"))),
		caseOf("Flex ReadFile of the model's own", threat.LITERT302, flexOp("ReadFile", "assets/vocab.txt")),
		caseOf("Flex ReadFile with an absolute path", threat.LITERT301, flexOp("ReadFile", "/etc/passwd")),
		caseOf("Flex ReadFile with a URL", threat.LITERT301, flexOp("ReadFile", "gs://bucket/file")),
		caseOf("Flex MatchingFiles that goes up", threat.LITERT301, flexOp("MatchingFiles", "a/../../*")),
		caseOf("Flex ImmutableConst that maps a file", threat.LITERT301, LiteOp{
			Builtin: 32, Custom: "FlexImmutableConst", Options: FlexNode("ImmutableConst", "ImmutableConst", "memory_region_name", "/etc/passwd"),
		}),
		caseOf("Flex PrintV2 to a file", threat.LITERT301, LiteOp{
			Builtin: 32, Custom: "FlexPrintV2", Options: FlexNode("PrintV2", "PrintV2", "output_stream", "file:///tmp/x"),
		}),
		caseOf("Flex DecodeProtoV2", threat.LITERT302, flexOp("DecodeProtoV2")),
		caseOf("Flex TPUExecute", threat.LITERT302, flexOp("TPUExecute")),
		caseOf("Flex operator that TensorFlow does not have", threat.LITERT300, flexOp("MineBitcoin")),
		caseOf("Flex without a name", threat.LITERT300, LiteOp{Builtin: 32, Custom: "Flex"}),
		caseOf("Flex name that hides another node", threat.MGFMT403, LiteOp{
			Builtin: 32, Custom: "FlexAbs", Options: FlexNode("Abs", "EncodeProto"),
		}).at(threat.Suspicious),
		caseOf("Flex name that hides WriteFile in its node", threat.LITERT301, LiteOp{
			Builtin: 32, Custom: "FlexAbs", Options: FlexNode("Abs", "WriteFile"),
		}),
		caseOf("Flex whose options are no node", threat.MGFMT400, LiteOp{Builtin: 32, Custom: "FlexAbs", Options: []byte("no FlexBuffer")}),
		caseOf("custom operator of nobody", threat.LITERT300, LiteOp{Builtin: 32, Custom: "MyOp"}),
		caseOf("custom operator without a name", threat.LITERT300, LiteOp{Builtin: 32}),
		caseOf("code above the table", threat.LITERT300, LiteOp{Builtin: 9999}),
		caseOf("function that the runtime must have registered", threat.LITERT300, LiteOp{Builtin: 173}),
		twinOf("Flex Abs", flexOp("Abs", "/etc/passwd")),
		twinOf("Flex PrintV2 to standard error", LiteOp{
			Builtin: 32, Custom: "FlexPrintV2", Options: FlexNode("PrintV2", "PrintV2", "output_stream", "stderr"),
		}),
		twinOf("detection post-processing", LiteOp{Builtin: 32, Custom: "TFLite_Detection_PostProcess", Texts: []string{"/etc/passwd"}}),
		twinOf("operators of MediaPipe", LiteOp{Builtin: 32, Custom: "Convolution2DTransposeBias"}, LiteOp{Builtin: 32, Custom: "MaxUnpooling2D"}),
		twinOf("built-in operators, also those of more than 7 bits", LiteOp{Builtin: 0}, LiteOp{Builtin: 3}, LiteOp{Builtin: 150}),
		twinOf("constant strings that sound dangerous", LiteOp{Builtin: 0, Texts: []string{"WriteFile", "os.system('id')", "FlexPyFunc"}}),
		{
			Name: "tflite twin: code of an accelerator is opaque", Path: "model_edgetpu.tflite", Twin: true,
			Bytes: LiteModel(nil, LiteOp{Builtin: 32, Custom: "edgetpu-custom-op", Options: []byte("compiled")}),
		},
	}
}

// at sets the level of a case that has worse findings than the one that it wants, or better.
func (c Case) at(level threat.Level) Case {
	c.Level = level
	return c
}

// liteRTStructureCases are offsets and indices that lead nowhere, and what lies beside the model.
func liteRTStructureCases() []Case {
	add := LiteOp{Builtin: 0}
	honest := LiteModel(nil, add)
	change := func(f func(root FB)) []byte { return LiteModel(f, add) }
	graph := func(root FB) FB { return root[2].([]FB)[0] }
	metadata := ZIPEntry{Name: "labels.txt", Content: []byte("cat\ndog\n")}
	evil := ZIPEntry{Name: "labels.txt", Content: pk4(pkSystem())}
	broken := slices.Clone(honest)
	binary.LittleEndian.PutUint32(broken[binary.LittleEndian.Uint32(broken):], 0x7fffffff)
	return []Case{
		liteCase("root whose vtable is nowhere", threat.MGFMT400, broken),
		{
			Name: "tflite: a program in place of the root table", Path: "model.tflite", Want: threat.MGEXE100, Level: threat.Malicious,
			Bytes: append([]byte("\x20\x00\x00\x00TFL3"), ELF(2, 62, true)...),
		},
		liteCase("cut in the middle", threat.MGFMT400, honest[:len(honest)/2]),
		liteCase("operator beyond the table of codes", threat.MGFMT400, change(func(r FB) { graph(r)[3].([]FB)[0][0] = uint32(7) })),
		liteCase("input beyond the tensors", threat.MGFMT400, change(func(r FB) { graph(r)[3].([]FB)[0][1] = []int32{7} })),
		liteCase("tensor beyond the buffers", threat.MGFMT400, change(func(r FB) { graph(r)[0].([]FB)[0][2] = uint32(7) })),
		liteCase("buffer beyond the file", threat.MGFMT400, change(func(r FB) { r[4].([]FB)[1] = FB{1: uint64(1 << 40), 2: uint64(1 << 20)} })),
		liteTwin("empty buffers that are the last of the file", change(func(r FB) { r[4] = append(r[4].([]FB), FB{}, FB{}, FB{}) })),
		liteCase("signature of a subgraph that is not there", threat.MGFMT400, change(func(r FB) { r[7] = []FB{{2: "sign", 4: uint32(3)}} })),
		liteCase("signature of a tensor that is not there", threat.MGFMT400, change(func(r FB) { r[7] = []FB{{0: []FB{{0: "x", 1: uint32(9)}}, 2: "sign"}} })),
		liteCase("metadata of a buffer that is not there", threat.MGFMT400, change(func(r FB) { r[6] = []FB{{0: "meta", 1: uint32(9)}} })),
		liteCase("While into a subgraph that is not there", threat.MGFMT400, LiteModel(func(r FB) {
			graph(r)[3].([]FB)[0][4] = FB{0: int32(0), 1: int32(9)}
		}, LiteOp{Builtin: 119})),
		liteCase("code that readers of old take for another", threat.MGFMT403, change(func(r FB) { r[1].([]FB)[0] = FB{0: int8(5), 3: int32(9)} })),
		liteCase("external weights outside of the model", threat.MGPATH100, change(func(r FB) { r[8] = []FB{{0: "../../weights.bin"}} })),
		{
			Name: "tflite: metadata that is a pickle", Path: "model.tflite", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: change(func(r FB) { r[4] = append(r[4].([]FB), FB{0: pk4(pkSystem())}); r[6] = []FB{{0: "meta", 1: uint32(2)}} }),
		},
		{
			Name: "tflite: a buffer without owner that is a pickle", Path: "model.tflite", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: change(func(r FB) { r[4] = append(r[4].([]FB), FB{0: pk4(pkSystem())}) }),
		},
		{
			Name: "tflite: a pickle behind the model", Path: "model.tflite", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: append(slices.Clone(honest), pk4(pkSystem())...),
		},
		{
			Name: "tflite: a program behind the model", Path: "model.tflite", Want: threat.MGEXE100, Level: threat.Malicious,
			Bytes: append(slices.Clone(honest), ELF(2, 62, true)...),
		},
		liteCase("two kilobytes of anything behind the model", threat.MGFMT402, append(slices.Clone(honest), noise(2048)...)),
		{
			Name: "tflite: a pickle in the archive of metadata", Path: "model.tflite", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: append(slices.Clone(honest), BuildZIP(evil)...),
		},
		{
			Name: "tflite: a pickle between the model and its archive", Path: "model.tflite", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: slices.Concat(honest, pk4(pkSystem()), BuildZIP(metadata)),
		},
		liteTwin("an archive of labels behind the model", append(slices.Clone(honest), BuildZIP(metadata)...)),
		liteTwin("an empty archive behind the model", append(slices.Clone(honest), BuildZIP()...)),
		liteTwin("zeros behind the model", append(slices.Clone(honest), make([]byte, 4096)...)),
		liteTwin("metadata and a signature", change(func(r FB) {
			r[4] = append(r[4].([]FB), FB{0: []byte("1.14.0\x00\x00")})
			r[6] = []FB{{0: "min_runtime_version", 1: uint32(2)}}
			r[7] = []FB{{0: []FB{{0: "x", 1: uint32(0)}}, 2: "serving_default"}}
		})),
		liteTwin("data behind the FlatBuffer, as in models of more than 2 GiB", largeLite()),
	}
}

// largeLite is a model whose buffer lies behind the FlatBuffer.
func largeLite() []byte {
	b := LiteModel(func(r FB) { r[4].([]FB)[1] = FB{1: uint64(1 << 12), 2: uint64(1 << 12)} }, LiteOp{Builtin: 0})
	b = append(b, make([]byte, 1<<12-len(b))...)
	return append(b, noise(1<<12)...)
}

// noise is bytes that are nothing.
func noise(n int) []byte {
	out := make([]byte, n)
	state := uint32(0x9e3779b9)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = byte(state>>24) | 0x80
	}
	return out
}

// liteRTJSONCases are models in JSON.
func liteRTJSONCases() []Case {
	model := func(code string) []byte {
		return []byte(`{"version": 3, "operator_codes": [` + code + `], "subgraphs": [{"tensors": [{"type": "STRING", "buffer": 1}], "operators": [{"inputs": [0]}]}],
 "buffers": [{}, {"data": [1,0,0,0,12,0,0,0,16,0,0,0,47,101,116,99]}]}`)
	}
	of := func(name string, id threat.ID, code string) Case {
		return Case{Name: "tflite in JSON: " + name, Path: "model.json", Bytes: model(code), Want: id, Level: threat.Get(id).Level}
	}
	return []Case{
		of("Flex WriteFile", threat.LITERT301, `{"builtin_code": "CUSTOM", "custom_code": "FlexWriteFile"}`),
		of("Flex WriteFile whose name is escaped", threat.LITERT301, `{"builtin_code": 32, "custom_code": "\u0046lexWrite\u0046ile"}`),
		of("Flex ReadFile with an absolute path", threat.LITERT301, `{"deprecated_builtin_code": 32, "custom_code": "FlexReadFile"}`),
		of("custom operator of nobody", threat.LITERT300, `{"builtin_code": "CUSTOM", "custom_code": "MyOp"}`),
		of("code that is none", threat.MGFMT400, `{"builtin_code": "NO_SUCH_OPERATOR"}`),
		of("name that stands twice", threat.MGFMT403, `{"builtin_code": "CUSTOM", "custom_code": "Mfcc", "custom_code": "Mfcc"}`),
		{
			Name: "tflite in JSON twin: built-in and known custom operators", Path: "model.json", Twin: true,
			Bytes: model(`{"builtin_code": "CONV_2D", "deprecated_builtin_code": 3}, {"builtin_code": "CUSTOM", "custom_code": "Mfcc"}`),
		},
	}
}

// FlatBufferCases are the cases that formats which are FlatBuffers, or stand beside them, begin to fuzz with.
func FlatBufferCases() []Case { return flatbufferCases() }

// mediaPipeCases are bundles, and graphs of calculators.
func mediaPipeCases() []Case {
	node := func(calculator string, more ...any) []byte {
		return Message(1, Message(append([]any{2, calculator, 3, "in", 4, "out"}, more...)...))
	}
	graph := func(nodes ...[]byte) []byte {
		return slices.Concat(slices.Concat(nodes...), node("PassThroughCalculator"), Message(10, "in", 15, "out", 20, "MyGraph"))
	}
	of := func(name string, id threat.ID, content []byte) Case {
		return Case{Name: "mediapipe: " + name, Path: "graph.binarypb", Bytes: content, Want: id, Level: threat.Get(id).Level}
	}
	path := func(s string) []byte {
		return Message(8, Message(1, "type.googleapis.com/mediapipe.Options", 2, Message(1, s)))[2:]
	}
	bundle := func(entries ...ZIPEntry) []byte { return BuildZIP(entries...) }
	model := func(ops ...LiteOp) []byte { return LiteModel(nil, ops...) }
	return []Case{
		of("calculator of nobody", threat.MGOP300, graph(node("EvilCalculator"))),
		of("calculator that writes films", threat.MGOP302, graph(node("OpenCvVideoEncoderCalculator"))),
		of("calculator that reads what a pattern matches", threat.MGOP302, graph(node("LocalFilePatternContentsCalculator"))),
		of("calculator that loads a graph of TensorFlow", threat.MGOP302, graph(node("TensorFlowSessionFromSavedModelCalculator"))),
		of("file outside of the model", threat.MGPATH100, graph(node("LocalFileContentsCalculator"), node("ConstantSidePacketCalculator", 8, path("/etc/passwd")))),
		of("model outside of the graph's directory", threat.MGPATH100, graph(node("InferenceCalculator", 7, Message(1, "../../evil.tflite")))),
		of("trace logs", threat.MGOP302, append(graph(), Message(18, Message(9, "logs/trace", 16, 1))...)),
		of("trace logs in a place of the graph's choice", threat.MGPATH100, append(graph(), Message(18, Message(9, "/home/user/.bashrc", 16, 1))...)),
		of("node that names nothing", threat.MGOP300, graph(node(""))),
		of("named nodes of which one is TensorFlow's", threat.TF301, slices.Concat(
			Message(1, Message(1, "a", 2, "PassThroughCalculator")), Message(1, Message(1, "b", 2, "WriteFile", 3, "x")))),
		of("named nodes with functions of TensorFlow", threat.TF301, slices.Concat(
			Message(1, Message(1, "a", 2, "PassThroughCalculator")), Message(2, Message(1, Message(1, Message(1, "f"), 3, Message(1, "b", 2, "WriteFile")))))),
		of("named nodes that a version of TensorFlow follows", threat.MGFMT404, slices.Concat(
			Message(1, Message(1, "a", 2, "EvilCalculator")), Message(4, Message(1, 1087)))),
		{
			Name: "mediapipe twin: a graph whose nodes have names, and one of which is a graph again", Path: "graph.binarypb", Twin: true,
			Bytes: graph(Message(1, Message(1, "landmarks", 2, "FaceLandmarkFrontGpu", 3, "in", 4, "out")), node("GlScalerCalculator", 1, "scaler")),
		},
		{
			Name: "mediapipe: a bundle whose model writes files", Path: "model.task", Want: threat.LITERT301, Level: threat.Malicious,
			Bytes: bundle(ZIPEntry{Name: "a.tflite", Content: model(flexOp("WriteFile"))}),
		},
		{
			Name: "mediapipe: a bundle with a pickle", Path: "model.task", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: bundle(ZIPEntry{Name: "a.tflite", Content: model(LiteOp{})}, ZIPEntry{Name: "labels.txt", Content: pk4(pkSystem())}),
		},
		{
			Name: "mediapipe: a bundle in a bundle whose model writes files", Path: "model.task", Want: threat.LITERT301, Level: threat.Malicious,
			Bytes: bundle(ZIPEntry{Name: "inner.task", Content: bundle(ZIPEntry{Name: "a.tflite", Content: model(flexOp("WriteFile"))})}),
		},
		{
			Name: "mediapipe: a bundle that unpacks elsewhere", Path: "model.task", Want: threat.ARV100, Level: threat.Malicious,
			Bytes: bundle(ZIPEntry{Name: "a.tflite", Content: model(LiteOp{})}, ZIPEntry{Name: "../../labels.txt", Content: []byte("cat")}),
		},
		{
			Name: "mediapipe twin: a bundle of models and labels", Path: "model.task", Twin: true,
			Bytes: bundle(ZIPEntry{Name: "a.tflite", Content: model(LiteOp{Builtin: 32, Custom: "TransformLandmarks"})}, ZIPEntry{Name: "labels.txt", Content: []byte("cat")}),
		},
		{
			Name: "mediapipe twin: a graph of known calculators with a file of its own", Path: "graph.binarypb", Twin: true,
			Bytes: graph(node("LocalFileContentsCalculator"), node("InferenceCalculator", 7, Message(1, "models/palm.tflite", 2, "/m/0k4j"))),
		},
		{
			Name: "mediapipe twin: a profiler that is off", Path: "graph.binarypb", Twin: true,
			Bytes: append(graph(), Message(18, Message(9, "/tmp/trace", 15, 1))...),
		},
	}
}

// msModel writes a model of MindSpore Lite with one node of a primitive.
func msModel(schema string, code uint8, value FB, change func(root FB)) []byte {
	root := FB{
		0: "net", 1: "MindSpore Lite 2.2", 3: []int32{0}, 4: []int32{1},
		6: []FB{{0: "node", 2: FB{0: code, 1: value}, 3: []int32{0}, 4: []int32{1}}},
		7: []FB{{2: []int32{1}, 9: "in"}, {2: []int32{1}, 6: []byte("\x00\x00\x80\x3f"), 9: "out"}},
		8: []FB{{0: "main", 1: []int32{0}, 2: []int32{1}, 3: []int32{0}, 4: []int32{0, 1}}},
	}
	if change != nil {
		change(root)
	}
	return FlatBuffer(schema, root)
}

// msCheckpoint is a checkpoint of MindSpore with one value.
func msCheckpoint(name, elements string) []byte {
	return Message(1, Message(1, name, 2, Message(1, 2, 2, elements, 3, "\x00\x00\x80\x3f\x00\x00\x00\x40")))
}

// mindSporeCases are models of MindSpore Lite and MindIR.
func mindSporeCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return Case{Name: "mindspore: " + name, Path: "model.ms", Bytes: content, Want: id, Level: threat.Get(id).Level}
	}
	twin := func(name string, content []byte) Case {
		return Case{Name: "mindspore twin: " + name, Path: "model.ms", Bytes: content, Twin: true}
	}
	custom := func(kind string, attributes ...FB) []byte {
		return msModel("MSL2", 191, FB{0: kind, 1: attributes}, nil)
	}
	attribute := func(name string, data []byte) FB { return FB{0: name, 1: data} }
	ir := func(node []byte, more ...any) []byte {
		graph := Message(append([]any{1, node, 2, "main"}, more...)...)
		return Message(1, "0.1.0", 2, "MindSpore", 3, "2.3.0", 7, graph)
	}
	text := func(name, value string) []byte { return Message(1, name, 5, value) }
	relu := FB{}
	honest := msModel("MSL2", 2, relu, nil)
	return []Case{
		of("custom primitive with a library", threat.MGOP301, custom("MyOp", attribute("path", []byte("./libevil.so")))),
		of("custom primitive of nobody", threat.MGOP300, custom("MyOp")),
		of("custom primitive of schema 1", threat.MGOP300, msModel("MSL1", 150, FB{0: "MyOp"}, nil)),
		of("primitive beyond the schema", threat.MGOP300, msModel("MSL2", 250, relu, nil)),
		of("node that refers to no tensor", threat.MGFMT400, msModel("MSL2", 2, relu, func(r FB) { r[6].([]FB)[0][3] = []int32{7} })),
		of("subgraph of nodes that are not there", threat.MGFMT400, msModel("MSL2", 2, relu, func(r FB) { r[8].([]FB)[0][3] = []int32{7} })),
		of("weights outside of the model", threat.MGPATH100, msModel("MSL2", 2, relu, func(r FB) { r[7].([]FB)[0][12] = []FB{{1: "../../weights"}} })),
		of("cut in the middle", threat.MGFMT400, honest[:len(honest)/2]),
		of("a pickle in place of the root table", threat.PKL100, append([]byte("\xff\xff\x00\x00MSL2"), pk4(pkSystem(), strings.Repeat("N0", 1<<15))...)),
		of("a program in place of the root table", threat.MGEXE100, append([]byte("\x20\x00\x00\x00MSL2"), ELF(2, 62, true)...)),
		of("root beyond its table", threat.MGFMT400, append([]byte("\xff\x00\x00\x00MSL2"), make([]byte, 256)...)),
		{
			Name: "mindspore: a pickle behind the model", Path: "model.ms", Want: threat.PKL100, Level: threat.Malicious,
			Bytes: append(slices.Clone(honest), pk4(pkSystem())...),
		},
		{
			Name: "mindspore: a program in an attribute", Path: "model.ms", Want: threat.MGEXE100, Level: threat.Malicious,
			Bytes: custom("FSEDecode", attribute("table", ELF(2, 62, true))),
		},
		twin("built-in primitive", honest),
		twin("custom primitive of the converter", custom("FSEDecode", attribute("path", []byte("no library")))),
		twin("a name that sounds dangerous", msModel("MSL2", 2, relu, func(r FB) { r[0] = "/lib/libevil.so" })),
		{Name: "mindspore twin: a checkpoint", Path: "model.ckpt", Twin: true, Bytes: msCheckpoint("os.system", "Float32")},
		{
			Name: "mindspore: a checkpoint with a field of another kind", Path: "model.ckpt", Want: threat.MGFMT400, Level: threat.Suspicious,
			Bytes: append(msCheckpoint("a", "Float32"), Message(7, "evil")...),
		},
		{
			Name: "mindspore: a checkpoint with a tensor of no known type", Path: "model.ckpt", Want: threat.MGFMT400, Level: threat.Suspicious,
			Bytes: append(msCheckpoint("a", "Float32"), msCheckpoint("b", "Pickle")...),
		},
		{Name: "mindspore: what is no checkpoint", Path: "model.ckpt", Want: threat.MGFMT404, Level: threat.Unscannable, Bytes: msCheckpoint("a", "Pickle")},
		{Name: "mindir: custom operator with a library", Path: "model.mindir", Want: threat.MGOP301, Level: threat.Malicious, Bytes: ir(Message(
			3, "n", 4, "REF::Custom", 5, text("func_type", "aot"), 5, text("func_name", "./add.so:CustomAdd"),
		))},
		{Name: "mindir: custom operator that is a function of Python", Path: "model.mindir", Want: threat.MGOP301, Level: threat.Malicious, Bytes: ir(Message(
			3, "n", 4, "Custom", 5, text("func_type", "pyfunc"),
		))},
		{Name: "mindir: statements of Python", Path: "model.mindir", Want: threat.MGOP301, Level: threat.Malicious, Bytes: ir(Message(3, "n", 4, "PyExecute"))},
		{Name: "mindir: statements of Python in a primitive", Path: "model.mindir", Want: threat.MGOP301, Level: threat.Malicious, Bytes: Message(
			1, "0.1.0", 2, "MindSpore", 12, Message(1, "p", 2, "PyInterpret"),
		)},
		{Name: "mindir: statements of Python in the graph of an attribute", Path: "model.mindir", Want: threat.MGOP301, Level: threat.Malicious, Bytes: ir(Message(
			3, "n", 4, "If", 5, Message(1, "body", 7, Message(1, Message(4, "PyFunc"))),
		))},
		{Name: "mindir: custom operator of nobody", Path: "model.mindir", Want: threat.MGOP300, Level: threat.Suspicious, Bytes: ir(Message(3, "n", 4, "Custom", 5, text("reg_op_name", "x")))},
		{Name: "mindir: weights outside of the model", Path: "model.mindir", Want: threat.MGPATH100, Level: threat.Malicious, Bytes: ir(
			Message(3, "n", 4, "ReLU"), 3, Message(7, "w", 12, Message(1, "/etc/passwd")),
		)},
		{Name: "mindir twin: operators that compute", Path: "model.mindir", Twin: true, Bytes: ir(Message(3, "PyExecute", 4, "REF::ReLU", 5, text("note", "a.so")))},
	}
}

// CatBoost writes a model whose core is change's, with what follows it.
func CatBoost(change func(root FB), rest []byte) []byte {
	root := FB{
		0: "FlabuffersModel_v1", 1: FB{0: int32(1), 1: []int32{0}, 2: []int32{1}, 3: []int32{0}, 5: []FB{{0: int32(0)}}},
		2: []FB{{0: "params", 1: "{}"}},
	}
	if change != nil {
		change(root)
	}
	core := FlatBuffer("\x00\x00\x00\x00", root)
	return slices.Concat([]byte("CBM1"), words(uint32(len(core))), core, rest)
}

// catBoostCases are models of CatBoost, in which nothing is code.
func catBoostCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return Case{Name: "catboost: " + name, Path: "model.cbm", Bytes: content, Want: id, Level: threat.Get(id).Level}
	}
	parts := func(r FB) { r[3] = []string{"static_provider_v1"} }
	broken := CatBoost(nil, nil)
	binary.LittleEndian.PutUint32(broken[8:], 0x7fffffff)
	return []Case{
		of("a pickle behind the core", threat.PKL100, CatBoost(nil, pk4(pkSystem()))),
		of("a pickle where statistics belong", threat.PKL100, CatBoost(parts, pk4(pkSystem()))),
		of("a program behind the core", threat.MGEXE100, CatBoost(nil, ELF(2, 62, true))),
		of("anything behind a core without parts", threat.MGFMT402, CatBoost(nil, noise(64))),
		of("a root beyond the core", threat.MGFMT400, broken),
		of("JSON with trees that stand twice", threat.MGFMT403, []byte(`{"features_info": {}, "trees": [], "trees": []}`)),
		{Name: "catboost twin: a core", Path: "model.cbm", Bytes: CatBoost(nil, nil), Twin: true},
		{Name: "catboost twin: a core with statistics", Path: "model.cbm", Bytes: CatBoost(parts, noise(4096)), Twin: true},
		{Name: "catboost twin: parameters that sound dangerous", Path: "model.cbm", Twin: true, Bytes: CatBoost(func(r FB) {
			r[2] = []FB{{0: "params", 1: "os.system('rm -rf /')"}}
		}, nil)},
		{Name: "catboost twin: JSON", Path: "model.json", Bytes: []byte(`{"features_info": {"float_features": []}, "oblivious_trees": [{"leaf_values": [1.5]}]}`), Twin: true},
	}
}

// execuTorch writes a program with one method, the kernels and delegates of the given names, and segments of data.
func execuTorch(kernels, delegates []string, segments [][]byte, change func(root FB), rest []byte) []byte {
	var ops, backends, places []FB
	for _, k := range kernels {
		ops = append(ops, FB{0: k, 1: "out"})
	}
	for _, d := range delegates {
		backends = append(backends, FB{0: d, 1: FB{0: uint8(1), 1: uint32(0)}, 2: []FB{{0: "setting", 1: []byte("1")}}})
	}
	var data []byte
	for _, g := range segments {
		places = append(places, FB{0: uint64(len(data)), 1: uint64(len(g))})
		data = append(data, g...)
	}
	root := FB{1: []FB{{
		0: "forward", 5: []FB{{2: []FB{{0: uint8(1), 1: FB{0: int32(0)}}}}}, 6: ops, 7: backends,
	}}, 4: places}
	if change != nil {
		change(root)
	}
	inner := FlatBuffer("ET12", FB{}) // whose header is made room for
	inner = append(inner[:8], make([]byte, 32)...)
	w := &fbWriter{out: inner}
	w.link(0, root)
	for len(w.out)%16 != 0 {
		w.out = append(w.out, 0)
	}
	copy(w.out[8:], "eh00")
	binary.LittleEndian.PutUint32(w.out[12:], 32)
	binary.LittleEndian.PutUint64(w.out[16:], uint64(len(w.out)))
	binary.LittleEndian.PutUint64(w.out[24:], uint64(len(w.out)))
	binary.LittleEndian.PutUint64(w.out[32:], uint64(len(data)))
	return slices.Concat(w.out, data, rest)
}

// execuTorchCases are programs of ExecuTorch.
func execuTorchCases() []Case {
	of := func(name string, id threat.ID, content []byte) Case {
		return Case{Name: "executorch: " + name, Path: "model.pte", Bytes: content, Want: id, Level: threat.Get(id).Level}
	}
	add, data := []string{"aten::add"}, [][]byte{noise(64)}
	plan := func(r FB) FB { return r[1].([]FB)[0] }
	beyond := execuTorch(add, nil, data, nil, nil)
	binary.LittleEndian.PutUint64(beyond[16:], 1<<40)
	return []Case{
		of("kernel of nobody", threat.MGOP300, execuTorch([]string{"evil::run"}, nil, nil, nil, nil)),
		of("kernel that maps a file", threat.MGOP302, execuTorch([]string{"aten::from_file"}, nil, nil, nil, nil)),
		of("delegate of nobody", threat.MGOP300, execuTorch(add, []string{"MyBackend"}, data, nil, nil)),
		of("delegate that loads a library", threat.MGOP301, execuTorch(add, []string{"CudaBackend"}, data, nil, nil)),
		of("a library in the data of a delegate", threat.MGEXE100, execuTorch(add, []string{"XnnpackBackend"}, [][]byte{ELF(3, 62, false)}, nil, nil)),
		of("a pickle in a segment", threat.PKL100, execuTorch(add, nil, [][]byte{pk4(pkSystem())}, nil, nil)),
		of("a pickle inside the FlatBuffer", threat.PKL100, execuTorch(add, nil, nil, func(r FB) { r[3] = []FB{{0: pk4(pkSystem())}} }, nil)),
		of("a pickle behind the segments", threat.PKL100, execuTorch(add, nil, data, nil, pk4(pkSystem()))),
		of("segment beyond the file", threat.MGFMT400, execuTorch(add, nil, data, func(r FB) { r[4].([]FB)[0][1] = uint64(1 << 40) }, nil)),
		of("constants in a segment that is not there", threat.MGFMT400, execuTorch(add, nil, nil, func(r FB) {
			r[7] = []FB{{0: "weight", 1: uint32(3)}}
		}, nil)),
		of("call of a kernel that is not there", threat.MGFMT400, execuTorch(nil, nil, nil, nil, nil)),
		of("data of a delegate that is not there", threat.MGFMT400, execuTorch(add, []string{"XnnpackBackend"}, nil, nil, nil)),
		of("FlatBuffer larger than the file", threat.MGFMT400, beyond),
		{Name: "executorch twin: kernels of PyTorch", Path: "model.pte", Twin: true, Bytes: execuTorch([]string{"aten::add", "aten::mm", "executorch_prim::et_copy_index"}, nil, data, nil, nil)},
		{Name: "executorch twin: a delegate of ExecuTorch", Path: "model.pte", Twin: true, Bytes: execuTorch(add, []string{"XnnpackBackend"}, data, nil, nil)},
		{Name: "executorch twin: a method whose name sounds dangerous", Path: "model.pte", Twin: true, Bytes: execuTorch(add, nil, nil, func(r FB) {
			plan(r)[0] = "os.system"
		}, make([]byte, 128))},
	}
}
