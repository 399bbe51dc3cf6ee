package pickle

import (
	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
)

// construct executes the opcodes that make and change objects.
func (m *machine) construct(op byte) {
	switch op {
	case opReduce:
		if m.need(2) {
			args, fn := m.pop(), m.pop()
			m.push(m.call(fn, args))
		}
	case opNewObj:
		if m.need(2) {
			args, class := m.pop(), m.pop()
			m.push(m.instantiate(class, args))
		}
	case opNewObjEx:
		if m.need(3) {
			kwargs, args, class := m.pop(), m.pop(), m.pop()
			if kwargs.kind() != kDict {
				m.malformed(m.at, "keyword arguments are no dict")
			}
			if g := m.global(class); g != nil && g.check == checkBuffer && m.nodes.pairs(kwargs) > 0 {
				args = m.nodes.tuple(kTuple, []value{args, kwargs}) // as copyreg.__newobj_ex__ has them
			}
			m.push(m.instantiate(class, args))
		}
	case opObj:
		m.obj()
	case opBuild:
		m.build()
	}
}

// obj executes OBJ: the class is the first item above the mark, the others are its arguments.
func (m *machine) obj() {
	items, ok := m.items()
	if !ok {
		return
	}
	if len(items) == 0 {
		m.fail(errUnderflow.Error())
		return
	}
	m.oldInstance(items[0], m.nodes.tuple(kTuple, items[1:]), len(items) == 1)
}

// inst executes INST, whose class was just imported.
func (m *machine) inst(class value) {
	items, ok := m.items()
	if !ok {
		return
	}
	m.oldInstance(class, m.nodes.tuple(kTuple, items), len(items) == 0)
}

// oldInstance does what OBJ and INST have in common: without arguments a class is made by __new__, anything else is called.
func (m *machine) oldInstance(class, args value, bare bool) {
	if g := m.global(class); bare && g != nil && g.grade <= conditional && g.roles&roleNew != 0 {
		m.push(m.instantiate(class, args))
		return
	}
	m.push(m.call(class, args))
}

// global returns the name that a value means, or nil.
func (m *machine) global(v value) *global {
	if v = m.meaning(v); v.kind() == kGlobal {
		return &m.globals[v.payload()]
	}
	return nil
}

// meaning resolves the result of a call that returns a name.
func (m *machine) meaning(v value) value {
	if v.kind() == kCall {
		if means := m.calls[v.payload()].means; means != 0 {
			return means
		}
	}
	return v
}

// instantiate judges cls.__new__(cls, *args).
func (m *machine) instantiate(class, args value) value {
	v := m.meaning(class)
	g := m.global(class)
	if g == nil {
		m.notAName(v, finding.RoleNew, args)
		return unknown
	}
	m.traceCall(g)
	switch {
	case g.grade <= conditional && g.roles&roleNew != 0:
		return m.made(v, args)
	case g.grade <= conditional:
		m.hitNew(g, unknownName, class, args)
		return m.made(v, args)
	case g.grade == indirect:
		g.calls++
		return m.indirection(g, class, args)
	}
	m.hitNew(g, g.grade, class, args)
	return m.called(class, args, 0)
}

func (m *machine) hitNew(g *global, grade grade, class, args value) {
	if !m.settled(g, grade, finding.RoleNew) {
		m.hit(g, hit{grade: grade, role: finding.RoleNew, offset: m.at, evidence: m.render(class) + ".__new__" + m.renderArgs(args)})
	}
}

func (m *machine) hitCall(g *global, grade grade, callee, args value) {
	if !m.settled(g, grade, finding.RoleCall) {
		m.hit(g, hit{grade: grade, role: finding.RoleCall, offset: m.at, evidence: m.renderCall(callee, args)})
	}
}

// made is the value of an object of a class that is known.
func (m *machine) made(class, args value) value {
	g := &m.globals[class.payload()]
	if items, ok := m.nodes.items(args); ok {
		m.sizes(g, items)
		if g.check == checkShown && shown(items) > conditional {
			m.hitNew(g, unknownName, class, args)
		}
	}
	switch {
	case g.check == checkDType:
		return m.newDType(g, args)
	case g.check == checkBuffer && m.overMemory(args):
		m.hitNew(g, suspicious, class, args)
	}
	return makeValue(kInstance, class.payload())
}

// call judges callee(*args).
func (m *machine) call(callee, args value) value {
	if args.kind() != kTuple {
		m.differ(m.at, "a call's arguments are no tuple, which C refuses and Python's own unpickler takes")
	}
	fn := m.meaning(callee)
	g := m.global(callee)
	if g == nil {
		return m.callObject(fn, args)
	}
	m.traceCall(g)
	switch g.grade {
	case harmless:
		if g.roles&roleCall == 0 {
			m.hitCall(g, unknownName, callee, args)
		}
		return m.made(fn, args)
	case conditional:
		g.calls++
		return m.conditional(g, callee, args)
	case indirect:
		g.calls++
		return m.indirection(g, callee, args)
	default:
		m.hitCall(g, g.grade, callee, args)
		return m.called(callee, args, m.returned(g, args))
	}
}

// traceCall tells tests that a name is called, or made an object of.
func (m *machine) traceCall(g *global) {
	if m.trace != nil {
		m.trace(event{module: g.module, name: g.name, offset: m.at, call: true})
	}
}

// callObject judges the call of something that is no name.
func (m *machine) callObject(fn, args value) value {
	if fn.kind() == kCall {
		return m.callResult(fn, args)
	}
	m.notAName(fn, finding.RoleCall, args)
	return unknown
}

// notAName states that something is called or made of which no name is known.
func (m *machine) notAName(v value, role finding.Role, args value) {
	h := hit{
		grade: unknownName, role: role, offset: m.at,
		description: "The model may execute remote code since it calls something that can't be told before it is loaded.",
	}
	if v.kind() == kInstance {
		g := &m.globals[v.payload()]
		h.module, h.name = g.module, g.name
		h.description = "The model may execute remote code since it calls an object of class `" + source.Evidence(g.full()) + "`."
	}
	m.nameless(h, func() string { return m.render(v) + m.renderArgs(args) })
}

// build executes BUILD: __setstate__, or an update of the object's __dict__, or setattr.
func (m *machine) build() {
	if !m.need(2) {
		return
	}
	state := m.pop()
	target := m.stack[m.sp-1]
	v := m.meaning(target)
	switch v.kind() {
	case kGlobal, kModule:
		g := &m.globals[v.payload()]
		if m.settled(g, dangerous, finding.RoleBuild) {
			return
		}
		m.hit(g, hit{
			grade: dangerous, role: finding.RoleBuild, offset: m.at, evidence: m.render(target) + ".__dict__.update(" + m.render(state) + ")",
			description: "The model overwrites attributes of `" + source.Evidence(g.full()) + "` while it is loaded.",
		})
	case kInstance:
		m.buildInstance(v, state)
	case kDType:
		m.setDType(v, state)
	case kCall:
		if c := &m.calls[v.payload()]; c.how == "partial" {
			m.partialState(c, state)
		} else {
			c.note(m, finding.RoleBuild, state)
		}
	case kUnknown, kPersistent:
		m.nameless(hit{
			grade: unknownName, role: finding.RoleBuild, offset: m.at,
			description: "The model may execute remote code since it sets the state of something that can't be told before it is loaded.",
		}, func() string { return m.render(state) })
	default:
		m.malformed(m.at, "a state is set of something that has none")
	}
}

// buildInstance judges BUILD on an object of a class that is known to be harmless.
func (m *machine) buildInstance(v, state value) {
	g := &m.globals[v.payload()]
	if g.grade <= conditional && g.roles&roleBuild == 0 && !m.settled(g, unknownName, finding.RoleBuild) {
		m.hit(g, hit{grade: unknownName, role: finding.RoleBuild, offset: m.at, evidence: g.full() + ".__setstate__(" + m.render(state) + ")"})
	}
	m.slots(g, state)
	switch g.check {
	case checkArrayWrapper:
		m.arrayWrapper(state)
	case checkFileWrapper:
		m.fileWrapper(state)
	case checkBytesIO: // (bytes, position, attributes)
		if parts, ok := m.nodes.items(state); ok && first(parts).kind() == kNested {
			m.stack[m.sp-1] = parts[0]
		}
	}
}

// slots looks at a state of two parts: the second sets attributes one by one, special ones included.
func (m *machine) slots(g *global, state value) {
	parts, ok := m.nodes.items(state)
	if !ok || len(parts) != 2 || !m.afford(m.nodes.pairs(parts[1])) {
		return
	}
	m.nodes.each(parts[1], func(key, _ value) bool {
		name, ok := m.content(key)
		if ok && isDunder(name) && name != "__dict__" && name != "__module__" && name != "__doc__" {
			m.hit(g, hit{
				grade: dangerous, role: finding.RoleBuild, offset: m.at, evidence: g.full() + "." + name,
				description: "The model sets the special attribute `" + source.Evidence(name) + "` of an object while it is loaded.",
			})
			return false
		}
		return true
	})
}

// onFill judges APPEND, SETITEM and ADDITEMS on something that is no built-in container of the kind.
func (m *machine) onFill(target value, want kind, items []value) {
	v := m.meaning(target)
	switch v.kind() {
	case kInstance:
		g := &m.globals[v.payload()]
		if g.grade <= conditional && g.roles&roleFill == 0 && !m.settled(g, unknownName, finding.RoleFill) {
			m.hit(g, hit{grade: unknownName, role: finding.RoleFill, offset: m.at, evidence: m.renderFill(v, want, items)})
		}
	case kGlobal, kModule:
		g := &m.globals[v.payload()]
		grade := unknownName
		if g.grade >= suspicious { // such as the table of all modules, or of all built-in functions
			grade = dangerous
		}
		if !m.settled(g, grade, finding.RoleFill) {
			m.hit(g, hit{grade: grade, role: finding.RoleFill, offset: m.at, evidence: m.renderFill(target, want, items)})
		}
	case kCall:
		m.calls[v.payload()].note(m, finding.RoleFill, unknown)
	case kUnknown, kPersistent, kDType:
		m.nameless(hit{
			grade: unknownName, role: finding.RoleFill, offset: m.at,
			description: "The model may execute remote code since it fills something that can't be told before it is loaded.",
		}, func() string { return m.renderFill(target, want, items) })
	case kByteArray:
		if want != kList {
			m.malformed(m.at, "a value that is no container is filled")
		}
	default:
		m.malformed(m.at, "a value that is no such container is filled")
	}
}
