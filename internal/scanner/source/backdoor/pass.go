package backdoor

import "slices"

// flags are what lies on the ways to a value.
type flags uint8

const (
	reach flags = 1 << iota
	learned
	compare
	reduce
	judged
	local
)

func (f flags) has(all flags) bool { return f&all == all }

// minOps is how many different operators an arithmetic test needs: difference, magnitude, reduction.
const minOps = 3

// ways sums up the ways to a value: their flags, the first few of the different operators on them, and the inputs from which they come
// (those from the 64th on as one).
type ways struct {
	flags flags
	n     uint8
	ops   [minOps]uint16
	from  uint64
}

// with is the union of two sums.
func (w ways) with(other ways) ways {
	w.flags |= other.flags
	w.from |= other.from
	for _, op := range other.ops[:other.n] {
		w = w.through(op)
	}
	return w
}

// through adds an operator to the ways.
func (w ways) through(op uint16) ways {
	if int(w.n) < minOps && !slices.Contains(w.ops[:w.n], op) {
		w.ops[w.n] = op
		w.n++
	}
	return w
}

// everything is the set of all inputs.
const everything = ^uint64(0)

// inputBit is an input in a set of them, by its place in the graph.
func inputBit(i int) uint64 { return 1 << min(i, maxInputs-1) }

// pass computes the ways to every value of a graph.
type pass struct {
	g     Graph
	order []int32 // nodes, those that make a value in front of those that use it
	loops bool    // the graph has a cycle
	ops   []uint16
	data  []ways // by value: ways to its data
	shape []ways // ways to its shape
	maker []int32
}

func newPass(g Graph, inputs uint64) *pass {
	p := &pass{
		g: g, data: make([]ways, g.Values), shape: make([]ways, g.Values), maker: make([]int32, g.Values),
		ops: make([]uint16, len(g.Nodes)),
	}
	for v := range p.maker {
		p.maker[v] = -1
	}
	names := map[string]uint16{}
	for i, n := range g.Nodes {
		id, ok := names[n.Op]
		if !ok {
			id = uint16(len(names)) // more names than that are not told apart, which no rule minds
			names[n.Op] = id
		}
		p.ops[i] = id
		for _, v := range n.Outputs {
			if v >= 0 {
				p.maker[v] = int32(i)
			}
		}
	}
	for i, v := range g.Inputs {
		if bit := inputBit(i); v >= 0 && inputs&bit != 0 {
			p.data[v].flags |= reach
			p.data[v].from |= bit
		}
	}
	p.sort()
	return p
}

// sort puts the nodes in topological order. Those of cycles, and what lies behind them, follow in the order of the graph.
func (p *pass) sort() {
	waits := make([]int32, len(p.g.Nodes))
	users := make([][]int32, len(p.g.Nodes))
	for i, n := range p.g.Nodes {
		for _, v := range n.Inputs {
			if v < 0 {
				continue
			}
			if maker := p.maker[v]; maker >= 0 {
				users[maker] = append(users[maker], int32(i))
				waits[i]++
			}
		}
	}
	p.order = make([]int32, 0, len(p.g.Nodes))
	for i, n := range waits {
		if n == 0 {
			p.order = append(p.order, int32(i))
		}
	}
	for at := 0; at < len(p.order); at++ {
		for _, user := range users[p.order[at]] {
			if waits[user]--; waits[user] == 0 {
				p.order = append(p.order, user)
			}
		}
	}
	if len(p.order) == len(p.g.Nodes) {
		return
	}
	p.loops = true
	for i, n := range waits {
		if n > 0 {
			p.order = append(p.order, int32(i))
		}
	}
}

// run follows the nodes; a graph with cycles until nothing changes, within the bound.
func (p *pass) run() {
	for range maxPasses {
		changed := false
		for _, i := range p.order {
			changed = p.follow(int(i)) || changed
		}
		if !p.loops || !changed {
			return
		}
	}
}

// union sums up the ways to several values.
func union(state []ways, values []Value) ways {
	var w ways
	for _, v := range values {
		if v >= 0 {
			w = w.with(state[v])
		}
	}
	return w
}

// follow computes the ways to the outputs of a node, and tells whether they are new.
func (p *pass) follow(i int) bool {
	n := p.g.Nodes[i]
	data, shape := union(p.data, n.Inputs), union(p.shape, n.Inputs)
	if len(n.Sizes) > 0 {
		shape = shape.with(union(p.data, n.Sizes))
	}
	if n.Kind&Counts != 0 {
		shape = shape.with(decide(data, Reduce, p.ops[i]))
	}
	switch {
	case n.Kind&Learned != 0 && data.flags&(reach|learned) != 0:
		data = ways{flags: learned}
	case n.Kind&Learned != 0:
		data = ways{} // of constants
	case n.Kind&Shape != 0:
		data, shape = shape, ways{}
	case n.Kind&Filled != 0:
		data = ways{}
	default:
		data = decide(data, n.Kind, p.ops[i])
	}
	changed := false
	for _, v := range n.Outputs {
		if v < 0 {
			continue
		}
		d, s := p.data[v].with(data), p.shape[v].with(shape)
		changed = changed || d != p.data[v] || s != p.shape[v]
		p.data[v], p.shape[v] = d, s
	}
	return changed
}

// decide is what an operator makes of the ways to its input. Only ways that come from the model's input count.
func decide(w ways, kind Kind, op uint16) ways {
	if !w.flags.has(reach) {
		return w
	}
	before := w.flags
	if kind&Compare != 0 || kind&Threshold != 0 && before.has(reduce) {
		w.flags |= compare
		if before.has(reduce) {
			w.flags |= judged
		}
	}
	if kind&Reduce != 0 && before.has(compare) {
		w.flags |= judged
	}
	if kind&(Reduce|Position) != 0 {
		w.flags |= reduce
	}
	if kind&Local != 0 {
		w.flags |= local
	}
	return w.through(op)
}

// looked returns the inputs that the learned operators look at: those that reach one without being mixed with the outcome of another. Settings
// are among them only if there is nothing else to look at. All inputs, if the learned operators look at none.
func (p *pass) looked() uint64 {
	var from uint64
	for _, n := range p.g.Nodes {
		if n.Kind&Learned == 0 {
			continue
		}
		for _, v := range n.Inputs {
			if v >= 0 && !p.data[v].flags.has(learned) {
				from |= p.data[v].from
			}
		}
	}
	if judged := from &^ p.settings(); judged != 0 {
		return judged
	}
	if from == 0 {
		return everything
	}
	return from
}

// settings are the inputs that hold a few numbers and no more. One that shares its place in the set with others is none.
func (p *pass) settings() uint64 {
	var set uint64
	for i, v := range p.g.Inputs {
		if i < maxInputs-1 && v >= 0 && slices.Contains(p.g.Settings, v) {
			set |= inputBit(i)
		}
	}
	return set
}

// firsts are the learned operators with an input that is raw.
func (p *pass) firsts() []First {
	var out []First
	for i, n := range p.g.Nodes {
		if n.Kind&Learned == 0 {
			continue
		}
		first := First{Node: i}
		for _, v := range n.Inputs {
			if v < 0 {
				continue
			}
			switch flags := p.data[v].flags; {
			case flags.has(reach):
				first.Raw = append(first.Raw, v)
			case flags.has(learned):
				first.Learned = true
			default:
				first.Weights = append(first.Weights, v)
			}
		}
		if len(first.Raw) > 0 {
			out = append(out, first)
		}
	}
	return out
}

// hits are the gates that the inputs switch.
func (p *pass) hits() []Hit {
	var out []Hit
	for i, n := range p.g.Nodes {
		kind, by := p.gate(n)
		if kind != 0 {
			out = append(out, Hit{Node: i, Kind: kind, Trail: p.trail(i, by)})
		}
	}
	return out
}

// gate tells which kind of gate that is switched a node is, 0 if none, and by which values.
func (p *pass) gate(n Node) (Kind, []Value) {
	switch {
	case n.Kind&Choose != 0:
		if by := union(p.data, n.Decides).flags; by.has(reach|compare|reduce) && (by.has(local) || p.rest(n).has(learned)) {
			return Choose, n.Decides
		}
	case n.Kind&(Combine|Learned) != 0: // a product of matrices chooses too
		if side := p.side(n); side >= 0 {
			return Combine, n.Inputs[side : side+1]
		}
	case n.Kind&Pick != 0:
		if switches(union(p.data, n.Decides).flags) && p.rest(n).has(learned) {
			return Pick, n.Decides
		}
	}
	return 0, nil
}

// side is which input of a node is an arithmetic switch of another one, which is learned; -1 if none is.
func (p *pass) side(n Node) int {
	side, answer := -1, false
	for i, v := range n.Inputs {
		if v < 0 {
			continue
		}
		if w := p.data[v]; switches(w.flags) && w.n >= minOps {
			side = i
		} else if w.flags.has(learned) {
			answer = true
		}
	}
	if !answer {
		return -1
	}
	return side
}

// rest sums up the ways to those inputs of a gate that do not decide.
func (p *pass) rest(n Node) flags {
	var rest flags
	for _, v := range n.Inputs {
		if v >= 0 && !slices.Contains(n.Decides, v) {
			rest |= p.data[v].flags
		}
	}
	return rest
}

// switches tells whether a value is a decision over parts of the input and nothing else.
func switches(f flags) bool { return f.has(reach|judged|local) && !f.has(learned) }

// trail follows one way back from a gate to an input.
func (p *pass) trail(gate int, by []Value) []int {
	trail := []int{gate}
	seen := map[int32]bool{int32(gate): true}
	for len(trail) < maxTrail {
		next := int32(-1)
		var most flags
		for _, v := range by {
			if v < 0 || p.maker[v] < 0 || seen[p.maker[v]] {
				continue
			}
			if f := (p.data[v].flags | p.shape[v].flags) &^ learned; f.has(reach) && (next < 0 || f > most) {
				next, most = p.maker[v], f
			}
		}
		if next < 0 {
			break
		}
		seen[next] = true
		trail = append(trail, int(next))
		by = p.g.Nodes[next].Inputs
	}
	slices.Reverse(trail)
	return trail
}
