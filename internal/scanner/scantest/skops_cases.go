package scantest

import (
	"fmt"
	"strings"

	"modelgate/internal/threat"
)

// skopsNode writes a node of a skops schema: its loader, the class that it names, and further members as JSON.
func skopsNode(loader, module, class string, more ...string) string {
	head := fmt.Sprintf(`"__class__": %q, "__module__": %q, "__loader__": %q`, class, module, loader)
	return "{" + strings.Join(append([]string{head}, more...), ", ") + "}"
}

// skopsText is a JsonNode that holds a string.
func skopsText(s string) string {
	return skopsNode("JsonNode", "builtins", "str", fmt.Sprintf(`"content": %q, "is_json": true`, fmt.Sprintf("%q", s)))
}

// skopsTuple is a node of a tuple.
func skopsTuple(items ...string) string {
	return skopsNode("TupleNode", "builtins", "tuple", `"content": [`+strings.Join(items, ", ")+"]")
}

// Skops writes an archive around the root of a schema, with further members.
func Skops(root string, members ...ZIPEntry) []byte {
	root = strings.TrimSuffix(root, "}") + `, "protocol": 2, "_skops_version": "0.11.0"}`
	return BuildZIP(append([]ZIPEntry{{Name: "schema.json", Content: []byte(root)}}, members...)...)
}

// skopsEstimator is a node of an estimator with one attribute.
func skopsEstimator(attribute string) string {
	return skopsNode("ObjectNode", "sklearn.preprocessing._function_transformer", "FunctionTransformer",
		`"content": `+skopsNode("DictNode", "builtins", "dict", `"content": {"func": `+attribute+`}`, `"key_types": `+
			skopsNode("ListNode", "builtins", "list", `"content": [`+skopsNode("TypeNode", "builtins", "str")+`]`)))
}

// skopsCases are the ways in which a schema makes a loader do more than to build an estimator.
func skopsCases() []Case {
	array := ZIPEntry{Name: "1.npy", Content: NPY(NPYHeader("'<f4'", "(1,)"), make([]byte, 4))}
	evil := func(name, root string, id threat.ID, members ...ZIPEntry) Case {
		level := threat.Malicious
		if threat.Get(id).Level == threat.Suspicious {
			level = threat.Suspicious
		}
		return Case{Name: "skops: " + name, Path: "model.skops", Bytes: Skops(root, members...), Want: id, Level: level}
	}
	twin := func(name, root string, members ...ZIPEntry) Case {
		return Case{Name: "twin: skops: " + name, Path: "model.skops", Bytes: Skops(root, members...), Twin: true}
	}
	function := func(module, name string) string { return skopsNode("FunctionNode", module, name) }
	object := skopsNode("ObjectNode", "sklearn.linear_model._logistic", "LogisticRegression", `"content": `+skopsNode("DictNode", "builtins", "dict", `"content": {}`))
	method := func(module, class, function string) string {
		return skopsNode("MethodNode", module, class, fmt.Sprintf(`"content": {"func": %q, "obj": %s}`, function, object))
	}
	operator := func(module, class string, args ...string) string {
		return skopsNode("OperatorFuncNode", module, class, `"attrs": `+skopsTuple(args...))
	}
	partial := func(f string) string {
		return skopsNode("PartialNode", "functools", "partial", `"content": {"func": `+f+`, "args": `+skopsTuple(skopsText("id"))+`, "kwds": `+
			skopsNode("DictNode", "builtins", "dict", `"content": {}`)+`, "namespace": `+skopsText("")+`}`)
	}
	generator := func(name string) string {
		return skopsNode("RandomGeneratorNode", "numpy.random._generator", "Generator", `"content": {"bit_generator": `+
			skopsNode("DictNode", "builtins", "dict", `"content": {"bit_generator": `+skopsText(name)+`}`)+`, "seed_seq": `+
			skopsNode("DictNode", "builtins", "dict", `"content": {}`)+`}`)
	}
	numpyFile := func(module, class string) string {
		return skopsNode("NdArrayNode", module, class, `"type": "numpy", "file": "1.npy"`)
	}
	return []Case{
		evil("a function of the system", skopsEstimator(function("posix", "system")), threat.MGOBJ100),
		evil("a function of the system, in the first protocol's form", skopsEstimator(
			skopsNode("FunctionNode", "", "", `"content": {"module_path": "os", "function": "system"}`)), threat.MGOBJ100),
		evil("a function that nobody knows", skopsEstimator(function("company.models", "transform")), threat.MGOBJ101),
		twin("a function of NumPy", skopsEstimator(function("numpy", "log1p"))),
		evil("a class that is called with arguments", skopsNode("ConstructorFromReduceNode", "subprocess", "Popen", `"content": `+skopsTuple(skopsText("id"))), threat.MGOBJ100),
		twin("a class of the standard library that is called with arguments", skopsNode("ConstructorFromReduceNode", "uuid", "UUID", `"content": `+skopsTuple(skopsText("id")))),
		evil("a function where a list is called", skopsNode("ListNode", "os", "system", `"content": []`), threat.MGOBJ100),
		evil("CVE-2025-54412: an operator that says that it is a class", operator("sklearn.linear_model._base", "call", function("builtins", "exec"), skopsText("1")), threat.MGOBJ100),
		evil("CVE-2025-54412: operator.call by its own name", operator("operator", "call", skopsText("1")), threat.MGOBJ100),
		evil("an attribute that leads to globals", operator("operator", "attrgetter", skopsText("__init__.__globals__")), threat.MGOBJ100),
		evil("a method call of any name", operator("operator", "methodcaller", skopsText("to_pickle")), threat.MGOBJ101),
		twin("operators as pipelines have them", skopsTuple(operator("operator", "itemgetter", skopsText("a")), operator("operator", "attrgetter", skopsText("shape")),
			operator("operator", "methodcaller", skopsText("lower")))),
		evil("CVE-2025-54413: a method that says that it is of another object", method("builtins", "int", "fit"), threat.MGOBJ100),
		evil("CVE-2025-54413: an attribute that leads out of the object", method("sklearn.linear_model._logistic", "LogisticRegression", "__reduce_ex__"), threat.MGOBJ100),
		twin("a method of an estimator", method("sklearn.linear_model._logistic", "LogisticRegression", "predict_proba")),
		evil("a partial of a dangerous function", skopsEstimator(partial(function("os", "popen"))), threat.MGOBJ100),
		twin("a partial of a function of NumPy", skopsEstimator(partial(function("numpy", "clip")))),
		evil("a loss that is a function", skopsNode("LossNode", "builtins", "eval", `"__reduce__": {"args": `+skopsTuple(skopsText("1"))+`}`, `"content": {}`), threat.MGOBJ100),
		evil("a generator of random numbers that is no generator", generator("seed"), threat.MGOBJ101),
		twin("a generator of random numbers", generator("PCG64")),
		evil("an array whose class is a function", numpyFile("os", "system"), threat.MGOBJ100, array),
		twin("an array", numpyFile("numpy", "ndarray"), array),
		evil("an array of objects", numpyFile("numpy", "ndarray"), threat.PKL100,
			ZIPEntry{Name: "1.npy", Content: NPY(NPYHeader("'|O'", "(1,)"), pk4(pkSystem()))}),
		evil("a class in a module of escapes", strings.Replace(skopsEstimator(function("posix", "system")), `"posix"`, `"\u0070osix"`, 1), threat.MGOBJ100),
		evil("a loader that no release has", skopsNode("EvalNode", "builtins", "int"), threat.MGOBJ101),
		evil("a key that stands twice", strings.Replace(skopsEstimator(function("numpy", "log1p")), `"__class__": "log1p"`, `"__class__": "log1p", "__class__": "exp"`, 1), threat.MGFMT403),
		evil("an array that is not there", numpyFile("numpy", "ndarray"), threat.MGFMT400),
		evil("a pickle among the members (CVE-2025-54886)", skopsEstimator(function("numpy", "log1p")), threat.PKL100, ZIPEntry{Name: "model.pkl", Content: pk4(pkSystem())}),
		{
			Name: "skops: CVE-2025-54886: a pickle under the name of a skops file", Path: "model.skops", Bytes: pk4(pkSystem()),
			Want: threat.PKL100, Level: threat.Malicious,
		},
		{
			Name: "skops: a schema that breaks off behind its payload", Path: "model.skops",
			Bytes: BuildZIP(ZIPEntry{Name: "schema.json", Content: []byte(`{"__class__": "x", "__module__": "y", "__loader__": "ObjectNode", "content": ` + function("os", "system") + `, "a`)}),
			Want:  threat.MGOBJ100, Level: threat.Malicious,
		},
	}
}
