package python

import (
	"slices"
	"strings"

	"modelgate/internal/scanner/source/pynames"
)

// Bounds of a walk: depth of recursion, work (bytes that folding makes, statements and calls), nesting of code in strings, events.
const (
	maxWalk   = 3000
	maxWork   = 64 << 20
	evalCost  = 32 // work of looking at one expression
	maxNested = 6
	maxEvents = 200_000
)

// reach says when code runs.
type reach int

const (
	idle     reach = iota // only if somebody calls it
	loaded                // when a loader makes an object of it, or asks it for an answer
	imported              // as soon as the file is imported
)

// function is a function of the source, or its module level.
type function struct {
	name  string
	class string
	reach reach
	uses  map[string]bool // names of functions and classes that its body mentions
	stmt  *stmt           // nil of the module level
	size  int             // statements in it
	gives value           // what it returns or yields
}

// event is something that a body does.
type event struct {
	at      int64
	fn      *function
	name    string // dotted name that is called
	of      value  // the constant whose method it is
	args    arguments
	dynamic bool // what it calls is looked up under a name that is not known
	role    eventRole
	note    string
}

type eventRole int

const (
	isCall     eventRole = iota
	isArgument           // the name is handed to another function
	isHidden             // decoded code that was not followed
	isBase               // a class of the source is derived from it
	isTrusted            // it is given leave to import the code of the repository that its first argument names
	isSetting            // an environment variable is set: note is its name
)

// arguments of a call.
type arguments struct {
	positional []value
	named      map[string]value
	rest       bool // there are others, of which nothing is known
}

// at returns an argument by position or keyword; nil if it is not given.
func (a arguments) at(i int, keyword string) value {
	if v, ok := a.named[keyword]; ok {
		return v
	}
	if i >= 0 && i < len(a.positional) {
		return a.positional[i]
	}
	return nil
}

// walker goes through a source: first to learn what its names stand for, then to note what its bodies do. Names are not kept
// apart by scope: a name stands for everything that is assigned to it anywhere.
type walker struct {
	vars      map[string]value
	functions map[string][]*function // by name, those of a class also under the name of the class
	bases     map[string]value       // what classes are derived from
	byStmt    map[*stmt]*function
	fn        *function
	class     string
	record    bool
	events    []event
	relative  []alias // modules of the same directory that are imported
	nested    int     // branches and loops around
	inString  int     // code in strings around
	folding   int     // comprehensions around that are folded
	override  int64
	depth     int
	work      int
	changed   bool // a name, or what a function gives, got one more thing that it may be
	frames    []*frame
	inlined   int // work that was done in frames
}

func newWalker() *walker {
	return &walker{
		vars: map[string]value{}, functions: map[string][]*function{}, bases: map[string]value{}, byStmt: map[*stmt]*function{}, override: -1,
		fn: &function{reach: imported, uses: map[string]bool{}},
	}
}

func (w *walker) charge(n int) { w.work += n }
func (w *walker) spent() bool  { return w.work > maxWork }

func (w *walker) event(e event) {
	if !w.record || len(w.events) >= maxEvents {
		return
	}
	e.fn = w.fn
	if w.override >= 0 {
		e.at = w.override
	}
	w.events = append(w.events, e)
}

// uses notes that the current body mentions a function.
func (w *walker) uses(name string) { w.fn.uses[name] = true }

// Bounds of walks: how often a source is walked to learn what its names stand for, and the work behind which that ends.
const (
	mostPasses = 6
	passWork   = maxWork / 4
)

// run walks a tree as often as it takes to learn what its names stand for, then once more to note what it does.
func (w *walker) run(tree []*stmt) {
	w.declare(tree, "")
	w.describe(tree, "__doc__")
	for range mostPasses {
		w.changed = false
		if w.body(tree); !w.changed || w.work > passWork {
			break
		}
	}
	w.record = true
	w.body(tree)
	w.spread()
}

// describe binds the string that a body begins with, which is its documentation, to a name.
func (w *walker) describe(body []*stmt, name string) {
	if len(body) > 0 && body[0].kind == sExpr && len(body[0].exprs) == 1 && body[0].exprs[0] != nil && body[0].exprs[0].kind == kString {
		w.bind(name, str(body[0].exprs[0].name))
	}
}

// declare lists the functions of a source before any of them is used.
func (w *walker) declare(list []*stmt, class string) {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxWalk {
		return
	}
	for _, s := range list {
		switch s.kind {
		case sDef:
			f := &function{name: s.name, class: class, uses: map[string]bool{}, stmt: s, size: size(s.body)}
			switch {
			case class != "" && entryPoint(s.name):
				f.reach = loaded
				w.functions[class] = append(w.functions[class], f)
			case s.name == "__getattr__" || s.name == "__dir__": // of the module: who asks it for a class calls it
				f.reach = loaded
			}
			w.byStmt[s] = f
			w.functions[s.name] = append(w.functions[s.name], f)
			w.declare(s.body, "")
		case sClass:
			if _, ok := w.functions[s.name]; !ok {
				w.functions[s.name] = nil
			}
			w.declare(s.body, s.name)
		default:
			w.declare(s.body, class)
			w.declare(s.orelse, class)
		}
	}
}

// size is the number of statements of a body, as far as it matters.
func size(body []*stmt) int {
	n := 0
	for work := slices.Clone(body); len(work) > 0 && n <= maxInline; work = work[1:] {
		n++
		work = append(append(work, work[0].body...), work[0].orelse...)
	}
	return n
}

// entryPoint tells whether a method is one that loaders call by its name: those of Python itself, of the libraries that load
// models, and of serving handlers.
func entryPoint(name string) bool {
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return true
	}
	switch name {
	case "from_pretrained", "from_config", "from_dict", "from_args_and_dict", "forward", "call", "build", "get_config_dict", "_from_config", "post_init", "_init_weights",
		"initialize", "handle", "inference", "preprocess", "postprocess", "load_model", "load_context", "predict", "setup", "generate":
		return true
	}
	return false
}

// spread makes everything that runs at import or load reach what it mentions.
func (w *walker) spread() {
	var queue []*function
	seen := map[*function]reach{}
	add := func(f *function, r reach) {
		if f.reach < r {
			f.reach = r
		}
		if old, ok := seen[f]; !ok && f.reach > idle || ok && old < f.reach {
			seen[f] = f.reach
			queue = append(queue, f)
		}
	}
	add(w.fn, imported)
	for _, list := range w.functions {
		for _, f := range list {
			add(f, f.reach)
		}
	}
	for len(queue) > 0 {
		f := queue[0]
		queue = queue[1:]
		for name := range f.uses {
			for _, g := range w.functions[name] {
				add(g, f.reach)
			}
		}
	}
}

// body walks statements.
func (w *walker) body(list []*stmt) {
	w.depth++
	defer func() { w.depth-- }()
	if w.depth > maxWalk {
		return
	}
	for _, s := range list {
		w.charge(1)
		if w.spent() {
			return
		}
		w.stmt(s)
	}
}

func (w *walker) stmt(s *stmt) {
	switch s.kind {
	case sImport:
		w.imports(s)
	case sFrom:
		w.fromImport(s)
	case sDef:
		w.def(s)
	case sClass:
		for _, d := range s.top().decorators {
			w.eval(d)
		}
		w.derive(s)
		outer := w.class
		w.class = s.name
		w.body(s.body)
		w.class = outer
	case sAssign:
		v := w.eval(s.expr(0))
		for i := 1; i < len(s.exprs); i++ {
			w.eval(s.exprs[i])
		}
		for _, t := range s.targets {
			w.assign(t, v)
		}
	case sIf:
		if len(s.exprs) > 0 && isMain(s.exprs[0]) {
			outer := w.fn
			w.fn = &function{name: "__main__", uses: map[string]bool{}}
			w.body(s.body)
			w.fn = outer
			w.body(s.orelse)
			return
		}
		w.block(s)
	case sReturn:
		for _, e := range s.exprs {
			w.gives(w.eval(e))
		}
	case sMatch:
		v := w.eval(s.expr(0))
		for _, c := range s.body {
			for _, a := range c.names {
				w.bind(a.name, v.plus(v.contents()))
			}
		}
		w.nested++
		w.body(s.body)
		w.nested--
	case sFor:
		iter := w.eval(s.expr(0))
		for _, t := range s.targets {
			w.assign(t, iter.contents())
		}
		w.nested++
		w.body(s.body)
		w.body(s.orelse)
		w.nested--
	default:
		w.block(s)
	}
}

func (w *walker) block(s *stmt) {
	for i, e := range s.exprs {
		v := w.eval(e)
		if i < len(s.targets) && s.targets[i] != nil {
			w.assign(s.targets[i], v)
		}
	}
	w.nested++
	w.body(s.body)
	w.body(s.orelse)
	w.nested--
}

// isMain tells whether a test is true in a program and false in a module that is imported.
func isMain(e *node) bool {
	if e == nil || e.kind != kBinary || e.name != "==" || len(e.kids) != 2 || e.kid(0) == nil || e.kid(1) == nil {
		return false
	}
	a, b := e.kid(0), e.kid(1)
	return a.kind == kName && a.name == "__name__" && b.kind == kString && b.name == "__main__" ||
		b.kind == kName && b.name == "__name__" && a.kind == kString && a.name == "__main__"
}

// def walks a function: decorators and defaults run where it stands, its body when it is called.
func (w *walker) def(s *stmt) {
	for _, d := range s.top().decorators {
		for _, name := range w.eval(d).refs() {
			w.event(event{at: d.at, name: name})
			if pynames.FamilyOf(name) != pynames.None {
				w.uses(s.name)
			}
		}
	}
	if !w.plainDecorators(s) {
		w.uses(s.name)
	}
	for _, p := range s.top().params {
		w.eval(p.annotation)
		if p.value != nil {
			w.bind(p.name, w.eval(p.value))
		}
	}
	for _, e := range s.exprs {
		w.eval(e)
	}
	f := w.byStmt[s]
	if f == nil { // in code that came out of a string
		w.body(s.body)
		return
	}
	w.describe(s.body, s.name+".__doc__")
	outer, class, frames := w.fn, w.class, w.frames
	w.fn, w.class, w.frames = f, "", nil
	w.body(s.body)
	w.fn, w.class, w.frames = outer, class, frames
}

// plainDecorators tells whether all decorators of a function are known not to call it.
func (w *walker) plainDecorators(s *stmt) bool {
	for _, d := range s.top().decorators {
		e := d
		if e.kind == kCall {
			e = e.kid(0)
		}
		if e == nil || e.kind != kName && e.kind != kAttr {
			return false
		}
		if _, local := w.functions[e.name]; local { // also as a method of some object
			return false
		}
	}
	return true
}

func (w *walker) imports(s *stmt) {
	for _, a := range s.names {
		if a.as != "" {
			w.bind(a.as, ref(a.name))
			continue
		}
		top, _, _ := strings.Cut(a.name, ".")
		w.bind(top, ref(top))
	}
}

func (w *walker) fromImport(s *stmt) {
	if s.level > 0 {
		if w.record && s.level == 1 {
			if s.name != "" {
				w.relative = append(w.relative, alias{name: s.name, at: s.at})
			} else {
				for _, a := range s.names {
					w.relative = append(w.relative, alias{name: a.name, at: a.at})
				}
			}
		}
		return
	}
	for _, a := range s.names {
		if a.name == "*" {
			for _, name := range starNames[s.name] {
				w.bind(name, ref(s.name+"."+name))
			}
			continue
		}
		as := a.as
		if as == "" {
			as = a.name
		}
		w.bind(as, ref(s.name+"."+a.name))
	}
}

// starNames are what "from module import *" brings of the modules that matter.
var starNames = map[string][]string{
	"os":         strings.Fields("system popen execv execve execl execlp execvp spawnl spawnv fork posix_spawn remove unlink rename kill startfile"),
	"posix":      strings.Fields("system execv execve fork posix_spawn unlink rename kill"),
	"subprocess": strings.Fields("Popen call check_call check_output run getoutput getstatusoutput"),
	"ctypes":     strings.Fields("CDLL cdll PyDLL windll oledll pythonapi WinDLL"),
	"socket":     strings.Fields("socket create_connection create_server"),
	"importlib":  strings.Fields("import_module reload"),
	"builtins":   strings.Fields("eval exec compile open __import__ getattr"),
	"shutil":     strings.Fields("rmtree move copy copyfile copytree"),
	"pickle":     strings.Fields("load loads Unpickler"),
	"base64":     strings.Fields("b64decode b32decode b16decode a85decode b85decode urlsafe_b64decode"),
	"zlib":       {"decompress"},
	"marshal":    strings.Fields("load loads"),
	"requests":   strings.Fields("get post put request Session"),
	"operator":   strings.Fields("attrgetter methodcaller"),
}

// bind gives a name one more thing that it may stand for.
func (w *walker) bind(name string, v value) {
	if w.class != "" && !strings.HasPrefix(name, ".") {
		w.bind("."+name, v)
	}
	if n := len(w.frames); n > 0 {
		w.frames[n-1].bind(w, name, v)
		return
	}
	if len(v) > 0 {
		old := w.vars[name]
		w.changed = w.changed || len(old.plus(v)) != len(old)
		// What grows with every pass, such as text in a loop, is not followed.
		if now := old.plus(v); now.size() <= 4*maxFolded {
			w.vars[name] = now
		} else {
			w.vars[name] = old.plus(hidden())
		}
	}
}

// assign gives a value to a target.
func (w *walker) assign(t *node, v value) {
	switch {
	case t == nil:
	case t.kind == kName:
		w.bind(t.name, v)
	case t.kind == kAttr:
		if t.kid(0) != nil && t.kid(0).kind == kName {
			w.bind(t.kid(0).name+"."+t.name, v)
		}
		w.bind("."+t.name, v)
		w.assignMember(t, w.eval(t.kid(0)), v)
	case t.kind == kList:
		a, exact := v.one()
		for i, k := range t.kids {
			part := v.contents()
			switch {
			case k != nil && k.kind == kStar:
				part = value{{kind: aList, items: []value{part}}}
			case exact && a.kind == aList && len(a.items) == len(t.kids):
				part = a.items[i]
			}
			w.assign(k, part)
		}
	case t.kind == kStar:
		w.assign(t.kid(0), v)
	case t.kind == kIndex:
		w.assignItem(t, v)
	default:
		w.eval(t)
	}
}
