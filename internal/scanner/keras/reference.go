package keras

import (
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/jsontree"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/threat"
)

// grade is what is thought of a name.
type grade int

const (
	known      grade = iota // Keras has it, and it does no harm
	custom                  // neither Keras nor any list knows it
	suspicious              // it stands where nothing like it belongs
	dangerous               // it does harm
)

// verdict is a grade with its reason, which ends a sentence that begins with the name.
type verdict struct {
	grade  grade
	reason string
}

// maxReadings is how many values of a key that stands several times are judged: the first ones, and the last, which Python takes.
const maxReadings = 4

// reference judges an object that names a class or function, in each reading that its keys allow. Key is where it stands.
func (j *scanner) reference(n jsontree.Node, key string) error {
	modules, registered := texts(n, "module"), texts(n, "registered_name")
	for _, class := range texts(n, "class_name") {
		switch class {
		case "":
			continue
		case "__lambda__":
			configs, module := n.All("config"), n.Str("module")
			if configs == nil {
				configs = []jsontree.Node{{}}
			}
			for _, c := range configs {
				j.lambda(n, c, "", module)
			}
			continue
		case "__typespec__":
			j.judge(n, key, modules, texts(n, "spec_name"), nil, false)
			continue
		case "function":
			j.judge(n, key, modules, append(texts(n, "config"), texts(n, "registered_name")...), nil, true)
			continue
		case "TorchModuleWrapper":
			if err := j.torchModule(n); err != nil {
				return err
			}
		case "Lambda", "LambdaMerge":
			j.lambdaLayer(n)
		case "TFSMLayer":
			j.savedModel(n, class, "filepath")
		case "KerasLayer":
			j.savedModel(n, class, "handle")
		case "TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty", "TensorFlowOpLayer", "AddLoss", "AddMetric":
			j.operator(n, class)
		}
		j.judge(n, key, modules, []string{class}, registered, false)
	}
	return nil
}

// texts are the strings that stand under a key. One that is absent, null or anything else counts as an empty one, of which there
// is one at least.
func texts(n jsontree.Node, key string) []string {
	var out []string
	for _, v := range n.Some(key, maxReadings) {
		out = append(out, v.Content())
	}
	if out == nil {
		return []string{""}
	}
	return out
}

// judge grades every name in every module, and tells the worst.
func (j *scanner) judge(n jsontree.Node, key string, modules, names, registered []string, function bool) {
	var worst verdict
	var module, name string
	consider := func(v verdict, m, s string) {
		if v.grade > worst.grade {
			worst, module, name = v, m, s
		}
	}
	for _, m := range modules {
		for i, s := range names {
			if s == "" && (i > 0 || !function) {
				continue
			}
			consider(gradeOf(m, s, function), m, s)
			for _, r := range registered {
				if r != "" && r != s {
					consider(registeredAs(m, r), "", r)
				}
			}
		}
	}
	j.tell(n, key, module, name, worst, function)
}

// registeredAs grades the name under which a class was registered, if that is another one: it is taken before the module's.
func registeredAs(module, registered string) verdict {
	pack, name, found := strings.Cut(registered, ">")
	if !found {
		pack, name = "", registered
	}
	if v := gradeOf(module, name, false); v.grade == dangerous {
		return v
	}
	if v := gradeOf(pack, name, true); v.grade == dangerous {
		return verdict{suspicious, "is registered under a name of Python's own"}
	}
	_, isOurs := canonical(module)
	if !found || ours[strings.ToLower(pack)] || pack == "Custom" && (isOptimizer(name) || isOurs && !strings.HasPrefix(module, "keras")) {
		return gradeOf("", name, false)
	}
	return verdict{custom, "is registered by another package"}
}

// ours are the packages under which Keras and its companions register classes. Keras 2 has its optimizers under Custom, which is
// also what stands for everybody who gives no package.
var ours = words("keras keras_hub keras_nlp keras_cv keras_cv.models keras_core tf_keras tf.keras")

// gradeOf grades what importing a name from a module does. The module is empty where the format has none.
func gradeOf(module, name string, function bool) verdict {
	module = strings.TrimSpace(module)
	if i := strings.LastIndexByte(name, '.'); i >= 0 { // keras and utils.get_file is keras.utils and get_file
		module, name = strings.Trim(module+"."+name[:i], "."), name[i+1:]
	}
	switch module {
	case "", "__main__":
		return gradeBare(name, function)
	case "builtins", "__builtin__", "_builtins":
		return gradeBuiltin(name, function)
	}
	spelled, isKeras := canonical(module)
	switch {
	case isKeras && isGadget(spelled, name):
		return verdict{dangerous, "is a function of Keras that loads, fetches or writes what its arguments say"}
	case isKeras && lookups[name]:
		return verdict{suspicious, "makes whatever its argument describes"}
	case isKeras && (isClass(name) || extra[name]):
		return verdict{}
	}
	switch family := pynames.FamilyOf(module + "." + name); family {
	case pynames.None:
	case pynames.Hub:
		return verdict{suspicious, "fetches models from elsewhere"}
	default:
		return verdict{dangerous, does(family)}
	}
	if rest, ok := strings.CutPrefix(module+"."+name, "tensorflow."); ok && !isKeras {
		return gradeTensorFlow(module, rest, name)
	}
	switch {
	case isKeras && functionsOf(spelled):
		return verdict{custom, "is no function that Keras is known to have there"}
	case isKeras && (function || name == "" || name[0] >= 'a'):
		return verdict{suspicious, "is a function of Keras that no layer, activation, loss or metric is"}
	default:
		return verdict{custom, "is neither of Keras nor of anything else that is known"}
	}
}

// gradeTensorFlow grades a name of TensorFlow: by its public name, by the operator that a function of its sources stands for, and what is
// left by what configurations may name.
func gradeTensorFlow(module, path, name string) verdict {
	if typeSpecs[name] || wrappers[name] {
		return verdict{}
	}
	g, reason := gradeSymbol(path)
	if op, why := gradeOperator(camel(name)); strings.HasPrefix(module, "tensorflow.python.ops") && op == dangerous {
		g, reason = op, why
	}
	switch {
	case g == dangerous:
		return verdict{dangerous, reason}
	case g == known || isNamed(name):
		return verdict{}
	default:
		return verdict{custom, "is neither of Keras nor known to compute"}
	}
}

// extra are functions of Keras' companions that configurations name, classes of TensorFlow that stand in configurations of Keras (loss
// scales, feature columns), layers of Keras before version 1, and how other writers of configurations spell a class.
var extra = words(`gelu_approximate clone_initializer quick_gelu InputSpec LeakyReLu DynamicLossScale FixedLossScale LossScale NumericColumn BucketizedColumn
	TimeDistributedDense Siamese SiameseHead AutoEncoder Graph LambdaMerge MaskedLayer EmbeddingColumn SharedEmbeddingColumn IndicatorColumn CrossedColumn HashedCategoricalColumn IdentityCategoricalColumn
	VocabularyListCategoricalColumn VocabularyFileCategoricalColumn WeightedCategoricalColumn SequenceCategoricalColumn SequenceNumericColumn`)

// wrappers are how TensorFlow keeps lists and dicts in objects.
var wrappers = words("ListWrapper _DictWrapper _TupleWrapper TensorShape DType")

// functionsOf tells whether a module of Keras has functions that configurations may name.
func functionsOf(module string) bool {
	for _, m := range []string{"keras.activations", "keras.losses", "keras.metrics", "keras.initializers", "keras.regularizers", "keras.constraints", "keras.ops"} {
		if module == m || strings.HasPrefix(module, m+".") {
			return true
		}
	}
	return false
}

// gradeBare grades a name without a module, which only what is built in or registered can answer to.
func gradeBare(name string, function bool) verdict {
	switch {
	case special[name] || isClass(name) || extra[name] || function && isNamed(name):
		return verdict{}
	case evil[name]:
		return verdict{dangerous, "runs or reaches whatever its arguments say"}
	case gadgets[name]:
		return verdict{suspicious, "is a function of Keras that loads, fetches or writes what its arguments say"}
	}
	if pack, rest, found := strings.Cut(name, ">"); found {
		return registeredAs("", pack+">"+rest)
	}
	return verdict{custom, "is not of Keras, so its code comes from elsewhere"}
}

// evil are built-ins that nobody has as a layer or function of a model.
var evil = words("eval exec execfile compile __import__ breakpoint open getattr setattr system popen")

// gradeBuiltin grades a name of Python's built-ins. Keras writes that module for functions of its own and for those of users.
func gradeBuiltin(name string, function bool) verdict {
	if !function && plainTypes[name] || function && isNamed(name) {
		return verdict{}
	}
	if f := pynames.FamilyOf("builtins." + name); f != pynames.None {
		return verdict{dangerous, does(f)}
	}
	if evil[name] {
		return verdict{dangerous, "runs or reaches whatever its arguments say"}
	}
	if function {
		return verdict{custom, "is a function of the model's author"}
	}
	return verdict{suspicious, "is a built-in of Python where a class of Keras belongs"}
}

// does says what names of a family do.
func does(f pynames.Family) string {
	switch f {
	case pynames.Process:
		return "starts programs"
	case pynames.Code:
		return "runs text as code, or imports by name"
	case pynames.Loader:
		return "loads a format that can run code"
	case pynames.Native:
		return "loads or calls machine code"
	case pynames.File:
		return "writes, moves or removes files"
	case pynames.Network:
		return "opens network connections"
	case pynames.Hook:
		return "changes what other code runs"
	case pynames.Indirect:
		return "calls or looks up whatever its arguments say"
	case pynames.None, pynames.Hub:
	}
	return "is not harmless"
}

// tell states a verdict about the name in a reference.
func (j *scanner) tell(n jsontree.Node, key, module, name string, v verdict, function bool) {
	what := "class"
	if function {
		what = "function"
	}
	full := strings.Trim(module+"."+name, ".")
	var id threat.ID
	var text string
	switch {
	case v.grade == known:
		return
	case v.grade == dangerous && function && called(key):
		id, text = threat.KERAS300, fmt.Sprintf("The configuration names %s as %s, which the model calls: it %s.", source.Evidence(full), source.Evidence(key), v.reason)
	case v.grade == dangerous:
		id, text = threat.KERAS101, fmt.Sprintf("The configuration makes the loader import and call %s, which %s.", source.Evidence(full), v.reason)
	case v.grade == suspicious:
		id, text = threat.KERAS102, fmt.Sprintf("The configuration names %s, which %s.", source.Evidence(full), v.reason)
	default:
		id, text = threat.KERAS301, fmt.Sprintf("The %s %s %s.", what, source.Evidence(full), v.reason)
		if j.told[full] || j.revived {
			return
		}
		if len(j.told) < maxTold {
			j.told[full] = true
		}
	}
	f := finding.New(id, j.at+n.At(), text)
	f.Module, f.Operator, f.Role, f.Evidence = module, name, finding.RoleImport, source.Evidence(full)
	j.sink.Find(f)
}

// named judges a string that names a function or a class by where it stands: the activation of a layer, a loss.
func (j *scanner) named(n jsontree.Node, key string) {
	if n.Text() == "" || isNamed(n.Text()) || j.code[n] {
		return
	}
	v := gradeOf("", n.Text(), true)
	module, name := "", n.Text()
	if i := strings.LastIndexByte(n.Text(), '.'); i > 0 {
		module, name = n.Text()[:i], n.Text()[i+1:]
	}
	j.tell(n, key, module, name, v, true)
}
