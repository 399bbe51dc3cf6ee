package onnx

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/wire"
)

// once notes the fields of a message that may be there once, and finds those that are there again: parsers differ in which one
// they keep, and whether they merge them.
type once struct {
	r    *reader
	what string
	seen uint64
}

// field notes a field; at most one finding is made of a message.
func (o *once) field(f wire.Field) {
	bit := uint64(1) << (uint(f.Num) & 63)
	if o.seen&bit != 0 && o.seen&1 == 0 {
		o.r.twofold(f.At, fmt.Sprintf("%s, field %d", o.what, f.Num), "A field that may be there once is there twice, and readers differ in which they take.")
		o.seen |= 1
	}
	o.seen |= bit
}

// text reads a name.
func (r *reader) text(f wire.Field) (string, error) {
	if !f.IsBytes() {
		return "", source.Malformedf(f.At, "a name is no string")
	}
	s, err := f.Text(maxName)
	if err != nil {
		return "", err
	}
	return r.intern(s)
}

// model reads a ModelProto.
func (r *reader) model(whole wire.Message) error {
	o := once{r: r, what: "model"}
	return r.wire.Walk(whole, func(f wire.Field) error {
		switch f.Num {
		case 1, 2, 3, 4, 5, 6:
			o.field(f)
			if f.Num == 1 {
				r.m.version = f.Int()
			}
			return nil
		case 7:
			o.field(f)
			g, err := r.graph(f)
			if r.m.graph == nil {
				r.m.graph = g
			} else if g != nil { // protobuf merges messages
				r.m.graph.merge(g)
			}
			return err
		case 8:
			return r.set(f, r.m.sets)
		case 20:
			return r.training(f)
		case 25:
			return r.function(f)
		case 14, 26:
			return nil
		}
		return r.foreign(f)
	})
}

// foreignSize is the size from which a field that the format does not know is worth a word.
const foreignSize = 1 << 10

// foreign judges a field of the model that the format does not know. Readers pass over it.
func (r *reader) foreign(f wire.Field) error {
	if f.Size < foreignSize {
		return nil
	}
	return r.behind(f.Offset, f.Size, fmt.Sprintf("field %d", f.Num))
}

// merge adds another graph to this one.
func (g *graph) merge(o *graph) {
	g.inputs, g.outputs = append(g.inputs, o.inputs...), append(g.outputs, o.outputs...)
	g.numbers = append(g.numbers, o.numbers...)
	g.nodes, g.tensors = append(g.nodes, o.nodes...), append(g.tensors, o.tensors...)
}

// set reads an OperatorSetIdProto: 1 domain, 2 version.
func (r *reader) set(f wire.Field, sets map[string]int64) error {
	domain, version := "", int64(0)
	err := f.Walk(func(f wire.Field) (err error) {
		switch {
		case f.Num == 1:
			domain, err = r.text(f)
		case f.Num == 2 && f.Type == protowire.VarintType:
			version = f.Int()
		}
		return err
	})
	domain = canonical(domain)
	if before, twice := sets[domain]; twice && before != version {
		r.twofold(f.At, operatorKey(domain, ""), fmt.Sprintf("An operator set is imported in two versions, %d and %d.", before, version))
	}
	sets[domain] = version
	return err
}

// training reads a TrainingInfoProto: 1 and 2 graphs.
func (r *reader) training(f wire.Field) error {
	return f.Walk(func(f wire.Field) error {
		if f.Num != 1 && f.Num != 2 {
			return nil
		}
		g, err := r.graph(f)
		r.m.training = append(r.m.training, g)
		return err
	})
}

// function reads a FunctionProto.
func (r *reader) function(f wire.Field) error {
	fn := &function{at: f.At, sets: map[string]int64{}}
	if err := r.use(sizeFunction); err != nil {
		return err
	}
	r.m.functions = append(r.m.functions, fn)
	o := once{r: r, what: "function"}
	return f.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			o.field(f)
			fn.name, err = r.text(f)
		case 4:
			err = r.add(&fn.inputs, f)
		case 5:
			err = r.add(&fn.outputs, f)
		case 7:
			err = r.node(f, &fn.nodes)
		case 9:
			err = r.set(f, fn.sets)
		case 10:
			o.field(f)
			fn.domain, err = r.text(f)
		case 11:
			_, err = r.attribute(f)
		case 13:
			o.field(f)
			fn.overload, err = r.text(f)
		}
		return err
	})
}

// add appends a name to a list.
func (r *reader) add(list *[]string, f wire.Field) error {
	s, err := r.text(f)
	*list = append(*list, s)
	return err
}

// graph reads a GraphProto. What was read of one that breaks off is returned too.
func (r *reader) graph(f wire.Field) (*graph, error) {
	g := &graph{at: f.At}
	if err := r.use(sizeGraph); err != nil {
		return g, err
	}
	if r.depth++; r.depth > maxDepth {
		return g, source.Malformedf(f.At, "graphs are nested more than %d deep", maxDepth)
	}
	defer func() { r.depth-- }()
	return g, f.Walk(func(f wire.Field) error {
		switch f.Num {
		case 1:
			return r.node(f, &g.nodes)
		case 5:
			t, err := r.tensor(f)
			g.tensors = append(g.tensors, t)
			return err
		case 11:
			name, numbers, err := r.valueInfo(f)
			g.inputs, g.numbers = append(g.inputs, name), append(g.numbers, numbers)
			return err
		case 12:
			name, _, err := r.valueInfo(f)
			g.outputs = append(g.outputs, name)
			return err
		case 15:
			t, err := r.sparse(f)
			g.tensors = append(g.tensors, t)
			return err
		}
		return nil
	})
}

// valueInfo reads a ValueInfoProto: 1 name, 2 type. Numbers is how many numbers a value of the type has, 0 if they are many or unknown.
func (r *reader) valueInfo(f wire.Field) (name string, numbers int64, err error) {
	if err := r.use(sizeUse); err != nil {
		return "", 0, err
	}
	types := 0
	err = f.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			name, err = r.text(f)
		case 2:
			types++
			numbers, err = numbersOf(f)
		}
		return err
	})
	if types > 1 {
		numbers = 0
	}
	return name, numbers, err
}

// node reads a NodeProto.
func (r *reader) node(f wire.Field, list *[]*node) error {
	n := &node{at: f.At}
	if err := r.count(n, list); err != nil {
		return err
	}
	o := once{r: r, what: "node"}
	return f.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			err = r.add(&n.inputs, f)
		case 2:
			err = r.add(&n.outputs, f)
		case 3:
			o.field(f)
			n.name, err = r.text(f)
		case 4:
			if n.op != "" { // the one that other readers may take is judged too
				if err = r.count(&node{at: n.at, name: n.name, op: n.op, domain: n.domain}, list); err != nil {
					return err
				}
			}
			o.field(f)
			n.op, err = r.text(f)
		case 5:
			var a attribute
			a, err = r.attribute(f)
			if keeps(a.name) || len(a.graphs) > 0 || a.tensor != nil {
				n.attributes = append(n.attributes, a)
				if err == nil {
					err = r.use(sizeAttribute)
				}
			}
		case 7:
			if n.domain != "" {
				if err = r.count(&node{at: n.at, name: n.name, op: n.op, domain: n.domain}, list); err != nil {
					return err
				}
			}
			o.field(f)
			n.domain, err = r.text(f)
		case 8:
			o.field(f)
			n.overload, err = r.text(f)
		}
		return err
	})
}

// count takes a node from the bounds and appends it to its list.
func (r *reader) count(n *node, list *[]*node) error {
	if r.nodes++; r.nodes > maxNodes {
		return fmt.Errorf("more than %d operators: %w", maxNodes, source.ErrBudget)
	}
	if err := r.use(sizeNode); err != nil {
		return err
	}
	if r.nodes%4096 == 0 && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	*list = append(*list, n)
	return nil
}

// maxAttribute is how much of a string in an attribute is looked at.
const maxAttribute = 8 << 10

// attribute reads an AttributeProto.
func (r *reader) attribute(f wire.Field) (attribute, error) {
	a := attribute{at: f.At}
	if err := r.use(sizeUse); err != nil {
		return a, err
	}
	o := once{r: r, what: "attribute"}
	var str *wire.Field
	err := f.Walk(func(f wire.Field) (err error) {
		switch f.Num {
		case 1:
			o.field(f)
			a.name, err = r.text(f)
		case 3:
			a.number = f.Int()
		case 4:
			o.field(f)
			str = &f
		case 5, 10:
			if f.Num == 5 {
				o.field(f)
			}
			a.tensor, err = r.tensor(f)
		case 22, 23:
			a.tensor, err = r.sparse(f)
		case 6, 11:
			if f.Num == 6 {
				o.field(f)
			}
			var g *graph
			g, err = r.graph(f)
			a.graphs = append(a.graphs, g)
		}
		return err
	})
	if err == nil && str != nil && keeps(a.name) && str.IsBytes() {
		str.Size = min(str.Size, maxAttribute)
		var b []byte
		b, err = str.Bytes(maxAttribute)
		a.text = string(b)
	}
	return a, err
}
