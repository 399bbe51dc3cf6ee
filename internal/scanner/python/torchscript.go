package python

import (
	"fmt"
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// knownNamespaces are those of operators that come with PyTorch and its own libraries, and of a few that are widely built in.
// Their operators compute.
var knownNamespaces = func() map[string]bool {
	t := map[string]bool{}
	for _, n := range strings.Fields(`prim prims aten quantized quantized_decomposed _quantized torchvision torchaudio torchtext torch_sparse torch_scatter
		torch_cluster torch_spline_conv mkldnn mkldnn_prepacked onednn xnnpack nnapi static_runtime profiler c10d_functional
		_c10d_functional inductor sparse fb fbgemm metal vulkan tensorrt neuron ipex torch_ipex xla cuda rngprims debugprims
		higher_order image detectron2 deform_conv2d pyg nvfuser llama symm_mem torchao`) {
		t[n] = true
	}
	return t
}()

// fileOperators read or write files; the value tells whether they write.
var fileOperators = map[string]bool{
	"aten.save": true, "torch.save": true, "torch.jit.save": true, "aten.from_file": false, "torch.from_file": false,
	"torch.load": false, "torch.jit.load": false, "image.read_file": false, "image.write_file": true, "torchvision.read_file": false,
	"torchvision.write_file": true, "aten._save": true,
}

// torchScript judges the code of a TorchScript archive: every call of an operator by its namespace and name. Methods called
// __setstate__ run when the archive is loaded, all others when the model is used.
func (j *judge) torchScript(tree []*stmt, fault error) {
	if fault != nil {
		f := finding.New(threat.TCHST301, -1, "The code cannot be read as TorchScript to its end.")
		f.Evidence = source.Evidence(fault.Error())
		j.sink.Find(f)
	}
	t := &opWalk{judge: j}
	t.body(tree)
}

// opWalk walks a tree for the calls of operators.
type opWalk struct {
	judge *judge
	depth int
}

func (t *opWalk) body(list []*stmt) {
	t.depth++
	defer func() { t.depth-- }()
	if t.depth > maxWalk {
		return
	}
	for _, s := range list {
		for _, group := range [][]*node{s.exprs, s.targets, s.top().decorators} {
			for _, e := range group {
				t.expr(e)
			}
		}
		for _, p := range s.top().params {
			t.expr(p.value)
		}
		for _, a := range s.top().args {
			t.expr(a.value)
		}
		t.body(s.body)
		t.body(s.orelse)
	}
}

func (t *opWalk) expr(e *node) {
	if e == nil {
		return
	}
	t.depth++
	defer func() { t.depth-- }()
	if t.depth > maxWalk {
		t.find(threat.TCHST301, e.at, "", "", "", "The code is nested too deeply to be judged.")
		return
	}
	if e.kind == kCall {
		if name, ok := dottedName(e.kid(0)); ok {
			t.operator(e, name)
		}
	}
	for _, k := range e.kids {
		t.expr(k)
	}
	for _, a := range e.args {
		t.expr(a.value)
	}
	if e.scope == nil {
		return
	}
	for _, c := range e.clauses {
		t.expr(c.iter)
		for _, test := range c.ifs {
			t.expr(test)
		}
	}
}

// dottedName returns the text of a chain of attributes.
func dottedName(e *node) (string, bool) {
	var parts []string
	for ; e != nil && e.kind == kAttr && len(parts) < 64; e = e.kid(0) {
		parts = append(parts, e.name)
	}
	if e == nil || e.kind != kName {
		return "", false
	}
	parts = append(parts, e.name)
	slices.Reverse(parts)
	return strings.Join(parts, "."), true
}

// operator judges the call of an operator.
func (t *opWalk) operator(e *node, name string) {
	rest, custom := strings.CutPrefix(name, "ops.")
	if !custom && !strings.HasPrefix(name, "torch.") {
		return
	}
	namespace, op, _ := strings.Cut(rest, ".")
	full := rest
	evidence := name + "(" + constants(e) + ")"
	if writes, ok := fileOperators[full]; ok {
		id, text := threat.TCHST301, "The model may read files since it contains operator `%s` from module `%s`."
		if writes {
			id, text = threat.TCHST300, "The model will write files since it contains operator `%s` from module `%s`."
		} else if absoluteArgument(e) {
			id, text = threat.TCHST300, "The model will read a file outside of itself since it contains operator `%s` from module `%s`."
		}
		t.find(id, e.at, namespace, op, evidence, fmt.Sprintf(text, op, namespace))
		return
	}
	if !custom || knownNamespaces[namespace] {
		return
	}
	if commandArgument(e) {
		t.find(threat.TCHST300, e.at, namespace, op, evidence,
			fmt.Sprintf("The model will execute remote code since it contains operator `%s` from module `%s`.", op, namespace))
		return
	}
	t.find(threat.TCHST301, e.at, namespace, op, evidence,
		fmt.Sprintf("The model may execute remote code since it contains unknown operator `%s` from module `%s`.", op, namespace))
}

func (t *opWalk) find(id threat.ID, at int64, module, op, evidence, text string) {
	f := finding.New(id, at, text)
	f.Module, f.Operator, f.Role, f.Evidence = source.Evidence(module), source.Evidence(op), finding.RoleOperator, source.Evidence(evidence)
	t.judge.found = true
	t.judge.sink.Find(f)
}

// texts are the string constants among the arguments of a call.
func texts(e *node) []string {
	var out []string
	for _, a := range e.args {
		if a.value != nil && a.value.kind == kString {
			out = append(out, a.value.name)
		}
	}
	return out
}

func constants(e *node) string {
	out := make([]string, 0, len(e.args))
	for _, s := range texts(e) {
		out = append(out, quoted(s))
	}
	return strings.Join(out, ", ")
}

func absoluteArgument(e *node) bool {
	return slices.ContainsFunc(texts(e), func(s string) bool { return outside(str(s)) })
}

// commandArgument tells whether an argument looks like a command for a shell.
func commandArgument(e *node) bool {
	return slices.ContainsFunc(texts(e), func(s string) bool {
		first, _, more := strings.Cut(strings.TrimSpace(s), " ")
		switch first[strings.LastIndexByte(first, '/')+1:] {
		case "sh", "bash", "zsh", "cmd", "cmd.exe", "powershell", "curl", "wget", "nc", "python", "python3", "perl", "rm", "chmod":
			return more || strings.HasPrefix(first, "/")
		}
		return false
	})
}
