package pickle

import (
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
)

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
		if t := m.global(target); t != nil && (t.grade == harmless || t.grade == conditional && t.check == checkLoadBytes) {
			return target // a method that is on the list itself
		}
		if owner := &m.globals[of.payload()]; of.kind() == kInstance && name == "_entropy" && owner.grade == harmless &&
			strings.HasPrefix(owner.module, "scipy.stats.") {
			return target // which SciPy's discrete distributions keep, vectorized
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
	if g.indirection == viaPartial && fn != nil && m.bindable(fn, items[1:]) {
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
		if g := m.global(c.fn); g != nil && g.grade <= conditional {
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
