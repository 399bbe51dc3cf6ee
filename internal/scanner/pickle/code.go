package pickle

import (
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pycode"
)

// mostCode is how many bytes of marshalled code are read.
const mostCode = 4 << 20

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

// judgeCode judges every name that code and the code in it use. Names that are read by guess count if they are dangerous,
// unless there is nothing better: then read is false.
func judgeCode(c *pycode.Code) (v codeVerdict, read bool) {
	chains, read := pycode.Chains(c)
	for _, ch := range chains {
		if !ch.Guess || !read {
			judgeChain(&v, ch)
			continue
		}
		var guess codeVerdict
		if judgeChain(&guess, ch); guess.grade == dangerous {
			v.add(guess.grade, guess.name)
		}
	}
	return v, read
}

// judgeChain judges one name. A global name may be a built-in, or a module that the code's surroundings imported.
func judgeChain(v *codeVerdict, ch pycode.Chain) {
	if ch.Module != "" {
		switch {
		case ch.Path != "":
			v.add(judge(ch.Module, ch.Path, source.FamilyNone).grade, ch.Module+"."+ch.Path)
		case isDangerousModule(ch.Module):
			v.add(suspicious, ch.Module)
		}
		return
	}
	root, rest, dotted := strings.Cut(ch.Path, ".")
	if !dotted && (root == "__name__" || root == "__file__" || root == "__class__") {
		return // what class bodies look up
	}
	if g := judge("builtins", root, source.FamilyNone).grade; g != unknownName {
		v.add(g, "builtins."+root)
		return
	}
	if dotted && isDangerousModule(root) {
		v.add(judge(root, rest, source.FamilyNone).grade, ch.Path)
		return
	}
	v.add(unknownName, ch.Path)
}

// code judges bytes that are marshalled code. Nobody runs them by themselves, so they are suspicious, whatever they name.
func (m *machine) code(at, size int64, head []byte) {
	if !pycode.LooksLike(head) {
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
	c, err := pycode.Parse(data)
	if err != nil {
		return // bytes that begin like code by chance
	}
	v, _ := judgeCode(c)
	m.codeFound(at, "bytes", v)
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
		names, whole := m.nodes.items(items[i+2])
		code, ok := m.content(items[i])
		if !m.afford(4*len(code) + len(names)) {
			break
		}
		c := &pycode.Code{Layout: pycode.Layout311, Instructions: []byte(code), Consts: m.consts(items[i+1]), Names: m.namesIn(items[i+2])}
		if i+3 < len(items) {
			c.Locals = m.namesIn(items[i+3])
		}
		if n := len(items) - 2; n > i+3 && items[n].kind() == kTuple && items[n+1].kind() == kTuple { // free variables and cells
			c.Cells = append(m.namesIn(items[n+1]), m.namesIn(items[n])...)
			c.Locals = append(c.Locals, c.Cells...)
		}
		v := judgeParts(c, layoutOf(items, i))
		if !ok || !whole {
			v.add(suspicious, "code that can't be read")
		}
		return v
	}
	return codeVerdict{grade: suspicious, name: "code that can't be read"}
}

// layoutOf tells the version of code from its parts, of which those at i are the instructions: how many numbers precede them,
// and whether the file and the name are followed by a qualified name.
func layoutOf(items []value, i int) pycode.Layout {
	numbers := 0
	for _, item := range items[:i] {
		if _, ok := item.int(); ok {
			numbers++
		}
	}
	switch {
	case numbers <= 4:
		return pycode.Layout27
	case numbers == 5:
		return pycode.Layout30
	case i+6 < len(items):
		if _, ok := items[i+6].int(); ok {
			return pycode.Layout38
		}
	}
	return pycode.Layout311
}

// judgeParts judges code that was made of its parts: as that of the version that it looks like, or else as that of all.
func judgeParts(c *pycode.Code, likely pycode.Layout) codeVerdict {
	var worst codeVerdict
	cells := c.Cells
	for _, layout := range []pycode.Layout{likely, pycode.Layout311, pycode.Layout38, pycode.Layout30, pycode.Layout27} {
		c.Layout, c.Cells = layout, cells
		if layout == pycode.Layout311 {
			c.Cells = c.Locals
		}
		v, read := judgeCode(c)
		if worst.add(v.grade, v.name); read && layout == likely {
			break
		}
	}
	return worst
}

// namesIn returns the strings of a tuple.
func (m *machine) namesIn(tuple value) []string {
	items, _ := m.nodes.items(tuple)
	out := make([]string, 0, len(items))
	for _, item := range items {
		text, _ := m.content(item)
		if !m.afford(len(text) + 1) {
			break
		}
		out = append(out, text)
	}
	return out
}

// consts returns the constants of code.
func (m *machine) consts(tuple value) []pycode.Const {
	items, _ := m.nodes.items(tuple)
	out := make([]pycode.Const, 0, len(items))
	for _, item := range items {
		c := pycode.Const{}
		if text, ok := m.content(item); ok {
			if !m.afford(len(text) + 1) {
				break
			}
			c = pycode.Const{Kind: pycode.ConstText, Text: text}
		} else if item.kind() == kNone {
			c.Kind = pycode.ConstNone
		}
		out = append(out, c)
	}
	return out
}
