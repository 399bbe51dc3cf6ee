package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// judge says what is wrong with the graphs of the model.
func (r *reader) judge() error {
	j := &operatorJudge{r: r, functions: map[string]bool{}, unknown: map[string]*unknown{}, later: map[string]bool{}}
	for _, f := range r.m.functions {
		r.shadows(f, j.functions[f.key()])
		j.functions[f.key()] = true
	}
	graphs := slices.Clone(r.m.training)
	if r.m.graph != nil {
		graphs = append([]*graph{r.m.graph}, graphs...)
	}
	for _, g := range graphs {
		r.visit(g.nodes, r.m.sets, j)
		r.structure(g, nil)
	}
	for _, f := range r.m.functions {
		r.visit(f.nodes, f.sets, j)
		r.structure(&graph{at: f.at, inputs: f.inputs, outputs: f.outputs, nodes: f.nodes}, nil)
	}
	j.finish()
	if r.m.graph == nil {
		return nil
	}
	return r.backdoors()
}

// shadows judges the name of a function: one that the model or a standard has already.
func (r *reader) shadows(f *function, twice bool) {
	if twice {
		r.twofold(f.at, f.name, "The model defines a function twice, and readers differ in which they take.")
	}
	if !operators.Has(operatorKey(f.domain, f.name)) {
		return
	}
	found := finding.New(threat.MGFMT403, f.at, "A function of the model has the name of a standard operator: readers that know the operator run it, others run what the model puts in its place.")
	found.Role, found.Module, found.Operator, found.Evidence = finding.RoleStructure, f.domain, f.name, source.Evidence(f.name)
	r.s.Find(found)
}

// visit judges the operators of nodes and of the graphs in them.
func (r *reader) visit(nodes []*node, sets map[string]int64, j *operatorJudge) {
	for _, n := range nodes {
		j.node(n, sets)
		for _, a := range n.attributes {
			for _, g := range a.graphs {
				r.visit(g.nodes, sets, j)
			}
		}
	}
}

// scope is the names that a graph may use: its own, and those of the graphs around it.
type scope struct {
	names map[string]int // of the node that makes a value, -1 for what no node makes
	outer *scope
}

// has tells whether a name is known.
func (s *scope) has(name string) bool {
	for ; s != nil; s = s.outer {
		if _, ok := s.names[name]; ok {
			return true
		}
	}
	return false
}

// structure finds names that are made twice, names that nothing makes, and cycles.
func (r *reader) structure(g *graph, outer *scope) {
	s := &scope{names: map[string]int{}, outer: outer}
	for _, name := range g.inputs {
		s.names[name] = -1
	}
	for _, t := range g.tensors {
		s.names[t.name] = -1
	}
	for i, n := range g.nodes {
		for _, out := range n.outputs {
			if out == "" {
				continue
			}
			if _, twice := s.names[out]; twice {
				r.malformed(n.at, out, "Two operators of a graph make the same value, or one makes an input anew.")
			}
			s.names[out] = i
		}
	}
	for _, n := range g.nodes {
		for _, in := range n.inputs {
			if in != "" && !s.has(in) {
				r.malformed(n.at, in, "An operator needs a value that nothing in the graph makes.")
			}
		}
		for _, a := range n.attributes {
			for _, body := range a.graphs {
				r.structure(body, s)
			}
		}
	}
	for _, out := range g.outputs {
		if out != "" && !s.has(out) {
			r.malformed(g.at, out, "The graph returns a value that nothing in it makes.")
		}
	}
	if at := g.cycle(s); at != nil {
		r.malformed(at.at, where(at), "The graph has a cycle: an operator needs what is made of its own output.")
	}
}

// cycle returns an operator that is part of a cycle or lies behind one, nil if there is none.
func (g *graph) cycle(s *scope) *node {
	waits := make([]int, len(g.nodes))
	users := make([][]int, len(g.nodes))
	for i, n := range g.nodes {
		for _, in := range n.inputs {
			if maker, ok := s.names[in]; ok && maker >= 0 {
				users[maker] = append(users[maker], i)
				waits[i]++
			}
		}
	}
	var ready []int
	for i, n := range waits {
		if n == 0 {
			ready = append(ready, i)
		}
	}
	for at := 0; at < len(ready); at++ {
		for _, user := range users[ready[at]] {
			if waits[user]--; waits[user] == 0 {
				ready = append(ready, user)
			}
		}
	}
	if len(ready) == len(g.nodes) {
		return nil
	}
	for i, n := range waits {
		if n > 0 {
			return g.nodes[i]
		}
	}
	return nil
}

// backdoors finds gates in the graph that its inputs switch.
func (r *reader) backdoors() error {
	t, err := r.translate()
	if errors.Is(err, errRecursive) {
		return nil // which was said
	}
	if err != nil {
		return err
	}
	hits, err := t.find()
	if err != nil {
		return err
	}
	seen := map[*node]bool{}
	for _, h := range hits {
		n := t.origin[h.Node]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		var way []string
		for _, i := range h.Trail {
			if at := t.origin[i]; at != nil && (len(way) == 0 || way[len(way)-1] != at.op) {
				way = append(way, at.op)
			}
		}
		evidence := strings.Join(way[max(0, len(way)-12):], " > ")
		r.find(threat.ONNX200, finding.RoleOperator, n.at, n.domain, n.op, fmt.Sprintf("%s: %s", where(n), evidence),
			"The answer is switched at this operator by a test of the input that runs beside the learned operators, as the trigger of a backdoor does.")
	}
	return nil
}
