// Package mxnet scans models of Apache MXNet: the graph as JSON, and the parameters beside it.
//
// A graph (nnvm/src/pass/saveload_json.cc) is an object of nodes, whose inputs are numbers of earlier nodes:
//
//	{"nodes": [{"op": "null", "name": "data", "inputs": []},
//	           {"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": "8"}, "inputs": [[0, 0, 0], …], "subgraphs": […]}],
//	 "arg_nodes": [0, …], "node_row_ptr": […], "heads": [[3, 0, 0]], "attrs": {"mxnet_version": ["int", 10901]}}
//
// Attributes are strings, under "attrs", "attr" or "param" by release. Operators come from the library; some of them call code
// that was registered by name, hold pointers, or read files. Parameters are described in params.go.
package mxnet

import (
	"context"
	_ "embed" // operators.txt
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/threat"
)

//go:embed operators.txt
var operatorsText string

var operators = registry.Parse(operatorsText)

// Bounds of a graph: bytes of the document, graphs inside each other, and operators of a node, which has one.
const (
	maxSymbol   = 64 << 20
	maxDepth    = 64
	maxReadings = 4
)

// ProbeSymbol accepts JSON with the keys of a graph.
func ProbeSymbol(f *source.File) (bool, error) {
	shape, err := jsontree.ShapeOf(f)
	return shape.Has("nodes", "arg_nodes", "heads"), err
}

// ScanSymbol judges every node of a graph, and of the graphs inside its nodes.
func ScanSymbol(_ context.Context, f *source.File, s source.Sink) error {
	s.Format("mxnet")
	root, err := jsontree.ParseFile(f, maxSymbol)
	g := &graph{sink: s, unknown: map[string]*unknownOp{}}
	if !root.IsNone() { // what precedes a fault is judged all the same
		g.symbol(root, 0)
	}
	g.tell()
	return err
}

// graph is the walk over a document.
type graph struct {
	sink    source.Sink
	unknown map[string]*unknownOp
	order   []string
	faults  int
}

// unknownOp is an operator that nobody knows, told once with its number.
type unknownOp struct {
	at    int64
	name  string // of the first node
	count int
}

// symbol judges a graph.
func (g *graph) symbol(n jsontree.Node, depth int) {
	if depth > maxDepth {
		g.malformed(n.At(), "", "Graphs are nested more than %d deep.", maxDepth)
		return
	}
	for _, nodes := range n.All("nodes") {
		if !nodes.Is(jsontree.List) {
			g.malformed(nodes.At(), "", "The nodes of a graph are no list.")
			continue
		}
		for node := range nodes.Items() {
			g.node(node, nodes.Len(), depth)
		}
	}
}

// node judges a node.
func (g *graph) node(n jsontree.Node, count, depth int) {
	if !n.Is(jsontree.Object) {
		g.malformed(n.At(), "", "A node is no object.")
		return
	}
	for m := range n.Members() {
		if m.Twice && slices.Contains([]string{"op", "attrs", "attr", "param", "subgraphs"}, m.Key) {
			f := finding.New(threat.MGFMT403, m.At, "A key stands twice in a node, and readers differ in which value they take.")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(m.Key)
			g.sink.Find(f)
		}
		switch m.Key {
		case "inputs":
			g.inputs(m.Value, count)
		case "subgraphs":
			for sub := range m.Value.Items() {
				g.symbol(sub, depth+1)
			}
		}
	}
	ops, name := n.Some("op", maxReadings), n.Str("name")
	if len(ops) == 0 {
		g.malformed(n.At(), "", "A node has no operator.")
	}
	attributes := attributesOf(n)
	for _, op := range ops {
		g.operator(op, name, attributes)
	}
	for _, a := range attributes {
		g.attribute(a)
	}
}

// attribute is one attribute of a node.
type attribute struct {
	at         int64
	key, value string
}

// attributesOf are the attributes of a node under each of the keys that releases have used.
func attributesOf(n jsontree.Node) []attribute {
	var out []attribute
	for _, key := range []string{"attrs", "attr", "param"} {
		for _, set := range n.All(key) {
			for m := range set.Members() {
				out = append(out, attribute{m.Value.At(), m.Key, m.Value.Content()})
			}
		}
	}
	return out
}

// inputs checks that the inputs of a node are nodes of its graph.
func (g *graph) inputs(list jsontree.Node, count int) {
	for in := range list.Items() {
		source := in.First()
		if source.IsNone() {
			continue // numbers alone, in graphs of other compilers
		}
		if i, ok := source.Int(); !ok || i < 0 || i >= int64(count) {
			g.malformed(in.At(), source.Text(), "An input is no node of the graph.")
		}
	}
}

// operator judges the operator of a node.
func (g *graph) operator(n jsontree.Node, name string, attributes []attribute) {
	op := n.Content()
	switch {
	case op == "":
		g.malformed(n.At(), n.Text(), "The operator of a node is no name.")
	case op == "null": // a variable
	case isPointer(op):
		g.find(threat.MGOP301, n.At(), op, name, "The operator holds the address of code in an attribute, which running it calls.")
	case op == "Custom" || op == "_npi_Custom" || strings.HasPrefix(op, "_backward_Custom"):
		g.custom(n, op, name, attributes)
	case isScript(op):
		g.find(threat.MGOP301, n.At(), op, name, "The operator runs source that the model holds.")
	case strings.HasSuffix(op, "cvimread"):
		g.find(threat.MGOP302, n.At(), op, name, "The operator reads a picture from a file.")
	case operators.Has(op):
	default:
		g.note(n.At(), op, name)
	}
}

// isPointer tells whether an operator finds its code by an address that stands in an attribute (include/mxnet/c_api.h: the
// callbacks of _Native, _NDArray and _CustomFunction).
func isPointer(op string) bool {
	switch strings.TrimPrefix(strings.TrimPrefix(op, "_backward"), "_") {
	case "Native", "NDArray", "CustomFunction":
		return strings.HasPrefix(op, "_")
	}
	return false
}

// isScript tells whether an operator compiles or interprets source: kernels that are compiled at run time, Lua of the plugin for
// Torch, and graphs of other compilers.
func isScript(op string) bool {
	lower := strings.ToLower(op)
	return strings.Contains(lower, "rtc") && !operators.Has(op) || strings.HasPrefix(op, "TorchModule") || strings.HasPrefix(op, "TorchCriterion") ||
		strings.HasPrefix(op, "_TorchModule") || strings.HasPrefix(op, "_TorchCriterion")
}

// custom judges an operator whose code was registered in Python under the name in op_type.
func (g *graph) custom(n jsontree.Node, op, name string, attributes []attribute) {
	kind := ""
	for _, a := range attributes {
		if a.key == "op_type" {
			kind = a.value
			continue
		}
		if isLibrary(a.key) || isLibraryFile(a.value) {
			g.find(threat.MGOP301, a.at, op, name, "A custom operator names a library or file of code: "+source.Evidence(a.key+"="+a.value)+".")
			return
		}
	}
	g.find(threat.MGOP300, n.At(), op+":"+kind, name, "The operator is code that was registered as "+source.Evidence(kind)+", which is no part of the model.")
}

// isLibrary tells whether an attribute says where code is.
func isLibrary(key string) bool {
	return slices.Contains([]string{"library", "lib", "lib_path", "library_path", "so", "so_path", "dll", "module", "path", "source", "script", "code"}, strings.ToLower(key))
}

// isLibraryFile tells whether a value is the name of a library or of Python code.
func isLibraryFile(value string) bool {
	lower := strings.ToLower(value)
	for _, suffix := range []string{".so", ".dll", ".dylib", ".py", ".pyc"} {
		if strings.HasSuffix(lower, suffix) || strings.Contains(lower, suffix+".") && suffix == ".so" {
			return true
		}
	}
	return false
}

// attribute judges an attribute of any operator: source of a kernel, and paths.
func (g *graph) attribute(a attribute) {
	if strings.Contains(a.value, "__global__") && strings.Contains(a.value, "(") {
		g.find(threat.MGOP301, a.at, a.key, "", "An attribute holds the source of a kernel that is compiled at run time.")
	}
	switch a.key {
	case "filename", "path", "library", "lib_path", "uri", "prefix":
		if f, bad := paths.Reference(a.value, a.at); bad {
			g.sink.Find(f)
		}
	}
}

// note counts an operator that nobody knows.
func (g *graph) note(at int64, op, name string) {
	if u, ok := g.unknown[op]; ok {
		u.count++
		return
	}
	if len(g.unknown) < finding.MaxFindings {
		g.unknown[op] = &unknownOp{at: at, name: name, count: 1}
		g.order = append(g.order, op)
	}
}

// tell reports the operators that nobody knows.
func (g *graph) tell() {
	for _, op := range g.order {
		u := g.unknown[op]
		g.find(threat.MGOP300, u.at, op, u.name, fmt.Sprintf("MXNet has no operator of this name, which %d of the nodes have.", u.count))
	}
}

func (g *graph) find(id threat.ID, at int64, op, node, description string) {
	f := finding.New(id, at, description)
	f.Role, f.Operator, f.Evidence = finding.RoleOperator, op, source.Evidence(node)
	g.sink.Find(f)
}

func (g *graph) malformed(at int64, evidence, format string, args ...any) {
	if g.faults++; g.faults > finding.MaxFindings {
		return // no report holds more
	}
	f := finding.New(threat.MGFMT400, at, fmt.Sprintf(format, args...))
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	g.sink.Find(f)
}
