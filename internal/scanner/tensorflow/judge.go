package tensorflow

import (
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tfops"
	"modelgate/internal/threat"
)

// judge says what is wrong with a model.
type judge struct {
	m        *model
	sink     source.Sink
	contexts *contexts
	load     reach
	unknown  map[string]*unknown
}

// unknown is an operator that nobody registers.
type unknown struct {
	first place
	count int
}

// judgeModel looks at every operator of a model, in its graph and its functions.
func judgeModel(m *model, sink source.Sink) error {
	m.byName = make(map[string]*graph, len(m.functions))
	j := &judge{m: m, sink: sink, unknown: map[string]*unknown{}}
	for _, g := range m.functions {
		if m.byName[g.name] != nil {
			j.structure(threat.MGFMT403, g.at, g.name, "Two functions have one name, and it is open which of them is called.")
		}
		m.byName[g.name] = g
		if tfops.Known(g.name) {
			j.structure(threat.MGFMT403, g.at, g.name, "A function has the name of an operator of TensorFlow, and readers differ in which of them they run.")
		}
	}
	for _, g := range m.graphs() {
		g.build()
		if g.twice != "" {
			j.structure(threat.MGFMT400, g.at, g.twice, "Two operators of a graph have one name.")
		}
	}
	f := newFlow(m)
	j.contexts, j.load = newContexts(f), f.from(m.inits, nil)
	for _, g := range m.graphs() {
		for i := range g.nodes {
			j.operator(place{g, i})
		}
	}
	j.unknowns()
	return j.backdoors(f)
}

func (j *judge) structure(id threat.ID, at int64, evidence, text string) {
	f := finding.New(id, at, text)
	f.Role, f.Evidence = finding.RoleStructure, source.Evidence(evidence)
	j.sink.Find(f)
}

// operator judges a node by the class of its operator and by where it stands.
func (j *judge) operator(p place) {
	n := p.node()
	class := tfops.ClassOf(n.op)
	switch class {
	case tfops.Harmless:
	case tfops.Unknown:
		j.count(p)
	case tfops.Writes, tfops.HostCode, tfops.Network:
		j.find(threat.TF301, p, class, "")
	case tfops.Saves:
		if !j.contexts.saves(p) {
			j.find(threat.TF301, p, class, "It is not where exporters write it: at the end of a saver that alone names the file.")
		}
	case tfops.Reads:
		j.reads(p, class, "")
	case tfops.Restores:
		switch n.op {
		case "InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "SimpleMLLoadModelFromPath", "SimpleMLLoadModelFromPathWithHandle", "InitializeTRTResource":
			if !j.contexts.reads(p) {
				j.reads(p, class, "The file is none of the model's assets.")
			}
		default:
			if !j.contexts.saves(p) {
				j.reads(p, class, "It is not where exporters write it: behind a saver that alone names the file.")
			}
		}
	case tfops.Remote, tfops.Opaque, tfops.Stops:
		j.find(threat.TF302, p, class, "")
	case tfops.Parses:
		j.parses(p, class)
	case tfops.Prints:
		if stream := n.attribute("output_stream"); strings.HasPrefix(strings.TrimSpace(stream), "file:") {
			j.find(threat.TF301, p, tfops.Writes, "It prints to "+source.Evidence(stream)+".")
		}
	}
}

// reads reports an operator that reads files, as malicious if the graph itself names one outside of the model.
func (j *judge) reads(p place, class tfops.Class, why string) {
	if path := j.contexts.escaping(p); path != "" {
		j.find(threat.TF301, p, class, "The graph names the file itself, outside of the model: "+source.Evidence(path)+".")
		return
	}
	j.find(threat.TF302, p, class, why)
}

// parses reports an operator that parses protobufs, the more so if their description is a file.
func (j *judge) parses(p place, class tfops.Class) {
	f := j.finding(threat.TF302, p, class, "")
	f.Severity = threat.Medium
	if from := p.node().attribute("descriptor_source"); from != "" && !strings.HasPrefix(from, "local://") && !strings.HasPrefix(from, "bytes://") {
		f = j.finding(threat.TF302, p, class, "The descriptor is read from "+source.Evidence(from)+".")
	}
	j.sink.Find(f)
}

func (j *judge) find(id threat.ID, p place, class tfops.Class, why string) {
	j.sink.Find(j.finding(id, p, class, why))
}

// finding is that of an operator.
func (j *judge) finding(id threat.ID, p place, class tfops.Class, why string) finding.Finding {
	n := p.node()
	text := fmt.Sprintf("The operator %s %s.", source.Evidence(n.op), class)
	if why != "" {
		text += " " + why
	}
	if j.load.has(p) {
		text += " It runs as soon as the model is loaded."
	}
	f := finding.New(id, n.at, text)
	f.Role, f.Module, f.Operator, f.Evidence = finding.RoleOperator, "tensorflow", n.op, source.Evidence(p.String())
	return f
}

// count notes an operator that is not known, unless it calls a function of the model.
func (j *judge) count(p place) {
	op := p.node().op
	if j.m.byName[op] != nil {
		return
	}
	if u := j.unknown[op]; u != nil {
		u.count++
		return
	}
	if len(j.unknown) < finding.MaxFindings {
		j.unknown[op] = &unknown{first: p, count: 1}
	}
}

// unknowns reports each operator that is not known once.
func (j *judge) unknowns() {
	all := make([]*unknown, 0, len(j.unknown))
	for _, u := range j.unknown {
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b *unknown) int { return int(min(1, max(-1, a.first.node().at-b.first.node().at))) })
	for _, u := range all {
		n := u.first.node()
		f := finding.New(threat.TF300, n.at, fmt.Sprintf("The operator %s, used %d times, is one that neither TensorFlow nor a library known here registers.", source.Evidence(n.op), u.count))
		f.Role, f.Operator, f.Evidence = finding.RoleOperator, n.op, source.Evidence(u.first.String())
		j.sink.Find(f)
	}
}
