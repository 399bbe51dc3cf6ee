package pycode

import "strings"

// Chain is a name that code uses: an attribute path from a module, or from a name that is global to the code.
type Chain struct {
	Module string   // dotted; "" for a global name
	Path   string   // dotted; "" for the module itself. Cut after 1 KiB
	Called bool     // the code calls it; false says only that no call was seen
	Args   []string // of the strings that it is called with, at most eight of 256 bytes
	Guess  bool     // read with instructions of a version that the code does not look like: only a dangerous name is telling
}

// Name returns the chain as one dotted name.
func (c Chain) Name() string { return strings.Trim(c.Module+"."+c.Path, ".") }

// Bounds of what is kept.
const (
	maxChains  = 1_000_000
	maxPath    = 1 << 10
	maxBound   = 100_000
	maxPending = 256
	maxArgs    = 8
	maxArg     = 256
)

// Chains returns the names that code and the code in it use, in order. The walk is linear and does not follow jumps: what a
// branch imports is bound for what comes behind it. It follows names that imports bound, also into nested code, and calls of
// __import__, import_module and getattr with constant arguments. Read is false if the instructions of some code are of no
// version that is known, or not of the one that they claim; all of its names are then paired as they follow each other too.
func Chains(c *Code) (chains []Chain, read bool) {
	w := walker{globals: map[string]Chain{}, cells: map[string]Chain{}, modules: map[string]bool{}}
	seen := map[*Code]bool{}
	read = true
	for work := []*Code{c}; len(work) > 0; work = work[1:] {
		c := work[0]
		if seen[c] {
			continue
		}
		seen[c] = true
		work = append(work[:len(work):len(work)], c.Nested...)
		fit, rest, sure := sets(c)
		for _, s := range fit {
			w.code(c, s, !sure)
		}
		for _, s := range rest {
			w.code(c, s, true)
		}
		if !sure {
			read = false
			w.neighbours(c)
		}
	}
	return w.out, read
}

// walker collects chains. What an import bound to a global name or to a cell is known to nested code.
type walker struct {
	c       *Code
	set     *instructions
	guess   bool
	globals map[string]Chain
	cells   map[string]Chain
	locals  map[string]Chain
	modules map[string]bool // that were imported by their full name
	from    Chain           // what IMPORT_FROM looks in
	whole   bool            // from is the module that was named, and not the top of its package
	pending []item          // what was loaded last, the newest at the end
	out     []Chain
}

// item is a loaded value.
type item struct {
	kind  itemKind
	chain Chain
	c     Const
}

type itemKind uint8

const (
	unknownItem itemKind = iota
	chainItem
	constItem
)

func (w *walker) code(c *Code, set *instructions, guess bool) {
	w.c, w.set, w.guess, w.locals = c, set, guess, map[string]Chain{}
	set.walk(c.Instructions, w.step)
	w.clear()
}

// neighbours pairs names as they follow each other.
func (w *walker) neighbours(c *Code) {
	for i, name := range c.Names {
		w.emit(Chain{Path: name, Guess: true})
		if i+1 < len(c.Names) {
			w.emit(Chain{Path: name + "." + c.Names[i+1], Guess: true})
		}
	}
}

// emit adds a chain. What is looked up in a package belongs to the longest part of it that was imported by name.
func (w *walker) emit(ch Chain) {
	if len(w.out) >= maxChains {
		return
	}
	for ch.Module != "" && ch.Path != "" {
		next, rest, _ := strings.Cut(ch.Path, ".")
		if !w.modules[ch.Module+"."+next] {
			break
		}
		ch.Module, ch.Path = ch.Module+"."+next, rest
	}
	ch.Guess = ch.Guess || w.guess
	w.out = append(w.out, ch)
}

func (w *walker) drop(it item) {
	if it.kind == chainItem {
		w.emit(it.chain)
	}
}

func (w *walker) clear() {
	for _, it := range w.pending {
		w.drop(it)
	}
	w.pending = w.pending[:0]
}

func (w *walker) push(it item) {
	if len(w.pending) >= maxPending {
		w.clear()
	}
	w.pending = append(w.pending, it)
}

func (w *walker) pop() item {
	if len(w.pending) == 0 {
		return item{}
	}
	it := w.pending[len(w.pending)-1]
	w.pending = w.pending[:len(w.pending)-1]
	return it
}

func in(set string, op byte) bool { return strings.IndexByte(set, op) >= 0 }

// pick returns a name by its index, cut after as many bytes as a path is.
func pick(list []string, i int) string {
	if i < len(list) {
		return list[i][:min(len(list[i]), maxPath)]
	}
	return ""
}

func (w *walker) step(op byte, arg int) {
	s := w.set
	switch {
	case in(s.quiet, op):
	case op == s.loadGlobal && s.shiftGlobal:
		w.load(w.globals, pick(w.c.Names, arg>>1), true)
		w.called(arg&1 != 0)
	case op == s.loadGlobal, op == s.loadName:
		w.load(w.globals, pick(w.c.Names, arg), true)
	case in(s.loadFast, op):
		w.load(w.locals, pick(w.c.Locals, arg), false)
	case in(s.loadDeref, op):
		w.load(w.cells, pick(w.c.Cells, arg), false)
	case op == s.loadAttr && s.shiftAttr:
		w.attribute(pick(w.c.Names, arg>>1))
		w.called(arg&1 != 0)
	case op == s.loadAttr:
		w.attribute(pick(w.c.Names, arg))
	case op == s.loadMethod && op != 0:
		w.attribute(pick(w.c.Names, arg))
		w.called(true)
	case op == s.loadConst:
		it := item{kind: constItem}
		if arg < len(w.c.Consts) {
			it.c = w.c.Consts[arg]
		}
		w.push(it)
	case op == s.importName:
		w.importName(pick(w.c.Names, arg))
	case op == s.importFrom:
		w.importFrom(pick(w.c.Names, arg))
	default:
		w.stores(op, arg)
	}
}

// stores steps over instructions that bind and call.
func (w *walker) stores(op byte, arg int) {
	s := w.set
	switch {
	case op == s.storeName, op == s.storeGlobal:
		w.bind(w.globals, pick(w.c.Names, arg))
	case in(s.storeFast, op):
		w.bind(w.locals, pick(w.c.Locals, arg))
	case in(s.storeDeref, op):
		w.bind(w.cells, pick(w.c.Cells, arg))
	case op == s.popTop:
		w.drop(w.pop())
	case op == s.pairs[0] && op != 0:
		w.load(w.locals, pick(w.c.Locals, arg>>4), false)
		w.load(w.locals, pick(w.c.Locals, arg&15), false)
	case op == s.pairs[1] && op != 0:
		w.bind(w.locals, pick(w.c.Locals, arg>>4))
		w.load(w.locals, pick(w.c.Locals, arg&15), false)
	case op == s.pairs[2] && op != 0:
		w.bind(w.locals, pick(w.c.Locals, arg>>4))
		w.bind(w.locals, pick(w.c.Locals, arg&15))
	case in(s.call, op):
		if s.countsKeywords {
			arg = arg&0xff + 2*(arg>>8&0xff)
		}
		w.call(arg)
	case op == s.callKeywords && op != 0:
		w.pop()
		w.call(arg)
	case op == s.callExtended:
		for i := range w.pending {
			w.pending[i].chain.Called = true // one of them is
		}
		w.clear()
	default:
		w.clear()
	}
}

// load pushes what a name is bound to. A name that nothing was bound to is a chain of its own if it is global.
func (w *walker) load(names map[string]Chain, name string, global bool) {
	ch, ok := names[name]
	switch {
	case ok:
		w.push(item{kind: chainItem, chain: ch})
	case global:
		w.push(item{kind: chainItem, chain: Chain{Path: name}})
	default:
		w.push(item{})
	}
}

// called notes that an instruction says of what it loads whether that is going to be called.
func (w *walker) called(is bool) {
	w.pending[len(w.pending)-1].chain.Called = is
}

func (w *walker) attribute(name string) {
	it := w.pop()
	if it.kind == chainItem && len(it.chain.Path) < maxPath {
		it.chain.Path = strings.Trim(it.chain.Path+"."+name, ".")
	}
	w.push(it)
}

// importName pushes a module, or the top of its package if the code binds that.
func (w *walker) importName(name string) {
	list := w.pop()
	w.pop() // the level
	w.whole = list.kind != constItem || list.c.Kind != ConstNone
	for i := range name {
		if name[i] == '.' && len(w.modules) < maxBound {
			w.modules[name[:i]] = true
		}
	}
	w.modules[name] = true
	w.from = Chain{Module: name}
	if !w.whole {
		w.emit(w.from)
		w.from.Module, _, _ = strings.Cut(name, ".")
	}
	w.push(item{kind: chainItem, chain: w.from})
}

// importFrom pushes a name of a module. `import a.b.c as d` takes b from a, then c from that.
func (w *walker) importFrom(name string) {
	ch := w.from
	if len(ch.Path) < maxPath {
		ch.Path = strings.Trim(ch.Path+"."+name, ".")
	}
	if !w.whole {
		w.from = ch
	}
	w.push(item{kind: chainItem, chain: ch})
}

// bind notes that a name stands for what was just imported, and for nothing that is known otherwise.
func (w *walker) bind(names map[string]Chain, name string) {
	it := w.pop()
	w.drop(it)
	if it.kind == chainItem && it.chain.Module != "" && len(names) < maxBound {
		names[name] = it.chain
	}
}

// call takes a callee and n values off, and pushes what is known of the result.
func (w *walker) call(n int) {
	if n >= len(w.pending) {
		w.clear()
		w.push(item{})
		return
	}
	at := len(w.pending) - 1 - n
	callee, args := w.pending[at], w.pending[at+1:]
	result := item{}
	if callee.kind == chainItem {
		callee.chain.Called = true
		for _, a := range args {
			if a.kind == constItem && a.c.Kind == ConstText && len(callee.chain.Args) < maxArgs {
				callee.chain.Args = append(callee.chain.Args, a.c.Text[:min(len(a.c.Text), maxArg)])
			}
		}
		result = w.result(callee.chain.Name(), args)
	}
	w.drop(callee)
	for _, a := range args {
		w.drop(a)
	}
	w.pending = w.pending[:at]
	w.push(result)
}

// result follows the calls that return a module or an attribute by its name.
func (w *walker) result(callee string, args []item) item {
	text := func(i int) (string, bool) {
		ok := i < len(args) && args[i].kind == constItem && args[i].c.Kind == ConstText && len(args[i].c.Text) <= maxPath
		if !ok {
			return "", false
		}
		return args[i].c.Text, true
	}
	switch callee {
	case "__import__", "builtins.__import__", "__builtin__.__import__":
		if name, ok := text(0); ok {
			name, _, _ = strings.Cut(name, ".")
			return item{kind: chainItem, chain: Chain{Module: name}}
		}
	case "importlib.import_module", "import_module", "importlib.__import__":
		if name, ok := text(0); ok {
			return item{kind: chainItem, chain: Chain{Module: name}}
		}
	case "getattr", "builtins.getattr", "__builtin__.getattr":
		if name, ok := text(1); ok && args[0].kind == chainItem {
			ch := args[0].chain
			ch.Path = strings.Trim(ch.Path+"."+name, ".")
			return item{kind: chainItem, chain: ch}
		}
	}
	return item{}
}
