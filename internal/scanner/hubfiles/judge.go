package hubfiles

import (
	"fmt"
	"strings"

	"modelgate/internal/finding"
	"modelgate/internal/scanner/source"
	"modelgate/internal/scanner/source/pynames"
	"modelgate/internal/threat"
)

// member judges one key of an object.
func (j *judge) member(m member) error {
	v := m.value
	if v == nil {
		return nil
	}
	switch m.key {
	case "auto_map":
		j.autoMap(v)
	case "chat_template":
		return j.templates(v, "chat_template", 0)
	case "trust_remote_code":
		if v.isTrue {
			j.ownCode(m.at, "trust_remote_code")
		}
	case "custom_pipelines":
		for _, p := range v.members {
			if p.value != nil {
				j.class(p.value.at, p.value.str("impl"))
			}
		}
	case "activation_function", "sbert_ce_default_activation_function":
		if v.isText && strings.Contains(v.text, ".") {
			j.target(v.at, v.text, nil)
		}
	case "parent_library":
		j.library(v)
	case "base_model_name_or_path":
		if v.text != "" {
			j.sink.Refer(finding.Reference{Kind: finding.RefBase, Target: v.text, Offset: v.at})
		}
	case "py/object", "py/type", "py/function", "py/reduce", "py/repr":
		j.jsonpickle(m)
	}
	return nil
}

// ownCode states that a loader imports code of the repository.
func (j *judge) ownCode(at int64, evidence string) {
	f := finding.New(threat.MGPY500, at, "The configuration makes loaders import code of the repository if the user trusts it.")
	f.Role, f.Evidence = finding.RoleImport, source.Evidence(evidence)
	j.sink.Find(f)
}

// autoMap judges the classes that a configuration maps to code: a string, or a list of strings and null.
func (j *judge) autoMap(v *node) {
	if v.isText {
		j.class(v.at, v.text)
		return
	}
	for _, item := range v.items {
		j.autoMap(item)
	}
	for _, m := range v.members {
		if m.value != nil {
			j.autoMap(m.value)
		}
	}
}

// class judges "module.Class" of this repository, or "owner/repo--module.Class" of another one.
func (j *judge) class(at int64, name string) {
	if name == "" {
		return
	}
	if repo, _, foreign := strings.Cut(name, "--"); foreign {
		j.sink.Refer(finding.Reference{Kind: finding.RefRepo, Target: repo, Offset: at})
		return
	}
	local := name
	if i := strings.LastIndexByte(local, '.'); i > 0 {
		local = local[:i]
	}
	if strings.Trim(local, ".") == "" {
		return
	}
	j.ownCode(at, name)
	j.sink.Refer(finding.Reference{Kind: finding.RefPython, Target: strings.ReplaceAll(local, ".", "/") + ".py", Offset: at})
}

// templates hands templates on: a string, a list of names with templates, or an object of them.
func (j *judge) templates(v *node, name string, depth int) error {
	if depth > 2 {
		return nil
	}
	if v.isText {
		_, err := j.sink.Member(j.ctx, source.Member{Name: name, Bytes: source.Bytes(v.text), Family: source.FamilyTemplate})
		return err
	}
	for _, item := range v.items {
		if err := j.templates(item, fmt.Sprintf("%s[%s]", name, item.str("name")), depth+1); err != nil {
			return err
		}
	}
	for _, m := range v.members {
		if m.value == nil || m.key == "name" {
			continue
		}
		inner := name
		if m.key != "template" {
			inner = fmt.Sprintf("%s[%s]", name, m.key)
		}
		if err := j.templates(m.value, inner, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// directives judges the objects that tell a loader what to call.
func (j *judge) directives(n *node) {
	for _, m := range n.members {
		if m.value == nil || !m.value.isText {
			continue
		}
		switch {
		case m.key == "_target_",
			m.key == "class_path",
			m.key == "target" && n.has("params") && strings.Contains(m.value.text, "."):
			j.target(m.value.at, m.value.text, n)
		}
	}
}

// target judges a dotted name that is imported and called. Functions that import what an argument names are judged by that
// argument.
func (j *judge) target(at int64, name string, of *node) {
	verdict := pynames.Target(name)
	name = strings.TrimSuffix(name, ".")
	switch verdict {
	case pynames.Harmless:
		return
	case pynames.Dangerous:
		j.find(threat.EXDIR100, at, name, name, fmt.Sprintf("The model will execute remote code since its configuration calls `%s`.", name))
		return
	case pynames.Unknown:
	}
	if of != nil && pynames.IndirectBy(name) {
		inner := of.str("path")
		if args := of.get("_args_"); inner == "" && args != nil && len(args.items) > 0 {
			inner = args.items[0].text
		}
		if inner != "" {
			j.target(at, inner, nil)
			return
		}
	}
	j.find(threat.EXDIR101, at, name, name, fmt.Sprintf("The model may execute remote code since its configuration calls the unknown `%s`.", name))
}

// library judges the library that PEFT imports the class of a base model from. Libraries that were remote code themselves
// are named after the cache of transformers.
func (j *judge) library(v *node) {
	if v.text == "" {
		return
	}
	if strings.HasPrefix(v.text, "transformers_modules.") {
		j.ownCode(v.at, v.text)
		return
	}
	j.target(v.at, v.text+".", nil)
}

// libraries are those that a pipeline's components come from.
var libraries = words(`diffusers transformers onnxruntime optimum torch sentence_transformers k_diffusion wuerstchen
	stable_diffusion stable_diffusion_safe paint_by_example latent_diffusion pipelines peft null kolors flux deepfloyd_if
	audioldm2 shap_e unidiffuser kandinsky musicldm consistency_models`)

// pipeline judges a model_index.json of diffusers: what each component is an object of.
func (j *judge) pipeline(n *node) {
	for _, m := range n.members {
		if m.value == nil {
			continue
		}
		if m.key == "_class_name" {
			if m.value.isList && len(m.value.items) > 0 {
				j.class(m.value.at, m.value.items[0].text+".Pipeline")
			}
			continue
		}
		if !m.value.isList || len(m.value.items) != 2 || !m.value.items[0].isText || !m.value.items[1].isText {
			continue
		}
		library := m.value.items[0].text
		if libraries[library] || strings.HasPrefix(library, "diffusers.") || strings.HasPrefix(library, "transformers.") {
			continue
		}
		if pynames.Target(library+"."+m.value.items[1].text) == pynames.Dangerous {
			j.target(m.value.at, library+"."+m.value.items[1].text, nil)
			continue
		}
		j.ownCode(m.value.at, library)
		j.sink.Refer(finding.Reference{
			Kind: finding.RefPython, Target: m.key + "/" + strings.ReplaceAll(library, ".", "/") + ".py", Offset: m.value.at,
		})
	}
}

// module judges an entry of a modules.json of sentence-transformers.
func (j *judge) module(n *node) {
	v := n.get("type")
	if v == nil || !v.isText || !strings.Contains(v.text, ".") || !n.has("path") || !n.has("name") || strings.ContainsAny(v.text, " /:") {
		return
	}
	j.target(v.at, v.text, nil)
}

// harmlessTypes are those that jsonpickle restores without running anything of theirs.
var harmlessTypes = words(`builtins.object builtins.set builtins.frozenset builtins.tuple builtins.complex builtins.bytes builtins.type builtins.int
	builtins.str builtins.float builtins.bool builtins.list builtins.dict collections.OrderedDict collections.defaultdict collections.Counter
	datetime.datetime datetime.date datetime.timedelta decimal.Decimal uuid.UUID numpy.ndarray numpy.dtype numpy.float64 numpy.int64`)

// jsonpickle judges the keys by which jsonpickle makes objects: by name, by a function and its arguments, or by evaluating text.
func (j *judge) jsonpickle(m member) {
	v := m.value
	if m.key == "py/repr" {
		j.find(threat.MGOBJ100, m.at, "builtins.eval", v.text, "The file makes jsonpickle evaluate text as code.")
		return
	}
	if m.key == "py/reduce" && !v.isText {
		return // what it calls is an object inside, which has a key of its own
	}
	name := v.text
	switch {
	case name == "" || harmlessTypes[name]:
	case pynames.FamilyOf(name) == pynames.Indirect, pynames.Target(name) == pynames.Dangerous:
		j.find(threat.MGOBJ100, v.at, name, m.key+" "+name, fmt.Sprintf("The model will execute remote code since it makes an object of `%s` by its name.", name))
	default:
		j.find(threat.MGOBJ101, v.at, name, m.key+" "+name, fmt.Sprintf("The model may execute remote code since it makes an object of the unknown `%s` by its name.", name))
	}
}
