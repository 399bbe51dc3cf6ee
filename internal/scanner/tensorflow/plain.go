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

// templates marks the operators that combine their input with a constant or variable of many elements, which treat its elements apart.
func (b *inliner) templates() {
	many := make([]bool, b.graph.Values)
	for pass, changed := 0, true; changed && pass < maxPlainPasses; pass++ {
		changed = false
		for i, n := range b.graph.Nodes {
			is := passed[n.Op] && len(n.Inputs) > 0 && n.Inputs[0] >= 0 && many[n.Inputs[0]]
			switch n.Op {
			case "Const", "HostConst":
				is = b.origins[i].node().value.elements() > 1
			case "VarHandleOp", "VariableV2", "Variable", "ImmutableConst":
				is = true
			}
			for _, v := range n.Outputs {
				if is && !many[v] {
					many[v], changed = true, true
				}
			}
		}
	}
	for i := range b.graph.Nodes {
		n := &b.graph.Nodes[i]
		for _, v := range n.Inputs {
			if paired[n.Op] && v >= 0 && many[v] {
				n.Kind |= backdoor.Local
			}
		}
	}
}
