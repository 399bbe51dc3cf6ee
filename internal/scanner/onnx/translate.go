package onnx

import (
	"errors"
	"fmt"
	"slices"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/backdoor"
)

// translation is the graph of a model as package backdoor sees it, with functions and the bodies of control flow written out.
type translation struct {
	r         *reader
	g         backdoor.Graph
	origin    []*node                    // of each node of g
	tensors   map[backdoor.Value]*tensor // constants
	maker     []int32                    // by value: the node of g that makes it, and 1 more
	functions map[string]*function
	calling   []*function // that are being written out
	steps     int         // nodes that were met, those of functions at each call
	err       error
}

// Bounds of a translation: operators, nodes that are met on the way, and functions in each other.
const (
	maxWritten = 1 << 17
	maxSteps   = 4 * maxWritten
	maxCalls   = 32
)

// errRecursive is the error of functions that call each other without end.
var errRecursive = errors.New("functions call each other")

// values are the names of a graph and of those around it.
type values struct {
	names map[string]backdoor.Value
	outer *values
}

// translate writes out the main graph.
func (r *reader) translate() (*translation, error) {
	t := &translation{r: r, tensors: map[backdoor.Value]*tensor{}, functions: map[string]*function{}}
	for _, f := range r.m.functions {
		t.functions[f.key()] = f
	}
	names := &values{names: map[string]backdoor.Value{}}
	t.constants(r.m.graph, names)
	t.inputs(r.m.graph, names)
	t.nodes(r.m.graph.nodes, names)
	t.localise()
	return t, t.err
}

// inputs declares the inputs of the main graph. Those that are a few numbers are settings, unless they are many or declared again.
func (t *translation) inputs(g *graph, s *values) {
	all, again := int64(0), false
	for i, name := range g.inputs {
		if v, known := s.names[name]; known {
			again = again || t.tensors[v] == nil // which type readers take differs; a constant is no input at all
			continue
		}
		v := t.declare(s, name)
		t.g.Inputs = append(t.g.Inputs, v)
		if i < len(g.numbers) && g.numbers[i] > 0 {
			all += g.numbers[i]
			t.g.Settings = append(t.g.Settings, v)
		}
	}
	if again || all > maxSettings {
		t.g.Settings = nil
	}
}

// value makes a new value.
func (t *translation) value() backdoor.Value {
	t.g.Values++
	return backdoor.Value(t.g.Values - 1)
}

// declare gives a name a value of its own, or returns that which it has in this graph.
func (t *translation) declare(s *values, name string) backdoor.Value {
	if name == "" {
		return backdoor.None
	}
	v, ok := s.names[name]
	if !ok {
		v = t.value()
		s.names[name] = v
	}
	return v
}

// lookup returns the value of a name in this graph or one around it; of one that nothing makes, a constant.
func (t *translation) lookup(s *values, name string) backdoor.Value {
	if name == "" {
		return backdoor.None
	}
	for at := s; at != nil; at = at.outer {
		if v, ok := at.names[name]; ok {
			return v
		}
	}
	return t.declare(s, name)
}

// lookups returns the values of names.
func (t *translation) lookups(s *values, names []string) []backdoor.Value {
	out := make([]backdoor.Value, len(names))
	for i, name := range names {
		out[i] = t.lookup(s, name)
	}
	return out
}

// constants declares the initializers of a graph.
func (t *translation) constants(g *graph, s *values) {
	for _, x := range g.tensors {
		if v := t.declare(s, x.name); v >= 0 {
			t.tensors[v] = x
		}
	}
}

// emit adds a node that comes from one of the model.
func (t *translation) emit(n *node, out backdoor.Node) {
	if len(t.g.Nodes) >= maxWritten && t.err == nil {
		t.err = fmt.Errorf("functions that are more than %d operators when they are written out: %w", maxWritten, source.ErrBudget)
	}
	if t.err != nil {
		return
	}
	for _, v := range out.Outputs {
		if v >= 0 {
			t.maker = append(t.maker, make([]int32, max(0, t.g.Values-len(t.maker)))...)
			t.maker[v] = int32(len(t.g.Nodes) + 1) // of at most maxWritten
		}
	}
	t.g.Nodes, t.origin = append(t.g.Nodes, out), append(t.origin, n)
}

// madeBy returns the node of g that makes a value; ok is false if none does.
func (t *translation) madeBy(v backdoor.Value) (i int, ok bool) {
	if v < 0 || int(v) >= len(t.maker) || t.maker[v] == 0 {
		return 0, false
	}
	return int(t.maker[v]) - 1, true
}

// nodes writes out the nodes of a graph, whatever their order.
func (t *translation) nodes(nodes []*node, s *values) {
	for _, n := range nodes {
		for _, out := range n.outputs {
			t.declare(s, out)
		}
	}
	for _, n := range nodes {
		if t.err != nil {
			return
		}
		t.node(n, s)
	}
}

// node writes out one node.
func (t *translation) node(n *node, s *values) {
	if t.steps++; t.steps > maxSteps {
		t.err = fmt.Errorf("functions that are more than %d operators when they are written out: %w", maxSteps, source.ErrBudget)
		return
	}
	in, out := t.lookups(s, n.inputs), t.lookups(s, n.outputs)
	f := t.function(n)
	graphs := n.graphs()
	switch {
	case f != nil:
		t.call(n, f, in, out)
	case n.op == "If" && len(graphs) > 0:
		t.branches(n, graphs, in, out, s)
	case n.op == "Loop" && len(graphs) > 0:
		t.loop(n, graphs[0], in, out, s)
	case len(graphs) > 0:
		t.bodies(n, graphs, in, out, s)
	default:
		t.plain(n, in, out)
	}
}

// function returns the function of the model that a node calls, nil if it is none. A function that stands in for a standard operator
// means that operator where it names itself.
func (t *translation) function(n *node) *function {
	f := t.functions[functionKey(n.domain, n.op, n.overload)]
	if f == nil {
		f = t.functions[functionKey(n.domain, n.op, "")]
	}
	if f != nil && slices.Contains(t.calling, f) && operators.Has(operatorKey(n.domain, n.op)) {
		return nil
	}
	return f
}

// graphs are all graphs in the attributes of a node.
func (n *node) graphs() []*graph {
	var out []*graph
	for _, a := range n.attributes {
		out = append(out, a.graphs...)
	}
	return out
}

// plain writes out a node without a body.
func (t *translation) plain(n *node, in, out []backdoor.Value) {
	if a := n.attr("value"); n.op == "Constant" && a != nil && a.tensor != nil && len(out) == 1 && out[0] >= 0 {
		t.tensors[out[0]] = a.tensor
	}
	b := behaves(n)
	node := backdoor.Node{Op: n.op, Kind: b.kind, Inputs: in, Outputs: out, Decides: choice(in, b.decides), Sizes: choice(in, b.sizes)}
	if n.op == "Gather" && len(in) == 2 && t.constant(in[0]) != nil {
		node.Kind = backdoor.Learned // an embedding, unless its weights are none
	}
	t.emit(n, node)
}

// localise marks the operators that combine their input with a constant of many elements, once all are written out.
func (t *translation) localise() {
	for i := range t.g.Nodes {
		n := &t.g.Nodes[i]
		if !combines(n.Op) {
			continue
		}
		for _, v := range n.Inputs {
			if x := t.constant(v); x != nil && (x.outside || x.sparse || x.size > x.width()) {
				n.Kind |= backdoor.Local
			}
		}
	}
}

// choice returns those of the values that stand at the given places.
func choice(values []backdoor.Value, places []int) []backdoor.Value {
	var out []backdoor.Value
	for _, i := range places {
		if i < len(values) {
			out = append(out, values[i])
		}
	}
	return out
}

// call writes out the body of a function in place of its call.
func (t *translation) call(n *node, f *function, in, out []backdoor.Value) {
	if len(t.calling) >= maxCalls {
		t.r.malformed(f.at, f.name, "Functions of the model call each other without end, or deeper than anybody writes.")
		t.err = errRecursive
		return
	}
	t.calling = append(t.calling, f)
	defer func() { t.calling = t.calling[:len(t.calling)-1] }()
	s := &values{names: map[string]backdoor.Value{}}
	for i, name := range f.inputs {
		if i < len(in) && name != "" && in[i] >= 0 {
			s.names[name] = in[i]
		}
	}
	t.nodes(f.nodes, s)
	for i, name := range f.outputs {
		if i < len(out) && out[i] >= 0 {
			t.emit(n, backdoor.Node{Op: "Identity", Inputs: []backdoor.Value{t.lookup(s, name)}, Outputs: out[i : i+1]})
		}
	}
}

// branches writes out an If: what it returns is chosen from its branches.
func (t *translation) branches(n *node, graphs []*graph, in, out []backdoor.Value, s *values) {
	results := make([][]backdoor.Value, len(out))
	for _, g := range graphs {
		_, returned := t.body(g, s)
		for i := range out {
			if i < len(returned) {
				results[i] = append(results[i], returned[i])
			}
		}
	}
	for i, v := range out {
		t.emit(n, backdoor.Node{Op: n.op, Kind: backdoor.Choose, Inputs: append(in[:len(in):len(in)], results[i]...), Outputs: []backdoor.Value{v}, Decides: in})
	}
}

// body writes out a graph within another, and returns the values of its inputs and outputs.
func (t *translation) body(g *graph, outer *values) (in, out []backdoor.Value) {
	s := &values{names: map[string]backdoor.Value{}, outer: outer}
	t.constants(g, s)
	for _, name := range g.inputs {
		in = append(in, t.declare(s, name))
	}
	t.nodes(g.nodes, s)
	return in, t.lookups(s, g.outputs)
}

// loop writes out a Loop: inputs are the number of rounds, a condition and what is carried from round to round; the body takes the round,
// the condition and what is carried, and returns the condition, what is carried, and what is gathered over the rounds.
func (t *translation) loop(n *node, g *graph, in, out []backdoor.Value, s *values) {
	inner, returned := t.body(g, s)
	for k, v := range inner {
		if k == 0 || v < 0 {
			continue
		}
		var from []backdoor.Value
		if k < len(in) {
			from = append(from, in[k])
		}
		if k-1 < len(returned) {
			from = append(from, returned[k-1])
		}
		t.emit(n, backdoor.Node{Op: "Identity", Inputs: from, Outputs: []backdoor.Value{v}})
	}
	rounds := in[:min(2, len(in))]
	for i, v := range out {
		from := rounds[:len(rounds):len(rounds)]
		if i+2 < len(in) {
			from = append(from, in[i+2])
		}
		if i+1 < len(returned) {
			from = append(from, returned[i+1])
		}
		t.emit(n, backdoor.Node{Op: n.op, Kind: backdoor.Choose, Inputs: from, Outputs: []backdoor.Value{v}, Decides: rounds})
	}
}

// bodies writes out an operator with graphs of which no more is known: all that goes in may reach all that comes out.
func (t *translation) bodies(n *node, graphs []*graph, in, out []backdoor.Value, s *values) {
	var returned []backdoor.Value
	for _, g := range graphs {
		inner, results := t.body(g, s)
		t.emit(n, backdoor.Node{Op: "Identity", Inputs: append(in[:len(in):len(in)], results...), Outputs: inner})
		returned = append(returned, results...)
	}
	t.emit(n, backdoor.Node{Op: n.op, Inputs: returned, Outputs: out})
}
