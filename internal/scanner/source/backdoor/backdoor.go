// Package backdoor finds architectural backdoors in graphs of operators, of whatever format: a way from the model's input to its
// output that runs beside what was learned, tests the input for a trigger, and switches the answer.
//
//	input ── learned operators ───────────────┐
//	  └── compare with a trigger ── reduce ── gate ── output
//
// A format translates its graph: values are numbers, nodes are operators with a [Kind]. What an operator is called does not matter
// here; which kind it is, the format knows. Functions are inlined, bodies of conditions and loops are nodes like the others, and
// what they capture is a value like the others. Constants are values that no node makes and that are not among the inputs.
//
// The inputs that count are those that learned operators look at: a trigger lies in what the model judges. Masks and lengths that only switch
// what others computed are no such inputs, and neither are settings, as long as learned operators look at something else too: the few
// numbers by which a voice is made faster or livelier leave no room for a sample that hides a trigger.
//
// One pass in topological order computes for every value what lies on the ways that lead to it from the inputs:
//
//	reach    it depends on the inputs' data by a way without learned operators
//	learned  it depends on the outcome of a learned operator; behind one the ways begin anew
//	compare  such a way has a comparison, or a threshold behind a reduction
//	reduce   such a way has a reduction of many elements to few
//	judged   one of them lies behind the other: many elements were made into one decision
//	local    such a way has an operator that treats elements apart: a difference with a template, a part that is cut out
//
// and the same for what its shape depends on, since the number of elements that pass a test is a test too. Then a gate is
// reported if what decides at it is such a decision:
//
//	choose   the condition has reach, compare and reduce, and is local or chooses something learned (Where, If)
//	combine  one side has reach, is judged by three operators or more, local and not learned, the other side is learned (Mul, Add, MatMul)
//	pick     the index, or what is written, has reach, is judged, local and not learned, the rest is learned (Gather, ScatterND)
//
// Masks of attention and padding compare element by element and reduce nothing, residual connections decide nothing, the scale that a
// normalisation takes out and puts back is one of all elements alike, and so is the number of words that are not padding: none of them is
// reported.
package backdoor

import (
	"fmt"

	"modelgate/internal/scanner/source"
)

// Value is a tensor of the graph. Values are counted from 0; negative ones are inputs that are left out.
type Value int32

// None is an input that is left out.
const None Value = -1

// Kind is what an operator does, as far as it matters here. It is a set: an operator may be of several kinds or of none.
type Kind uint16

// Kinds of operators.
const (
	// Learned operators mix their input with weights: convolutions, products of matrices, recurrent blocks, look-ups in
	// embeddings. One whose weights are no weights but a pattern (see [Firsts]) is to be given Reduce instead.
	Learned Kind = 1 << iota
	// Shape operators return the shape of their inputs and nothing of their data: Shape, Size.
	Shape
	// Filled operators return data that depends on nothing but the values in Sizes: Range, ConstantOfShape.
	Filled
	// Counts operators return as many elements as pass a test of the input's data: NonZero, Unique, Compress.
	Counts
	// Compare operators compare, or combine what was compared: Equal, Less, And, Not.
	Compare
	// Threshold operators make a decision of a number: Sign, Clip, Sigmoid, a cast to bool. They count behind a reduction.
	Threshold
	// Reduce operators make one number of many: ReduceMax, ReduceSum.
	Reduce
	// Position operators tell where among many elements one is: ArgMax. They reduce, but to a place and not to a decision.
	Position
	// Choose operators return one of their inputs, as the values in Decides say: Where, If.
	Choose
	// Combine operators have inputs of which one can switch the other: Mul, Add. Learned operators are taken for such too.
	Combine
	// Local operators treat the elements of their input apart: they compare or combine them with a constant of many elements, or
	// cut out some. Patterns that were taken for weights are local too.
	Local
	// Pick operators take or overwrite elements of an input, as the values in Decides say: Gather, ScatterND.
	Pick
)

// Node is one operator of a graph.
type Node struct {
	// Op is the operator's name. It only tells operators apart.
	Op      string
	Kind    Kind
	Inputs  []Value
	Outputs []Value
	// Decides are those of the inputs that decide at a gate: the condition, the index, what is written.
	Decides []Value
	// Sizes are those of the inputs whose data gives the shape of the outputs: the second input of Reshape.
	Sizes []Value
}

// Graph is a graph of operators, in any order.
type Graph struct {
	// Values is how many values there are: all are below it.
	Values int
	// Inputs are the values that a caller of the model gives.
	Inputs []Value
	// Settings are those of the inputs that never hold more than a few numbers.
	Settings []Value
	Nodes    []Node
}

// Hit is a gate that is switched by the input.
type Hit struct {
	// Node is its index among the nodes of the graph.
	Node int
	// Kind is one of Choose, Combine and Pick.
	Kind Kind
	// Trail are indices of nodes on a way from an input to the gate, which is the last; at most maxTrail of them, those next to
	// the gate.
	Trail []int
}

// Bounds of one graph.
const (
	maxInputs = 64 // that are told apart; what is beyond them counts as the last
	maxValues = 16 << 20
	maxEdges  = 64 << 20
	maxPasses = 8 // over graphs with loops; without, one is enough
	maxTrail  = 24
)

// Find returns the gates of a graph that its inputs switch, in the order of its nodes. Time and memory are linear in the number of
// edges. A graph that is larger than the bounds is source.ErrBudget, a value that it does not have is source.Malformed.
func Find(g Graph) ([]Hit, error) {
	if err := check(g); err != nil {
		return nil, err
	}
	p := newPass(g, everything)
	p.run()
	p = newPass(g, p.looked())
	p.run()
	return p.hits(), nil
}

// First is a learned operator that the inputs reach without another one before it.
type First struct {
	// Node is its index among the nodes of the graph.
	Node int
	// Raw are those of its inputs that depend on the inputs of the model, Weights those that depend on nothing but constants.
	Raw, Weights []Value
	// Learned says that one of its inputs depends on the outcome of a learned operator.
	Learned bool
}

// Firsts returns the operators of kind Learned that the inputs of the model reach, so that a format can look at their weights: a test for
// a trigger may be written as a convolution whose kernel is a pattern. What behaves so is to be given the kind Reduce, and what it
// leads to becomes first in turn. Errors are those of [Find].
func Firsts(g Graph) ([]First, error) {
	if err := check(g); err != nil {
		return nil, err
	}
	p := newPass(g, everything)
	p.run()
	return p.firsts(), nil
}

// check holds a graph to the bounds.
func check(g Graph) error {
	edges := 0
	fine := func(list []Value) bool {
		edges += len(list)
		for _, v := range list {
			if int(v) >= g.Values {
				return false
			}
		}
		return true
	}
	ok := fine(g.Inputs) && fine(g.Settings)
	for _, n := range g.Nodes {
		ok = ok && fine(n.Inputs) && fine(n.Outputs) && fine(n.Decides) && fine(n.Sizes)
	}
	if !ok {
		return source.Malformedf(0, "an operator uses a value that the graph does not have")
	}
	if g.Values > maxValues || edges > maxEdges {
		return fmt.Errorf("a graph of %d values and %d edges: %w", g.Values, edges, source.ErrBudget)
	}
	return nil
}
