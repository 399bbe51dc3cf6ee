package jinja

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// eval judges an expression and returns what it may be.
func (j *judge) eval(e *expr) value {
	if e == nil {
		return unknown()
	}
	j.depth++
	defer func() { j.depth-- }()
	if j.depth > maxEvalDepth {
		j.out.suspicious(e.at, "", "", "The template is nested too deeply to be judged.")
		return built()
	}
	switch e.kind {
	case exName:
		return j.name(e)
	case exString:
		return str(e.text)
	case exNumber:
		if n, err := strconv.ParseInt(strings.ReplaceAll(e.text, "_", ""), 0, 64); err == nil {
			return number64(n)
		}
		return unknown()
	case exList, exDict:
		return j.container(e)
	case exAttr:
		return j.lookup(j.eval(e.kids[0]), e.name, e.at, false)
	case exIndex:
		return j.index(e)
	case exCall:
		return j.call(e)
	case exFilter:
		return j.filter(e, j.eval(e.kids[0]))
	case exTest:
		j.eval(e.kids[0])
		for _, a := range e.args {
			j.eval(a.value)
		}
		return unknown()
	case exBinary:
		return j.binary(e)
	case exCompare, exUnary:
		return j.compared(e)
	case exCondition:
		j.eval(e.kids[0])
		then := j.eval(e.kids[1])
		if e.kids[2] == nil {
			return then.plus(str(""))
		}
		return then.plus(j.eval(e.kids[2]))
	case exSlice:
		for _, k := range e.kids {
			if k != nil {
				j.eval(k)
			}
		}
	}
	return unknown()
}

func (j *judge) compared(e *expr) value {
	for _, k := range e.kids {
		v := j.eval(k)
		if e.kind == exUnary && e.name == "-" && len(v) == 1 && v[0].kind == aNum {
			return number64(-v[0].n)
		}
	}
	return unknown()
}

// name returns what a variable may be.
func (j *judge) name(e *expr) value {
	v := j.vars[e.name]
	if _, ok := globals[e.name]; ok {
		v = v.plus(value{{kind: aGlobal, s: e.name}})
	}
	if len(v) == 0 {
		return value{{kind: aMember, s: e.name, of: &atom{kind: aUnknown}}}
	}
	return v
}

// container returns a list or dict. It is the same one at each pass, so that what is added to it stays.
func (j *judge) container(e *expr) value {
	b := j.boxOf(e)
	items, keys := make([]value, 0, len(e.kids)), []string(nil)
	for i, k := range e.kids {
		v := j.eval(k)
		switch {
		case len(items) >= maxItems:
			b.any = b.any.plus(v)
		case e.kind == exList:
			items = append(items, v)
		case i%2 == 1:
			items = append(items, v)
		default:
			key := ""
			if len(v) == 1 && v[0].kind == aStr {
				key = v[0].s
			}
			keys = append(keys, key)
		}
	}
	b.items, b.keys, b.isDict = items, keys[:min(len(keys), len(items))], e.kind == exDict
	return value{{kind: aBox, box: b}}
}

func (j *judge) boxOf(e *expr) *box {
	b, ok := j.boxes[e]
	if !ok {
		b = &box{}
		j.boxes[e] = b
	}
	return b
}

// index judges a subscript. Jinja looks for an attribute of that name if there is no such item.
func (j *judge) index(e *expr) value {
	of := j.eval(e.kids[0])
	if key := e.kids[1]; key != nil && key.kind == exSlice {
		return j.slice(of, key)
	}
	var out value
	for _, k := range j.eval(e.kids[1]) {
		switch k.kind {
		case aStr:
			out = out.plus(j.lookup(of, k.s, e.at, true))
		case aNum:
			for _, a := range of {
				out = out.plus(a.index(k.n))
			}
		case aBuilt:
			j.dynamic(e.at, "[]")
			out = out.plus(unknown())
		default:
			for _, a := range of {
				switch a.kind {
				case aBox:
					out = out.plus(a.box.all())
				case aStr:
					out = out.plus(value{a}.contents())
				case aBuilt, aText:
					out = out.plus(value{a})
				}
			}
			out = out.plus(unknown())
		}
	}
	return out
}

// slice folds a slice of strings and lists.
func (j *judge) slice(of value, s *expr) value {
	var bounds [3]*int64
	exact := true
	for i, k := range s.kids {
		if k == nil {
			continue
		}
		v := j.eval(k)
		if len(v) == 1 && v[0].kind == aNum {
			bounds[i] = &v[0].n
		} else {
			exact = false
		}
	}
	var out value
	for _, a := range of {
		switch {
		case a.kind == aStr && exact:
			var b strings.Builder
			runes := []rune(a.s)
			for _, i := range sliced(len(runes), bounds) {
				b.WriteRune(runes[i])
			}
			out = out.plus(str(b.String()))
		case a.kind == aStr, a.kind == aBuilt:
			out = out.plus(built())
		case a.kind == aBox && !a.box.isDict && exact && len(a.box.any) == 0:
			n := &box{}
			for _, i := range sliced(len(a.box.items), bounds) {
				n.items = append(n.items, a.box.items[i])
			}
			out = out.plus(value{{kind: aBox, box: j.keep(s, n)}})
		case a.kind == aBox:
			out = out.plus(value{{kind: aBox, box: j.keep(s, &box{any: a.box.all().plus(unknown())})}})
		case a.kind == aText:
			out = out.plus(value{a})
		default:
			out = out.plus(unknown())
		}
	}
	return out
}

// keep gives an expression the container that it makes: the same one at each pass, with everything that it ever held.
func (j *judge) keep(e *expr, b *box) *box {
	old := j.boxOf(e)
	if old.items == nil && old.any == nil && old.size == 0 {
		*old = *b
		return old
	}
	if len(old.items) != len(b.items) || len(old.keys) != len(b.keys) {
		old.any = old.any.plus(b.all())
		return old
	}
	for i := range b.items {
		old.items[i] = old.items[i].plus(b.items[i])
	}
	for i := range b.keys {
		if old.keys[i] != b.keys[i] {
			old.keys[i] = ""
		}
	}
	old.any, old.size, old.isDict = old.any.plus(b.any), max(old.size, b.size), b.isDict
	return old
}

// sliced returns the indices that Python's slice of a sequence of n elements takes.
func sliced(n int, bounds [3]*int64) []int {
	step := int64(1)
	if bounds[2] != nil && *bounds[2] != 0 {
		step = *bounds[2]
	}
	size := int64(n)
	start, stop := int64(0), size
	if step < 0 {
		start, stop = size-1, -1
	}
	clamp := func(b *int64, low, high int64) int64 {
		v := *b
		if v < 0 {
			v = max(v+size, low)
		}
		return min(max(v, low), high)
	}
	low, high := int64(0), size
	if step < 0 {
		low, high = -1, size-1
	}
	if bounds[0] != nil {
		start = clamp(bounds[0], low, high)
	}
	if bounds[1] != nil {
		stop = clamp(bounds[1], low, high)
	}
	var out []int
	for i := start; (step > 0 && i < stop || step < 0 && i > stop) && len(out) < n; i += step {
		out = append(out, int(i))
	}
	return out
}

// binary folds an operator between two values.
func (j *judge) binary(e *expr) value {
	a, b := j.eval(e.kids[0]), j.eval(e.kids[1])
	switch e.name {
	case "or":
		return a.plus(b)
	case "and":
		return a.plus(b)
	case "~":
		return concat(a, b)
	case "+":
		return j.sum(e, a, b)
	case "*":
		return j.product(e, a, b)
	case "**":
		return power(a, b)
	case "%":
		if a.has(aStr) || a.has(aBuilt) {
			return percent(a, b)
		}
	case "-":
		if len(a) == 1 && len(b) == 1 && a[0].kind == aNum && b[0].kind == aNum {
			return number64(a[0].n - b[0].n)
		}
	}
	return unknown()
}

// stringy tells whether a value may be a string of the template's making.
func (v value) stringy() bool { return v.has(aStr) || v.has(aBuilt) || v.has(aText) }

// sum folds +, which adds numbers, strings and lists.
func (j *judge) sum(e *expr, a, b value) value {
	var out value
	switch {
	case a.stringy() || b.stringy():
		return concat(a, b)
	case len(a) == 1 && len(b) == 1 && a[0].kind == aNum && b[0].kind == aNum:
		return number64(a[0].n + b[0].n)
	case a.has(aBox) || b.has(aBox):
		n := &box{}
		for _, v := range []value{a, b} {
			if len(v) == 1 && v[0].kind == aBox && len(v[0].box.any) == 0 && !v[0].box.isDict && len(n.items)+len(v[0].box.items) <= maxItems {
				n.items = append(n.items, v[0].box.items...)
			} else {
				n.any = n.any.plus(v.contents())
			}
		}
		return value{{kind: aBox, box: j.keep(e, n)}}
	}
	return out.plus(unknown())
}

// power folds ** of small numbers.
func power(a, b value) value {
	if len(a) != 1 || len(b) != 1 || a[0].kind != aNum || b[0].kind != aNum || b[0].n < 0 || b[0].n > 63 {
		return unknown()
	}
	n := int64(1)
	for range b[0].n {
		if a[0].n != 0 && (n*a[0].n)/a[0].n != n {
			return number64(math.MaxInt64) // or more, or less
		}
		n *= a[0].n
	}
	return number64(n)
}

// product folds *, which repeats strings.
func (j *judge) product(e *expr, a, b value) value {
	if !a.has(aStr) && b.has(aStr) {
		a, b = b, a
	}
	if len(a) == 1 && len(b) == 1 && a[0].kind == aNum && b[0].kind == aNum {
		if n := a[0].n * b[0].n; a[0].n == 0 || n/a[0].n == b[0].n {
			return number64(n)
		}
		return unknown()
	}
	if !a.stringy() {
		return unknown()
	}
	var out value
	for _, x := range a {
		for _, y := range b {
			if x.kind != aStr || y.kind != aNum {
				out = out.plus(built())
				continue
			}
			n := max(0, y.n)
			if len(x.s) > 0 && n > maxLoops {
				j.out.suspicious(e.at, "*", fmt.Sprintf("%d times", n), "A string is repeated more than a million times, so rendering may never end.")
			}
			if len(x.s) > 0 && n > maxFolded/int64(len(x.s)) {
				out = out.plus(built())
				continue
			}
			out = out.plus(str(strings.Repeat(x.s, int(n))))
		}
	}
	return out
}
