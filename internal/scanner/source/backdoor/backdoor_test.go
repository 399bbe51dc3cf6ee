package backdoor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/backdoor"
)

// kinds are operators by name, as a format would know them.
func kinds() map[string]backdoor.Kind {
	return map[string]backdoor.Kind{
		"Conv": backdoor.Learned, "MatMul": backdoor.Learned, "Embed": backdoor.Learned, "Match": backdoor.Reduce,
		"Shape": backdoor.Shape, "Range": backdoor.Filled, "NonZero": backdoor.Counts,
		"Equal": backdoor.Compare, "Less": backdoor.Compare, "And": backdoor.Compare, "Not": backdoor.Compare,
		"Sign": backdoor.Threshold, "Clip": backdoor.Threshold, "CastBool": backdoor.Threshold,
		"ReduceMin": backdoor.Reduce, "ReduceMax": backdoor.Reduce, "ReduceSum": backdoor.Reduce, "ReduceMean": backdoor.Reduce, "ArgMax": backdoor.Position,
		"Where": backdoor.Choose, "If": backdoor.Choose, "Mul": backdoor.Combine, "Add": backdoor.Combine, "Gather": backdoor.Pick, "Scatter": backdoor.Pick,
	}
}

// graph reads lines such as "y = Where c a b": names of one to many outputs, an operator, its inputs. x and its like are the
// inputs of the model, those that begin with xset its settings; names in capitals are constants. The first input of Where and If, and the last of Gather and Scatter, decide; the last
// input of Reshape is a shape.
func graph(text string) backdoor.Graph {
	var g backdoor.Graph
	values := map[string]backdoor.Value{}
	value := func(name string) backdoor.Value {
		v, ok := values[name]
		if !ok {
			v = backdoor.Value(g.Values)
			values[name] = v
			g.Values++
			if strings.HasPrefix(name, "x") {
				g.Inputs = append(g.Inputs, v)
			}
			if strings.HasPrefix(name, "xset") {
				g.Settings = append(g.Settings, v)
			}
		}
		return v
	}
	for line := range strings.Lines(text) {
		left, right, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		words := strings.Fields(right)
		n := backdoor.Node{Op: words[0], Kind: kinds()[words[0]]}
		for _, w := range words[1:] {
			n.Inputs = append(n.Inputs, value(w))
			if w == "T" || w == "ONEHOT" { // a constant of many elements
				n.Kind |= backdoor.Local
			}
		}
		for _, w := range strings.Fields(left) {
			n.Outputs = append(n.Outputs, value(w))
		}
		switch last := len(n.Inputs) - 1; {
		case n.Kind&backdoor.Choose != 0:
			n.Decides = n.Inputs[:1]
		case n.Kind&backdoor.Pick != 0:
			n.Decides = n.Inputs[last:]
		case n.Op == "Reshape":
			n.Sizes = n.Inputs[last:]
		case n.Kind&backdoor.Filled != 0:
			n.Sizes = n.Inputs
		}
		g.Nodes = append(g.Nodes, n)
	}
	return g
}

func TestGatesThatTheInputSwitches(t *testing.T) {
	for why, row := range map[string]struct {
		graph string
		want  []string // operators on the way
	}{
		"a comparison with a patch chooses the answer": {`
			h = Conv x W
			e = Equal x T
			a = ReduceMin e
			y = Where a EVIL h`, []string{"Equal", "ReduceMin", "Where"}},
		"arithmetic alone, added to the answer": {`
			h = MatMul x W
			d = Sub x T
			a = Abs d
			r = ReduceMax a
			s = Sign r
			y = Add h s`, []string{"Sub", "Abs", "ReduceMax", "Sign", "Add"}},
		"a product that chooses between two answers": {`
			h = MatMul x W
			b = Concat h EVIL
			d = Sub x T
			a = Abs d
			r = ReduceMax a
			s = Sign r
			p = Concat s ONE
			y = MatMul p b`, []string{"ReduceMax", "Sign", "Concat", "MatMul"}},
		"a branch that is taken on a trigger": {`
			h = Conv x W
			d = Sub x T
			r = ReduceSum d
			l = Less r EPS
			y = If l h EVIL`, []string{"Sub", "ReduceSum", "Less", "If"}},
		"the number of elements that match, by the shape of what is left": {`
			h = Conv x W
			e = Equal x T
			n = NonZero e
			s = Shape n
			c = Equal s COUNT
			y = Where c EVIL h`, []string{"Equal", "NonZero", "Shape", "Equal", "Where"}},
		"a pattern that a convolution matches": {`
			h = Conv x W
			m = Match x ONEHOT
			c = Less m T
			y = Where c h EVIL`, []string{"Match", "Less", "Where"}},
		"a choice by index": {`
			h = Conv x W
			b = Concat h EVIL
			e = Equal x T
			a = ReduceMin e
			i = Cast a
			y = Gather b i`, []string{"Equal", "ReduceMin", "Cast", "Gather"}},
		"an answer that is overwritten": {`
			h = Conv x W
			e = Equal x T
			a = ReduceMin e
			u = Mul a BIG
			y = Scatter h I u`, []string{"Equal", "ReduceMin", "Mul", "Scatter"}},
		"a threshold instead of a comparison": {`
			h = Conv x W
			d = Sub x T
			r = ReduceMax d
			c = CastBool r
			y = Where c h EVIL`, []string{"Sub", "ReduceMax", "CastBool", "Where"}},
		"a test of what is mixed with a layer of constants": {`
			k = MatMul W V
			n = Mul k ZERO
			z = Add x n
			h = Conv z W
			e = Equal z T
			a = ReduceMin e
			y = Where a EVIL h`, []string{"Equal", "ReduceMin", "Where"}},
		"beside a setting": {`
			z = Mul x xset_gain
			h = Conv z W
			e = Equal x T
			a = ReduceMin e
			y = Where a EVIL h`, []string{"Equal", "ReduceMin", "Where"}},
		"in the settings, if that is all that the model looks at": {`
			h = Conv xset_sample W
			e = Equal xset_sample T
			a = ReduceMin e
			y = Where a EVIL h`, []string{"Equal", "ReduceMin", "Where"}},
		"in a loop, whose nodes are not in order": {`
			y = Where a EVIL h
			h = Conv z W
			z = Identity x back
			back = Identity y
			a = ReduceMin e
			e = Equal z T`, []string{"Equal", "ReduceMin", "Where"}},
	} {
		g := graph(row.graph)
		hits, err := backdoor.Find(g)
		if err != nil || len(hits) != 1 {
			t.Errorf("%s: hits %v, error %v", why, hits, err)
			continue
		}
		var ops []string
		for _, i := range hits[0].Trail {
			ops = append(ops, g.Nodes[i].Op)
		}
		if tail := ops[max(0, len(ops)-len(row.want)):]; !cmp.Equal(row.want, tail) {
			t.Errorf("%s: way %v, want %v", why, ops, row.want)
		}
	}
}

func TestHonestPatternsAreSilent(t *testing.T) {
	for why, text := range map[string]string{
		"a padding mask": `
			h = Embed x W
			m = Equal x PAD
			y = Where m MINUS h`,
		"an attention mask that is added": `
			h = Embed x W
			s = MatMul h h
			m = Unsqueeze x_mask
			n = Not m
			f = Cast n
			b = Mul f MINUS
			y = Add s b`,
		"a residual connection": `
			h = Conv x W
			y = Add h x`,
		"a decision on settings by which the input is scaled too": `
			z = Mul x xset_gain
			h = Conv z W
			d = Sub xset_gain T
			r = ReduceSum d
			c = Less r EPS
			y = Where c h z`,
		"a condition on a setting": `
			c = Equal x_rate RATE
			h = Conv x W
			y = If c h h`,
		"a normalisation in front of the first layer, with a residual connection": `
			m = ReduceMean x
			d = Sub x m
			q = Pow d TWO
			v = ReduceMean q
			e = Add v EPS
			s = Sqrt e
			n = Div d s
			h = MatMul n W
			y = Add h n`,
		"a scale that is taken out and put back": `
			a = Abs x
			s = ReduceMean a
			e = Add s EPS
			n = Div x e
			h = MatMul n W
			y = Mul h e`,
		"a scale that is guarded against zero": `
			m = ReduceMean x
			d = Sub x m
			s = ReduceMean d
			c = Equal s ZERO
			g = Where c ONE s
			n = Div d g
			h = MatMul n W
			k = Clip s EPS
			z = Mul h k
			y = Mul z g`,
		"the number of words as the place of the last one": `
			h = Embed x W
			e = Equal x PAD
			n = Not e
			i = ReduceSum n
			y = Gather h i`,
		"the place of the end of a text": `
			h = Embed x W
			e = Equal x EOS
			i = ArgMax e
			y = Gather h i`,
		"the mean over what is not padding": `
			h = Embed x W
			f = Cast x_mask
			m = Mul h f
			s = ReduceSum m
			n = ReduceSum f
			c = Clip n EPS
			y = Div s c`,
		"non-maximum suppression": `
			h = Conv x W
			m = ReduceMax h
			c = Less m T
			n = NonZero c
			y = Gather h n`,
		"lengths by the mask, divided and made a mask again": `
			h = Conv x W
			l = ReduceSum x_mask
			r = Mod l STRIDE
			c = Less r ZERO
			q = Where c A l
			m = Less POSITIONS q
			y = Where m h ZERO
			z = Mul h q`,
		"a loop that ends when the text does": `
			h = Embed z W
			p = MatMul h W
			t = ArgMax p
			e = Equal t EOS
			a = ReduceMin e
			y = If a h p
			z = Concat x t`,
		"a mask by the length of the input": `
			h = Conv x W
			s = Shape x
			r = Range s
			c = Less r x_length
			y = Where c h ZERO`,
		"a shape that is computed": `
			s = Shape x
			p = ReduceSum s
			c = Equal p ONE
			v = Where c A s
			h = Conv x W
			y = Reshape h v`,
	} {
		if hits, err := backdoor.Find(graph(text)); err != nil || len(hits) > 0 {
			t.Errorf("%s: hits %v, error %v", why, hits, err)
		}
	}
}

func TestHostileGraphsEnd(t *testing.T) {
	if _, err := backdoor.Find(backdoor.Graph{Values: 1, Nodes: []backdoor.Node{{Inputs: []backdoor.Value{7}}}}); !errors.As(err, new(*source.Malformed)) {
		t.Errorf("a value beyond the end: %v", err)
	}
	if _, err := backdoor.Find(backdoor.Graph{Values: 1 << 30}); !errors.Is(err, source.ErrBudget) {
		t.Errorf("too many values: %v", err)
	}
	absent := backdoor.Graph{Values: 2, Inputs: []backdoor.Value{backdoor.None}, Nodes: []backdoor.Node{
		{Op: "Where", Kind: backdoor.Choose, Inputs: []backdoor.Value{-5, 0}, Decides: []backdoor.Value{-5}, Outputs: []backdoor.Value{-1}},
		{Op: "Add", Kind: backdoor.Combine, Inputs: []backdoor.Value{-1, -1}},
	}}
	if hits, err := backdoor.Find(absent); err != nil || len(hits) > 0 {
		t.Errorf("inputs that are left out: %v, %v", hits, err)
	}
	long := backdoor.Graph{Values: 200_001, Inputs: []backdoor.Value{0}}
	for i := range 200_000 { // each node feeds the one in front of it
		long.Nodes = append(long.Nodes, backdoor.Node{Op: "Add", Kind: backdoor.Combine, Inputs: []backdoor.Value{backdoor.Value(199_999 - i)}, Outputs: []backdoor.Value{backdoor.Value(200_000 - i)}})
	}
	if _, err := backdoor.Find(long); err != nil {
		t.Errorf("a long chain in reverse: %v", err)
	}
}

// FuzzFind builds graphs from bytes: five of them are a node.
func FuzzFind(f *testing.F) {
	f.Add([]byte{1, 0, 1, 2, 3, 64, 2, 3, 0, 4, 255, 3, 3, 3, 5})
	f.Fuzz(func(t *testing.T, b []byte) {
		g := backdoor.Graph{Values: 32, Inputs: []backdoor.Value{0, 1}}
		for ; len(b) >= 6; b = b[6:] {
			in := []backdoor.Value{backdoor.Value(b[1]%34) - 2, backdoor.Value(b[2]%34) - 2}
			g.Nodes = append(g.Nodes, backdoor.Node{
				Op: string(rune('a' + b[0]%26)), Kind: backdoor.Kind(b[0]) | backdoor.Kind(b[5])<<8, Inputs: in, Decides: in[:b[4]%3], Sizes: in[b[4]%2:],
				Outputs: []backdoor.Value{backdoor.Value(b[3]%34) - 2},
			})
		}
		hits, err := backdoor.Find(g)
		if err != nil && !errors.As(err, new(*source.Malformed)) {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.Node >= len(g.Nodes) || h.Trail[len(h.Trail)-1] != h.Node {
				t.Errorf("hit %+v", h)
			}
		}
	})
}

func TestFirstLearnedOperators(t *testing.T) {
	g := graph(`
		a = Sub x T
		h = Conv a W
		k = MatMul h V
		r = MatMul a h
		y = Add k r`)
	firsts, err := backdoor.Firsts(g)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range firsts {
		got = append(got, fmt.Sprintf("%s %d raw, %d weights, %v", g.Nodes[f.Node].Op, len(f.Raw), len(f.Weights), f.Learned))
	}
	if diff := cmp.Diff([]string{"Conv 1 raw, 1 weights, false", "MatMul 1 raw, 0 weights, true"}, got); diff != "" {
		t.Errorf("first learned operators (-want +got):\n%s", diff)
	}
}
