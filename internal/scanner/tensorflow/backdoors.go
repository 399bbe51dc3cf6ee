package tensorflow

import (
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/backdoor"
	"modelgate/internal/threat"
)

// Bounds of the graph in which functions are inlined.
const (
	maxInlined = 200_000   // operators of all instances
	maxValues  = 1_000_000 // values that are told apart
	maxCalls   = 64        // calls within calls
)

// inliner writes a model as one abstract graph: each call of a function is a copy of its body, with what it is given in the place of
// its arguments.
type inliner struct {
	f       *flow
	graph   backdoor.Graph
	origins []place
	depth   int
}

// backdoors reports gates that the model's input switches and on which its outputs depend.
func (j *judge) backdoors(f *flow) error {
	if j.m.main == nil {
		return nil
	}
	b := &inliner{f: f}
	main := b.expand(j.m.main, nil)
	b.graph.Inputs = main.given(j.m)
	if len(b.graph.Inputs) == 0 {
		return nil
	}
	b.settings()
	b.templates()
	hits, err := backdoor.Find(b.graph)
	if err != nil {
		return err
	}
	used := b.used(main.asked(j.m))
	for _, h := range hits {
		if used == nil || used[h.Node] {
			j.sink.Find(b.finding(h))
		}
	}
	return nil
}

// finding is that of a gate.
func (b *inliner) finding(h backdoor.Hit) finding.Finding {
	var trail []string
	for _, i := range h.Trail {
		trail = append(trail, b.graph.Nodes[i].Op)
	}
	p := b.origins[h.Node]
	what := "chooses between answers"
	switch h.Kind {
	case backdoor.Combine:
		what = "adds to the answer or scales it"
	case backdoor.Pick:
		what = "picks from the answer or overwrites it"
	}
	f := finding.New(threat.TF200, p.node().at, fmt.Sprintf(
		"The operator %s %s, as a test of the input decides that runs beside the learned operators (%s).", p, what, strings.Join(trail, ", ")))
	f.Role, f.Module, f.Operator, f.Evidence = finding.RoleOperator, "tensorflow", p.node().op, source.Evidence(strings.Join(trail, " > "))
	return f
}

// instance is a copy of a graph: the values of each of its nodes, by output. Nodes that call nothing have one for all outputs.
type instance struct {
	g    *graph
	args []backdoor.Value
	outs [][]backdoor.Value
}

// value makes a new value.
func (b *inliner) value() backdoor.Value {
	v := backdoor.Value(b.graph.Values)
	b.graph.Values++
	return v
}

// add adds a node of the abstract graph for a node of the model.
func (b *inliner) add(p place, n backdoor.Node) {
	b.graph.Nodes = append(b.graph.Nodes, n)
	b.origins = append(b.origins, p)
}

// expand makes a copy of a graph with the values of its arguments.
func (b *inliner) expand(g *graph, args []backdoor.Value) *instance {
	in := &instance{g: g, args: args, outs: make([][]backdoor.Value, len(g.nodes))}
	b.depth++
	defer func() { b.depth-- }()
	for i := range g.nodes {
		n := &g.nodes[i]
		count := 1
		if n.op == fillsRows {
			count = emptyRow + 1
		}
		if callees := b.f.callees(n); len(callees) > 0 {
			for _, callee := range callees {
				count = max(count, len(callee.results))
				if callee.variadic {
					count = max(count, len(n.data()))
				}
			}
			if count = min(count, maxOutputs); b.graph.Values > maxValues {
				count = 1
			}
		}
		for range count {
			in.outs[i] = append(in.outs[i], b.value())
		}
	}
	for i := range g.nodes {
		b.node(in, place{g, i})
	}
	return in
}

// fillsRows is the operator that gives rows of a sparse tensor without elements one, in front of every look-up of embeddings. The last of
// its outputs that matter here says which rows had none, as a mask does: a row without a single word is answered with zeros.
const (
	fillsRows     = "SparseFillEmptyRows"
	emptyRow      = 2
	emptyRowNamed = ":empty_row_indicator:"
)

// maxOutputs bounds the outputs of a call that are told apart.
const maxOutputs = 4096

// of is the value of an input of a node, None if it only orders or does not exist.
func (in *instance) of(input string) backdoor.Value {
	name, data := sourceOf(input)
	if !data {
		return backdoor.None
	}
	if i, ok := in.g.index[name]; ok {
		outs, at := in.outs[i], outputOf(input)
		if in.g.nodes[i].op == fillsRows && strings.Contains(input, emptyRowNamed) {
			at = emptyRow
		}
		return outs[min(at, len(outs)-1)]
	}
	if at := in.g.arg(name); at >= 0 && at < len(in.args) {
		return in.args[at]
	}
	return backdoor.None
}

// outputOf is the number at the end of an input: node:1 in graphs, node:output:1 in functions.
func outputOf(input string) int {
	at := strings.LastIndexByte(input, ':')
	if at < 0 {
		return 0
	}
	n := 0
	for _, c := range input[at+1:] {
		if c < '0' || c > '9' || n > maxOutputs {
			return 0
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// values are those of the data inputs of a node.
func (in *instance) values(n *node) []backdoor.Value {
	data := n.data()
	out := make([]backdoor.Value, 0, len(data))
	for _, input := range data {
		out = append(out, in.of(input))
	}
	return out
}

// node adds what a node of an instance is.
func (b *inliner) node(in *instance, p place) {
	n := p.node()
	inputs, outs := in.values(n), in.outs[p.i]
	callees := b.f.callees(n)
	if len(callees) == 0 {
		if n.op == fillsRows && len(outs) > emptyRow {
			b.add(p, backdoor.Node{Op: n.op, Kind: backdoor.Filled, Inputs: inputs, Outputs: outs[emptyRow:]})
			outs = outs[:emptyRow]
		}
		b.sizes(p, inputs)
		b.add(p, operator(p, inputs, outs, in))
		return
	}
	size := 0
	for _, g := range callees {
		size += len(g.nodes)
	}
	if len(b.graph.Nodes)+size+len(outs) > maxInlined || b.depth >= maxCalls {
		b.add(p, backdoor.Node{Op: n.op, Inputs: inputs, Outputs: outs})
		return
	}
	switch n.op {
	case "If", "StatelessIf", "Case", "StatelessCase":
		b.branches(p, callees, inputs, outs)
	case "While", "StatelessWhile":
		b.loop(p, inputs, outs)
	default:
		for _, g := range callees {
			b.link(p, b.results(g, inputs), outs)
		}
	}
}

// sizes replaces the input of an operator that only says how large its result is: that decides about the shape and not about the data.
func (b *inliner) sizes(p place, inputs []backdoor.Value) {
	at := 1
	switch p.node().op {
	case "Fill":
		at = 0
	case "Reshape", "BroadcastTo", "Tile":
	default:
		return
	}
	if at >= len(inputs) || inputs[at] < 0 {
		return
	}
	size, given := b.value(), []backdoor.Value{inputs[at]}
	b.add(p, backdoor.Node{Op: "Shape", Kind: backdoor.Filled, Inputs: given, Sizes: given, Outputs: []backdoor.Value{size}})
	inputs[at] = size
}

// results are the values that a function returns for the values that it is given.
func (b *inliner) results(g *graph, args []backdoor.Value) []backdoor.Value {
	copied := b.expand(g, args)
	var out []backdoor.Value
	for _, name := range g.results {
		out = append(out, copied.of(g.rets[name]))
	}
	return out
}

// link says that outputs are the values from.
func (b *inliner) link(p place, from, outs []backdoor.Value) {
	for i, v := range from {
		if i < len(outs) {
			b.add(p, backdoor.Node{Op: "Identity", Inputs: []backdoor.Value{v}, Outputs: outs[i : i+1]})
		}
	}
}

// branches adds the branches of a condition, and a choice between what they return.
func (b *inliner) branches(p place, callees []*graph, inputs, outs []backdoor.Value) {
	if len(inputs) == 0 {
		return
	}
	choices := make([][]backdoor.Value, len(outs))
	for _, g := range callees {
		for i, v := range b.results(g, inputs[1:]) {
			if i < len(choices) {
				choices[i] = append(choices[i], v)
			}
		}
	}
	for i, c := range choices {
		b.add(p, backdoor.Node{
			Op: p.node().op, Kind: backdoor.Choose, Inputs: append(inputs[:1:1], c...), Decides: inputs[:1], Outputs: outs[i : i+1],
		})
	}
}

// loop adds the body of a loop, whose variables are what they were at first or what the body returns. How often it runs decides nothing
// here: searches and decoders all end by a test of what they have.
func (b *inliner) loop(p place, inputs, outs []backdoor.Value) {
	body := b.f.m.byName[p.node().details().body]
	if body == nil {
		b.add(p, backdoor.Node{Op: p.node().op, Inputs: inputs, Outputs: outs})
		return
	}
	b.link(p, inputs, outs)
	b.link(p, b.results(body, outs), outs)
}

// given are the values that callers give: the inputs of the signatures, or else every placeholder.
func (in *instance) given(m *model) []backdoor.Value {
	var out []backdoor.Value
	for _, t := range m.inputs {
		if v := in.of(t); v >= 0 {
			out = append(out, v)
		}
	}
	if len(out) > 0 {
		return out
	}
	for i := range in.g.nodes {
		switch in.g.nodes[i].op {
		case "Placeholder", "PlaceholderV2", "PlaceholderWithDefault":
			out = append(out, in.outs[i][0])
		}
	}
	return out
}

// asked are the values that callers ask for, by the signatures.
func (in *instance) asked(m *model) []backdoor.Value {
	var out []backdoor.Value
	for _, t := range m.outputs {
		if v := in.of(t); v >= 0 {
			out = append(out, v)
		}
	}
	return out
}

// used tells which nodes the given values depend on; nil if there are none.
func (b *inliner) used(values []backdoor.Value) []bool {
	if len(values) == 0 {
		return nil
	}
	makers := make([][]int32, b.graph.Values)
	for i, n := range b.graph.Nodes {
		for _, v := range n.Outputs {
			makers[v] = append(makers[v], int32(i))
		}
	}
	used := make([]bool, len(b.graph.Nodes))
	next := values
	for len(next) > 0 {
		v := next[len(next)-1]
		next = next[: len(next)-1 : len(next)-1]
		for _, i := range makers[v] {
			if used[i] {
				continue
			}
			used[i] = true
			for _, from := range b.graph.Nodes[i].Inputs {
				if from >= 0 {
					next = append(next, from)
				}
			}
		}
		makers[v] = nil
	}
	return used
}
