package python

import (
	"slices"
	"strconv"
	"strings"
)

func (w *walker) formatted(e *node) value {
	out := str("")
	for _, k := range e.kids {
		out = w.concat(out, w.eval(k))
	}
	for _, spec := range e.args {
		w.eval(spec.value)
		out = hidden()
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// concat joins strings. What is not known of either leaves nothing known.
func (w *walker) concat(a, b value) value {
	x, ok1 := a.one()
	y, ok2 := b.one()
	if ok1 && y.kind == aNum && ok2 && x.kind == aStr {
		y = atom{kind: aStr, s: strconv.FormatInt(y.n, 10)}
	}
	if ok1 && ok2 && x.kind == y.kind && (x.kind == aStr || x.kind == aBytes) && len(x.s)+len(y.s) <= maxFolded {
		w.charge(len(x.s) + len(y.s))
		return value{{kind: x.kind, s: x.s + y.s}}
	}
	if a.has(aHidden) || b.has(aHidden) {
		return hidden()
	}
	if s, ok := a.begins(); ok && s != "" && len(s) <= maxFolded {
		return value{{kind: aPrefix, s: s}}
	}
	return nil
}

// operator folds an operator between two values.
func (w *walker) operator(e *node, a, b value) value {
	x, ok1 := a.one()
	y, ok2 := b.one()
	switch {
	case e.name == "or" || e.name == "and":
		return a.plus(b)
	case e.name == "+" && ok1 && ok2 && x.kind == aList && y.kind == aList && len(x.items)+len(y.items) <= maxItems:
		return value{{kind: aList, items: append(slices.Clone(x.items), y.items...)}}
	case e.name == "%" && ok1 && x.kind == aStr:
		return w.percent(x.s, b)
	case e.name == "*" && ok1 && ok2 && y.kind == aNum && (x.kind == aStr || x.kind == aBytes):
		if len(x.s) > 0 && y.n > int64(maxFolded/len(x.s)) {
			return hidden()
		}
		w.charge(len(x.s) * int(max(0, y.n)))
		return value{{kind: x.kind, s: strings.Repeat(x.s, int(max(0, y.n)))}}
	case ok1 && ok2 && x.kind == aNum && y.kind == aNum:
		return arithmetic(e.name, x.n, y.n)
	case e.name == "+":
		return w.concat(a, b)
	case e.name == "|" && ok1 && ok2 && x.isDict() && y.isDict() && len(x.items)+len(y.items) <= maxItems:
		return value{{kind: aList, s: dictMark, items: append(slices.Clone(x.items), y.items...)}}
	case e.name == "/" && ok1 && (x.kind == aStr || x.kind == aPrefix): // a path below another
		return w.concat(w.concat(a, str("/")), b)
	case e.name == "/" && len(a.refs()) > 0:
		return a
	}
	return nil
}

// arithmetic folds operators between integers.
func arithmetic(op string, a, b int64) value {
	num := func(n int64) value { return value{{kind: aNum, n: n}} }
	switch op {
	case "+":
		return num(a + b)
	case "-":
		return num(a - b)
	case "*":
		return num(a * b)
	case "^":
		return num(a ^ b)
	case "|":
		return num(a | b)
	case "&":
		return num(a & b)
	case "%":
		if b > 0 {
			return num((a%b + b) % b)
		}
	case "//":
		if b > 0 && a >= 0 {
			return num(a / b)
		}
	case ">>":
		if b >= 0 && b < 64 {
			return num(a >> b)
		}
	case "<<":
		if b >= 0 && b < 32 && a < 1<<31 && a >= 0 {
			return num(a << b)
		}
	}
	return nil
}

// percent folds the formatting of a string by the operator %.
func (w *walker) percent(format string, args value) value {
	var list []value
	if a, ok := args.one(); ok && a.kind == aList {
		list = a.items
	} else {
		list = []value{args}
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		if i++; i >= len(format) {
			return nil
		}
		if format[i] == '%' {
			b.WriteByte('%')
			continue
		}
		if len(list) == 0 {
			return nil
		}
		a, ok := list[0].one()
		list = list[1:]
		switch {
		case ok && format[i] == 's' && a.kind == aStr:
			b.WriteString(a.s)
		case ok && format[i] == 'c' && a.kind == aNum:
			b.WriteRune(rune(a.n))
		case ok && (format[i] == 'd' || format[i] == 's') && a.kind == aNum:
			b.WriteString(strconv.FormatInt(a.n, 10))
		default:
			if args.has(aHidden) {
				return hidden()
			}
			return nil
		}
		if b.Len() > maxFolded {
			return hidden()
		}
	}
	return str(b.String())
}
