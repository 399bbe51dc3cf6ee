package tensorflow

// Bounds of what is followed for one operator, and for all of a file.
const (
	maxCone  = 20_000
	maxSteps = 2 << 20
)

// flow answers where the inputs of a node come from, across calls of functions.
type flow struct {
	m       *model
	callers map[string][]site // by function
	steps   int
}

// site is a call of a function.
type site struct{ place }

func newFlow(m *model) *flow {
	f := &flow{m: m, callers: map[string][]site{}}
	for _, g := range m.graphs() {
		for i := range g.nodes {
			for _, callee := range f.callees(&g.nodes[i]) {
				f.callers[callee.name] = append(f.callers[callee.name], site{place{g, i}})
			}
		}
	}
	return f
}

// callees are the functions of the model that a node calls.
func (f *flow) callees(n *node) []*graph {
	var out []*graph
	if g := f.m.byName[n.op]; g != nil {
		out = append(out, g)
	}
	for _, name := range n.details().calls {
		if g := f.m.byName[name]; g != nil {
			out = append(out, g)
		}
	}
	return out
}

// cone is everything that a value is made of.
type cone struct {
	nodes []place
	sites []site
	// open says that the value may depend on something else: an argument of a call that is not understood, a name that does not
	// exist, or too much to follow.
	open bool
	// free says that it depends on an argument of a function that nobody calls.
	free bool
}

// value is a tensor by the name of its node or argument.
type tensor struct {
	g    *graph
	name string
}

// cone follows inputs of a node backwards, through functions in both directions.
func (f *flow) cone(p place, inputs ...string) cone {
	var c cone
	seen := map[tensor]bool{}
	var next []tensor
	push := func(g *graph, inputs ...string) {
		for _, in := range inputs {
			name, data := sourceOf(in)
			if t := (tensor{g, name}); data && !seen[t] {
				seen[t] = true
				next = append(next, t)
			}
		}
	}
	push(p.g, inputs...)
	for len(next) > 0 {
		t := next[len(next)-1]
		next = next[:len(next)-1]
		if f.steps++; len(seen) > maxCone || f.steps > maxSteps {
			c.open = true
			return c
		}
		if i, ok := t.g.index[t.name]; ok {
			f.through(&c, place{t.g, i}, push)
			continue
		}
		arg := t.g.arg(t.name)
		if arg < 0 {
			c.open = true
			continue
		}
		sites := f.callers[t.g.name]
		if f.steps += len(sites); len(sites) > maxCone {
			c.open = true
			return c
		}
		c.free = c.free || len(sites) == 0
		for _, s := range sites {
			fed, exact := s.feeds(t.g, arg)
			c.open = c.open || !exact
			c.sites = append(c.sites, s)
			push(s.g, fed...)
		}
	}
	return c
}

// through adds a node to a cone, and pushes what it depends on.
func (f *flow) through(c *cone, p place, push func(g *graph, inputs ...string)) {
	c.nodes = append(c.nodes, p)
	n := p.node()
	push(p.g, n.data()...)
	for _, callee := range f.callees(n) {
		for _, ret := range callee.rets {
			push(callee, ret)
		}
	}
	if n.op == "VarHandleOp" || n.op == "VariableV2" || n.op == "Variable" {
		f.written(c, p, push)
	}
}

// written pushes what a variable is set to. One that is handed to something else than reads and assignments is open.
func (f *flow) written(c *cone, p place, push func(g *graph, inputs ...string)) {
	name := p.node().name
	for i := range p.g.nodes {
		n := &p.g.nodes[i]
		if f.steps++; f.steps > maxSteps {
			c.open = true
			return
		}
		for at, in := range n.data() {
			if from, _ := sourceOf(in); from != name {
				continue
			}
			switch {
			case (n.op == "AssignVariableOp" || n.op == "Assign") && at == 0 && len(n.data()) > 1:
				push(p.g, n.data()[1])
			case n.op == "ReadVariableOp" || n.op == "VarIsInitializedOp" || n.op == "Identity" || n.op == "IsVariableInitialized":
			default:
				c.open = true
			}
		}
	}
}

// feeds are the inputs of a call that become an argument of the function; exact is false if which ones is not known.
func (s site) feeds(callee *graph, arg int) (inputs []string, exact bool) {
	n := s.node()
	data := n.data()
	at := arg
	switch n.op {
	case callee.name, "StatefulPartitionedCall", "PartitionedCall", "While", "StatelessWhile", "TPUPartitionedCall":
	case "If", "StatelessIf", "Case", "StatelessCase", "RemoteCall":
		at++
	default:
		return data, false
	}
	if callee.variadic || at >= len(data) {
		return data, false
	}
	return data[at : at+1], true
}

// reach is what runs when some nodes of the main graph are asked for.
type reach struct {
	main      map[int]bool
	functions map[*graph]bool
}

// has tells whether a node is among what runs. Of a function that is called, every node is.
func (r reach) has(p place) bool {
	if p.g.name == "" {
		return r.main[p.i]
	}
	return r.functions[p.g]
}

// from returns what runs when the nodes with the given names, or of the given tensors, are asked for, and functions are called.
func (f *flow) from(names, functions []string) reach {
	r := reach{main: map[int]bool{}, functions: map[*graph]bool{}}
	var calls []*graph
	call := func(list []*graph) {
		for _, g := range list {
			if !r.functions[g] {
				r.functions[g] = true
				calls = append(calls, g)
			}
		}
	}
	if main := f.m.main; main != nil {
		next := names
		for len(next) > 0 {
			name, _ := sourceOf(next[len(next)-1])
			next = next[:len(next)-1]
			i, ok := main.index[name]
			if !ok || r.main[i] {
				continue
			}
			r.main[i] = true
			next = append(next[:len(next):len(next)], main.nodes[i].inputs...)
			call(f.callees(&main.nodes[i]))
		}
	}
	for _, name := range functions {
		if g := f.m.byName[name]; g != nil {
			call([]*graph{g})
		}
	}
	for len(calls) > 0 {
		g := calls[len(calls)-1]
		calls = calls[:len(calls)-1]
		for i := range g.nodes {
			call(f.callees(&g.nodes[i]))
		}
	}
	return r
}
