package tensorflow

import "modelgate/internal/scanner/source/backdoor"

// elementwise are operators that have as many elements in their result as in their largest input.
var elementwise = func() map[string]bool {
	out := map[string]bool{}
	for _, op := range []string{
		"Identity", "Snapshot", "StopGradient", "PlaceholderWithDefault", "Squeeze", "ExpandDims", "Reshape", "Cast", "Equal", "NotEqual", "Greater",
		"GreaterEqual", "Less", "LessEqual", "LogicalNot", "LogicalAnd", "LogicalOr", "Add", "AddV2", "Sub", "Mul", "RealDiv", "Neg", "Abs",
		"Round", "Floor", "Ceil", "Maximum", "Minimum",
	} {
		out[op] = true
	}
	return out
}()

// maxPlainPasses bounds the passes over a graph whose nodes stand in no order.
const maxPlainPasses = 16

// settings takes the decision from conditions that are settings: a condition is one truth value, so what it is made of element by
// element has one element each, and an input of one element is a setting of the model, such as a rate or a mode, and no data in which
// a trigger could hide.
func (b *inliner) settings() {
	plain := b.plain()
	for i := range b.graph.Nodes {
		n := &b.graph.Nodes[i]
		if n.Kind&backdoor.Choose == 0 || n.Op == "Select" || n.Op == "SelectV2" || !allPlain(plain, n.Decides) {
			continue
		}
		var rest []backdoor.Value
		for _, v := range n.Inputs {
			if len(n.Decides) > 0 && v == n.Decides[0] {
				continue
			}
			rest = append(rest, v)
		}
		n.Inputs, n.Decides, n.Kind = rest, nil, n.Kind&^backdoor.Choose
	}
}

// plain tells which values are made of inputs and constants element by element.
func (b *inliner) plain() []bool {
	plain, makers := make([]bool, b.graph.Values), make([]uint8, b.graph.Values)
	for _, n := range b.graph.Nodes {
		for _, v := range n.Outputs {
			makers[v] = min(2, makers[v]+1) // a variable of a loop has two: what it is at first, and what follows
		}
	}
	for _, v := range b.graph.Inputs {
		plain[v] = true
	}
	for pass, changed := 0, true; changed && pass < maxPlainPasses; pass++ {
		changed = false
		for _, n := range b.graph.Nodes {
			if len(n.Outputs) == 0 || len(n.Inputs) > 0 && !elementwise[n.Op] || !allPlain(plain, n.Inputs) {
				continue
			}
			for _, v := range n.Outputs {
				if makers[v] == 1 && !plain[v] {
					plain[v], changed = true, true
				}
			}
		}
	}
	return plain
}

func allPlain(plain []bool, values []backdoor.Value) bool {
	for _, v := range values {
		if v < 0 || !plain[v] {
			return false
		}
	}
	return true
}

// passed are operators that give their first input on in another form, so that a constant stays one.
var passed = map[string]bool{
	"Identity": true, "ReadVariableOp": true, "Cast": true, "Reshape": true, "Squeeze": true, "ExpandDims": true, "Transpose": true,
	"Dequantize": true, "BroadcastTo": true, "Tile": true, "StopGradient": true,
}

// paired are operators that treat the elements of two inputs in pairs.
var paired = func() map[string]bool {
	out := map[string]bool{}
	for _, op := range []string{
		"Add", "AddV2", "Sub", "Mul", "MulNoNan", "Div", "RealDiv", "DivNoNan", "FloorDiv", "FloorMod", "Mod", "Pow", "SquaredDifference", "Maximum",
		"Minimum", "Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual", "ApproximateEqual", "LogicalAnd", "LogicalOr",
		"BitwiseAnd", "BitwiseOr", "BitwiseXor", "Select", "SelectV2", "BiasAdd", "Xdivy", "Xlogy", "Atan2",
	} {
		out[op] = true
	}
	return out
}()

// constant is what is known of a value that does not depend on inputs.
type constant uint8

const (
	several constant = iota + 1 // of more elements than one
	lookup                      // a table of rows, large enough to be one of embeddings
)

// minRows is the least number of rows that a table of embeddings has.
const minRows = 8

// constantOf is what a node is as a constant, 0 if it is none, or one number.
func constantOf(n *node) constant {
	switch n.op {
	case "Const", "HostConst":
		v := n.details().value
		dims, count := v.dims, v.elements()
		switch {
		case len(dims) > 1 && dims[0] >= minRows && count >= minRows*minRows:
			return lookup
		case count > 1:
			return several
		}
	case "VarHandleOp", "VariableV2", "Variable", "ImmutableConst":
		return lookup
	}
	return 0
}

// constants tells what is known of the values that constants and variables are passed on as.
func (b *inliner) constants() []constant {
	known := make([]constant, b.graph.Values)
	for pass, changed := 0, true; changed && pass < maxPlainPasses; pass++ {
		changed = false
		for i, n := range b.graph.Nodes {
			is := constantOf(b.origins[i].node())
			if passed[n.Op] && len(n.Inputs) > 0 && n.Inputs[0] >= 0 {
				is = max(is, known[n.Inputs[0]])
			}
			for _, v := range n.Outputs {
				if is > known[v] {
					known[v], changed = is, true
				}
			}
		}
	}
	return known
}

// templates marks the operators that combine their input with a constant or variable of many elements, which treat its elements apart,
// and those that look up embeddings, which are learned.
func (b *inliner) templates() {
	known := b.constants()
	for i := range b.graph.Nodes {
		n := &b.graph.Nodes[i]
		switch n.Op {
		case "Gather", "GatherV2", "GatherNd", "SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN", "SparseSegmentSumWithNumSegments",
			"SparseSegmentMeanWithNumSegments", "SparseSegmentSqrtNWithNumSegments":
			if len(n.Inputs) > 0 && n.Inputs[0] >= 0 && known[n.Inputs[0]] == lookup {
				n.Kind, n.Decides = backdoor.Learned, nil
			}
			continue
		}
		for _, v := range n.Inputs {
			if paired[n.Op] && v >= 0 && known[v] > 0 {
				n.Kind |= backdoor.Local
			}
		}
	}
}
