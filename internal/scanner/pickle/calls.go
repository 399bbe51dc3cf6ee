package pickle

import (
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
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

// indirection judges a call of something that calls or looks up what its arguments say.
func (m *machine) indirection(g *global, callee, args value) value {
	items, ok := m.nodes.items(args)
	if !ok {
		m.indirect(g, callee, args, 0, false)
		return m.called(callee, args, 0)
	}
	switch g.indirection {
	case viaGetattr:
		return m.viaGetattr(g, callee, args, items)
	case viaAttrGetter, viaMethodCaller:
		return m.viaGetter(g, callee, args, items)
	case viaGetItem:
		return m.viaGetItem(g, callee, args, items)
	case viaSecond:
		return m.viaFunction(g, callee, args, items, 1)
	case viaKeyword:
		m.indirect(g, callee, args, 0, true)
		return m.called(callee, args, 0)
	default:
		return m.viaFunction(g, callee, args, items, 0)
	}
}

// indirect states an indirection by its target: dangerous if that is dangerous or not known, suspicious otherwise.
func (m *machine) indirect(g *global, callee, args, target value, known bool) {
	grade := suspicious
	if t := m.global(target); t != nil && t.grade == dangerous {
		grade = dangerous
	}
	if target == 0 && !known {
		grade = dangerous
	}
	m.hitCall(g, grade, callee, args)
}

// reached states a dangerous name that a chain leads to.
func (m *machine) reached(target value, role finding.Role, evidence func() string) {
	if g := m.global(target); g != nil && g.grade >= unknownName && !m.settled(g, g.grade, role) {
		m.hit(g, hit{grade: g.grade, role: role, offset: m.at, evidence: evidence()})
	}
}

// viaGetattr judges getattr(object, name): bound methods and members of enumerations are pickled so.
func (m *machine) viaGetattr(g *global, callee, args value, items []value) value {
	if len(items) < 2 {
		m.indirect(g, callee, args, 0, false)
		return m.called(callee, args, 0)
	}
	name, ok := m.content(items[1])
	if !ok {
		m.indirect(g, callee, args, 0, false)
		return m.called(callee, args, 0)
	}
	target := m.attr(items[0], name)
	if of := m.meaning(items[0]); of.kind() == kGlobal || of.kind() == kInstance {
		if owner := &m.globals[of.payload()]; owner.grade == harmless && owner.roles&roleMember != 0 && memberName(name) {
			return makeValue(kInstance, of.payload())
		}
		if t := m.global(target); t != nil && t.grade == harmless { // a method that is on the list itself
			return target
		}
	}
	m.indirect(g, callee, args, target, false)
	m.reached(target, finding.RoleAttribute, func() string { return m.renderCall(callee, args) })
	return m.called(callee, args, target)
}

// memberName tells whether an attribute may be a member of an enumeration.
func memberName(name string) bool {
	return name != "" && !strings.HasPrefix(name, "_") && !strings.Contains(name, ".")
}

// viaGetter keeps what attrgetter and methodcaller will look up.
func (m *machine) viaGetter(g *global, callee, args value, items []value) value {
	how := "attrgetter"
	if g.indirection == viaMethodCaller {
		how = "methodcaller"
	}
	name, ok := "", false
	if len(items) > 0 {
		name, ok = m.content(items[0])
	}
	m.indirect(g, callee, args, 0, ok && !isDunder(name))
	if !ok {
		return m.called(callee, args, 0)
	}
	return m.keep(call{how: how, name: name, expr: m.renderCall(callee, args)}, callee)
}

// viaGetItem judges operator.getitem: of sys.modules it gives modules.
func (m *machine) viaGetItem(g *global, callee, args value, items []value) value {
	var target value
	if len(items) > 1 {
		name, ok := m.content(items[1])
		switch of := m.global(items[0]); {
		case of == nil || !ok:
		case of.full() == "sys.modules":
			target = m.module(name)
		case of.full() == "builtins.__dict__":
			target = m.reach("builtins", name)
		}
	}
	m.indirect(g, callee, args, target, true)
	m.reached(target, finding.RoleAttribute, func() string { return m.renderCall(callee, args) })
	return m.called(callee, args, target)
}

// viaFunction judges partial, map, reduce and the like, whose argument at the given place is the function.
func (m *machine) viaFunction(g *global, callee, args value, items []value, at int) value {
	if at >= len(items) {
		m.indirect(g, callee, args, 0, false)
		return m.called(callee, args, 0)
	}
	target := m.meaning(items[at])
	fn := m.global(target)
	if g.indirection == viaPartial && fn != nil && fn.grade == harmless {
		return m.keep(call{how: "partial", fn: target, expr: m.renderCall(callee, args)}, callee)
	}
	switch {
	case fn != nil:
		m.indirect(g, callee, args, target, false)
		m.reached(target, finding.RoleCall, func() string { return m.renderCall(callee, args) })
	case target.kind() == kCall:
		m.indirect(g, callee, args, 0, false)
		m.callResult(target, unknown)
	default:
		m.indirect(g, callee, args, 0, target.kind() == kNone)
	}
	if g.indirection == viaPartial {
		return m.keep(call{how: "partial", fn: target, expr: m.renderCall(callee, args)}, callee)
	}
	return m.called(callee, args, 0)
}

// callResult judges the call of what another call returned.
func (m *machine) callResult(fn, args value) value {
	c := m.calls[fn.payload()]
	expr := cut(c.expr) + m.renderArgs(args)
	var target value
	role := finding.RoleCall
	switch c.how {
	case "attrgetter", "methodcaller":
		if items, ok := m.nodes.items(args); ok && len(items) > 0 {
			target = m.attr(items[0], c.name)
		}
		if c.how == "attrgetter" {
			role = finding.RoleAttribute
		}
	case "partial":
		if g := m.global(c.fn); g != nil && g.grade == harmless {
			return m.call(c.fn, args)
		}
		target = c.fn
	}
	if target != 0 {
		m.reached(target, role, func() string { return expr })
	}
	if c.code != "" {
		m.nameless(hit{
			grade: dangerous, role: finding.RoleCall, offset: m.at, module: "types", name: "FunctionType", evidence: c.code,
			description: "The model will execute remote code since it calls a function of its own that uses `" + source.Evidence(c.code) + "`.",
		}, nil)
	}
	if c.owner > 0 {
		g := &m.globals[c.owner-1]
		grade := g.grade
		if t := m.global(target); t != nil && t.grade == dangerous || c.how != "" && target == 0 {
			grade = dangerous
		} else if grade == indirect {
			grade = suspicious
		}
		m.hit(g, hit{grade: grade, role: finding.RoleCall, offset: m.at, evidence: expr})
	}
	means := value(0)
	if c.how == "attrgetter" {
		means = target
	}
	return m.keep(call{means: means, expr: expr}, fn)
}
