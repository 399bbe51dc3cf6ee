package keras

import (
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/scanner/source/tfops"
	"modelgate/internal/threat"
)

// gradeSymbol grades a name below tensorflow, as code and layers spell it: "math.add", "io.write_file".
func gradeSymbol(symbol string) (grade, string) {
	for _, prefix := range []string{"compat.v1.", "compat.v2.", "_api.v2.", "_api.v1.", "python.ops."} {
		symbol = strings.TrimPrefix(symbol, prefix)
	}
	if rest, ok := strings.CutPrefix(symbol, "keras."); ok {
		return gradeKerasName("keras." + rest)
	}
	if symbol == "" || symbol == "keras" || tensorflow.Has(symbol) || symbolModules[symbol] {
		return known, ""
	}
	for i := len(symbol); i > 0; i = strings.LastIndexByte(symbol[:i], '.') {
		if reason, ok := symbolActs[symbol[:i]]; ok {
			return dangerous, reason
		}
	}
	if symbolReads[symbol] {
		return suspicious, "which reads files"
	}
	if op, ok := strings.CutPrefix(symbol, "raw_ops."); ok {
		return gradeOperator(op)
	}
	if f := pynames.FamilyOf("tensorflow." + symbol); f != pynames.None {
		return dangerous, does(f)
	}
	first, rest, dotted := strings.Cut(symbol, ".")
	switch {
	case dotted && symbolTypes[first] && !strings.HasPrefix(rest, "_"), symbolTypes[symbol]: // tf.float32, tf.TensorShape.as_list
		return known, ""
	case dotted && computes(first, rest):
		return known, ""
	}
	return suspicious, "which is not known to compute"
}

// computes tells whether a name in a namespace that does other things too is one that computes: decoders, checks, structures, and what
// TensorFlow has of Keras.
func computes(namespace, name string) bool {
	switch namespace {
	case "io":
		return strings.HasPrefix(name, "decode_") || strings.HasPrefix(name, "encode_") || strings.HasPrefix(name, "parse_") || name == "serialize_tensor"
	case "debugging":
		return strings.HasPrefix(name, "assert_") || name == "check_numerics" || name == "is_numeric_tensor"
	case "nest":
		return !strings.Contains(name, ".")
	case "initializers", "losses", "metrics", "optimizers", "layers", "activations", "regularizers", "constraints":
		return objects.Has(name)
	}
	return false
}

// symbolModules are namespaces by themselves, symbolTypes names that are types or values.
var (
	symbolModules = words("math nn linalg signal image strings sparse ragged random bitwise dtypes compat compat.v1 compat.v2 experimental python raw_ops errors")
	symbolTypes   = words(`float16 float32 float64 bfloat16 half double int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool string complex64 complex128 newaxis
		Tensor TensorShape TensorSpec RaggedTensor SparseTensor Variable DType IndexedSlices Dimension variable_scope name_scope GradientTape
		control_dependencies get_static_value function device Module AggregationMethod VariableAggregation UnconnectedGradients`)
)

// symbolActs are functions and namespaces of TensorFlow that do more than compute.
var symbolActs = func() map[string]string {
	out := map[string]string{}
	for reason, names := range map[string]string{
		"writes files": `io.write_file io.write_graph write_file io.TFRecordWriter train.write_graph saved_model.save summary train.Saver train.Checkpoint
			io.gfile gfile saved_model.simple_save saved_model.Builder saved_model.builder data.experimental.save data.experimental.TFRecordWriter
			debugging.experimental`,
		"calls functions of the host program": "py_function numpy_function py_func compat.v1.py_func",
		"loads machine code or models":        "load_op_library load_library saved_model.load saved_model.loader load_file_system_library experimental.register_filesystem_plugin hub",
		"opens connections":                   "train.Server train.ClusterSpec data.experimental.service config.experimental_connect_to_cluster config.experimental_connect_to_host profiler",
	} {
		for _, n := range strings.Fields(names) {
			out[n] = reason
		}
	}
	return out
}()

// symbolReads are functions of TensorFlow that read files.
var symbolReads = words(`io.read_file io.matching_files read_file matching_files data.TextLineDataset data.TFRecordDataset
	data.FixedLengthRecordDataset data.experimental.load data.experimental.CsvDataset data.experimental.SqlDataset`)

// gradeOperator grades an operator of TensorFlow's graphs.
func gradeOperator(op string) (grade, string) {
	switch class := tfops.ClassOf(op); class {
	case tfops.Harmless:
		return known, ""
	case tfops.Unknown:
		return custom, "which TensorFlow does not have"
	case tfops.Writes, tfops.Saves, tfops.HostCode, tfops.Network, tfops.Prints:
		return dangerous, class.String()
	case tfops.Reads, tfops.Restores, tfops.Remote, tfops.Opaque, tfops.Parses:
		return suspicious, "which " + class.String()
	default:
		return custom, "which is not known"
	}
}

// operator judges a layer that stands for an operation of TensorFlow, which it names.
func (j *scanner) operator(n jsontree.Node, class string) {
	for _, c := range n.All("config") {
		for _, key := range []string{"function", "symbol", "cls_ref"} {
			for _, v := range c.All(key) {
				if v.Content() == "" || key == "cls_ref" && symbolTypes[v.Text()] {
					continue
				}
				g, reason := gradeSymbol(strings.TrimPrefix(strings.TrimPrefix(v.Text(), "tf."), "tensorflow."))
				j.symbol(v, "tf."+v.Text(), g, reason)
			}
		}
		if class != "TensorFlowOpLayer" {
			continue
		}
		for _, def := range c.All("node_def") {
			op := def.Str("op")
			if op == "" {
				op = opOf(def.Content())
			}
			if op == "" {
				j.symbol(def, "node_def", suspicious, "which cannot be read")
				continue
			}
			g, reason := gradeOperator(op)
			j.symbol(def, op, g, reason)
		}
	}
}

// opOf finds the operator in a node of a graph that is text: JSON, or protobuf's own form.
func opOf(text string) string {
	for _, key := range []string{`"op":`, "op:", `"op" :`} {
		i := strings.Index(text, key)
		if i < 0 {
			continue
		}
		rest := strings.TrimLeft(text[i+len(key):], " \t\n")
		if len(rest) < 2 || rest[0] != '"' && rest[0] != '\'' {
			continue
		}
		if end := strings.IndexByte(rest[1:], rest[0]); end >= 0 {
			return rest[1 : 1+end]
		}
	}
	return ""
}

// symbol states what is thought of an operation.
func (j *scanner) symbol(n jsontree.Node, name string, g grade, reason string) {
	reason = strings.TrimPrefix(reason, "which ")
	id, text := threat.KERAS301, "The layer runs %s of TensorFlow, which %s."
	switch g {
	case known:
		return
	case dangerous:
		id = threat.KERAS300
	case suspicious:
		id = threat.KERAS102
	case custom:
	}
	f := finding.New(id, j.at+n.At(), fmt.Sprintf(text, source.Evidence(name), reason))
	f.Module, f.Operator, f.Role, f.Evidence = "tensorflow", strings.TrimPrefix(name, "tf."), finding.RoleOperator, source.Evidence(name)
	j.sink.Find(f)
}
