package jinja

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of judging. Variables are known after a few passes over the tree: what still grows then is put together in a loop.
const (
	passes       = 5
	maxEvalDepth = 4000
	maxLoops     = 1_000_000 // rounds of nested loops over constants
	maxBodyText  = 4 << 10   // bytes of a body whose text may become a value
)

// judge walks the tree of a template. It does not run it: all branches are taken, every variable has every value that is
// assigned to it anywhere, and loops go round once.
type judge struct {
	tree   []*stmt
	out    *report
	vars   map[string]value
	boxes  map[*expr]*box
	spaces map[*expr]*space
	blocks map[string]bool
	grew   bool // a variable or container got a new value in this pass
	last   bool // in the last pass what grows is put together in a loop
	depth  int
	loops  int64 // rounds of the loops around
	macro  *stmt // the one whose body is walked
	// results are the texts that macros make, calls which macros call which with constants alone.
	results map[*stmt]value
	calls   map[*stmt][]*stmt
}

func newJudge(tree []*stmt, out *report) *judge {
	return &judge{
		tree: tree, out: out, vars: map[string]value{}, boxes: map[*expr]*box{}, spaces: map[*expr]*space{}, blocks: map[string]bool{},
		loops: 1, results: map[*stmt]value{}, calls: map[*stmt][]*stmt{},
	}
}

// run judges the whole template.
func (j *judge) run(ctx context.Context) {
	for pass := range passes {
		j.grew, j.last = false, pass == passes-1
		j.body(j.tree, false)
		if !j.grew || ctx.Err() != nil {
			break
		}
	}
	if j.grew {
		j.body(j.tree, false) // once more with what became of the variables that grow
	}
	callers := slices.SortedFunc(maps.Keys(j.calls), func(a, b *stmt) int { return cmp.Compare(a.at, b.at) })
	for _, m := range callers {
		if j.reaches(m, m, map[*stmt]bool{}) {
			j.out.suspicious(m.at, m.name, m.name, "A macro calls itself without data, so rendering may never end.")
		}
	}
}

// reaches tells whether a macro calls another, directly or through others.
func (j *judge) reaches(from, to *stmt, seen map[*stmt]bool) bool {
	for _, m := range j.calls[from] {
		if m == to {
			return true
		}
		if !seen[m] {
			seen[m] = true
			if j.reaches(m, to, seen) {
				return true
			}
		}
	}
	return false
}

// grow adds to what a variable, field or container may be.
func (j *judge) grow(old, more value) value {
	now := old.plus(more)
	if len(now) == len(old) {
		return old
	}
	if j.last && (more.has(aStr) || more.has(aBuilt)) {
		now = now.plus(built())
	}
	j.grew = true
	return now
}

// body walks statements. If it is wanted, it returns the text that they make.
func (j *judge) body(list []*stmt, wanted bool) value {
	out := str("")
	for _, s := range list {
		text := j.stmt(s, wanted)
		if wanted {
			out = short(concat(out, text))
		}
	}
	return out
}

// short replaces long texts by one that was not followed.
func short(v value) value {
	for _, a := range v {
		if len(a.s) > maxBodyText {
			return built()
		}
	}
	return v
}

// stmt walks a statement and returns the text that it makes.
func (j *judge) stmt(s *stmt, wanted bool) value {
	j.depth++
	defer func() { j.depth-- }()
	switch s.kind {
	case stText:
		return str(s.text)
	case stOutput:
		return j.eval(s.expr(0))
	case stFor:
		return j.forLoop(s, wanted)
	case stIf:
		j.eval(s.expr(0))
		return slices.Clone(j.body(s.body, wanted)).plus(j.body(s.orelse, wanted))
	case stSet:
		j.assign(s.targets, j.eval(s.expr(0)))
	case stBlockSet:
		text := j.body(s.body, true)
		if s.expr(0) != nil {
			text = j.filtered(s.expr(0), text)
		}
		j.assign(s.targets, text)
	case stMacro:
		j.defineMacro(s)
	case stCall:
		return j.callBlock(s)
	case stFilter:
		return j.filtered(s.expr(0), j.body(s.body, true))
	case stBody:
		j.blocks[s.name] = true
		for i, e := range s.exprs {
			v := j.eval(e)
			if i < len(s.targets) {
				j.assign(s.targets[i:i+1], v)
			}
		}
		return j.body(s.body, wanted)
	case stLoad:
		for _, e := range s.exprs {
			j.eval(e)
		}
		j.out.suspicious(s.at, s.name, s.name, fmt.Sprintf("The template takes in another one with `%s`, which no chat template needs.", s.name))
		return built()
	case stDo:
		for _, e := range s.exprs {
			j.eval(e)
		}
	case stUnknown:
		if !strings.HasPrefix(s.name, "end") {
			j.out.suspicious(s.at, s.name, s.name, fmt.Sprintf("The template uses the tag `%s`, which is none of Jinja's.", s.name))
		}
		return built()
	}
	return str("")
}

// assign gives a value to targets; several share its elements.
func (j *judge) assign(targets []*expr, v value) {
	if len(targets) > 1 {
		parts := v.contents()
		for i, t := range targets {
			part := parts
			if len(v) == 1 && v[0].kind == aBox && !v[0].box.isDict && len(v[0].box.items) == len(targets) && len(v[0].box.any) == 0 {
				part = v[0].box.items[i]
			} else {
				part = part.plus(inner(parts))
			}
			j.assign([]*expr{t}, part)
		}
		return
	}
	for _, t := range targets {
		if t.kind == exName {
			j.vars[t.name] = j.grow(j.vars[t.name], v)
			continue
		}
		j.attribute(t.name, t.at, false)
		for _, a := range j.eval(t.kids[0]) {
			if a.kind == aSpace {
				a.space.fields[t.name] = j.grow(a.space.fields[t.name], v)
			}
		}
	}
}

// inner is what elements of the elements of a value may be, as in loops over pairs.
func inner(v value) value {
	var out value
	for _, a := range v {
		if a.kind == aBox {
			out = out.plus(value{a}.contents())
		}
	}
	return out
}

func (j *judge) forLoop(s *stmt, wanted bool) value {
	iter := j.eval(s.expr(0))
	j.assign(s.targets, iter.contents())
	around := j.loops
	j.loops *= min(max(1, rounds(iter)), maxLoops+1)
	if j.loops > maxLoops {
		j.out.suspicious(s.at, "for", fmt.Sprintf("%d rounds", j.loops), "Loops over constants go round more than a million times, so rendering may never end.")
		j.loops = maxLoops + 1
	}
	j.eval(s.expr(1))
	text := j.body(s.body, wanted)
	j.loops = around
	rest := j.body(s.orelse, wanted)
	if len(text) == 1 && text[0].kind == aStr && text[0].s == "" {
		return rest
	}
	return built()
}

// rounds is how often a loop over a constant goes round.
func rounds(v value) int64 {
	var most int64
	for _, a := range v {
		switch a.kind {
		case aStr:
			most = max(most, int64(len(a.s)))
		case aBox:
			most = max(most, a.box.size, int64(len(a.box.items)))
		}
	}
	return most
}

func (j *judge) defineMacro(s *stmt) {
	j.vars[s.name] = j.grow(j.vars[s.name], value{{kind: aMacro, macro: s}})
	for _, p := range s.params {
		more := unknown()
		if p.value != nil {
			more = more.plus(j.eval(p.value))
		}
		j.vars[p.name] = j.grow(j.vars[p.name], more)
	}
	around, loops := j.macro, j.loops
	j.macro, j.loops = s, 1
	text := j.body(s.body, true)
	j.macro, j.loops = around, loops
	j.results[s] = j.grow(j.results[s], text)
}

// callBlock walks a call block. Its body is what caller() returns.
func (j *judge) callBlock(s *stmt) value {
	for _, p := range s.params {
		more := unknown()
		if p.value != nil {
			more = more.plus(j.eval(p.value))
		}
		j.vars[p.name] = j.grow(j.vars[p.name], more)
	}
	text := j.body(s.body, true)
	j.vars["caller()"] = j.grow(j.vars["caller()"], text)
	return j.eval(s.expr(0))
}

// attribute judges the name of an attribute wherever it is looked up. As a subscript a name may be the key of data, so
// there less is said of it.
func (j *judge) attribute(name string, at int64, subscript bool) {
	switch {
	case leadsOut(name):
		j.out.dangerous(at, name, name)
	case strings.HasPrefix(name, "_") && !subscript && strings.Trim(name, "_") != "":
		j.out.suspicious(at, name, name, fmt.Sprintf("The template asks for `%s`, which is private to an object of its renderer.", name))
	}
}

// dynamic states an attribute whose name only the renderer will know.
func (j *judge) dynamic(at int64, operator string) {
	j.out.suspicious(at, operator, operator, "The template puts the name of an attribute together while it is rendered, so what it reaches cannot be told.")
}

// global judges an attribute of one of Jinja's own functions and objects.
func (j *judge) global(of value, name string, at int64) {
	for _, a := range of {
		if a.kind != aGlobal {
			continue
		}
		allowed := globals[a.s]
		if len(j.vars[a.s]) > 0 || allowed[name] || a.s == "self" && j.blocks[name] {
			continue
		}
		j.out.dangerous(at, a.s+"."+name, a.s+"."+name)
	}
}

// lookup judges the attribute of a value, and returns what it may be.
func (j *judge) lookup(of value, name string, at int64, subscript bool) value {
	j.attribute(name, at, subscript)
	j.global(of, name, at)
	var out value
	for i := range of {
		a := of[i]
		if v, ok := a.key(name); ok {
			out = out.plus(v)
		}
		if a.kind == aGlobal || a.kind == aMember {
			a = atom{kind: aUnknown}
		}
		out = out.plus(value{{kind: aMember, s: name, of: &a}})
	}
	return out
}
