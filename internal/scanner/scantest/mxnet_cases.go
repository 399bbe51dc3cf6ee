package scantest

import (
	"encoding/binary"
	"fmt"

	"modelgate/internal/threat"
)

// mxnetGraph writes a graph of a variable and of one node, with attributes as JSON.
func mxnetGraph(op, attributes string) []byte {
	return fmt.Appendf(nil, `{"nodes": [{"op": "null", "name": "data", "attrs": {"__init__": "[\"xavier\", {\"magnitude\": 3}]"}, "inputs": []}, `+
		`{"op": %q, "name": "n1", "attrs": {%s}, "inputs": [[0, 0, 0]]}], "arg_nodes": [0], "node_row_ptr": [0, 1, 2], "heads": [[1, 0, 0]], `+
		`"attrs": {"mxnet_version": ["int", 10901]}}`, op, attributes)
}

// mxnetNested writes a graph inside a node of another.
func mxnetNested(inner []byte) []byte {
	return fmt.Appendf(nil, `{"nodes": [{"op": "_foreach", "name": "loop", "inputs": [], "subgraphs": [%s]}], "arg_nodes": [], "heads": [[0, 0, 0]]}`, inner)
}

// mxnetParams writes arrays of two floats each, by the magic of a release, with one name for each.
func mxnetParams(magic uint32, arrays int) []byte {
	le := binary.LittleEndian
	out := le.AppendUint64(le.AppendUint64(le.AppendUint64(nil, 0x112), 0), uint64(arrays))
	for range arrays {
		switch out = le.AppendUint32(out, magic); magic {
		case 0xf993fac9, 0xf993faca:
			out = le.AppendUint64(append(out, words(0, 1)...), 2)
		case 0xf993fac8:
			out = le.AppendUint64(append(out, words(1)...), 2)
		default: // the number of dimensions
			out = append(out, words(2)...)
		}
		out = append(out, words(1, 0, 0, 0x3f800000, 0x3f800000)...)
	}
	out = le.AppendUint64(out, uint64(arrays))
	for range arrays {
		out = append(le.AppendUint64(out, 5), "arg:w"...)
	}
	return out
}

// mxnetCases are graphs that run code, and parameters that are something else.
func mxnetCases() []Case {
	evil := func(name string, id threat.ID, graph []byte) Case {
		return Case{Name: "mxnet: " + name, Path: "model-symbol.json", Bytes: graph, Want: id, Level: threat.Get(id).Level}
	}
	twin := func(name, op, attributes string) Case {
		return Case{Name: "twin: mxnet: " + name, Path: "model-symbol.json", Bytes: mxnetGraph(op, attributes), Twin: true}
	}
	params := func(name string, id threat.ID, level threat.Level, content []byte) Case {
		return Case{Name: "mxnet: " + name, Path: "model-0000.params", Bytes: content, Want: id, Level: level, Twin: id == ""}
	}
	pickle := pk4(pkSystem())
	lying := mxnetParams(0xf993fac9, 1)
	lying[24+12] = 200 // of the dimension
	endless := mxnetParams(0xf993fac9, 1)
	endless[16] = 40
	return []Case{
		evil("a custom operator", threat.MGOP300, mxnetGraph("Custom", `"op_type": "my_op"`)),
		evil("a custom operator of a library", threat.MGOP301, mxnetGraph("Custom", `"op_type": "my_op", "lib_path": "/tmp/libop.so"`)),
		evil("a custom operator of a Python file", threat.MGOP301, mxnetGraph("Custom", `"op_type": "my_op", "extra": "ops/evil.py"`)),
		twin("an attribute of any operator that is called custom", "FullyConnected", `"num_hidden": "8", "op_type": "Custom"`),
		evil("an operator that holds an address", threat.MGOP301, mxnetGraph("_Native", `"info": "0x7f0000000000"`)),
		evil("an operator that holds an address, of the other release", threat.MGOP301, mxnetGraph("_NDArray", `"info": "140000000"`)),
		evil("a function of Python that holds an address", threat.MGOP301, mxnetGraph("_CustomFunction", `"num_args": "1"`)),
		twin("an operator of the library that is called like an array", "_zeros", `"shape": "(1,)"`),
		evil("an operator that runs Lua", threat.MGOP301, mxnetGraph("TorchModule", `"lua_string": "nn.Linear(1, 1)"`)),
		evil("CVE-2022-24294: the source of a kernel that is compiled at run time", threat.MGOP301, mxnetGraph("_rtc", `"kernel": "extern \"C\" __global__ void k(float *x) {}"`)),
		evil("the source of a kernel in an attribute of another operator", threat.MGOP301, mxnetGraph("FullyConnected", `"source": "__global__ void k(float *x) {}"`)),
		twin("an attribute that speaks of kernels", "Convolution", `"kernel": "(3, 3)", "num_filter": "2"`),
		evil("an operator that reads a file", threat.MGOP302, mxnetGraph("_cvimread", `"filename": "cat.png"`)),
		{
			Name: "mxnet: an operator that reads a file of the machine", Path: "model-symbol.json", Bytes: mxnetGraph("_cvimread", `"filename": "/etc/passwd"`),
			Want: threat.MGPATH100, Level: threat.Malicious,
		},
		evil("an operator that nobody knows", threat.MGOP300, mxnetGraph("EvilLayer", "")),
		twin("an operator of the library", "SoftmaxOutput", `"grad_scale": "1"`),
		evil("an operator in a graph inside a node", threat.MGOP301, mxnetNested(mxnetGraph("_Native", ""))),
		{Name: "twin: mxnet: a graph inside a node", Path: "model-symbol.json", Bytes: mxnetNested(mxnetGraph("elemwise_add", "")), Twin: true},
		evil("an operator by escapes", threat.MGOP300, []byte(`{"nodes": [{"op": "\u0043ustom", "name": "x", "inputs": []}], "arg_nodes": [], "heads": []}`)),
		evil("an operator that stands twice", threat.MGFMT403, []byte(`{"nodes": [{"op": "FullyConnected", "op": "Convolution", "name": "x", "inputs": []}], "arg_nodes": [], "heads": []}`)),
		evil("an input that is no node", threat.MGFMT400, []byte(`{"nodes": [{"op": "sum", "name": "x", "inputs": [[7, 0, 0]]}], "arg_nodes": [], "heads": []}`)),
		params("a pickle under the name of parameters", threat.PKL100, threat.Malicious, pickle),
		params("a pickle behind the parameters", threat.PKL100, threat.Malicious, append(mxnetParams(0xf993fac9, 2), pickle...)),
		params("bytes behind the parameters", threat.MGFMT402, threat.Suspicious, append(mxnetParams(0xf993fac9, 2), 0, 0, 0)),
		params("an array whose shape lies", threat.MGFMT400, threat.Suspicious, lying),
		params("more arrays than there is room for", threat.MGFMT400, threat.Suspicious, endless),
		params("twin: parameters", "", threat.Clean, mxnetParams(0xf993fac9, 2)),
		params("twin: parameters of the release before", "", threat.Clean, mxnetParams(0xf993fac8, 1)),
		params("twin: parameters of the first releases", "", threat.Clean, mxnetParams(1, 2)),
	}
}
