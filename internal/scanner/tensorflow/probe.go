package tensorflow

import (
	"errors"
	"strings"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/tfops"
)

// maxProbed bounds the fields that a probe looks at. What has more of them without a sign of being anything else is taken for a model.
const maxProbed = 1 << 22

// Outcomes of looking at the fields of a message.
var (
	errYes = errors.New("the message is a model")
	errNo  = errors.New("the message is no model")
)

// evidence looks at the fields of a message until they show that it is of a type, or that it is not. Fields that the schema does not
// have say nothing: readers pass over them, so whatever stands in front of a model hides nothing of it.
//
// Graphs of MediaPipe have operators in the same fields: calculators, and subgraphs of any name. A graph with a calculator and without a single
// operator of TensorFlow's is taken for one of those, since TensorFlow does not load what nobody registers.
type evidence struct {
	fields      int
	named       bool // a function's signature has a name
	operators   bool // a node names an operator that nobody knows
	calculators bool // a node names a calculator
}

// field looks at a field of a message of the given type.
func (e *evidence) field(of string, f field) error {
	if e.fields++; e.fields > maxProbed {
		return errYes
	}
	switch of {
	case "SavedModel":
		if f.num() == 2 {
			return f.walk(func(f field) error { return e.field("MetaGraphDef", f) })
		}
	case "MetaGraphDef":
		return e.metaGraph(f)
	case "GraphDef":
		switch f.num() {
		case 1:
			return e.node(f)
		case 2:
			return f.walk(func(f field) error {
				if f.num() != 1 {
					return nil
				}
				return f.walk(e.function)
			})
		}
	}
	return nil
}

// metaGraph wants a graph, or what else only a meta graph has: the release of TensorFlow that wrote it.
func (e *evidence) metaGraph(f field) error {
	switch f.num() {
	case 1:
		return f.walk(func(f field) error {
			if f.num() == 5 {
				s, _, err := f.str(maxString)
				if err == nil && looksLikeRelease(s) {
					return errYes
				}
				return err
			}
			return nil
		})
	case 2:
		return f.walk(func(f field) error { return e.field("GraphDef", f) })
	}
	return nil
}

// looksLikeRelease tells whether a string is the name of a release, such as 2.15.0 or 2.16.0-rc1.
func looksLikeRelease(s string) bool {
	major, rest, ok := strings.Cut(s, ".")
	return ok && len(major) == 1 && major[0] >= '0' && major[0] <= '9' && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// node wants an operator that has a name and whose operator is TensorFlow's. Others may be, which the nodes behind it show. Anything else
// in its place shows that the message is no graph.
func (e *evidence) node(f field) error {
	var name, op string
	err := f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			name, _, err = f.str(maxString)
		case 2:
			op, _, err = f.str(maxString)
		}
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case name == "" || !isOperator(op):
		if e.operators || e.calculators { // what has been seen counts
			return nil
		}
		return errNo
	case tfops.Known(op):
		return errYes
	case strings.HasSuffix(op, "Calculator"):
		e.calculators = true
	default:
		e.operators = true
	}
	return nil
}

// function wants a signature with a name, and an operator or a result.
func (e *evidence) function(f field) error {
	switch f.num() {
	case 3:
		return e.node(f)
	case 4:
		if e.named {
			return errYes
		}
	case 1:
		return f.walk(func(f field) error {
			e.named = e.named || f.num() == 1
			return nil
		})
	}
	return nil
}

// isOperator tells whether a string may be the name of an operator or function.
func isOperator(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.>-/", r) {
			return false
		}
	}
	return s != ""
}

// end adds to the error that ended the walk over the fields what the operators of nobody known say, once all have been seen.
func (e *evidence) end(err error) error {
	var malformed *source.Malformed
	if (err == nil || errors.As(err, &malformed) || errors.Is(err, source.ErrBudget)) && e.operators && !e.calculators {
		return errYes
	}
	return err
}

// decided turns the error that ended a probe into its outcome. Bytes that break the encoding before they show what they are, are none.
func decided(err error) (bool, error) {
	var malformed *source.Malformed
	switch {
	case errors.Is(err, errYes):
		return true, nil
	case err == nil, errors.Is(err, errNo), errors.As(err, &malformed), errors.Is(err, source.ErrBudget):
		return false, nil
	}
	return false, err
}

// probeWire tells whether a file is a message of a type in the binary encoding.
func probeWire(f *source.File, r root) (bool, error) {
	e := &evidence{}
	return decided(e.end(walkWire(f, r.of, func(f field) error { return e.field(r.of, f) })))
}

type textRoot struct{}

// probeText tells which message a file is in the text encoding; the root without type if none.
func probeText(f *source.File) (root, error) {
	v, err := f.View(textRoot{}, func() (any, error) {
		head, err := f.Head()
		if err != nil || !startsText(head) {
			return root{}, err
		}
		size, err := f.Size()
		if err != nil {
			return root{}, err
		}
		for _, r := range []root{savedModel(), metaGraph(), graphDef()} {
			e := &evidence{}
			ok, err := decided(e.end(walkText(source.NewForward(f, 0, size), r.of, func(f field) error {
				if f.num() == 0 { // unlike those of the other encodings, readers of text refuse what they do not know
					return errNo
				}
				return e.field(r.of, f)
			})))
			if ok || err != nil {
				return r, err
			}
		}
		return root{}, nil
	})
	r, _ := v.(root)
	return r, err
}

// startsText tells whether a text may begin a model: with a comment, a name or a bracket. What else begins is not read any further.
func startsText(head []byte) bool {
	for _, c := range head {
		switch c {
		case ' ', '\t', '\r', '\n', '\v', '\f', 0xef, 0xbb, 0xbf:
		default:
			return c == '#' || c == '[' || c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		}
	}
	return false
}
