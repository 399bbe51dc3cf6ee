package pickle

import (
	"strconv"
	"strings"

	"modelgate/internal/finding"
)

// Rendered values are for people who read a finding: Python as far as it goes, cut where it gets long.

// cut bounds a rendered expression.
func cut(s string) string {
	if len(s) <= finding.MaxEvidence {
		return s
	}
	return s[:finding.MaxEvidence] + "…"
}

// render writes a value.
func (m *machine) render(v value) string { return m.renderDeep(v, 3) }

func (m *machine) renderDeep(v value, depth int) string {
	switch v.kind() {
	case kNone:
		return "None"
	case kBool:
		return map[uint64]string{0: "False", 1: "True"}[v.payload()]
	case kInt:
		n, _ := v.int()
		return strconv.FormatInt(n, 10)
	case kFloat, kBigInt:
		return "number"
	case kText, kFarText:
		text, ok := m.content(v)
		if !ok {
			return "str"
		}
		return "'" + cut(text) + "'"
	case kLongText:
		return "str"
	case kBytes, kNested, kByteArray, kBuffer:
		return "bytes"
	case kList:
		return "[…]"
	case kDict:
		return "{…}"
	case kSet, kFrozenSet:
		return "set"
	case kTuple:
		return m.renderTuple(v, depth)
	case kGlobal, kModule:
		return m.globals[v.payload()].full()
	case kCall:
		return m.calls[v.payload()].expr
	case kInstance:
		return "<" + m.globals[v.payload()].full() + ">"
	case kDType:
		return "<numpy.dtype>"
	default:
		return "?"
	}
}

func (m *machine) renderTuple(v value, depth int) string {
	items, ok := m.nodes.items(v)
	if depth == 0 || len(items) == 0 && !ok {
		return "(…)"
	}
	var parts []string
	length := 0
	for _, item := range items {
		part := m.renderDeep(item, depth-1)
		if length += len(part); length > finding.MaxEvidence {
			ok = false
			break
		}
		parts = append(parts, part)
	}
	if !ok {
		parts = append(parts, "…")
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func (m *machine) renderArgs(args value) string {
	if args.kind() == kTuple {
		return m.renderTuple(args, 3)
	}
	return "(*" + m.render(args) + ")"
}

func (m *machine) renderCall(callee, args value) string {
	return cut(m.render(callee) + m.renderArgs(args))
}

func (m *machine) renderFill(target value, want kind, items []value) string {
	method := map[kind]string{kList: ".extend(", kDict: ".update(", kSet: ".update("}[want]
	first := ""
	if len(items) > 0 {
		first = m.render(items[0])
	}
	return cut(m.render(target) + method + first + "…)")
}
