package keras

import (
	"context"
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/threat"
)

// maxDepth is how deep a configuration may be nested. Honest ones stay under thirty.
const maxDepth = 200

// maxTold is how many names are remembered as told: far more than a report holds.
const maxTold = 20_000

// scanner walks the configurations of one file.
type scanner struct {
	ctx  context.Context
	sink source.Sink
	// at is what is added to offsets in a document that lies in another one.
	at int64
	// alone says that the document lies where no files can be beside it.
	alone bool
	// revived says that a graph stands beside the document, from whose functions a loader makes the classes that it does not have.
	revived bool

	told    map[string]bool          // names that are not known, each told once
	code    map[jsontree.Node]bool   // strings that were judged as code
	argued  map[string]jsontree.Node // what was looked at last under a key with arguments
	nested  int                      // strings that were handed on or parsed
	inner   int                      // documents around this one
	tooDeep bool
}

// where is the place of a value: the key that says what it is for, and how deep it lies.
type where struct {
	key   string
	depth int
}

// document judges a whole configuration.
func (j *scanner) document(n jsontree.Node) error {
	if j.told == nil {
		j.told, j.code, j.argued = map[string]bool{}, map[jsontree.Node]bool{}, map[string]jsontree.Node{}
	}
	return j.value(n, where{})
}

// value judges a value and everything in it.
func (j *scanner) value(n jsontree.Node, w where) error {
	if n.IsNone() {
		return nil
	}
	if w.depth > maxDepth {
		j.deep(n)
		return nil
	}
	switch {
	case n.Is(jsontree.String):
		if isPosition(w.key) {
			j.named(n, w.key)
		}
		return j.text(n)
	case n.Is(jsontree.List):
		for item := range n.Items() {
			if err := j.value(item, where{w.key, w.depth + 1}); err != nil {
				return err
			}
		}
	case n.Is(jsontree.Object):
		return j.object(n, w)
	}
	return nil
}

// deep states that a configuration is nested too deep, once.
func (j *scanner) deep(n jsontree.Node) {
	if j.tooDeep {
		return
	}
	j.tooDeep = true
	f := finding.New(threat.MGFMT400, j.at+n.At(), fmt.Sprintf("The configuration is nested more than %d deep, which no model is.", maxDepth))
	f.Role = finding.RoleStructure
	j.sink.Find(f)
}

// object judges an object: as a reference if it is one, by the keys that mean something wherever they stand, and its values.
func (j *scanner) object(n jsontree.Node, w where) error {
	if err := j.ctx.Err(); err != nil {
		return err
	}
	j.twice(n)
	isReference := len(n.All("class_name")) > 0
	if isReference {
		if err := j.reference(n, w.key); err != nil {
			return err
		}
	}
	if !isReference {
		j.modules(n)
	}
	j.lambdas(n)
	j.paths(n)
	for m := range n.Members() {
		if m.Key == "inbound_nodes" {
			j.arguments(m.Value, m.Key)
		}
		key := m.Key
		switch {
		case isReference:
			key = inReference(m.Key)
		case !isPosition(m.Key) && isPosition(w.key):
			key = w.key // losses by the name of the output
		}
		if err := j.value(m.Value, where{key, w.depth + 1}); err != nil {
			return err
		}
	}
	return nil
}

// inReference is the key of a value of a reference. What stands under config is judged with the reference, if it is a name.
func inReference(key string) string {
	if key == "config" || key == "class_name" || key == "registered_name" || key == "module" {
		return ""
	}
	return key
}

// twice states that a key which loaders act on stands twice. Both values are judged.
func (j *scanner) twice(n jsontree.Node) {
	for m := range n.Members() {
		if m.Twice && (judged[m.Key] || isPosition(m.Key) || isPath(m.Key)) {
			f := finding.New(threat.MGFMT403, j.at+m.At, "A key that the loader acts on stands twice in an object, and readers differ in which value they take.")
			f.Role, f.Evidence = finding.RoleStructure, source.Evidence(m.Key)
			j.sink.Find(f)
		}
	}
}

// judged are the keys of which two in one object contradict each other.
var judged = words(`module class_name config registered_name spec_name function function_type output_shape_type mask_type arguments code value layers layer
	cell build_config compile_config training_config model_config optimizer_config inbound_nodes symbol cls_ref fn`)

// isPosition tells whether strings under a key name functions or classes.
func isPosition(key string) bool {
	if positions[key] {
		return true
	}
	for _, suffix := range []string{"_activation", "_initializer", "_regularizer", "_constraint"} {
		if strings.HasSuffix(key, suffix) {
			return true
		}
	}
	return false
}

// positions are keys whose strings name objects of Keras; suffixes are in isPosition.
var positions = words("activation loss losses metrics weighted_metrics optimizer initializer regularizer constraint fn init inner_init loss_fn metric")

// called tells whether what stands under a key is called when the model is used, and not when it is loaded.
func called(key string) bool {
	return key == "activation" || strings.HasSuffix(key, "_activation") || calledKeys[key]
}

var calledKeys = words("loss losses metrics weighted_metrics fn loss_fn metric standardize split")
