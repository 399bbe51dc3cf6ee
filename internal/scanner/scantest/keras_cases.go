package scantest

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"modelgate/internal/threat"
)

// kerasConfig is a configuration of Keras, evil or honest: one layer of a model.
type kerasConfig struct {
	name, layer string
	want        threat.ID
}

// model puts layers into a model as to_json writes it.
func kerasModel(layers ...string) string {
	return `{"module": "keras", "class_name": "Sequential", "config": {"name": "m", "trainable": true, "layers": [` + strings.Join(layers, ", ") +
		`]}, "registered_name": null, "keras_version": "3.9.0", "backend": "tensorflow"}`
}

// lambdaLayer is a Lambda layer with code as Keras 3 writes it.
func lambdaLayer(code string) string {
	return `{"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": {"class_name": "__lambda__", "config": {"code": "` +
		code + `\n", "defaults": null, "closure": null}}, "arguments": {}}, "registered_name": null}`
}

// oldLambda is one as Keras 2 writes it, with the module that the function came from.
func oldLambda(code, module string) string {
	return `{"class_name": "Lambda", "config": {"name": "l", "function": ["` + code + `\n", null, null], "function_type": "lambda", "module": "` + module +
		`", "output_shape": null, "output_shape_type": "raw", "output_shape_module": null, "arguments": {}}}`
}

// reference is a layer by its module and name.
func reference(module, class string) string {
	return `{"module": "` + module + `", "class_name": "` + class + `", "config": {}, "registered_name": null, "inbound_nodes": [{"args": ["true"], "kwargs": {}}]}`
}

// function is a reference to a function.
func function(module, name string) string {
	return `{"module": "` + module + `", "class_name": "function", "config": "` + name + `", "registered_name": "` + name + `"}`
}

func dense(field string) string {
	return `{"module": "keras.layers", "class_name": "Dense", "config": {"name": "d", "units": 2, ` + field + `}, "registered_name": null}`
}

// kerasCases are the cases of Keras, except for those that are HDF5.
func kerasCases() []Case {
	var out []Case
	for _, group := range [][]kerasConfig{kerasReferences(), kerasLambdas(), kerasNested(), kerasTwins()} {
		for _, c := range group {
			made := Case{Name: "keras: " + c.name, Path: "model.json", Bytes: []byte(kerasModel(c.layer)), Want: c.want}
			if c.want == "" {
				made.Twin = true
			} else {
				made.Level = threat.Get(c.want).Level
			}
			out = append(out, made)
		}
	}
	return append(append(out, kerasFiles()...), kerasArchives()...)
}

// kerasReferences name what the loader imports and calls.
func kerasReferences() []kerasConfig {
	const load, run, odd, own = threat.KERAS101, threat.KERAS300, threat.KERAS102, threat.KERAS301
	return []kerasConfig{
		{"CVE-2025-1550, a function of any module as a layer", function("os", "system"), load},
		{"CVE-2025-1550, a class of any module", reference("subprocess", "Popen"), load},
		{"CVE-2025-1550, the private twin of a module", function("_posixsubprocess", "fork_exec"), load},
		{"CVE-2025-1550, a built-in", function("builtins", "exec"), load},
		{"CVE-2025-1550, a built-in as a class", reference("builtins", "eval"), load},
		{"CVE-2025-1550, in an activation", dense(`"activation": ` + function("os", "system")), run},
		{"CVE-2025-1550, in an initializer", dense(`"kernel_initializer": ` + reference("pickle", "loads")), load},
		{"CVE-2025-1550, in a module that another keeps", function("keras.src.utils.file_utils.os", "system"), load},
		{"CVE-2025-1550, by a name with a dot", function("torch", "os.system"), load},
		{"CVE-2025-1550, by a method caller", reference("operator", "methodcaller"), load},
		{"CVE-2025-8747, get_file", function("keras.utils", "get_file"), load},
		{"CVE-2025-8747, get_file of the sources", function("keras.src.utils.file_utils", "get_file"), load},
		{"CVE-2025-8747, get_file by a name with a dot", reference("keras", "utils.get_file"), load},
		{"CVE-2025-8747, get_file as a class", reference("keras.utils", "get_file"), load},
		{"CVE-2025-8747, get_file of TensorFlow", function("tensorflow.keras.utils", "get_file"), load},
		{"CVE-2025-8747, get_file of TensorFlow's sources", function("tensorflow.python.keras.utils.data_utils", "get_file"), load},
		{"CVE-2025-8747, get_file of Keras 2 after its move", function("tf_keras.src.utils.data_utils", "get_file"), load},
		{"CVE-2025-8747, get_file under the name of an activation", `{"module": "keras.utils", "class_name": "function", "config": "relu", "registered_name": "get_file"}`, load},
		{"CVE-2025-9906, enable_unsafe_deserialization", function("keras.config", "enable_unsafe_deserialization"), load},
		{"CVE-2025-9906, the state of the sources", function("keras.src.backend.common.global_state", "set_global_attribute"), load},
		{"CVE-2025-9906, of the sources", reference("keras.src.saving.serialization_lib", "enable_unsafe_deserialization"), load},
		{"CVE-2025-12060, extraction of an archive", function("keras.src.utils.file_utils", "extract_archive"), load},
		{"a model from elsewhere", function("keras.models", "load_model"), load},
		{"a data set from elsewhere", function("keras.datasets.mnist", "load_data"), load},
		{"a plot that writes a file", function("keras.utils", "plot_model"), load},
		{"a picture that is written", function("keras.preprocessing.image", "save_img"), load},
		{"a function that loads code", function("keras.src.utils.python_utils", "func_load"), load},
		{"a module that is imported late", reference("keras.src.utils.module_utils", "LazyModule"), load},
		{"an optimizer from elsewhere", dense(`"compile_config": {"optimizer": ` + reference("shutil", "rmtree") + `}`), load},
		{"a loss that starts programs", `{"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "compile_config": {"loss": {"out": ` + function("os", "popen") + `}}}`, run},
		{"a metric that starts programs", `{"class_name": "Dense", "config": {"units": 1}, "compile_config": {"metrics": [["accuracy", "os.system"]]}}`, run},
		{"a description of tensors from elsewhere", `{"class_name": "__typespec__", "spec_name": "Popen", "module": "subprocess", "config": [], "registered_name": null}`, load},
		{"a wrapped metric that starts programs", `{"module": "keras.metrics", "class_name": "MeanMetricWrapper", "config": {"name": "m", "fn": ` + function("subprocess", "call") + `}}`, run},
		{"a graph operator that writes files", `{"class_name": "TFOpLambda", "config": {"name": "t", "function": "io.write_file"}}`, run},
		{"a graph operator that calls Python", `{"class_name": "TFOpLambda", "config": {"name": "t", "function": "compat.v1.py_func"}}`, run},
		{"a graph operator that reads files", `{"class_name": "TFOpLambda", "config": {"name": "t", "function": "io.read_file"}}`, odd},
		{"a node of a graph that writes files", `{"class_name": "TensorFlowOpLayer", "config": {"name": "t", "node_def": "name: \"w\"\nop: \"WriteFile\"\n", "constants": {}}}`, run},
		{"CVE-2026-1462, a SavedModel that a layer loads", `{"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "other", "call_endpoint": "serve"}}`, odd},
		{"a module of a hub that a layer loads", `{"class_name": "KerasLayer", "config": {"name": "k", "handle": "https://hub.example.org/x/1", "trainable": false}}`, odd},
		{"a function of Keras that no layer is", function("keras.config", "set_backend"), odd},
		{"a function of Keras that makes what it is given", function("keras.losses", "deserialize"), odd},
		{"a built-in under a registered name", `{"module": "mine", "class_name": "X", "config": {}, "registered_name": "builtins>eval"}`, odd},
		{"a module of functions that start programs", dense(`"fn_module": "subprocess"`), odd},
		{"a custom layer", reference("my.layers", "Attention2"), own},
		{"a custom layer that is registered", `{"module": null, "class_name": "Scale", "config": {}, "registered_name": "mine>Scale"}`, own},
		{"a custom layer under a name of Keras", `{"module": "keras.layers", "class_name": "Dense", "config": {}, "registered_name": "mine>Dense"}`, own},
		{"a custom activation by its name", dense(`"activation": "my_swish"`), own},
		{"a custom loss", dense(`"compile_config": {"loss": ` + function("builtins", "focal") + `}`), own},
	}
}

// kerasLambdas carry code.
func kerasLambdas() []kerasConfig {
	const load, odd, plain = threat.KERAS101, threat.KERAS102, threat.KERAS100
	out := []kerasConfig{
		{"CVE-2024-3660, a lambda that starts programs", oldLambda(codeSystem, "__main__"), load},
		{"CVE-2024-3660, in Keras 3", lambdaLayer(codeSystem), load},
		{"CVE-2024-3660, as characters of Keras 2.0", strings.Replace(oldLambda("", "__main__"), `"\n"`, codeRaw, 1), load},
		{"CVE-2024-3660, in an output shape", strings.Replace(strings.Replace(oldLambda(codeMath, "m"), `"output_shape": null`, `"output_shape": ["`+codeSystem+`", null, null]`, 1), `"raw"`, `"lambda"`, 1), load},
		{"CVE-2024-3660, in a mask", strings.Replace(oldLambda(codeMath, "m"), `"arguments"`, `"mask": ["`+codeSystem+`", null, null], "mask_type": "lambda", "arguments"`, 1), load},
		{"a lambda of Keras 1 in a merge", `{"class_name": "Merge", "config": {"mode": ["` + codeSystem + `", null, null], "mode_type": "lambda"}}`, load},
		{"a lambda without a layer", dense(`"activation": {"class_name": "__lambda__", "config": {"value": ["` + codeExec + `", null, null]}}`), load},
		{"a lambda as a tuple", `{"class_name": "Lambda", "config": {"function": {"class_name": "__tuple__", "items": ["` + codeSystem + `", null, null]}, "function_type": "lambda"}}`, load},
		{"a lambda whose base64 has spaces and line ends", strings.Replace(lambdaLayer(codeSystem), codeSystem, codeSystem[:9]+` \n*`+codeSystem[9:], 1), load},
		{"a lambda in a wrapper in a wrapper", `{"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Bidirectional", "config": {"layer": ` + lambdaLayer(codeSystem) + `}}}}`, load},
		{"a lambda in a cell", `{"class_name": "RNN", "config": {"cell": {"class_name": "StackedRNNCells", "config": {"cells": [` + lambdaLayer(codeSystem) + `]}}}}`, load},
		{"a lambda that walks the classes", lambdaLayer(codeWalk), load},
		{"a lambda that uses what Keras has imported", lambdaLayer(codeGlobalOS), load},
		{"a lambda that sees the globals of a module", oldLambda(codeBare, "os"), load},
		{"a lambda in a lambda", lambdaLayer(codeNested), load},
		{"a lambda that fetches files by Keras", lambdaLayer(codeGetFile), load},
		{"a lambda that writes files by TensorFlow", lambdaLayer(codeWrite), load},
		{"code where no layer expects it", dense(`"units_hint": "` + codeSystem + `"`), load},
		{"a function by its name that starts programs", strings.Replace(lambdaLayer(""), `{"class_name": "__lambda__", "config": {"code": "\n", "defaults": null, "closure": null}}`, function("os", "system"), 1), load},
		{"a lambda that takes a module from those that are loaded", lambdaLayer(codeModules), load},
		{"a lambda of a wrapper of cells", `{"class_name": "ResidualWrapper", "config": {"cell": {"class_name": "LSTMCell", "config": {"units": 2}}, "residual_fn": ["` + codeSystem + `", null, null], "residual_fn_type": "lambda", "residual_fn_module": "m"}}`, load},
		{"a lambda that saves a tensor of its own", lambdaLayer(codeTofile), odd},
		{"a lambda that writes files by what Keras keeps of TensorFlow", lambdaLayer(codeKept), load},
		{"a nested lambda that calls a public function of Keras which writes files", `{"class_name": "TimeDistributed", "config": {"layer": ` + strings.Replace(lambdaLayer(""), `{"class_name": "__lambda__", "config": {"code": "\n", "defaults": null, "closure": null}}`, function("keras.preprocessing.image", "save_img"), 1) + `}}`, load},
		{"a lambda that looks up by name", lambdaLayer(codeGetattr), odd},
		{"a lambda with an unknown function", lambdaLayer(codeUnknown), odd},
		{"a lambda that cannot be decoded", lambdaLayer("AAAA"), odd},
		{"a lambda without code", lambdaLayer(""), odd},
		{"a lambda with code behind code", oldLambda(codeMath+"AAAA", "m"), odd},
		{"a lambda that is source text", `{"class_name": "Lambda", "config": {"function": "lambda x: eval('1')", "function_type": "function"}}`, odd},
		{"a lambda of arithmetic", lambdaLayer(codeMath), plain},
		{"a lambda of Keras' backend", oldLambda(codeBackend, "__main__"), plain},
		{"a lambda of TensorFlow's functions", oldLambda(codeTf, "model"), plain},
		{"arguments that are paths", strings.Replace(lambdaLayer(codeMath), `"arguments": {}`, `"arguments": {"to": "/etc/cron.d/x"}`, 1), threat.MGPATH100},
	}
	return out
}

// kerasNested hide things in strings, spellings and structure.
func kerasNested() []kerasConfig {
	const load, odd = threat.KERAS101, threat.KERAS102
	pickled := func(content []byte) string { return base64.StdEncoding.EncodeToString(content) }
	evil := pk4(pkSystem())
	return []kerasConfig{
		{"CVE-2025-49655, a pickled module of PyTorch", `{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "` + pickled(Checkpoint(evil, nil)) + `"}}`, load},
		{"CVE-2025-49655, a bare pickle", `{"module": "keras.src.utils.torch_utils", "class_name": "TorchModuleWrapper", "config": {"module": "` + pickled(evil) + `"}}`, load},
		{"CVE-2025-49655, a harmless module", `{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "` + pickled(Checkpoint(pk4("}"), nil)) + `"}}`, odd},
		{"CVE-2025-49655, no module at all", `{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}}`, odd},
		{"a pickle in a field", dense(`"note": "` + pickled(pk4(pkStr(strings.Repeat("x", 40)), "0", pkSystem())) + `"`), load},
		{"a pickle as characters", dense(`"note": "\u0080\u0004\u008c\u0005posix\u008c\u0006system\u0093\u008c\u0004true\u0085R."`), load},
		{"a configuration in a string", dense(`"note": "{\"module\": \"os\", \"class_name\": \"function\", \"config\": \"system\"}"`), load},
		{"escapes in names", `{"\u006dodule": "o\u0073", "class\u005fname": "function", "config": "s\u0079stem"}`, load},
		{"the first of two modules", `{"module": "os", "module": "keras.layers", "class_name": "function", "config": "system"}`, load},
		{"the second of two classes", `{"module": "keras.layers", "class_name": "Dense", "class_name": "Lambda", "config": {"function": ["` + codeSystem + `", null, null], "function_type": "lambda"}}`, load},
		{"the last of ten modules", `{` + strings.Repeat(`"module": "keras.layers", `, 9) + `"module": "os", "class_name": "function", "config": "system"}`, load},
		{"the first of two codes", `{"class_name": "__lambda__", "config": {"code": "` + codeSystem + `"}, "config": {"code": "` + codeMath + `"}}`, load},
		{"two classes that are harmless", `{"module": "keras.layers", "class_name": "Dense", "class_name": "ReLU", "config": {}}`, threat.MGFMT403},
		{"nested too deep", strings.Repeat(`{"layer": `, 220) + function("os", "system") + strings.Repeat("}", 220), threat.MGFMT400},
		{"a path that a layer is called with", `{"module": "keras.layers", "class_name": "Dense", "config": {}, "inbound_nodes": [{"args": [], "kwargs": {"inputs": "/tmp/x/model.keras"}}]}`, threat.MGPATH100},
		{"CVE-2025-12058, a vocabulary of the host", vocabulary("/etc/passwd"), threat.MGPATH100},
		{"CVE-2025-12058, a vocabulary of another host", vocabulary("http://169.254.169.254/latest/meta-data"), threat.MGPATH100},
		{"CVE-2025-12058, a vocabulary above the model", vocabulary("../../secrets.txt"), threat.MGPATH100},
		{"CVE-2025-12058, a vocabulary of a network share", vocabulary(`\\\\host\\share\\x`), threat.MGPATH100},
		{"CVE-2025-12058, a vocabulary that is missing", vocabulary("words.txt"), threat.MGFMT400},
		{"a tokenizer's merges of the host", `{"module": "keras_hub.tokenizers", "class_name": "BytePairTokenizer", "config": {"merges": "/etc/shadow"}}`, threat.MGPATH100},
	}
}

func vocabulary(path string) string {
	return `{"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "s", "vocabulary": "` + path + `"}, "registered_name": null}`
}

// kerasTwins are honest neighbours of the above.
func kerasTwins() []kerasConfig {
	return []kerasConfig{
		{"twin, a layer", dense(`"activation": "relu", "kernel_initializer": {"module": "keras.initializers", "class_name": "GlorotUniform", "config": {"seed": null}, "registered_name": null}`), ""},
		{"twin, an activation by reference", dense(`"activation": ` + function("keras.activations", "relu")), ""},
		{"twin, a built-in activation", dense(`"activation": ` + function("builtins", "gelu")), ""},
		{"twin, a loss by its name", dense(`"compile_config": {"loss": {"out": "mse"}, "metrics": [["accuracy", "MeanAbsoluteError"]], "optimizer": "rmsprop"}`), ""},
		{"twin, a wrapped metric", `{"module": "keras.metrics", "class_name": "MeanMetricWrapper", "config": {"name": "m", "fn": ` + function("keras.metrics", "mean_squared_error") + `}}`, ""},
		{"twin, a class of the sources", reference("keras.src.layers.core.dense", "Dense"), ""},
		{"twin, a class of Keras 2", reference("tensorflow.python.keras.layers.core", "Dense"), ""},
		{"twin, a class of Keras' first years", `{"class_name": "Convolution2D", "config": {"init": "glorot_uniform", "inner_activation": "hard_sigmoid", "W_regularizer": null}}`, ""},
		{"twin, a class of KerasHub", `{"module": "keras_hub.src.models.bert.bert_backbone", "class_name": "BertBackbone", "config": {}, "registered_name": "keras_hub>BertBackbone"}`, ""},
		{"twin, an operator between tensors", `{"module": "keras.src.ops.numpy", "class_name": "Add", "config": {"name": "add"}, "registered_name": "Add"}`, ""},
		{"twin, a graph operator", `{"class_name": "TFOpLambda", "config": {"name": "t", "function": "math.add"}}`, ""},
		{"twin, an index of a tensor", `{"class_name": "SlicingOpLambda", "config": {"name": "t", "function": "__operators__.getitem"}}`, ""},
		{"twin, a description of tensors", `{"class_name": "__typespec__", "spec_name": "TensorSpec", "module": "tensorflow.python.framework.tensor", "config": [[null, 1], "float32", "x"], "registered_name": null}`, ""},
		{"twin, a vocabulary", strings.Replace(vocabulary("x"), `"x"`, `["os.system", "/etc/passwd", "eval"]`, 1), ""},
		{"twin, names that are prose", dense(`"note": "os.system('rm -rf /')", "name_of_loss": "eval"`), ""},
		{"twin, escapes in a harmless name", `{"\u006dodule": "keras.layers", "class_name": "\u0044ense", "config": {}}`, ""},
		{"twin, a key twice that nobody acts on", dense(`"note": 1, "note": 2`), ""},
		{"twin, a list of bytes in base64", dense(`"note": "` + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00\x01\x02 tensors", 9))) + `"`), ""},
	}
}

// kerasMetadata is the metadata of a SavedModel with nodes of the given configurations.
func kerasMetadata(configs ...string) []byte {
	var out []byte
	for i, c := range configs {
		out = append(out, Message(1, Message(2, i, 3, fmt.Sprintf("root.layer-%d", i), 4, "_tf_keras_layer", 5, c))...)
	}
	return out
}

// kerasFiles are configurations in other places than a model's JSON.
func kerasFiles() []Case {
	const name = "keras: metadata, "
	return []Case{
		{Name: name + "a lambda in the last node", Path: "keras_metadata.pb", Bytes: kerasMetadata(dense(`"a": 1`), oldLambda(codeSystem, "m")), Want: threat.KERAS101, Level: threat.Malicious},
		{Name: name + "a lambda behind a node that breaks", Path: "keras_metadata.pb", Bytes: kerasMetadata(`{"a": `, oldLambda(codeSystem, "m")), Want: threat.KERAS101, Level: threat.Malicious},
		{Name: name + "a training configuration", Path: "keras_metadata.pb", Bytes: kerasMetadata(`{"class_name": "Model", "config": {}, "training_config": {"loss": "os.system"}}`), Want: threat.KERAS300, Level: threat.Malicious},
		{Name: name + "a custom layer", Path: "keras_metadata.pb", Bytes: kerasMetadata(`{"class_name": "Mine>Layer", "config": {}}`), Want: threat.KERAS301, Level: threat.Suspicious},
		{Name: name + "JSON that breaks", Path: "keras_metadata.pb", Bytes: kerasMetadata(`{"class_name": `), Want: threat.MGFMT400, Level: threat.Suspicious},
		{
			Name: name + "twin", Path: "keras_metadata.pb", Twin: true,
			Bytes: kerasMetadata(dense(`"build_input_shape": {"class_name": "TensorShape", "items": [null, 3]}, "input_spec": {"class_name": "InputSpec", "config": {"dtype": null}}`)),
		},
		{Name: "keras: a model without its version", Path: "model.json", Bytes: []byte(`{"config": {"layers": [` + oldLambda(codeSystem, "m") + `]}, "class_name": "Model"}`), Want: threat.KERAS101, Level: threat.Malicious},
		{
			Name: "keras: a model behind a thousand keys", Path: "model.json", Want: threat.KERAS101, Level: threat.Malicious,
			Bytes: []byte("{" + manyKeys(1000) + `"class_name": "Model", "config": {"layers": [` + oldLambda(codeSystem, "m") + `]}}`),
		},
		{Name: "keras: a model that breaks behind its payload", Path: "model.json", Bytes: []byte(`{"class_name": "Model", "config": {"layers": [` + oldLambda(codeSystem, "m") + `, `), Want: threat.KERAS101, Level: threat.Malicious},
		{
			Name: "keras: weights in parts, one of them outside the model", Path: "model.weights.json", Want: threat.MGPATH100, Level: threat.Malicious,
			Bytes: []byte(`{"metadata": {"total_size": 1}, "weight_map": {"/layers/dense/vars": ["../../x.weights.h5"]}}`),
		},
		{
			Name: "keras: weights in parts, one of them a pickle", Want: threat.PKL100, Level: threat.Malicious,
			Files: map[string][]byte{
				"model.weights.json":     []byte(`{"metadata": {"total_size": 1}, "weight_map": {"/layers/dense/vars": ["model_00000.weights.h5"]}}`),
				"model_00000.weights.h5": pk4(pkSystem()),
			},
		},
		{
			Name: "keras: weights in parts, one of them missing", Path: "model.weights.json", Want: threat.MGFMT400, Level: threat.Suspicious,
			Bytes: []byte(`{"metadata": {"total_size": 1}, "weight_map": {"/layers/dense/vars": ["model_00000.weights.h5"]}}`),
		},
		{
			Name: "keras: twin, a vocabulary beside the model", Twin: true,
			Files: map[string][]byte{"model.json": []byte(kerasModel(vocabulary("words.txt"))), "words.txt": []byte("one\ntwo\n")},
		},
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d": %d, `, i, i)
	}
	return b.String()
}

// inUTF16 is a text in UTF-16, the lower byte first.
func inUTF16(text string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// kerasArchives are archives of Keras 3.
func kerasArchives() []Case {
	metadata := ZIPEntry{Name: "metadata.json", Content: []byte(`{"keras_version": "3.9.0", "date_saved": "2025-03-01@10:00:00"}`)}
	config := func(layers ...string) ZIPEntry {
		return ZIPEntry{Name: "config.json", Content: []byte(kerasModel(layers...))}
	}
	honest, evil := config(dense(`"a": 1`)), config(lambdaLayer(codeSystem))
	renamed := evil
	renamed.Central = func(r *ZIPRecord) { r.Name = "assets/note" }
	hidden := evil
	hidden.NoCentral = true
	cases := []struct {
		name  string
		want  threat.ID
		level threat.Level
		files []ZIPEntry
	}{
		{"a lambda", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, evil}},
		{"a lambda in the first of two configurations", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, evil, honest}},
		{"a lambda in the second of two configurations", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, honest, evil}},
		{"a lambda under a local name", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, honest, renamed}},
		{"a lambda that the directory lacks", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, honest, hidden}},
		{"a lambda and nothing else", threat.KERAS101, threat.Malicious, []ZIPEntry{evil}},
		{"a configuration below other keys and nothing else", threat.KERAS101, threat.Malicious, []ZIPEntry{{Name: "config.json", Content: []byte(`{"a": [` + function("os", "system") + `]}`)}}},
		{"a configuration in UTF-16", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, {Name: "config.json", Content: inUTF16("\ufeff" + kerasModel(lambdaLayer(codeSystem)))}}},
		{"a configuration in UTF-16 without a mark", threat.KERAS101, threat.Malicious, []ZIPEntry{metadata, {Name: "config.json", Content: inUTF16(kerasModel(lambdaLayer(codeSystem)))}}},
		{"a pickle among the assets", threat.PKL100, threat.Malicious, []ZIPEntry{metadata, honest, {Name: "assets/layer/vocabulary.txt", Content: pk4(pkSystem())}}},
		{"an asset that leaves the model", threat.ARV100, threat.Malicious, []ZIPEntry{metadata, honest, {Name: "assets/../../../x", Content: []byte("x\n")}}},
		{"arrays of pickled objects for weights", threat.PKL100, threat.Malicious, []ZIPEntry{metadata, honest, {
			Name: "model.weights.npz", Content: BuildZIP(ZIPEntry{Name: "w.npy", Content: NPY(NPYHeader("'|O'", "(1,)"), pk4(pkSystem()))}),
		}}},
		{"arrays for weights that hold less than they declare", threat.MGFMT400, threat.Suspicious, []ZIPEntry{metadata, honest, {
			Name: "model.weights.npz", Content: BuildZIP(ZIPEntry{Name: "w.npy", Content: NPY(NPYHeader("'<f4'", "(1000000000000,)"), []byte("0000"))}),
		}}},
		{"a vocabulary of the host", threat.MGPATH100, threat.Malicious, []ZIPEntry{metadata, config(vocabulary("/etc/passwd"))}},
		{"a vocabulary that is missing", threat.MGFMT400, threat.Suspicious, []ZIPEntry{metadata, config(vocabulary("words.txt"))}},
		{"a configuration that breaks", threat.MGFMT400, threat.Suspicious, []ZIPEntry{metadata, {Name: "config.json", Content: []byte(`{"class_name": "Sequential", `)}}},
		{"twin", "", threat.Clean, []ZIPEntry{metadata, honest}},
		{"twin, a vocabulary among the assets", "", threat.Clean, []ZIPEntry{metadata, config(vocabulary("words.txt")), {Name: "assets/words.txt", Content: []byte("os.system\neval\n")}}},
	}
	out := make([]Case, 0, len(cases))
	for _, c := range cases {
		out = append(out, Case{Name: "keras: archive, " + c.name, Path: "model.keras", Bytes: BuildZIP(c.files...), Want: c.want, Level: c.level, Twin: c.want == ""})
	}
	return append(out, pickledArchives(BuildZIP(metadata, honest), BuildZIP(metadata, evil))...)
}
