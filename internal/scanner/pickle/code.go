package pickle

import (
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
)

// instructionSet has the numbers of the instructions that name something. Names are told by their index in the code's names
// or locals; shifted says that the lowest bit of the argument means something else.
type instructionSet struct {
	loadName, loadGlobal, loadAttr, loadMethod byte
	importName, importFrom                     byte
	storeName, storeGlobal, storeFast          byte
	loadFast                                   byte
	extended                                   byte
	quiet                                      string // instructions between a name and its attribute
	shiftGlobal, shiftAttr                     bool
	wide                                       bool // arguments of two bytes, and none below 90
}

// instructionSets returns the sets that code of a layout may be of. (CPython, Include/opcode.h and opcode_ids.h of 2.7, 3.5, 3.6
// to 3.10, 3.11, 3.12, 3.13.)
func instructionSets(c *codeObject) []instructionSet {
	old := instructionSet{
		loadName: 101, loadGlobal: 116, loadAttr: 106, loadMethod: 160, importName: 108, importFrom: 109,
		storeName: 90, storeGlobal: 97, storeFast: 125, loadFast: 124, extended: 144, quiet: "\x00\x02\x09",
	}
	wide := old
	wide.wide, wide.extended, wide.loadMethod = true, 144, 106
	wide27 := wide
	wide27.extended = 145
	v311 := old
	v311.shiftGlobal = true
	v312 := v311
	v312.shiftAttr = true
	v313 := instructionSet{
		loadName: 92, loadGlobal: 91, loadAttr: 82, loadMethod: 82, importName: 75, importFrom: 74, storeName: 114, storeGlobal: 113,
		storeFast: 110, loadFast: 85, extended: 71, quiet: "\x00\x22\x1e", shiftGlobal: true, shiftAttr: true,
	}
	switch c.layout {
	case layout27:
		return []instructionSet{wide27}
	case layout30:
		return []instructionSet{old, wide}
	case layout38:
		return []instructionSet{old}
	}
	for i := 0; i < len(c.code) && i < 16; i += 2 { // RESUME tells the version
		switch c.code[i] {
		case 151:
			return []instructionSet{v311, v312}
		case 149:
			return []instructionSet{v313}
		}
	}
	return nil
}

// chain is a name that code uses: an attribute path from a module, or from a name that is global to the code.
type chain struct {
	module string // "" for a global name
	path   string
}

// codeVerdict is what is thought of code: its worst name, and how bad.
type codeVerdict struct {
	grade grade
	name  string
}

func (v *codeVerdict) add(g grade, name string) {
	if g > v.grade || v.name == "" {
		v.grade, v.name = max(g, v.grade), name
	}
}

// judgeCode judges every name that code and the code in it use.
func judgeCode(c *codeObject) codeVerdict {
	var v codeVerdict
	work := []*codeObject{c}
	for n := 0; len(work) > 0 && n < marshalObjects; n++ {
		c := work[0]
		work = append(work[1:], c.nested...)
		sets := instructionSets(c)
		for _, set := range sets {
			for _, ch := range chains(c, set) {
				judgeChain(&v, ch)
			}
		}
		if sets == nil { // instructions of a version that is not known: names that follow each other
			for i, name := range c.names {
				judgeChain(&v, chain{path: strings.Join(c.names[i:min(i+2, len(c.names))], ".")})
				judgeChain(&v, chain{path: name})
			}
		}
	}
	return v
}

// judgeChain judges one name. A global name may be a built-in, or a module that the code's surroundings imported.
func judgeChain(v *codeVerdict, ch chain) {
	if ch.module != "" {
		switch {
		case ch.path != "":
			v.add(judge(ch.module, ch.path, source.FamilyNone).grade, ch.module+"."+ch.path)
		case isDangerousModule(ch.module):
			v.add(suspicious, ch.module)
		}
		return
	}
	root, rest, dotted := strings.Cut(ch.path, ".")
	if g := judge("builtins", root, source.FamilyNone).grade; g != unknownName {
		v.add(g, "builtins."+root)
		return
	}
	if dotted && isDangerousModule(root) {
		v.add(judge(root, rest, source.FamilyNone).grade, ch.path)
		return
	}
	v.add(unknownName, ch.path)
}

// chains walks the instructions once and pairs names with the attributes that are looked up in them.
func chains(c *codeObject, set instructionSet) []chain {
	w := chainWalk{c: c, set: set, local: map[string]chain{}}
	arg := 0
	for i := 0; i < len(c.code); {
		op := c.code[i]
		n, width := 0, 2
		switch {
		case set.wide && op < 90:
			width = 1
		case set.wide && i+2 < len(c.code):
			n, width = int(c.code[i+1])|int(c.code[i+2])<<8, 3
		case i+1 < len(c.code):
			n = int(c.code[i+1])
		}
		i += width
		arg |= n
		if op == set.extended {
			arg = (arg << 8) & 0xffffff
			continue
		}
		w.step(op, arg)
		arg = 0
	}
	w.flush()
	return w.out
}

type chainWalk struct {
	c     *codeObject
	set   instructionSet
	cur   chain
	open  bool // cur is a name that attributes may follow
	from  chain
	local map[string]chain // what names were bound to by imports
	out   []chain
}

func (w *chainWalk) flush() {
	if w.open && len(w.out) < marshalObjects {
		w.out = append(w.out, w.cur)
	}
	w.open = false
}

func pick(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func (w *chainWalk) step(op byte, arg int) {
	set := &w.set
	switch {
	case op == set.loadGlobal && set.shiftGlobal:
		w.load(pick(w.c.names, arg>>1))
	case op == set.loadGlobal, op == set.loadName:
		w.load(pick(w.c.names, arg))
	case op == set.loadFast:
		name := "local " + pick(w.c.locals, arg)
		w.flush()
		if ch, ok := w.local[name]; ok {
			w.cur, w.open = ch, true
		}
	case op == set.loadAttr && set.shiftAttr:
		w.attr(pick(w.c.names, arg>>1))
	case op == set.loadAttr, op == set.loadMethod:
		w.attr(pick(w.c.names, arg))
	case op == set.importName:
		w.flush()
		w.from = chain{module: pick(w.c.names, arg)}
		w.cur, w.open = w.from, true
	case op == set.importFrom:
		w.flush()
		w.cur, w.open = chain{module: w.from.module, path: pick(w.c.names, arg)}, true
	case op == set.storeName, op == set.storeGlobal:
		w.bind(pick(w.c.names, arg))
	case op == set.storeFast:
		w.bind("local " + pick(w.c.locals, arg))
	case strings.IndexByte(set.quiet, op) >= 0:
	default:
		w.flush()
	}
}

func (w *chainWalk) load(name string) {
	w.flush()
	ch, ok := w.local[name]
	if !ok {
		ch = chain{path: name}
	}
	w.cur, w.open = ch, true
}

func (w *chainWalk) attr(name string) {
	if w.open {
		w.cur.path = strings.Trim(w.cur.path+"."+name, ".")
	}
}

// bind notes that a name stands for what was just imported.
func (w *chainWalk) bind(name string) {
	if w.open && w.cur.module != "" && len(w.local) < 10_000 {
		w.local[name] = w.cur
	}
	w.flush()
}

// code judges bytes that are marshalled code. Nobody runs them by themselves, so they are suspicious, whatever they name.
func (m *machine) code(at, size int64, head []byte) {
	if !looksLikeCode(head) {
		return
	}
	if size > mostCode {
		m.codeFound(at, "bytes", codeVerdict{name: "more than can be read"})
		return
	}
	data, err := m.in.peekAt(at, int(size))
	if err != nil {
		m.abort(err)
		return
	}
	c, err := unmarshal(data)
	if err != nil {
		return // bytes that begin like code by chance
	}
	m.codeFound(at, "bytes", judgeCode(c))
}

// codeFound states that a stream carries code.
func (m *machine) codeFound(at int64, where string, v codeVerdict) {
	text := "The model carries Python code (" + where + "), which may be executed."
	if v.grade >= suspicious {
		text = fmt.Sprintf("The model carries Python code (%s) that uses `%s`.", where, source.Evidence(v.name))
	}
	m.nameless(hit{
		grade: unknownName, role: finding.RoleStructure, offset: at, module: "types", name: "CodeType", evidence: v.name, description: text,
	}, nil)
}

// codeType judges a call that makes a code object out of its parts, as dill and cloudpickle write them: the instructions, the
// constants and the names follow each other, wherever they stand.
func (m *machine) codeType(items []value) codeVerdict {
	for i := 0; i+2 < len(items); i++ {
		if items[i].kind() != kBytes && items[i].kind() != kNested || items[i+1].kind() != kTuple || items[i+2].kind() != kTuple {
			continue
		}
		c := &codeObject{layout: layout311}
		names, whole := m.nodes.items(items[i+2])
		for _, n := range names {
			text, _ := m.content(n)
			c.names = append(c.names, text)
		}
		if i+3 < len(items) {
			locals, _ := m.nodes.items(items[i+3])
			for _, n := range locals {
				text, _ := m.content(n)
				c.locals = append(c.locals, text)
			}
		}
		code, ok := m.content(items[i])
		if !m.afford(len(code) + len(c.names)*len(c.names)) {
			break
		}
		if c.code = []byte(code); !ok || instructionSets(c) == nil {
			c.layout = layout38
		}
		v := judgeCode(c)
		if !ok || !whole {
			v.add(suspicious, "code that can't be read")
			for j := range c.names { // the names alone have to do
				judgeChain(&v, chain{path: strings.Join(c.names[j:min(j+2, len(c.names))], ".")})
			}
		}
		return v
	}
	return codeVerdict{grade: suspicious, name: "code that can't be read"}
}
