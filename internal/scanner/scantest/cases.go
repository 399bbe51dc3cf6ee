// Package scantest has what tests of scanners share: builders of evil files and of their honest twins, a recorder that
// stands in for the engine in tests of a single format, and the list of all cases over which the engine is held to its
// golden findings. Payloads are harmless calls, and no test runs them.
package scantest

import (
	"modelgate/internal/model"
	"modelgate/internal/threat"
)

// Case is one version to scan, evil or honest, and what a scanner must say of it.
type Case struct {
	// Name is unique among all cases and says what is special: "pickle: os.system by STACK_GLOBAL".
	Name string
	// Path is the name of the only file, and Bytes are its content. Both are empty if Files is set.
	Path  string
	Bytes []byte
	// Files are the files of a version in which several matter, by path.
	Files map[string][]byte
	// Source is where the version comes from; "" is the Hub.
	Source model.Source
	// Want is a threat that must be found; "" only for twins and for cases in which nothing but the level matters.
	Want threat.ID
	// Level is the level of the version, exactly. A twin has threat.Clean unless it says otherwise.
	Level threat.Level
	// Twin marks an honest neighbour: it differs from an evil case in the one thing that matters.
	Twin bool
}

// Content returns the files of the case by path.
func (c Case) Content() map[string][]byte {
	if c.Files != nil {
		return c.Files
	}
	return map[string][]byte{c.Path: c.Bytes}
}

// Group is the cases of one family of formats; their golden findings share a file of that name.
type Group struct {
	Name  string
	Cases []Case
}

// Groups returns all cases by family, in the order in which people read them.
func Groups() []Group {
	return []Group{
		{"pickle", PickleCases()},
		{"zip", zipCases()},
		{"tar", tarCases()},
		{"torch", torchCases()},
		{"weights", weightCases()},
		{"programs", exeCases()},
		{"templates", jinjaCases()},
		{"python", pythonCases()},
		{"hub", hubCases()},
		{"yaml", YAMLCases()},
		{"xml", XMLCases()},
		{"keras", kerasCases()},
		{"hdf5", hdf5Cases()},
		{"tensorflow", tensorflowCases()},
		{"flatbuffers", flatbufferCases()},
		{"onnx", onnxCases()},
		{"classic", classicCases()},
		{"devices", deviceCases()},
		{"bundles", bundleCases()},
		{"packages", packageCases()},
		{"engine", engineCases()},
		{"recognised", recognisedCases()},
	}
}

// All returns all cases.
func All() []Case {
	var all []Case
	for _, g := range Groups() {
		all = append(all, g.Cases...)
	}
	return all
}
