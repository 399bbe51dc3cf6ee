// Package tfops says what the operators of TensorFlow do, as far as it matters to whoever runs a foreign graph: which of them write
// and read files, call host code, open connections. TensorFlow's own graphs have them (SavedModel, MetaGraph, GraphDef, TensorFlow.js),
// and so have models of TFLite, whose custom operators with names that begin with Flex are run by TensorFlow's kernels.
//
// An operator that is in no list of dangerous ones is harmless if it is registered in TensorFlow (operators.txt, which a tool under
// tools/registry writes from the framework's own package), and unknown otherwise.
package tfops

import (
	_ "embed"

	"modelgate/internal/scanner/source/registry"
)

// Class is what an operator does.
type Class int

// Classes of operators. What a scanner makes of a class depends on where the operator stands: those that save and restore checkpoints
// are in every SavedModel.
const (
	// Unknown is an operator that no release of TensorFlow registers.
	Unknown Class = iota
	// Harmless is one that computes, or changes nothing but the model's own state.
	Harmless
	// Writes is one that writes files at a path that the graph gives.
	Writes
	// Saves is one that writes checkpoints: harmless between the exporter's own nodes, the same as Writes elsewhere.
	Saves
	// HostCode is one that calls functions of the host program.
	HostCode
	// Network is one that opens connections, or sends tensors to an address.
	Network
	// Remote is one that has another device or file system do something: less than Network, since the host must have set it up.
	Remote
	// Reads is one that reads files at a path that the graph gives.
	Reads
	// Restores is one that reads checkpoints or assets: harmless between the exporter's own nodes, the same as Reads elsewhere.
	Restores
	// Opaque is one that runs a program which no scanner reads: code for accelerators.
	Opaque
	// Stops is one that ends the host process.
	Stops
	// Parses is one that parses untrusted protobufs by a descriptor that the graph gives, or that it names by a path.
	Parses
	// Prints is one that writes to a stream that an attribute names, which may be a file.
	Prints
)

// String is what the operators of a class do, as the end of a sentence: "the operator …".
func (c Class) String() string {
	switch c {
	case Harmless:
		return "computes"
	case Writes:
		return "writes files"
	case Saves:
		return "writes checkpoint files"
	case HostCode:
		return "calls a function of the host program"
	case Network:
		return "opens connections or sends tensors away"
	case Remote:
		return "reaches another device or configures a file system"
	case Reads:
		return "reads files"
	case Restores:
		return "reads checkpoint or asset files"
	case Opaque:
		return "runs a compiled program"
	case Stops:
		return "ends the host process"
	case Parses:
		return "parses protobufs by a foreign descriptor"
	case Prints:
		return "prints to a stream of the graph's choice"
	case Unknown:
	}
	return "is not known"
}

//go:embed operators.txt
var operatorsText string

var (
	operators = registry.Parse(operatorsText)
	classes   = byName()
)

// ClassOf tells what an operator does.
func ClassOf(op string) Class {
	if c, ok := classes[op]; ok {
		return c
	}
	if operators.Has(op) {
		return Harmless
	}
	return Unknown
}

// Known tells whether an operator is registered by some release of TensorFlow, dangerous or not.
func Known(op string) bool { return ClassOf(op) != Unknown }

// byName turns the table of classes into a map.
func byName() map[string]Class {
	out := map[string]Class{}
	for _, row := range table() {
		for _, op := range row.ops {
			out[op] = row.class
		}
	}
	return out
}
