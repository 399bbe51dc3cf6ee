package tensorflow

import (
	"slices"
	"strings"

	"modelgate/internal/finding"
)

// node is an operator of a graph, or a call of a function.
type node struct {
	at     int64
	name   string
	op     string
	inputs []string // "node", "node:1", in functions "node:output:0" or an argument; "^node" only orders
	more   *details // nil for nodes that have none, which most are
}

// details are what attributes of a node say that names something or is a constant.
type details struct {
	calls []string // functions that the node calls
	body  string   // the one of them that is the body of a loop
	attrs []attr   // strings
	value value    // of the tensor in the attribute "value"
}

// graphSize is what the body of a function takes in memory without its nodes.
const graphSize = 640

// nodeSize is what a node without details takes in memory, also while lists of them grow, and detailSize what its details add.
const (
	nodeSize   = 160
	detailSize = 128
)

// details are those of a node, empty if it has none.
func (n *node) details() details {
	if n.more == nil {
		return details{}
	}
	return *n.more
}

// attr is a string attribute of a node.
type attr struct{ name, text string }

// attribute is the first string of an attribute, "" if there is none.
func (n *node) attribute(name string) string {
	for _, a := range n.details().attrs {
		if a.name == name {
			return a.text
		}
	}
	return ""
}

// value is what is known of a constant. Numbers are not read.
type value struct {
	dtype   int64
	dims    []int64
	strings []string // the first few
	more    bool     // strings are left that were not read, or not to their end
}

// elements is how many numbers or strings a constant has; -1 if its shape is none.
func (v value) elements() int64 {
	count := int64(1)
	for _, dim := range v.dims {
		if dim < 0 || dim > 1<<31 || count > 1<<31 {
			return -1
		}
		count *= dim
	}
	return count
}

// graph is the main graph, or the body of a function.
type graph struct {
	name     string // of the function; "" is the main graph
	at       int64
	nodes    []node
	args     []string
	results  []string
	variadic bool // an argument stands for several tensors
	rets     map[string]string
	orders   []string // nodes that run even if nobody uses their outputs

	index map[string]int
	twice string // a name that two nodes have
}

// data are the inputs that a node computes with, in order.
func (n *node) data() []string {
	out := n.inputs
	for i, in := range n.inputs {
		if strings.HasPrefix(in, "^") { // all that follow do
			out = n.inputs[:i]
			break
		}
	}
	return out
}

// build makes the index of a graph.
func (g *graph) build() {
	g.index = make(map[string]int, len(g.nodes))
	for i := range g.nodes {
		if _, dup := g.index[g.nodes[i].name]; dup && g.twice == "" {
			g.twice = g.nodes[i].name
		}
		g.index[g.nodes[i].name] = i
	}
}

// sourceOf is the name of the node or argument that an input comes from; data is false if it only orders.
func sourceOf(input string) (name string, data bool) {
	if name, ok := strings.CutPrefix(input, "^"); ok {
		return name, false
	}
	name, _, _ = strings.Cut(input, ":")
	return name, true
}

// arg is the index of an argument of a function, -1 if it has none of the name.
func (g *graph) arg(name string) int {
	for i, a := range g.args {
		if a == name {
			return i
		}
	}
	return -1
}

// saver names what saves and restores the variables of a meta graph, as tensors and nodes of its main graph.
type saver struct{ filename, save, restore string }

// model is a meta graph with its functions, or a graph alone.
type model struct {
	tags      []string
	main      *graph
	functions []*graph
	byName    map[string]*graph
	savers    []saver
	saves     []string          // functions that objects name to save and restore themselves
	callable  []string          // functions that objects have for their users
	assets    map[string]string // file under assets/ by tensor of the main graph
	inits     []string          // nodes that run when the model is loaded
	inputs    []string          // tensors that callers give, by signatures
	outputs   []string          // tensors that callers ask for, by signatures
	meta      bool              // it came with what a meta graph has
}

// graphs are the main graph and all functions.
func (m *model) graphs() []*graph {
	if m.main == nil {
		return m.functions
	}
	return append([]*graph{m.main}, m.functions...)
}

// place is a node by its graph.
type place struct {
	g *graph
	i int
}

func (p place) node() *node { return &p.g.nodes[p.i] }

// String says where a node stands, for a person.
func (p place) String() string {
	if p.g.name == "" {
		return p.node().name
	}
	return p.node().name + " in function " + p.g.name
}

// sortedAssets are the files that a model lists, in order.
func (m *model) sortedAssets() []string {
	var out []string
	for _, file := range m.assets {
		out = append(out, file)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// reference is that to an asset.
func reference(asset string) finding.Reference {
	return finding.Reference{Kind: finding.RefFile, Target: "assets/" + asset, Offset: -1}
}
