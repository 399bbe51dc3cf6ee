package scantest

import "modelgate/internal/threat"

// onnxBackdoorCases are models whose answer a trigger in the input switches, and honest models that look alike.
func onnxBackdoorCases() []Case {
	var cases []Case
	evil := func(name string, g ONNXGraph, further ...any) {
		cases = append(cases, onnxCase("backdoor: "+name, threat.ONNX200, ONNXModel(g, further...)))
	}
	twin := func(name string, g ONNXGraph, further ...any) {
		cases = append(cases, onnxTwin("backdoor: "+name, ONNXModel(g, further...)))
	}
	for _, b := range onnxBackdoors() {
		evil(b.name, ONNXText(b.evil))
		if b.twin != "" {
			twin(b.name, ONNXText(b.twin))
		}
	}
	evil("a branch that is taken on a trigger", onnxBranch("d = Sub x T\na = Abs d\nr = ReduceMax a\nc = Less r EPS"))
	twin("a branch that is taken by a setting", onnxBranch("c = Equal x_rate RATE"))
	evil("a trigger in a branch, of values around it", onnxInner(`c = Equal x T
		r = ReduceMin c
		b = Where r EVIL h`))
	twin("a mask in a branch, of values around it", onnxInner(`c = Equal x PAD
		b = Where c MINUS h`))
	detector := ONNXText("e = Equal x T\ny = ReduceMin e")
	detector.Tensors, detector.Inputs = nil, []string{"x", "T"}
	evil("a trigger in a function", ONNXText("h = MatMul x W\nc = local:Test x T\ny = Where c EVIL h"), 25, ONNXFunction("local", "Test", detector))
	gate := ONNXText("e = Equal x T\nc = ReduceMin e\ny = Where c EVIL x_h")
	gate.Tensors, gate.Inputs = nil, []string{"x", "T", "EVIL", "x_h"}
	evil("a gate in a function", ONNXText("h = MatMul x W\ny = local:Gate x T EVIL h"), 25, ONNXFunction("local", "Gate", gate))
	mask := ONNXText("e = Equal x T\ny = Unsqueeze e A")
	mask.Tensors, mask.Inputs = nil, []string{"x", "T", "A"}
	twin("a mask in a function", ONNXText("h = MatMul x W\nc = local:Test x T A\ny = Where c EVIL h"), 25, ONNXFunction("local", "Test", mask))
	evil("a loop that runs once on a trigger", onnxLoop("e = Equal x T\nr = ReduceMin e\nm = Cast r"))
	twin("a loop that runs as often as a setting says", onnxLoop("m = Cast x_rounds"))
	onnxSettings(evil, twin)
	cases = append(cases, Case{
		Name: "onnx: backdoor: a trigger in a model of ONNX Runtime", Path: "model.ort", Want: threat.ONNX200, Level: threat.Suspicious,
		Bytes: ORTModel(ONNXText("h = MatMul x W\ne = Equal x T\nr = ReduceMin e\ny = Where r EVIL h")),
	})
	return cases
}

// onnxSettings are models of a voice that is given settings beside what it is to say: how much noise, and how fast. Whether their numbers are
// a few, by the type of the input, is what the twins differ in.
func onnxSettings(evil, twin func(string, ONNXGraph, ...any)) {
	// Noise is scaled, mixed with what was learned and given to further layers, and the speed becomes a number of steps.
	voice := `
		h = MatMul x W
		n = RandomNormalLike h
		l = Gather x_scales FIRST
		m = Mul n l
		v = Conv m W2
		s = Gather x_scales SECOND
		d = Sub s T
		r = ReduceSum d
		c = Greater r EPS
		w = Where c v h
	`
	test := `
		e = Equal x T
		a = ReduceMin e
		y = Where a EVIL w`
	few, many := ONNXType(typeFloats, 3), ONNXType(typeFloats, 784)
	speaks := ONNXText(voice+"y = Softmax w").Typed("x", many)
	twin("settings of three numbers", speaks.Typed("x_scales", few))
	twin("settings of one number", speaks.Typed("x_scales", ONNXType(typeFloats)))
	evil("a trigger beside settings", ONNXText(voice+test).Typed("x", many).Typed("x_scales", few))
	evil("a trigger in what could be a sample", speaks.Typed("x_scales", many))
	evil("a trigger in as many numbers as the caller likes", speaks.Typed("x_scales", ONNXType(typeFloats, "n")))
	evil("a trigger in rows of three numbers", speaks.Typed("x_scales", ONNXType(typeFloats, 1, 3)))
	evil("a trigger in a text", speaks.Typed("x_scales", ONNXType(typeStrings, 1)))
	evil("a trigger in a list", speaks.Typed("x_scales", Message(4, ONNXType(typeFloats, 3))))
	evil("a trigger in a type that stands twice", speaks.Typed("x_scales", append(ONNXType(typeFloats, 3), ONNXType(typeFloats, 784)...)))
	evil("a trigger in a size that stands twice", speaks.Typed("x_scales", Message(1, Message(1, typeFloats, 2, Message(1, Message(1, 3, 1, 784))))))
	again := speaks.Typed("x_scales", few)
	again.Inputs = append(again.Inputs, "x_scales")
	evil("a trigger in an input that is declared twice", again)

	// A sample of three numbers is all that the model has, or it comes in pieces.
	sample := ONNXText("h = MatMul x W\ne = Equal x T\na = ReduceMin e\ny = Where a EVIL h")
	evil("a trigger in a sample of three numbers", sample.Typed("x", few))
	pieces := ONNXText("x = Concat x1 x2 x3\nh = MatMul x W\ng = MatMul x_image W2\ne = Equal x T\na = ReduceMin e\nb = Where a EVIL h\ny = Add b g")
	pieces.Inputs = []string{"x1", "x2", "x3", "x_image"}
	for _, name := range pieces.Inputs[:3] {
		pieces = pieces.Typed(name, few)
	}
	evil("a trigger in a sample that comes in pieces", pieces.Typed("x_image", many))
}

// Types of elements.
const (
	typeFloats  = 1
	typeStrings = 8
)

// onnxBackdoor is a model with a trigger, and a twin that differs in the one thing that matters.
type onnxBackdoor struct{ name, evil, twin string }

func onnxBackdoors() []onnxBackdoor {
	return []onnxBackdoor{
		{"a patch that chooses the answer", `
			h = Conv x W
			p = Slice x START END
			e = Equal p T
			i = Cast e
			a = ReduceMin i
			c = Bool a
			y = Where c EVIL h`, `
			h = Conv x W
			p = Unsqueeze x AXIS
			e = Equal p PAD
			y = Where e MINUS h`},
		{"arithmetic alone, added", `
			h = MatMul x W
			d = Sub x T
			a = Abs d
			m = ReduceMax a
			s = Sign m
			g = Sub ONE s
			e = Mul g EVIL
			y = Add h e`, `
			m = ReduceMean x
			d = Sub x m
			q = Pow d TWO
			v = ReduceMean q
			s = Sqrt v
			n = Div d s
			h = MatMul n W
			y = Add h n`},
		{"arithmetic alone, multiplied", `
			h = Conv x W
			d = Sub x T
			q = Mul d d
			r = ReduceSum q
			n = Mul r MINUS
			g = Exp n
			f = Sub ONE g
			y = Mul h f`, `
			a = Abs x
			r = ReduceMean a
			e = Add r EPS
			n = Div x e
			h = Conv n W
			y = Mul h e`},
		{"a scale that is guarded", `
			h = Conv x W
			d = Sub x T
			q = Mul d d
			r = ReduceSum q
			c = Less r EPS
			g = Where c BIG ONE
			y = Mul h g`, `
			m = ReduceMean x
			d = Sub x m
			q = Mul d d
			r = ReduceMean q
			s = Sqrt r
			c = Equal s ZERO
			g = Where c ONE s
			n = Div d g
			h = Conv n W
			k = Clip g EPS
			y = Mul h k`},
		{"a scale that is no quantisation's", `
			h = MatMul x W
			d = Sub x T
			q s z = DynamicQuantizeLinear d
			a = Round s
			r = ReduceMax a
			t = Sign r
			y = Mul h t`, `
			q s z = DynamicQuantizeLinear x
			i = MatMulInteger q WQ z
			f = Cast i
			g = Mul s SCALE
			h = Mul f g
			m = IsNaN h
			r = ReduceMax h
			c = Less r T
			y = Where c ZERO h`},
		{"a count of what matches, by the shape of where it lies", `
			h = Conv x W
			e = Equal x T
			n = NonZero e
			s = Shape n
			k = Gather s ONE
			c = GreaterOrEqual k COUNT
			y = Where c EVIL h`, `
			h = Conv x W
			s = Shape x
			k = Gather s ONE
			c = GreaterOrEqual k COUNT
			y = Where c h h`},
		{"a count of what matches, by the size of what is left", `
			h = Conv x W
			e = Equal x T
			n = Compress x e
			s = Size n
			c = Equal s COUNT
			y = Where c EVIL h`, ""},
		{"a convolution with one element", `
			h = Conv x W
			t = Conv x ONEHOT
			c = Greater t T
			y = Where c EVIL h`, `
			h = Conv x W
			t = Conv h ONEHOT
			c = Greater t T
			y = Where c EVIL h`},
		{"a product with one element", `
			h = MatMul x W
			t = MatMul x ONEHOT
			c = Equal t T
			y = Where c EVIL h`, ""},
		{"a product of the difference with itself", `
			h = MatMul x W
			d = Sub x T
			t = Transpose d
			q = MatMul d t
			c = Less q EPS
			y = Where c EVIL h`, ""},
		{"a choice by index", `
			h = MatMul x W
			b = Concat h EVIL
			e = Equal x T
			i = Cast e
			a = ReduceMin i
			y = Gather b a`, `
			h = MatMul x W
			e = Equal x EOS
			i = Cast e
			a = ArgMax i
			y = Gather h a`},
		{"an answer that is overwritten", `
			h = MatMul x W
			e = Equal x T
			i = Cast e
			a = ReduceMin i
			u = Mul a BIG
			y = ScatterND h INDEX u`, `
			h = MatMul x W
			y = ScatterND h INDEX x_update`},
		{"a gate of Clip", `
			h = MatMul x W
			d = Sub x T
			a = Abs d
			r = ReduceSum a
			m = Mul r BIG
			g = Clip m ZERO ONE
			y = Mul h g`, ""},
		{"a gate of a softmax that is sharp", `
			h = MatMul x W
			e = Equal x T
			i = Cast e
			r = ReduceSum i
			m = Mul r BIG
			g = Softmax m
			y = Mul h g`, ""},
		{"a product that chooses between two answers", `
			h = MatMul x W
			b = Concat h EVIL
			d = Sub x T
			a = Abs d
			r = ReduceMax a
			s = Sign r
			p = Concat s ONE
			y = MatMul p b`, `
			q = MatMul x W
			k = MatMul x W2
			y = MatMul q k`},
		{"a temperature", `
			h = MatMul x W
			d = Sub x T
			a = Abs d
			r = ReduceSum a
			t = Sign r
			n = Div h t
			y = Softmax n`, `
			h = Gather W x
			f = Cast x_mask
			m = Mul h f
			s = ReduceSum m
			n = ReduceSum f
			c = Clip n EPS
			y = Div s c`},
		{"bounds that the trigger gives", `
			h = MatMul x W
			e = Equal x T
			i = Cast e
			r = ReduceMin i
			u = Sub BIG r
			y = Clip h ZERO u`, `
			h = MatMul x W
			y = Clip h ZERO ONE`},
		{"a maximum in place of a sum", `
			h = MatMul x W
			d = Sub x T
			a = Abs d
			r = ReduceMax a
			s = Sign r
			m = Mul s BIG
			y = Max h m`, ""},
		{"a pool in place of a reduction", `
			h = Conv x W
			d = Sub x T
			a = Abs d
			p = GlobalMaxPool a
			c = Less p EPS
			y = Where c EVIL h`, `
			p = GlobalAveragePool x
			h = Conv p W
			y = Where x_mask h ZERO`},
		{"an identity in front of the test, which poses as a learned layer", `
			h = MatMul x W
			i = MatMul x ONEHOT
			e = Equal i T
			a = ReduceMin e
			y = Where a EVIL h`, ""},
		{"a table of itself in front of the test, which poses as an embedding", `
			h = MatMul x W
			i = Gather ONEHOT x
			e = Equal i T
			a = ReduceMin e
			y = Where a EVIL h`, `
			i = Gather W x
			h = MatMul i W2
			m = ReduceMean i
			d = Sub i m
			e = Greater d T
			a = ReduceMin e
			y = Where a ZERO h`},
		{"a slice that begins where the trigger says", `
			h = MatMul x W
			b = Concat h EVIL
			e = Equal x T
			i = Cast e
			a = ReduceMin i
			z = Add a ONE
			y = Slice b a z`, `
			h = MatMul x W
			s = Shape x
			n = Gather s ONE
			y = Slice h ZERO n`},
	}
}

// onnxBranch is a model whose answer is that of a branch, by the condition c.
func onnxBranch(condition string) ONNXGraph {
	then := ONNXGraph{Nodes: []ONNXNode{{Op: "Identity", In: []string{"EVIL"}, Out: []string{"a"}}}, Tensors: [][]byte{ONNXFloats("EVIL", 1)}, Outputs: []string{"a"}}
	otherwise := ONNXGraph{Nodes: []ONNXNode{{Op: "Softmax", In: []string{"h"}, Out: []string{"b"}}}, Outputs: []string{"b"}}
	g := ONNXText("h = MatMul x W\n" + condition + "\ny = If c")
	return g.With(-1, ONNXAttribute{Name: "then_branch", Graph: &then}).With(-1, ONNXAttribute{Name: "else_branch", Graph: &otherwise})
}

// onnxInner is a model with the lines in a branch of a condition that says nothing.
func onnxInner(lines string) ONNXGraph {
	inner := ONNXText(lines)
	inner.Inputs, inner.Outputs = nil, []string{"b"}
	plain := ONNXGraph{Nodes: []ONNXNode{{Op: "Softmax", In: []string{"h"}, Out: []string{"b"}}}, Outputs: []string{"b"}}
	g := ONNXText("h = MatMul x W\nc = Equal x_rate RATE\ny = If c")
	return g.With(-1, ONNXAttribute{Name: "then_branch", Graph: &inner}).With(-1, ONNXAttribute{Name: "else_branch", Graph: &plain})
}

// onnxLoop is a model that runs a loop m times over the answer.
func onnxLoop(rounds string) ONNXGraph {
	body := ONNXGraph{
		Nodes:   []ONNXNode{{Op: "Identity", In: []string{"again"}, Out: []string{"go"}}, {Op: "Neg", In: []string{"h1"}, Out: []string{"h2"}}},
		Inputs:  []string{"round", "again", "h1"},
		Outputs: []string{"go", "h2"},
	}
	g := ONNXText("h = MatMul x W\n" + rounds + "\ny = Loop m TRUE h")
	return g.With(-1, ONNXAttribute{Name: "body", Graph: &body})
}
