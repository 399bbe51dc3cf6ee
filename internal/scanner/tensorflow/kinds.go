package tensorflow

import (
	"slices"

	"modelgate/internal/scanner/source/backdoor"
)

// kindsOf is what operators do, as far as it matters to backdoors.
var kindsOf = func() map[string]backdoor.Kind {
	out := map[string]backdoor.Kind{}
	for kind, ops := range map[backdoor.Kind][]string{
		backdoor.Learned: {
			"Conv", "Conv2D", "Conv3D", "Conv2DBackpropInput", "Conv3DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNative",
			"Dilation2D", "_FusedConv2D", "FusedDepthwiseConv2dNative", "_FusedDepthwiseConv2dNative", "_FusedConv3D", "QuantizedConv2D", "QuantizedDepthwiseConv2D",
			"FusedResizeAndPadConv2D", "FusedPadConv2D", "MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "_FusedMatMul",
			"_FusedBatchMatMulV2", "QuantizedMatMul", "SparseMatMul", "SparseTensorDenseMatMul", "Einsum", "XlaDot", "XlaDotV2", "XlaConv",
			"XlaConvV2", "BlockLSTM", "BlockLSTMV2", "LSTMBlockCell", "GRUBlockCell", "CudnnRNN", "CudnnRNNV2", "CudnnRNNV3",
			"ResourceGather", "ResourceGatherNd", "UniformQuantizedConvolution", "UniformQuantizedConvolutionHybrid", "UniformQuantizedDot",
			"UniformQuantizedDotHybrid", "XlaCallModule",
		},
		backdoor.Shape:  {"Shape", "ShapeN", "Size", "Rank", "TensorArraySizeV3", "TensorListLength"},
		backdoor.Filled: {"Range", "ZerosLike", "OnesLike", "RandomUniform", "RandomStandardNormal", "StatelessRandomUniformV2", "Empty"},
		backdoor.Counts: {"Where", "Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2", "ListDiff", "SetSize"},
		backdoor.Compare: {
			"Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "ApproximateEqual", "LogicalAnd", "LogicalOr", "LogicalNot",
			"IsNan", "IsInf", "IsFinite", "InTopK", "InTopKV2", "RegexFullMatch", "StaticRegexFullMatch",
		},
		backdoor.Threshold: {"Sign", "ClipByValue", "Sigmoid", "HardSigmoid"},
		backdoor.Reduce: {
			"Max", "Min", "Sum", "Mean", "Prod", "EuclideanNorm", "L2Loss", "AddN", "SegmentMax", "SegmentMin", "SegmentSum", "SegmentMean",
			"UnsortedSegmentMax", "UnsortedSegmentMin", "UnsortedSegmentSum", "Bincount", "DenseBincount", "ReduceJoin",
		},
		backdoor.Reduce | backdoor.Compare: {"All", "Any"},
		backdoor.Position: {
			"ArgMax", "ArgMin", "TopK", "TopKV2", "NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4",
			"NonMaxSuppressionV5", "NonMaxSuppressionWithOverlaps", "CombinedNonMaxSuppression",
		},
		backdoor.Choose:                {"Select", "SelectV2", "Switch", "RefSwitch"},
		backdoor.Combine:               {"Mul", "MulNoNan", "Add", "AddV2", "Sub"},
		backdoor.Pick:                  {"ScatterNd", "TensorScatterUpdate", "TensorScatterAdd", "TensorScatterSub", "DynamicPartition"},
		backdoor.Local:                 {"Split", "SplitV", "Unpack"},
		backdoor.Pick | backdoor.Local: {"Gather", "GatherV2", "GatherNd", "Slice", "StridedSlice"},
	} {
		for _, op := range ops {
			out[op] |= kind
		}
	}
	return out
}()

// operator is a node that calls nothing as a node of the abstract graph.
func operator(p place, inputs, outs []backdoor.Value, in *instance) backdoor.Node {
	n := p.node()
	out := backdoor.Node{Op: n.op, Kind: kindsOf[n.op], Inputs: inputs, Outputs: outs}
	at := func(positions ...int) (v []backdoor.Value) {
		for _, i := range positions {
			if i < len(inputs) {
				v = append(v, inputs[i])
			}
		}
		return v
	}
	switch n.op {
	case "Select", "SelectV2":
		out.Decides = at(0)
	case "Switch", "RefSwitch":
		if out.Decides = at(1); in.loops(n) {
			out.Kind, out.Decides = 0, nil
		}
	case "Gather", "GatherV2", "GatherNd", "DynamicPartition":
		out.Decides = at(1)
	case "ScatterNd":
		out.Decides, out.Sizes = at(0, 1), at(2)
	case "TensorScatterUpdate", "TensorScatterAdd", "TensorScatterSub":
		out.Decides = at(1, 2)
	case "Slice", "StridedSlice":
		out.Decides, out.Sizes = at(1, 2), at(1, 2)
	case "Range", "RandomUniform", "RandomStandardNormal", "StatelessRandomUniformV2", "Empty":
		out.Sizes = inputs
	}
	if out.Kind == backdoor.Learned && in.pattern(n) {
		out.Kind = backdoor.Reduce | backdoor.Local
	}
	return out
}

// loops tells whether a switch is one of a loop of TensorFlow 1, which its condition ends.
func (in *instance) loops(n *node) bool {
	data := n.data()
	if len(data) < 2 {
		return false
	}
	name, _ := sourceOf(data[1])
	i, ok := in.g.index[name]
	return ok && in.g.nodes[i].op == "LoopCond"
}

// minWeights is the least number of weights that a learned operator has: fewer are a pattern to compare with.
const minWeights = 8

// pattern tells whether a product or convolution has a constant of a few numbers where its weights belong.
func (in *instance) pattern(n *node) bool {
	return slices.ContainsFunc(n.data(), func(input string) bool {
		name, _ := sourceOf(input)
		i, ok := in.g.index[name]
		if !ok || in.g.nodes[i].op != "Const" || len(in.g.nodes[i].details().value.dims) == 0 {
			return false
		}
		count := in.g.nodes[i].details().value.elements()
		return count >= 0 && count < minWeights
	})
}
