package scantest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// Hostile is a file that is made to cost more than its bytes: recognised for what it begins as, and then filled with millions of
// the smallest elements that its format has.
type Hostile struct {
	Name, Path string
	// Build writes the file. It has about the given size in bytes.
	Build func(size int) []byte
}

// Hostiles are families of hostile files: every place of a format that is known to be read, with everything that may be repeated there.
func Hostiles() []Hostile {
	return slices.Concat(hostileDocuments(), hostileMessages(), hostileTexts(), hostileBinaries())
}

// repeat fills a size with what element writes of the numbers from 0.
func repeat(size int, element func(b []byte, i int) []byte) []byte {
	b := make([]byte, 0, size+64)
	for i := 0; len(b) < size; i++ {
		b = element(b, i)
	}
	return b
}

// same is an element that is the same each time.
func same(text string) func([]byte, int) []byte {
	return func(b []byte, _ int) []byte { return append(b, text...) }
}

// numbered is an element with its number in it.
func numbered(format string) func([]byte, int) []byte {
	return func(b []byte, i int) []byte { return fmt.Appendf(b, format, i) }
}

// documentHosts are documents of JSON, with a gap where a value stands that their scanners read.
func documentHosts() map[string][3]string {
	return map[string][3]string{
		"a configuration":              {"config.json", `{"a":`, `}`},
		"a map of code":                {"config.json", `{"auto_map":`, `}`},
		"a tokenizer":                  {"tokenizer.json", `{"model":{"vocab":`, `}}`},
		"a notebook":                   {"a.ipynb", `{"cells":`, `}`},
		"a configuration of Keras":     {"model.json", `{"keras_version":"3","class_name":"Sequential","config":`, `}`},
		"a graph of TensorFlow.js":     {"model.json", `{"format":"graph-model","modelTopology":{"node":`, `}}`},
		"layers of TensorFlow.js":      {"model.json", `{"format":"layers-model","modelTopology":{"model_config":`, `}}`},
		"weights of TensorFlow.js":     {"model.json", `{"format":"graph-model","modelTopology":{},"weightsManifest":`, `}`},
		"a graph of XGBoost":           {"model.json", `{"version":[2,0,0],"learner":`, `}`},
		"trees of LightGBM":            {"model.json", `{"version":"v4","tree_info":`, `}`},
		"a program of PaddlePaddle":    {"model.json", `{"base_code":{"magic":"pir"},"program":{"regions":`, `}}`},
		"a symbol of MXNet":            {"model-symbol.json", `{"arg_nodes":[],"heads":[],"nodes":`, `}`},
		"trees of CatBoost":            {"model.json", `{"features_info":{},"trees":`, `}`},
		"a model of LiteRT in JSON":    {"model.json", `{"operator_codes":[],"subgraphs":`, `}`},
		"an index of safetensors":      {"model.safetensors.index.json", `{"metadata":{},"weight_map":`, `}`},
		"a manifest of TorchServe":     {"MAR-INF/MANIFEST.json", `{"model":`, `}`},
		"a list of weights":            {"weights_manifest.json", `[{"paths":[],"weights":`, `}]`},
		"an index of weights of Keras": {"model.weights.json", `{"metadata":{},"weight_map":`, `}`},
	}
}

// hostileDocuments fill the gaps of documents, and documents in what holds some.
func hostileDocuments() []Hostile {
	var out []Hostile
	for host, h := range documentHosts() {
		for what, value := range documentFillers() {
			out = append(out, Hostile{host + " with " + what, h[0], func(size int) []byte { return []byte(h[1] + string(value(size)) + h[2]) }})
		}
	}
	for what, value := range documentFillers() {
		out = append(out,
			Hostile{"a header of safetensors with " + what, "model.safetensors", func(size int) []byte {
				return Safetensors(`{"t":`+string(value(size))+`}`, nil)
			}},
			Hostile{"metadata of safetensors with " + what, "model.safetensors", func(size int) []byte {
				return Safetensors(`{"__metadata__":`+string(value(size))+`}`, nil)
			}},
			Hostile{"a schema of skops with " + what, "model.skops", func(size int) []byte {
				return BuildZIP(ZIPEntry{Name: "schema.json", Content: []byte(`{"__class__":"x","__module__":"y","__loader__":"ObjectNode","content":` + string(value(size)) + `}`)})
			}},
			Hostile{"an archive of Keras with " + what, "model.keras", func(size int) []byte {
				return BuildZIP(ZIPEntry{Name: "metadata.json", Content: []byte("{}")},
					ZIPEntry{Name: "config.json", Content: []byte(`{"class_name":"Functional","config":` + string(value(size)) + `}`)})
			}},
		)
	}
	return out
}

// documentFillers write values of JSON.
func documentFillers() map[string]func(size int) []byte {
	list := func(element func([]byte, int) []byte) func(int) []byte {
		return func(size int) []byte {
			return append(append([]byte("["), bytes.TrimSuffix(repeat(size, element), []byte(","))...), ']')
		}
	}
	object := func(element func([]byte, int) []byte) func(int) []byte {
		return func(size int) []byte {
			return append(append([]byte("{"), bytes.TrimSuffix(repeat(size, element), []byte(","))...), '}')
		}
	}
	tower := strings.Repeat(`{"config":[`, 40) + strings.Repeat("]}", 40) + ","
	return map[string]func(size int) []byte{
		"empty lists":                list(same("[],")),
		"empty objects":              list(same("{},")),
		"empty strings":              list(same(`"",`)),
		"strings":                    list(numbered(`"s%d",`)),
		"numbers":                    list(same("1,")),
		"objects of one member":      list(same(`{"a":0},`)),
		"objects of one string":      list(same(`{"a":"b"},`)),
		"lists of one string":        list(same(`["a"],`)),
		"one key again and again":    object(same(`"a":0,`)),
		"a million keys":             object(numbered(`"k%d":0,`)),
		"a million keys of objects":  object(numbered(`"k%d":{},`)),
		"a million keys of strings":  object(numbered(`"k%d":"v",`)),
		"nodes":                      list(numbered(`{"op":"X","name":"n%d","inputs":[[0,0,0]],"input":["a"],"attr":{}},`)),
		"one operator after another": list(numbered(`{"op":"Y%d","name":"n"},`)),
		"layers":                     list(numbered(`{"class_name":"L%d","config":{"name":"n"}},`)),
		"directives":                 list(numbered(`{"_target_":"a.b%d"},`)),
		"towers":                     list(same(tower)),
		"one long string":            func(size int) []byte { return []byte(`"` + strings.Repeat("a", size) + `"`) },
		"one long key":               func(size int) []byte { return []byte(`{"` + strings.Repeat("a", size) + `":0}`) },
		"strings of a megabyte": list(func(b []byte, _ int) []byte {
			return append(append(append(b, '"'), strings.Repeat("os.system", 1<<20/9)...), `",`...)
		}),
		"lists without end":   func(size int) []byte { return bytes.Repeat([]byte("["), size) },
		"objects without end": func(size int) []byte { return bytes.Repeat([]byte(`{"a":`), size/5) },
	}
}

// messageHosts are protobuf messages: a beginning, and the fields that lead to the message that is filled.
func messageHosts() map[string]struct {
	path   string
	begin  []byte
	fields []protowire.Number
} {
	type host = struct {
		path   string
		begin  []byte
		fields []protowire.Number
	}
	onnx := Message(1, 8, 8, Message(2, 13))
	node := Message(1, "x", 2, "PyFunc")
	meta := Message(5, "2.15.0")
	return map[string]host{
		"a message of nothing":     {"model.bin", nil, nil},
		"a model of ONNX":          {"model.onnx", slices.Concat(onnx, Message(7, Message(1, Message(4, "Add")))), nil},
		"a graph of ONNX":          {"model.onnx", onnx, []protowire.Number{7}},
		"a node of ONNX":           {"model.onnx", onnx, []protowire.Number{7, 1}},
		"an attribute of ONNX":     {"model.onnx", onnx, []protowire.Number{7, 1, 5}},
		"a tensor of ONNX":         {"model.onnx", onnx, []protowire.Number{7, 5}},
		"a graph of TensorFlow":    {"graph.pb", Message(1, node), nil},
		"a node of TensorFlow":     {"graph.pb", Message(1, node), []protowire.Number{1}},
		"an attribute of a graph":  {"graph.pb", Message(1, node), []protowire.Number{1, 5}},
		"a library of TensorFlow":  {"graph.pb", Message(1, node), []protowire.Number{2}},
		"a function of TensorFlow": {"graph.pb", Message(1, node), []protowire.Number{2, 1}},
		"a saved model":            {"saved_model.pb", Message(1, 1, 2, Message(1, meta, 2, Message(1, node))), nil},
		"a meta graph":             {"saved_model.pb", Message(1, 1, 2, Message(1, meta, 2, Message(1, node))), []protowire.Number{2}},
		"objects of a saved model": {"saved_model.pb", Message(1, 1, 2, Message(1, meta, 2, Message(1, node))), []protowire.Number{2, 7}},
		"a net of Caffe":           {"net.caffemodel", Message(1, "net", 100, Message(1, "l", 2, "Convolution")), nil},
		"a layer of Caffe":         {"net.caffemodel", Message(1, "net", 100, Message(1, "l", 2, "Convolution")), []protowire.Number{100}},
		"a graph of MediaPipe":     {"graph.binarypb", Message(1, Message(1, "XCalculator")), nil},
		"a model of CoreML":        {"model.mlmodel", Message(1, 4, 2, Message(1, Message(1, "x")), 500, Message(1, Message(1, "l"))), nil},
		"a network of CoreML":      {"model.mlmodel", Message(1, 4, 2, Message(1, Message(1, "x"))), []protowire.Number{500}},
		"a program of CoreML":      {"model.mlmodel", Message(1, 8, 2, Message(1, Message(1, "x"))), []protowire.Number{502}},
		"a block of PaddlePaddle":  {"model.pdmodel", Message(1, Message(1, 0, 2, 0)), nil},
		"a model of MindIR":        {"model.mindir", Message(1, "0.1.0", 2, "MindSpore"), nil},
		"a graph of MindIR":        {"model.mindir", Message(1, "0.1.0", 2, "MindSpore"), []protowire.Number{7}},
		"metadata of Keras":        {"keras_metadata.pb", Message(1, Message(2, 1, 3, "root", 4, "_tf_keras_model", 5, "{}")), nil},
		"a vocabulary":             {"spiece.model", SentencePiece("a"), nil},
	}
}

// hostileMessages fill messages with fields of all the small numbers.
func hostileMessages() []Hostile {
	var out []Hostile
	fillers := map[string]func(num protowire.Number) func([]byte, int) []byte{
		"empty":   func(n protowire.Number) func([]byte, int) []byte { return same(string(Message(int(n), ""))) },
		"numbers": func(n protowire.Number) func([]byte, int) []byte { return same(string(Message(int(n), 1))) },
		"letters": func(n protowire.Number) func([]byte, int) []byte { return same(string(Message(int(n), "a"))) },
		"messages of one": func(n protowire.Number) func([]byte, int) []byte {
			return same(string(Message(int(n), Message(1, ""))))
		},
		"messages of four": func(n protowire.Number) func([]byte, int) []byte {
			return same(string(Message(int(n), Message(4, "a"))))
		},
		"names": func(n protowire.Number) func([]byte, int) []byte {
			return func(b []byte, i int) []byte { return append(b, Message(int(n), fmt.Sprintf("n%d", i))...) }
		},
		"named messages": func(n protowire.Number) func([]byte, int) []byte {
			return func(b []byte, i int) []byte {
				name := fmt.Sprintf("n%d", i)
				return append(b, Message(int(n), Message(1, name, 2, name, 4, name))...)
			}
		},
	}
	for name, host := range messageHosts() {
		for what, filler := range fillers {
			for _, num := range []protowire.Number{1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 15, 20, 25, 27} {
				out = append(out, Hostile{fmt.Sprintf("%s with %s in field %d", name, what, num), host.path, func(size int) []byte {
					content := repeat(size, filler(num))
					for _, outer := range slices.Backward(host.fields) {
						content = protowire.AppendBytes(protowire.AppendTag(nil, outer, protowire.BytesType), content)
					}
					return append(slices.Clone(host.begin), content...)
				}})
			}
		}
	}
	return out
}

// hostileTexts fill texts and what else is not a document or a message.
func hostileTexts() []Hostile {
	between := func(name, path, begin string, element func([]byte, int) []byte, end string) Hostile {
		return Hostile{name, path, func(size int) []byte { return append(append([]byte(begin), repeat(size, element)...), end...) }}
	}
	return []Hostile{
		between("XML with empty elements", "a.xml", "<?xml version='1.0'?><a>", same("<b/>"), "</a>"),
		between("XML with elements without end", "a.xml", "<?xml version='1.0'?>", same("<b>"), ""),
		between("XML with attributes", "a.xml", "<?xml version='1.0'?><a", numbered(" a%d='b'"), "/>"),
		between("XML with one attribute again and again", "a.xml", "<?xml version='1.0'?><a", same(" a='b'"), "/>"),
		between("PMML with elements", "a.pmml", "<?xml version='1.0'?><PMML xmlns='http://www.dmg.org/PMML-4_4'>", same("<b a=''/>"), "</PMML>"),
		between("OpenVINO with layers", "a.xml", "<?xml version='1.0'?><net name='a' version='11'><layers>", numbered("<layer id='%d' name='a' type='b'/>"), "</layers></net>"),
		between("OpenVINO with types", "a.xml", "<?xml version='1.0'?><net name='a' version='11'><layers>", numbered("<layer id='1' name='a' type='b%d'/>"), "</layers></net>"),
		between("OpenVINO with edges", "a.xml", "<?xml version='1.0'?><net name='a' version='11'><edges>", same("<edge from-layer='0'/>"), "</edges></net>"),
		between("YAML with items", "a.yaml", "a:\n", same("- b\n"), ""),
		between("YAML with keys", "a.yaml", "", numbered("k%d: v\n"), ""),
		between("YAML with lists in flow", "a.yaml", "a: ", same("["), ""),
		between("YAML with lists in a list", "a.yaml", "a: [", same("[],"), "]"),
		between("YAML with objects in a list", "a.yaml", "a: [", same("{a: b},"), "]"),
		between("YAML with nested items", "a.yaml", "", same("- "), ""),
		between("YAML with anchors", "a.yaml", "", numbered("k%d: &a%[1]d v\n"), ""),
		between("YAML with targets", "a.yaml", "", numbered("- _target_: a.b%d\n"), ""),
		between("YAML with one indent more each time", "a.yaml", "", func(b []byte, i int) []byte { return append(append(b, strings.Repeat(" ", i)...), "a:\n"...) }, ""),
		between("YAML with quotes", "a.yaml", "a: '", same("''"), ""),
		between("YAML with documents", "a.yaml", "", same("---\n"), ""),
		between("Python with assignments", "setup.py", "", numbered("a%d=1\n"), ""),
		between("Python with calls", "setup.py", "", same("f()\n"), ""),
		between("Python with imports", "setup.py", "", numbered("import m%d\n"), ""),
		between("Python with brackets", "setup.py", "a=", same("["), ""),
		between("Python with sums", "setup.py", "a='b'", same("+'b'"), "\n"),
		between("Python with text that doubles", "setup.py", "a='b'\n", same("a=a+a\n"), ""),
		between("Python with attributes", "setup.py", "a", same(".a"), "\n"),
		between("Python with blocks", "setup.py", "", func(b []byte, i int) []byte { return append(append(b, strings.Repeat(" ", i)...), "if a:\n"...) }, ""),
		between("Python with functions", "setup.py", "", numbered("def f%d():\n f()\n"), ""),
		between("Python with functions that call", "setup.py", "", func(b []byte, i int) []byte { return fmt.Appendf(b, "def f%d(x):\n return f%d(x)+f%d(x)\n", i+1, i, i) }, "f9(1)\n"),
		between("Python with comments", "setup.py", "", same("#\n"), ""),
		between("Python with quotes", "setup.py", "", same("'\n"), ""),
		between("Python with text in text", "setup.py", "a=", same("f'{"), ""),
		between("Python with lambdas", "setup.py", "a=", same("lambda:"), "0\n"),
		between("Python with nots", "setup.py", "a=", same("not "), "0\n"),
		between("Python with strings", "setup.py", "a=[", same("'a',"), "]\n"),
		between("Python with exec of text", "setup.py", "", same("exec('1')\n"), ""),
		between("a template with outputs", "chat_template.jinja", "", same("{{a}}"), ""),
		between("a template with ifs", "chat_template.jinja", "", same("{%if a%}"), ""),
		between("a template with sets", "chat_template.jinja", "", numbered("{%%set a%d='b'%%}"), ""),
		between("a template with text that doubles", "chat_template.jinja", "{%set a='b'%}", same("{%set a=a~a%}"), "{{a}}"),
		between("a template with attributes", "chat_template.jinja", "{{a", same(".a"), "}}"),
		between("a template with filters", "chat_template.jinja", "{{a", same("|e"), "}}"),
		between("a template with brackets", "chat_template.jinja", "{{", same("["), "}}"),
		between("a template with loops", "chat_template.jinja", "", same("{%for a in b%}{%endfor%}"), ""),
		between("a template with braces", "chat_template.jinja", "", same("{{"), ""),
		between("a net of Caffe in text", "a.prototxt", "name: \"a\"\n", same("layer{type:\"A\"}\n"), ""),
		between("a net of Caffe in text with types", "a.prototxt", "name: \"a\"\n", numbered("layer{type:\"A%d\"}\n"), ""),
		between("a net of Caffe with braces", "a.prototxt", "layer{type:\"A\"", same("a{"), ""),
		between("a graph of TensorFlow in text", "a.pbtxt", "", numbered("node{name:\"n%d\" op:\"A\"}\n"), ""),
		between("a graph of TensorFlow in text with types", "a.pbtxt", "", numbered("node{name:\"n\" op:\"A%d\"}\n"), ""),
		between("a graph of TensorFlow with braces", "a.pbtxt", "node{name:\"n\" op:\"A\"}", same("node{"), ""),
		between("a graph of TensorFlow with inputs", "a.pbtxt", "node{name:\"n\" op:\"A\" ", numbered("input:\"n%d\" "), "}"),
		between("lines of LightGBM", "a.txt", "tree\nversion=v4\n", numbered("k%d=v\n"), ""),
		between("trees of LightGBM in text", "a.txt", "tree\nversion=v4\n\n", numbered("Tree=%d\nnum_leaves=1\n\n"), ""),
		between("a line of LightGBM", "a.txt", "tree\nversion=v4\nfeature_names=", same("a "), "\n"),
		between("requirements", "requirements.txt", "", numbered("a%d\n"), ""),
		between("requirements from addresses", "requirements.txt", "", numbered("git+http://a/b%d\n"), ""),
		between("a Dockerfile", "Dockerfile", "FROM a\n", same("RUN a\n"), ""),
		between("a Dockerfile of one command", "Dockerfile", "FROM a\nRUN ", same("a && \\\n"), "b\n"),
		between("a card", "README.md", "---\na: b\n---\n", same("# a\n"), ""),
		between("a card with code", "README.md", "", same("```\na\n```\n"), ""),
		between("a net of Darknet", "a.cfg", "[net]\n", same("[convolutional]\na=1\n"), ""),
		between("UBJSON of XGBoost", "a.ubj", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner[", same("[]"), "]}"),
		between("UBJSON of XGBoost with objects", "a.ubj", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner[", same("{}"), "]}"),
		between("UBJSON of XGBoost without end", "a.ubj", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner", same("["), ""),
		between("UBJSON of XGBoost with strings", "a.ubj", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner[", same("Si\x01a"), "]}"),
		between("UBJSON of XGBoost with keys", "a.ubj", "{L\x00\x00\x00\x00\x00\x00\x00\x07learner{", numbered("i\x08%08dT"), "}}"),
		between("MessagePack with lists", "flax_model.msgpack", "\x81\xa1a\xdd\x00\x50\x00\x00", same("\x90"), ""),
		between("MessagePack with maps", "flax_model.msgpack", "\x81\xa1a\xdd\x00\x50\x00\x00", same("\x80"), ""),
		between("MessagePack with strings", "flax_model.msgpack", "\x81\xa1a\xdd\x00\x50\x00\x00", same("\xa1a"), ""),
		between("MessagePack without end", "flax_model.msgpack", "\x81\xa1a", same("\x91"), ""),
		between("MessagePack with keys", "flax_model.msgpack", "\xdf\x00\x50\x00\x00", numbered("\xa8%08d\xc0"), ""),
		between("MessagePack with arrays", "flax_model.msgpack", "\xdf\x00\x50\x00\x00", numbered("\xa8%08d\xc7\x01\x01\x93"), ""),
		between("a pickle with marks", "a.pkl", "\x80\x04", same("("), "."),
		between("a pickle with empty lists", "a.pkl", "\x80\x04(", same("]"), "l."),
		between("a pickle with memos", "a.pkl", "\x80\x04", same("]\x94"), "."),
		between("a pickle with lists in lists", "a.pkl", "\x80\x04N", same("\x85"), "."),
		between("a pickle with globals", "a.pkl", "\x80\x04", numbered("ca\nb%d\n0"), "N."),
		between("a pickle with calls", "a.pkl", "\x80\x04", numbered("cos\nf%d\n)R0"), "N."),
		between("a pickle with one call after another", "a.pkl", "\x80\x04ccollections\nOrderedDict\n", same(")R"), "."),
		between("a pickle with strings", "a.pkl", "\x80\x04(", same("\x8c\x01a"), "l."),
		between("a pickle with items", "a.pkl", "\x80\x04}", numbered("\x8c\x08%08dNs"), "."),
		between("a pickle with copies that double", "a.pkl", "\x80\x04N", same("2\x86"), "."),
		between("a pickle with pickles behind it", "a.pkl", "", same("\x80\x04N."), ""),
		between("a pickle with numbers", "a.pkl", "\x80\x04(", same("K\x01"), "l."),
		between("a pickle with text numbers", "a.pkl", "(", same("I1\n"), "l."),
		between("a pickle with builds", "a.pkl", "\x80\x04ccollections\nOrderedDict\n)R", same("}b"), "."),
		between("a pickle with frames", "a.pkl", "\x80\x04", same("\x95\x00\x00\x00\x00\x00\x00\x00\x00"), "N."),
	}
}
