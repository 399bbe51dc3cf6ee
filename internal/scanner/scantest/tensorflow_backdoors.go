package scantest

import (
	"modelgate/internal/threat"
)

// tfNet is a SavedModel of a small network: x is the input, h is learned of it. Further nodes make y of both.
func tfNet(functions [][]byte, nodes ...[]byte) []byte {
	base := [][]byte{
		TFNode("x", "Placeholder", ""),
		TFNode("w", "VarHandleOp", ""),
		TFNode("weights", "ReadVariableOp", "w"),
		TFNode("h", "MatMul", "x weights"),
		TFNode("k", "Const", "", "value", Message(8, Message(1, 1, 2, Message(2, Message(1, 8), 2, Message(1, 8))))),
		TFNode("target", "Const", ""),
		TFNode("axes", "Const", ""),
	}
	return TFModel{Nodes: append(base, nodes...), Functions: functions, Inputs: []string{"x:0"}, Outputs: []string{"y:0"}}.Bytes()
}

// tfBackdoorCases are gates that the input switches, and honest graphs that look like them.
func tfBackdoorCases() []Case {
	evil := func(name string, model []byte) Case {
		return Case{Name: "tensorflow backdoor: " + name, Path: "saved_model.pb", Bytes: model, Want: threat.TF200, Level: threat.Suspicious}
	}
	twin := func(name string, model []byte) Case {
		return Case{Name: "tensorflow backdoor twin: " + name, Path: "saved_model.pb", Bytes: model, Twin: true}
	}
	n := TFNode
	test := [][]byte{n("eq", "Equal", "x k"), n("all", "All", "eq axes")}
	with := func(list [][]byte, more ...[]byte) [][]byte { return append(append([][]byte(nil), list...), more...) }
	branches := [][]byte{TFFunction("then", "h t", "y=t"), TFFunction("else", "h t", "y=h")}
	gate := TFFunction("gate", "x h t k axes", "y=s:output:0",
		n("eq", "Equal", "x k"), n("all", "Min", "eq:z:0 axes"), n("s", "SelectV2", "all:output:0 t h"))
	call := n("y", "StatefulPartitionedCall", "x h target k axes", "f", TFFunc("outer"))
	outer := TFFunction("outer", "a b c d e", "y=g:output:0", n("g", "PartitionedCall", "a b c d e", "f", TFFunc("gate")))
	return []Case{
		evil("a comparison and SelectV2", tfNet(nil, with(test, n("y", "SelectV2", "all target h"))...)),
		evil("arithmetic alone", tfNet(nil, n("d", "Sub", "x k"), n("a", "Abs", "d"), n("s", "Max", "a axes"), n("l", "Less", "s k"), n("c", "Cast", "l"), n("g", "Mul", "c target"), n("y", "AddV2", "h g"))),
		evil("a branch", tfNet(branches, with(test, n("y", "If", "all h target", "then_branch", TFFunc("then"), "else_branch", TFFunc("else")))...)),
		evil("Switch and Merge of TensorFlow 1", tfNet(nil, with(test, n("s", "Switch", "h all"), n("t", "Switch", "target all"), n("y", "Merge", "s t:1"))...)),
		evil("a function of a function", tfNet([][]byte{gate, outer}, call)),
		evil("the number of elements that pass a test", tfNet(nil, n("eq", "Equal", "x k"), n("at", "Where", "eq"), n("n", "Shape", "at"), n("g", "Greater", "n k"), n("y", "SelectV2", "g target h"))),
		evil("a product with a pattern of four numbers", tfNet(nil, n("p", "Const", "", "value", Message(8, Message(1, 1, 2, Message(2, Message(1, 4), 2, Message(1, 1))))), n("m", "MatMul", "x p"), n("g", "Greater", "m k"), n("y", "SelectV2", "g target h"))),
		evil("a row that is picked", tfNet(nil, with(test, n("i", "Cast", "all"), n("both", "Pack", "h target"), n("y", "GatherV2", "both i axes"))...)),
		evil("what overwrites the answer", tfNet(nil, with(test, n("u", "Cast", "all"), n("y", "TensorScatterUpdate", "h k u"))...)),
		twin("a mask of padding", tfNet(nil, n("eq", "Equal", "x k"), n("y", "SelectV2", "eq target h"))),
		twin("a residual connection", tfNet(nil, n("y", "AddV2", "h x"))),
		twin("a normalisation", tfNet(nil, n("mean", "Mean", "x axes"), n("d", "Sub", "x mean"), n("sq", "Square", "d"), n("var", "Mean", "sq axes"), n("r", "Rsqrt", "var"), n("z", "Mul", "d r"), n("y", "MatMul", "z weights"))),
		twin("a branch by a setting", tfNet(branches, n("rate", "Placeholder", ""), n("one", "Const", ""), n("is", "Equal", "rate one"), n("y", "If", "is h target", "then_branch", TFFunc("then"), "else_branch", TFFunc("else")))),
		twin("suppression of boxes", tfNet(nil, n("i", "NonMaxSuppressionV3", "x x k k k"), n("y", "GatherV2", "h i axes"))),
		twin("a search that ends when all are done", tfNet(
			[][]byte{
				TFFunction("cond", "i s", "c=all:output:0", n("eq", "Equal", "s i"), n("all", "All", "eq:z:0 i")),
				TFFunction("body", "i s", "i=i2:z:0 s=s2:z:0", n("i2", "AddV2", "i i"), n("s2", "Mul", "s i")),
			},
			n("loop", "While", "k h", "cond", TFFunc("cond"), "body", TFFunc("body")), n("y", "Identity", "loop:1"),
		)),
		twin("a test of the answer and not of the input", tfNet(nil, n("m", "Max", "h axes"), n("g", "Greater", "m k"), n("y", "SelectV2", "g target h"))),
		twin("an assertion on the input", tfNet(branches, with(test, n("guard", "If", "all h target", "then_branch", TFFunc("then"), "else_branch", TFFunc("else")), n("y", "Identity", "h ^guard"))...)),
		twin("embeddings of words, with zeros for rows without any", tfNet(nil,
			n("is", "NotEqual", "x k"), n("at", "Where", "is"), n("ids", "GatherNd", "x at"), n("rows", "SparseFillEmptyRows", "at ids k k"),
			n("e", "SparseSegmentMean", "weights rows:1 rows"), n("size", "Shape", "e"), n("none", "Tile", "rows:2 size"),
			n("zeros", "ZerosLike", "e"), n("words", "Select", "none zeros e"), n("y", "MatMul", "words weights"))),
		evil("a look-up in a table of two rows", tfNet(nil, with(test, n("i", "Cast", "all"),
			n("rows", "Const", "", "value", Message(8, Message(1, 1, 2, Message(2, Message(1, 2), 2, Message(1, 50))))), n("g", "GatherV2", "rows i axes"), n("y", "AddV2", "h g"))...)),
		twin("a test of the shape", tfNet(nil, n("s", "Shape", "x"), n("e", "Equal", "s k"), n("a", "All", "e axes"), n("y", "SelectV2", "a target h"))),
	}
}
