package skops

import (
	"slices"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/threat"
)

// judge says what the nodes of an archive's schemas make a loader do.
type judge struct {
	sink    source.Sink
	present map[string]bool // names of members
	bytes   map[string]bool // members that the schema calls plain bytes
	said    map[string]bool // names that were reported, in their role
}

// loaders are the kinds of nodes of all releases, by what each does with the class that it names.
var loaders = map[string]func(*judge, *node){
	"ObjectNode":                  (*judge).object,
	"DictNode":                    (*judge).called,
	"DefaultDictNode":             (*judge).called,
	"ListNode":                    (*judge).called,
	"SetNode":                     (*judge).called,
	"TupleNode":                   (*judge).called,
	"ConstructorFromReduceNode":   (*judge).called,
	"LossNode":                    (*judge).called,
	"SGDNode":                     (*judge).called, // LossNode in early releases
	"TreeNode":                    (*judge).object,
	"QuantileForestNode":          (*judge).object,
	"_DictWithDeprecatedKeysNode": (*judge).object,
	"PartialNode":                 (*judge).object,
	"MaskedArrayNode":             (*judge).object,
	"DTypeNode":                   (*judge).object,
	"RandomStateNode":             (*judge).called,
	"RandomGeneratorNode":         (*judge).generator,
	"NdArrayNode":                 (*judge).array,
	"SparseMatrixNode":            (*judge).file,
	"BytesNode":                   (*judge).raw,
	"BytearrayNode":               (*judge).raw,
	"TypeNode":                    (*judge).imported,
	"FunctionNode":                (*judge).imported,
	"MethodNode":                  (*judge).method,
	"OperatorFuncNode":            (*judge).operator,
	"JsonNode":                    func(*judge, *node) {}, // its class is not looked at
	"SliceNode":                   func(*judge, *node) {},
	"CachedNode":                  func(*judge, *node) {},
}

// node judges one node.
func (j *judge) node(n *node) {
	loader := n.text["__loader__"]
	if f, ok := loaders[loader]; ok {
		f(j, n)
		return
	}
	j.find(threat.MGOBJ101, n, finding.RoleNew, "", loader, "A node asks for the loader "+source.Evidence(loader)+", which no release has.")
}

// name judges the class or function of a node in a role.
func (j *judge) name(n *node, role finding.Role, module, name string) (kind string) {
	g, kind := gradeOf(module, name)
	full := source.Evidence(module + "." + name)
	does := map[finding.Role]string{finding.RoleNew: "makes", finding.RoleCall: "calls", finding.RoleImport: "imports"}[role]
	switch g {
	case harmless:
		return kind
	case dangerous:
		j.find(threat.MGOBJ100, n, role, module, name, "Loading "+does+" "+full+", which is dangerous.")
	case unknown:
		j.find(threat.MGOBJ101, n, role, module, name, "Loading "+does+" "+full+", of which nothing is known.")
	}
	return ""
}

// object judges a node whose class is made without its constructor.
func (j *judge) object(n *node) {
	j.name(n, finding.RoleNew, n.text["__module__"], n.text["__class__"])
}

// called judges a node whose class is called with what stands below it.
func (j *judge) called(n *node) {
	module, name := n.text["__module__"], n.text["__class__"]
	if kind := j.name(n, finding.RoleCall, module, name); kind == kindFunction || kind == kindStored {
		j.find(threat.MGOBJ101, n, finding.RoleCall, module, name, "Loading calls "+source.Evidence(module+"."+name)+", which no writer makes a loader call.")
	}
}

// imported judges a node that stands for a function or a class itself. The first protocol of the format keeps the name below
// content.
func (j *judge) imported(n *node) {
	module, name := n.text["__module__"], n.text["__class__"]
	if old := n.kid("content"); old.str("function") != "" {
		j.name(n, finding.RoleImport, old.str("module_path"), old.str("function"))
		if n.text["__loader__"] == "FunctionNode" && module == "" {
			return
		}
	}
	if module == "" && name == "" {
		j.fault(threat.MGFMT400, n, finding.RoleStructure, n.text["__loader__"], "A node names nothing.")
		return
	}
	j.name(n, finding.RoleImport, module, name)
}

// method judges a bound method: an attribute that is looked up in the object below. Its node states the object's class, and
// what was audited is that statement (CVE-2025-54413).
func (j *judge) method(n *node) {
	object, function := n.kid("content", "obj"), n.kid("content").str("func")
	module, name := object.str("__module__"), object.str("__class__")
	if object == nil || function == "" {
		j.fault(threat.MGFMT400, n, finding.RoleStructure, n.text["__loader__"], "A method has no object or no name.")
		return
	}
	full := source.Evidence(module + "." + name + "." + function)
	g, _ := gradeOf(module, name)
	switch {
	case n.text["__module__"] != module || n.text["__class__"] != name:
		j.find(threat.MGOBJ100, n, finding.RoleAttribute, module+"."+name, function,
			"A method says that it is of "+source.Evidence(n.text["__module__"]+"."+n.text["__class__"])+", and loading looks up "+full+".")
	case dunder(function) || strings.HasPrefix(function, "_") || strings.Contains(function, "."):
		j.find(threat.MGOBJ100, n, finding.RoleAttribute, module+"."+name, function, "Loading looks up "+full+", which leads out of the object.")
	case g != harmless || !strings.HasPrefix(module, "sklearn."):
		j.find(threat.MGOBJ101, n, finding.RoleAttribute, module+"."+name, function, "Loading looks up "+full+", of which nothing is known.")
	}
}

// operator judges a function of module operator that is called with what stands below. The module that the node states was
// audited and not used (CVE-2025-54412).
func (j *judge) operator(n *node) {
	module, name := n.text["__module__"], n.text["__class__"]
	full := source.Evidence("operator." + name)
	texts := n.kid("attrs").allTexts()
	switch {
	case module != "operator":
		j.find(threat.MGOBJ100, n, finding.RoleCall, "operator", name, "A node says "+source.Evidence(module+"."+name)+", and loading calls "+full+".")
	case name == "call":
		j.find(threat.MGOBJ100, n, finding.RoleCall, module, name, "Loading calls "+full+", which calls what its first argument is.")
	case name == "itemgetter", name == "attrgetter" && !slices.ContainsFunc(texts, func(t string) bool { return dunder(plain(t)) }):
	case name == "attrgetter":
		j.find(threat.MGOBJ100, n, finding.RoleAttribute, module, name, "Loading makes an operator that looks up "+source.Evidence(strings.Join(texts, ", "))+".")
	case name == "methodcaller" && len(texts) > 0 && ordinary(plain(texts[0])):
	default:
		j.find(threat.MGOBJ101, n, finding.RoleCall, module, name, "Loading calls "+full+" with "+source.Evidence(strings.Join(texts, ", "))+".")
	}
}

// allTexts are the strings in the JsonNodes of a node and below it.
func (n *node) allTexts() []string {
	if n == nil {
		return nil
	}
	return n.texts
}

// ordinary tells whether a method is one by which pipelines change strings and arrays.
func ordinary(method string) bool {
	return slices.Contains(strings.Fields(`lower upper strip lstrip rstrip title capitalize casefold split rsplit splitlines replace
		startswith endswith astype reshape ravel flatten toarray todense to_numpy fillna isna notna sum mean min max std copy transpose`), method)
}

// generator judges a generator of random numbers, which is made of the class that a string names (numpy.random.NAME).
func (j *judge) generator(n *node) {
	j.called(n)
	name := plain(n.kid("content", "bit_generator", "content", "bit_generator").str("content"))
	if kindOf("numpy.random."+name) != kindGenerator {
		j.find(threat.MGOBJ101, n, finding.RoleCall, "numpy.random", name, "Loading calls "+source.Evidence("numpy.random."+name)+", which is no generator.")
	}
}

// array judges an array, which is in a member, or a number of NumPy: its class is called with the array.
func (j *judge) array(n *node) {
	j.called(n)
	if n.text["type"] == "numpy" {
		j.member(n)
	}
}

func (j *judge) file(n *node) {
	j.object(n)
	j.member(n)
}

// raw judges bytes that are a member.
func (j *judge) raw(n *node) {
	j.object(n)
	j.member(n)
	j.bytes[n.text["file"]] = true
}

// member reports a member that a node names and the archive does not have.
func (j *judge) member(n *node) {
	if name := n.text["file"]; !j.present[name] {
		j.fault(threat.MGFMT400, n, finding.RolePath, name, "A node names a member that the archive does not have.")
	}
}

// twice reports a key that stands twice. Every value was judged.
func (j *judge) twice(key string, at int64) {
	if !isText(key) && !isKid(key) {
		return // dictionaries of users
	}
	j.fault(threat.MGFMT403, &node{at: at}, finding.RoleStructure, key, "A key stands twice in an object of the schema, and readers differ in which value they take.")
}

// fault reports that the schema is not as it should be, once for each evidence.
func (j *judge) fault(id threat.ID, n *node, role finding.Role, evidence, description string) {
	j.add(id, n, role, "", "", evidence, description)
}

// find reports a name once for each role and threat.
func (j *judge) find(id threat.ID, n *node, role finding.Role, module, name, description string) {
	j.add(id, n, role, module, name, n.text["__loader__"]+" "+strings.Trim(module+"."+name, "."), description)
}

func (j *judge) add(id threat.ID, n *node, role finding.Role, module, name, evidence, description string) {
	key := string(id) + "|" + string(role) + "|" + module + "|" + name + "|" + evidence
	if j.said[key] || len(j.said) > 4*finding.MaxFindings {
		return
	}
	j.said[key] = true
	f := finding.New(id, n.at, description)
	f.Role, f.Module, f.Operator, f.Member = role, module, name, schemaName
	f.Evidence = source.Evidence(evidence)
	j.sink.Find(f)
}
