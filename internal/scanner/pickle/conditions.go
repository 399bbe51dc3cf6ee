package pickle

import (
	"regexp"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/threat"
)

// check is the condition under which a call is harmless, or what a class needs watching for.
type check uint8

const (
	checkNone          check = iota
	checkReconstructor       // copyreg._reconstructor(class, base, state)
	checkNewObj              // copyreg.__newobj__(class, *args)
	checkEncode              // _codecs.encode(text, "latin1")
	checkFactory             // collections.defaultdict(class)
	checkArray               // numpy's _reconstruct(class, shape, dtype)
	checkUfunc               // numpy's _ufunc_reconstruct(module, name)
	checkLoadBytes           // torch.storage._load_from_bytes(bytes) and its like: what the bytes are decides
	checkBytesIO             // io.BytesIO(bytes): it stands for its bytes
	checkRebuildType         // torch._tensor._rebuild_from_type_v2(function, class, args, state)
	checkClassFirst          // f(class, …), where only the class matters
	checkContainer           // list(…) and its like: not of endless things
	checkTypeOf              // type(None) and its like
	checkDType               // numpy.dtype(…)
	checkArrayWrapper        // joblib's NumpyArrayWrapper: raw bytes follow its BUILD
	checkFileWrapper         // joblib's NDArrayWrapper: names a file
	checkGenerator           // numpy's __generator_ctor(name or bit generator, function)
	checkBuffer              // numpy.ndarray(shape, dtype, buffer, …): not over bytes of the stream's choice
	checkSized               // torch.FloatTensor(3, 4) and its like: not of enormous sizes
	checkLoadType            // dill's _load_type("slice"): a built-in class by its name
	checkConstant            // dill's _eval_repr("Ellipsis"): it evaluates what it is given
	checkShown               // str(…) and its like: of texts and numbers, since objects are asked how they are shown
	checkDecimal             // decimal.Decimal("1.5"), fractions.Fraction("1/3"): not of enormous exponents
)

// acts tells whether the condition is on a function for which honest pickles have no other use than to call it.
func (c check) acts() bool {
	switch c {
	case checkReconstructor, checkNewObj, checkEncode, checkUfunc, checkLoadBytes, checkRebuildType, checkLoadType, checkConstant:
		return true
	default:
		return false
	}
}

// conditional judges a call that is harmless for some arguments.
func (m *machine) conditional(g *global, callee, args value) value {
	items, whole := m.nodes.items(args)
	result, grade := m.condition(g, callee, items, whole)
	if grade > conditional {
		m.hitCall(g, grade, callee, args)
	}
	if result == 0 {
		return m.called(callee, args, 0)
	}
	return result
}

// condition returns the result of a conditional call, 0 if it isn't known, and the grade of the call.
func (m *machine) condition(g *global, callee value, items []value, whole bool) (value, grade) {
	if !whole && len(items) < tupleItems {
		return 0, suspicious
	}
	self := makeValue(kInstance, m.meaning(callee).payload())
	switch g.check {
	case checkReconstructor:
		return m.firstClass(items, 3)
	case checkNewObj, checkClassFirst:
		return m.firstClass(items, 1)
	case checkArray:
		m.sizes(g, items)
		_, grade := m.firstClass(items, 1)
		return self, grade
	case checkEncode:
		return m.encode(items)
	case checkFactory:
		if len(items) == 0 || items[0].kind() == kNone {
			return self, harmless
		}
		return self, m.factory(items[0])
	case checkUfunc:
		return self, m.ufunc(items)
	case checkLoadBytes:
		return self, m.loadBytes(items)
	case checkBytesIO:
		if first(items).kind() == kNested {
			return items[0], harmless
		}
		return self, harmless
	case checkRebuildType:
		return self, m.rebuildType(items)
	case checkTypeOf:
		return m.typeOf(items)
	case checkContainer:
		return self, m.elements(items)
	case checkShown:
		return self, shown(items)
	case checkLoadType:
		return m.loadType(g, items)
	case checkConstant:
		if text, ok := m.content(first(items)); !ok || !constant.MatchString(text) {
			return 0, dangerous
		}
		return self, harmless
	case checkGenerator:
		return self, m.generator(items)
	default:
		return self, harmless
	}
}

// gradeOf is the grade of a name as an argument that is called or made.
func (m *machine) gradeOf(v value, need roles) grade {
	g := m.global(v)
	switch {
	case g == nil:
		return suspicious
	case g.grade <= conditional && g.roles&need != 0:
		return harmless
	case g.grade == dangerous:
		return dangerous
	default:
		return suspicious
	}
}

// firstClass judges a function of which the first of n arguments is the class to be made.
func (m *machine) firstClass(items []value, n int) (value, grade) {
	if len(items) < n {
		return 0, suspicious
	}
	if grade := m.gradeOf(items[0], roleNew); grade != harmless {
		return 0, grade
	}
	if n == 3 { // copyreg._reconstructor: the base makes the object
		if base := m.global(items[1]); base == nil || base.module != "builtins" || base.grade > conditional {
			return 0, suspicious
		}
	}
	return m.made(m.meaning(items[0]), m.nodes.tuple(kTuple, items[1:])), harmless
}

// factory judges what a defaultdict calls for keys that it lacks.
func (m *machine) factory(v value) grade {
	if v = m.meaning(v); v.kind() == kCall && m.calls[v.payload()].how == "partial" {
		return m.gradeOf(m.calls[v.payload()].fn, roleNew|roleCall)
	}
	return m.gradeOf(v, roleNew|roleCall)
}

// encode judges _codecs.encode, by which protocols below 3 write bytes. Other codecs may be registered by anybody.
func (m *machine) encode(items []value) (value, grade) {
	if len(items) == 0 || !items[0].isText() {
		return 0, suspicious
	}
	codec := "utf-8"
	if len(items) > 1 {
		text, ok := m.content(items[1])
		if !ok {
			return 0, suspicious
		}
		codec = text
	}
	if codec != "latin1" && codec != "latin-1" {
		return 0, suspicious
	}
	if index, taken := m.latin1(items[0]); taken {
		return makeValue(kNested, uint64(index)), harmless
	}
	return makeValue(kBytes, maxText), harmless
}

// ufunc judges numpy's _ufunc_reconstruct, which imports a module by name.
func (m *machine) ufunc(items []value) grade {
	if len(items) != 2 {
		return dangerous
	}
	module, ok1 := m.content(items[0])
	name, ok2 := m.content(items[1])
	top, _, _ := strings.Cut(module, ".")
	if !ok1 || !ok2 || (top != "numpy" && top != "scipy") || isDunder(name) {
		if target := m.reach(module, name); ok1 && ok2 && target != 0 {
			m.reached(target, finding.RoleAttribute, func() string { return "_ufunc_reconstruct('" + module + "', '" + name + "')" })
		}
		return dangerous
	}
	switch v := judge(module, name, m.f.Family); {
	case v.grade == dangerous || looseSegments[name]: // modules hold what they import
		return dangerous
	case v.grade > conditional && v.grade != unknownName, v.grade != harmless && !ufuncModules[module]:
		return suspicious
	}
	return harmless
}

// ufuncModules are those that hold nothing but universal functions and their like.
var ufuncModules = map[string]bool{
	"numpy": true, "numpy.core._multiarray_umath": true, "numpy._core._multiarray_umath": true, "numpy.core.umath": true,
	"numpy._core.umath": true, "scipy.special": true, "scipy.special._ufuncs": true, "scipy.special._special_ufuncs": true,
}

// loadBytes judges the functions by which libraries load a file of theirs that they keep inside a pickle, as bytes or as a file in memory:
// torch.storage._load_from_bytes, and those by which models of Keras are pickled. What the file is decides.
func (m *machine) loadBytes(items []value) grade {
	if len(items) == 0 || items[0].kind() != kNested {
		return suspicious
	}
	switch n := m.nested[items[0].payload()]; {
	case n.level == threat.Malicious:
		return dangerous
	case n.known: // what else is wrong with it is said of the file itself
		return harmless
	default:
		return suspicious
	}
}

// elements judges list(x) and its like. What is made of a number or a range may fill the memory of whoever loads it.
func (m *machine) elements(items []value) grade {
	if len(items) == 0 {
		return harmless
	}
	n, ok := items[0].int()
	if items[0].kind() == kBigInt || ok && n > mostElements {
		m.bomb("a container is made of an enormous number of elements")
	}
	for _, item := range items {
		if g := m.instanceOf(item); g != nil && lazy[g.full()] {
			return suspicious
		}
	}
	return harmless
}

// shown judges str(x) and its like. Of anything but texts and numbers it runs what a class says, and a list asks all that is in it.
func shown(items []value) grade {
	for _, item := range items {
		switch item.kind() {
		case kUnknown, kList, kDict, kSet, kFrozenSet, kTuple, kCall, kPersistent:
			return unknownName
		}
	}
	return harmless
}

// lazy are classes whose objects may stand for any number of elements.
var lazy = words("builtins.range builtins.enumerate builtins.zip builtins.reversed")

// generator judges the functions by which NumPy's random generators are pickled: __bit_generator_ctor makes an object of the
// class that it is given, the others call their second argument with the first.
func (m *machine) generator(items []value) grade {
	for i, item := range items {
		v := m.meaning(item)
		if v.isText() && i == 0 || v.kind() == kNone {
			continue
		}
		if v.kind() != kGlobal && v.kind() != kInstance {
			return suspicious
		}
		g := &m.globals[v.payload()]
		if m.reached(v, finding.RoleCall, g.full); !strings.HasPrefix(g.module, "numpy.random") || g.grade > conditional {
			return suspicious
		}
	}
	return harmless
}

// overMemory tells whether an array is laid over bytes of the stream: with elements that are objects, these are addresses.
func (m *machine) overMemory(args value) bool {
	items, ok := m.nodes.items(args)
	if !ok {
		return true
	}
	for i, item := range items {
		if i > 0 && item.kind() == kDict || i > 1 && item.kind() != kNone {
			return true
		}
	}
	return false
}

// instanceOf returns the class of an object, or nil.
func (m *machine) instanceOf(v value) *global {
	if v.kind() == kInstance {
		return &m.globals[v.payload()]
	}
	return nil
}

// typeOf judges type(…): with one argument it returns a class, and pickles name those of None and its like so; with three it
// makes one.
func (m *machine) typeOf(items []value) (value, grade) {
	switch {
	case len(items) == 3:
		return 0, dangerous
	case len(items) != 1:
		return 0, suspicious
	case items[0].kind() == kNone:
		return m.reach("builtins", "NoneType"), harmless
	}
	if g := m.global(items[0]); g != nil && g.module == "builtins" && (g.name == "Ellipsis" || g.name == "NotImplemented") {
		return items[0], harmless
	}
	return 0, suspicious
}

// constant is what dill writes down as Python source: constants, and ranges of numbers.
var constant = regexp.MustCompile(`^(Ellipsis|NotImplemented|range\(-?[0-9]+, -?[0-9]+(, -?[0-9]+)?\))$`)

// loadType judges dill's _load_type, which looks a class up among those that are built in, functions and code objects among them.
func (m *machine) loadType(g *global, items []value) (value, grade) {
	text, ok := m.content(first(items))
	if !ok {
		return 0, suspicious
	}
	if v, ok := safeNames["builtins."+text]; ok && v.grade <= conditional {
		return m.reach("builtins", text), harmless
	}
	return m.reach(g.module, g.name+"('"+text+"')"), unknownName
}

// first is the first argument of a call, absent if there is none.
func first(items []value) value {
	if len(items) == 0 {
		return 0
	}
	return items[0]
}

// mostRebuilds is how deep calls of _rebuild_from_type_v2 by itself are followed.
const mostRebuilds = 16

// rebuildType judges torch's _rebuild_from_type_v2(function, class, arguments, state): it calls the function with the arguments,
// takes what it returns for the class, and gives it the state.
func (m *machine) rebuildType(items []value) grade {
	if len(items) < 3 || m.rebuilds >= mostRebuilds {
		return suspicious
	}
	fn := m.global(items[0])
	switch {
	case fn == nil:
		return dangerous
	case fn.grade > conditional, fn.roles&roleCall == 0:
		m.reached(items[0], finding.RoleCall, func() string { return "_rebuild_from_type_v2(" + m.render(items[0]) + ", …)" })
		return max(suspicious, fn.grade)
	}
	m.rebuilds++
	m.call(items[0], items[2])
	m.rebuilds--
	return m.gradeOf(items[1], roleNew)
}
