package onnx

import (
	"strings"

	"modelgate/internal/scanner/source/backdoor"
)

// behaviour is what the rule for backdoors wants to know of an operator.
type behaviour struct {
	kind backdoor.Kind
	// decides and sizes are which of its inputs decide at a gate, and which give the shape of its outputs.
	decides, sizes []int
}

// behaviours are the operators whose data matters for more than its flow, by name. Operators of com.microsoft that are fused from those of
// ONNX behave like these.
var behaviours = func() map[string]behaviour {
	out := map[string]behaviour{}
	for kind, names := range map[backdoor.Kind]string{
		backdoor.Learned: `Conv ConvTranspose ConvInteger DeformConv MatMul MatMulInteger Gemm QGemm QLinearConv QLinearMatMul FusedConv FusedMatMul
			FusedGemm NhwcConv NhwcFusedConv NhwcMaxPoolConv RNN LSTM GRU Attention MultiHeadAttention GroupQueryAttention DecoderAttention DecoderMaskedSelfAttention
			DecoderMaskedMultiHeadAttention PackedAttention PackedMultiHeadAttention LongformerAttention QOrderedAttention QOrderedMatMul
			QAttention EmbedLayerNormalization QEmbedLayerNormalization MatMulNBits MatMulBnb4 MatMulFpQ4 MatMulInteger16 MatMulIntegerToFloat
			DynamicQuantizeMatMul DynamicQuantizeLSTM GemmFastGelu GemmFloat8 SparseToDenseMatMul SparseAttention PagedAttention MoE QMoE
			WordConvEmbedding GatherBlockQuantized Einsum BeamSearch GreedySearch Sampling WhisperBeamSearch LinearClassifier LinearRegressor
			SVMClassifier SVMRegressor TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor LinearAttention CausalConvWithState`,
		backdoor.Shape:     `Shape Size SequenceLength`,
		backdoor.Filled:    `Range ConstantOfShape EyeLike RandomNormalLike RandomUniformLike RandomNormal RandomUniform`,
		backdoor.Counts:    `NonZero Unique NonMaxSuppression`,
		backdoor.Compare:   `Equal Greater GreaterOrEqual Less LessOrEqual IsNaN IsInf Not And Or Xor`,
		backdoor.Threshold: `Sign Clip Sigmoid HardSigmoid Softmax Hardmax LogSoftmax Relu ThresholdedRelu Tanh Round Floor Ceil Exp Shrink Softsign Erf`,
		backdoor.Reduce: `ReduceMin ReduceMax ReduceSum ReduceMean ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ReduceLogSumExp
			GlobalMaxPool GlobalAveragePool GlobalLpPool MaxPool AveragePool LpPool CumSum`,
		backdoor.Position: `ArgMax ArgMin TopK`,
		backdoor.Choose:   `Where`,
		backdoor.Combine:  `Mul Add Sub Div Pow Max Min Sum Mean PRelu`,
	} {
		for _, name := range strings.Fields(names) {
			out[name] = behaviour{kind: kind}
		}
	}
	set := func(name string, kind backdoor.Kind, decides, sizes []int) {
		out[name] = behaviour{kind, decides, sizes}
	}
	set("Where", backdoor.Choose, []int{0}, nil)
	for _, name := range []string{"Gather", "GatherND", "GatherElements"} {
		set(name, backdoor.Pick|backdoor.Local, []int{1}, nil)
	}
	set("Slice", backdoor.Pick|backdoor.Local, []int{1, 2}, []int{1, 2})
	set("Compress", backdoor.Pick|backdoor.Counts, []int{1}, nil)
	set("SequenceAt", backdoor.Pick, []int{1}, nil)
	set("Clip", backdoor.Threshold|backdoor.Pick, []int{1, 2}, nil)
	for _, name := range []string{"Scatter", "ScatterND", "ScatterElements", "TensorScatter"} {
		set(name, backdoor.Pick, []int{1, 2}, nil)
	}
	set("Range", backdoor.Filled, nil, []int{0, 1, 2})
	set("ConstantOfShape", backdoor.Filled, nil, []int{0})
	for _, name := range []string{"Reshape", "Expand", "Tile", "Pad", "OneHot", "TopK", "Split", "CenterCropPad"} {
		b := out[name]
		b.sizes = []int{1}
		out[name] = b
	}
	split := out["Split"]
	split.kind |= backdoor.Local
	out["Split"] = split
	set("Resize", 0, nil, []int{2, 3})
	return out
}()

// elementBool is the type of elements that a Cast to truth values names.
const elementBool = 9

// behaves is the behaviour of a node.
func behaves(n *node) behaviour {
	if n.op == "Cast" {
		if to := n.attr("to"); to != nil && to.number == elementBool {
			return behaviour{kind: backdoor.Threshold}
		}
	}
	return behaviours[n.op]
}

// combines tells whether an operator treats the elements of two inputs in pairs.
func combines(op string) bool {
	switch op {
	case "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Mod", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor",
		"BitwiseAnd", "BitwiseOr", "BitwiseXor", "Where", "PRelu", "BitShift":
		return true
	}
	return false
}

// passes tells whether an operator gives its first input on in another form, so that a constant stays what it is.
func passes(op string) bool {
	switch op {
	case "Identity", "Cast", "CastLike", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "DequantizeLinear", "QuantizeLinear", "Expand", "Tile":
		return true
	}
	return false
}

// hasWeights tells whether the weights of a learned operator are among its inputs, not in its attributes or in the graphs of them.
func hasWeights(op string) bool {
	switch op {
	case "LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor", "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor",
		"BeamSearch", "GreedySearch", "Sampling", "WhisperBeamSearch":
		return false
	}
	return true
}
