package litert

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/paths"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/scanner/source/tfops"
	"modelgate/internal/threat"
)

// Codes of operators that mean more than a computation (enum BuiltinOperator).
const (
	opCustom     = 32
	opIf         = 118
	opWhile      = 119
	opCallOnce   = 129
	opCustomCall = 173
	opSHLOWhile  = 200
	opComposite  = 206
)

//go:embed builtin.txt
var builtinText string

//go:embed custom.txt
var customText string

var (
	builtins = registry.Parse(builtinText) // by code
	byName   = codesByName()
	customs  = registry.Parse(customText) // with their vendor
)

// codesByName turns the table of built-in operators around, for the form in JSON.
func codesByName() map[string]int32 {
	out := map[string]int32{}
	for i := range int32(2 * builtins.Len()) {
		if columns, ok := builtins.Lookup(strconv.Itoa(int(i))); ok && len(columns) > 0 {
			out[columns[0]] = i
		}
	}
	return out
}

// builtinName is the name of a code in the schema, or the number itself.
func builtinName(c int32) string {
	if columns, ok := builtins.Lookup(strconv.Itoa(int(c))); ok && len(columns) > 0 {
		return columns[0]
	}
	return strconv.Itoa(int(c))
}

// isDeviceCode tells whether a custom operator is one whose options are a program for an accelerator.
func isDeviceCode(name string) bool {
	owner, ok := customs.Lookup(name)
	return ok && len(owner) > 0 && strings.HasSuffix(owner[0], "code that it runs")
}

// flexPrefix marks custom operators that TensorFlow's kernels run.
const flexPrefix = "Flex"

// judge takes the operators of a model, and reports each once however often it is used.
type judge struct {
	s     source.Sink
	seen  map[cause]*seen
	order []cause
}

// cause is what two occurrences must have in common to be one finding.
type cause struct {
	id       threat.ID
	operator string
	words    string
}

// seen is a finding to be, with how often its cause occurred.
type seen struct {
	f finding.Finding
	n int
}

func newJudge(s source.Sink) *judge { return &judge{s: s, seen: map[cause]*seen{}} }

// add notes a finding about an operator.
func (j *judge) add(id threat.ID, operator, module string, at int64, evidence, words string) *finding.Finding {
	c := cause{id, operator, words}
	if old, ok := j.seen[c]; ok {
		old.n++
		return &old.f
	}
	f := finding.New(id, at, words)
	f.Role, f.Operator, f.Module, f.Evidence = finding.RoleOperator, operator, module, source.Evidence(evidence)
	entry := &seen{f: f, n: 1}
	if len(j.order) <= finding.MaxFindings {
		j.seen[c] = entry
		j.order = append(j.order, c)
	}
	return &entry.f
}

// report hands on what was noted, in the order of its first occurrence.
func (j *judge) report() {
	for _, c := range j.order {
		entry := j.seen[c]
		if entry.n > 1 {
			entry.f.Description += fmt.Sprintf(" It occurs %d times.", entry.n)
		}
		j.s.Find(entry.f)
	}
	j.order = nil
}

// code judges an entry of the table of operators. Those of TensorFlow are judged where they are used, with their arguments; one that
// nothing uses is judged by its name.
func (j *judge) code(c code) {
	switch {
	case c.builtin < 0:
		j.add(threat.MGFMT400, builtinName(c.builtin), "", c.at, "", "The table of operators has a code that stands for none.")
	case c.builtin != opCustom:
		if !builtins.Has(strconv.Itoa(int(c.builtin))) {
			j.add(threat.LITERT300, builtinName(c.builtin), "", c.at, "", "The operator code is beyond those of the schema, so nothing is known of what it does.")
		}
	case strings.HasPrefix(c.custom, flexPrefix):
	default:
		j.custom(c.custom, c.at)
	}
}

// custom judges a custom operator, which is code of the program that runs the model.
func (j *judge) custom(name string, at int64) {
	if _, ok := customs.Lookup(name); ok {
		return
	}
	words := "The custom operator is none of the known vendors'; whoever runs the model must bring its code."
	if name == "" {
		words = "A custom operator has no name."
	}
	j.add(threat.LITERT300, name, "custom", at, name, words)
}

// call is a use of an operator of TensorFlow.
type call struct {
	op     string
	at     int64
	places []string // constant strings that may name files or addresses: inputs and attributes
	given  bool     // the first input is handed in by the host when it runs the model
}

// agree states that an operator has several names: that of its code, by which the runtime knows whose it is, and those in its options.
func (j *judge) agree(c code, names []string, at int64) {
	for _, name := range names[1:] {
		if name != names[0] && name != "" {
			j.add(threat.MGFMT403, name, "tensorflow", at, c.custom+", "+name, "The operator has one name in the table and another in its options, which is the one that runs.")
		}
	}
}

// each judges an operator under each of its names.
func (j *judge) each(use call, names []string) {
	judged := map[string]bool{}
	for i, name := range names {
		if !judged[name] && (name != "" || i == 0) {
			judged[name], use.op = true, name
			j.flex(use)
		}
	}
}

// flex judges an operator of TensorFlow by its class.
func (j *judge) flex(c call) {
	class := tfops.ClassOf(c.op)
	place, outside := outsideOf(c.places)
	id, words := threat.LITERT302, fmt.Sprintf("The operator of TensorFlow %v.", class)
	switch class {
	case tfops.Harmless:
		return
	case tfops.Unknown:
		j.add(threat.LITERT300, c.op, "tensorflow", c.at, c.op, "No release of TensorFlow has the operator, so nothing is known of what it does.")
		return
	case tfops.Writes, tfops.HostCode, tfops.Network:
		id = threat.LITERT301
	case tfops.Saves:
		if !c.given { // models that learn on the device save where their host tells them to
			id = threat.LITERT301
		}
	case tfops.Prints:
		if !outside {
			return
		}
		id = threat.LITERT301
	case tfops.Reads, tfops.Restores, tfops.Remote, tfops.Opaque, tfops.Parses:
	}
	if outside && id == threat.LITERT302 && class != tfops.Parses {
		id = threat.LITERT301
		words = fmt.Sprintf("The operator of TensorFlow %v, at a place outside of the model.", class)
	}
	evidence := place
	if evidence == "" && len(c.places) > 0 {
		evidence = c.places[0]
	}
	f := j.add(id, c.op, "tensorflow", c.at, evidence, words)
	if class == tfops.Parses && !outside {
		f.Severity = threat.Medium
	}
}

// outsideOf returns the first of the constants that names a place outside of the model: an absolute path, one that goes up, or a URL.
func outsideOf(places []string) (place string, outside bool) {
	for _, p := range places {
		if fault, ok := paths.Judge(p); !ok && fault.Escapes && !strings.HasPrefix(p, "bytes://") && !strings.HasPrefix(p, "local://") {
			return p, true
		}
	}
	return "", false
}
