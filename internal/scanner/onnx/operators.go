package onnx

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/registry"
	"modelgate/internal/threat"
)

//go:embed operators.txt
var operatorsText string

// operators are all operators that ONNX and ONNX Runtime define, by domain and name.
var operators = registry.Parse(operatorsText)

// operatorKey is a key of the table.
func operatorKey(domain, op string) string {
	if domain = canonical(domain); domain == "" {
		domain = "ai.onnx"
	}
	return domain + ":" + op
}

// knownDomain tells whether a domain is one whose operators the table lists.
func knownDomain(domain string) bool {
	switch canonical(domain) {
	case "", "ai.onnx.ml", "ai.onnx.preview", "ai.onnx.preview.training", "ai.onnx.training", "com.microsoft", "com.microsoft.nchwc",
		"com.ms.internal.nhwc", "ai.onnx.contrib", "com.microsoft.extensions":
		return true
	}
	return false
}

// availability tells whether a known operator is there in a version of its domain.
func availability(columns []string, version int64) bool {
	if version <= 0 || len(columns) == 0 {
		return true
	}
	first, _, _ := strings.Cut(columns[0], ",")
	if since, err := strconv.ParseInt(first, 10, 64); err == nil && version < since {
		return false
	}
	for _, c := range columns[1:] {
		if text, ok := strings.CutPrefix(c, "until "); ok {
			if until, err := strconv.ParseInt(text, 10, 64); err == nil && version >= until {
				return false
			}
		}
	}
	return true
}

// unknown counts an operator that nobody defines.
type unknown struct {
	first *node
	count int
}

// operatorJudge judges the operators of all graphs of a model.
type operatorJudge struct {
	r         *reader
	functions map[string]bool
	unknown   map[string]*unknown
	order     []string
	later     map[string]bool // operators that were said to be of another version
}

// node judges one operator, in a graph that imports the given operator sets.
func (j *operatorJudge) node(n *node, sets map[string]int64) {
	if n.op == "" {
		j.r.malformed(n.at, n.name, "A node has no operator.")
		return
	}
	own := j.functions[functionKey(n.domain, n.op, n.overload)] || j.functions[functionKey(n.domain, n.op, "")]
	switch {
	case runsPython(n):
		j.python(n)
		return
	case callsOut(n):
		j.r.find(threat.MGOP301, finding.RoleOperator, n.at, n.domain, n.op, where(n), "The operator sends the input to a service, whose address the model names.")
		return
	case n.op == "EPContext":
		j.context(n)
		return
	case n.op == "ATen":
		if j.aten(n) {
			return
		}
	case own:
		return
	}
	columns, known := operators.Lookup(operatorKey(n.domain, n.op))
	if !known {
		if !own {
			j.miss(n)
		}
		return
	}
	if version := sets[canonical(n.domain)]; !availability(columns, version) && !j.later[n.op] {
		j.later[n.op] = true
		j.r.find(threat.MGINFO500, finding.RoleOperator, n.at, n.domain, n.op, where(n), "The operator is not part of the version of its operator set that the model imports.")
	}
}

// where is the evidence of a node: its name, or what it makes if it has none.
func where(n *node) string {
	if n.name == "" && len(n.outputs) > 0 {
		return n.outputs[0]
	}
	return n.name
}

// miss notes an operator that nobody defines.
func (j *operatorJudge) miss(n *node) {
	key := operatorKey(n.domain, n.op)
	u := j.unknown[key]
	if u == nil {
		if len(j.unknown) >= finding.MaxFindings {
			return
		}
		u = &unknown{first: n}
		j.unknown[key] = u
		j.order = append(j.order, key)
	}
	u.count++
}

// finish makes a finding of every operator that nobody defines.
func (j *operatorJudge) finish() {
	for _, key := range j.order {
		u := j.unknown[key]
		what := "The operator belongs to a domain that is neither of ONNX nor of ONNX Runtime, so a library that comes from elsewhere runs it"
		if knownDomain(u.first.domain) {
			what = "The operator is in no version of its domain, so a library that comes from elsewhere runs it"
		}
		if u.count > 1 {
			what += fmt.Sprintf("; the model uses it %d times", u.count)
		}
		f := finding.New(threat.MGOP300, u.first.at, what+".")
		f.Role, f.Module, f.Operator, f.Evidence = finding.RoleOperator, u.first.domain, u.first.op, source.Evidence(where(u.first))
		j.r.s.Find(f)
	}
}

// runsPython tells whether an operator calls Python: PyOp of the language bindings, PythonOp and its gradient of training.
func runsPython(n *node) bool {
	switch n.op {
	case "PyOp", "PythonOp", "PythonOpGrad", "PyCustomOp":
		return true
	}
	return strings.HasPrefix(n.domain, "pyopmulti_") || n.domain == "pyop"
}

// python judges an operator that calls Python by what it names.
func (j *operatorJudge) python(n *node) {
	var named []string
	for _, name := range []string{"module", "class_name", "compute", "func_name", "func_class", "name"} {
		if text := n.text(name); text != "" {
			named = append(named, name+"="+text)
		}
	}
	if len(named) == 0 {
		j.r.find(threat.MGOP300, finding.RoleOperator, n.at, n.domain, n.op, where(n), "The operator calls Python, and does not say what.")
		return
	}
	j.r.find(threat.MGOP301, finding.RoleOperator, n.at, n.domain, n.op, strings.Join(named, " "), "The operator imports a Python module and calls a function of it at inference.")
}

// callsOut tells whether an operator of the extensions sends its input to a service.
func callsOut(n *node) bool {
	return n.attr("model_uri") != nil || slices.Contains([]string{"AzureAudioToText", "AzureTextToText", "AzureTritonInvoker", "OpenAIAudioToText", "OpenAIEmbeddings"}, n.op)
}

// context judges an operator whose content is a program for a device, in the model or in a file that it names.
func (j *operatorJudge) context(n *node) {
	j.r.s.Opaque()
	j.r.find(threat.MGOP300, finding.RoleOperator, n.at, n.domain, n.op, where(n), "The operator is a program for a device, whose content no host can judge.")
	if embed := n.attr("embed_mode"); embed == nil || embed.number != 0 {
		return
	}
	if a := n.attr("ep_cache_context"); a != nil && a.text != "" {
		j.r.s.Refer(finding.Reference{Kind: finding.RefFile, Target: a.text, Offset: a.at})
	}
}

// aten judges an operator of PyTorch that the model names, and tells whether it made a finding.
func (j *operatorJudge) aten(n *node) bool {
	name := n.text("operator")
	switch strings.TrimPrefix(name, "aten::") {
	case "save":
		j.r.find(threat.MGOP301, finding.RoleOperator, n.at, n.domain, n.op, name, "The operator of PyTorch that the node names writes a file.")
	case "from_file":
		j.r.find(threat.MGOP302, finding.RoleOperator, n.at, n.domain, n.op, name, "The operator of PyTorch that the node names maps a file into memory.")
	default:
		return false
	}
	return true
}
