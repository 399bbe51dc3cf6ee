package pickle

import (
	"strings"

	"modelgate/internal/finding"
)

// call is the result of a call that is not known to be harmless. It is kept so that a chain of calls can be followed to the
// name that it reaches, and told as a chain.
type call struct {
	owner uint32 // index in globals of what was called, plus one
	how   string // for callables that indirection made: "attrgetter", "methodcaller", "partial"
	name  string // the attribute that attrgetter and methodcaller look up
	fn    value  // what partial calls
	means value  // the name that the result is, if it is one
	code  string // the worst name in the code that it is made of, if that is dangerous
	expr  string // for people
}

// mostCalls is how many results are kept.
const mostCalls = 16 << 10

// called keeps the result of a call.
func (m *machine) called(callee, args, means value) value {
	if len(m.calls) >= mostCalls {
		return unknown
	}
	return m.keep(call{means: means, expr: m.renderCall(callee, args), code: m.codeIn(callee, args)}, callee)
}

// codeMakers make a code object out of its parts.
var codeMakers = words(`types.CodeType dill._dill._create_code new.code dill._dill._load_type('CodeType')
	cloudpickle.cloudpickle._builtin_type('CodeType') cloudpickle.cloudpickle_fast._builtin_type('CodeType')`)

// codeIn returns the worst name of the code that a call makes, or takes as an argument, if that is dangerous.
func (m *machine) codeIn(callee, args value) string {
	items, _ := m.nodes.items(args)
	if g := m.global(callee); g != nil && codeMakers[g.full()] {
		v := m.codeType(items)
		m.codeFound(m.at, "a code object", v)
		if v.grade == dangerous {
			return v.name
		}
		return ""
	}
	if callee.kind() == kCall && m.calls[callee.payload()].code != "" {
		return m.calls[callee.payload()].code
	}
	for _, item := range items {
		if item.kind() == kCall && m.calls[item.payload()].code != "" {
			return m.calls[item.payload()].code
		}
	}
	return ""
}

func (m *machine) keep(c call, callee value) value {
	if len(m.calls) >= mostCalls {
		return unknown
	}
	if v := m.meaning(callee); v.kind() == kGlobal {
		c.owner = uint32(v.payload()) + 1
	} else if v.kind() == kCall {
		c.owner = m.calls[v.payload()].owner
	}
	m.calls = append(m.calls, c)
	return makeValue(kCall, uint64(len(m.calls)-1))
}

// note states that the result of a call is changed or filled.
func (c *call) note(m *machine, role finding.Role, arg value) {
	if c.owner == 0 {
		return
	}
	g := &m.globals[c.owner-1]
	if g.grade >= unknownName && !m.settled(g, g.grade, role) {
		m.hit(g, hit{grade: g.grade, role: role, offset: m.at, evidence: c.expr + " <- " + m.render(arg)})
	}
}

// partialState judges BUILD on a partial, which takes its function from there: (function, arguments, keywords, attributes).
func (m *machine) partialState(c *call, state value) {
	var args []value
	known := false
	c.fn = unknown
	if items, ok := m.nodes.items(state); ok && len(items) > 1 {
		c.fn = m.meaning(items[0])
		args, known = m.nodes.items(items[1])
	}
	fn := m.global(c.fn)
	if known && fn != nil && m.bindable(fn, args) || c.owner == 0 {
		return
	}
	evidence := c.expr + ".__setstate__(" + m.render(state) + ")"
	grade := suspicious
	if fn == nil || fn.grade == dangerous {
		grade = dangerous
	}
	if g := &m.globals[c.owner-1]; !m.settled(g, grade, finding.RoleBuild) {
		m.hit(g, hit{grade: grade, role: finding.RoleBuild, offset: m.at, evidence: evidence})
	}
	m.reached(c.fn, finding.RoleCall, func() string { return evidence })
}

// bindable tells whether a function is harmless with the arguments that a partial binds, and with whatever follows them.
func (m *machine) bindable(g *global, args []value) bool {
	switch {
	case g.grade == harmless:
		return true
	case g.grade != conditional:
		return false
	case g.check == checkFactory && len(args) > 0:
		return m.factory(args[0]) == harmless
	default:
		return g.check == checkContainer || g.check == checkFactory || g.check == checkShown
	}
}

// register takes down what a stream adds to the registry of extension codes.
func (m *machine) register(items []value) {
	if len(items) != 3 || len(m.extensions) >= mostGlobals {
		return
	}
	module, ok1 := m.content(items[0])
	name, ok2 := m.content(items[1])
	code, ok3 := items[2].int()
	if !ok1 || !ok2 || !ok3 {
		return
	}
	if index, ok := m.intern(module, name, maxProtocol); ok {
		if m.extensions == nil {
			m.extensions = map[int64]uint32{}
		}
		m.extensions[code] = index
	}
}

// returned tells which name a dangerous function returns, if its arguments say so.
func (m *machine) returned(g *global, args value) value {
	items, ok := m.nodes.items(args)
	if !ok || len(items) == 0 {
		return 0
	}
	if g.name == "add_extension" {
		m.register(items)
		return 0
	}
	text, ok := m.content(items[0])
	if !ok {
		return 0
	}
	switch g.name {
	case "import_module", "__import__", "subimport", "_import_module":
		return m.module(text)
	case "_builtin_type", "_load_type":
		return m.reach(g.module, g.name+"('"+text+"')")
	case "resolve_name", "locate":
		if mod, attr, ok := strings.Cut(text, ":"); ok {
			return m.reach(mod, attr)
		}
		if i := strings.LastIndexByte(text, '.'); i > 0 {
			return m.reach(text[:i], text[i+1:])
		}
		return m.module(text)
	default:
		return 0
	}
}

// module is the value of a module.
func (m *machine) module(name string) value {
	if len(name) > maxName {
		return 0
	}
	index, ok := m.intern(name, "", maxProtocol)
	if !ok {
		return 0
	}
	return makeValue(kModule, uint64(index))
}

// reach is the value of a name that a chain of calls leads to. Its own import is judged where the chain uses it.
func (m *machine) reach(module, name string) value {
	if len(module) > maxName || len(name) > maxName {
		return 0
	}
	index, ok := m.intern(module, name, maxProtocol)
	if !ok {
		return 0
	}
	return makeValue(kGlobal, uint64(index))
}

// attr is the value of an attribute, 0 if nothing is known of the object.
func (m *machine) attr(of value, name string) value {
	v := m.meaning(of)
	switch v.kind() {
	case kModule:
		return m.reach(m.globals[v.payload()].module, name)
	case kGlobal, kInstance:
		g := m.globals[v.payload()]
		return m.reach(g.module, g.name+"."+name)
	default:
		return 0
	}
}
