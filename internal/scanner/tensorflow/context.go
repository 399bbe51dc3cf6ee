package tensorflow

import (
	"regexp"
	"slices"

	"modelgate/internal/scanner/source/paths"
)

// contexts proves that operators which save and restore checkpoints, or read assets, stand where every exporter writes them.
type contexts struct {
	flow   *flow
	saving reach // what the savers run
	runs   reach // what runs at load and when the model is asked
}

func newContexts(f *flow) *contexts {
	var savers []string
	for _, s := range f.m.savers {
		savers = append(savers, s.save, s.restore)
	}
	return &contexts{
		flow: f, saving: f.from(savers, f.m.saves),
		runs: f.from(slices.Concat(f.m.inits, f.m.outputs), f.m.callable),
	}
}

// fileInputs are the inputs of an operator that are names of files, by position.
func fileInputs(op string) []int {
	switch op {
	case "MergeV2Checkpoints":
		return []int{0, 1}
	case "InitializeTableFromTextFile", "InitializeTableFromTextFileV2", "SimpleMLLoadModelFromPathWithHandle", "InitializeTRTResource":
		return []int{1}
	}
	return []int{0}
}

// names are the inputs of a node that are names of files; ok is false if the node lacks one.
func fileNames(n *node) (inputs []string, ok bool) {
	data := n.data()
	for _, i := range fileInputs(n.op) {
		if i >= len(data) {
			return inputs, false
		}
		inputs = append(inputs, data[i])
	}
	return inputs, true
}

// fragments are the parts of which exporters put the names of checkpoints together.
var fragments = regexp.MustCompile(`^(|/?part|\.part|_temp(_[0-9a-f]{32})?(/part)?|model|checkpoint|variables/variables|\^s3://\.\*)$`)

// saves tells whether an operator saves or restores a checkpoint as an exporter writes it: the name of the file is made of nothing but
// what the saver is given and the exporter's own fragments, and the operator is one that a saver runs, or that nothing runs.
func (c *contexts) saves(p place) bool {
	inputs, ok := fileNames(p.node())
	if !ok || p.node().op == "DistributedSave" {
		return false
	}
	from := c.flow.cone(p, inputs...)
	if from.open {
		return false
	}
	saver := c.saving.has(p)
	if !saver && c.runs.has(p) {
		return false
	}
	for _, q := range from.nodes {
		n := q.node()
		switch n.op {
		case "Identity", "ShardedFilename", "StringJoin", "Select", "SelectV2", "StaticRegexFullMatch", "RegexFullMatch", "Pack":
		case "PlaceholderWithDefault": // its default is in the cone
		case "Placeholder":
			if saver && !c.filename(q) {
				return false
			}
		case "Const":
			if n.details().value.more || !allMatch(n.details().value.strings) {
				return false
			}
		default:
			return false
		}
	}
	for _, s := range from.sites {
		if saver && !c.saving.has(s.place) {
			return false
		}
	}
	return true
}

// allMatch tells whether all strings of a constant are fragments; numbers have none.
func allMatch(list []string) bool {
	for _, s := range list {
		if !fragments.MatchString(s) {
			return false
		}
	}
	return true
}

// filename tells whether a node is the one by which a saver is told the name of the file.
func (c *contexts) filename(p place) bool {
	for _, s := range c.flow.m.savers {
		if name, _ := sourceOf(s.filename); name == p.node().name && p.g.name == "" {
			return true
		}
	}
	return false
}

// reads tells whether an operator reads an asset of the model: the name of the file is a constant or an input of the main graph that
// the model lists as an asset, and that lies inside the model.
func (c *contexts) reads(p place) bool {
	inputs, ok := fileNames(p.node())
	if !ok {
		return false
	}
	from := c.flow.cone(p, inputs...)
	if from.open || from.free {
		return false
	}
	found := false
	for _, q := range from.nodes {
		switch q.node().op {
		case "Identity", "ReadVariableOp", "VarHandleOp":
		case "Const", "Placeholder", "PlaceholderWithDefault":
			if !c.asset(q) {
				return false
			}
			found = true
		default:
			return false
		}
	}
	return found
}

// asset tells whether a node is one whose value the loader sets to the name of a file of the model.
func (c *contexts) asset(p place) bool {
	file, ok := c.flow.m.assets[p.node().name]
	if !ok || p.g.name != "" || file == "" {
		return false
	}
	fault, fine := paths.Judge(file)
	return fine || !fault.Escapes
}

// escaping is the first constant among what the inputs of a node are made of that is a name outside of the model, "" if there is none.
func (c *contexts) escaping(p place) string {
	for _, name := range []string{"memory_region_name", "file_pattern", "filename"} {
		if text := p.node().attribute(name); leaves(text) {
			return text
		}
	}
	for _, q := range c.flow.cone(p, p.node().data()...).nodes {
		if c.asset(q) {
			continue
		}
		for _, s := range q.node().details().value.strings {
			if leaves(s) {
				return s
			}
		}
	}
	return ""
}

// leaves tells whether a string is a path that leads out of the model.
func leaves(s string) bool {
	fault, fine := paths.Judge(s)
	return !fine && fault.Escapes
}
