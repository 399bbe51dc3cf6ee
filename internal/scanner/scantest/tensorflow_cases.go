package scantest

import (
	"encoding/base64"
	"fmt"
	"strings"

	"modelgate/internal/threat"
)

// tensorflowCases are the cases of TensorFlow, its checkpoints and TensorFlow.js.
func tensorflowCases() []Case {
	cases := tfOperatorCases()
	cases = append(cases, tfPlaceCases()...)
	cases = append(cases, tfSaverCases()...)
	cases = append(cases, tfTableCases()...)
	cases = append(cases, tfBackdoorCases()...)
	cases = append(cases, tfStructureCases()...)
	cases = append(cases, tfCheckpointCases()...)
	return append(cases, tfJSCases()...)
}

// tfOne is a SavedModel whose signature asks for one operator that has a string from its user.
func tfOne(op, inputs string, attrs ...any) []byte {
	return TFModel{
		Nodes: [][]byte{
			TFNode("x", "Placeholder", ""),
			TFNode("path", "Const", "", "value", []string{"weights.bin"}),
			TFNode("evil", op, inputs, attrs...),
			TFNode("y", "Identity", "x ^evil"),
		},
		Inputs: []string{"x:0"}, Outputs: []string{"y:0"},
	}.Bytes()
}

// tfOperatorCases has an operator of each class.
func tfOperatorCases() []Case {
	var cases []Case
	for _, c := range []struct {
		op, inputs string
		want       threat.ID
		level      threat.Level
		attrs      []any
	}{
		{"WriteFile", "path x", threat.TF301, threat.Malicious, nil},
		{"SaveDatasetV2", "x path", threat.TF301, threat.Malicious, nil},
		{"SnapshotDatasetV2", "x path", threat.TF301, threat.Malicious, nil},
		{"WriteSummary", "x path", threat.TF301, threat.Malicious, nil},
		{"PyFunc", "x", threat.TF301, threat.Malicious, []any{"token", "pyfunc_0"}},
		{"EagerPyFunc", "x", threat.TF301, threat.Malicious, []any{"token", "pyfunc_0"}},
		{"XlaCustomCallV2", "x", threat.TF301, threat.Malicious, []any{"call_target_name", "libevil"}},
		{"RpcClient", "path", threat.TF301, threat.Malicious, nil},
		{"RegisterDatasetV2", "x path", threat.TF301, threat.Malicious, nil},
		{"DataServiceDatasetV4", "x path", threat.TF301, threat.Malicious, nil},
		{"DebugIdentityV3", "x", threat.TF301, threat.Malicious, []any{"debug_urls", "grpc://127.0.0.1:1"}},
		{"IO>KafkaGroupReadableInit", "path", threat.TF301, threat.Malicious, nil},
		{"PrintV2", "x", threat.TF301, threat.Malicious, []any{"output_stream", "file://out.txt"}},
		{"RemoteCall", "path x", threat.TF302, threat.Suspicious, nil},
		{"GcsConfigureCredentials", "path", threat.TF302, threat.Suspicious, nil},
		{"ReadFile", "path", threat.TF302, threat.Suspicious, nil},
		{"MatchingFiles", "path", threat.TF302, threat.Suspicious, nil},
		{"TFRecordDataset", "path path path", threat.TF302, threat.Suspicious, nil},
		{"CreateSummaryFileWriter", "x path", threat.TF302, threat.Suspicious, nil},
		{"ImmutableConst", "", threat.TF302, threat.Suspicious, []any{"memory_region_name", "region"}},
		{"TPUExecute", "x path", threat.TF302, threat.Suspicious, nil},
		{"XlaLaunch", "x", threat.TF302, threat.Suspicious, nil},
		{"TRTEngineOp", "x", threat.TF302, threat.Suspicious, []any{"serialized_segment", "ftrt"}},
		{"DatasetFromGraph", "path", threat.TF302, threat.Suspicious, nil},
		{"Abort", "", threat.TF302, threat.Suspicious, nil},
		{"DecodeProtoV2", "x", threat.TF302, threat.Suspicious, []any{"descriptor_source", "local://"}},
		{"DecodeProtoV2", "x", threat.TF302, threat.Suspicious, []any{"descriptor_source", "/etc/x.desc"}},
		{"CompanyRunsThis", "x", threat.TF300, threat.Suspicious, nil},
		{"Custom>Op", "x", threat.TF300, threat.Suspicious, nil},
	} {
		name := fmt.Sprintf("tensorflow: %s", c.op)
		if len(c.attrs) == 2 {
			name += fmt.Sprintf(" with %s %s", c.attrs[0], c.attrs[1])
		}
		cases = append(cases, Case{Name: name, Path: "saved_model.pb", Bytes: tfOne(c.op, c.inputs, c.attrs...), Want: c.want, Level: c.level})
	}
	for _, c := range []struct {
		op, inputs string
		attrs      []any
	}{
		{"Identity", "path", nil},
		{"PrintV2", "x", []any{"output_stream", "stderr"}},
		{"StringJoin", "path path", nil},
		{"XlaCallModule", "x", []any{"module", "ML\xefR"}},
		{"DecodePng", "x", nil},
		{"SimpleMLInferenceOpWithHandle", "x", nil},
		{"TFText>WhitespaceTokenizeWithOffsetsV2", "x", nil},
	} {
		cases = append(cases, Case{
			Name: fmt.Sprintf("tensorflow twin: %s", c.op), Path: "saved_model.pb", Bytes: tfOne(c.op, c.inputs, c.attrs...), Twin: true,
		})
	}
	words := TFModel{Nodes: [][]byte{
		TFNode("WriteFile", "Placeholder", "", "shared_name", "PyFunc"),
		TFNode("words", "Const", "", "value", []string{"PyFunc", "/etc/passwd", "os.system", "file:///etc/passwd"}),
		TFNode("ReadFile", "Identity", "WriteFile"),
	}}
	return append(cases, Case{Name: "tensorflow twin: dangerous words as names and values", Path: "saved_model.pb", Bytes: words.Bytes(), Twin: true})
}

// tfPlaceCases hide one and the same operator in every place in which a graph may stand.
func tfPlaceCases() []Case {
	evil := TFNode("evil", "WriteFile", "x x")
	calm := TFNode("evil", "Identity", "x")
	x := TFNode("x", "Placeholder", "")
	body := func(n []byte) [][]byte {
		return [][]byte{TFFunction("inner", "x", "y=evil:output:0", n), TFFunction("outer", "x", "y=call:output:0", TFNode("call", "PartitionedCall", "x", "f", TFFunc("inner")))}
	}
	registered := func(n []byte) []byte { // a gradient that nobody calls
		graph := TFGraph([][]byte{x}, [][]byte{TFFunction("grad", "x", "y=evil:output:0", n)})
		return append(graph, Message(2, Message(2, Message(1, "f", 2, "grad"), 3, Message(1, "grad", 2, "CustomGradient-1")))...)
	}
	nested := func(n []byte) []byte { return TFGraph([][]byte{x, n}, nil) }
	places := []struct {
		name, path string
		make       func(n []byte) []byte
	}{
		{"in the main graph of a frozen graph", "frozen.pb", nested},
		{"in a meta graph", "model.meta", func(n []byte) []byte { return TFModel{Nodes: [][]byte{x, n}}.Meta() }},
		{"in the second meta graph", "saved_model.pb", func(n []byte) []byte {
			return append(Message(1, 1, 2, TFModel{Nodes: [][]byte{x}}.Meta()), Message(2, TFModel{Nodes: [][]byte{x, n}}.Meta())...)
		}},
		{"in a function of a function", "saved_model.pb", func(n []byte) []byte {
			return TFModel{Nodes: [][]byte{x, TFNode("y", "StatefulPartitionedCall", "x", "f", TFFunc("outer"))}, Functions: body(n)}.Bytes()
		}},
		{"in a function that nobody calls", "saved_model.pb", func(n []byte) []byte {
			return TFModel{Nodes: [][]byte{x}, Functions: body(n)[:1]}.Bytes()
		}},
		{"in a branch", "saved_model.pb", func(n []byte) []byte {
			return TFModel{Nodes: [][]byte{x, TFNode("y", "If", "x x", "then_branch", TFFunc("inner"), "else_branch", TFFunc("outer"))}, Functions: body(n)}.Bytes()
		}},
		{"in a gradient function", "frozen.pb", registered},
		{"in the elements of a data set", "saved_model.pb", func(n []byte) []byte {
			return TFModel{Nodes: [][]byte{x, TFNode("y", "MapDataset", "x", "f", TFFunc("inner"))}, Functions: body(n)[:1]}.Bytes()
		}},
		{"in a collection", "model.meta", func(n []byte) []byte {
			return TFModel{Nodes: [][]byte{x}, Extra: Message(4, Message(1, "hidden", 2, Message(2, Message(1, nested(n)))))}.Meta()
		}},
		{"in a message of a collection", "model.meta", func(n []byte) []byte {
			return TFModel{Nodes: [][]byte{x}, Extra: Message(4, Message(1, "hidden", 2, Message(5, Message(1, Message(1, "type.googleapis.com/tensorflow.GraphDef", 2, nested(n))))))}.Meta()
		}},
		{"in a string attribute", "frozen.pb", func(n []byte) []byte {
			return TFGraph([][]byte{x, TFNode("y", "Identity", "x", "segment", string(nested(n)))}, nil)
		}},
		{"in a constant", "frozen.pb", func(n []byte) []byte {
			return TFGraph([][]byte{x, TFNode("y", "Const", "", "value", []string{string(nested(n))})}, nil)
		}},
		{"behind fields that no reader knows", "saved_model.pb", func(n []byte) []byte {
			return append([]byte("\x89PNG\r\n\x1a\n\x00\x00"), TFModel{Nodes: [][]byte{x, n}}.Bytes()...)
		}},
	}
	var cases []Case
	for _, p := range places {
		cases = append(cases,
			Case{Name: "tensorflow: WriteFile " + p.name, Path: p.path, Bytes: p.make(evil), Want: threat.TF301, Level: threat.Malicious},
			Case{Name: "tensorflow twin: Identity " + p.name, Path: p.path, Bytes: p.make(calm), Twin: true},
		)
	}
	return append(cases, tfTextCases()...)
}

// tfTextCases are graphs in the text encoding.
func tfTextCases() []Case {
	text := func(name, content string, evil bool) Case {
		c := Case{Name: "tensorflow: in text, " + name, Path: "graph.pbtxt", Bytes: []byte(content), Want: threat.TF301, Level: threat.Malicious}
		if !evil {
			c.Name, c.Want, c.Level, c.Twin = "tensorflow twin: in text, "+name, "", threat.Clean, true
		}
		return c
	}
	saved := func(op string) string {
		return "saved_model_schema_version: 1\nmeta_graphs {\n  meta_info_def { tags: \"serve\" }\n  graph_def {\n" + string(TFText("y", op, "")) + "}\n}\n"
	}
	return []Case{
		text("an operator in full", string(TFText("y", "WriteFile", "")), true),
		text("words in a constant", string(TFText("y", "Identity", "  attr { key: \"s\" value { s: \"op: \\\"WriteFile\\\"\" } }\n")), false),
		text("an operator with escapes and in two strings", "node{name:'a' op:'Wri\\x74e' \"\\106ile\"}", true),
		text("an operator behind comments and brackets", strings.Repeat("# words\n", 100)+"node < name: \"a\"; op: \"PyFunc\", >", true),
		text("a comment that names one", "# op: \"WriteFile\"\nnode { name: \"a\" op: \"NoOp\" }", false),
		text("a list of nodes", "node: [{name: 'a' op: 'NoOp'}, {name: 'b' op: 'WriteFile'}]", true),
		text("a SavedModel", saved("WriteFile"), true),
		text("a calm SavedModel", saved("Identity"), false),
		text("a function of the library", "node{name:'a' op:'NoOp'} library{function{signature{name:'f'} node_def{name:'b' op:'EagerPyFunc'}}}", true),
		{Name: "tensorflow: in text, a file that the graph names itself", Path: "g.pbtxt", Want: threat.TF301, Level: threat.Malicious, Bytes: []byte(
			"node{name:'p' op:'Const' attr{key:'value' value{tensor{dtype:DT_STRING string_val:'/etc/passwd'}}}} node{name:'r' op:'ReadFile' input:'p'}")},
		{Name: "tensorflow: in text, broken behind its operator", Path: "g.pbtxt", Want: threat.TF301, Level: threat.Malicious, Bytes: []byte("node{name:'p' op:'WriteFile'} node{name:")},
		{Name: "tensorflow twin: in text, the configuration of another tool", Path: "g.pbtxt", Twin: true, Bytes: []byte("model { ssd { num_classes: 90 } }\ntrain_config { batch_size: 24 }\n")},
		{Name: "tensorflow twin: in text, YAML with the same keys", Path: "g.yaml", Twin: true, Bytes: []byte("node:\n  op: WriteFile\nversions:\n  - 1\n")},
	}
}

// tfSaverCases break the context of a saver in each way.
func tfSaverCases() []Case {
	with := func(name string, node []byte) func([][]byte) [][]byte {
		return func(nodes [][]byte) [][]byte {
			for i, n := range nodes {
				if strings.HasPrefix(string(n), string(Message(1, name))) {
					nodes[i] = node
				}
			}
			return nodes
		}
	}
	broken := func(name string, m TFModel) Case {
		return Case{Name: "tensorflow: a saver " + name, Path: "saved_model.pb", Bytes: m.Bytes(), Want: threat.TF301, Level: threat.Malicious}
	}
	constant := func(path string) TFModel {
		return tfSaver(with("Const_1", TFNode("Const_1", "Const", "", "value", []string{path})))
	}
	other := tfSaver(nil)
	other.Saver = [3]string{"saver_filename:0", "y:0", "restore"}
	other.Nodes = append(other.Nodes, TFNode("z", "Identity", "y ^save"))
	other.Outputs = []string{"z:0"}
	fed := tfSaver(nil)
	fed.Nodes[5] = TFNode("save", "StatefulPartitionedCall", "name read", "f", TFFunc("traced_save"))
	fed.Nodes = append(fed.Nodes, TFNode("name", "Const", "", "value", []string{"/home/user/.bashrc"}))
	twice := tfSaver(nil)
	twice.Nodes = append(twice.Nodes, TFNode("again", "StatefulPartitionedCall", "x read", "f", TFFunc("traced_save")))
	twice.Outputs = []string{"again:0"}
	initial := tfSaver(nil)
	initial.Nodes = append(initial.Nodes, TFNode("p", "Const", "", "value", []string{"model"}), TFNode("s", "SaveV2", "p p p read"), TFNode("init", "NoOp", "^s"))
	initial.Init = "init"
	duplicate := tfSaver(func(nodes [][]byte) [][]byte {
		return append(nodes, TFNode("Const_1", "Const", "", "value", []string{"../../x"}))
	})
	return []Case{
		{Name: "tensorflow twin: a saver as TensorFlow 2 exports it", Path: "saved_model.pb", Bytes: tfSaver(nil).Bytes(), Twin: true},
		{Name: "tensorflow twin: a saver with a temporary name", Path: "saved_model.pb", Bytes: constant("_temp_0123456789abcdef0123456789abcdef/part").Bytes(), Twin: true},
		broken("with an absolute path", constant("/etc/cron.d/x")),
		broken("with a path that goes up", constant("_temp/../../x")),
		broken("with a scheme", constant("gs://bucket/x")),
		broken("with another word", constant("notes")),
		broken("with a path from another operator", tfSaver(with("Const_1", TFNode("Const_1", "ReadFile", "file_prefix")))),
		broken("whose name is put together from what a variable holds", tfSaver(with("Const_1", TFNode("Const_1", "ReadVariableOp", "w")))),
		broken("that no saver definition reaches", other),
		broken("that its caller tells the file", fed),
		broken("that a signature calls with its own input", twice),
		broken("that runs when the model is loaded", initial),
		broken("with two constants of one name", duplicate),
		broken("with an input missing", tfSaver(with("Select", TFNode("Select", "Select", "nowhere")))),
		{
			Name: "tensorflow: RestoreV2 of a file that the graph names", Path: "saved_model.pb", Want: threat.TF301, Level: threat.Malicious,
			Bytes: TFModel{Nodes: [][]byte{TFNode("secret", "Const", "", "value", []string{"/etc/shadow"}), TFNode("r", "RestoreV2", "secret secret secret")}}.Bytes(),
		},
	}
}

// tfTableCases are tables that read files.
func tfTableCases() []Case {
	table := func(value string, assets ...[2]string) []byte {
		return TFModel{
			Nodes: [][]byte{
				TFNode("asset", "Const", "", "value", []string{value}),
				TFNode("table", "HashTableV2", ""),
				TFNode("init", "StatefulPartitionedCall", "asset table", "f", TFFunc("initializer")),
			},
			Functions: [][]byte{TFFunction("initializer", "path table", "", TFNode("read", "InitializeTableFromTextFileV2", "table path"))},
			Assets:    assets, Init: "init",
		}.Bytes()
	}
	words := []byte("one\ntwo\n")
	read := func(path string) []byte {
		return TFModel{Nodes: [][]byte{
			TFNode("a", "Const", "", "value", []string{path}), TFNode("b", "Const", "", "value", []string{"name"}),
			TFNode("j", "StringJoin", "a b"), TFNode("r", "ReadFile", "j"),
		}}.Bytes()
	}
	var cases []Case
	for name, path := range map[string]string{
		"absolute": "/etc/passwd", "that goes up": "../../secret", "of a drive": `C:\users`, "with a scheme": "file:///etc/passwd", "of a server": "//host/share",
		"of another scheme": "hdfs://host/x", "that goes up in the middle": "a/../../b",
	} {
		cases = append(cases, Case{Name: "tensorflow: ReadFile of a path " + name, Path: "saved_model.pb", Bytes: read(path), Want: threat.TF301, Level: threat.Malicious})
	}
	return append(cases,
		Case{
			Name:  "tensorflow twin: a table that reads an asset, whose path at the exporter's is still there",
			Files: map[string][]byte{"saved_model.pb": table("/home/user/vocabulary.txt", [2]string{"asset:0", "vocabulary.txt"}), "assets/vocabulary.txt": words}, Twin: true,
		},
		Case{
			Name: "tensorflow: a table that reads a file that is no asset", Path: "saved_model.pb", Bytes: table("vocabulary.txt"),
			Want: threat.TF302, Level: threat.Suspicious,
		},
		Case{
			Name: "tensorflow: a table that reads an absolute path", Path: "saved_model.pb", Bytes: table("/etc/shadow"),
			Want: threat.TF301, Level: threat.Malicious,
		},
		Case{
			Name: "tensorflow: an asset outside the model", Path: "saved_model.pb", Bytes: table("x", [2]string{"asset:0", "../../../etc/shadow"}),
			Want: threat.MGPATH100, Level: threat.Malicious,
		},
		Case{
			Name: "tensorflow: an asset that the model does not have", Path: "saved_model.pb", Bytes: table("x", [2]string{"asset:0", "vocabulary.txt"}),
			Want: threat.MGFMT400, Level: threat.Suspicious,
		},
	)
}

// tfStructureCases break the rules of graphs.
func tfStructureCases() []Case {
	x := TFNode("x", "Placeholder", "")
	return []Case{
		{
			Name: "tensorflow: two nodes of one name", Path: "g.pb", Bytes: TFGraph([][]byte{x, x}, nil), Want: threat.MGFMT400, Level: threat.Suspicious,
		},
		{
			Name: "tensorflow: a function with the name of an operator", Path: "g.pb", Want: threat.MGFMT403, Level: threat.Suspicious,
			Bytes: TFGraph([][]byte{x, TFNode("y", "Relu", "x")}, [][]byte{TFFunction("Relu", "x", "y=x")}),
		},
		{
			Name: "tensorflow twin: a function called by its own name", Path: "g.pb", Twin: true,
			Bytes: TFGraph([][]byte{x, TFNode("y", "my_function", "x")}, [][]byte{TFFunction("my_function", "x", "y=x")}),
		},
		{
			Name: "tensorflow: two functions of one name", Path: "g.pb", Want: threat.MGFMT403, Level: threat.Suspicious,
			Bytes: TFGraph([][]byte{x}, [][]byte{TFFunction("f", "x", "y=x"), TFFunction("f", "z", "y=z")}),
		},
		{
			Name: "tensorflow: a function that calls itself", Path: "g.pb", Want: threat.TF301, Level: threat.Malicious,
			Bytes: TFGraph([][]byte{x, TFNode("y", "f", "x")}, [][]byte{TFFunction("f", "x", "y=z:output:0", TFNode("z", "PartitionedCall", "x", "f", TFFunc("f")), TFNode("w", "WriteFile", "x x"))}),
		},
		{
			Name: "tensorflow: a graph cut short behind its operator", Path: "g.pb", Want: threat.TF301, Level: threat.Malicious,
			Bytes: append(TFGraph([][]byte{x, TFNode("y", "WriteFile", "x x")}, nil), Message(1, x)[:5]...),
		},
		{
			Name: "tensorflow: a SavedModel that ends inside its meta graph", Path: "saved_model.pb", Want: threat.MGFMT404, Level: threat.Unscannable,
			Bytes: tfOne("WriteFile", "x x")[:60],
		},
		{
			Name: "tensorflow: a model of Hub in an archive", Path: "module.tar", Want: threat.TF301, Level: threat.Malicious,
			Bytes: BuildTar(
				TarEntry{Name: "./tfhub_module.pb", Content: []byte("\x08\x03")}, TarEntry{Name: "./saved_model.pb", Content: tfOne("WriteFile", "x x")},
				TarEntry{Name: "./variables/variables.data-00000-of-00001", Content: []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00\x00\xaa")},
			),
		},
		{
			Name: "tensorflow twin: a model of Hub in an archive", Path: "module.tar", Twin: true,
			Bytes: BuildTar(
				TarEntry{Name: "./tfhub_module.pb", Content: []byte("\x08\x03")}, TarEntry{Name: "./saved_model.pb", Content: tfOne("Identity", "x")},
				TarEntry{Name: "./variables/variables.data-00000-of-00001", Content: []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00\x00\xaa")},
			),
		},
		{
			Name: "tensorflow: a Lambda in the objects of a SavedModel of old", Path: "saved_model.pb", Want: threat.KERAS101, Level: threat.Malicious,
			Bytes: TFModel{Nodes: [][]byte{x}, Extra: Message(7, Message(1, Message(4, Message(1, "_tf_keras_layer", 3, `{"class_name": "Lambda", "config": {"function": {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"}}}`))))}.Bytes(),
		},
		{
			Name: "tensorflow twin: a layer in the objects of a SavedModel of old", Path: "saved_model.pb", Twin: true,
			Bytes: TFModel{Nodes: [][]byte{x}, Extra: Message(7, Message(1, Message(4, Message(1, "_tf_keras_layer", 3, `{"class_name": "Dense", "config": {"name": "d", "units": 1, "activation": "relu"}}`))))}.Bytes(),
		},
		{Name: "tensorflow twin: a fingerprint", Path: "fingerprint.pb", Twin: true, Bytes: append(Message(1, 12345, 2, 23456, 3, 34567, 4, 45678, 5, 56789), Message(6, strings.Repeat("1", 20), 7, Message(1, 2))...)},
		{Name: "tensorflow twin: what marks a module of Hub", Path: "tfhub_module.pb", Twin: true, Bytes: []byte("\x08\x03")},
	}
}

// tfCheckpointCases are indexes of checkpoints.
func tfCheckpointCases() []Case {
	header := string(Message(1, 1, 3, Message(1, 1)))
	entry := func(shard int) string { return string(Message(1, 1, 2, Message(2, Message(1, 2)), 3, shard, 5, 8)) }
	honest := TFTable("", header, "w", entry(0))
	wrong := append([]byte(nil), honest...)
	wrong[3] ^= 1
	gap := append([]byte("#!/bin/sh\nid\n"), honest...)
	raw := []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00\x00\xaa")
	return []Case{
		{Name: "tensorflow twin: a checkpoint", Files: map[string][]byte{"m.index": honest, "m.data-00000-of-00001": raw}, Twin: true},
		{Name: "tensorflow: numbers without the index that accounts for them", Path: "m.data-00000-of-00001", Bytes: raw, Want: threat.MGFMT404, Level: threat.Unscannable},
		{Name: "tensorflow: a checkpoint with a wrong checksum", Path: "m.index", Bytes: wrong, Want: threat.MGFMT400, Level: threat.Suspicious},
		{Name: "tensorflow: a checkpoint behind a script", Path: "m.index", Bytes: gap, Want: threat.MGFMT400, Level: threat.Malicious},
		{Name: "tensorflow: a checkpoint whose tensor lies in no file", Path: "m.index", Bytes: TFTable("", header, "w", entry(7)), Want: threat.MGFMT400, Level: threat.Suspicious},
		{Name: "tensorflow: a table that is no checkpoint", Path: "m.index", Bytes: TFTable("a", "b"), Want: threat.MGFMT404, Level: threat.Unscannable},
		{Name: "tensorflow twin: a checkpoint of version 1", Path: "m.ckpt", Bytes: TFTable("", string(Message(1, Message(1, Message(1, "w"))))), Twin: true},
		{Name: "tensorflow: the footer of a table and nothing else", Path: "m.index", Bytes: append(make([]byte, 64), 0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb), Want: threat.MGFMT400, Level: threat.Suspicious},
	}
}

// tfJSCases are models of TensorFlow.js.
func tfJSCases() []Case {
	model := func(op, path string) []byte {
		return []byte(`{"format": "graph-model", "modelTopology": {"node": [{"name": "x", "op": "Placeholder"}, {"name": "p", "op": "Const", "attr": {"value": {"tensor": {"dtype": "DT_STRING", "tensorShape": {}, "stringVal": ["` +
			base64.StdEncoding.EncodeToString([]byte(path)) + `"]}}}}, {"name": "y", "op": "` + op + `", "input": ["p"]}]}, "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": []}]}`)
	}
	raw := []byte("\xee\x01\xdd\x02\xcc\x00\xbb\x00\x00\xaa")
	files := func(m []byte) map[string][]byte {
		return map[string][]byte{"model.json": m, "group1-shard1of1.bin": raw}
	}
	manifest := func(path string) []byte { return []byte(`[{"paths": ["` + path + `"], "weights": []}]`) }
	layers := func(class string) []byte {
		return []byte(`{"format": "layers-model", "modelTopology": {"keras_version": "2.1.6", "backend": "tensorflow", "model_config": {"class_name": "Sequential", "config": [{"class_name": "` +
			class + `", "config": {"name": "d", "units": 1}}]}}, "weightsManifest": [{"paths": ["group1-shard1of1.bin"], "weights": []}]}`)
	}
	return []Case{
		{Name: "tfjs twin: a graph with its weights", Files: files(model("Identity", "/etc/passwd")), Twin: true},
		{Name: "tfjs: WriteFile", Files: files(model("WriteFile", "x")), Want: threat.TF301, Level: threat.Malicious},
		{Name: "tfjs: a name with escapes", Files: files(model(`Write\u0046ile`, "x")), Want: threat.TF301, Level: threat.Malicious},
		{Name: "tfjs: ReadFile of a constant", Files: files(model("ReadFile", "/etc/passwd")), Want: threat.TF301, Level: threat.Malicious},
		{Name: "tfjs: an operator of its user's own", Files: files(model("MyLayer", "x")), Want: threat.TF300, Level: threat.Suspicious},
		{Name: "tfjs: WriteFile in what initialises the model", Files: files([]byte(`{"format": "graph-model", "modelTopology": {"node": []}, "modelInitializer": {"node": [{"name": "a", "op": "WriteFile"}]}}`)), Want: threat.TF301, Level: threat.Malicious},
		{Name: "tfjs: WriteFile in the library", Files: files([]byte(`{"modelTopology": {"node": [], "library": {"function": [{"signature": {"name": "f"}, "nodeDef": [{"name": "a", "op": "WriteFile"}]}]}}, "weightsManifest": []}`)), Want: threat.TF301, Level: threat.Malicious},
		{Name: "tfjs: the second of two topologies", Files: files([]byte(`{"modelTopology": {"node": [{"name": "a", "op": "WriteFile"}]}, "modelTopology": {"node": []}, "weightsManifest": []}`)), Want: threat.MGFMT403, Level: threat.Malicious},
		{Name: "tfjs: weights of another host", Path: "m-weights_manifest.json", Bytes: manifest("https://example.com/w.bin"), Want: threat.MGPATH100, Level: threat.Malicious},
		{Name: "tfjs: weights above the model", Path: "m-weights_manifest.json", Bytes: manifest("../../w.bin"), Want: threat.MGPATH100, Level: threat.Malicious},
		{Name: "tfjs: absolute weights", Path: "m-weights_manifest.json", Bytes: manifest("/etc/passwd"), Want: threat.MGPATH100, Level: threat.Malicious},
		{Name: "tfjs twin: a manifest of its own", Files: map[string][]byte{"m-weights_manifest.json": manifest("w.bin"), "w.bin": raw}, Twin: true},
		{Name: "tfjs: weights that the model does not have", Path: "m-weights_manifest.json", Bytes: manifest("w.bin"), Want: threat.MGFMT400, Level: threat.Suspicious},
		{Name: "tfjs twin: layers", Files: files(layers("Dense")), Twin: true},
		{Name: "tfjs: layers of nobody known", Files: files(layers("EvilLayer")), Want: threat.KERAS301, Level: threat.Suspicious},
	}
}
