package tensorflow

import (
	"fmt"

	"modelgate/internal/scanner/source"
)

// Bounds of what is kept of one file.
const (
	maxNodes     = 400_000
	maxName      = 64 << 10 // bytes of one name
	maxString    = 4 << 10  // bytes of one string attribute or value
	maxStrings   = 64       // values of one constant
	maxDims      = 16
	pairSize     = 64   // bytes that a result of a function takes beside its names
	maxOperators = 4096 // names of operators of which one copy is kept
	maxHeld      = 4096 // strings of a file that are looked into for graphs
)

// decoder reads messages into models. What it meets besides, such as graphs in strings, it hands to extra.
type decoder struct {
	nodes       int
	bytes, most int64 // of memory, and how many may be taken
	held        int
	ops         map[string]string // one copy of the name of each operator
	// extra takes a string in which something may be nested, and says what it is.
	extra func(what held) error
}

// held is a string or bytes of a model that may hold a graph or a configuration.
type held struct {
	name  string // for the path of the member
	bytes source.Reader
	keras bool // a configuration of Keras
}

// name reads a name and counts its bytes.
func (d *decoder) name(f field) (string, error) {
	s, whole, err := f.str(maxName)
	if err == nil && !whole {
		err = source.Malformedf(f.at(), "a name of more than %d bytes", maxName)
	}
	if err != nil {
		return "", err
	}
	return s, d.count(len(s) + 16)
}

// operator reads the name of an operator, of which a graph has few.
func (d *decoder) operator(f field) (string, error) {
	s, err := d.name(f)
	if kept, ok := d.ops[s]; ok {
		return kept, err
	}
	if d.ops == nil {
		d.ops = map[string]string{}
	}
	if len(d.ops) < maxOperators {
		d.ops[s] = s
	}
	return s, err
}

// detail returns the details of a node to be changed.
func (d *decoder) detail(n *node) (*details, error) {
	if n.more != nil {
		return n.more, nil
	}
	n.more = &details{}
	return n.more, d.count(detailSize)
}

func (d *decoder) count(n int) error {
	if d.bytes += int64(n); d.bytes > d.most {
		return fmt.Errorf("a graph that takes more than %d bytes of memory: %w", d.most, source.ErrBudget)
	}
	return nil
}

// into reads a name into a list.
func (d *decoder) into(list *[]string, f field) error {
	s, err := d.name(f)
	*list = append(*list, s)
	if err == nil {
		err = d.count(16)
	}
	return err
}

// metaGraph reads a MetaGraphDef.
func (d *decoder) metaGraph(m *model, f field) error {
	switch f.num() {
	case 1:
		m.meta = true
		return f.walk(func(f field) error {
			if f.num() != 4 {
				return nil
			}
			return d.into(&m.tags, f)
		})
	case 2:
		return f.walk(func(f field) error { return d.graphDef(m, f) })
	case 3:
		return d.saver(m, f)
	case 4:
		return d.collection(m, f)
	case 5:
		return d.signature(m, f)
	case 6:
		return d.asset(m, f)
	case 7:
		return d.objects(m, f)
	}
	return nil
}

// graphDef reads a GraphDef.
func (d *decoder) graphDef(m *model, f field) error {
	switch f.num() {
	case 1:
		if m.main == nil {
			m.main = &graph{at: f.at()}
		}
		return d.node(m.main, f)
	case 2:
		return f.walk(func(f field) error { return d.library(m, f) })
	}
	return nil
}

// library reads a FunctionDefLibrary.
func (d *decoder) library(m *model, f field) error {
	if f.num() == 1 {
		g := &graph{at: f.at()}
		m.functions = append(m.functions, g)
		if err := d.count(graphSize); err != nil {
			return err
		}
		return f.walk(func(f field) error { return d.function(g, f) })
	}
	return nil // gradients only name functions, all of which are looked at
}

// function reads a FunctionDef.
func (d *decoder) function(g *graph, f field) error {
	switch f.num() {
	case 1:
		return f.walk(func(f field) (err error) {
			switch f.num() {
			case 1:
				g.name, err = d.name(f)
			case 2:
				err = d.argument(g, &g.args, f)
			case 3:
				err = d.argument(g, &g.results, f)
			}
			return err
		})
	case 3:
		return d.node(g, f)
	case 4, 6:
		key, val, err := d.pair(f)
		if err == nil {
			err = d.count(pairSize)
		}
		if f.num() == 4 {
			if g.rets == nil {
				g.rets = map[string]string{}
			}
			g.rets[key] = val
		} else {
			g.orders = append(g.orders, val)
		}
		return err
	}
	return nil
}

// argument reads an ArgDef of a signature.
func (d *decoder) argument(g *graph, list *[]string, f field) error {
	*list = append(*list, "")
	return f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			(*list)[len(*list)-1], err = d.name(f)
		case 5, 6:
			g.variadic = true
		}
		return err
	})
}

// pair reads an entry of a table of strings.
func (d *decoder) pair(f field) (key, val string, err error) {
	err = f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			key, err = d.name(f)
		case 2:
			val, err = d.name(f)
		}
		return err
	})
	return key, val, err
}

// node reads a NodeDef.
func (d *decoder) node(g *graph, f field) error {
	if d.nodes++; d.nodes > maxNodes {
		return fmt.Errorf("a graph of more than %d operators: %w", maxNodes, source.ErrBudget)
	}
	if err := d.count(nodeSize); err != nil {
		return err
	}
	n := node{at: f.at()}
	err := f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			n.name, err = d.name(f)
		case 2:
			n.op, err = d.operator(f)
		case 3:
			err = d.into(&n.inputs, f)
		case 5:
			err = d.attribute(&n, f)
		}
		return err
	})
	if err == nil || n.op != "" { // one that breaks off in front of its operator is none
		g.nodes = append(g.nodes, n)
	}
	return err
}

// attribute reads an entry of the attributes of a node. Its name stands in front of its value, as everybody writes it; a value
// whose name comes later is read under no name, and gets the last one of the entry.
func (d *decoder) attribute(n *node, f field) error {
	var key string
	first := len(n.details().attrs)
	err := f.walk(func(f field) (err error) {
		switch f.num() {
		case 1:
			key, err = d.name(f)
		case 2:
			err = f.walk(func(f field) error { return d.attrValue(n, key, f) })
		}
		return err
	})
	for attrs := n.details().attrs; first < len(attrs); first++ {
		attrs[first].name = key
	}
	return err
}

// attrValue reads an AttrValue, or the list in one: strings, tensors and functions.
func (d *decoder) attrValue(n *node, key string, f field) error {
	switch f.num() {
	case 1:
		return f.walk(func(f field) error {
			switch f.num() {
			case 2:
				return d.stringAttr(n, key, f)
			case 8:
				return d.tensor(n, key, f)
			case 9:
				return d.call(n, f)
			}
			return nil
		})
	case 2:
		return d.stringAttr(n, key, f)
	case 8:
		return d.tensor(n, key, f)
	case 10:
		first := len(n.details().calls)
		err := d.call(n, f)
		if key == "body" && len(n.details().calls) > first {
			n.more.body = n.more.calls[first]
		}
		return err
	}
	return nil
}

// stringAttr keeps the beginning of a string attribute.
func (d *decoder) stringAttr(n *node, key string, f field) error {
	if err := d.holds(n.name+"."+key, f); err != nil {
		return err
	}
	s, _, err := f.str(maxString)
	if err != nil {
		return err
	}
	more, err := d.detail(n)
	if err != nil {
		return err
	}
	more.attrs = append(more.attrs, attr{key, s})
	return d.count(len(s) + 48)
}

// call reads a NameAttrList: a function that the node calls, with attributes that may name further ones.
func (d *decoder) call(n *node, f field) error {
	return f.walk(func(f field) error {
		switch f.num() {
		case 1:
			more, err := d.detail(n)
			if err != nil {
				return err
			}
			return d.into(&more.calls, f)
		case 2:
			return d.attribute(n, f)
		}
		return nil
	})
}

// holds hands on a string in which a graph may be nested.
func (d *decoder) holds(name string, f field) error {
	if d.extra == nil || d.held >= maxHeld {
		return nil
	}
	r, err := f.bytes()
	if err != nil {
		return err
	}
	d.held++
	return d.extra(held{name: name, bytes: r})
}
